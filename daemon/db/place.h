/* place.h - where a database really is.
 *
 * A log, an index and a lock lie beside a database, under its name with an ending. SQLite follows symbolic links before
 * it adds the ending, so everybody else must too: a path is resolved once, at the start of every mode, and only what
 * comes out is used from then on. */
#ifndef CANDOR_PLACE_H
#define CANDOR_PLACE_H

#include <stddef.h>

#include "lib/base/err.h"

/* The absolute path, without links, of the file that `path` means, or would mean if it were made: the directory
 * must exist, the file need not. Into out[size].
 *
 * Refused, with a sentence in the log: a link to nothing, for that is what a link to a disk looks like that is not
 * mounted (-ENOENT); what is no regular file, and a file with several names (hard links), since the log lies beside
 * only one of them (-EINVAL); a path that is too long (-ENAMETOOLONG); or -errno. */
MUST_CHECK int place_resolve(const char *path, char *out, size_t size);

#endif
