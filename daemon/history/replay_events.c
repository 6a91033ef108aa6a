/* What happened to a pool, event by event through lib/pool, and what each came to against what was written of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history/replay_internal.h"

int replay_settings(struct replay *r, const struct settings_row *row)
{
	if (row->epoch > 0)
		replay_compare_count(r, "the pool's settings", "the epoch of a change", row->epoch,
				     r->pool ? pool_totals(r->pool)->epoch : 0);
	return r->pool ? pool_update(r->pool, &row->settings) : pool_new(&r->pool, &row->settings, r->source.key);
}

int replay_keep_written(struct replay *r, const struct labeler_row *row)
{
	if (!r->source.labelers_too)
		return 0;
	if (r->n_written == r->written_cap) {
		size_t cap = r->written_cap * 2 + 64;
		struct written *grown = realloc(r->written, cap * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		r->written = grown;
		r->written_cap = cap;
	}
	const struct labeler *l = &row->state;
	r->written[r->n_written++] =
		(struct written){l->weight, row->through, l->last_round, l->epoch, row->through >= r->began};
	return 0;
}

/* The labelers that the settlement of `round` scores, as they are before. What adds up is compared at the end. */
static void compare_written(struct replay *r, const struct item *item, size_t scored, uint64_t round)
{
	for (size_t i = 0; i < scored && r->source.labelers_too; i++) {
		uint32_t id = item_labelers(item)[i];
		struct written *w = &r->written[id];
		if (!w->due || w->through >= round)
			continue;
		pool_bring_up_stored(r->pool, id, &w->weight, &w->epoch);
		const struct labeler *l = pool_labeler(r->pool, id);
		const char *name = pool_labeler_name(r->pool, id, NULL);
		replay_compare(r, name, "the weight in its row", w->weight, l->weight);
		replay_compare_count(r, name, "the last round in its row", w->last_round, l->last_round);
		replay_compare_count(r, name, "the epoch in its row", w->epoch, l->epoch);
		w->due = false;
	}
}

int replay_join(struct replay *r, const struct labeler_row *row)
{
	double entry = pool_settings(r->pool)->entry;
	replay_compare(r, row->name, "entry weight", row->entry, entry);
	const struct labeler l = {
		.weight = entry,
		.epoch = (uint8_t)pool_totals(r->pool)->epoch,
		.track = forecast_new_labeler(),
	};
	int err = replay_keep_written(r, row);
	return err ? err : pool_restore_labeler(r->pool, row->name, strlen(row->name), entry, &l);
}

static int apply_reports(struct replay *r, struct item *item, const struct packed_reports *reports)
{
	for (size_t i = 0; i < reports->n; i++) {
		struct pool_reported done;
		size_t len;
		if (reports->labelers[i] >= pool_labelers(r->pool))
			return ERR_HISTORY;
		const char *labeler = pool_labeler_name(r->pool, reports->labelers[i], &len);
		int what = pool_report(r->pool, item, labeler, len, reports->values[i], 0, &done);
		if (what != POOL_ADDED)
			return what < 0 ? what : ERR_HISTORY;
	}
	return 0;
}

static int compare_closing(struct replay *r, const struct item_row *row)
{
	const struct item_change_row want = {r->source.id, row->closed, row->id, CANDOR_CLOSED, 0};
	return replay_compare_change(r, &want, row->name);
}

/* Of what was archived before the list was kept, the numbers are not those that the archive has. */
static int compare_outcome(struct replay *r, const struct settlement_row *s, const char *name, bool archived)
{
	const struct item_change_row want = {r->source.id, s->change, s->item, CANDOR_RESOLVED, s->round};
	return archived ? 0 : replay_compare_change(r, &want, name);
}

int replay_close(struct replay *r, const struct item_row *row, bool archived)
{
	struct item *item;
	replay_compare_count(r, row->name, "close number", row->close_number, ++r->closes);
	if (row->archived || pool_find_item(r->pool, row->name, strlen(row->name)))
		return ERR_HISTORY;
	int err = pool_add_item(r->pool, row->name, strlen(row->name), &item);
	if (err == 0)
		err = apply_reports(r, item, &row->reports);
	if (err == 0)
		err = pool_close(r->pool, item);
	if (err)
		return err;
	err = compare_closing(r, row);
	if (err)
		return err;
	replay_compare_aggregate(r, row->name, &row->aggregate, &item->frozen->aggregate);
	/* Archives made before schema 6 have no forecasts; the database has them then. */
	if (r->source.closed)
		err = r->source.closed(r->source.arg, row->id, item->frozen);
	else if (!archived || row->has_forecast)
		replay_compare_forecast(r, row, item->frozen);
	for (size_t i = 0; i < row->reports.n; i++)
		replay_compare(r, row->name, "a weight at closing", row->weights[i], item->frozen->weights[i]);
	if (err == 0 && archived)
		err = replay_compare_kept(r, row, item->frozen);
	/* Only what will be settled is needed any longer. */
	if (err == 0 && row->state == CANDOR_VOID)
		err = pool_void(r->pool, item);
	if (row->state != CANDOR_RESOLVED)
		pool_drop_item(r->pool, item);
	return err;
}

/* It is settled later, or never; it is taken as written. */
int replay_closed_before(struct replay *r, const struct item_row *row, uint64_t *closed)
{
	struct item *item;
	const struct frozen frozen = {.aggregate = row->aggregate, .closed_round = row->closed_round};
	if (row->state == CANDOR_VOID)
		return 0;
	if (row->archived || !row->has_forecast || pool_find_item(r->pool, row->name, strlen(row->name)))
		return ERR_HISTORY;
	for (size_t i = 0; i < row->reports.n; i++)
		if (row->reports.labelers[i] >= pool_labelers(r->pool))
			return ERR_HISTORY;
	++*closed;
	int err = compare_closing(r, row);
	if (err || row->state != CANDOR_RESOLVED)
		return err;
	err = pool_add_item(r->pool, row->name, strlen(row->name), &item);
	if (err == 0)
		err = pool_restore_reports(r->pool, item, row->reports.labelers, row->reports.values, NULL,
					   row->reports.n);
	return err ? err : pool_restore_frozen(r->pool, item, CANDOR_CLOSED, &frozen, row->weights);
}

void replay_check_head(struct replay *r, uint64_t round)
{
	if (r->source.head_round == round && memcmp(r->source.head, r->head, CHAIN_BYTES) != 0)
		replay_differ(r, "round %" PRIu64 " does not match the head given: history up to it was rewritten",
			      round);
}

/* ---- settlements ---- */

/* Each hash is held against the one written before it, so that what was changed is named, and not all that follows. */
static void check_link(struct replay *r, const struct settlement_row *s, const struct item *item,
		       const struct pool_settled *done, size_t together)
{
	const struct chain_record link = {
		.salt = s->has_salt ? s->salt : NULL,
		.together = s->stretch > 0 && s->has_salt ? together : 0,
		.block = done->block ? done->block : done->round,
		.wrong = pool_settings(r->pool)->wrong,
		.scored = s->n,
		.pool = r->source.name,
		.round = s->round,
		.outcome = s->outcome,
		.eta = s->eta,
		.weighted_loss = s->weighted_loss,
		.epoch = s->epoch,
		.at = s->at,
		.by = s->by,
	};
	uint8_t hash[CHAIN_BYTES];
	chain_next(r->head, &link, r->pool, item, hash);
	if (memcmp(hash, s->hash, CHAIN_BYTES) != 0)
		replay_differ(r, "round %" PRIu64 ", item %s: the settlement's hash does not match its contents",
			      s->round, pool_item_name(r->pool, item, NULL));
	memcpy(r->head, s->hash, CHAIN_BYTES);
	replay_check_head(r, s->round);
}

static void compare_settlement(struct replay *r, const struct settled_row *row, const struct pool_settled *done)
{
	const struct settlement_row *s = &row->settlement;
	const char *name = row->item.name;
	replay_compare_count(r, name, "round", s->round, done->round);
	replay_compare_count(r, name, "block", row->item.block, done->block);
	replay_compare_count(r, name, "epoch", s->epoch, done->epoch);
	replay_compare(r, name, "eta", s->eta, done->eta);
	replay_compare(r, name, "L", s->weighted_loss, done->weighted_loss);
	replay_compare_count(r, name, "scored reports", s->n, done->n);
	for (size_t i = 0; i < s->n && i < done->n; i++) {
		replay_compare(r, name, "a weight after settlement", s->weights[i], done->weights[i]);
		replay_compare_count(r, name, "a labeler's previous round", s->last_round[i], done->last_round[i]);
	}
	/* Those made before schema 6 do not say it. */
	if (s->stretch == 0)
		return;
	replay_compare_count(r, name, "stretch", s->stretch, done->stretch);
	replay_compare(r, name, "the regression's gradient", s->lesson.gradient, done->lesson.gradient);
	replay_compare(r, name, "the regression's variance", s->lesson.variance, done->lesson.variance);
}

int replay_settle(struct replay *r, const struct settled_row *rows, size_t n, bool archived)
{
	struct item **items = arena_alloc(&r->block, n * sizeof(struct item *));
	double *outcomes = arena_alloc(&r->block, n * sizeof *outcomes);
	struct pool_settled *done = arena_alloc(&r->block, n * sizeof *done);
	if (!items || !outcomes || !done)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		items[i] = pool_find_item(r->pool, rows[i].item.name, strlen(rows[i].item.name));
		if (!items[i] || rows[i].settlement.n > items[i]->n)
			return ERR_HISTORY;
		outcomes[i] = rows[i].settlement.outcome;
		compare_written(r, items[i], rows[i].settlement.n, rows[i].settlement.round);
	}
	int err = pool_resolve_together(r->pool, items, outcomes, n, done);
	if (err)
		return err;
	for (size_t i = 0; i < n && err == 0; i++) {
		compare_settlement(r, &rows[i], &done[i]);
		check_link(r, &rows[i].settlement, items[i], &done[i], n);
		err = compare_outcome(r, &rows[i].settlement, rows[i].item.name, archived);
		r->settled++;
		r->reports += items[i]->n;
		pool_drop_item(r->pool, items[i]);
	}
	return err;
}
