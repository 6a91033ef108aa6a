#include "daemon/db/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/columns.h"
#include "lib/base/log.h"

/* ---- rows ---- */

static bool archive_makes_sense(const struct archive_row *r)
{
	return r->first >= 1 && r->first <= r->last && r->totals.epoch <= 62;
}

#define DEFINE_GET(NAME, ROW, name, check, rest)                        \
	static void get_##name(struct columns *c, struct name##_row *r) \
	{                                                               \
		*r = (struct name##_row){0};                            \
		ROW##_COLUMNS(GET, GET);                                \
		if (!(check))                                           \
			columns_fail(c, ERR_HISTORY);                   \
	}
#define BY_HAND(...)

TABLES(DEFINE_GET, BY_HAND)

/* ITEM_HEAD. */
static void get_item_head(struct columns *c, struct item_row *r)
{
	*r = (struct item_row){0};
	ITEM_HEAD_COLUMNS(GET, GET);
	r->aggregate.n = r->reports.n;
	r->eta = columns_real(c);
	r->weighted_loss = columns_real(c);
	if (r->block > r->round)
		columns_fail(c, ERR_HISTORY);
	GET_REAL_HAS(recheck, has_recheck);
}

/* ITEM_WHOLE. */
static void get_item(struct columns *c, struct item_row *r)
{
	get_item_head(c, r);
	ITEM_CONTENTS(GET);
	if (r->reports.sequences)
		columns_fail(c, ERR_HISTORY);
	r->archived = r->state == CANDOR_RESOLVED && r->reports.n == 0 && r->aggregate.n > 0 && !r->weights;
	if (r->archived)
		return;
	if (r->reports.n != r->aggregate.n || (r->close_number != 0) != (r->weights != NULL))
		columns_fail(c, ERR_HISTORY);
	if (r->has_forecast && r->close_number == 0)
		columns_fail(c, ERR_HISTORY);
}

static void get_settlement(struct columns *c, struct settlement_row *r, const struct item_row *item)
{
	*r = (struct settlement_row){0};
	SETTLEMENT_COLUMNS(GET, GET);
	if (!r->weights || !r->last_round || r->pool != item->pool || r->round != item->round ||
	    r->outcome != item->outcome || r->n == 0 || r->n > item->reports.n ||
	    (r->stretch == 0 && (r->n < item->reports.n || item->block > 0)))
		columns_fail(c, ERR_HISTORY);
}

/* SELECT_SETTLED. */
static void get_settled(struct columns *c, struct settled_row *r)
{
	get_item(c, &r->item);
	get_settlement(c, &r->settlement, &r->item);
}

static void get_item_change(struct columns *c, struct item_change_row *r)
{
	ITEM_CHANGE_COLUMNS(GET, GET);
}

/* SELECT_ITEM_CHANGES. */
static void get_changed_item(struct columns *c, struct changed_item_row *row)
{
	*row = (struct changed_item_row){0};
	get_item_change(c, &row->change);
	struct item_row *r = &row->item;
	ITEM_CLOSED(GET, GET);
	r->aggregate.n = r->reports.n;
	r->state = row->change.state;
	r->round = row->change.round;
	GET_INTEGER_IF(ended_at, r->state != CANDOR_CLOSED);
	GET_REAL_IF(outcome, r->state == CANDOR_RESOLVED);
	GET_INTEGER(block);
	GET_REAL_IF(eta, r->state == CANDOR_RESOLVED);
	GET_REAL_IF(weighted_loss, r->state == CANDOR_RESOLVED);
	if (r->id != row->change.item || r->pool != row->change.pool)
		columns_fail(c, ERR_HISTORY);
}

static void get_event(struct columns *c, struct event_row *r, uint64_t *round)
{
	EVENT_COLUMNS(GET, GET);
	uint64_t settled = columns_int(c, INT64_MAX);
	if (settled > 0)
		*round = settled;
}

/* ---- cursors ---- */

#define PLAIN_TEXT(NAME, ROW, name, check, rest) [DB_##NAME] = "SELECT " NAMES(ROW##_COLUMNS) " " rest,
#define JOINED_TEXT(NAME, name, statement) [DB_##NAME] = statement,
#define PLAIN_MEMBER(NAME, ROW, name, ...) struct name##_row name;
#define JOINED_MEMBER(NAME, name, statement) struct name##_row name;
#define READ(NAME, member)                              \
	case DB_##NAME:                                 \
		get_##member(&columns, &c->row.member); \
		break;
#define READ_PLAIN(NAME, ROW, name, ...) READ(NAME, name)
#define READ_JOINED(NAME, name, statement) READ(NAME, name)

static const char *const tables[] = {TABLES(PLAIN_TEXT, JOINED_TEXT)};

struct db_cursor {
	struct db *db;
	enum db_table table;
	sqlite3_stmt *s;
	struct arena arena;
	union {
		TABLES(PLAIN_MEMBER, JOINED_MEMBER)
	} row;
};

int db_cursor_open(struct db *db, enum db_table table, uint64_t pool, uint64_t from, struct db_cursor **out)
{
	struct db_cursor *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c = (struct db_cursor){.db = db, .table = table};
	arena_init(&c->arena, SIZE_MAX / 2);
	bool fresh = db_is_fresh(db);
	if (fresh) {
		c->s = db->cursors[table];
		db->cursors[table] = NULL;
	}
	if (!fresh || (!c->s && sqlite3_prepare_v3(db->handle, tables[table], -1, SQLITE_PREPARE_PERSISTENT, &c->s,
						   NULL) != SQLITE_OK)) {
		int err = db_error(db, tables[table]);
		free(c);
		return err;
	}
	sqlite3_bind_int64(c->s, 1, (sqlite3_int64)pool);
	sqlite3_bind_int64(c->s, 2, (sqlite3_int64)from);
	*out = c;
	return 0;
}

int db_cursor_next(struct db_cursor *c, const void **row)
{
	int code = sqlite3_step(c->s);
	if (code == SQLITE_DONE)
		return 0;
	if (code != SQLITE_ROW)
		return db_error(c->db, tables[c->table]);
	arena_reset(&c->arena);
	struct columns columns = {.db = c->db, .s = c->s, .arena = &c->arena};
	switch (c->table) {
		TABLES(READ_PLAIN, READ_JOINED)
	}
	*row = &c->row;
	int err = columns_error(&columns);
	return err ? err : 1;
}

void db_cursor_close(struct db_cursor *c)
{
	if (!c)
		return;
	sqlite3_reset(c->s);
	/* Another of the table may have been read beside it. */
	sqlite3_stmt **kept = &c->db->cursors[c->table];
	sqlite3_finalize(*kept);
	*kept = c->s;
	arena_free(&c->arena);
	free(c);
}

/* ---- single rows ---- */

static int begin(struct columns *c, struct db *db, enum statement which, struct arena *a)
{
	*c = (struct columns){.db = db, .arena = a};
	return db_statement(db, which, &c->s);
}

static void bind_number(struct columns *c, int at, uint64_t x)
{
	/* SQLite's numbers have a sign. */
	sqlite3_bind_int64(c->s, at, x > INT64_MAX ? INT64_MAX : (sqlite3_int64)x);
}

static void bind_text(struct columns *c, int at, const char *text)
{
	sqlite3_bind_text(c->s, at, text, -1, SQLITE_STATIC);
}

/* Steps a bound statement: 1 a row, 0 none, or an error. end() resets it. */
static int fetch(struct columns *c)
{
	int code = sqlite3_step(c->s);
	c->next = 0;
	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : db_error(c->db, sqlite3_sql(c->s));
}

/* What that came to once its columns were read; the statement is free again. */
static int end(struct columns *c, int found)
{
	int err = found == 1 ? columns_error(c) : 0;
	sqlite3_reset(c->s);
	return err ? err : found;
}

int db_progress(struct db *db, struct progress_row *r)
{
	struct columns columns, *c = &columns;
	int err = begin(c, db, SQL_PROGRESS, NULL);
	if (err)
		return err;
	int found = fetch(c);
	if (found == 1) {
		PROGRESS_COLUMNS(GET, GET);
	}
	found = end(c, found);
	return found == 1 ? 0 : found == 0 ? ERR_HISTORY : found;
}

int db_item(struct db *db, struct arena *a, uint64_t pool, const char *name, struct item_row *out)
{
	struct columns c;
	int err = begin(&c, db, SQL_ONE_ITEM, a);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_text(&c, 2, name);
	int found = fetch(&c);
	if (found == 1)
		get_item(&c, out);
	return end(&c, found);
}

int db_has_item(struct db *db, uint64_t pool, const char *name)
{
	struct columns c;
	int err = begin(&c, db, SQL_HAS_ITEM, NULL);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_text(&c, 2, name);
	return end(&c, fetch(&c));
}

int db_settlement(struct db *db, struct arena *a, uint64_t pool, uint64_t round, struct settled_row *out)
{
	struct columns c;
	int err = begin(&c, db, SQL_ONE_SETTLEMENT, a);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_number(&c, 2, round);
	int found = fetch(&c);
	if (found == 1)
		get_settled(&c, out);
	return end(&c, found);
}

int db_archive(struct db *db, struct arena *a, uint64_t pool, struct archive_row *out)
{
	struct columns c;
	int err = begin(&c, db, SQL_ONE_ARCHIVE, a);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	int found = fetch(&c);
	if (found == 1)
		get_archive(&c, out);
	return end(&c, found);
}

int db_head(struct db *db, uint64_t pool, uint64_t round, uint8_t out[CHAIN_BYTES])
{
	struct columns c;
	int err = begin(&c, db, SQL_HEAD, NULL);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_number(&c, 2, round);
	int found = fetch(&c);
	if (found == 1)
		columns_bytes(&c, out, CHAIN_BYTES);
	return end(&c, found);
}

/* ---- several rows ---- */

int db_feed(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit, struct item_row *out)
{
	struct columns c;
	int n = 0, found, err = begin(&c, db, SQL_FEED, a);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_number(&c, 2, after);
	bind_number(&c, 3, limit);
	while ((found = fetch(&c)) == 1 && (size_t)n < limit) {
		get_item_head(&c, &out[n++]);
		if ((found = columns_error(&c)))
			break;
	}
	sqlite3_reset(c.s);
	return found < 0 ? found : n;
}

int db_item_changes(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit,
		    struct changed_item_row *out)
{
	struct columns c;
	int n = 0, found, err = begin(&c, db, SQL_ITEM_CHANGES, a);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_number(&c, 2, after);
	bind_number(&c, 3, limit);
	while ((found = fetch(&c)) == 1 && (size_t)n < limit) {
		get_changed_item(&c, &out[n++]);
		if ((found = columns_error(&c)))
			break;
	}
	sqlite3_reset(c.s);
	return found < 0 ? found : n;
}

int db_item_change(struct db *db, uint64_t pool, uint64_t change, struct item_change_row *out)
{
	struct columns c;
	int err = begin(&c, db, SQL_ONE_ITEM_CHANGE, NULL);
	if (err)
		return err;
	bind_number(&c, 1, pool);
	bind_number(&c, 2, change);
	int found = fetch(&c);
	if (found == 1)
		get_item_change(&c, out);
	return end(&c, found);
}

/* The pool's newest settlement up to a round: 1, 0 where there is none, or an error. */
static int newest_up_to(struct db *db, const char *pool, uint64_t limit, uint64_t *round, uint64_t *change)
{
	struct columns c;
	int err = begin(&c, db, SQL_ROUND_UP_TO, NULL);
	if (err)
		return err;
	bind_text(&c, 1, pool);
	bind_number(&c, 2, limit);
	int found = fetch(&c);
	if (found == 1) {
		*round = columns_int(&c, INT64_MAX);
		*change = columns_int(&c, INT64_MAX);
	}
	return end(&c, found);
}

/* Lowers *round to the last one that was settled before a change. A place that db_events() gave stands there, or one
 * before; one that somebody made up may be anywhere, and going there step by step could take the whole history. */
static int bound_round(struct db *db, const char *pool, uint64_t before, uint64_t *round)
{
	uint64_t low = 0, high, found, change;
	int err = newest_up_to(db, pool, *round, &high, &change);
	if (err != 1)
		return err;
	if (change < before) {
		*round = high;
		return 0;
	}
	for (high--; low < high;) {
		uint64_t middle = low + (high - low + 1) / 2;
		err = newest_up_to(db, pool, middle, &found, &change);
		if (err < 0)
			return err;
		if (err == 1 && change >= before)
			high = found - 1;
		else
			low = middle;
	}
	*round = low;
	return 0;
}

int db_events(struct db *db, struct arena *a, const char *pool, uint64_t before, uint64_t *round, size_t limit,
	      struct event_row *out)
{
	struct columns c;
	int n = 0, found, err = pool && before != UINT64_MAX ? bound_round(db, pool, before, round) : 0;
	if (err == 0)
		err = begin(&c, db, pool ? SQL_EVENTS_OF_POOL : SQL_EVENTS, a);
	if (err)
		return err;
	bind_number(&c, 1, before);
	bind_number(&c, 2, limit);
	if (pool) {
		bind_text(&c, 3, pool);
		bind_number(&c, 4, *round);
	}
	while ((found = fetch(&c)) == 1 && (size_t)n < limit) {
		get_event(&c, &out[n++], round);
		if ((found = columns_error(&c)))
			break;
	}
	sqlite3_reset(c.s);
	return found < 0 ? found : n;
}

/* ---- single numbers ---- */

/* The number of a statement with up to three numbers bound. */
static int count(struct db *db, enum statement which, const uint64_t *bound, int n, uint64_t *out)
{
	struct columns c;
	int err = begin(&c, db, which, NULL);
	if (err)
		return err;
	for (int i = 0; i < n; i++)
		bind_number(&c, i + 1, bound[i]);
	int found = fetch(&c);
	if (found == 1)
		*out = columns_int(&c, INT64_MAX);
	found = end(&c, found);
	return found == 1 ? 0 : found == 0 ? ERR_HISTORY : found;
}

int db_count_state_rows(struct db *db, uint64_t *out)
{
	return count(db, SQL_STATE_ROWS, NULL, 0, out);
}

int db_count_items(struct db *db, uint64_t pool, uint64_t *voided, uint64_t *open)
{
	int err = count(db, SQL_COUNT_VOID, &pool, 1, voided);
	return err ? err : count(db, SQL_COUNT_OPEN, &pool, 1, open);
}

int db_count_settled(struct db *db, uint64_t pool, uint64_t round, uint64_t *out)
{
	const uint64_t bound[] = {pool, round};
	return count(db, SQL_COUNT_SETTLED, bound, 2, out);
}

int db_count_rechecks(struct db *db, uint64_t pool, uint64_t *out, uint64_t *disagreed)
{
	int err = count(db, SQL_COUNT_RECHECKS, &pool, 1, out);
	return err ? err : count(db, SQL_COUNT_DISAGREED, &pool, 1, disagreed);
}

int db_newest_item_change(struct db *db, uint64_t pool, uint64_t *out)
{
	return count(db, SQL_NEWEST_ITEM_CHANGE, &pool, 1, out);
}

int db_count_item_changes(struct db *db, uint64_t pool, uint64_t *out)
{
	return count(db, SQL_COUNT_ITEM_CHANGES, &pool, 1, out);
}

int db_first_round(struct db *db, uint64_t pool, uint64_t *out)
{
	return count(db, SQL_FIRST_ROUND, &pool, 1, out);
}

int db_round_before(struct db *db, uint64_t pool, uint64_t above, uint64_t before, uint64_t *out)
{
	const uint64_t bound[] = {pool, above, before};
	return count(db, SQL_ROUND_BEFORE, bound, 3, out);
}
