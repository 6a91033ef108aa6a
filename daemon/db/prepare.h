/* prepare.h - what happens to a database at every start, before anything is written to it.
 *
 * Its log is checked, it is made or migrated, and the log is brought into it, so that candord begins with an empty one.
 *
 * A new one is made under another name (PATH-new) and gets its own when it is whole. PATH-lock says while the log may
 * have commits that were not each forced to the disk (sync = normal): such a log is not checked until it has been
 * empty, at later starts either. */
#ifndef CANDOR_DB_PREPARE_H
#define CANDOR_DB_PREPARE_H

#include "daemon/db/connection.h"

/* Only by whoever holds the database's lock. On success *reader is a connection for reading, the caller's: while it is
 * open, no other that closes takes the log with it. 0, -errno, or a database error. */
MUST_CHECK int db_prepare(struct db **reader, const char *path, enum db_sync sync);

/* db_wal_check(), unless the log may be such. */
MUST_CHECK int db_check_log(const char *path);

#endif
