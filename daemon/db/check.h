/* check.h - is a database file in order, as far as SQLite can tell, and are its rows such as candord writes? verify.h
 * says whether weights follow from them. */
#ifndef CANDOR_DB_CHECK_H
#define CANDOR_DB_CHECK_H

#include "daemon/db/connection.h"

enum { DB_CHECK_MAX = 20 }; /* findings that are told, of each kind */

/* SQLite's integrity_check and foreign_key_check, over the whole file, as of the moment of a db_begin() if there was
 * one. Tells each finding in a sentence, the first 20 of each. How many there were; or an error that kept it from
 * looking. */
MUST_CHECK int db_check(struct db *db, void (*found)(void *arg, const char *what), void *arg);

/* Likewise: each column of each row is what candord would write for what it reads there, and what one table says
 * of another is so. */
MUST_CHECK int db_check_rows(struct db *db, void (*found)(void *arg, const char *what), void *arg);

#endif
