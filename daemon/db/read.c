#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/internal.h"
#include "lib/base/log.h"
#include "daemon/db/pack.h"
#include "lib/rights.h"

/* Columns are taken one after the other, in the order of the statement. */
struct columns {
	sqlite3_stmt *s;
	int next;
	struct arena *arena; /* takes what a row points to */
	int err; /* the first, but lack of memory comes before all else: it may look like a row that makes no sense */
};

static void fail(struct columns *c, int err)
{
	if (c->err == 0 || err == -ENOMEM)
		c->err = err;
}

static uint64_t get_int(struct columns *c)
{
	return (uint64_t)sqlite3_column_int64(c->s, c->next++);
}

static double get_real(struct columns *c)
{
	return sqlite3_column_double(c->s, c->next++);
}

static const char *get_text(struct columns *c)
{
	const char *text = (const char *)sqlite3_column_text(c->s, c->next++);
	char *copy = arena_strdup(c->arena, text ? text : "");
	if (!copy)
		fail(c, -ENOMEM);
	return copy;
}

/* A blob of n values; NULL where the column is. */
static const void *get_array(struct columns *c, size_t n, size_t size)
{
	int at = c->next++;
	const void *blob = sqlite3_column_blob(c->s, at);
	if (sqlite3_column_type(c->s, at) == SQLITE_NULL)
		return NULL;
	if ((size_t)sqlite3_column_bytes(c->s, at) != n * size) {
		fail(c, ERR_HISTORY);
		return NULL;
	}
	void *copy = arena_alloc(c->arena, n * size);
	if (!copy)
		fail(c, -ENOMEM);
	else if (n > 0)
		memcpy(copy, blob, n * size);
	return copy;
}

static void get_reports(struct columns *c, struct packed_reports *out)
{
	const char *text = (const char *)sqlite3_column_text(c->s, c->next);
	size_t len = (size_t)sqlite3_column_bytes(c->s, c->next++);
	int err = text ? unpack_reports(text, len, c->arena, out) : ERR_HISTORY;
	if (err)
		fail(c, err);
}

static void get_settings(struct columns *c, struct candor_settings *out)
{
	const char *rate = (const char *)sqlite3_column_text(c->s, c->next++);
	rate = rate ? rate : "";
	out->rate = strcmp(rate, "anytime") == 0   ? CANDOR_ANYTIME
		    : strcmp(rate, "horizon") == 0 ? CANDOR_HORIZON
		    : strcmp(rate, "fixed") == 0   ? CANDOR_FIXED
						   : CANDOR_RATE_UNSPECIFIED;
	out->c = get_real(c);
	out->beta = get_real(c);
	out->eta = get_real(c);
	out->horizon = get_real(c);
	out->share = get_real(c);
	out->entry = get_real(c);
	if (mechanism_settings_fault(out))
		fail(c, ERR_HISTORY);
}

static void get_losses(struct columns *c, struct pool_totals *t)
{
	t->total_weight = get_real(c);
	t->mean_loss = get_real(c);
	t->median_loss = get_real(c);
	t->plain_mean_loss = get_real(c);
	t->plain_median_loss = get_real(c);
}

static void get_stretch(struct columns *c, struct mechanism_stretch *s)
{
	s->epoch = (unsigned)get_int(c);
	s->eta_lo = get_real(c);
	s->eta_hi = get_real(c);
	s->rounds = get_int(c);
	s->floor = get_real(c);
	s->share = get_real(c);
}

/* ---- rows ---- */

static void get_pool(struct columns *c, struct pool_row *r)
{
	r->id = get_int(c);
	r->name = get_text(c);
	r->created_at = get_int(c);
	get_settings(c, &r->settings);
	r->totals.round = get_int(c);
	r->totals.epoch = (unsigned)get_int(c);
	r->totals.scored = get_int(c);
	r->totals.open = get_int(c);
	r->totals.closed = get_int(c);
	r->totals.voided = get_int(c);
	r->closes = get_int(c);
	get_losses(c, &r->totals);
}

static void get_settings_row(struct columns *c, struct settings_row *r)
{
	r->pool = get_int(c);
	r->change = get_int(c);
	r->at = get_int(c);
	r->by = get_text(c);
	get_settings(c, &r->settings);
}

static void get_stretch_row(struct columns *c, struct stretch_row *r)
{
	r->pool = get_int(c);
	r->number = (uint32_t)get_int(c);
	get_stretch(c, &r->stretch);
}

static void get_labeler(struct columns *c, struct labeler_row *r)
{
	r->pool = get_int(c);
	r->id = (uint32_t)get_int(c);
	r->name = get_text(c);
	r->joined = get_int(c);
	r->joined_at = get_int(c);
	r->entry = get_real(c);
	r->state.weight = get_real(c);
	r->state.epoch = (uint8_t)get_int(c);
	r->state.scored = (uint32_t)get_int(c);
	r->state.own_loss = get_real(c);
	r->state.mean_loss = get_real(c);
	r->state.settled_loss = get_real(c);
	r->state.last_round = (uint32_t)get_int(c);
	r->through = get_int(c);
}

static void get_open_item(struct columns *c, struct open_item_row *r)
{
	r->id = get_int(c);
	r->pool = get_int(c);
	r->name = get_text(c);
	r->opened_at = get_int(c);
	r->by = get_text(c);
	get_reports(c, &r->reports);
	r->packed = get_int(c);
}

static void get_log(struct columns *c, struct log_row *r)
{
	r->change = get_int(c);
	r->item = get_int(c);
	r->labeler = (uint32_t)get_int(c);
	r->value = get_real(c);
	r->at = get_int(c);
	if (!(r->value >= 0 && r->value <= 1))
		fail(c, ERR_HISTORY);
}

/* DB_ITEM_COLUMNS. */
static void get_item_head(struct columns *c, struct item_row *r)
{
	*r = (struct item_row){0};
	r->id = get_int(c);
	r->pool = get_int(c);
	r->name = get_text(c);
	const char *state = (const char *)sqlite3_column_text(c->s, c->next++);
	r->state = !state                           ? CANDOR_STATE_UNSPECIFIED
		   : strcmp(state, "closed") == 0   ? CANDOR_CLOSED
		   : strcmp(state, "resolved") == 0 ? CANDOR_RESOLVED
						    : CANDOR_VOID;
	r->close_number = get_int(c);
	r->closed = get_int(c);
	r->opened_at = get_int(c);
	r->closed_at = get_int(c);
	r->ended_at = get_int(c);
	r->aggregate.mean = get_real(c);
	r->aggregate.median = get_real(c);
	r->aggregate.plain_mean = get_real(c);
	r->aggregate.plain_median = get_real(c);
	r->aggregate.spread = get_real(c);
	r->aggregate.ess = get_real(c);
	r->reports.n = r->aggregate.n = get_int(c);
	r->outcome = get_real(c);
	r->round = get_int(c);
	r->eta = get_real(c);
	r->weighted_loss = get_real(c);
}

static void get_item(struct columns *c, struct item_row *r)
{
	get_item_head(c, r);
	get_reports(c, &r->reports);
	r->weights = get_array(c, r->reports.n, sizeof(double));
	r->archived = r->state == CANDOR_RESOLVED && r->reports.n == 0 && r->aggregate.n > 0 && !r->weights;
	if (r->archived)
		return;
	if (r->reports.n != r->aggregate.n || (r->close_number != 0) != (r->weights != NULL))
		fail(c, ERR_HISTORY);
}

static void get_hash(struct columns *c, uint8_t out[CHAIN_BYTES])
{
	int at = c->next++;
	if (sqlite3_column_type(c->s, at) == SQLITE_BLOB && sqlite3_column_bytes(c->s, at) == CHAIN_BYTES)
		memcpy(out, sqlite3_column_blob(c->s, at), CHAIN_BYTES);
	else
		c->err = ERR_HISTORY;
}

/* DB_SETTLED_COLUMNS. */
static void get_settled(struct columns *c, struct settled_row *r)
{
	struct settlement_row *s = &r->settlement;
	get_item(c, &r->item);
	s->epoch = (uint32_t)get_int(c);
	s->at = get_int(c);
	s->by = get_text(c);
	s->change = get_int(c);
	s->n = r->item.reports.n;
	s->weights = get_array(c, s->n, sizeof(double));
	s->last_round = get_array(c, s->n, sizeof(uint32_t));
	s->outcome = get_real(c);
	get_hash(c, s->hash);
	s->pool = r->item.pool;
	s->round = r->item.round;
	s->item = r->item.id;
	s->eta = r->item.eta;
	s->weighted_loss = r->item.weighted_loss;
	if (!s->weights || !s->last_round || s->outcome != r->item.outcome)
		fail(c, ERR_HISTORY);
}

static void get_archive(struct columns *c, struct archive_row *r)
{
	*r = (struct archive_row){0};
	r->pool = get_int(c);
	r->first = get_int(c);
	r->last = r->totals.round = get_int(c);
	r->change = get_int(c);
	r->at = get_int(c);
	r->by = get_text(c);
	r->file = get_text(c);
	get_hash(c, r->digest);
	get_hash(c, r->state);
	get_hash(c, r->hash);
	r->reports = get_int(c);
	r->removed = get_int(c) != 0;
	r->closes = get_int(c);
	r->labelers = get_int(c);
	r->totals.epoch = (unsigned)get_int(c);
	r->totals.scored = get_int(c);
	get_losses(c, &r->totals);
	r->stretches = get_int(c);
	get_stretch(c, &r->stretch);
	if (r->first < 1 || r->first > r->last || r->totals.epoch > 62 || r->stretches < 1 ||
	    r->stretches > STRETCHES_MAX)
		c->err = ERR_HISTORY;
}

static void get_checkpoint(struct columns *c, struct checkpoint_row *r)
{
	r->pool = get_int(c);
	r->first = (uint32_t)get_int(c);
	const void *bytes = sqlite3_column_blob(c->s, c->next);
	int err = unpack_states(bytes, (size_t)sqlite3_column_bytes(c->s, c->next++), c->arena, r);
	if (err)
		c->err = err;
}

static void get_grant(struct columns *c, struct grant_row *r)
{
	r->id = get_int(c);
	r->principal = get_text(c);
	r->pool = get_text(c);
	r->prefix = get_text(c);
	const char *rights = get_text(c);
	if (!rights || !rights_parse(rights, &r->rights))
		fail(c, ERR_HISTORY);
}

static void get_token(struct columns *c, struct token_row *r)
{
	r->id = get_int(c);
	r->name = get_text(c);
	const void *hash = get_array(c, 1, sizeof r->hash);
	if (hash)
		memcpy(r->hash, hash, sizeof r->hash);
	else
		fail(c, ERR_HISTORY);
	r->created_at = get_int(c);
	r->expires_at = get_int(c);
	r->revoked_at = get_int(c);
}

static void get_event(struct columns *c, struct event_row *r, uint64_t *round)
{
	r->change = get_int(c);
	r->at = get_int(c);
	r->by = get_text(c);
	r->pool = get_text(c);
	r->action = get_text(c);
	r->subject = get_text(c);
	r->detail = get_text(c);
	uint64_t settled = get_int(c);
	if (settled > 0)
		*round = settled;
}

/* What a row came to: its error, logged where it is the history's fault. */
static int row_error(struct db *db, const struct columns *c)
{
	/* SQLite says so only here when it had no memory for a column. */
	if (db_error_of(db->handle) == -ENOMEM)
		return -ENOMEM;
	if (c->err == ERR_HISTORY)
		log_error("database: a row makes no sense, read by: %s", sqlite3_sql(c->s));
	return c->err;
}

/* ---- cursors ---- */

/* What is archived may still be there, and is not read any more. */
#define ARCHIVED_ROUND "(SELECT coalesce(max(last), 0) FROM archives WHERE pool = ?1)"

/* ?1: the pool, or 0; ?2: from where. */
static const char *const tables[] = {
	[DB_POOLS] = "SELECT * FROM pools WHERE id >= ?2 ORDER BY id",
	[DB_SETTINGS] = "SELECT * FROM settings WHERE pool = ?1 AND change >= ?2 ORDER BY change",
	[DB_STRETCHES] = "SELECT * FROM stretches WHERE pool = ?1 AND number >= ?2 ORDER BY number",
	[DB_LABELERS] = "SELECT * FROM labelers WHERE pool = ?1 AND id >= ?2 ORDER BY id",
	[DB_OPEN_ITEMS] =
		"SELECT id, pool, name, opened_at, by, reports, packed FROM open_items WHERE id >= ?2 ORDER BY id",
	[DB_LOG] = "SELECT * FROM report_log WHERE change >= ?2 ORDER BY change",
	[DB_CLOSED_ITEMS] = "SELECT " DB_ITEM_COLUMNS ", i.reports, i.weights FROM items i LEFT JOIN settlements s"
			    " ON s.pool = i.pool AND s.round = i.round"
			    " WHERE i.pool = ?1 AND i.close_number >= max(?2, 1)"
			    " AND (i.round IS NULL OR i.round > " ARCHIVED_ROUND ") ORDER BY i.close_number",
	[DB_SETTLEMENTS] = "SELECT " DB_SETTLED_COLUMNS " FROM settlements s JOIN items i ON i.id = s.item"
			   " WHERE s.pool = ?1 AND s.round >= ?2 AND s.round > " ARCHIVED_ROUND " ORDER BY s.round",
	[DB_ARCHIVES] = "SELECT * FROM archives WHERE pool = ?1 AND last >= ?2 ORDER BY last",
	[DB_CHECKPOINTS] = "SELECT * FROM checkpoints WHERE pool = ?1 AND first >= ?2 ORDER BY first",
	[DB_GRANTS] = "SELECT * FROM grants WHERE id >= ?2 ORDER BY id",
	[DB_TOKENS] = "SELECT * FROM tokens WHERE id >= ?2 ORDER BY id",
};

struct db_cursor {
	struct db *db;
	enum db_table table;
	sqlite3_stmt *s;
	struct arena arena;
	union {
		struct pool_row pool;
		struct settings_row settings;
		struct stretch_row stretch;
		struct labeler_row labeler;
		struct open_item_row open_item;
		struct log_row log;
		struct item_row item;
		struct settled_row settled;
		struct archive_row archive;
		struct checkpoint_row checkpoint;
		struct grant_row grant;
		struct token_row token;
	} row;
};

int db_cursor_open(struct db *db, enum db_table table, uint64_t pool, uint64_t from, struct db_cursor **out)
{
	struct db_cursor *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c = (struct db_cursor){.db = db, .table = table};
	arena_init(&c->arena, SIZE_MAX / 2);
	if (!db_is_fresh(db) || sqlite3_prepare_v2(db->handle, tables[table], -1, &c->s, NULL) != SQLITE_OK) {
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
	struct columns columns = {.s = c->s, .arena = &c->arena};
	switch (c->table) {
	case DB_POOLS: get_pool(&columns, &c->row.pool); break;
	case DB_SETTINGS: get_settings_row(&columns, &c->row.settings); break;
	case DB_STRETCHES: get_stretch_row(&columns, &c->row.stretch); break;
	case DB_LABELERS: get_labeler(&columns, &c->row.labeler); break;
	case DB_OPEN_ITEMS: get_open_item(&columns, &c->row.open_item); break;
	case DB_LOG: get_log(&columns, &c->row.log); break;
	case DB_CLOSED_ITEMS: get_item(&columns, &c->row.item); break;
	case DB_SETTLEMENTS: get_settled(&columns, &c->row.settled); break;
	case DB_ARCHIVES: get_archive(&columns, &c->row.archive); break;
	case DB_CHECKPOINTS: get_checkpoint(&columns, &c->row.checkpoint); break;
	case DB_GRANTS: get_grant(&columns, &c->row.grant); break;
	case DB_TOKENS: get_token(&columns, &c->row.token); break;
	}
	*row = &c->row;
	int err = row_error(c->db, &columns);
	return err ? err : 1;
}

void db_cursor_close(struct db_cursor *c)
{
	if (!c)
		return;
	sqlite3_finalize(c->s);
	arena_free(&c->arena);
	free(c);
}

/* ---- single rows ---- */

/* Steps a bound statement: 1 a row, 0 none, or an error. end_fetch() resets it. */
static int fetch(struct db *db, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : db_error(db, sqlite3_sql(s));
}

/* What that came to once its columns were read; the statement is free again. */
static int end_fetch(struct db *db, const struct columns *c, int found)
{
	int err = found == 1 ? row_error(db, c) : 0;
	sqlite3_reset(c->s);
	return err ? err : found;
}

int db_progress(struct db *db, struct progress_row *out)
{
	sqlite3_stmt *s = db_statement(db, SQL_PROGRESS);
	if (!s)
		return db_error(db, "progress");
	struct columns c = {.s = s};
	int found = fetch(db, s);
	if (found == 1) {
		out->changes = get_int(&c);
		out->items = get_int(&c);
		out->reports = get_int(&c);
		out->log_rows = get_int(&c);
	}
	sqlite3_reset(s);
	return found == 1 ? 0 : found == 0 ? ERR_HISTORY : found;
}

int db_item(struct db *db, struct arena *a, uint64_t pool, const char *name, struct item_row *out)
{
	sqlite3_stmt *s = db_statement(db, SQL_ONE_ITEM);
	if (!s)
		return db_error(db, "item");
	sqlite3_bind_int64(s, 1, (sqlite3_int64)pool);
	sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
	struct columns c = {.s = s, .arena = a};
	int found = fetch(db, s);
	if (found == 1)
		get_item(&c, out);
	return end_fetch(db, &c, found);
}

int db_settlement(struct db *db, struct arena *a, uint64_t pool, uint64_t round, struct settled_row *out)
{
	sqlite3_stmt *s = db_statement(db, SQL_ONE_SETTLEMENT);
	if (!s)
		return db_error(db, "settlement");
	sqlite3_bind_int64(s, 1, (sqlite3_int64)pool);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)round);
	struct columns c = {.s = s, .arena = a};
	int found = fetch(db, s);
	if (found == 1)
		get_settled(&c, out);
	return end_fetch(db, &c, found);
}

int db_archive(struct db *db, struct arena *a, uint64_t pool, struct archive_row *out)
{
	sqlite3_stmt *s = db_statement(db, SQL_ONE_ARCHIVE);
	if (!s)
		return db_error(db, "archive");
	sqlite3_bind_int64(s, 1, (sqlite3_int64)pool);
	struct columns c = {.s = s, .arena = a};
	int found = fetch(db, s);
	if (found == 1)
		get_archive(&c, out);
	return end_fetch(db, &c, found);
}

int db_head(struct db *db, uint64_t pool, uint64_t round, uint8_t out[CHAIN_BYTES])
{
	sqlite3_stmt *s = db_statement(db, SQL_HEAD);
	if (!s)
		return db_error(db, "head");
	sqlite3_bind_int64(s, 1, (sqlite3_int64)pool);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)round);
	struct columns c = {.s = s};
	int found = fetch(db, s);
	if (found == 1)
		get_hash(&c, out);
	return end_fetch(db, &c, found);
}

int db_feed(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit, struct item_row *out)
{
	sqlite3_stmt *s = db_statement(db, SQL_FEED);
	if (!s)
		return db_error(db, "feed");
	sqlite3_bind_int64(s, 1, (sqlite3_int64)pool);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)after);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)limit);
	int n = 0, found;
	while ((found = fetch(db, s)) == 1 && (size_t)n < limit) {
		struct columns c = {.s = s, .arena = a};
		get_item_head(&c, &out[n++]);
		found = row_error(db, &c);
		if (found)
			break;
	}
	sqlite3_reset(s);
	return found < 0 ? found : n;
}

int db_events(struct db *db, struct arena *a, const char *pool, uint64_t before, uint64_t *round, size_t limit,
	      struct event_row *out)
{
	sqlite3_stmt *s = db_statement(db, pool ? SQL_EVENTS_OF_POOL : SQL_EVENTS);
	if (!s)
		return db_error(db, "events");
	/* SQLite's numbers have a sign. */
	sqlite3_bind_int64(s, 1, before > INT64_MAX ? INT64_MAX : (sqlite3_int64)before);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)limit);
	if (pool) {
		sqlite3_bind_text(s, 3, pool, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s, 4, *round > INT64_MAX ? INT64_MAX : (sqlite3_int64)*round);
	}
	int n = 0, found;
	while ((found = fetch(db, s)) == 1 && (size_t)n < limit) {
		struct columns c = {.s = s, .arena = a};
		get_event(&c, &out[n++], round);
		found = row_error(db, &c);
		if (found)
			break;
	}
	sqlite3_reset(s);
	return found < 0 ? found : n;
}

/* The single number of a statement with up to three numbers bound. */
static int count(struct db *db, enum statement which, const uint64_t *bound, int n, uint64_t *out)
{
	sqlite3_stmt *s = db_statement(db, which);
	if (!s)
		return db_error(db, "count");
	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(s, i + 1, (sqlite3_int64)bound[i]);
	int found = fetch(db, s);
	if (found == 1)
		*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return found == 1 ? 0 : found == 0 ? ERR_HISTORY : found;
}

int db_count_items(struct db *db, uint64_t pool, uint64_t *voided, uint64_t *open)
{
	int err = count(db, SQL_COUNT_VOID, &pool, 1, voided);
	return err ? err : count(db, SQL_COUNT_OPEN, &pool, 1, open);
}

int db_count_settled(struct db *db, uint64_t pool, uint64_t round, uint64_t *out)
{
	const uint64_t bound[] = {pool, round};
	return count(db, SQL_COUNT_ARCHIVED, bound, 2, out);
}

int db_first_round(struct db *db, uint64_t pool, uint64_t *out)
{
	return count(db, SQL_FIRST_ROUND, &pool, 1, out);
}

int db_round_before(struct db *db, uint64_t pool, uint64_t above, uint64_t before, uint64_t *out)
{
	/* SQLite's numbers have a sign. */
	const uint64_t bound[] = {pool, above, before > INT64_MAX ? INT64_MAX : before};
	return count(db, SQL_ROUND_BEFORE, bound, 3, out);
}
