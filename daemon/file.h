/* file.h - what must be done so that a file's name outlives a power failure; and reading a small file at once. */
#ifndef CANDOR_FILE_H
#define CANDOR_FILE_H

#include <stddef.h>

#include "lib/base/err.h"

/* Forces the directory that holds `path` to the disk. 0, -errno or -ENOMEM. */
MUST_CHECK int file_sync_dir(const char *path);

/* A regular file of at most `most` bytes as a text that the caller wipes, where it is secret, and frees; no other copy
 * is made. 0, -errno, -ENOMEM, ERR_TOO_BIG, or ERR_MALFORMED: it is no regular file, or has a zero byte. */
MUST_CHECK int file_read_text(const char *path, size_t most, char **out);

#endif
