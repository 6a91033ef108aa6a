/* migrate_changes.h - what happened to items before there was a list of it. */
#ifndef CANDOR_MIGRATE_CHANGES_H
#define CANDOR_MIGRATE_CHANGES_H

#include <sqlite3.h>

#include "lib/base/err.h"

/* Fills item_changes, within the transaction that is open. No table says any more with which change rounds were
 * settled that are archived, and closed items voided that are older than the audit. Each of these gets the first number
 * after the item's closing (and after the round before) that no other entry of the pool has: so what happened to one
 * item stays in order, and so do the rounds. 0, -ENOMEM or a database error. */
MUST_CHECK int migrate_changes(sqlite3 *db);

#endif
