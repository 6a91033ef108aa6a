/* wal.h - has a write-ahead log lost commits that were on the disk?
 *
 * SQLite reads a log up to the first frame that is not right and takes the rest for what a power failure left of a
 * commit that never ended. It cannot know better; candord can. With synchronous=FULL a commit is on the disk before
 * the next one is written, and candord begins with an empty log, so what a power failure can leave is part of the
 * last commit alone, among frames of commits that failed before it and of the log's last time round. If a frame of a
 * later one stands behind a frame that is not right, then the file was damaged, and to go on would silently drop
 * what was acknowledged. Zeros stand where nothing was written yet (wal_upkeep.h). The head of the log may be
 * anything if all that the log holds is in the database, and only then. Reads the files alone; nobody may be writing
 * to them. */
#ifndef CANDOR_DB_WAL_H
#define CANDOR_DB_WAL_H

#include <stdint.h>

#include "lib/base/err.h"

/* path: of the database. 0: its log is in order, or not there, or its end is what a power failure leaves; ERR_DAMAGED
 * (logged), -errno, -ENOMEM. */
MUST_CHECK int db_wal_check(const char *path);

/* Cuts its log off behind so many frames, on the disk too. Only for whoever holds SQLite's lock for writing. 0 or
 * -errno. */
MUST_CHECK int db_wal_cut(const char *path, uint64_t frames);

#endif
