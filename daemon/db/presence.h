/* presence.h - are a running daemon's files still where it found them?
 *
 * A file that was moved, removed or replaced can be written to all the same, and nobody will find what was written. */
#ifndef CANDOR_PRESENCE_H
#define CANDOR_PRESENCE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/err.h"

enum { PRESENCE_FILES = 3 }; /* the database, its log, and the log's index */

struct presence {
	struct {
		dev_t dev;
		ino_t ino;
	} files[PRESENCE_FILES];
	char *paths[PRESENCE_FILES];
};

/* Remembers the files, which must be there. The path is copied. 0, -ENOMEM, or -errno (logged). */
MUST_CHECK int presence_init(struct presence *p, const char *path);

/* The path of one that is not what it was; NULL: all are, or it could not be found out (a directory that may not be
 * searched, say). Three stat(2) calls. Any thread. */
const char *presence_missing(const struct presence *p);

/* All zero is allowed. */
void presence_free(struct presence *p);

#endif
