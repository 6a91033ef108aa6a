/* Commands answered from memory. Each answer depends on its pool's newest change, so that what it says is on disk when
 * it leaves. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/access.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/reply.h"

/* Figures of all pools together, which tell what others do. */
static void describe_whole(struct engine *e, struct candor_info *out)
{
	uint64_t elsewhere = 0;
	e->ops.memory(e->owner, &elsewhere, &out->resident_bytes);
	out->connections = e->connections;
	out->committed = e->committed;
	out->commits = e->commits;
	out->reports = e->progress.reports;
	out->database_bytes = e->ops.database_bytes(e->owner);
	out->memory_bytes = engine_memory_bytes(e) + elsewhere;
	out->memory_limit = e->limits.memory_bytes;
}

static void add_counts(struct pool_counts *to, const struct pool_counts *c)
{
	to->labelers += c->labelers;
	to->open_items += c->open_items;
	to->settlements += c->settlements;
	to->resident_items += c->resident_items;
}

/* Takes a number like a change, and has a commit made: of what there is, or of the numbers alone. */
static uint64_t ask_for_commit(struct engine *e)
{
	uint64_t change = engine_next_common_change(e);
	if (!e->filling->first)
		engine_add(e, CHANGE_PROGRESS, &e->progress);
	return change;
}

enum engine_outcome engine_info(struct engine *e, struct call *call)
{
	struct candor_response r = {
		.type = CANDOR_RES_INFO,
		.info =
			{
				.version = CANDOR_VERSION,
				.protocol = CANDOR_PROTOCOL,
				.uptime_ms = e->ops.elapsed_ms(e->owner) - e->began_ms,
				.started_at = e->started_at,
				.read_only = e->read_only != 0,
				.reason = e->read_only ? candor_strerror(e->read_only) : "",
				.database = call->identity->is_local ? e->limits.database : NULL,
			},
	};
	if (engine_rights(e, call, "") & CANDOR_RIGHT_INSPECT)
		describe_whole(e, &r.info);
	/* Nobody learns how much is in pools that are not theirs. */
	struct visible_pools visible;
	if (!engine_visible_pools(e, call, &visible))
		return engine_refuse_large(call);
	struct pool_counts counts = visible.everywhere ? e->counts : (struct pool_counts){0};
	r.info.pools = visible.everywhere ? e->n_pools : visible.n;
	for (size_t i = 0; i < visible.n && !visible.everywhere; i++)
		add_counts(&counts, &e->pools[visible.pools[i].id - 1]->counts);
	r.info.labelers = counts.labelers;
	r.info.open_items = counts.open_items;
	r.info.settlements = counts.settlements;
	r.info.resident_items = counts.resident_items;
	return engine_reply(call, &r, call->wire->request.commit ? ask_for_commit(e) : 0);
}

/* ---- pools ---- */

enum engine_outcome engine_get_pool(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	struct candor_response r = {.type = CANDOR_RES_POOL};
	struct candor_best best;
	unsigned rights = engine_rights(e, call, c->name);
	engine_describe_pool(c, rights, &r.pool);
	uint32_t id = rights & CANDOR_RIGHT_INSPECT ? pool_best(c->pool) : NAMES_NONE;
	if (id != NAMES_NONE) {
		const struct labeler *l = pool_labeler(c->pool, id);
		best = (struct candor_best){
			.labeler = pool_labeler_name(c->pool, id, NULL),
			.scored = l->scored,
			.own_loss = l->own_loss,
			.mean_loss = l->mean_loss,
			.regret = pool_regret(c->pool, id),
			.settled_loss = l->settled_loss,
			.bound = pool_bound(c->pool, id),
		};
		r.pool.best = &best;
	}
	return engine_reply(call, &r, c->changed);
}

/* The first pool from `at` on in which the peer has rights, and which. *i goes through the visible ones with it. */
static uint64_t next_visible(const struct engine *e, const struct visible_pools *v, size_t *i, uint64_t at,
			     unsigned *rights)
{
	while (*i < v->n && v->pools[*i].id - 1 < at)
		++*i;
	if (!v->everywhere)
		at = *i < v->n ? v->pools[*i].id - 1 : e->n_pools;
	bool has_more = *i < v->n && v->pools[*i].id - 1 == at;
	*rights = grants_sum(v->everywhere | (has_more ? v->pools[*i].rights : 0));
	return at;
}

enum engine_outcome engine_list_pools(struct engine *e, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	uint64_t after = 0, changed = 0;
	/* A place after the last pool is not an error: how many pools there are is not for everybody. */
	if (request->cursor[0] && !engine_read_cursor(request->cursor, 'p', &after, 1))
		return engine_refuse_cursor(call);
	struct candor_pool *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	if (!rows)
		return engine_refuse_large(call);
	struct candor_response r = {.type = CANDOR_RES_POOLS, .pools = rows, .next = ""};
	struct visible_pools visible;
	if (!engine_visible_pools(e, call, &visible))
		return engine_refuse_large(call);
	size_t i = 0;
	unsigned rights;
	/* Pools that the peer may not know of must not show as another page. */
	for (; (after = next_visible(e, &visible, &i, after, &rights)) < e->n_pools && r.n < request->limit; after++) {
		engine_describe_pool(e->pools[after], rights, &rows[r.n++]);
		e->work += ROW_WORK;
		if (e->pools[after]->changed > changed)
			changed = e->pools[after]->changed;
	}
	if (after < e->n_pools && !(r.next = engine_write_cursor(call->arena, 'p', &after, 1)))
		return engine_refuse_large(call);
	return engine_reply(call, &r, changed);
}

/* ---- items ---- */

/* weights: NULL where it has none. */
static int describe_reports(struct engine_pool *c, const struct item *item, const double *weights, struct arena *a,
			    struct candor_item *out)
{
	struct candor_item_report *rows = arena_alloc(a, item->n * sizeof *rows);
	if (!rows)
		return -ENOMEM;
	const uint32_t *labelers = item_labelers(item);
	for (uint32_t i = 0; i < item->n; i++)
		rows[i] = (struct candor_item_report){
			.labeler = pool_labeler_name(c->pool, labelers[i], NULL),
			.value = item->values[i],
			.weight = weights ? weights[i] : 0,
		};
	out->n_reports = item->n;
	out->reports = rows;
	return 0;
}

static int describe_item(struct engine_pool *c, struct item *item, const char *name, bool with_reports, struct arena *a,
			 struct candor_item *out)
{
	struct aggregate aggregate = {0};
	const double *weights = NULL;
	bool archived = engine_is_archived(c, item);
	*out = (struct candor_item){
		.item = name,
		.state = item->state,
		.archived = archived,
		.n = archived ? item->frozen->aggregate.n : item->n,
		.opened_at = item->own.opened_at,
		.closed_at = item->own.close_number ? item->own.closed_at : 0,
		.ended_at = item->own.ended_at,
	};
	with_reports = with_reports && !archived;
	/* Voided while open, it has reports and neither aggregates nor weights. */
	if (item->state == CANDOR_VOID && !item->frozen)
		return with_reports ? describe_reports(c, item, NULL, a, out) : 0;
	int err = 0;
	if (archived)
		aggregate = item->frozen->aggregate;
	else
		err = pool_item_aggregate(c->pool, item, &aggregate, with_reports ? &weights : NULL);
	if (err)
		return err;
	out->mean = aggregate.mean;
	out->median = aggregate.median;
	out->plain_mean = aggregate.plain_mean;
	out->plain_median = aggregate.plain_median;
	out->spread = aggregate.spread;
	out->ess = aggregate.ess;
	if (item->state == CANDOR_RESOLVED) {
		out->outcome = item->frozen->outcome;
		out->round = item->frozen->round;
		out->eta = item->frozen->eta;
		out->weighted_loss = item->frozen->weighted_loss;
	}
	return with_reports ? describe_reports(c, item, weights, a, out) : 0;
}

enum engine_outcome engine_query_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *request = &call->wire->request;
	struct candor_item *rows = arena_alloc(call->arena, request->n * sizeof *rows);
	struct candor_rejected *rejected = arena_alloc(call->arena, request->n * sizeof *rejected);
	if (!rows || !rejected)
		return engine_refuse_large(call);
	struct candor_response r = {.type = CANDOR_RES_ITEMS, .items = rows, .rejected = rejected};
	bool open_too = engine_rights(e, call, c->name) & CANDOR_RIGHT_READ_OPEN;
	for (size_t i = 0; i < request->n; i++) {
		const char *const *fault = call->wire->row_fault, *name = request->items[i];
		if (fault && fault[i]) {
			rejected[r.n_rejected++] =
				(struct candor_rejected){(uint32_t)i, CANDOR_INVALID_ARGUMENT, fault[i]};
			continue;
		}
		struct item *item = call->items[i];
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			const char *why =
				arena_printf(call->arena, "item '%s' does not exist: nothing was reported on it", name);
			rejected[r.n_rejected++] = (struct candor_rejected){(uint32_t)i, CANDOR_NOT_FOUND,
									    why ? why : "item does not exist"};
			continue;
		}
		if (item->state == CANDOR_OPEN && !open_too) {
			rejected[r.n_rejected++] = (struct candor_rejected){
				(uint32_t)i, CANDOR_PERMISSION_DENIED,
				"item is open; seeing its aggregate requires the right 'read-open'"};
			continue;
		}
		int err = describe_item(c, item, name, request->with_reports, call->arena, &rows[r.n++]);
		if (engine_memory_pressure(e) >= PRESSURE_HIGH)
			pool_forget_aggregate(c->pool, item);
		if (err) {
			engine_measure(e, c);
			return engine_refuse_large(call);
		}
	}
	engine_measure(e, c);
	return engine_reply(call, &r, c->changed);
}

/* ---- labelers ---- */

/* A labeler's place in a listing: by key, then by id. */
struct place {
	double key;
	uint32_t id;
};

static double sort_key(struct engine_pool *c, enum candor_sort sort, uint32_t id)
{
	const struct labeler *l = pool_labeler(c->pool, id);
	switch (sort) {
	case CANDOR_BY_WEIGHT: return -pool_weight(c->pool, id);
	case CANDOR_BY_REGRET: return -pool_regret(c->pool, id);
	case CANDOR_BY_LOSS: return l->scored ? l->own_loss / l->scored : INFINITY;
	case CANDOR_BY_SCORED: return -(double)l->scored;
	case CANDOR_BY_NAME: return 0;
	}
	return 0;
}

static bool is_before(struct engine_pool *c, enum candor_sort sort, const struct place *a, const struct place *b)
{
	if (sort == CANDOR_BY_NAME)
		return strcmp(pool_labeler_name(c->pool, a->id, NULL), pool_labeler_name(c->pool, b->id, NULL)) < 0;
	return a->key < b->key || (a->key == b->key && a->id < b->id);
}

/* The first `limit` places behind `after` (NULL: from the start), sorted, into page[limit]: how many. One pass over the
 * labelers; a place is inserted only if it belongs on the page, which after the first few is rare. */
static size_t select_page(struct engine_pool *c, enum candor_sort sort, const struct place *after, struct place *page,
			  size_t limit)
{
	size_t n = 0;
	for (uint32_t id = 0; id < pool_labelers(c->pool); id++) {
		struct place p = {sort_key(c, sort, id), id};
		if (after && !is_before(c, sort, after, &p))
			continue;
		if (n == limit && !is_before(c, sort, &p, &page[n - 1]))
			continue;
		size_t lo = 0, hi = n;
		while (lo < hi) {
			size_t mid = (lo + hi) / 2;
			if (is_before(c, sort, &page[mid], &p))
				lo = mid + 1;
			else
				hi = mid;
		}
		if (n < limit)
			n++;
		memmove(&page[lo + 1], &page[lo], (n - 1 - lo) * sizeof *page);
		page[lo] = p;
	}
	return n;
}

/* A cursor names the pool, the order, and the last place given, its key to the last bit. */
static bool read_place(const struct engine_pool *c, enum candor_sort sort, const char *text, struct place *out)
{
	uint64_t numbers[4];
	if (!engine_read_cursor(text, 'l', numbers, 4) || numbers[0] != c->id || numbers[1] != (uint64_t)sort ||
	    numbers[3] >= pool_labelers(c->pool))
		return false;
	memcpy(&out->key, &numbers[2], sizeof out->key);
	out->id = (uint32_t)numbers[3];
	return !isnan(out->key);
}

static const char *write_place(const struct engine_pool *c, enum candor_sort sort, const struct place *p,
			       struct arena *a)
{
	uint64_t numbers[4] = {c->id, (uint64_t)sort, 0, p->id};
	memcpy(&numbers[2], &p->key, sizeof p->key);
	return engine_write_cursor(a, 'l', numbers, 4);
}

enum engine_outcome engine_list_labelers(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	(void)e;
	const struct candor_request *request = &call->wire->request;
	struct place after, *page = arena_alloc(call->arena, request->limit * sizeof *page);
	struct candor_labeler *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	if (!page || !rows)
		return engine_refuse_large(call);
	if (request->cursor[0] && !read_place(c, request->sort, request->cursor, &after))
		return engine_refuse_cursor(call);
	struct candor_response r = {
		.type = CANDOR_RES_LABELERS,
		.labelers = rows,
		.next = "",
		.total = pool_labelers(c->pool),
		.total_weight = pool_totals(c->pool)->total_weight,
	};
	r.n = select_page(c, request->sort, request->cursor[0] ? &after : NULL, page, request->limit);
	for (size_t i = 0; i < r.n; i++)
		engine_describe_labeler(c, page[i].id, &rows[i]);
	if (r.n == request->limit && !(r.next = write_place(c, request->sort, &page[r.n - 1], call->arena)))
		return engine_refuse_large(call);
	return engine_reply(call, &r, c->changed);
}
