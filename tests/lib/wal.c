#include "tests/lib/wal.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"

enum { SALT = 8, SALT_IN_HEAD = 16, SALT_IN_FRAME = 8 };

static const char zeros[SALT];

size_t wal_used(const void *bytes, size_t n)
{
	const char *log = bytes;
	size_t used = 0;
	if (n < WAL_HEADER || memcmp(log + SALT_IN_HEAD, zeros, SALT) == 0)
		return 0;
	for (size_t at = WAL_HEADER; at + WAL_FRAME <= n; at += WAL_FRAME) {
		if (memcmp(log + at + SALT_IN_FRAME, log + SALT_IN_HEAD, SALT) != 0)
			break;
		used = at + WAL_FRAME;
	}
	return used;
}

size_t wal_used_of(const char *path)
{
	char head[WAL_HEADER], frame[SALT_IN_FRAME + SALT];
	size_t used = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	if (fread(head, 1, sizeof head, f) == sizeof head && memcmp(head + SALT_IN_HEAD, zeros, SALT) != 0)
		for (size_t at = WAL_HEADER; fseek(f, (long)at, SEEK_SET) == 0; at += WAL_FRAME) {
			if (fread(frame, 1, sizeof frame, f) < sizeof frame ||
			    memcmp(frame + SALT_IN_FRAME, head + SALT_IN_HEAD, SALT) != 0)
				break;
			used = at + WAL_FRAME;
		}
	require(fclose(f) == 0);
	return used;
}
