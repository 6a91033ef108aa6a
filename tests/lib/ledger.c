#include "tests/lib/ledger.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/state.h"
#include "tests/lib/history.h"

enum { POOLS_MAX = 16, ITEMS_MAX = 4096, BLOCK_MAX = 64 };

struct ledger {
	sqlite3 *db;
	struct pool *pools[POOLS_MAX]; /* by id - 1 */
	size_t n_pools;
	struct item *items[ITEMS_MAX]; /* by number */
	uint64_t item_pools[ITEMS_MAX];
	struct pool_settled settled[BLOCK_MAX]; /* of the newest block */
	char *fault; /* the first */
};

static void differ(struct ledger *l, const char *format, ...) PRINTF_LIKE(2, 3);

static void differ(struct ledger *l, const char *format, ...)
{
	va_list args;
	if (l->fault)
		return;
	va_start(args, format);
	require(vasprintf(&l->fault, format, args) >= 0);
	va_end(args);
}

static void compare(struct ledger *l, sqlite3_stmt *s, int column, double mine)
{
	double written = sqlite3_column_double(s, column);
	if (memcmp(&written, &mine, sizeof mine) != 0)
		differ(l, "change %lld: column %d is %a, not %a", (long long)sqlite3_column_int64(s, 0), column,
		       written, mine);
}

static void compare_bytes(struct ledger *l, sqlite3_stmt *s, int column, const void *mine, size_t size)
{
	if ((size_t)sqlite3_column_bytes(s, column) != size || memcmp(sqlite3_column_blob(s, column), mine, size) != 0)
		differ(l, "change %lld: column %d differs", (long long)sqlite3_column_int64(s, 0), column);
}

/* ---- events: column 0 is the change, 1 the kind, 2 the pool ---- */

static const char events[] =
	"WITH all_items AS (SELECT id, pool, name FROM items UNION ALL SELECT id, pool, name FROM open_items) "
	"SELECT change, 'settings', pool, rate, c, beta, eta, horizon, share, entry, wrong, first_scored,"
	" signs, NULL FROM settings "
	"UNION ALL SELECT g.change, 'report', i.pool, i.id, i.name, l.name, g.value, g.labeler, l.joined, l.entry,"
	" r.old, g.sequence, NULL, NULL"
	" FROM report_log g JOIN all_items i ON i.id = g.item JOIN labelers l ON l.pool = i.pool AND l.id = g.labeler"
	" LEFT JOIN revisions r ON r.change = g.change AND r.value = g.value "
	"UNION ALL SELECT closed, 'close', pool, id, close_number, mean, median, plain_mean, plain_median, spread, ess,"
	" weights, forecast, closed_round FROM items "
	"UNION ALL SELECT s.change, 'outcome', s.pool, s.item, s.outcome, s.eta, s.lbar, s.epoch, s.round, s.weights,"
	" s.last_rounds, (SELECT block FROM items WHERE id = s.item), s.gradient, s.variance FROM settlements s "
	"ORDER BY 1";

static void apply_settings(struct ledger *l, sqlite3_stmt *s, uint64_t pool)
{
	const char *rate = (const char *)sqlite3_column_text(s, 3);
	struct candor_settings settings = {
		.rate = rate[0] == 'a'   ? CANDOR_ANYTIME
			: rate[0] == 'h' ? CANDOR_HORIZON
					 : CANDOR_FIXED,
		.c = sqlite3_column_double(s, 4),
		.beta = sqlite3_column_double(s, 5),
		.eta = sqlite3_column_double(s, 6),
		.horizon = sqlite3_column_double(s, 7),
		.share = sqlite3_column_double(s, 8),
		.entry = sqlite3_column_double(s, 9),
		.wrong = sqlite3_column_double(s, 10),
		.scored = (uint32_t)sqlite3_column_int64(s, 11),
		.signs = sqlite3_column_text(s, 12)[0] == 'f' ? CANDOR_FREE : CANDOR_POSITIVE,
	};
	require(pool >= 1 && pool <= POOLS_MAX);
	if (l->pools[pool - 1]) {
		require(pool_update(l->pools[pool - 1], &settings) == 0);
		return;
	}
	l->pools[pool - 1] = history_pool(&settings);
	l->n_pools++;
}

static void apply_report(struct ledger *l, sqlite3_stmt *s, uint64_t pool)
{
	uint64_t number = (uint64_t)sqlite3_column_int64(s, 3);
	const char *name = (const char *)sqlite3_column_text(s, 4), *labeler = (const char *)sqlite3_column_text(s, 5);
	struct pool *p = l->pools[pool - 1];
	struct pool_reported done;
	require(number < ITEMS_MAX);
	struct item *item = l->items[number];
	if (!item) {
		require(pool_add_item(p, name, strlen(name), &item) == 0);
		l->items[number] = item;
		l->item_pools[number] = pool;
	}
	int what = pool_report(p, item, labeler, strlen(labeler), sqlite3_column_double(s, 6),
			       (uint64_t)sqlite3_column_int64(s, 11), &done);
	if (what != POOL_ADDED && what != POOL_REVISED && what != POOL_RENUMBERED)
		differ(l, "change %lld: a report that could not be", (long long)sqlite3_column_int64(s, 0));
	if ((what == POOL_REVISED) != (sqlite3_column_type(s, 10) != SQLITE_NULL))
		differ(l, "change %lld: revised or not", (long long)sqlite3_column_int64(s, 0));
	if (what == POOL_REVISED)
		compare(l, s, 10, done.old);
	if (done.labeler != (uint32_t)sqlite3_column_int64(s, 7))
		differ(l, "change %lld: labeler %u", (long long)sqlite3_column_int64(s, 0), done.labeler);
	if (done.joined && sqlite3_column_int64(s, 8) != sqlite3_column_int64(s, 0) - 1)
		differ(l, "labeler %s joined at another change", labeler);
	compare(l, s, 9, pool_entry(p, done.labeler));
}

static void apply_close(struct ledger *l, sqlite3_stmt *s, uint64_t pool)
{
	struct item *item = l->items[sqlite3_column_int64(s, 3)];
	if (!item || item->state != CANDOR_OPEN) {
		differ(l, "item %lld was closed without being open", (long long)sqlite3_column_int64(s, 3));
		return;
	}
	if (sqlite3_column_type(s, 4) == SQLITE_NULL) {
		require(pool_void(l->pools[pool - 1], item) == 0);
		return;
	}
	require(pool_close(l->pools[pool - 1], item) == 0);
	const struct aggregate *a = &item->frozen->aggregate;
	compare(l, s, 5, a->mean);
	compare(l, s, 6, a->median);
	compare(l, s, 7, a->plain_mean);
	compare(l, s, 8, a->plain_median);
	compare(l, s, 9, a->spread);
	compare(l, s, 10, a->ess);
	compare_bytes(l, s, 11, item->frozen->weights, item->n * sizeof(double));
	compare(l, s, 12, a->forecast);
	compare(l, s, 13, (double)item->frozen->closed_round);
}

/* The items of a block, or the one, and their outcomes: as many as there are. */
static size_t read_block(struct ledger *l, sqlite3_stmt *s, struct item **items, double *outcomes)
{
	sqlite3_stmt *rows;
	size_t n = 0;
	require(sqlite3_prepare_v2(l->db,
				   "SELECT s.item, s.outcome FROM settlements s JOIN items i ON i.id = s.item"
				   " WHERE s.pool = ?1 AND (i.block = ?2 OR s.round = ?3) ORDER BY s.round",
				   -1, &rows, NULL) == SQLITE_OK);
	sqlite3_bind_value(rows, 1, sqlite3_column_value(s, 2));
	sqlite3_bind_value(rows, 2, sqlite3_column_value(s, 11));
	sqlite3_bind_value(rows, 3, sqlite3_column_value(s, 8));
	while (sqlite3_step(rows) == SQLITE_ROW) {
		require(n < BLOCK_MAX);
		items[n] = l->items[sqlite3_column_int64(rows, 0)];
		outcomes[n++] = sqlite3_column_double(rows, 1);
	}
	sqlite3_finalize(rows);
	return n;
}

static void apply_outcome(struct ledger *l, sqlite3_stmt *s, uint64_t pool)
{
	struct item *items[BLOCK_MAX];
	double outcomes[BLOCK_MAX];
	sqlite3_int64 round = sqlite3_column_int64(s, 8), block = sqlite3_column_int64(s, 11);
	size_t at = block ? (size_t)(round - block) : 0;
	require(at < BLOCK_MAX);
	if (at == 0) {
		size_t n = read_block(l, s, items, outcomes);
		for (size_t i = 0; i < n; i++) {
			if (!items[i]) {
				differ(l, "an item that nobody reported on has an outcome");
				return;
			}
		}
		if (pool_resolve_together(l->pools[pool - 1], items, outcomes, n, l->settled) != 0) {
			differ(l, "change %lld: the outcomes cannot be taken", (long long)sqlite3_column_int64(s, 0));
			return;
		}
	}
	const struct pool_settled *done = &l->settled[at];
	compare(l, s, 5, done->eta);
	compare(l, s, 6, done->weighted_loss);
	compare(l, s, 7, done->epoch);
	compare(l, s, 8, (double)done->round);
	compare_bytes(l, s, 9, done->weights, done->n * sizeof(double));
	compare_bytes(l, s, 10, done->last_round, done->n * sizeof(uint32_t));
	compare(l, s, 12, done->lesson.gradient);
	compare(l, s, 13, done->lesson.variance);
}

static void apply_events(struct ledger *l)
{
	sqlite3_stmt *s;
	require(sqlite3_prepare_v2(l->db, events, -1, &s, NULL) == SQLITE_OK);
	while (!l->fault && sqlite3_step(s) == SQLITE_ROW) {
		const char *kind = (const char *)sqlite3_column_text(s, 1);
		uint64_t pool = (uint64_t)sqlite3_column_int64(s, 2);
		if (kind[0] == 's')
			apply_settings(l, s, pool);
		else if (kind[0] == 'r')
			apply_report(l, s, pool);
		else if (kind[0] == 'c')
			apply_close(l, s, pool);
		else
			apply_outcome(l, s, pool);
	}
	sqlite3_finalize(s);
}

/* Withdrawing a closed item has no change of its own: it touches nothing but two counts. */
static void apply_late_voids(struct ledger *l)
{
	sqlite3_stmt *s;
	require(sqlite3_prepare_v2(l->db,
				   "SELECT id, pool FROM items WHERE state = 'void' AND close_number IS NOT NULL", -1,
				   &s, NULL) == SQLITE_OK);
	while (!l->fault && sqlite3_step(s) == SQLITE_ROW)
		require(pool_void(l->pools[sqlite3_column_int64(s, 1) - 1], l->items[sqlite3_column_int64(s, 0)]) == 0);
	sqlite3_finalize(s);
}

/* ---- the engine's memory ---- */

static char *describe(const struct pool *p)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	require(out);
	fake_describe_pool(p, out);
	require(fclose(out) == 0);
	return text;
}

static void compare_pools(struct ledger *l, const struct engine *e)
{
	if (e->n_pools != l->n_pools)
		differ(l, "memory has %" PRIu64 " pools, the tables %zu", e->n_pools, l->n_pools);
	for (size_t i = 0; i < l->n_pools && !l->fault; i++) {
		char *mine = describe(l->pools[i]), *memory = describe(e->pools[i]->pool);
		if (strcmp(mine, memory) != 0)
			differ(l, "pool %zu in memory:\n%sfrom the tables:\n%s", i + 1, memory, mine);
		free(mine);
		free(memory);
	}
}

static void compare_item(struct ledger *l, const struct engine *e, const struct item *mine, uint64_t number)
{
	size_t len;
	const char *name = pool_item_name(l->pools[l->item_pools[number] - 1], mine, &len);
	const struct item *item = pool_find_item(e->pools[l->item_pools[number] - 1]->pool, name, len);
	/* What is not open need not be in memory. */
	if (!item && mine->state != CANDOR_OPEN)
		return;
	if (!item || item->state != mine->state || item->own.number != number || item->n != mine->n ||
	    memcmp(item->values, mine->values, mine->n * sizeof(double)) != 0 ||
	    memcmp(item_labelers(item), item_labelers(mine), mine->n * sizeof(uint32_t)) != 0)
		differ(l, "item %" PRIu64 " (%s) is another in memory", number, name);
	else if (mine->frozen && memcmp(item->frozen->weights, mine->frozen->weights, mine->n * sizeof(double)) != 0)
		differ(l, "item %" PRIu64 " (%s) was closed with other weights in memory", number, name);
}

char *ledger_difference(struct fake_owner *f)
{
	struct ledger l = {0};
	require(engine_is_idle(f->engine));
	require(sqlite3_open_v2(f->path, &l.db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
	apply_events(&l);
	if (!l.fault)
		apply_late_voids(&l);
	if (!l.fault)
		compare_pools(&l, f->engine);
	for (uint64_t number = 0; number < ITEMS_MAX && !l.fault; number++)
		if (l.items[number])
			compare_item(&l, f->engine, l.items[number], number);
	for (size_t i = 0; i < l.n_pools; i++)
		pool_free(l.pools[i]);
	require(sqlite3_close(l.db) == SQLITE_OK);
	return l.fault;
}
