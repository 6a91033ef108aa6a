/* archive_rows.h - what goes from a database into an archive of it, and the private files in which archives are opened.
 *
 * An archive holds a candor database: of one pool, the items settled in its rounds with their reports, settlements and
 * revisions; the pool, its settings and labelers as they stood after the last of them; and what the database
 * knew of earlier archives, with the newest one's checkpoint, at which a replay of this one begins. One thread. Errors
 * are those of connection.h. */
#ifndef CANDOR_DB_ARCHIVE_H
#define CANDOR_DB_ARCHIVE_H

#include "daemon/db/connection.h"
#include "daemon/db/rows.h"

/* An empty file in a directory of its own, both this user's alone. */
struct db_scratch {
	char dir[4096], path[4096 + 16];
	int fd;
};

/* In TMPDIR, or else /var/tmp. 0 or -errno (logged), and then nothing is left. */
MUST_CHECK int db_scratch_make(struct db_scratch *s);

/* Opens the file as a database, new where it is empty, and takes its name away, so that nothing is left of it when the
 * database and s->fd are closed, whatever ends the program. */
MUST_CHECK int db_scratch_open(struct db_scratch *s, struct db **out);

/* Closes the descriptor and removes what has still a name. Also of one that is all zero but for fd -1. */
void db_scratch_free(struct db_scratch *s);

/* Copies, out of the database at `from`, what goes into an archive of the pool's rounds first to last, of which the
 * latter was settled by `change`, into an empty database. ERR_HISTORY where the rounds are not all there, or are not
 * those behind the newest archive. going_on: asked now and then; false ends it with -ECANCELED. */
MUST_CHECK int db_archive_fill(struct db *to, const char *from, const struct archive_row *rounds,
			       bool (*going_on)(void *arg), void *arg);

#endif
