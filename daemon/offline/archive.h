/* archive.h - the rounds of a pool that are older than a date, in a file; and such files read again.
 *
 * archive_make() needs no daemon and disturbs none: it reads one moment of a database that may be in use, replays the
 * rounds in question, and writes what is needed to replay them again. It removes nothing: the daemon does, when it is
 * told of the file (engine/prune.c) and has come to the same state by itself. The file appears whole and on the disk,
 * or not at all (partial.h); SIGINT, SIGTERM and SIGHUP end it and leave nothing. What went wrong is logged. One
 * thread. */
#ifndef CANDOR_ARCHIVE_H
#define CANDOR_ARCHIVE_H

#include "daemon/db/read.h"

struct archive_job {
	const char *db, *pool, *to; /* to: NULL: only says what would go */
	uint64_t before; /* the rounds settled before it, ms since 1970 */
	/* Standard output is for a program: lines "replayed DONE TOTAL" and "packed DONE TOTAL", at the end "done FIRST
	 * LAST REPORTS BYTES DIGEST STATE", or "nothing". */
	bool progress;
};

/* 0, also where there is nothing to be archived, or a negative error: ERR_HISTORY where what was written does not
 * follow from the history, -ECANCELED after a signal, -errno, or one of connection.h. *made (NULL: not wanted): which
 * rounds, none of them where `last` is before `first`; their digest and state. */
MUST_CHECK int archive_make(const struct archive_job *job, struct archive_row *made);

/* Archives that were opened together with their database. */
struct archives;

/* Opens files that `db` knows as archives of its pools; of each pool they must be the newest ones, without a gap, in
 * any order. Standard output says of a file why it is none of them. 0, ERR_DAMAGED, ERR_HISTORY, or an error (logged).
 * n may be 0. */
MUST_CHECK int archives_open(struct archives **out, struct db *db, const char *const *files, size_t n);

/* Those of a pool, from the oldest on: how many. */
size_t archives_of(const struct archives *a, uint64_t pool, struct db *const **out);

/* NULL is allowed. */
int archives_close(struct archives *a);

#endif
