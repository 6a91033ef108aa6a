/* trail.h - all inputs of a fuzz target since a world began that lives for many: FUZZ_TRAIL=PATH keeps them in the file
 * PATH-PID, which is itself an input. */
#ifndef CANDOR_FUZZ_TRAIL_H
#define CANDOR_FUZZ_TRAIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

static const char trail_magic[16] = "candor's trail\n"; /* its last byte: whether there are limits */
static struct {
	uint8_t *bytes; /* NULL: none is wanted */
	size_t len, cap;
	bool wanted; /* as an input; else libFuzzer would soon find out how they begin, and make worlds all the time */
} trail;

static void trail_open(const char *path)
{
	char name[512];
	snprintf(name, sizeof name, "%s-%d", path, (int)getpid());
	trail.cap = 64 << 20;
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0 && ftruncate(fd, (off_t)trail.cap) == 0);
	trail.bytes = mmap(NULL, trail.cap, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(trail.bytes != MAP_FAILED);
	close(fd);
	memcpy(trail.bytes, trail_magic, sizeof trail_magic);
}

static void trail_begin(bool limited)
{
	trail.len = sizeof trail_magic;
	if (!trail.bytes)
		return;
	trail.bytes[trail.len - 1] = limited;
	memset(trail.bytes + trail.len, 0, 4);
}

/* Each input with its length and one before it; 0 is the end. */
static void trail_add(const uint8_t *data, size_t len)
{
	uint32_t head = (uint32_t)len + 1;
	if (!trail.bytes || trail.cap - trail.len < len + 8)
		return;
	memcpy(trail.bytes + trail.len + 4, data, len);
	memset(trail.bytes + trail.len + 4 + len, 0, 4);
	memcpy(trail.bytes + trail.len, &head, 4);
	trail.len += 4 + len;
}

#endif
