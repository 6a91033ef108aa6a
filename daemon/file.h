/* file.h - making a file's name survive a power failure; and reading a small file at once. */
#ifndef CANDOR_FILE_H
#define CANDOR_FILE_H

#include <stddef.h>

#include "lib/base/err.h"

/* Forces the directory that holds `path` to the disk. 0, -errno or -ENOMEM. */
MUST_CHECK int file_sync_dir(const char *path);

/* A regular file of at most `most` bytes as a string that the caller frees, and wipes if it is secret; no other copy is
 * made. 0, -errno, -ENOMEM, ERR_TOO_BIG, or ERR_MALFORMED: not a regular file, or one with a zero byte. */
MUST_CHECK int file_read_text(const char *path, size_t most, char **out);

#endif
