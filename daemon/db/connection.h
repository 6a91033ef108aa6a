/* connection.h - one connection to the database; write.h and read.h have what is done with it.
 *
 * A connection belongs to one thread at a time. Errors, here and in every header of this folder that names no others:
 * ERR_DISK_FULL (there was no room) and ERR_BUSY (another program holds a lock): the transaction is rolled back and the
 * connection usable; ERR_SCHEMA; ERR_HISTORY (a row that makes no sense; logged), ERR_DAMAGED (the file is not what was
 * written to it; logged), -ENOMEM, -ECANCELED (see db_watch()), ERR_DATABASE for all else (logged). */
#ifndef CANDOR_DB_CONNECTION_H
#define CANDOR_DB_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct db;

enum db_mode {
	DB_READ, /* an existing database; sees what was committed when a read began */
	DB_READ_OLDER, /* the same, also where its schema is older than this program's: not for reading rows */
	DB_WRITE, /* the one that writes; creates. An older schema must be upgraded before */
	DB_UPGRADE, /* an existing one, perhaps of an older schema: for history/upgrade.h; then db_begin_writing() */
	DB_SCRATCH, /* creates, or migrates; on a file that nobody else knows: no log, no waiting for the disk */
};

enum db_sync { DB_FULL, DB_NORMAL }; /* SQLite's synchronous */

/* On success *out is the caller's to db_close(). */
MUST_CHECK int db_open(struct db **out, const char *path, enum db_mode mode, enum db_sync sync);

/* Makes one that was opened with DB_UPGRADE as one that was opened with DB_WRITE: ERR_SCHEMA where the schema is
 * older. */
MUST_CHECK int db_begin_writing(struct db *db, enum db_sync sync);

/* 0, or ERR_DATABASE where SQLite would not let go: a bug, and logged. NULL is allowed. */
int db_close(struct db *db);

/* When this connection is closed, the log stays as it is, also where nobody else has it open: it was only looked at, or
 * its file is no longer where it was. */
void db_leave_log(struct db *db);

/* A statement that runs when `stops` says anything but 0 ends with -ECANCELED, soon and unlogged. It is asked now and
 * then until db_end(), or until this is called with NULL. */
void db_watch(struct db *db, int (*stops)(void *arg), void *arg);

/* SQLite takes an empty file for a new database, and removes the logs that lie beside it. Whoever lost a database must
 * hear so, and not find an empty one in its place: ERR_DAMAGED (logged), or -errno. 0: *is_new says whether there is
 * none. */
MUST_CHECK int db_check_not_lost(const char *path, bool *is_new);

/* How long this connection waits for another program's lock before it says ERR_BUSY; five seconds, unless told. */
void db_set_patience(struct db *db, unsigned ms);

/* What this connection keeps of the file in memory. */
void db_set_cache(struct db *db, size_t bytes);

/* What all connections of the process together should take, and what they take. */
void db_limit_memory(uint64_t bytes);
uint64_t db_memory(void);

/* Several reads as of one moment. May be nested; db_end() only after a db_begin() that gave 0. */
MUST_CHECK int db_begin(struct db *db);
void db_end(struct db *db);

#endif
