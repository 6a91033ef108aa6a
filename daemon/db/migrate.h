/* migrate.h - the tables, and how older ones become them. */
#ifndef CANDOR_MIGRATE_H
#define CANDOR_MIGRATE_H

#include <sqlite3.h>

#include "lib/base/err.h"

enum {
	MIGRATE_APPLICATION_ID = 0x43414e44, /* "CAND" */
	MIGRATE_VERSION = 6, /* the schema of this program: PRAGMA user_version */
	MIGRATE_DIGEST_HEX = 65,
};

/* migrate_digest() of what the steps make of nothing: where it is another, the tables are compared one by one. */
#define MIGRATE_DIGEST "72431d9c13f1383310e19f2a36413dbd68aa44f6c72fb42a882d3af840f343c1"

/* Brings the tables of a writable connection to this program's version, each step in a transaction of its own, its
 * number with it: for a database that is new, or that nobody else knows. What follows from the history is not filled in
 * (daemon/history/upgrade.h). 0, ERR_SCHEMA (not a candor database, or one of a newer version; logged) or a database
 * error. */
MUST_CHECK int migrate(sqlite3 *db);

/* Begins a transaction with all the steps that are missing, which leaves the database as it was where it is rolled
 * back. As migrate(); where it fails, nothing is begun. */
MUST_CHECK int migrate_begin(sqlite3 *db);

/* For whoever will write: a new database gets its tables; any other must have those of this program's version,
 * ERR_SCHEMA (logged) where it has not. */
MUST_CHECK int migrate_writable(sqlite3 *db);

/* Over the definitions of all tables, indexes and views, as digits. 0 or a database error. */
MUST_CHECK int migrate_digest(sqlite3 *db, char hex[MIGRATE_DIGEST_HEX]);

/* 0 if the tables are of this program's version; ERR_SCHEMA otherwise, ERR_DAMAGED where one of them is missing. */
MUST_CHECK int migrate_check(sqlite3 *db);

/* 0 if they are of a version that migrate() could bring to this program's, which then is in *version (NULL: not
 * wanted). */
MUST_CHECK int migrate_known(sqlite3 *db, long *version);

/* By what the header of a file says of itself: 0; or ERR_SCHEMA (logged): another program's, or of a newer version. */
MUST_CHECK int migrate_known_header(long application, long version);

#endif
