#include "daemon/db/db.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/internal.h"
#include "daemon/db/wal.h"
#include "lib/base/log.h"
#include "daemon/db/migrate.h"
#include "daemon/db/pack.h"

#if __BYTE_ORDER != __LITTLE_ENDIAN
#error "blobs are written as memory has them, which must be little-endian"
#endif

enum { BUSY_MS = 5000 };

static const char *const sql[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_POOL] = "INSERT OR REPLACE INTO pools VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_SETTINGS] = "INSERT INTO settings VALUES (?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_STRETCH] = "INSERT OR REPLACE INTO stretches VALUES (?,?,?,?,?,?,?,?)",
	[SQL_LABELER_ADD] = "INSERT INTO labelers VALUES (?1,?2,?11,?12,?13,?14,?3,?4,?5,?6,?7,?8,?9,?10)",
	[SQL_LABELER_SET] = "UPDATE labelers SET weight = ?3, epoch = ?4, scored = ?5, own_loss = ?6, mean_loss = ?7,"
			    " settled_loss = ?8, last_round = ?9, through = ?10 WHERE pool = ?1 AND id = ?2",
	[SQL_OPEN_ITEM_ADD] = "INSERT INTO open_items (id, pool, name, opened_at, by) VALUES (?,?,?,?,?)",
	[SQL_OPEN_ITEM_SET] = "UPDATE open_items SET reports = ?2, packed = ?3 WHERE id = ?1",
	[SQL_OPEN_ITEM_REMOVE] = "DELETE FROM open_items WHERE id = ?",
	[SQL_LOG] = "INSERT INTO report_log VALUES (?,?,?,?,?)",
	[SQL_REVISION] = "INSERT INTO revisions VALUES (?,?,?,?,?,?)",
	[SQL_ITEM] = "INSERT INTO items VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL)",
	[SQL_ITEM_ENDED] = "UPDATE items SET state = ?2, ended_at = ?3, outcome = ?4, round = ?5 WHERE id = ?1",
	[SQL_SETTLEMENT] = "INSERT INTO settlements VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_TRIM] = "DELETE FROM report_log WHERE change <= ?",
	[SQL_PROGRESS_SET] = "UPDATE progress SET changes = ?, items = ?, reports = ?, log_rows = ?",
	[SQL_BEGIN_READ] = "BEGIN",
	[SQL_END_READ] = "COMMIT",
	[SQL_PROGRESS] = "SELECT changes, items, reports, log_rows FROM progress",
	[SQL_ONE_ITEM] = "SELECT " DB_ITEM_COLUMNS ", i.reports, i.weights FROM items i LEFT JOIN settlements s"
			 " ON s.pool = i.pool AND s.round = i.round WHERE i.pool = ? AND i.name = ?",
	[SQL_ONE_SETTLEMENT] = "SELECT " DB_SETTLED_COLUMNS " FROM settlements s JOIN items i ON i.id = s.item"
			       " WHERE s.pool = ? AND s.round = ?",
	[SQL_HEAD] = "SELECT hash FROM settlements WHERE pool = ? AND round = ?",
	[SQL_FEED] = "SELECT " DB_ITEM_COLUMNS " FROM items i LEFT JOIN settlements s"
		     " ON s.pool = i.pool AND s.round = i.round"
		     " WHERE i.pool = ? AND i.close_number > ? ORDER BY i.close_number LIMIT ?",
	[SQL_COUNT_VOID] = "SELECT count(*) FROM items WHERE pool = ? AND state = 'void'",
	[SQL_COUNT_OPEN] = "SELECT count(*) FROM open_items WHERE pool = ?",
	[SQL_COUNT_ARCHIVED] = "SELECT count(*) FROM items WHERE pool = ? AND round <= ?",
	[SQL_ARCHIVE] = "INSERT INTO archives VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SQL_CHECKPOINT] = "INSERT OR REPLACE INTO checkpoints VALUES (?,?,?)",
	[SQL_REMOVE_REPORTS] =
		"UPDATE items SET reports = '[]', weights = NULL, eta = s.eta, lbar = s.lbar"
		" FROM settlements s WHERE s.pool = ?1 AND s.round BETWEEN ?2 AND ?3 AND items.id = s.item",
	[SQL_REMOVE_SETTLEMENTS] = "DELETE FROM settlements WHERE pool = ?1 AND round BETWEEN ?2 AND ?3",
	[SQL_REMOVE_REVISIONS] =
		"DELETE FROM revisions WHERE change > ?3 AND change <= ?4 AND EXISTS"
		" (SELECT 1 FROM items i WHERE i.id = revisions.item AND i.pool = ?1 AND i.round <= ?2)",
	[SQL_REMOVED] = "UPDATE archives SET removed = 1 WHERE pool = ?1 AND last <= ?2",
	[SQL_ONE_ARCHIVE] = "SELECT * FROM archives WHERE pool = ? ORDER BY last DESC LIMIT 1",
	[SQL_FIRST_ROUND] = "SELECT coalesce(min(round), 0) FROM settlements WHERE pool = ?",
	[SQL_ROUND_BEFORE] =
		"SELECT coalesce((SELECT min(round) FROM settlements WHERE pool = ?1 AND round > ?2 AND at >= ?3)"
		" - 1, (SELECT max(round) FROM settlements WHERE pool = ?1 AND round > ?2), ?2)",
	[SQL_GRANT_SET] = "INSERT OR REPLACE INTO grants VALUES (?,?,?,?,?)",
	[SQL_GRANT_REMOVE] = "DELETE FROM grants WHERE id = ?",
	[SQL_TOKEN] = "INSERT OR REPLACE INTO tokens VALUES (?,?,?,?,?,?)",
	[SQL_EVENT] = "INSERT INTO events VALUES (?,?,?,?,?,?,?)",
	[SQL_EVENTS] = DB_EVENTS("", "s.change < ?1 ORDER BY s.change"),
	[SQL_EVENTS_OF_POOL] =
		DB_EVENTS("AND p.name = ?3", "s.pool = (SELECT id FROM pools WHERE name = ?3) AND s.round <= ?4"
					     " AND s.change < ?1 ORDER BY s.round"),
};

/* ---- the connection ---- */

int db_error_of(sqlite3 *handle)
{
	int code = sqlite3_extended_errcode(handle), system = sqlite3_system_errno(handle);
	switch (code & 0xff) {
	case SQLITE_FULL: return ERR_DISK_FULL;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_NOTADB: return ERR_SCHEMA;
	case SQLITE_CORRUPT: return ERR_DAMAGED;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: break;
	default: return ERR_DATABASE;
	}
	if (code == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	/* After a sync that failed nobody knows what is on disk, also where it failed for want of room. */
	bool sync = code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
	return !sync && (system == ENOSPC || system == EDQUOT) ? ERR_DISK_FULL : ERR_DATABASE;
}

int db_error(struct db *db, const char *doing)
{
	log_error("database: %s: %s (SQLite %d)", doing, sqlite3_errmsg(db->handle),
		  sqlite3_extended_errcode(db->handle));
	return db_error_of(db->handle);
}

/* Whoever went on with a read that could not be ended when it should have been would see the past for ever. */
bool db_is_fresh(struct db *db)
{
	if (db->stuck &&
	    (sqlite3_get_autocommit(db->handle) || sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK))
		db->stuck = false;
	return !db->stuck;
}

sqlite3_stmt *db_statement(struct db *db, enum statement s)
{
	if (!db_is_fresh(db))
		return NULL;
	if (!db->statements[s])
		sqlite3_prepare_v3(db->handle, sql[s], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[s], NULL);
	return db->statements[s];
}

static int pragma(struct db *db, const char *text)
{
	return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db, text);
}

static int prepare_scratch(struct db *db)
{
	int err = migrate(db->handle);
	return err ? err
		   : pragma(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384");
}

static int prepare_writer(struct db *db, enum db_sync sync)
{
	/* First: the journal mode stays in a file, also in one that turns out to be another program's. */
	int err = migrate(db->handle);
	if (err == 0)
		err = pragma(db, "PRAGMA journal_mode = WAL");
	if (err == 0)
		err = pragma(db, sync == DB_FULL ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
	/* Checkpoints of 16 MiB of log cost less than those of 4; see docs/architecture.md. */
	if (err == 0)
		err = pragma(db, "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -65536");
	/* While somebody reads for long (a backup) the log grows; afterwards it gives the room back. */
	if (err == 0)
		err = pragma(db, "PRAGMA journal_size_limit = 67108864");
	return err;
}

/* The size of the file beside the database with such an ending: -1 where there is none. */
static int size_of(const char *path, const char *ending, int64_t *size)
{
	char *beside;
	struct stat st;
	if (asprintf(&beside, "%s%s", path, ending) < 0)
		return -ENOMEM;
	int err = stat(beside, &st) == 0 ? 0 : -errno;
	free(beside);
	*size = err ? -1 : st.st_size;
	return err == -ENOENT || err == -ENOTDIR ? 0 : err;
}

/* SQLite takes an empty file for a new database, and removes the logs that lie beside it. Whoever lost a database must
 * hear so, and not find an empty one in its place. */
static int check_not_lost(const char *path, bool *is_new)
{
	int64_t size, log_size;
	int err = size_of(path, "", &size);
	if (err == 0)
		err = size_of(path, "-wal", &log_size);
	if (err)
		return err;
	*is_new = size < 0;
	if (size > 0)
		return 0;
	if (log_size > 0)
		log_error("database: %s-wal is there, but what belongs to it is not in %s", path, path);
	else if (size == 0)
		log_error("database: %s is there, but empty; to begin with a new database remove the file", path);
	else
		return 0;
	return ERR_DAMAGED;
}

static int open_handle(struct db *db, const char *path, enum db_mode mode, bool *is_new)
{
	int flags = mode == DB_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
	int err = mode == DB_WRITE ? check_not_lost(path, is_new) : 0;
	if (err == 0 && sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		err = db->handle ? db_error(db, path) : -ENOMEM;
	return err;
}

static int prepare_reader(struct db *db, enum db_mode mode)
{
	int err = pragma(db, "PRAGMA query_only = 1; PRAGMA cache_size = -16384");
	if (err)
		return err;
	return mode == DB_READ ? migrate_check(db->handle) : migrate_known(db->handle);
}

int db_open(struct db **out, const char *path, enum db_mode mode, enum db_sync sync)
{
	bool is_new = false;
	struct db *db = calloc(1, sizeof *db);
	if (!db)
		return -ENOMEM;
	int err = open_handle(db, path, mode, &is_new);
	if (err == 0) {
		sqlite3_extended_result_codes(db->handle, 1);
		sqlite3_busy_timeout(db->handle, BUSY_MS);
		err = mode == DB_WRITE     ? prepare_writer(db, sync)
		      : mode == DB_SCRATCH ? prepare_scratch(db)
					   : prepare_reader(db, mode);
	}
	if (err) {
		int64_t size;
		int closed = db_close(db);
		/* Nothing was written for want of room, say: the next start shall not take it for a lost one. */
		if (is_new && size_of(path, "", &size) == 0 && size == 0)
			unlink(path);
		return closed ? closed : err;
	}
	*out = db;
	return 0;
}

int db_close(struct db *db)
{
	if (!db)
		return 0;
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	buf_free(&db->text);
	int err = sqlite3_close(db->handle) == SQLITE_OK ? 0 : db_error(db, "close");
	if (err == 0)
		free(db);
	return err;
}

void db_set_cache(struct db *db, size_t bytes)
{
	char text[64];
	snprintf(text, sizeof text, "PRAGMA cache_size = -%zu", bytes / 1024);
	/* One that stays as it was is no failure. */
	sqlite3_exec(db->handle, text, NULL, NULL, NULL);
}

void db_limit_memory(uint64_t bytes)
{
	sqlite3_soft_heap_limit64((sqlite3_int64)bytes);
}

uint64_t db_memory(void)
{
	return (uint64_t)sqlite3_memory_used();
}

/* ---- writing ---- */

/* Values are bound one after the other; a failure shows when the statement steps. */
struct binder {
	sqlite3_stmt *s;
	int next;
};

static void put_int(struct binder *b, uint64_t x)
{
	sqlite3_bind_int64(b->s, b->next++, (sqlite3_int64)x);
}

static void put_real(struct binder *b, double x)
{
	sqlite3_bind_double(b->s, b->next++, x);
}

static void put_null(struct binder *b)
{
	sqlite3_bind_null(b->s, b->next++);
}

/* The text lives in the batch, which outlives the step. */
static void put_text(struct binder *b, const char *text)
{
	sqlite3_bind_text(b->s, b->next++, text, -1, SQLITE_STATIC);
}

static void put_blob(struct binder *b, const void *bytes, size_t size)
{
	if (bytes)
		sqlite3_bind_blob64(b->s, b->next++, bytes, size, SQLITE_STATIC);
	else
		put_null(b);
}

static void put_settings(struct binder *b, const struct candor_settings *s)
{
	static const char *const rates[] = {"", "anytime", "horizon", "fixed"};
	put_text(b, rates[s->rate]);
	put_real(b, s->c);
	put_real(b, s->beta);
	put_real(b, s->eta);
	put_real(b, s->horizon);
	put_real(b, s->share);
	put_real(b, s->entry);
}

static int put_reports(struct db *db, struct binder *b, const struct packed_reports *r)
{
	db->text.len = 0;
	int err = pack_reports(r, &db->text);
	if (err == 0)
		sqlite3_bind_text(b->s, b->next++, (const char *)db->text.data, (int)db->text.len, SQLITE_STATIC);
	return err;
}

int db_step(struct db *db, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : db_error(db, sqlite3_sql(s));
}

static int run(struct db *db, enum statement which)
{
	sqlite3_stmt *s = db_statement(db, which);
	return s ? db_step(db, s) : db_error(db, sql[which]);
}

#define BIND(which)                                     \
	struct binder b = {db_statement(db, which), 1}; \
	if (!b.s)                                       \
	return db_error(db, sql[which])

static void put_losses(struct binder *b, const struct pool_totals *t)
{
	put_real(b, t->total_weight);
	put_real(b, t->mean_loss);
	put_real(b, t->median_loss);
	put_real(b, t->plain_mean_loss);
	put_real(b, t->plain_median_loss);
}

static void put_stretch(struct binder *b, const struct mechanism_stretch *s)
{
	put_int(b, s->epoch);
	put_real(b, s->eta_lo);
	put_real(b, s->eta_hi);
	put_int(b, s->rounds);
	put_real(b, s->floor);
	put_real(b, s->share);
}

static int write_pool(struct db *db, const struct pool_row *r)
{
	BIND(SQL_POOL);
	put_int(&b, r->id);
	put_text(&b, r->name);
	put_int(&b, r->created_at);
	put_settings(&b, &r->settings);
	put_int(&b, r->totals.round);
	put_int(&b, r->totals.epoch);
	put_int(&b, r->totals.scored);
	put_int(&b, r->totals.open);
	put_int(&b, r->totals.closed);
	put_int(&b, r->totals.voided);
	put_int(&b, r->closes);
	put_losses(&b, &r->totals);
	return db_step(db, b.s);
}

static int write_settings(struct db *db, const struct settings_row *r)
{
	BIND(SQL_SETTINGS);
	put_int(&b, r->pool);
	put_int(&b, r->change);
	put_int(&b, r->at);
	put_text(&b, r->by);
	put_settings(&b, &r->settings);
	return db_step(db, b.s);
}

static int write_stretch(struct db *db, const struct stretch_row *r)
{
	BIND(SQL_STRETCH);
	put_int(&b, r->pool);
	put_int(&b, r->number);
	put_stretch(&b, &r->stretch);
	return db_step(db, b.s);
}

static int write_labeler(struct db *db, const struct labeler_row *r)
{
	BIND(r->name ? SQL_LABELER_ADD : SQL_LABELER_SET);
	put_int(&b, r->pool);
	put_int(&b, r->id);
	put_real(&b, r->state.weight);
	put_int(&b, r->state.epoch);
	put_int(&b, r->state.scored);
	put_real(&b, r->state.own_loss);
	put_real(&b, r->state.mean_loss);
	put_real(&b, r->state.settled_loss);
	put_int(&b, r->state.last_round);
	put_int(&b, r->through);
	if (r->name) {
		put_text(&b, r->name);
		put_int(&b, r->joined);
		put_int(&b, r->joined_at);
		put_real(&b, r->entry);
	}
	return db_step(db, b.s);
}

static int write_open_item(struct db *db, const struct open_item_row *r)
{
	BIND(r->name ? SQL_OPEN_ITEM_ADD : SQL_OPEN_ITEM_SET);
	put_int(&b, r->id);
	if (r->name) {
		put_int(&b, r->pool);
		put_text(&b, r->name);
		put_int(&b, r->opened_at);
		put_text(&b, r->by);
	} else {
		int err = put_reports(db, &b, &r->reports);
		if (err)
			return err;
		put_int(&b, r->packed);
	}
	return db_step(db, b.s);
}

static int write_log(struct db *db, const struct log_row *r)
{
	BIND(SQL_LOG);
	put_int(&b, r->change);
	put_int(&b, r->item);
	put_int(&b, r->labeler);
	put_real(&b, r->value);
	put_int(&b, r->at);
	return db_step(db, b.s);
}

static int write_revision(struct db *db, const struct revision_row *r)
{
	BIND(SQL_REVISION);
	put_int(&b, r->change);
	put_int(&b, r->item);
	put_int(&b, r->labeler);
	put_real(&b, r->old);
	put_real(&b, r->value);
	put_int(&b, r->at);
	return db_step(db, b.s);
}

static const char *state_text(enum candor_item_state state)
{
	return state == CANDOR_CLOSED ? "closed" : state == CANDOR_RESOLVED ? "resolved" : "void";
}

static void put_end(struct binder *b, const struct item_row *r)
{
	if (r->state == CANDOR_RESOLVED) {
		put_real(b, r->outcome);
		put_int(b, r->round);
	} else {
		put_null(b);
		put_null(b);
	}
}

static int write_item(struct db *db, const struct item_row *r)
{
	struct binder gone = {db_statement(db, SQL_OPEN_ITEM_REMOVE), 1};
	if (!gone.s)
		return db_error(db, sql[SQL_OPEN_ITEM_REMOVE]);
	put_int(&gone, r->id);
	int err = db_step(db, gone.s);
	if (err)
		return err;

	BIND(SQL_ITEM);
	put_int(&b, r->id);
	put_int(&b, r->pool);
	put_text(&b, r->name);
	put_text(&b, state_text(r->state));
	if (r->close_number)
		put_int(&b, r->close_number);
	else
		put_null(&b);
	put_int(&b, r->closed);
	put_int(&b, r->opened_at);
	put_int(&b, r->closed_at);
	if (r->ended_at)
		put_int(&b, r->ended_at);
	else
		put_null(&b);
	const struct aggregate *a = &r->aggregate;
	double numbers[] = {a->mean, a->median, a->plain_mean, a->plain_median, a->spread, a->ess};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (r->close_number)
			put_real(&b, numbers[i]);
		else
			put_null(&b);
	}
	put_int(&b, r->reports.n);
	err = put_reports(db, &b, &r->reports);
	if (err)
		return err;
	put_blob(&b, r->weights, r->reports.n * sizeof(double));
	put_end(&b, r);
	return db_step(db, b.s);
}

static int write_item_ended(struct db *db, const struct item_row *r)
{
	BIND(SQL_ITEM_ENDED);
	put_int(&b, r->id);
	put_text(&b, state_text(r->state));
	put_int(&b, r->ended_at);
	put_end(&b, r);
	return db_step(db, b.s);
}

static int write_settlement(struct db *db, const struct settlement_row *r)
{
	BIND(SQL_SETTLEMENT);
	put_int(&b, r->pool);
	put_int(&b, r->round);
	put_int(&b, r->item);
	put_real(&b, r->outcome);
	put_real(&b, r->eta);
	put_real(&b, r->weighted_loss);
	put_int(&b, r->epoch);
	put_int(&b, r->at);
	put_text(&b, r->by);
	put_int(&b, r->change);
	put_blob(&b, r->weights, r->n * sizeof(double));
	put_blob(&b, r->last_round, r->n * sizeof(uint32_t));
	put_blob(&b, r->hash, CHAIN_BYTES);
	return db_step(db, b.s);
}

static int write_trim(struct db *db, const struct trim_row *r)
{
	BIND(SQL_TRIM);
	put_int(&b, r->change);
	return db_step(db, b.s);
}

static int write_progress(struct db *db, const struct progress_row *r)
{
	BIND(SQL_PROGRESS_SET);
	put_int(&b, r->changes);
	put_int(&b, r->items);
	put_int(&b, r->reports);
	put_int(&b, r->log_rows);
	return db_step(db, b.s);
}

static int write_archive(struct db *db, const struct archive_row *r)
{
	BIND(SQL_ARCHIVE);
	put_int(&b, r->pool);
	put_int(&b, r->first);
	put_int(&b, r->last);
	put_int(&b, r->change);
	put_int(&b, r->at);
	put_text(&b, r->by);
	put_text(&b, r->file);
	put_blob(&b, r->digest, sizeof r->digest);
	put_blob(&b, r->state, sizeof r->state);
	put_blob(&b, r->hash, sizeof r->hash);
	put_int(&b, r->reports);
	put_int(&b, r->removed);
	put_int(&b, r->closes);
	put_int(&b, r->labelers);
	put_int(&b, r->totals.epoch);
	put_int(&b, r->totals.scored);
	put_losses(&b, &r->totals);
	put_int(&b, r->stretches);
	put_stretch(&b, &r->stretch);
	return db_step(db, b.s);
}

static int write_checkpoint(struct db *db, const struct checkpoint_row *r)
{
	db->text.len = 0;
	int err = pack_states(r->states, r->n, &db->text);
	if (err)
		return err;
	BIND(SQL_CHECKPOINT);
	put_int(&b, r->pool);
	put_int(&b, r->first);
	put_blob(&b, db->text.data, db->text.len);
	return db_step(db, b.s);
}

static int write_change(struct db *db, const struct change *c)
{
	switch (c->type) {
	case CHANGE_POOL: return write_pool(db, &c->pool);
	case CHANGE_SETTINGS: return write_settings(db, &c->settings);
	case CHANGE_STRETCH: return write_stretch(db, &c->stretch);
	case CHANGE_LABELER: return write_labeler(db, &c->labeler);
	case CHANGE_OPEN_ITEM: return write_open_item(db, &c->open_item);
	case CHANGE_LOG: return write_log(db, &c->log);
	case CHANGE_REVISION: return write_revision(db, &c->revision);
	case CHANGE_ITEM: return write_item(db, &c->item);
	case CHANGE_ITEM_ENDED: return write_item_ended(db, &c->item);
	case CHANGE_SETTLEMENT: return write_settlement(db, &c->settlement);
	case CHANGE_TRIM: return write_trim(db, &c->trim);
	case CHANGE_PROGRESS: return write_progress(db, &c->progress);
	case CHANGE_ARCHIVE: return write_archive(db, &c->archive);
	case CHANGE_CHECKPOINT: return write_checkpoint(db, &c->checkpoint);
	case CHANGE_GRANT:
	case CHANGE_TOKEN:
	case CHANGE_EVENT: return db_write_right(db, c);
	case CHANGE_REMOVAL: return db_write_removal(db, &c->removal);
	}
	return ERR_HISTORY;
}

int db_write(struct db *db, const struct batch *b)
{
	int err = run(db, SQL_BEGIN);
	for (const struct change *c = b->first; c && err == 0; c = c->next)
		err = write_change(db, c);
	if (err == 0)
		err = run(db, SQL_COMMIT);
	/* After some failures SQLite has rolled back by itself. */
	if (err && !sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

/* Whoever else has the database open keeps the log's index alive. A writer that was killed when a commit was in the log
 * and not in the index then leaves one that nobody sees, until the index is made anew from the log: after clients were
 * told that it is absent it would be there. What lies behind the index's end is the writer's alone, so this one
 * takes it away. */
static int cut_log(struct db *db, uint64_t frames)
{
	const char *path = sqlite3_db_filename(db->handle, "main");
	int err = run(db, SQL_BEGIN);
	if (err)
		return err;
	err = db_wal_cut(path, frames);
	sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

int db_empty_log(struct db *db)
{
	/* A reader that will be long is not waited for. */
	sqlite3_busy_timeout(db->handle, 0);
	int frames = 0, rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &frames, NULL);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	if ((rc & 0xff) == SQLITE_BUSY)
		return frames < 0 ? 0 : cut_log(db, (uint64_t)frames);
	int err = rc == SQLITE_OK ? 0 : db_error(db, "wal_checkpoint");
	return err == ERR_DISK_FULL ? 0 : err;
}

int db_begin(struct db *db)
{
	/* What will end it is made before it begins. */
	if (db->reads == 0 && !db_statement(db, SQL_END_READ))
		return db_error(db, sql[SQL_END_READ]);
	int err = db->reads == 0 ? run(db, SQL_BEGIN_READ) : 0;
	if (err == 0)
		db->reads++;
	return err;
}

void db_end(struct db *db)
{
	if (--db->reads > 0)
		return;
	/* Ending a read cannot lose anything. */
	if (run(db, SQL_END_READ)) {
		log_warning("database: a read did not end cleanly");
		db->stuck = true;
	}
}
