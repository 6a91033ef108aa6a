#include "daemon/db/last_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of fixed length, so that writing it again never makes the file longer. */
enum { RECORD_BYTES = 128 };

/* What candord 0.1 wrote, and nothing else, where the log was loose. */
static const char loose_0_1[] = "sync=normal\n";

static int read_start(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	ssize_t n = read(fd, text, size - 1);
	int err = n < 0 ? -errno : 0;
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return err;
}

static void parse(const char *text, struct last_run *out)
{
	char log[8];
	struct last_run r = {0};
	if (strcmp(text, loose_0_1) == 0) {
		out->is_loose = true;
		return;
	}
	if (strlen(text) != RECORD_BYTES ||
	    sscanf(text, "candord log=%7s change=%" SCNu64 " boot=%39s", log, &r.change, r.boot) != 3)
		return;
	if (strcmp(r.boot, "-") == 0)
		r.boot[0] = 0;
	r.is_loose = strcmp(log, "loose") == 0;
	*out = r;
}

int last_run_read(const char *path, struct last_run *out)
{
	char *lock, text[RECORD_BYTES + 1] = "";
	*out = (struct last_run){0};
	if (asprintf(&lock, "%s-lock", path) < 0)
		return -ENOMEM;
	int err = read_start(lock, text, sizeof text);
	free(lock);
	parse(text, out);
	return err;
}

void last_run_set_boot(struct last_run *r)
{
	char text[LAST_RUN_BOOT_BYTES] = "";
	r->boot[0] = 0;
	if (read_start("/proc/sys/kernel/random/boot_id", text, sizeof text) == 0)
		sscanf(text, "%39[0-9a-f-]", r->boot);
}

int last_run_write(int fd, const struct last_run *r)
{
	char text[RECORD_BYTES + 1];
	int n = snprintf(text, sizeof text, "candord log=%s change=%" PRIu64 " boot=%s", r->is_loose ? "loose" : "full",
			 r->change, r->boot[0] ? r->boot : "-");
	require(n > 0 && n < RECORD_BYTES);
	memset(text + n, ' ', RECORD_BYTES - 1 - (size_t)n);
	text[RECORD_BYTES - 1] = '\n';
	ssize_t written = pwrite(fd, text, RECORD_BYTES, 0);
	return written == RECORD_BYTES ? 0 : written < 0 ? -errno : -ENOSPC;
}

bool last_run_is_void(const struct last_run *r)
{
	struct last_run now = {0};
	last_run_set_boot(&now);
	return r->change == 0 || (r->is_loose && (!r->boot[0] || strcmp(r->boot, now.boot) != 0));
}
