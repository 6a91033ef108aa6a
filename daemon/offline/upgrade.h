/* upgrade.h - an older database is brought to this program's schema without serving it (history/upgrade.h).
 *
 * What a start does as well; but a start has no archives. SIGINT, SIGTERM and SIGHUP end it, and leave the database as
 * it was, or where the next one goes on. What went wrong is logged, the summary goes to standard output. One thread. */
#ifndef CANDOR_OFFLINE_UPGRADE_H
#define CANDOR_OFFLINE_UPGRADE_H

#include <stddef.h>

#include "daemon/db/connection.h"

struct offline_upgrade {
	const char *db;
	const char *const *archives; /* [n_archives] files, in any order */
	size_t n_archives;
};

/* Of a database that nobody uses. 0; ERR_UPGRADE where it is refused, -ECANCELED after a signal, ERR_LOCKED, -errno or
 * an error of connection.h. */
MUST_CHECK int offline_upgrade(const struct offline_upgrade *job);

/* The same on a file that nobody else knows, an open database of DB_SCRATCH. called: the name to say. */
MUST_CHECK int offline_upgrade_scratch(struct db *db, const char *called, const struct offline_upgrade *job);

#endif
