/* wal.h - how much of a write-ahead log has been written to: behind that there may be zeros, or what was written there
 * before the log began anew. For cmocka tests; what fails fails the test. */
#ifndef CANDOR_TESTS_WAL_H
#define CANDOR_TESTS_WAL_H

#include <stddef.h>

enum { WAL_HEADER = 32, WAL_FRAME = 24 + 4096 };

/* Bytes from its beginning to the end of the last frame that has the salt of its head; 0 where there is none. */
size_t wal_used(const void *bytes, size_t n);

/* The same of a file. */
size_t wal_used_of(const char *path);

#endif
