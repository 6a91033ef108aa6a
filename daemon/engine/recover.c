/* Labelers' rows lag behind their state by a bounded number of settlements (upkeep.c), and each says up
 * to which round it holds. The settlements since the one that lags most are read, block by block, and each reporter
 * whose row is older takes from them what the settlement made of it. What changes of settings did to all weights is
 * done by the pool, to the rows that are as of an older epoch. */
#include "daemon/engine/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/charge.h"
#include "daemon/engine/log_trim.h"
#include "daemon/engine/removal.h"
#include "daemon/history/checkpoint.h"
#include "lib/base/log.h"

enum { ROWS_UNTOLD = 1024 };

/* Whether whoever waits for the state still does; now and then they hear how far it is. */
static bool going_on(struct engine *e)
{
	bool tell = e->ops.recovering && e->recovered.done++ % ROWS_UNTOLD == 0;
	return !tell || e->ops.recovering(e->owner, e->recovered.done, e->recovered.total);
}

static int next_row(struct engine *e, struct db_cursor *cursor, const void **row)
{
	return going_on(e) ? db_cursor_next(cursor, row) : -ECANCELED;
}

/* Each row of a cursor; `err` is then 0, or what next_row() returned. */
#define EACH(cursor, row) while ((err = next_row(e, cursor, (const void **)&(row))) == 1)

static int contradiction(const char *what, uint64_t number)
{
	log_error("database: %s %llu contradicts the rest of the history", what, (unsigned long long)number);
	return ERR_HISTORY;
}

/* ---- labelers ---- */

struct lag {
	uint64_t *through; /* by labeler: the round up to which its row holds */
	uint64_t *joined; /* by labeler: the change with which it joined; ascending */
	size_t n, cap;
	uint64_t least;
};

static int add_lag(struct lag *lag, uint64_t through, uint64_t joined)
{
	if (lag->n == lag->cap) {
		size_t cap = lag->cap * 2 + 1024;
		uint64_t **arrays[] = {&lag->through, &lag->joined};
		for (size_t i = 0; i < 2; i++) {
			uint64_t *grown = realloc(*arrays[i], cap * sizeof *grown);
			if (!grown)
				return -ENOMEM;
			*arrays[i] = grown;
		}
		lag->cap = cap;
	}
	lag->through[lag->n] = through;
	lag->joined[lag->n++] = joined;
	if (through < lag->least)
		lag->least = through;
	return 0;
}

/* The settlements that an old row lacks may be archived: then the checkpoint has its state. */
static int read_labelers(struct engine *e, struct engine_pool *c, unsigned epoch, uint64_t archived, struct lag *lag)
{
	struct db_cursor *cursor;
	const struct labeler_row *row;
	struct checkpoint_reader checkpoint;
	int err = checkpoint_open(&checkpoint, e->db, c->id);
	if (err)
		return err;
	err = db_cursor_open(e->db, DB_LABELERS, c->id, 0, &cursor);
	if (err) {
		checkpoint_close(&checkpoint);
		return err;
	}
	EACH(cursor, row)
	{
		const struct labeler *state = &row->state, *then;
		uint64_t through = row->through;
		if (row->id != pool_labelers(c->pool) || (lag->n > 0 && row->joined <= lag->joined[lag->n - 1])) {
			err = contradiction("labeler", row->id);
			break;
		}
		err = row->id < archived ? checkpoint_next(&checkpoint, &then) : 0;
		if (err == ERR_HISTORY)
			contradiction("the checkpoint's state of labeler", row->id);
		if (err)
			break;
		if (row->id < archived && through < c->archive.last) {
			state = then;
			through = c->archive.last;
		}
		err = state->epoch <= epoch
			      ? pool_restore_labeler(c->pool, row->name, strlen(row->name), row->entry, state)
			      : contradiction("labeler", row->id);
		if (err == 0)
			err = add_lag(lag, through, row->joined);
		if (err)
			break;
	}
	db_cursor_close(cursor);
	checkpoint_close(&checkpoint);
	return err;
}

/* ---- settlements ---- */

/* Settlements as they are read, up to the end of a block, and what else was so when they were made. */
struct pending {
	struct engine_pool *c;
	const struct lag *lag;
	const struct pool_totals *totals;
	struct db_cursor *settings;
	const struct settings_row *later; /* the first change of settings that is not in force; NULL: there is none */
	double wrong; /* the setting in force */
	size_t joined; /* so many labelers had joined, */
	double total_weight; /* ... with this total weight */
	/* The block at hand. */
	struct arena arena;
	struct pool_stored *rows; /* [n] in the arena */
	size_t n, cap;
	uint64_t block; /* of its rows' items */
};

static void *copy(struct arena *a, const void *from, size_t bytes)
{
	void *to = arena_alloc(a, bytes);
	return to ? memcpy(to, from, bytes) : NULL;
}

/* What stood when this change was made. Changes come in order. */
static int go_on_to(struct engine *e, struct pending *p, uint64_t change)
{
	while (p->joined < p->lag->n && p->lag->joined[p->joined] < change)
		p->total_weight += pool_entry(p->c->pool, (uint32_t)p->joined++);
	while (p->later && p->later->change < change) {
		p->wrong = p->later->settings.wrong;
		int got = next_row(e, p->settings, (const void **)&p->later);
		if (got < 0)
			return got;
		if (got == 0)
			p->later = NULL;
	}
	return 0;
}

static bool makes_sense(const struct pending *p, const struct settled_row *row)
{
	const struct settlement_row *s = &row->settlement;
	const struct packed_reports *reports = &row->item.reports;
	/* What was made before schema 6 is in every labeler's row. */
	if (s->stretch == 0 || s->stretch > p->totals->bound.stretch || s->epoch > p->totals->epoch)
		return false;
	if (p->n > 0 ? s->round != p->rows[p->n - 1].round + 1 : row->item.block > 0 && row->item.block != s->round)
		return false;
	for (size_t i = 0; i < reports->n; i++)
		if (reports->labelers[i] >= p->lag->n)
			return false;
	return true;
}

static int add_stored(struct pending *p, const struct settled_row *row)
{
	const struct settlement_row *s = &row->settlement;
	const struct packed_reports *reports = &row->item.reports;
	if (p->n == p->cap) {
		size_t cap = p->cap * 2 + 1;
		struct pool_stored *grown = arena_alloc(&p->arena, cap * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		if (p->n > 0)
			memcpy(grown, p->rows, p->n * sizeof *grown);
		p->rows = grown;
		p->cap = cap;
	}
	const struct pool_stored stored = {
		.round = s->round,
		.epoch = s->epoch,
		.stretch = s->stretch,
		.eta = s->eta,
		.total_weight = p->total_weight,
		.wrong = p->wrong,
		.outcome = s->outcome,
		.weighted_loss = s->weighted_loss,
		.mean = row->item.aggregate.mean,
		.lesson = s->lesson,
		.n = reports->n,
		.labelers = copy(&p->arena, reports->labelers, reports->n * sizeof *reports->labelers),
		.values = copy(&p->arena, reports->values, reports->n * sizeof *reports->values),
		.scored = s->n,
		.weights = copy(&p->arena, s->weights, s->n * sizeof *s->weights),
	};
	p->rows[p->n++] = stored;
	p->block = row->item.block;
	return stored.labelers && stored.values && stored.weights ? 0 : -ENOMEM;
}

static int apply_block(struct pending *p)
{
	if (p->n == 0)
		return 0;
	int err = pool_restore_block(p->c->pool, p->rows, p->n, p->lag->through);
	if (err == ERR_HISTORY)
		contradiction("settlement", p->rows[0].round);
	arena_reset(&p->arena);
	p->n = p->cap = 0;
	return err;
}

static int apply_each(struct engine *e, struct pending *p, struct db_cursor *cursor)
{
	const struct settled_row *row;
	int err;
	EACH(cursor, row)
	{
		/* How many there are nobody has counted. */
		e->recovered.total++;
		if (row->item.block == 0 || row->item.block != p->block)
			err = apply_block(p);
		else
			err = 0;
		if (err == 0)
			err = go_on_to(e, p, row->settlement.change);
		if (err == 0 && !makes_sense(p, row))
			err = contradiction("settlement", row->settlement.round);
		if (err == 0)
			err = add_stored(p, row);
		if (err)
			return err;
	}
	return err ? err : apply_block(p);
}

static int apply_settlements(struct engine *e, struct engine_pool *c, const struct pool_totals *totals,
			     const struct lag *lag)
{
	struct pending p = {.c = c, .lag = lag, .totals = totals};
	struct db_cursor *cursor = NULL;
	arena_init(&p.arena, SIZE_MAX / 2);
	int err = db_cursor_open(e->db, DB_SETTINGS, c->id, 0, &p.settings);
	if (err == 0) {
		int got = next_row(e, p.settings, (const void **)&p.later);
		if (got == 0)
			p.later = NULL;
		err = got < 0 ? got : 0;
	}
	if (err == 0)
		err = db_cursor_open(e->db, DB_SETTLEMENTS, c->id, lag->least + 1, &cursor);
	if (err == 0)
		err = apply_each(e, &p, cursor);
	db_cursor_close(cursor);
	db_cursor_close(p.settings);
	arena_free(&p.arena);
	return err;
}

/* ---- settings ---- */

/* Of what changes of settings did to weights the rows of labelers need not know. epoch: the pool's, which nothing is
 * above. */
static int read_settings(struct engine *e, struct engine_pool *c, unsigned epoch)
{
	struct db_cursor *cursor;
	const struct settings_row *row;
	double beta = 0; /* until then */
	int err = db_cursor_open(e->db, DB_SETTINGS, c->id, 0, &cursor);
	if (err)
		return err;
	EACH(cursor, row)
	{
		if (row->epoch > epoch || (row->epoch > 0 && pool_restore_update(c->pool, row->epoch, beta) != 0)) {
			err = contradiction("change of settings", row->change);
			break;
		}
		beta = row->settings.beta;
	}
	db_cursor_close(cursor);
	return err;
}

/* ---- pools ---- */

static int read_head(struct engine *e, struct engine_pool *c)
{
	uint64_t round = pool_totals(c->pool)->round;
	/* If all rounds are archived, the archive gave it. */
	if (round == c->archive.last)
		return 0;
	int found = db_head(e->db, c->id, round, c->head);
	return found < 0 ? found : found == 0 ? contradiction("settlement", round) : 0;
}

static int read_pool(struct engine *e, const struct pool_row *row)
{
	struct engine_pool *c;
	if (row->id != e->n_pools + 1 || row->totals.epoch > EPOCH_MAX)
		return contradiction("pool", row->id);
	if (row->totals.bound.stretch == 0) {
		log_error("database: pool %s was not brought to this version yet", row->name);
		return ERR_SCHEMA;
	}
	int err = engine_add_pool(e, row->name, row->created_at, &row->settings, &c);
	if (err)
		return err;
	c->closes = row->closes;
	struct lag lag = {.least = UINT64_MAX};
	uint64_t archived;
	unsigned epoch = row->totals.epoch;
	err = engine_recover_archive(e, c, &archived);
	if (err == 0)
		err = read_settings(e, c, epoch);
	if (err == 0)
		err = read_labelers(e, c, epoch, archived, &lag);
	if (err == 0 && lag.n > 0)
		err = apply_settlements(e, c, &row->totals, &lag);
	free(lag.through);
	free(lag.joined);
	pool_restore_totals(c->pool, &row->totals);
	if (err == 0)
		err = db_newest_item_change(e->db, c->id, &c->item_changed);
	if (err == 0 && c->item_changed > e->progress.changes)
		err = contradiction("change of an item", c->item_changed);
	return err ? err : read_head(e, c);
}

static int read_pools(struct engine *e)
{
	struct db_cursor *cursor;
	const struct pool_row *row;
	int err = db_cursor_open(e->db, DB_POOLS, 0, 0, &cursor);
	if (err)
		return err;
	EACH(cursor, row)
	{
		err = read_pool(e, row);
		if (err)
			break;
	}
	db_cursor_close(cursor);
	return err;
}

/* ---- open items ---- */

/* Open items by their number, ascending, while the log is read. */
struct by_number {
	struct item **items;
	size_t n, cap;
};

static int add_open_item(struct engine *e, struct by_number *index, const struct open_item_row *row)
{
	if (row->pool < 1 || row->pool > e->n_pools || row->id > e->progress.items || strlen(row->by) > CANDOR_NAME_MAX)
		return contradiction("open item", row->id);
	struct engine_pool *c = e->pools[row->pool - 1];
	for (size_t i = 0; i < row->reports.n; i++)
		if (row->reports.labelers[i] >= pool_labelers(c->pool))
			return contradiction("open item", row->id);
	size_t len = strlen(row->name);
	struct item *item;
	if (pool_find_item(c->pool, row->name, len))
		return contradiction("open item", row->id);
	if (index->n == index->cap) {
		size_t cap = index->cap * 2 + 1024;
		struct item **grown = realloc(index->items, cap * sizeof(struct item *));
		if (!grown)
			return -ENOMEM;
		index->items = grown;
		index->cap = cap;
	}
	int err = pool_add_item(c->pool, row->name, len, &item);
	if (err == 0)
		err = pool_restore_reports(c->pool, item, row->reports.labelers, row->reports.values,
					   row->reports.sequences, row->reports.n);
	if (err)
		return err;
	item->own.number = row->id;
	item->own.pool = c->id;
	item->own.opened_at = row->opened_at;
	item->own.changed = row->packed;
	item->state = CANDOR_OPEN;
	engine_add_open(c, item);
	index->items[index->n++] = item;
	return engine_restore_opener(e, item, row->by);
}

static int read_open_items(struct engine *e, struct by_number *index)
{
	struct db_cursor *cursor;
	const struct open_item_row *row;
	int err = db_cursor_open(e->db, DB_OPEN_ITEMS, 0, 0, &cursor);
	if (err)
		return err;
	EACH(cursor, row)
	{
		err = add_open_item(e, index, row);
		if (err)
			break;
	}
	db_cursor_close(cursor);
	return err;
}

static struct item *find_number(const struct by_number *index, uint64_t number)
{
	size_t lo = 0, hi = index->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (index->items[mid]->own.number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < index->n && index->items[lo]->own.number == number ? index->items[lo] : NULL;
}

static int read_log(struct engine *e, const struct by_number *index)
{
	struct db_cursor *cursor;
	const struct log_row *row;
	int err = db_cursor_open(e->db, DB_LOG, 0, 0, &cursor);
	if (err)
		return err;
	e->progress.log_rows = 0; /* counted anew */
	EACH(cursor, row)
	{
		engine_log_added(e, row->change);
		struct item *item = find_number(index, row->item);
		if (!item || row->change <= item->own.changed)
			continue; /* a dead row */
		struct pool *pool = e->pools[item->own.pool - 1]->pool;
		size_t len;
		if (row->labeler >= pool_labelers(pool)) {
			err = contradiction("report", row->change);
			break;
		}
		const char *labeler = pool_labeler_name(pool, row->labeler, &len);
		struct pool_reported done;
		int what = pool_report(pool, item, labeler, len, row->value, row->sequence, &done);
		if (what < 0 || what == POOL_DUPLICATE) {
			err = what == -ENOMEM ? what : contradiction("report", row->change);
			break;
		}
		item->own.changed = row->change;
		engine_log_item(e, item, row->change);
	}
	db_cursor_close(cursor);
	return err ? err : e->broken ? -ENOMEM : 0;
}

/* ---- rights ---- */

static int read_grants(struct engine *e)
{
	struct db_cursor *cursor;
	const struct grant_row *row;
	int err = db_cursor_open(e->db, DB_GRANTS, 0, 0, &cursor);
	if (err)
		return err;
	EACH(cursor, row)
	{
		err = grants_restore(e->grants, row);
		if (err == ERR_HISTORY)
			contradiction("grant", row->id);
		if (err)
			break;
	}
	db_cursor_close(cursor);
	return err;
}

static int read_tokens(struct engine *e)
{
	struct db_cursor *cursor;
	const struct token_row *row;
	int err = db_cursor_open(e->db, DB_TOKENS, 0, 0, &cursor);
	if (err)
		return err;
	EACH(cursor, row)
	{
		err = grants_add_token(e->grants, row);
		if (err == ERR_HISTORY)
			contradiction("token", row->id);
		if (err)
			break;
	}
	db_cursor_close(cursor);
	return err;
}

int engine_recover(struct engine *e)
{
	struct by_number index = {0};
	int err = db_progress(e->db, &e->progress);
	e->recovered.done = e->recovered.total = 0;
	if (err == 0 && e->ops.recovering)
		err = db_count_state_rows(e->db, &e->recovered.total);
	if (err == 0)
		err = read_grants(e);
	if (err == 0)
		err = read_tokens(e);
	if (err == 0)
		err = read_pools(e);
	if (err == 0)
		err = read_open_items(e, &index);
	if (err == 0)
		err = read_log(e, &index);
	for (size_t i = 0; i < index.n && err == 0; i++)
		if (index.items[i]->n == 0)
			err = contradiction("open item without reports,", index.items[i]->own.number);
	free(index.items);
	for (uint64_t i = 0; i < e->n_pools; i++)
		engine_measure(e, e->pools[i]);
	return err;
}
