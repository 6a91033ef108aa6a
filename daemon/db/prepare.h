/* prepare.h - what happens to a database at every start, before anything is written to it.
 *
 * Its log is checked, and whether all that the run before acknowledged is there (last_run.h); it is made or upgraded;
 * and the log is brought into it, so that candord begins with an empty one.
 *
 * A new one is made under another name (PATH-new) and gets its own when it is whole. A log that may have commits that
 * were not each forced to the disk (sync = normal) is not checked until it has been empty, at later starts either. */
#ifndef CANDOR_DB_PREPARE_H
#define CANDOR_DB_PREPARE_H

#include "daemon/db/connection.h"
#include "daemon/db/lock.h"

/* Brings a database whose schema is older to this program's, and does nothing to others: history/upgrade.h. */
struct db_upgrader {
	int (*upgrade)(void *arg, struct db *db);
	void *arg;
};

/* A connection for writing to a database that is there, when it has been upgraded; u NULL: an older one is refused. */
MUST_CHECK int db_open_upgraded(struct db **out, const char *path, enum db_sync sync, const struct db_upgrader *u);

/* lock: the database's, of which the caller holds at least PATH-lock; it gets the file's own too. NULL: nobody else can
 * know of the database (tests). On success *reader is a connection for reading, the caller's: while it is
 * open, no other that closes takes the log with it. 0, -errno, or a database error. */
MUST_CHECK int db_prepare(struct db **reader, const char *path, enum db_sync sync, struct db_lock *lock,
			  const struct db_upgrader *u);

/* There is no database: may a new one be made? 0, ERR_DAMAGED (logged): one was there; or -errno, -ENOMEM. */
MUST_CHECK int db_check_missing(const char *path);

/* Does a database that nobody uses have all that was acknowledged, as far as its log and the record of its last run
 * tell? A daemon that uses it has asked that itself. 0, ERR_DAMAGED (logged), or another error. */
MUST_CHECK int db_check_at_rest(const char *path);

#endif
