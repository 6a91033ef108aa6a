/* write.h - batches into the database. Errors are those of connection.h. */
#ifndef CANDOR_DB_WRITE_H
#define CANDOR_DB_WRITE_H

#include "daemon/db/connection.h"
#include "daemon/db/rows.h"

/* One transaction with the whole batch, on disk when it returns 0. */
MUST_CHECK int db_write(struct db *db, const struct batch *b);

/* The same in a transaction that is open: upgrade_rows.h. */
MUST_CHECK int db_write_within(struct db *db, const struct batch *b);

/* Brings what is in the write-ahead log into the database and empties it, as far as there is room and nobody reads from
 * it. */
MUST_CHECK int db_empty_log(struct db *db);

#endif
