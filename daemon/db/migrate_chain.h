/* migrate_chain.h - the hash chain of settlements that were written before there was one. */
#ifndef CANDOR_MIGRATE_CHAIN_H
#define CANDOR_MIGRATE_CHAIN_H

#include <sqlite3.h>

#include "lib/base/err.h"

/* Fills settlements.hash for every pool, round by round, within the transaction that is open. 0, ERR_HISTORY (a row is
 * missing or makes no sense; logged), -ENOMEM or a database error. */
MUST_CHECK int migrate_chain(sqlite3 *db);

#endif
