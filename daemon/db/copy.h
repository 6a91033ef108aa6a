/* copy.h - a copy of a database as of one moment, made in small steps while others go on writing to it.
 *
 * A connection of its own holds a read open on the original for as long as the copy takes: SQLite's backup then reads
 * from that moment's pages, and no commit makes it begin anew. The price is that the original's write-ahead log cannot
 * begin anew either, and grows. One thread. Errors are those of connection.h. */
#ifndef CANDOR_DB_COPY_H
#define CANDOR_DB_COPY_H

#include <stdint.h>

#include "daemon/db/connection.h"
#include "daemon/db/rows.h"

struct db_copy;

/* from: a candor database of this program's schema or an older one. to: an empty file that is there already; it is
 * nobody else's until db_copy_close(). On success *out is the caller's to close. */
MUST_CHECK int db_copy_open(struct db_copy **out, const char *from, const char *to);

/* Copies up to so many bytes: 1 where there is more to come, 0 at the end, or an error. */
MUST_CHECK int db_copy_step(struct db_copy *c, uint64_t bytes);

/* How far it is, in bytes. */
uint64_t db_copy_done(const struct db_copy *c);
uint64_t db_copy_total(const struct db_copy *c);

/* What the moment's progress row says. */
const struct progress_row *db_copy_progress(const struct db_copy *c);

/* Closes both; after it `to` is one file that holds everything, though not yet forced to the disk. The error is of
 * what could only be noticed now. NULL is allowed. */
MUST_CHECK int db_copy_close(struct db_copy *c);

#endif
