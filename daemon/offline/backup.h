/* backup.h - a copy of a database in a file that appears whole or not at all.
 *
 * Neither needs a daemon or disturbs one: backup_make() reads one moment of a database that may be in use,
 * backup_restore() makes a database of a backup. Both write to TO.partial, force it to the disk, look at what they
 * wrote and only then give it its name, which must be free; nothing is ever overwritten. A TO.partial that is left from
 * one that was killed is replaced; one that is still being written is not. SIGINT, SIGTERM and SIGHUP end a copy and
 * remove it. What went wrong is logged; the summary goes to standard output. */
#ifndef CANDOR_BACKUP_H
#define CANDOR_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct backup {
	const char *from, *to;
	const char *const *archives; /* [n_archives] of backup_restore(): files that an upgrade may need */
	size_t n_archives;
	uint64_t rate; /* bytes a second; 0: as fast as it goes */
	bool progress; /* standard output is for a program: lines "copied DONE TOTAL", at the end "done BYTES CHANGES
			* REPORTS"; where nobody reads them any more, the copy is given up */
};

/* 0, or a negative error: of errno, of connection.h, -ECANCELED after a signal. */
MUST_CHECK int backup_make(const struct backup *b);

/* Likewise; an older copy is upgraded (upgrade.h), and all of it checked as `candord --verify --deep` does, before it
 * gets its name. ERR_DAMAGED or ERR_HISTORY where the check finds anything, ERR_UPGRADE where the upgrade is
 * refused. */
MUST_CHECK int backup_restore(const struct backup *b);

#endif
