/* Commands that make and change pools, and take reports. */
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
#include "daemon/engine/result.h"
#include "daemon/engine/slices.h"
#include "lib/base/text.h"

/* Rows that are prefetched together. */
enum { GROUP = 32 };

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
		*into = (struct candor_settings){
			.rate = given->rate,
			.share = into->share,
			.entry = into->entry,
			.wrong = into->wrong,
			.scored = into->scored,
			.signs = into->signs,
		};
		mechanism_defaults(into);
	}
	double *to[] = {&into->c, &into->beta, &into->eta, &into->horizon, &into->share, &into->entry};
	const double from[] = {given->c, given->beta, given->eta, given->horizon, given->share, given->entry};
	for (size_t i = 0; i < sizeof from / sizeof *from; i++)
		if (from[i] != 0)
			*to[i] = from[i];
	if (given->has_wrong)
		into->wrong = given->wrong + 0.0; /* -0 is 0 */
	if (given->has_scored)
		into->scored = given->scored;
	if (given->signs != CANDOR_SIGNS_UNSPECIFIED)
		into->signs = given->signs;
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
		result_reject(result, i, CANDOR_INVALID_ARGUMENT, RESULT_SENTENCE(result, "%s %s", field, fault));
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
		result_reject(result, i, CANDOR_PERMISSION_DENIED,
			      RESULT_SENTENCE(result, "%s may not report for labeler '%s'",
					      identity_principal(call->identity), labeler));
		return true;
	}
	if (engine_memory_pressure(e) >= PRESSURE_HIGH &&
	    pool_would_grow(c->pool, item, labeler, strlen(labeler), r->sequence)) {
		if (!post->memory_full)
			post->memory_full = engine_say_memory_full(e, call->arena);
		result_reject(result, i, CANDOR_RESOURCE_EXHAUSTED, post->memory_full);
		return true;
	}
	int may_open = item->state == CANDOR_STATE_UNSPECIFIED ? engine_may_open(e, call, &post->opener) : 1;
	if (may_open < 0)
		result_reject_error(result, i, may_open, "too many active principals; try again later");
	if (may_open == 0) {
		if (!post->one_too_many)
			post->one_too_many = engine_say_open(e, call);
		result_reject(result, i, CANDOR_RESOURCE_EXHAUSTED, post->one_too_many);
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
	if (result_is_faulty(result, i) || result_is_too_much(e, result, i))
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
		result_reject(result, i, CANDOR_FAILED_PRECONDITION, not_open(c, item));
		return;
	}
	if (what < 0) {
		result_reject_error(result, i, what, say_full(item));
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
	struct result *result = result_begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);
	if (begins)
		begin_post(e, result);
	for (; result->next < r->n; result->next++) {
		if (result->next % GROUP == 0) {
			if (engine_may_pause_writing(e, call))
				return result_pause(e, result, engine_post_reports);
			prefetch(c, call, result->next);
			engine_measure(e, c);
			pool_be_frugal(c->pool, engine_memory_pressure(e) >= PRESSURE_HIGH);
		}
		e->work += ROW_WORK + result->post.grants;
		post(e, c, result, result->next);
	}
	return result_finish(e, result, c);
}
