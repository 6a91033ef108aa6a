#include "tests/lib/sql.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/unit.h"

enum { WAIT_MS = 5000 };

static sqlite3 *open_file(const char *path, int flags)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | flags, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, WAIT_MS);
	return db;
}

int sql_run(const char *path, const char *statements)
{
	sqlite3 *db = open_file(path, SQLITE_OPEN_CREATE);
	char *message = NULL;
	if (sqlite3_exec(db, statements, NULL, NULL, &message) != SQLITE_OK)
		print_error("%s: %s\n", statements, message);
	assert_null(message);
	int changes = sqlite3_total_changes(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return changes;
}

void sql_text(const char *path, const char *query, char *out, size_t size)
{
	sqlite3 *db = open_file(path, 0);
	sqlite3_stmt *s = NULL;
	if (sqlite3_prepare_v2(db, query, -1, &s, NULL) != SQLITE_OK)
		print_error("%s: %s\n", query, sqlite3_errmsg(db));
	assert_non_null(s);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	snprintf(out, size, "%s", (const char *)sqlite3_column_text(s, 0));
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

double sql_number(const char *path, const char *query)
{
	char text[64], *end;
	sql_text(path, query, text, sizeof text);
	double x = strtod(text, &end);
	assert_true(end != text && *end == 0);
	return x;
}

uint64_t sql_steps(const char *path, const char *query)
{
	sqlite3 *db = open_file(path, 0);
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
	int got;
	while ((got = sqlite3_step(s)) == SQLITE_ROW)
		;
	assert_int_equal(got, SQLITE_DONE);
	uint64_t steps = (uint64_t)sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return steps;
}
