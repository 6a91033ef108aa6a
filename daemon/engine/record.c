#include "daemon/engine/record.h"

#include <string.h>

#include "daemon/engine/waits.h"

/* ---- pools ---- */

void engine_record_pool(struct engine *e, struct engine_pool *c)
{
	struct pool_row row = {
		.id = c->id,
		.name = c->name,
		.created_at = c->created_at,
		.settings = *pool_settings(c->pool),
		.totals = *pool_totals(c->pool),
		.closes = c->closes,
	};
	/* To the last bit; what lies between the members may differ, and then the row is written for nothing. */
	if (memcmp(&c->row.settings, &row.settings, sizeof row.settings) == 0 &&
	    memcmp(&c->row.totals, &row.totals, sizeof row.totals) == 0 && c->row.closes == row.closes)
		return;
	c->row.settings = row.settings;
	c->row.totals = row.totals;
	c->row.closes = row.closes;
	engine_add(e, CHANGE_POOL, &row);
}

void engine_record_settings(struct engine *e, struct engine_pool *c, const struct call *call)
{
	struct settings_row row = {
		.pool = c->id,
		.change = engine_next_change(e, c),
		.at = e->ops.now_ms(e->owner),
		.by = call->peer,
		.settings = *pool_settings(c->pool),
		.epoch = pool_totals(c->pool)->epoch,
	};
	engine_add(e, CHANGE_SETTINGS, &row);
}

/* ---- labelers ---- */

void engine_record_labeler(struct engine *e, struct engine_pool *c, uint32_t id)
{
	struct labeler_row row = {
		.pool = c->id,
		.id = id,
		.state = *pool_labeler(c->pool, id),
		.through = pool_totals(c->pool)->round,
	};
	engine_add(e, CHANGE_LABELER, &row);
}

void engine_record_joining(struct engine *e, struct engine_pool *c, uint32_t id, uint64_t now)
{
	struct labeler_row row = {
		.pool = c->id,
		.id = id,
		.name = pool_labeler_name(c->pool, id, NULL),
		.joined = engine_next_change(e, c),
		.joined_at = now,
		.entry = pool_entry(c->pool, id),
		.state = *pool_labeler(c->pool, id),
		.through = pool_totals(c->pool)->round,
	};
	require(id + 1 == pool_labelers(c->pool));
	engine_add(e, CHANGE_LABELER, &row);
}

/* ---- items ---- */

void engine_record_item(struct engine *e, const struct engine_pool *c, const struct item *item, enum change_type type,
			uint64_t closed)
{
	struct item_row row = {
		.id = item->own.number,
		.pool = c->id,
		.name = pool_item_name(c->pool, item, NULL),
		.state = item->state,
		.close_number = item->own.close_number,
		.closed = closed,
		.opened_at = item->own.opened_at,
		.closed_at = item->own.closed_at,
		.ended_at = item->own.ended_at,
		.reports = {item->n, item_labelers(item), item->values},
	};
	require(item->state != CANDOR_OPEN && item->own.number);
	if (item->frozen) {
		row.aggregate = item->frozen->aggregate;
		row.has_forecast = true;
		row.closed_round = item->frozen->closed_round;
		row.weights = item->frozen->weights;
		row.outcome = item->frozen->outcome;
		row.round = item->frozen->round;
		row.block = item->frozen->block;
	}
	engine_add(e, type, &row);
	e->work += REPORT_WORK * (uint64_t)item->n;
}

void engine_record_settlement(struct engine *e, struct engine_pool *c, const struct item *item,
			      const struct pool_settled *done, size_t together, const char *by)
{
	struct settlement_row row = {
		.pool = c->id,
		.round = done->round,
		.item = item->own.number,
		.outcome = item->frozen->outcome,
		.eta = done->eta,
		.weighted_loss = done->weighted_loss,
		.epoch = done->epoch,
		.at = item->own.ended_at,
		.by = by,
		.change = item->own.changed,
		.n = done->n,
		.weights = done->weights,
		.last_round = done->last_round,
		.has_salt = true,
		.stretch = done->stretch,
		.lesson = done->lesson,
	};
	e->ops.make_salt(e->owner, row.salt);
	const struct chain_record link = {
		.salt = row.salt,
		.together = together,
		.block = done->block ? done->block : done->round,
		.wrong = pool_settings(c->pool)->wrong,
		.scored = done->n,
		.pool = c->name,
		.round = row.round,
		.outcome = row.outcome,
		.eta = row.eta,
		.weighted_loss = row.weighted_loss,
		.epoch = row.epoch,
		.at = row.at,
		.by = by,
	};
	chain_next(c->head, &link, c->pool, item, c->head);
	memcpy(row.hash, c->head, CHAIN_BYTES);
	engine_add(e, CHANGE_SETTLEMENT, &row);
}

void engine_record_recheck(struct engine *e, const struct engine_pool *c, const struct item *item, const char *by,
			   uint64_t now)
{
	const struct recheck_row row = {
		.item = item->own.number,
		.pool = c->id,
		.value = item->frozen->recheck,
		.at = now,
		.by = by,
		.change = item->own.changed,
	};
	require(item->frozen->has_recheck);
	engine_add(e, CHANGE_RECHECK, &row);
}

void engine_record_item_change(struct engine *e, struct engine_pool *c, const struct item *item,
			       enum candor_item_state state, uint64_t change)
{
	const struct item_change_row row = {
		.pool = c->id,
		.change = change,
		.item = item->own.number,
		.state = state,
		.round = state == CANDOR_RESOLVED ? item->frozen->round : 0,
	};
	require(change > c->item_changed);
	c->item_changed = change;
	engine_add(e, CHANGE_ITEM_CHANGE, &row);
	engine_wake_when_durable(e, c, change);
}

/* ---- events ---- */

void engine_record_event(struct engine *e, const struct call *call, uint64_t change, const char *action,
			 const char *pool, const char *subject, const char *detail)
{
	const struct event_row row = {
		.change = change,
		.at = e->ops.now_ms(e->owner),
		.by = call->peer,
		.pool = pool,
		.action = action,
		.subject = subject,
		.detail = detail,
	};
	if (detail)
		engine_add(e, CHANGE_EVENT, &row);
	else
		engine_break(e);
}
