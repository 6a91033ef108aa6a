/* upgrade.h - what an older database did not keep is taken from its history.
 *
 * Since schema 6 a pool has its forecast, its regret bound and what they are learned from. In a pool that is older
 * these follow from its settings, reports and outcomes: each pool is replayed from its first event on (replay.h), and
 * what was written is held against that. Where they do not agree, or where rounds were archived and the files are not
 * given, the upgrade is refused, and the database is as it was: the program that wrote it can go on using it.
 *
 * Therefore the tables change in the transaction that has replayed the last pool. Pools that take long together are
 * replayed in several transactions: the first ones only note that a pool agrees; it is replayed again when the tables
 * have changed, in a transaction of its own. An upgrade that is killed at any moment loses one pool's work and that of
 * some seconds, and the next one goes on.
 *
 * One thread; nobody else uses the database. */
#ifndef CANDOR_UPGRADE_H
#define CANDOR_UPGRADE_H

#include "daemon/db/read.h"

enum { UPGRADE_TURN_MS = 10000 };

#define UPGRADE_OPTION "--upgrade --db"

struct upgrade {
	const char *called; /* the database, for messages; */
	const char *option; /* ... and what takes archives, behind which it stands: "--upgrade --db" */
	/* Whether whoever waits still does: so many events of about so many are replayed (total 0: nobody knows yet).
	 * NULL: nobody asks. */
	bool (*going_on)(void *arg, uint64_t done, uint64_t total);
	/* Archives: opened once, when the rows of `db` can be read, and then those of a pool, from the oldest on. NULL:
	 * none are given. */
	int (*open_archives)(void *arg, struct db *db);
	size_t (*archives_of)(void *arg, uint64_t pool, struct db *const **out);
	void *arg;
	uint64_t turn_ms; /* that a transaction may take with several pools: UPGRADE_TURN_MS; 0: one for each pool */
};

/* Brings the database to this program's schema, with all that follows from its history; one that is there already is
 * left as it is. db: of DB_UPGRADE, or of DB_SCRATCH. 0; ERR_UPGRADE: it is refused (logged); -ECANCELED (going_on);
 * what open_archives() returned, or a database error. */
MUST_CHECK int upgrade_run(struct db *db, const struct upgrade *how);

#endif
