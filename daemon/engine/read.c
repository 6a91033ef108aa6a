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
#include "daemon/engine/item_page.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"

/* Figures of all pools together, which tell what others do. */
static void describe_whole(struct engine *e, struct candor_info *out)
{
	uint64_t elsewhere = 0;
	e->ops.memory(e->owner, &elsewhere, &out->resident_bytes);
	out->connections = e->connections;
	out->committed = e->committed;
	out->commits = e->commits;
	out->reports = e->progress.reports;
	e->ops.disk(e->owner, &out->database_bytes, &out->wal_bytes);
	out->memory_bytes = engine_memory_bytes(e) + elsewhere;
	out->memory_limit = e->limits.memory_bytes;
	const struct histogram *loop = e->ops.loop(e->owner);
	out->loop_turns = loop->n;
	out->loop_p50_us = histogram_quantile(loop, 0.5) / 1000;
	out->loop_p99_us = histogram_quantile(loop, 0.99) / 1000;
	out->loop_max_us = loop->max / 1000;
	struct histogram lately;
	recent_sum(&e->figures.commits_lately, engine_elapsed_ms(e), &lately);
	out->recent_commits = lately.n;
	out->commit_p50_us = histogram_quantile(&lately, 0.5) / 1000;
	out->commit_p99_us = histogram_quantile(&lately, 0.99) / 1000;
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
				.uptime_ms = engine_elapsed_ms(e) - e->began_ms,
				.started_at = e->started_at,
				.read_only = e->read_only != 0,
				.reason = engine_say_read_only(e),
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

static enum engine_outcome reply_best(struct engine *e, struct call *call, uint32_t id)
{
	struct engine_pool *c = call->pool;
	struct candor_response r = {.type = CANDOR_RES_POOL};
	struct candor_best best;
	struct candor_rechecks rechecks;
	engine_describe_pool(c, engine_rights(e, call, c->name), &r.pool, &rechecks);
	if (id != NAMES_NONE) {
		const struct labeler *l = pool_labeler(c->pool, id);
		best = (struct candor_best){
			.labeler = pool_labeler_name(c->pool, id, NULL),
			.scored = l->scored,
			.own_loss = l->own_loss,
			.mean_loss = l->mean_loss,
			.regret = pool_regret(c->pool, id),
			.gain = l->gain,
			.bound = pool_bound(c->pool, id),
		};
		r.pool.best = &best;
	}
	return engine_reply(call, &r, c->changed);
}

enum engine_outcome engine_get_pool(struct engine *e, struct call *call)
{
	enum { AT_A_TIME = 4096 };
	struct engine_pool *c = call->pool;
	if (engine_is_taken(e, c))
		return engine_pause(e, call, 0, engine_get_pool);
	if (!(engine_rights(e, call, c->name) & CANDOR_RIGHT_INSPECT))
		return reply_best(e, call, NAMES_NONE);
	struct pool_search *search = call->progress;
	if (!search && !(search = arena_alloc(call->arena, sizeof *search)))
		return engine_refuse_large(call);
	if (!call->progress)
		*search = (struct pool_search){0};
	call->progress = search;
	while (!pool_search_best(c->pool, search, AT_A_TIME))
		if (engine_slice_is_over(e, c))
			return engine_pause(e, call, 0, engine_get_pool);
	engine_count_work(e, c);
	return reply_best(e, call, search->best);
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
	if (engine_is_taken(e, NULL))
		return engine_pause(e, call, 0, engine_list_pools);
	/* A place after the last pool is not an error: how many pools there are is not for everybody. */
	if (request->cursor[0] && !engine_read_cursor(request->cursor, 'p', &after, 1))
		return engine_refuse_cursor(call);
	struct candor_pool *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	struct candor_rechecks *rechecks = arena_alloc(call->arena, request->limit * sizeof *rechecks);
	uint64_t *places = arena_alloc(call->arena, request->limit * sizeof *places);
	if (!rows || !rechecks || !places)
		return engine_refuse_large(call);
	struct candor_response r = {.type = CANDOR_RES_POOLS, .pools = rows, .next = ""};
	struct visible_pools visible;
	if (!engine_visible_pools(e, call, &visible))
		return engine_refuse_large(call);
	size_t i = 0;
	unsigned rights;
	/* Pools that the peer may not know of must not show as another page. */
	for (; (after = next_visible(e, &visible, &i, after, &rights)) < e->n_pools && r.n < request->limit; after++) {
		places[r.n] = after;
		engine_describe_pool(e->pools[after], rights, &rows[r.n], &rechecks[r.n]);
		r.n++;
		e->work += ROW_WORK;
		if (e->pools[after]->changed > changed)
			changed = e->pools[after]->changed;
	}
	if (engine_shorten(e, &r))
		after = places[r.n];
	if (after < e->n_pools && !(r.next = engine_write_cursor(call->arena, 'p', &after, 1)))
		return engine_refuse_large(call);
	return engine_reply(call, &r, changed);
}

/* ---- items ---- */

/* Why the i-th item is not described, and the code; NULL: it is. */
static const char *why_not(const struct call *call, size_t i, bool open_too, enum candor_code *code)
{
	const char *const *fault = call->wire->row_fault;
	*code = CANDOR_INVALID_ARGUMENT;
	if (fault && fault[i])
		return fault[i];
	const struct item *item = call->items[i];
	if (item->state == CANDOR_STATE_UNSPECIFIED) {
		*code = CANDOR_NOT_FOUND;
		const char *why = arena_printf(call->arena, "item '%s' does not exist: nothing was reported on it",
					       call->wire->request.items[i]);
		return why ? why : "item does not exist";
	}
	*code = CANDOR_PERMISSION_DENIED;
	return item->state == CANDOR_OPEN && !open_too
		       ? "item is open; seeing its aggregate requires the right 'read-open'"
		       : NULL;
}

/* What the query has so far, from one slice to the next; NULL: no memory. */
static struct item_page *begin_query(const struct engine *e, struct call *call)
{
	struct item_page *page = call->progress;
	if (page)
		return page;
	page = arena_alloc(call->arena, sizeof *page);
	if (!page || item_page_begin(e, call, page))
		return NULL;
	return call->progress = page;
}

enum engine_outcome engine_query_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *request = &call->wire->request;
	struct item_page *page = begin_query(e, call);
	if (!page)
		return engine_refuse_large(call);
	page->rights = engine_rights(e, call, c->name);
	bool open_too = page->rights & CANDOR_RIGHT_READ_OPEN;
	int more = 1;
	for (; page->next < request->n && more > 0; page->next++) {
		size_t i = page->next;
		if (engine_slice_is_over(e, c))
			return engine_pause(e, call, request->n, engine_query_items);
		e->work += ROW_WORK;
		enum candor_code code;
		const char *why = why_not(call, i, open_too, &code);
		if (why) {
			more = item_page_reject(page, i, code, why);
			continue;
		}
		struct item *item = call->items[i];
		more = item_page_add(page, c, i, item);
		e->work += request->with_reports ? REPORT_WORK * (uint64_t)item->n : 0;
		if (engine_memory_pressure(e) >= PRESSURE_HIGH)
			pool_forget_aggregate(c->pool, item);
	}
	engine_measure(e, c);
	engine_let_go(e, call);
	if (more < 0)
		return engine_refuse_large(call);
	struct candor_response r = {0};
	item_page_put(page, &r);
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

/* The first places behind another, as far as labelers have been looked at. */
struct selection {
	uint32_t next; /* labeler */
	const struct place *after; /* NULL: from the start */
	size_t n, limit;
	struct place *page; /* [limit] a heap: the last place on top, so that it can give way */
};

static void swap(struct place *a, struct place *b)
{
	struct place was = *a;
	*a = *b;
	*b = was;
}

static void sift_up(struct engine_pool *c, enum candor_sort sort, struct place *heap, size_t at)
{
	for (; at > 0 && is_before(c, sort, &heap[(at - 1) / 2], &heap[at]); at = (at - 1) / 2)
		swap(&heap[at], &heap[(at - 1) / 2]);
}

static void sift_down(struct engine_pool *c, enum candor_sort sort, struct place *heap, size_t n)
{
	for (size_t at = 0, child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && is_before(c, sort, &heap[child], &heap[child + 1]))
			child++;
		if (!is_before(c, sort, &heap[at], &heap[child]))
			break;
		swap(&heap[at], &heap[child]);
	}
}

/* Looks at labelers until the slice is over (false) or all have been looked at. One that belongs on the page, which
 * after the first few is rare unless somebody contrives it, costs O(log limit). */
static bool select_page(struct engine *e, struct engine_pool *c, enum candor_sort sort, struct selection *s)
{
	enum { AT_A_TIME = 256, KEPT_WORK = 8 };
	for (; s->next < pool_labelers(c->pool); s->next++) {
		if (s->next % AT_A_TIME == 0 && engine_slice_is_over(e, c))
			return false;
		e->work += sort == CANDOR_BY_NAME ? NAME_WORK : 1;
		struct place p = {sort_key(c, sort, s->next), s->next};
		if (s->after && !is_before(c, sort, s->after, &p))
			continue;
		if (s->n == s->limit && !is_before(c, sort, &p, &s->page[0]))
			continue;
		e->work += KEPT_WORK;
		if (s->n < s->limit) {
			s->page[s->n] = p;
			sift_up(c, sort, s->page, s->n++);
		} else {
			s->page[0] = p;
			sift_down(c, sort, s->page, s->n);
		}
	}
	/* The heap becomes a sorted page. */
	for (size_t n = s->n; n > 1; n--) {
		swap(&s->page[0], &s->page[n - 1]);
		sift_down(c, sort, s->page, n - 1);
	}
	return true;
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

/* The one that the call has, or a new one. 0, -EINVAL (the cursor) or -ENOMEM. */
static int begin_selection(struct engine_pool *c, struct call *call, struct selection **out)
{
	const struct candor_request *request = &call->wire->request;
	if ((*out = call->progress))
		return 0;
	struct selection *s = arena_alloc(call->arena, sizeof *s);
	struct place *after = arena_alloc(call->arena, sizeof *after);
	struct place *page = arena_alloc(call->arena, request->limit * sizeof *page);
	if (!s || !after || !page)
		return -ENOMEM;
	if (request->cursor[0] && !read_place(c, request->sort, request->cursor, after))
		return -EINVAL;
	*s = (struct selection){.after = request->cursor[0] ? after : NULL, .limit = request->limit, .page = page};
	*out = call->progress = s;
	return 0;
}

enum engine_outcome engine_list_labelers(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *request = &call->wire->request;
	struct selection *s;
	int err = begin_selection(c, call, &s);
	if (err)
		return err == -EINVAL ? engine_refuse_cursor(call) : engine_refuse_large(call);
	if (!select_page(e, c, request->sort, s))
		return engine_pause(e, call, 0, engine_list_labelers);
	struct candor_labeler *rows = arena_alloc(call->arena, s->n * sizeof *rows);
	if (!rows)
		return engine_refuse_large(call);
	struct candor_response r = {
		.type = CANDOR_RES_LABELERS,
		.n = s->n,
		.labelers = rows,
		.next = "",
		.total = pool_labelers(c->pool),
		.total_weight = pool_totals(c->pool)->total_weight,
	};
	for (size_t i = 0; i < r.n; i++)
		engine_describe_labeler(c, s->page[i].id, &rows[i]);
	e->work += r.n * ROW_WORK;
	bool is_short = engine_shorten(e, &r);
	if ((is_short || r.n == request->limit) &&
	    !(r.next = write_place(c, request->sort, &s->page[r.n - 1], call->arena)))
		return engine_refuse_large(call);
	return engine_reply(call, &r, c->changed);
}
