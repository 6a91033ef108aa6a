/* secret_file.h - reading a small file that may hold a key. Not installed. */
#ifndef CANDOR_SECRET_FILE_H
#define CANDOR_SECRET_FILE_H

#include <stddef.h>

#include "lib/base/err.h"

/* A regular file of at most `most` bytes, followed by a NUL. 0 or -errno (-EINVAL: not a regular file; -EFBIG). *out is
 * NULL, or the caller wipes and frees it, also after an error. */
MUST_CHECK int secret_file_read(const char *path, size_t most, char **out, size_t *size);

#endif
