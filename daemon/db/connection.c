#include "daemon/db/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/error.h"
#include "daemon/db/internal.h"
#include "daemon/db/migrate.h"
#include "lib/base/log.h"

#define TEXT_OF_INSERT(NAME, name, table, how) [SQL_INSERT_##NAME] = how " " INSERT_INTO(#table, NAME##_COLUMNS),
#define TEXT_OF_OTHER(...)
#define TEXT_OF_STATEMENT(NAME, text) [SQL_##NAME] = text,

static const char *const texts[] = {CHANGES(TEXT_OF_INSERT, TEXT_OF_OTHER, TEXT_OF_OTHER)
					    STATEMENTS(TEXT_OF_STATEMENT)};

_Static_assert(sizeof texts / sizeof *texts == SQL_COUNT, "a text for each statement");

/* Whoever went on with a read that could not be ended when it should have been would see the past for ever. */
bool db_is_fresh(struct db *db)
{
	if (db->stuck &&
	    (sqlite3_get_autocommit(db->handle) || sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK))
		db->stuck = false;
	return !db->stuck;
}

int db_statement(struct db *db, enum statement which, sqlite3_stmt **out)
{
	sqlite3_stmt **s = &db->statements[which];
	if (!db_is_fresh(db))
		return db_error(db, texts[which]);
	if (!*s && sqlite3_prepare_v3(db->handle, texts[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
		return db_error(db, texts[which]);
	*out = *s;
	return 0;
}

int db_step(struct db *db, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : db_error(db, sqlite3_sql(s));
}

int db_run(struct db *db, enum statement which)
{
	sqlite3_stmt *s;
	int err = db_statement(db, which, &s);
	return err ? err : db_step(db, s);
}

static int pragma(struct db *db, const char *text)
{
	return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db, text);
}

static int prepare_scratch(struct db *db)
{
	int err = pragma(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384");
	return err ? err : migrate(db->handle);
}

static int prepare_writer(struct db *db, enum db_sync sync)
{
	/* First: the journal mode stays in a file, also in one that turns out to be another program's. */
	int err = migrate_writable(db->handle);
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

int db_check_not_lost(const char *path, bool *is_new)
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
		log_error("database: %s-wal exists, but its database %s is missing or empty", path, path);
	else if (size == 0)
		log_error("database: %s exists but is empty; to start with a new database, remove the file", path);
	else
		return 0;
	return ERR_DAMAGED;
}

static int open_handle(struct db *db, const char *path, enum db_mode mode, bool *is_new)
{
	int flags = mode == DB_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE;
	int err = mode == DB_WRITE || mode == DB_UPGRADE ? db_check_not_lost(path, is_new) : 0;
	if (err == 0 && sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		err = db->handle ? db_error(db, path) : -ENOMEM;
	return err;
}

static int prepare_reader(struct db *db, enum db_mode mode)
{
	int err = pragma(db, "PRAGMA query_only = 1; PRAGMA cache_size = -16384");
	if (err)
		return err;
	return mode == DB_READ ? migrate_check(db->handle) : migrate_known(db->handle, NULL);
}

/* One transaction may rewrite most of the file. Nothing is set that would stay in a file which is then refused. */
static int prepare_upgrade(struct db *db)
{
	int err = migrate_known(db->handle, NULL);
	return err ? err : pragma(db, "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
}

static int prepare(struct db *db, enum db_mode mode, enum db_sync sync)
{
	switch (mode) {
	case DB_READ:
	case DB_READ_OLDER: break;
	case DB_WRITE: return prepare_writer(db, sync);
	case DB_UPGRADE: return prepare_upgrade(db);
	case DB_SCRATCH: return prepare_scratch(db);
	}
	return prepare_reader(db, mode);
}

int db_begin_writing(struct db *db, enum db_sync sync)
{
	return prepare_writer(db, sync);
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
		sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
		err = prepare(db, mode, sync);
	}
	if (err) {
		int64_t size;
		/* What could not be used is left as it is. */
		if (db->handle)
			db_leave_log(db);
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
	for (size_t i = 0; i < DB_TABLES; i++)
		sqlite3_finalize(db->cursors[i]);
	buf_free(&db->text);
	int err = sqlite3_close(db->handle) == SQLITE_OK ? 0 : db_error(db, "close");
	if (err == 0)
		free(db);
	return err;
}

void db_leave_log(struct db *db)
{
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void db_watch(struct db *db, int (*stops)(void *arg), void *arg)
{
	enum { STEPS = 10000 }; /* of SQLite's machine: some hundred microseconds */
	sqlite3_progress_handler(db->handle, stops ? STEPS : 0, stops, arg);
}

void db_set_patience(struct db *db, unsigned ms)
{
	sqlite3_busy_timeout(db->handle, (int)ms);
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

void db_check_idle(struct db *db, bool ended)
{
	for (size_t i = 0; i < SQL_COUNT; i++)
		require(!sqlite3_stmt_busy(db->statements[i]));
	require(db->reads == 0);
	require(!ended || sqlite3_get_autocommit(db->handle));
}

/* ---- reading as of one moment ---- */

int db_begin(struct db *db)
{
	/* What will end it is made before it begins. */
	sqlite3_stmt *end;
	int err = db->reads == 0 ? db_statement(db, SQL_END_READ, &end) : 0;
	if (err == 0 && db->reads == 0)
		err = db_run(db, SQL_BEGIN_READ);
	if (err == 0)
		db->reads++;
	return err;
}

void db_end(struct db *db)
{
	require(db->reads > 0);
	if (--db->reads > 0)
		return;
	/* What was stopped is ended all the same. */
	db_watch(db, NULL, NULL);
	/* Ending a read cannot lose anything. */
	if (db_run(db, SQL_END_READ)) {
		log_warning("database: cannot end a read");
		db->stuck = true;
	}
	db_check_end(db, !db->stuck);
}
