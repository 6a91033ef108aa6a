#include "daemon/db/check.h"

#include <stdio.h>
#include <string.h>

#include "daemon/db/internal.h"

struct check {
	struct db *db;
	void (*found)(void *arg, const char *what);
	void *arg;
	int findings;
};

static const char *text(sqlite3_stmt *s, int column)
{
	const char *value = (const char *)sqlite3_column_text(s, column);
	return value ? value : "?";
}

static int end(struct check *c, sqlite3_stmt *s, int code)
{
	/* What keeps SQLite from reading on is a finding as well, where it is the file's fault. */
	int err = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : db_error(c->db, "check");
	sqlite3_finalize(s);
	if (err != ERR_DAMAGED)
		return err;
	if (c->findings++ == 0)
		c->found(c->arg, "the check cannot continue");
	return 0;
}

static int check_pages(struct check *c)
{
	sqlite3_stmt *s;
	int code;
	char sql[48];
	snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", DB_CHECK_MAX);
	if (sqlite3_prepare_v2(c->db->handle, sql, -1, &s, NULL) != SQLITE_OK)
		return end(c, NULL, SQLITE_ERROR);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		/* A row may have several lines, the first of which only says in which database. */
		char *save, *line, words[4096];
		snprintf(words, sizeof words, "%s", text(s, 0));
		for (char *rest = words; (line = strtok_r(rest, "\n", &save)); rest = NULL) {
			if (strcmp(line, "ok") == 0 || strncmp(line, "*** in database", 15) == 0)
				continue;
			if (c->findings++ < DB_CHECK_MAX)
				c->found(c->arg, line);
		}
	}
	return end(c, s, code);
}

static int check_references(struct check *c)
{
	sqlite3_stmt *s;
	int code, n = 0;
	if (sqlite3_prepare_v2(c->db->handle, "PRAGMA foreign_key_check", -1, &s, NULL) != SQLITE_OK)
		return end(c, NULL, SQLITE_ERROR);
	while ((code = sqlite3_step(s)) == SQLITE_ROW && n++ < DB_CHECK_MAX) {
		char words[256];
		bool numbered = sqlite3_column_type(s, 1) != SQLITE_NULL;
		snprintf(words, sizeof words, "%s%s of %s refers to a row of %s that does not exist",
			 numbered ? "row " : "a row", numbered ? text(s, 1) : "", text(s, 0), text(s, 2));
		c->found(c->arg, words);
		c->findings++;
	}
	return end(c, s, code);
}

int db_check(struct db *db, void (*found)(void *arg, const char *what), void *arg)
{
	struct check c = {.db = db, .found = found, .arg = arg};
	int err = check_pages(&c);
	if (err == 0)
		err = check_references(&c);
	return err ? err : c.findings;
}
