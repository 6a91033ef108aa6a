#include "client/cli/base/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/base/cli.h"

enum { COPY_BYTES = 256 * 1024 };

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* A new file without a name, or a negative errno. */
static int open_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd >= 0 ? fd : -errno;
	char path[4096];
	if ((size_t)snprintf(path, sizeof path, "%s/candor-XXXXXX", dir) >= sizeof path)
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* Copies fd to its end: the copy, or a negative errno. */
static int copy(struct cli_input *in, int fd)
{
	const char *dir = getenv("TMPDIR");
	char *bytes = malloc(COPY_BYTES);
	if (!bytes)
		return -ENOMEM;
	in->copy_dir = dir && *dir ? dir : "/var/tmp";
	int to = open_nameless(in->copy_dir), err = to < 0 ? to : 0;
	while (!err) {
		const ssize_t n = read(fd, bytes, COPY_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			in->copy_dir = NULL;
		err = n < 0 ? -errno : write_all(to, bytes, (size_t)n);
		if (n == 0)
			break;
	}
	free(bytes);
	if (err && to >= 0)
		close(to);
	if (!err)
		in->copy_dir = NULL;
	return err ? err : to;
}

int cli_input_open(struct cli_input *in, const char *path)
{
	*in = (struct cli_input){.fd = STDIN_FILENO};
	if (strcmp(path, "-") != 0) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
		in->is_own = true;
	}
	struct stat st;
	int err = in->fd < 0 || fstat(in->fd, &st) ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
	/* A file without a size may be one that the system makes while it is read. */
	if (!err && (!S_ISREG(st.st_mode) || st.st_size == 0)) {
		const int fd = copy(in, in->fd);
		cli_input_close(in);
		in->fd = fd;
		in->is_own = true;
		err = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;
	} else if (!err && !in->is_own) {
		const off_t at = lseek(in->fd, 0, SEEK_CUR);
		in->begin = at > 0 ? (uint64_t)at : 0;
	}
	if (err) {
		cli_input_close(in);
		return err;
	}
	in->at = in->begin;
	in->size = (uint64_t)st.st_size > in->begin ? (uint64_t)st.st_size - in->begin : 0;
	return 0;
}

int cli_input_need(struct cli_input *in, struct cli *c, const char *path, const char *name)
{
	char what[512];
	const int err = cli_input_open(in, path);
	if (!err || !in->copy_dir)
		return err ? cli_fail_file(c, name, err) : 0;
	snprintf(what, sizeof what, "cannot copy %s to %s (TMPDIR can name another directory)", name, in->copy_dir);
	return cli_fail_file(c, what, err);
}

ssize_t cli_input_read(struct cli_input *in, void *out, size_t size)
{
	const uint64_t left = in->begin + in->size - in->at;
	if (size > left)
		size = (size_t)left;
	ssize_t n;
	do
		n = pread(in->fd, out, size, (off_t)in->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->at += (uint64_t)n;
	return n;
}

void cli_input_rewind(struct cli_input *in)
{
	in->at = in->begin;
}

void cli_input_close(struct cli_input *in)
{
	if (in->is_own && in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}
