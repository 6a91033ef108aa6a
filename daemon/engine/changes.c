/* What happened to a pool's items, in order: a page of it, read from disk; or the next that happens, waited for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/access.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/waits.h"

struct changes_read {
	struct read_job job;
	struct waiter waiter;
	struct engine *engine;
	struct call *call;
	uint64_t pool;
	uint64_t after; /* the change after which the page begins */
	size_t limit; /* of rows that are told; one more that is read shows whether there is another page */
	bool woken; /* the call had waited */
	struct changed_item_row *rows; /* in the call's arena */
	size_t n, cap;
};

static const char *write_cursor(struct arena *a, uint64_t pool, uint64_t change)
{
	const uint64_t place[2] = {pool, change};
	return engine_write_cursor(a, 'c', place, 2);
}

/* ---- reading ---- */

/* Room for a few more rows: a page may be long, but most are short. */
static bool make_room(struct changes_read *h, size_t more)
{
	if (h->n + more <= h->cap)
		return true;
	size_t cap = h->n + more + h->cap;
	struct changed_item_row *rows = arena_alloc(h->call->arena, cap * sizeof *rows);
	if (!rows)
		return false;
	if (h->n > 0)
		memcpy(rows, h->rows, h->n * sizeof *rows);
	h->rows = rows;
	h->cap = cap;
	return true;
}

/* On another thread, a few rows at a time. What is committed between two slices comes after what was read. */
static void read_changes(struct read_job *job, struct db *db)
{
	enum { SLICE_ROWS = 64 };
	struct changes_read *h = (struct changes_read *)job;
	size_t left = h->limit + 1 - h->n, want = left < SLICE_ROWS ? left : SLICE_ROWS;
	uint64_t after = h->n ? h->rows[h->n - 1].change.change : h->after;
	int n = make_room(h, want) ? db_item_changes(db, h->call->arena, h->pool, after, want, h->rows + h->n)
				   : -ENOMEM;
	job->err = n < 0 ? n : 0;
	if (n > 0)
		h->n += (size_t)n;
	job->unfinished = n > 0 && (size_t)n == want && h->n <= h->limit;
}

/* ---- the answer ---- */

static bool describe(const struct changes_read *h, unsigned rights, const struct changed_item_row *from,
		     struct candor_item *out)
{
	engine_describe_row(&from->item, rights, out);
	out->cursor = write_cursor(h->call->arena, h->pool, from->change.change);
	return out->cursor != NULL;
}

static void answer(struct changes_read *h)
{
	struct call *call = h->call;
	struct candor_response r = {.type = CANDOR_RES_ITEMS, .next = "", .more = h->n > h->limit};
	r.n = r.more ? h->limit : h->n;
	struct candor_item *items = arena_alloc(call->arena, r.n * sizeof *items);
	unsigned rights = engine_rights(h->engine, call, call->wire->request.pool);
	bool described = items != NULL;
	for (size_t i = 0; i < r.n && described; i++)
		described = describe(h, rights, &h->rows[i], &items[i]);
	r.items = items;
	if (described) {
		r.more |= engine_shorten(h->engine, &r);
		r.next = r.n ? items[r.n - 1].cursor : write_cursor(call->arena, h->pool, h->after);
	}
	if (described && r.next)
		engine_reply(call, &r, 0);
	else
		engine_refuse_error(call, -ENOMEM);
}

/* There is nothing after the cursor: the call waits, or is told so. */
static enum engine_outcome find_nothing(struct engine *e, struct call *call, uint64_t after)
{
	int waits = call->wire->request.wait_ms && !call->cancelled ? engine_await_change(e, call) : 0;
	if (waits == 1)
		return ENGINE_LATER;
	struct candor_response r = {
		.type = CANDOR_RES_ITEMS,
		.next = write_cursor(call->arena, call->pool->id, after),
	};
	return waits < 0 || !r.next ? engine_refuse_error(call, -ENOMEM)
				    : engine_reply(call, &r, call->pool->item_changed);
}

/* ---- its way ---- */

static void tell(struct changes_read *h, int err)
{
	struct engine *e = h->engine;
	struct call *call = h->call;
	if (err || e->ended || e->quiescing) {
		engine_refuse_error(call, err ? err : e->ended ? e->ended : -ECANCELED);
		return;
	}
	/* Its rights may have changed meanwhile, and memory may have been rebuilt. */
	if (!engine_authorize(e, call))
		return;
	call->pool = engine_find(e, call->wire->request.pool);
	if (!call->pool || call->pool->id != h->pool)
		engine_refuse_error(call, ERR_HISTORY);
	else if (h->n > 0)
		answer(h);
	else
		find_nothing(e, call, h->after);
}

static void on_read(struct read_job *job)
{
	struct changes_read *h = (struct changes_read *)job;
	engine_read_done(h->engine);
	if (h->woken)
		h->engine->waits.reading--;
	h->call->read = NULL;
	tell(h, job->err);
	free(h);
}

static void begin(struct changes_read *h)
{
	h->call->read = &h->job;
	engine_read(h->engine, h->call, &h->job);
}

static void on_durable(struct waiter *w, int err)
{
	struct changes_read *h = (struct changes_read *)((char *)w - offsetof(struct changes_read, waiter));
	if (err || h->call->cancelled || h->engine->quiescing) {
		engine_refuse_error(h->call, err ? err : -ECANCELED);
		free(h);
		return;
	}
	begin(h);
}

/* Where to go on: in *after. False: the cursor is refused. */
static bool read_cursor(struct call *call, uint64_t *after)
{
	const struct engine_pool *c = call->pool;
	const char *cursor = call->wire->request.cursor;
	uint64_t place[2] = {c->id, 0};
	if (cursor[0] && (!engine_read_cursor(cursor, 'c', place, 2) || place[0] != c->id)) {
		engine_refuse_cursor(call);
		return false;
	}
	if (place[1] > c->item_changed) {
		engine_refuse(call, CANDOR_INVALID_ARGUMENT,
			      "invalid cursor: the pool has no such change, as after the restore of an older backup; "
			      "begin again with an empty cursor");
		return false;
	}
	*after = place[1];
	return true;
}

/* Many may be woken at once, by something that happened to many items. */
static size_t limit_of(const struct call *call)
{
	size_t limit = call->wire->request.limit;
	return engine_has_waited(call) && limit > WOKEN_ROWS ? WOKEN_ROWS : limit;
}

enum engine_outcome engine_list_changes(struct engine *e, struct call *call)
{
	enum { ROW_BYTES = 1400 }; /* of a row and its place in the answer, with names that are not short */
	const struct engine_pool *c = call->pool;
	uint64_t after;
	if (!read_cursor(call, &after))
		return ENGINE_REPLIED;
	if (e->quiescing)
		return engine_refuse_error(call, -ECANCELED);
	if (after == c->item_changed)
		return find_nothing(e, call, after);
	struct changes_read *h = calloc(1, sizeof *h);
	if (!h)
		return engine_refuse_error(call, -ENOMEM);
	*h = (struct changes_read){
		.job = {.work = read_changes, .done = on_read},
		.waiter = {.on_durable = on_durable},
		.engine = e,
		.call = call,
		.pool = c->id,
		.after = after,
		.limit = limit_of(call),
		.woken = engine_has_waited(call),
	};
	if (h->woken) {
		/* The session has given back what it had reserved. */
		h->job.bytes = (h->limit + 1) * ROW_BYTES;
		e->waits.reading++;
	}
	/* What the connection itself has done before is told; who waited is told what there is. */
	if (!h->woken && c->item_changed > e->committed)
		engine_add_waiter(e, c->item_changed, &h->waiter);
	else
		begin(h);
	return ENGINE_LATER;
}
