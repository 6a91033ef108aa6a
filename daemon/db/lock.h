/* lock.h - one writer to a database: candord while it runs, `--restore` while it makes one.
 *
 * Two locks, both flock(2): PATH-lock, which is there before the database is, and the database's own file, which
 * has the same lock under whatever name it is reached, also when PATH-lock was removed. Both are independent of the
 * locks that SQLite takes.
 *
 * The lock must outlive every connection to the database: closing any descriptor of a file gives up the POSIX locks
 * that SQLite holds on it. */
#ifndef CANDOR_LOCK_H
#define CANDOR_LOCK_H

#include "lib/base/err.h"

struct db_lock {
	int beside_fd; /* PATH-lock; -1: not held */
	int file_fd; /* the database; -1: not held */
};

#define DB_LOCK_NONE ((struct db_lock){-1, -1})

/* Takes PATH-lock, and the database's own where there is one. 0, ERR_LOCKED or -errno (logged), -ENOMEM; then
 * neither is held. */
MUST_CHECK int db_lock_take(struct db_lock *l, const char *path);

/* Takes the database's own, which was made after db_lock_take(). Does nothing if it is held. Errors as there, but
 * PATH-lock stays held. */
MUST_CHECK int db_lock_take_file(struct db_lock *l, const char *path);

/* Makes PATH-lock anew and takes it, where somebody removed or replaced the one that is held; to be called by its
 * holder, now and then. 0; an error: the old one is held still. */
MUST_CHECK int db_lock_keep(struct db_lock *l, const char *path);

/* Releases what is held. */
void db_lock_release(struct db_lock *l);

/* 1: somebody has the database; 0: nobody has; -errno, -ENOMEM. */
MUST_CHECK int db_lock_is_taken(const char *path);

#endif
