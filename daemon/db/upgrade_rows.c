#include "daemon/db/upgrade_rows.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/db/internal.h"
#include "daemon/db/migrate.h"
#include "daemon/db/write.h"

/* The first schemas that have archives, and what a replay fills in. */
static const long archives_since = 3, track_since = 6, present = MIGRATE_VERSION;

#define NOTES "upgrade_checked"

static int run(struct db *db, const char *sql)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(db, sql);
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **out)
{
	return sqlite3_prepare_v2(db->handle, sql, -1, out, NULL) == SQLITE_OK ? 0 : db_error(db, sql);
}

/* 1: the statement gives a row, 0: not, or an error. */
static int asks(struct db *db, const char *sql)
{
	sqlite3_stmt *s;
	int err = prepare(db, sql, &s);
	if (err)
		return err;
	int code = sqlite3_step(s);
	err = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : db_error(db, sql);
	sqlite3_finalize(s);
	return err;
}

static int version_of(struct db *db, long *version)
{
	return migrate_known(db->handle, version);
}

int db_age(struct db *db, enum db_age *out)
{
	long version;
	int err = version_of(db, &version);
	if (err)
		return err;
	*out = DB_OLDER;
	if (version < present)
		return 0;
	int waits = asks(db, "SELECT 1 FROM pools WHERE stretch = 0");
	*out = waits == 1 ? DB_UNFINISHED : DB_PRESENT;
	return waits < 0 ? waits : 0;
}

int db_upgrade_archives(struct db *db, void (*each)(void *arg, const struct db_upgrade_archive *a), void *arg)
{
	long version;
	sqlite3_stmt *s;
	int code, err = version_of(db, &version);
	if (err || version < archives_since)
		return err;
	const char *all = "SELECT p.name, a.file, a.first, a.last FROM archives a JOIN pools p ON p.id = a.pool"
			  " ORDER BY a.pool, a.last",
		   *waiting = "SELECT p.name, a.file, a.first, a.last FROM archives a JOIN pools p ON p.id = a.pool"
			      " WHERE p.stretch = 0 ORDER BY a.pool, a.last";
	err = prepare(db, version < track_since ? all : waiting, &s);
	if (err)
		return err;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		const struct db_upgrade_archive a = {
			.pool = (const char *)sqlite3_column_text(s, 0),
			.file = (const char *)sqlite3_column_text(s, 1),
			.first = (uint64_t)sqlite3_column_int64(s, 2),
			.last = (uint64_t)sqlite3_column_int64(s, 3),
		};
		if (!a.pool || !a.file) {
			code = SQLITE_NOMEM;
			break;
		}
		each(arg, &a);
	}
	err = code == SQLITE_DONE ? 0 : code == SQLITE_NOMEM ? -ENOMEM : db_error(db, "archives");
	sqlite3_finalize(s);
	return err;
}

/* ---- transactions ---- */

int db_upgrade_begin(struct db *db)
{
	return migrate_begin(db->handle);
}

int db_upgrade_commit(struct db *db)
{
	int err = run(db, "DROP TABLE IF EXISTS " NOTES);
	if (err == 0)
		err = run(db, "COMMIT");
	if (err)
		db_upgrade_abandon(db);
	return err;
}

void db_upgrade_abandon(struct db *db)
{
	/* After some failures SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int has_notes(struct db *db)
{
	return asks(db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '" NOTES "'");
}

#define WAITS (present < track_since ? "0" : "p.stretch = 0")
#define CHECKED "EXISTS (SELECT 1 FROM " NOTES " u, progress g WHERE u.pool = p.id AND u.changes = g.changes)"

static int read_pools(struct db *db, sqlite3_stmt *s, struct arena *a, struct db_upgrade_pool *out, size_t n)
{
	size_t i = 0;
	int code;
	while ((code = sqlite3_step(s)) == SQLITE_ROW && i < n) {
		const char *name = (const char *)sqlite3_column_text(s, 1);
		out[i] = (struct db_upgrade_pool){
			.id = (uint64_t)sqlite3_column_int64(s, 0),
			.name = name ? arena_strdup(a, name) : NULL,
			.events = (uint64_t)sqlite3_column_int64(s, 2),
			.archives = (uint64_t)sqlite3_column_int64(s, 3),
			.waits = sqlite3_column_int(s, 4) != 0,
			.is_checked = sqlite3_column_int(s, 5) != 0,
		};
		if (!out[i++].name)
			return -ENOMEM;
	}
	return code == SQLITE_DONE ? 0 : code == SQLITE_ROW ? ERR_HISTORY : db_error(db, "pools");
}

static int count_pools(struct db *db, size_t *n)
{
	sqlite3_stmt *s;
	int err = prepare(db, "SELECT count(*) FROM pools", &s);
	if (err)
		return err;
	err = sqlite3_step(s) == SQLITE_ROW ? 0 : db_error(db, "pools");
	*n = err ? 0 : (size_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return err;
}

int db_upgrade_pools(struct db *db, struct arena *a, struct db_upgrade_pool **out, size_t *n)
{
	char sql[512];
	sqlite3_stmt *s;
	int noted = has_notes(db);
	int err = noted < 0 ? noted : count_pools(db, n);
	*out = err ? NULL : arena_alloc(a, (*n + 1) * sizeof **out);
	if (!*out)
		return err ? err : -ENOMEM;
	snprintf(sql, sizeof sql,
		 "SELECT p.id, p.name, p.closes + p.round + (SELECT count(*) FROM labelers l WHERE l.pool = p.id),"
		 " (SELECT count(*) FROM archives r WHERE r.pool = p.id), p.stretch = 0, %s FROM pools p ORDER BY p.id",
		 noted ? CHECKED : "0");
	err = prepare(db, sql, &s);
	if (err)
		return err;
	err = read_pools(db, s, a, *out, *n);
	sqlite3_finalize(s);
	return err;
}

int db_upgrade_item(struct db *db, uint64_t id, const struct frozen *frozen)
{
	const struct aggregate *a = &frozen->aggregate;
	const double reals[] = {a->forecast, a->regression, a->evidence, a->evidence_full};
	sqlite3_stmt *s;
	int err = db_statement(db, SQL_SET_FORECAST, &s), n = 0;
	if (err)
		return err;
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
		sqlite3_bind_double(s, ++n, reals[i]);
	sqlite3_bind_int64(s, ++n, (sqlite3_int64)frozen->closed_round);
	sqlite3_bind_int64(s, ++n, (sqlite3_int64)id);
	return db_step(db, s);
}

/* ---- notes ---- */

static int note(struct db *db, uint64_t changes, const struct db_upgrade_pool *pools, size_t n)
{
	sqlite3_stmt *s;
	int err = run(db, "CREATE TABLE IF NOT EXISTS " NOTES " (pool INTEGER PRIMARY KEY, changes INTEGER NOT NULL)");
	if (err == 0)
		err = prepare(db, "INSERT OR REPLACE INTO " NOTES " (pool, changes) VALUES (?, ?)", &s);
	if (err)
		return err;
	for (size_t i = 0; i < n && err == 0; i++) {
		if (!pools[i].is_checked)
			continue;
		sqlite3_bind_int64(s, 1, (sqlite3_int64)pools[i].id);
		sqlite3_bind_int64(s, 2, (sqlite3_int64)changes);
		err = db_step(db, s);
	}
	sqlite3_finalize(s);
	return err ? err : run(db, "COMMIT");
}

int db_upgrade_note(struct db *db, uint64_t changes, const struct db_upgrade_pool *pools, size_t n)
{
	int err = run(db, "BEGIN IMMEDIATE");
	if (err == 0)
		err = note(db, changes, pools, n);
	if (err)
		db_upgrade_abandon(db);
	return err;
}

int db_upgrade_forget(struct db *db)
{
	int noted = has_notes(db);
	return noted == 1 ? run(db, "DROP TABLE " NOTES) : noted;
}
