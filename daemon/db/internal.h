/* internal.h - a connection as the files of daemon/db see it. */
#ifndef CANDOR_DB_INTERNAL_H
#define CANDOR_DB_INTERNAL_H

#include <sqlite3.h>

#include "daemon/db/connection.h"
#include "daemon/db/error.h"
#include "daemon/db/read.h"
#include "daemon/db/rows.h"
#include "daemon/db/statements.def"
#include "lib/base/buf.h"

#define SQL_OF_INSERT(NAME, name, table, how) SQL_INSERT_##NAME,
#define SQL_OF_OTHER(...)
#define SQL_OF_STATEMENT(NAME, text) SQL_##NAME,

enum statement {
	CHANGES(SQL_OF_INSERT, SQL_OF_OTHER, SQL_OF_OTHER) STATEMENTS(SQL_OF_STATEMENT) SQL_COUNT,
};

enum { DB_BUSY_MS = 5000 }; /* how long another process's lock is waited for */

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[SQL_COUNT]; /* prepared when first used */
	sqlite3_stmt *cursors[DB_TABLES]; /* of tables that were read, for the next time; NULL while one is */
	struct buf text; /* a value that is made for a row, on its way into SQL */
	/* See wal_upkeep.h: the length of the log, up to which byte it was written before, parts of its index. */
	uint64_t log_frames, log_room, log_parts;
	int reads; /* db_begin() without db_end() */
	bool stuck; /* the last of them could not be ended */
};

/* No old read stands in the way of a new one; else db_error() explains. */
bool db_is_fresh(struct db *db);

/* On success *out is the statement, ready to bind. */
MUST_CHECK int db_statement(struct db *db, enum statement which, sqlite3_stmt **out);

/* Runs a bound statement that gives no rows, and resets it. */
MUST_CHECK int db_step(struct db *db, sqlite3_stmt *s);

/* The same for one with nothing to bind. */
MUST_CHECK int db_run(struct db *db, enum statement which);

/* Ends the program through require() if a statement still stands on a row, or if a transaction is open although none
 * should be: ended means that the last one ended well. */
void db_check_idle(struct db *db, bool ended);

/* To be called when a transaction is over. Programs built with CANDOR_CHECKS look, so that what was left open is found
 * where it was left. */
static inline void db_check_end(struct db *db, bool ended)
{
#ifdef CANDOR_CHECKS
	db_check_idle(db, ended);
#else
	(void)db;
	(void)ended;
#endif
}

#endif
