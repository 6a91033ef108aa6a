#include "tests/lib/older.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/db/migrate_chain.h"
#include "lib/base/err.h"
#include "tests/lib/files.h"

/* An empty database of the schema is made of this one. */
#define MODEL "tests/schemas/5.db"

enum { SQL_MAX = 8192, WHO_SINCE = 4 /* before, who did what was not the same words */ };

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return;
	fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
	abort();
}

static void attach(sqlite3 *db, const char *path, const char *name)
{
	char *sql = sqlite3_mprintf("ATTACH %Q AS %s", path, name);
	run(db, sql);
	sqlite3_free(sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	require(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	return s;
}

/* All of a table's columns that are in the result of `which` (?1: the table), each after `before`, separated by
 * commas. */
static void list_columns(sqlite3 *db, const char *which, const char *table, char out[SQL_MAX])
{
	sqlite3_stmt *s = prepare(db, which);
	size_t len = 0;
	out[0] = 0;
	sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	while (sqlite3_step(s) == SQLITE_ROW) {
		len += (size_t)snprintf(out + len, SQL_MAX - len, "%s%s", len ? ", " : "",
					(const char *)sqlite3_column_text(s, 0));
		require(len < SQL_MAX);
	}
	sqlite3_finalize(s);
}

static void copy_table(sqlite3 *db, const char *table)
{
	char here[SQL_MAX], there[SQL_MAX];
	list_columns(db, "SELECT name FROM pragma_table_info(?1)", table, here);
	/* What the present schema has no more nobody looks at. */
	list_columns(db,
		     "SELECT iif(t.name IN (SELECT name FROM pragma_table_info(?1, 'present')), t.name, '0')"
		     " FROM pragma_table_info(?1) t",
		     table, there);
	char *sql = sqlite3_mprintf("INSERT INTO main.%s (%s) SELECT %s FROM present.%s", table, here, there, table);
	require(sql);
	run(db, sql);
	sqlite3_free(sql);
}

void older_make(const char *from, const char *to)
{
	sqlite3 *db;
	require(files_copy(MODEL, to));
	require(sqlite3_open(to, &db) == SQLITE_OK);
	attach(db, from, "present");
	run(db, "PRAGMA synchronous = OFF; BEGIN");
	sqlite3_stmt *s =
		prepare(db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(s, 0);
		char sql[256];
		snprintf(sql, sizeof sql, "DELETE FROM main.%s", table);
		run(db, sql);
		if (strcmp(table, "stretches") != 0)
			copy_table(db, table);
	}
	sqlite3_finalize(s);
	run(db, "INSERT INTO stretches (pool, number, epoch, eta_lo, eta_hi, rounds, floor, share)"
		" SELECT id, 0, epoch, 0, 0, 0, 1, share FROM main.pools");
	/* Hashes as they were: those of the present schema cover more. */
	run(db, "UPDATE main.settlements SET salt = NULL");
	run(db, "COMMIT; DETACH present; BEGIN");
	require(migrate_chain(db) == 0);
	run(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
	require(sqlite3_close(db) == SQLITE_OK);
}

/* Whether one has rows that the other has not. */
static bool differ(sqlite3 *db, const char *table, const char *columns)
{
	char *sql = sqlite3_mprintf("SELECT 1 WHERE EXISTS (SELECT %s FROM a.%s EXCEPT SELECT %s FROM b.%s)"
				    " OR EXISTS (SELECT %s FROM b.%s EXCEPT SELECT %s FROM a.%s)"
				    " OR (SELECT count(*) FROM a.%s) != (SELECT count(*) FROM b.%s)",
				    columns, table, columns, table, columns, table, columns, table, table, table);
	require(sql);
	sqlite3_stmt *s = prepare(db, sql);
	bool found = sqlite3_step(s) == SQLITE_ROW;
	sqlite3_finalize(s);
	sqlite3_free(sql);
	return found;
}

/* Each table, and since which schema all of it is what it is now; before, but for some columns: LIKE. */
static const struct {
	const char *name;
	long since;
	const char *not_before;
} compared[] = {
	{"settings", 5, "epoch"}, {"open_items", 1, ""},  {"report_log", 1, ""}, {"revisions", 1, ""},
	{"items", 1, ""},         {"settlements", 1, ""}, {"rechecks", 1, ""},   {"item_changes", 5, "%"},
	{"grants", 1, ""},        {"tokens", 1, ""},      {"events", 4, "%"},
};

char *older_difference(const char *a, const char *b, long version)
{
	sqlite3 *db;
	char columns[SQL_MAX], which[512], *difference = NULL;
	require(sqlite3_open(":memory:", &db) == SQLITE_OK);
	attach(db, a, "a");
	attach(db, b, "b");
	for (size_t i = 0; i < sizeof compared / sizeof *compared && !difference; i++) {
		snprintf(
			which, sizeof which,
			"SELECT name FROM pragma_table_info(?1, 'a') WHERE name NOT LIKE '%s' AND name NOT IN ('hash', '%s')"
			" AND (?1 != 'settlements' OR name NOT IN ('salt', 'stretch', 'gradient', 'variance'))",
			version < compared[i].since ? compared[i].not_before : "", version < WHO_SINCE ? "by" : "");
		list_columns(db, which, compared[i].name, columns);
		if (columns[0] && differ(db, compared[i].name, columns))
			difference = strdup(compared[i].name);
	}
	require(sqlite3_close(db) == SQLITE_OK);
	return difference;
}
