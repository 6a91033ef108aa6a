/* Commands that change pools. Each row of a request is judged by itself: good ones are applied, and the answer
 * lists the others. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/engine/access.h"
#include "daemon/engine/charge.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/items.h"
#include "daemon/engine/log_trim.h"
#include "daemon/engine/record.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/slices.h"
#include "lib/base/text.h"

/* Rows that are prefetched together. */
enum { GROUP = 32 };

/* ---- the answer to a batch ---- */

/* What is the same for all reports of a request. */
struct post {
	bool for_all; /* labelers */
	size_t grants; /* of the peer, with which each row may be compared */
	uint32_t opener; /* for whom items that it opens count; found with the first of them */
	const char *memory_full, *one_too_many; /* sentences, made once for all rows */
};

/* It lives in the call's arena, and from one slice to the next. The list of rejected rows has the first ones, as many
 * as an answer has room for. */
struct result {
	struct call *call;
	size_t next; /* row */
	uint64_t now;
	struct candor_batch counts;
	struct candor_rejected *rejected; /* so that listing a row cannot fail half-way */
	size_t n_rejected, max_rejected;
	size_t room_bytes; /* left in the answer */
	struct post post;
};

/* The one that the call has, or a new one; NULL: no memory. */
static struct result *begin(struct engine *e, struct call *call)
{
	enum { SHORTEST_BYTES = 12 }; /* of a row of the list */
	struct result *r = call->progress;
	if (r)
		return r;
	size_t most = e->limits.max_frame_bytes / SHORTEST_BYTES, n = call->wire->request.n;
	r = arena_alloc(call->arena, sizeof *r);
	struct candor_rejected *rejected = arena_alloc(call->arena, (n < most ? n : most) * sizeof *rejected);
	if (!r || !rejected)
		return NULL;
	*r = (struct result){
		.call = call,
		.now = e->ops.now_ms(e->owner),
		.rejected = rejected,
		.max_rejected = n < most ? n : most,
		.room_bytes = e->limits.max_frame_bytes - WIRE_ANSWER_BYTES,
	};
	return call->progress = r;
}

static enum engine_outcome pause(struct engine *e, struct result *r,
				 enum engine_outcome (*go_on)(struct engine *e, struct call *call))
{
	return engine_pause_writing(e, r->call, r->call->wire->request.n, go_on);
}

/* sentence: NULL where there was no memory for one. */
static void reject(struct result *r, size_t index, enum candor_code code, const char *sentence)
{
	const struct candor_rejected row = {(uint32_t)index, code, sentence ? sentence : "rejected"};
	size_t bytes = wire_rejected_bytes(&row);
	if (r->counts.rejected_omitted || r->n_rejected == r->max_rejected || bytes > r->room_bytes) {
		r->counts.rejected_omitted++;
		return;
	}
	r->room_bytes -= bytes;
	r->rejected[r->n_rejected++] = row;
}

/* For reject(). Nothing is said of a row that will not be listed. */
#define SENTENCE(r, ...) ((r)->counts.rejected_omitted ? NULL : arena_printf((r)->call->arena, __VA_ARGS__))

/* True if row i was found wrong when it was decoded, and lists it. */
static bool is_faulty(struct result *r, size_t i)
{
	const char *const *fault = r->call->wire->row_fault;
	if (!fault || !fault[i])
		return false;
	reject(r, i, CANDOR_INVALID_ARGUMENT, fault[i]);
	return true;
}

/* limit: what to say where it is a limit that was reached. */
static void reject_error(struct result *r, size_t i, int err, const char *limit)
{
	reject(r, i, CANDOR_RESOURCE_EXHAUSTED, err == ERR_FULL ? limit : candor_strerror(err));
}

static void reject_unknown(struct result *r, size_t i, const char *item)
{
	reject(r, i, CANDOR_NOT_FOUND, SENTENCE(r, "item '%s' does not exist: nothing was reported on it", item));
}

/* What one request adds to the batch is bounded, for it may name a thousand items with many thousand reports. True if
 * row i must be sent again, and lists it. */
static bool is_too_much(const struct engine *e, struct result *r, size_t i)
{
	if (engine_batch_pressure(e) < PRESSURE_CRITICAL)
		return false;
	reject(r, i, CANDOR_RESOURCE_EXHAUSTED,
	       "this request has more changes than can wait for the disk; send this row again, with fewer rows per "
	       "request");
	return true;
}

static void count_reports(struct figures *f, const struct result *r)
{
	f->reports[REPORT_ACCEPTED] += r->counts.accepted;
	f->reports[REPORT_DUPLICATE] += r->counts.duplicates;
	f->reports[REPORT_REVISED] += r->counts.revised;
	f->reports[REPORT_REJECTED] += r->n_rejected + r->counts.rejected_omitted;
}

static enum engine_outcome finish(struct engine *e, struct result *r, struct engine_pool *c)
{
	c->activity += r->call->wire->request.n;
	engine_measure(e, c);
	engine_note_write(e, r->call->wire->request.n);
	engine_let_go(e, r->call);
	if (r->call->wire->request.type == CANDOR_REQ_POST_REPORTS)
		count_reports(&e->figures, r);
	struct candor_response response = {
		.type = CANDOR_RES_BATCH,
		.batch = r->counts,
		.n_rejected = r->n_rejected,
		.rejected = r->rejected,
	};
	return engine_reply(r->call, &response, c->changed);
}

/* ---- pools ---- */

/* A client that repeats a creation whose answer was lost learns from this that the pool exists: so it must be on
 * disk. */
static enum engine_outcome refuse_existing(struct call *call, const struct engine_pool *c)
{
	const char *sentence = arena_printf(call->arena, "pool '%s' already exists", c->name);
	struct candor_response r = {.code = CANDOR_ALREADY_EXISTS,
				    .message = sentence ? sentence : "pool already exists"};
	return engine_reply(call, &r, c->changed);
}

enum engine_outcome engine_create_pool(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	struct candor_settings settings = r->settings;
	struct engine_pool *c = engine_find(e, r->pool);
	if (c)
		return refuse_existing(call, c);
	const char *fault = new_name_fault(r->pool);
	if (fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, arena_printf(call->arena, "pool %s", fault));
	mechanism_defaults(&settings);
	fault = mechanism_settings_fault(&settings);
	if (fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, fault);
	if (engine_memory_pressure(e) >= PRESSURE_HIGH)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, engine_say_memory_full(e, call->arena));
	int err = engine_add_pool(e, r->pool, e->ops.now_ms(e->owner), &settings, &c);
	if (err)
		return engine_refuse_error(call, err);
	/* The row comes before what refers to it. */
	engine_record_pool(e, c);
	engine_record_settings(e, c, call);
	return engine_reply_pool(call, c, engine_rights(e, call, c->name));
}

static void merge_settings(struct candor_settings *into, const struct candor_settings *given)
{
	if (given->rate != CANDOR_RATE_UNSPECIFIED && given->rate != into->rate) {
		/* Settings that belong to the old rate alone are dropped. */
		*into = (struct candor_settings){.rate = given->rate, .share = into->share, .entry = into->entry};
		mechanism_defaults(into);
	}
	double *to[] = {&into->c, &into->beta, &into->eta, &into->horizon, &into->share, &into->entry};
	const double from[] = {given->c, given->beta, given->eta, given->horizon, given->share, given->entry};
	for (size_t i = 0; i < sizeof from / sizeof *from; i++)
		if (from[i] != 0)
			*to[i] = from[i];
}

enum engine_outcome engine_update_pool(struct engine *e, struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	struct engine_pool *c = call->pool;
	struct candor_settings settings = *pool_settings(c->pool);
	merge_settings(&settings, &r->settings);
	const char *fault = mechanism_settings_fault(&settings);
	if (fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, fault);
	int err = pool_update(c->pool, &settings);
	engine_measure(e, c);
	if (err == ERR_FULL)
		return engine_refuse(
			call, CANDOR_RESOURCE_EXHAUSTED,
			"the pool has reached its limit of 65535 different entry weights; create another pool");
	if (err)
		return engine_refuse_error(call, err);
	/* The labelers' rows stay as they are: a start brings them up to what this did. */
	engine_record_settings(e, c, call);
	return engine_reply_pool(call, c, engine_rights(e, call, c->name));
}

/* ---- reports ---- */

static void open_item(struct engine *e, struct engine_pool *c, struct item *item, const char *name, const char *by,
		      uint32_t opener, uint64_t now)
{
	engine_item_leaves(e, item);
	engine_item_opened(e, item, opener);
	item->own.number = ++e->progress.items;
	item->own.opened_at = now;
	engine_add_open(c, item);
	struct open_item_row row = {.id = item->own.number, .pool = c->id, .name = name, .opened_at = now, .by = by};
	engine_add(e, CHANGE_OPEN_ITEM, &row);
}

/* Writes down what pool_report() did. A sequence must be in the log even where the value is the same. */
static void add_report(struct engine *e, struct engine_pool *c, struct item *item, const struct candor_report *report,
		       int what, const struct pool_reported *done, uint64_t now)
{
	if (done->joined)
		engine_record_joining(e, c, done->labeler, now);
	struct log_row row = {
		.change = engine_next_change(e, c),
		.item = item->own.number,
		.labeler = done->labeler,
		.value = report->value,
		.at = now,
		.sequence = report->sequence,
	};
	engine_add(e, CHANGE_LOG, &row);
	if (what == POOL_REVISED) {
		struct revision_row revision = {row.change, row.item, row.labeler, done->old, row.value, now};
		engine_add(e, CHANGE_REVISION, &revision);
	}
	item->own.changed = row.change;
	engine_log_added(e, row.change);
	engine_log_item(e, item, row.change);
	if (what != POOL_RENUMBERED)
		e->progress.reports++;
}

static const char *not_open(const struct engine_pool *c, const struct item *item)
{
	if (engine_is_archived(c, item))
		return "item is resolved and its reports are in an archive; reports are accepted only while it is open";
	switch (item->state) {
	case CANDOR_CLOSED: return "item is closed; reports are accepted only while it is open";
	case CANDOR_RESOLVED: return "item is resolved; reports are accepted only while it is open";
	case CANDOR_VOID: return "item is void; reports are accepted only while it is open";
	case CANDOR_STATE_UNSPECIFIED:
	case CANDOR_OPEN: break;
	}
	return "item does not accept reports";
}

/* Which limit a report has reached. */
static const char *say_full(const struct item *item)
{
	static_assert(ITEM_REPORTS_MAX == 65535, "the sentence says so");
	return item->n == ITEM_REPORTS_MAX
		       ? "item has 65535 reports, and an item takes at most 65535 reports"
		       : "the pool has reached its limit of labelers or items (2^28 names), or of different entry "
			 "weights (65535)";
}

/* With many items and labelers most are not in the processor's cache. */
static void prefetch(const struct engine_pool *c, const struct call *call, size_t start)
{
	const struct candor_request *r = &call->wire->request;
	const char *labelers[GROUP];
	size_t n = 0;
	for (size_t i = start; i < start + GROUP && i < r->n; i++) {
		if (!call->items[i])
			continue; /* a faulty row */
		labelers[n++] = r->reports[i].labeler;
		pool_prefetch_reports(call->items[i]);
	}
	pool_prefetch_labelers(c->pool, labelers, n);
}

/* True if row i would create a pool's item or labeler under a name that no new one may have, and lists it. */
static bool is_misnamed(struct engine_pool *c, struct result *result, size_t i, const struct item *item)
{
	const struct candor_report *r = &result->call->wire->request.reports[i];
	const char *field = "item", *fault = item->state == CANDOR_STATE_UNSPECIFIED ? new_name_fault(r->item) : NULL;
	if (!fault) {
		field = "labeler";
		fault = new_name_fault(r->labeler);
		if (fault && pool_find_labeler(c->pool, r->labeler, strlen(r->labeler)) != NAMES_NONE)
			fault = NULL;
	}
	if (fault)
		reject(result, i, CANDOR_INVALID_ARGUMENT, SENTENCE(result, "%s %s", field, fault));
	return fault != NULL;
}

/* True if row i exceeds a limit or the peer's rights, and lists it. */
static bool is_beyond(struct engine *e, struct engine_pool *c, struct result *result, size_t i, const struct item *item)
{
	struct call *call = result->call;
	struct post *post = &result->post;
	const struct candor_report *r = &call->wire->request.reports[i];
	const char *labeler = r->labeler;
	if (!post->for_all && !grants_may_report(e->grants, call->identity, c->name, labeler)) {
		reject(result, i, CANDOR_PERMISSION_DENIED,
		       SENTENCE(result, "%s may not report for labeler '%s'", identity_principal(call->identity),
				labeler));
		return true;
	}
	if (engine_memory_pressure(e) >= PRESSURE_HIGH &&
	    pool_would_grow(c->pool, item, labeler, strlen(labeler), r->sequence)) {
		if (!post->memory_full)
			post->memory_full = engine_say_memory_full(e, call->arena);
		reject(result, i, CANDOR_RESOURCE_EXHAUSTED, post->memory_full);
		return true;
	}
	int may_open = item->state == CANDOR_STATE_UNSPECIFIED ? engine_may_open(e, call, &post->opener) : 1;
	if (may_open < 0)
		reject_error(result, i, may_open, "too many active principals; try again later");
	if (may_open == 0) {
		if (!post->one_too_many)
			post->one_too_many = engine_say_open(e, call);
		reject(result, i, CANDOR_RESOURCE_EXHAUSTED, post->one_too_many);
	}
	return may_open != 1;
}

static void begin_post(struct engine *e, struct result *result)
{
	struct grants_place place = {0};
	struct post *post = &result->post;
	post->for_all = engine_rights(e, result->call, result->call->pool->name) & CANDOR_RIGHT_REPORT;
	while (!post->for_all && grants_applying(e->grants, result->call->identity, &place))
		post->grants++;
}

/* Applies row i. */
static void post(struct engine *e, struct engine_pool *c, struct result *result, size_t i)
{
	struct call *call = result->call;
	const struct candor_report *report = &call->wire->request.reports[i];
	if (is_faulty(result, i) || is_too_much(e, result, i))
		return;
	struct item *item = call->items[i];
	if (is_misnamed(c, result, i, item) || is_beyond(e, c, result, i, item))
		return;
	bool is_new = item->state == CANDOR_STATE_UNSPECIFIED;
	struct pool_reported done;
	/* Whether this repeats a report depends on what is still in memory, so the answer must not. */
	int what = engine_is_archived(c, item) ? ERR_STATE
					       : pool_report(c->pool, item, report->labeler, strlen(report->labeler),
							     report->value, report->sequence, &done);
	if (what == POOL_DUPLICATE) {
		result->counts.duplicates++;
		return;
	}
	if (what == ERR_STATE) {
		reject(result, i, CANDOR_FAILED_PRECONDITION, not_open(c, item));
		return;
	}
	if (what < 0) {
		reject_error(result, i, what, say_full(item));
		return;
	}
	if (is_new)
		open_item(e, c, item, report->item, identity_principal(call->identity), result->post.opener,
			  result->now);
	add_report(e, c, item, report, what, &done, result->now);
	uint64_t *counts[] = {
		[POOL_ADDED] = &result->counts.accepted,
		[POOL_REVISED] = &result->counts.revised,
		[POOL_RENUMBERED] = &result->counts.duplicates,
	};
	++*counts[what];
}

enum engine_outcome engine_post_reports(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	bool begins = !call->progress;
	struct result *result = begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);
	if (begins)
		begin_post(e, result);
	for (; result->next < r->n; result->next++) {
		if (result->next % GROUP == 0) {
			if (engine_may_pause_writing(e, call))
				return pause(e, result, engine_post_reports);
			prefetch(c, call, result->next);
			engine_measure(e, c);
			pool_be_frugal(c->pool, engine_memory_pressure(e) >= PRESSURE_HIGH);
		}
		e->work += ROW_WORK + result->post.grants;
		post(e, c, result, result->next);
	}
	return finish(e, result, c);
}

/* ---- the end of items ---- */

/* An item ceases to be open: its reports leave the log, and it gets its place in the feed. */
static void item_ends_open(struct engine *e, struct engine_pool *c, struct item *item, uint64_t now)
{
	engine_remove_open(c, item);
	engine_log_forget(e, item);
	engine_item_closed(e, item);
	item->own.closed_at = now;
	item->own.changed = engine_next_change(e, c);
	if (item->state != CANDOR_VOID)
		item->own.close_number = ++c->closes;
	engine_item_idle(e, item);
}

enum engine_outcome engine_close_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return pause(e, result, engine_close_items);
		e->work += ROW_WORK;
		if (is_faulty(result, i) || is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			reject_unknown(result, i, r->items[i]);
		} else if (item->state == CANDOR_VOID) {
			reject(result, i, CANDOR_FAILED_PRECONDITION, "item is void and cannot be closed");
		} else if (item->state != CANDOR_OPEN) {
			result->counts.duplicates++;
		} else {
			int err = pool_close(c->pool, item);
			if (err) {
				reject_error(result, i, err, NULL);
				continue;
			}
			item_ends_open(e, c, item, result->now);
			engine_record_item(e, c, item, CHANGE_ITEM, item->own.changed);
			engine_record_item_change(e, c, item, CANDOR_CLOSED, item->own.changed);
			engine_record_event(e, call, item->own.changed, "close", c->name, r->items[i], "");
			result->counts.accepted++;
		}
	}
	return finish(e, result, c);
}

/* Settles an open or closed item and writes it down. */
static int resolve(struct engine *e, struct engine_pool *c, struct item *item, double outcome, const char *by,
		   uint64_t now)
{
	bool was_open = item->state == CANDOR_OPEN;
	struct pool_settled done;
	/* Closed separately, so that the item stays closed if the settlement then fails for lack of memory. */
	int err = was_open ? pool_close(c->pool, item) : 0;
	if (err)
		return err;
	if (was_open)
		item_ends_open(e, c, item, now);
	uint64_t closed = item->own.changed;
	require(item->state == CANDOR_CLOSED);
	err = pool_resolve(c->pool, item, outcome, &done);
	if (err == 0) {
		item->own.changed = engine_next_change(e, c);
		item->own.ended_at = now;
	}
	if (was_open) {
		engine_record_item(e, c, item, CHANGE_ITEM, closed);
		engine_record_item_change(e, c, item, CANDOR_CLOSED, closed);
	}
	if (err)
		return err;
	if (!was_open)
		engine_record_item(e, c, item, CHANGE_ITEM_ENDED, closed);
	engine_record_settlement(e, c, item, &done, 1, by);
	engine_record_item_change(e, c, item, CANDOR_RESOLVED, item->own.changed);
	c->refresh_due += item->n;
	return 0;
}

enum engine_outcome engine_resolve_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	if (r->together)
		return engine_refuse(call, CANDOR_FAILED_PRECONDITION, "this candord does not settle items together");
	struct result *result = begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return pause(e, result, engine_resolve_items);
		e->work += ROW_WORK;
		const struct candor_outcome *o = &r->outcomes[i];
		if (is_faulty(result, i) || is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			reject_unknown(result, i, o->item);
		} else if (item->state == CANDOR_VOID) {
			reject(result, i, CANDOR_FAILED_PRECONDITION, "item is void and cannot be resolved");
		} else if (item->state == CANDOR_RESOLVED && item->frozen->outcome == o->value) {
			result->counts.duplicates++;
		} else if (item->state == CANDOR_RESOLVED) {
			reject(result, i, CANDOR_FAILED_PRECONDITION,
			       SENTENCE(result,
					"item is already resolved with outcome %.17g; value %.17g differs, and an "
					"outcome cannot be changed",
					item->frozen->outcome, o->value));
		} else {
			int err = resolve(e, c, item, o->value, call->peer, result->now);
			if (err)
				reject_error(result, i, err,
					     "the pool has reached its limit of 4294967295 settlements");
			else
				result->counts.accepted++;
		}
	}
	return finish(e, result, c);
}

enum engine_outcome engine_recheck_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return pause(e, result, engine_recheck_items);
		e->work += ROW_WORK;
		if (is_faulty(result, i))
			continue;
		if (call->items[i]->state == CANDOR_STATE_UNSPECIFIED)
			reject_unknown(result, i, r->outcomes[i].item);
		else
			reject(result, i, CANDOR_FAILED_PRECONDITION, "this candord does not keep rechecks");
	}
	return finish(e, result, c);
}

enum engine_outcome engine_void_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return pause(e, result, engine_void_items);
		e->work += ROW_WORK;
		if (is_faulty(result, i) || is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		bool was_open = item->state == CANDOR_OPEN;
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			reject_unknown(result, i, r->items[i]);
		} else if (item->state == CANDOR_VOID) {
			result->counts.duplicates++;
		} else if (pool_void(c->pool, item) != 0) {
			reject(result, i, CANDOR_FAILED_PRECONDITION, "item is resolved and cannot be voided");
		} else {
			item->own.ended_at = result->now;
			if (was_open)
				item_ends_open(e, c, item, result->now);
			else
				item->own.changed = engine_next_change(e, c);
			engine_record_item(e, c, item, was_open ? CHANGE_ITEM : CHANGE_ITEM_ENDED, item->own.changed);
			engine_record_item_change(e, c, item, CANDOR_VOID, item->own.changed);
			engine_record_event(e, call, item->own.changed, "void", c->name, r->items[i], "");
			result->counts.accepted++;
		}
	}
	return finish(e, result, c);
}
