/* Commands that end items: each row of a request is judged by itself, unless outcomes are settled together. */
#include <errno.h>

#include "daemon/engine/block.h"
#include "daemon/engine/closing.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/record.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/result.h"
#include "daemon/engine/slices.h"

enum engine_outcome engine_close_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = result_begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return result_pause(e, result, engine_close_items);
		e->work += ROW_WORK;
		if (result_is_faulty(result, i) || result_is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			result_reject_unknown(result, i, r->items[i]);
		} else if (item->state == CANDOR_VOID) {
			result_reject(result, i, CANDOR_FAILED_PRECONDITION, "item is void and cannot be closed");
		} else if (item->state != CANDOR_OPEN) {
			result->counts.duplicates++;
		} else {
			int err = pool_close(c->pool, item);
			if (err) {
				result_reject_error(result, i, err, NULL);
				continue;
			}
			engine_end_open(e, c, item, result->now);
			engine_record_item(e, c, item, CHANGE_ITEM, item->own.changed);
			engine_record_item_change(e, c, item, CANDOR_CLOSED, item->own.changed);
			engine_record_event(e, call, item->own.changed, "close", c->name, r->items[i], "");
			result->counts.accepted++;
		}
	}
	return result_finish(e, result, c);
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
		engine_end_open(e, c, item, now);
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
		return engine_resolve_together(e, call);
	struct result *result = result_begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return result_pause(e, result, engine_resolve_items);
		e->work += ROW_WORK;
		const struct candor_outcome *o = &r->outcomes[i];
		if (result_is_faulty(result, i) || result_is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			result_reject_unknown(result, i, o->item);
		} else if (item->state == CANDOR_VOID) {
			result_reject(result, i, CANDOR_FAILED_PRECONDITION, "item is void and cannot be resolved");
		} else if (item->state == CANDOR_RESOLVED && item->frozen->outcome == o->value) {
			result->counts.duplicates++;
		} else if (item->state == CANDOR_RESOLVED) {
			result_reject(
				result, i, CANDOR_FAILED_PRECONDITION,
				RESULT_SENTENCE(
					result,
					"item is already resolved with outcome %.17g; value %.17g differs, and an "
					"outcome cannot be changed",
					item->frozen->outcome, o->value));
		} else {
			int err = resolve(e, c, item, o->value, call->peer, result->now);
			if (err)
				result_reject_error(result, i, err,
						    "the pool has reached its limit of 4294967295 settlements");
			else
				result->counts.accepted++;
		}
	}
	return result_finish(e, result, c);
}

/* Why an item that is there is not one to recheck. */
static const char *not_resolved(const struct item *item)
{
	switch (item->state) {
	case CANDOR_OPEN: return "item is open; only a resolved item can be rechecked";
	case CANDOR_CLOSED: return "item is closed without an outcome; only a resolved item can be rechecked";
	case CANDOR_VOID: return "item is void; only a resolved item can be rechecked";
	case CANDOR_STATE_UNSPECIFIED:
	case CANDOR_RESOLVED: break;
	}
	return "item cannot be rechecked";
}

/* Keeps a second verdict on the item of row i, or lists why not. */
static void recheck(struct engine *e, struct engine_pool *c, struct result *result, size_t i)
{
	const struct candor_outcome *o = &result->call->wire->request.outcomes[i];
	struct item *item = result->call->items[i];
	if (item->state == CANDOR_STATE_UNSPECIFIED) {
		result_reject_unknown(result, i, o->item);
		return;
	}
	int what = pool_recheck(c->pool, item, o->value);
	if (what == RECHECK_ADDED) {
		item->own.changed = engine_next_change(e, c);
		engine_record_recheck(e, c, item, result->call->peer, result->now);
		result->counts.accepted++;
	} else if (what == RECHECK_DUPLICATE) {
		result->counts.duplicates++;
	} else if (what == ERR_CONFLICT) {
		result_reject(
			result, i, CANDOR_FAILED_PRECONDITION,
			RESULT_SENTENCE(result,
					"item is already rechecked with %.17g; value %.17g differs, and a recheck "
					"cannot be changed",
					item->frozen->recheck, o->value));
	} else {
		result_reject(result, i, CANDOR_FAILED_PRECONDITION, not_resolved(item));
	}
}

enum engine_outcome engine_recheck_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = result_begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		if (engine_may_pause_writing(e, call))
			return result_pause(e, result, engine_recheck_items);
		e->work += ROW_WORK;
		if (!result_is_faulty(result, result->next) && !result_is_too_much(e, result, result->next))
			recheck(e, c, result, result->next);
	}
	return result_finish(e, result, c);
}

enum engine_outcome engine_void_items(struct engine *e, struct call *call)
{
	struct engine_pool *c = call->pool;
	const struct candor_request *r = &call->wire->request;
	struct result *result = result_begin(e, call);
	if (!result)
		return engine_refuse_error(call, -ENOMEM);

	for (; result->next < r->n; result->next++) {
		size_t i = result->next;
		if (engine_may_pause_writing(e, call))
			return result_pause(e, result, engine_void_items);
		e->work += ROW_WORK;
		if (result_is_faulty(result, i) || result_is_too_much(e, result, i))
			continue;
		struct item *item = call->items[i];
		bool was_open = item->state == CANDOR_OPEN;
		if (item->state == CANDOR_STATE_UNSPECIFIED) {
			result_reject_unknown(result, i, r->items[i]);
		} else if (item->state == CANDOR_VOID) {
			result->counts.duplicates++;
		} else if (pool_void(c->pool, item) != 0) {
			result_reject(result, i, CANDOR_FAILED_PRECONDITION, "item is resolved and cannot be voided");
		} else {
			item->own.ended_at = result->now;
			if (was_open)
				engine_end_open(e, c, item, result->now);
			else
				item->own.changed = engine_next_change(e, c);
			engine_record_item(e, c, item, was_open ? CHANGE_ITEM : CHANGE_ITEM_ENDED, item->own.changed);
			engine_record_item_change(e, c, item, CANDOR_VOID, item->own.changed);
			engine_record_event(e, call, item->own.changed, "void", c->name, r->items[i], "");
			result->counts.accepted++;
		}
	}
	return result_finish(e, result, c);
}
