/* file.h - what must be done so that a file's name outlives a power failure. */
#ifndef CANDOR_FILE_H
#define CANDOR_FILE_H

#include "err.h"

/* Forces the directory that holds `path` to the disk. 0, -errno or -ENOMEM. */
MUST_CHECK int file_sync_dir(const char *path);

#endif
