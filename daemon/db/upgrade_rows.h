/* upgrade_rows.h - what history/upgrade.h asks of a database of an older schema, and writes into it.
 *
 * The connection is of DB_UPGRADE, or of DB_SCRATCH. Rows are written with db_write_within(), in a transaction of
 * db_upgrade_begin(); only within one do rows.h and read.h fit the tables. Errors are those of connection.h. */
#ifndef CANDOR_DB_UPGRADE_ROWS_H
#define CANDOR_DB_UPGRADE_ROWS_H

#include "daemon/db/connection.h"
#include "daemon/db/rows.h"

enum db_age {
	DB_PRESENT, /* nothing is to be done */
	DB_UNFINISHED, /* the tables are this program's, but there are pools that wait for their replay */
	DB_OLDER,
};

MUST_CHECK int db_age(struct db *db, enum db_age *out);

/* An archive of a pool that waits, or will; in the order of pools and rounds. In a transaction or not. */
struct db_upgrade_archive {
	const char *pool, *file;
	uint64_t first, last; /* rounds */
};
MUST_CHECK int db_upgrade_archives(struct db *db, void (*each)(void *arg, const struct db_upgrade_archive *a),
				   void *arg);

/* ---- transactions ---- */

/* In it the tables are of this program's version, whatever they were. Where it fails, none is open. */
MUST_CHECK int db_upgrade_begin(struct db *db);
MUST_CHECK int db_upgrade_commit(struct db *db);

/* The database is as it was before. No cursor may be open. */
void db_upgrade_abandon(struct db *db);

/* Pools, in a transaction. */
struct db_upgrade_pool {
	uint64_t id;
	const char *name; /* in the arena */
	uint64_t events; /* about so many are to be replayed */
	uint64_t archives; /* it has so many */
	bool waits; /* for its replay */
	bool is_checked; /* db_upgrade_note() was called for it, and nothing has changed since */
};
MUST_CHECK int db_upgrade_pools(struct db *db, struct arena *a, struct db_upgrade_pool **out, size_t *n);

/* What was frozen with an item of that id when it was closed. */
MUST_CHECK int db_upgrade_item(struct db *db, uint64_t id, const struct frozen *frozen);

/* Outside of a transaction, in a database that is still older: remembers of those that are checked that their history
 * gave what was written, as of so many changes (as the transaction saw them). The note is in a table of its own, which
 * programs of that schema do not look at. */
MUST_CHECK int db_upgrade_note(struct db *db, uint64_t changes, const struct db_upgrade_pool *pools, size_t n);

/* Removes all notes. */
MUST_CHECK int db_upgrade_forget(struct db *db);

#endif
