/* Answers that come from disk: the feed of closed items, the trajectory of a labeler's weight, and who did what.
 *
 * Each waits until the newest change that it covers is on disk, then reads off the loop, so that it sees all that its
 * own connection wrote before.
 *
 * A trajectory needs no index: each settlement says in which round each of its reporters was scored before, so from the
 * newest one it is a walk from round to round, as long as the page asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/access.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/reply.h"

struct history_read {
	struct read_job job;
	void (*work)(struct read_job *job, struct db *db);
	size_t bytes; /* that it may take */
	struct waiter waiter;
	struct engine *engine;
	struct call *call;
	uint64_t pool;

	uint64_t archived; /* the last archived round */
	uint64_t after; /* feed: close number; trajectory: not used */
	struct item_row *rows;
	size_t n_rows;
	bool cut; /* there are more rows than these, though not as many were asked for */
	/* With what items are now, by row: */
	struct candor_item *items;
	size_t n_read, n_told; /* those before are read; and told */
	size_t n_reports; /* of those that were read */
	struct arena reports; /* of those that are read and not told */
	uint64_t changed; /* the newest change that what was told depends on */
	uint64_t rebuilds; /* of memory, when the first was told */

	uint32_t labeler;
	uint64_t round; /* trajectory: the newest wanted; then where to go on, 0: nowhere */
	struct candor_settlement *steps;
	size_t n_steps;

	struct event_row *events;
	size_t n_events;
	uint64_t before; /* only events below this change; `round` likewise bounds the settlements */

	/* True: there is more to read for the answer. */
	bool (*answer)(struct history_read *h);
};

static void begin(struct history_read *h);

static void end(struct history_read *h)
{
	arena_free(&h->reports);
	free(h);
}

static void on_read(struct read_job *job)
{
	struct history_read *h = (struct history_read *)job;
	bool goes_on = false;
	engine_read_done(h->engine);
	h->call->read = NULL;
	/* A made-up cursor can name a round in which the labeler was not scored. */
	if (job->err == ERR_HISTORY && h->n_steps == 0 && h->call->wire->request.cursor[0])
		engine_refuse_cursor(h->call);
	else if (job->err || h->engine->ended)
		engine_refuse_error(h->call, job->err ? job->err : h->engine->ended);
	else if (engine_authorize(h->engine, h->call)) /* its rights may have changed meanwhile */
		goes_on = h->answer(h);
	if (goes_on)
		begin(h);
	else
		end(h);
}

static void begin(struct history_read *h)
{
	h->job = (struct read_job){.work = h->work, .done = on_read, .bytes = h->bytes};
	h->call->read = &h->job;
	engine_read(h->engine, h->call, &h->job);
}

static void on_durable(struct waiter *w, int err)
{
	struct history_read *h = (struct history_read *)((char *)w - offsetof(struct history_read, waiter));
	if (err || h->call->cancelled || h->engine->quiescing) {
		engine_refuse_error(h->call, err ? err : -ECANCELED);
		end(h);
		return;
	}
	begin(h);
}

/* Reads what there is up to a change; takes h over. */
static enum engine_outcome start(struct history_read *h, uint64_t change)
{
	struct engine *e = h->engine;
	h->waiter.on_durable = on_durable;
	if (e->quiescing) {
		struct call *call = h->call;
		end(h);
		return engine_refuse_error(call, -ECANCELED);
	}
	if (change > e->committed)
		engine_add_waiter(e, change, &h->waiter);
	else
		begin(h);
	return ENGINE_LATER;
}

static struct history_read *new_read(struct engine *e, struct engine_pool *c, struct call *call)
{
	struct history_read *h = calloc(1, sizeof *h);
	if (h)
		*h = (struct history_read){.engine = e, .call = call, .pool = c->id, .archived = c->archive.last};
	return h;
}

/* A place in a listing of one pool. */
static bool read_place(const char *text, char letter, uint64_t pool, uint64_t *number)
{
	uint64_t numbers[2];
	if (!engine_read_cursor(text, letter, numbers, 2) || numbers[0] != pool)
		return false;
	*number = numbers[1];
	return true;
}

static const char *write_place(struct arena *a, char letter, uint64_t pool, uint64_t number)
{
	const uint64_t numbers[2] = {pool, number};
	return engine_write_cursor(a, letter, numbers, 2);
}

/* ---- the feed ---- */

/* Of one page; and of what is read at a time before it is told. */
enum { NOW_REPORTS_MAX = ITEM_REPORTS_MAX, NOW_SLICE_REPORTS = 8192 };

/* The page's rows: one more than asked for tells whether there is another page. */
static int read_rows(struct history_read *h, struct db *db)
{
	size_t limit = h->call->wire->request.limit;
	h->rows = arena_alloc(h->call->arena, (limit + 1) * sizeof *h->rows);
	if (!h->rows)
		return -ENOMEM;
	int n = db_feed(db, h->call->arena, h->pool, h->after, limit + 1, h->rows);
	h->n_rows = n < 0 ? 0 : (size_t)n;
	h->cut = h->n_rows > limit;
	h->n_rows -= h->cut;
	return n < 0 ? n : 0;
}

/* The reports of some items without an outcome; the page ends before it has too many of them. */
static int read_reports(struct history_read *h, struct db *db)
{
	size_t before = h->n_reports;
	for (; h->n_read < h->n_rows && h->n_reports - before < NOW_SLICE_REPORTS; h->n_read++) {
		struct item_row *row = &h->rows[h->n_read], whole;
		if (row->state != CANDOR_CLOSED)
			continue;
		if (h->n_reports > 0 && h->n_reports + row->aggregate.n > NOW_REPORTS_MAX) {
			h->n_rows = h->n_read;
			h->cut = true;
			break;
		}
		h->n_reports += row->aggregate.n;
		int found = db_item(db, &h->reports, h->pool, row->name, &whole);
		if (found != 1)
			return found < 0 ? found : ERR_HISTORY;
		row->reports = whole.reports;
		if (whole.state != CANDOR_CLOSED)
			row->reports.n = 0; /* it has ended meanwhile */
	}
	return 0;
}

/* On another thread. */
static void read_feed(struct read_job *job, struct db *db)
{
	struct history_read *h = (struct history_read *)job;
	if (!h->rows)
		job->err = read_rows(h, db);
	if (job->err || !h->call->wire->request.with_now)
		return;
	job->err = db_begin(db);
	if (job->err)
		return;
	job->err = read_reports(h, db);
	db_end(db);
}

/* In memory, or put there for this. NULL: no memory, or the row is wrong: *err. */
static struct item *borrow_item(struct engine_pool *c, const struct item_row *row, bool *lent, int *err)
{
	size_t len = strlen(row->name);
	struct item *item = pool_find_item(c->pool, row->name, len);
	*err = 0;
	*lent = !item;
	if (item)
		return item;
	for (size_t i = 0; i < row->reports.n && *err == 0; i++)
		if (row->reports.labelers[i] >= pool_labelers(c->pool))
			*err = ERR_HISTORY;
	if (*err == 0)
		*err = pool_add_item(c->pool, row->name, len, &item);
	if (*err)
		return NULL;
	*err = pool_restore_reports(c->pool, item, row->reports.labelers, row->reports.values, NULL, row->reports.n);
	item->state = CANDOR_CLOSED;
	if (*err == 0)
		return item;
	pool_drop_item(c->pool, item);
	return NULL;
}

/* What a closed item is now, by memory. If it was resolved or voided meanwhile its row says what it was. */
static int tell_now(struct history_read *h, struct engine_pool *c, unsigned rights, const struct item_row *row,
		    struct candor_item *out)
{
	struct aggregate aggregate;
	bool lent;
	int err;
	struct item *item = borrow_item(c, row, &lent, &err);
	if (!item)
		return err;
	if (item->state == CANDOR_CLOSED) {
		struct candor_aggregates *now = arena_alloc(h->call->arena, sizeof *now);
		err = now ? pool_item_now(c->pool, item, &aggregate, NULL) : -ENOMEM;
		if (err == 0) {
			engine_describe_now(&aggregate, rights, now);
			out->now = now;
			out->has_label = true;
			out->label = aggregate.forecast;
		}
	}
	if (lent)
		pool_drop_item(c->pool, item);
	else
		pool_forget_aggregate(c->pool, item);
	return err;
}

/* Describes the rows that were read. */
static int tell_rows(struct history_read *h, struct engine_pool *c, size_t end)
{
	const struct candor_request *r = &h->call->wire->request;
	unsigned rights = engine_rights(h->engine, h->call, r->pool);
	int err = 0;
	for (; h->n_told < end && err == 0; h->n_told++) {
		const struct item_row *row = &h->rows[h->n_told];
		struct candor_item *out = &h->items[h->n_told];
		engine_describe_row(row, rights, out);
		out->archived = row->state == CANDOR_RESOLVED && row->round <= h->archived;
		if (!r->with_now || !c)
			continue;
		if (row->state == CANDOR_RESOLVED) {
			out->has_label = true;
			out->label = pool_resolved_label(c->pool, row->aggregate.forecast, row->outcome,
							 row->has_recheck ? &row->recheck : NULL);
		} else if (row->state == CANDOR_CLOSED && row->reports.n > 0) {
			err = tell_now(h, c, rights, row, out);
		}
	}
	if (c) {
		engine_count_work(h->engine, c);
		engine_measure(h->engine, c);
		h->changed = c->changed;
	}
	return err;
}

static void reply_feed(struct history_read *h)
{
	struct candor_response r = {.type = CANDOR_RES_ITEMS, .next = "", .more = h->cut};
	r.n = h->n_rows;
	r.items = h->items;
	r.more |= engine_shorten(h->engine, &r);
	uint64_t next = r.n ? h->rows[r.n - 1].close_number : h->after;
	r.next = write_place(h->call->arena, 'i', h->pool, next);
	if (r.next)
		engine_reply(h->call, &r, h->changed);
	else
		engine_refuse_error(h->call, -ENOMEM);
}

/* What was told is of a state that was given up: all is read anew. */
static bool begin_anew(struct history_read *h)
{
	h->rows = NULL;
	h->items = NULL;
	h->n_rows = h->n_read = h->n_told = h->n_reports = 0;
	arena_free(&h->reports);
	return true;
}

static bool answer_feed(struct history_read *h)
{
	struct engine *e = h->engine;
	if (h->n_told > 0 && h->rebuilds != e->rebuilds)
		return begin_anew(h);
	h->rebuilds = e->rebuilds;
	bool with_now = h->call->wire->request.with_now;
	/* Memory may have been rebuilt meanwhile; pools that were on disk are there again, under their ids. */
	struct engine_pool *c = with_now ? engine_find(e, h->call->wire->request.pool) : NULL;
	int err = with_now && !c ? ERR_HISTORY : 0;
	if (!h->items)
		h->items = arena_alloc(h->call->arena, (h->n_rows + 1) * sizeof *h->items);
	if (err == 0)
		err = h->items ? tell_rows(h, c, with_now ? h->n_read : h->n_rows) : -ENOMEM;
	arena_free(&h->reports);
	if (err) {
		engine_refuse_error(h->call, err);
		return false;
	}
	if (h->n_told < h->n_rows)
		return true;
	reply_feed(h);
	return false;
}

enum engine_outcome engine_list_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const char *cursor = call->wire->request.cursor;
	uint64_t after = 0;
	if (cursor[0] && (!read_place(cursor, 'i', c->id, &after) || after > c->closes))
		return engine_refuse_cursor(call);
	struct history_read *h = new_read(e, c, call);
	if (!h)
		return engine_refuse_error(call, -ENOMEM);
	h->after = after;
	h->work = read_feed;
	h->answer = answer_feed;
	arena_init(&h->reports, e->limits.load_bytes);
	if (call->wire->request.with_now)
		h->bytes = e->limits.load_bytes;
	return start(h, c->changed);
}

/* ---- trajectories ---- */

/* Goes back to the labeler's previous round; false if the settlement does not list the labeler. */
static bool take_step(struct history_read *h, const struct settled_row *row)
{
	const struct settlement_row *s = &row->settlement;
	const struct packed_reports *reports = &row->item.reports;
	size_t at = 0;
	while (at < s->n && reports->labelers[at] != h->labeler)
		at++;
	if (at == s->n || s->last_round[at] >= s->round)
		return false;
	double report = reports->values[at];
	h->steps[h->n_steps++] = (struct candor_settlement){
		.round = s->round,
		.item = row->item.name,
		.report = report,
		.outcome = s->outcome,
		.loss = mechanism_loss(report, s->outcome),
		.weighted_loss = s->weighted_loss,
		.mean = row->item.aggregate.mean,
		.eta = s->eta,
		.weight = s->weights[at],
		.epoch = s->epoch,
		.block = row->item.block,
		.at = s->at,
		.hash = s->hash,
		.salt = s->has_salt ? s->salt : NULL,
	};
	h->round = s->last_round[at];
	return true;
}

/* What the step points to, copied out of the settlement's row. */
static bool own_step(struct arena *a, struct candor_settlement *step)
{
	uint8_t *hash = arena_alloc(a, CHAIN_BYTES), *salt = step->salt ? arena_alloc(a, CHAIN_SALT_BYTES) : NULL;
	step->item = arena_strdup(a, step->item);
	if (!step->item || !hash || (step->salt && !salt))
		return false;
	step->hash = memcpy(hash, step->hash, CHAIN_BYTES);
	if (salt)
		step->salt = memcpy(salt, step->salt, CHAIN_SALT_BYTES);
	return true;
}

/* As of the moment of reading: more may have been archived since the call. */
static int read_boundary(struct history_read *h, struct db *db, struct arena *scratch)
{
	struct archive_row row;
	int found = db_archive(db, scratch, h->pool, &row);
	if (found == 1)
		h->archived = row.last;
	return found < 0 ? found : 0;
}

static bool is_left(const struct history_read *h)
{
	return h->round > h->archived && h->n_steps < h->call->wire->request.limit;
}

/* On another thread, as many rounds at a time as take about half a millisecond. Each settlement is read into a scratch
 * arena: a page may cover many thousand reports. */
static void read_trajectory(struct read_job *job, struct db *db)
{
	enum { SLICE_STEPS = 64, SLICE_REPORTS = 8192 };
	struct history_read *h = (struct history_read *)job;
	size_t limit = h->call->wire->request.limit;
	struct arena scratch;
	arena_init(&scratch, SIZE_MAX / 2);
	size_t steps = 0, reports = 0;
	if (!h->steps)
		h->steps = arena_alloc(h->call->arena, limit * sizeof *h->steps);
	job->err = h->steps ? db_begin(db) : -ENOMEM;
	bool begun = job->err == 0;
	if (begun)
		job->err = read_boundary(h, db, &scratch);
	while (job->err == 0 && is_left(h) && steps++ < SLICE_STEPS && reports < SLICE_REPORTS) {
		struct settled_row row;
		arena_reset(&scratch);
		int found = db_settlement(db, &scratch, h->pool, h->round, &row);
		if (found != 1 || !take_step(h, &row)) {
			job->err = found < 0 ? found : ERR_HISTORY;
			break;
		}
		reports += row.item.reports.n;
		struct candor_settlement *step = &h->steps[h->n_steps - 1];
		if (!own_step(h->call->arena, step))
			job->err = -ENOMEM;
	}
	if (begun)
		db_end(db);
	arena_free(&scratch);
	job->unfinished = job->err == 0 && is_left(h);
}

/* What the labeler has now, and the trajectory if one was asked for. */
static enum engine_outcome reply_labeler(struct call *call, struct engine_pool *c, uint32_t id,
					 const struct history_read *h)
{
	struct candor_response r = {.type = CANDOR_RES_LABELER, .next = ""};
	engine_describe_labeler(c, id, &r.labeler);
	if (h) {
		r.n = h->n_steps;
		r.history = h->steps;
		uint64_t next = engine_shorten(h->engine, &r) ? h->steps[r.n].round : h->round;
		r.archived = next > 0 && next <= h->archived;
		if (next && !r.archived)
			r.next = write_place(call->arena, 'h', c->id, next);
	}
	if (!r.next)
		return engine_refuse_error(call, -ENOMEM);
	return engine_reply(call, &r, c->changed);
}

static bool answer_trajectory(struct history_read *h)
{
	/* Memory may have been rebuilt meanwhile; pools and labelers that were on disk are there again, under their
	 * ids. */
	struct engine_pool *c = engine_find(h->engine, h->call->wire->request.pool);
	if (!c || h->labeler >= pool_labelers(c->pool))
		engine_refuse_error(h->call, ERR_HISTORY);
	else
		reply_labeler(h->call, c, h->labeler, h);
	return false;
}

enum engine_outcome engine_get_labeler(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	uint32_t id = pool_find_labeler(c->pool, r->labeler, strlen(r->labeler));
	if (id == NAMES_NONE)
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena, "labeler '%s' does not exist in this pool", r->labeler));
	uint64_t round = pool_labeler(c->pool, id)->last_round;
	if (r->cursor[0] &&
	    (!read_place(r->cursor, 'h', c->id, &round) || round == 0 || round > pool_totals(c->pool)->round))
		return engine_refuse_cursor(call);
	if (!r->history || round == 0)
		return reply_labeler(call, c, id, NULL);
	struct history_read *h = new_read(e, c, call);
	if (!h)
		return engine_refuse_error(call, -ENOMEM);
	h->labeler = id;
	h->round = round;
	h->work = read_trajectory;
	h->bytes = e->limits.load_bytes; /* a settlement is as large as the largest item */
	h->answer = answer_trajectory;
	return start(h, c->changed);
}

/* ---- who did what ---- */

/* On another thread. */
static void read_events(struct read_job *job, struct db *db)
{
	struct history_read *h = (struct history_read *)job;
	const struct candor_request *r = &h->call->wire->request;
	h->events = arena_alloc(h->call->arena, r->limit * sizeof *h->events);
	if (!h->events) {
		job->err = -ENOMEM;
		return;
	}
	int n = db_events(db, h->call->arena, r->pool[0] ? r->pool : NULL, h->before, &h->round, r->limit, h->events);
	job->err = n < 0 ? n : 0;
	h->n_events = n < 0 ? 0 : (size_t)n;
}

static bool answer_events(struct history_read *h)
{
	struct candor_response r = {.type = CANDOR_RES_EVENTS, .n = h->n_events, .next = ""};
	struct candor_event *rows = arena_alloc(h->call->arena, r.n * sizeof *rows);
	for (size_t i = 0; rows && i < r.n; i++) {
		const struct event_row *e = &h->events[i];
		rows[i] = (struct candor_event){e->change, e->at, e->by, e->pool, e->action, e->subject, e->detail};
	}
	r.events = rows;
	bool is_short = rows && engine_shorten(h->engine, &r);
	if (is_short || (r.n > 0 && r.n == h->call->wire->request.limit)) {
		/* h->round is where all of them end; from the last change that is told it is looked for. */
		const uint64_t place[2] = {h->events[r.n - 1].change, is_short ? UINT64_MAX : h->round};
		r.next = engine_write_cursor(h->call->arena, 'e', place, 2);
	}
	if (rows && r.next)
		engine_reply(h->call, &r, 0);
	else
		engine_refuse_error(h->call, -ENOMEM);
	return false;
}

enum engine_outcome engine_list_events(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	uint64_t place[2] = {UINT64_MAX, UINT64_MAX};
	if (r->cursor[0] && !engine_read_cursor(r->cursor, 'e', place, 2))
		return engine_refuse_cursor(call);
	if (r->pool[0] && !engine_find(e, r->pool))
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena, "pool '%s' does not exist", r->pool));
	struct history_read *h = calloc(1, sizeof *h);
	if (!h)
		return engine_refuse_error(call, -ENOMEM);
	*h = (struct history_read){.engine = e, .call = call, .before = place[0], .round = place[1]};
	h->work = read_events;
	h->answer = answer_events;
	return start(h, e->progress.changes);
}
