#include "daemon/engine/block.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/engine/access.h"
#include "daemon/engine/closing.h"
#include "daemon/engine/record.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"

/* In the call's arena, from one slice to the next. */
struct block {
	uint64_t now;
	size_t closed; /* items from the first on that are closed */
	bool is_settled;
	size_t recorded; /* items whose settlements are written down */
	double *outcomes; /* [n] */
	struct pool_settled *settled; /* [n] */
};

static enum engine_outcome refuse_row(struct call *call, size_t i, enum candor_code code, const char *why)
{
	const char *sentence = arena_printf(call->arena, "nothing was settled: row %zu (item '%s'): %s", i,
					    call->wire->request.outcomes[i].item, why ? why : "rejected");
	return engine_refuse(call, code, sentence);
}

static enum engine_outcome reply_done(struct engine *e, struct call *call, bool is_new)
{
	size_t n = call->wire->request.n;
	struct engine_pool *c = call->pool;
	struct candor_response response = {
		.type = CANDOR_RES_BATCH,
		.batch = {.accepted = is_new ? n : 0, .duplicates = is_new ? 0 : n},
	};
	c->activity += n;
	engine_measure(e, c);
	engine_note_write(e, n);
	engine_let_go(e, call);
	return engine_reply(call, &response, c->changed);
}

/* ---- checks ---- */

static size_t first_named(const struct call *call, const struct item *item)
{
	size_t i = 0;
	while (call->items[i] != item)
		i++;
	return i;
}

/* Why row i cannot be settled with those before it, and the code; NULL: it can, or was. */
static const char *row_fault(const struct call *call, size_t i, enum candor_code *code)
{
	const char *const *fault = call->wire->row_fault;
	const struct item *item = call->items[i];
	*code = CANDOR_INVALID_ARGUMENT;
	if (fault && fault[i])
		return fault[i];
	if (item->in_block)
		return arena_printf(call->arena, "row %zu names the item too", first_named(call, item));
	if (item->state == CANDOR_STATE_UNSPECIFIED) {
		*code = CANDOR_NOT_FOUND;
		return "the item does not exist: nothing was reported on it";
	}
	if (item->state == CANDOR_VOID) {
		*code = CANDOR_FAILED_PRECONDITION;
		return "the item is void and cannot be resolved";
	}
	*code = CANDOR_OK;
	return NULL;
}

/* What the rows name, as far as they were looked at. */
struct sum {
	size_t resolved, last_resolved; /* how many, and a row */
	size_t reports; /* of the others */
};

/* False: a row cannot be settled whatever limits there are, and the call is refused. */
static bool check_rows(struct engine *e, struct call *call, struct sum *sum)
{
	size_t n = call->wire->request.n, i = 0;
	enum candor_code code = CANDOR_OK;
	const char *why = NULL;
	*sum = (struct sum){0};
	/* Without memory for a sentence there is a code alone. */
	for (; i < n && !(why = row_fault(call, i, &code)) && code == CANDOR_OK; i++) {
		struct item *item = call->items[i];
		item->in_block = true;
		if (item->state == CANDOR_RESOLVED) {
			sum->resolved++;
			sum->last_resolved = i;
		} else {
			sum->reports += item->n;
		}
	}
	for (size_t k = 0; k < i; k++)
		call->items[k]->in_block = false;
	e->work += n * ROW_WORK;
	if (i < n)
		refuse_row(call, i, code, why);
	return i == n;
}

static enum engine_outcome refuse_resolved(struct call *call, size_t i)
{
	const struct item *item = call->items[i];
	const struct frozen *f = item->frozen;
	double value = call->wire->request.outcomes[i].value;
	const char *why;
	if (f->outcome != value)
		why = arena_printf(
			call->arena,
			"the item is already resolved with outcome %.17g; value %.17g differs, and an outcome "
			"cannot be changed",
			f->outcome, value);
	else if (f->block)
		why = arena_printf(call->arena,
				   "the item is already resolved, in a block that begins with round %" PRIu64
				   " and has other items than these",
				   f->block);
	else
		why = "the item is already resolved, by itself";
	return refuse_row(call, i, CANDOR_FAILED_PRECONDITION, why);
}

/* A row that says why these are not the first rounds of one block, with the same outcomes; n: they are. */
static size_t find_other(const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	uint64_t block = r->n > 1 && call->items[0]->frozen ? call->items[0]->frozen->block : 0;
	if (r->n > 1 && block == 0)
		return 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct frozen *f = call->items[i]->frozen;
		if (f->outcome != r->outcomes[i].value || f->block != block || (block > 0 && f->round >= block + r->n))
			return i;
	}
	return r->n;
}

/* ---- the same block again ---- */

/* Of a block that perhaps goes on: which one the round behind these items belongs to is looked up. */
struct look {
	struct read_job job;
	struct waiter waiter;
	struct engine *engine;
	struct call *call;
	uint64_t pool, block, next; /* ids and rounds */
	bool goes_on;
};

/* On another thread. */
static void read_next(struct read_job *job, struct db *db)
{
	struct look *l = (struct look *)job;
	struct settled_row row;
	struct arena scratch;
	arena_init(&scratch, SIZE_MAX / 2);
	int found = db_settlement(db, &scratch, l->pool, l->next, &row);
	/* What is not there is archived, and archives end with a block. */
	l->goes_on = found == 1 && row.item.block == l->block;
	job->err = found < 0 ? found : 0;
	arena_free(&scratch);
}

static void on_looked(struct read_job *job)
{
	struct look *l = (struct look *)job;
	struct engine *e = l->engine;
	struct call *call = l->call;
	struct candor_response same = {.type = CANDOR_RES_BATCH, .batch = {.duplicates = call->wire->request.n}};
	engine_read_done(e);
	call->read = NULL;
	if (job->err || e->ended)
		engine_refuse_error(call, job->err ? job->err : e->ended);
	else if (!engine_authorize(e, call)) /* its rights may have changed meanwhile */
		;
	else if (l->goes_on)
		refuse_row(call, 0, CANDOR_FAILED_PRECONDITION,
			   "the item is already resolved, in a block that has other items than these");
	else
		engine_reply(call, &same, 0);
	free(l);
}

static void look(struct look *l)
{
	l->call->read = &l->job;
	engine_read(l->engine, l->call, &l->job);
}

static void on_durable(struct waiter *w, int err)
{
	struct look *l = (struct look *)((char *)w - offsetof(struct look, waiter));
	if (err || l->call->cancelled || l->engine->quiescing) {
		engine_refuse_error(l->call, err ? err : -ECANCELED);
		free(l);
		return;
	}
	look(l);
}

static enum engine_outcome start_look(struct engine *e, struct call *call, uint64_t block)
{
	struct look *l = e->quiescing ? NULL : calloc(1, sizeof *l);
	if (!l)
		return engine_refuse_error(call, e->quiescing ? -ECANCELED : -ENOMEM);
	*l = (struct look){
		.job = {.work = read_next, .done = on_looked, .bytes = e->limits.load_bytes},
		.waiter = {.on_durable = on_durable},
		.engine = e,
		.call = call,
		.pool = call->pool->id,
		.block = block,
		.next = block + call->wire->request.n,
	};
	if (call->pool->changed > e->committed)
		engine_add_waiter(e, call->pool->changed, &l->waiter);
	else
		look(l);
	return ENGINE_LATER;
}

/* Row i is resolved, and perhaps all are. */
static enum engine_outcome settle_again(struct engine *e, struct call *call, const struct sum *sum)
{
	size_t n = call->wire->request.n, other = sum->resolved == n ? find_other(call) : sum->last_resolved;
	if (other < n)
		return refuse_resolved(call, other);
	uint64_t block = call->items[0]->frozen->block;
	if (block == 0 || block + n > pool_totals(call->pool->pool)->round)
		return reply_done(e, call, false);
	return start_look(e, call, block);
}

/* ---- a new one ---- */

/* False: the block cannot be settled, and the call is refused. */
static bool check_limits(struct engine *e, struct call *call, const struct sum *sum)
{
	if (sum->reports > BLOCK_REPORTS_MAX)
		engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
			      arena_printf(call->arena,
					   "these items have %zu reports; items with at most %d reports in all can be "
					   "settled together",
					   sum->reports, BLOCK_REPORTS_MAX));
	else if (engine_batch_pressure(e) >= PRESSURE_CRITICAL)
		engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
			      "more changes wait for the disk than there is room for: nothing was settled; send the "
			      "request again");
	else
		return true;
	return false;
}

static struct block *new_block(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	struct block *b = arena_alloc(call->arena, sizeof *b);
	if (!b)
		return NULL;
	*b = (struct block){
		.now = e->ops.now_ms(e->owner),
		.outcomes = arena_alloc(call->arena, r->n * sizeof *b->outcomes),
		.settled = arena_alloc(call->arena, r->n * sizeof *b->settled),
	};
	if (!b->outcomes || !b->settled)
		return NULL;
	for (size_t i = 0; i < r->n; i++)
		b->outcomes[i] = r->outcomes[i].value;
	return b;
}

static int close_item(struct engine *e, struct engine_pool *c, struct item *item, uint64_t now)
{
	int err = item->state == CANDOR_OPEN ? pool_close(c->pool, item) : 1;
	if (err)
		return err > 0 ? 0 : err;
	engine_end_open(e, c, item, now);
	engine_record_item(e, c, item, CHANGE_ITEM, item->own.changed);
	engine_record_item_change(e, c, item, CANDOR_CLOSED, item->own.changed);
	return 0;
}

static void record(struct engine *e, struct call *call, const struct block *b, size_t i)
{
	struct engine_pool *c = call->pool;
	struct item *item = call->items[i];
	uint64_t closed = item->own.changed;
	item->own.changed = engine_next_change(e, c);
	engine_record_item(e, c, item, CHANGE_ITEM_ENDED, closed);
	engine_record_settlement(e, c, item, &b->settled[i], call->wire->request.n, call->peer);
	engine_record_item_change(e, c, item, CANDOR_RESOLVED, item->own.changed);
	c->refresh_due += item->n;
}

static enum engine_outcome fail(struct engine *e, struct call *call, int err)
{
	engine_measure(e, call->pool);
	engine_let_go(e, call);
	return err == ERR_FULL ? engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
					       "the pool has reached its limit of 4294967295 settlements")
			       : engine_refuse_error(call, err);
}

static enum engine_outcome go_on(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	struct block *b = call->progress;
	size_t n = call->wire->request.n;
	int err = 0;
	for (; b->closed < n && err == 0; b->closed++) {
		if (engine_may_pause_writing(e, call))
			return engine_pause_alone(e, call, n, go_on);
		e->work += ROW_WORK;
		err = close_item(e, c, call->items[b->closed], b->now);
	}
	if (!b->is_settled) {
		if (err == 0)
			err = pool_resolve_together(c->pool, call->items, b->outcomes, n, b->settled);
		if (err)
			return fail(e, call, err);
		for (size_t i = 0; i < n; i++)
			call->items[i]->own.ended_at = b->now;
		b->is_settled = true;
	}
	/* What it settled lives until the next event in the pool, of which there is none meanwhile. */
	for (; b->recorded < n; b->recorded++) {
		if (engine_may_pause_writing(e, call))
			return engine_pause_alone(e, call, n, go_on);
		e->work += 2 * ROW_WORK;
		record(e, call, b, b->recorded);
	}
	return reply_done(e, call, true);
}

enum engine_outcome engine_resolve_together(struct engine *e, struct call *call)
{
	size_t n = call->wire->request.n;
	struct sum sum;
	if (n > BLOCK_ITEMS_MAX)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
				     arena_printf(call->arena,
						  "the request has %zu items; at most %d items can be settled together",
						  n, BLOCK_ITEMS_MAX));
	if (n == 0)
		return reply_done(e, call, true);
	if (!check_rows(e, call, &sum))
		return ENGINE_REPLIED;
	if (sum.resolved > 0)
		return settle_again(e, call, &sum);
	if (!check_limits(e, call, &sum))
		return ENGINE_REPLIED;
	call->progress = new_block(e, call);
	return call->progress ? go_on(e, call) : engine_refuse_error(call, -ENOMEM);
}
