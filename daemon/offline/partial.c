#include "daemon/offline/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/file.h"
#include "lib/base/log.h"

static int say(const char *path, int err)
{
	log_error("%s: %s", path, candor_strerror(err));
	return err;
}

/* A file left beside the name would be taken for a part of the new one. */
static int require_free(const char *to)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char *path;
		struct stat st;
		if (asprintf(&path, "%s%s", to, suffixes[i]) < 0)
			return -ENOMEM;
		int err = lstat(path, &st) == 0 ? -EEXIST : errno == ENOENT ? 0 : -errno;
		if (err == -EEXIST)
			log_error("%s already exists and is not overwritten: move it away or choose another name",
				  path);
		else if (err)
			say(path, err);
		free(path);
		if (err)
			return err;
	}
	return 0;
}

/* Makes the file. Where one of that name is there: -EAGAIN if it was a dead one, now removed; else why not. */
static int make_or_clear(struct partial *p)
{
	struct stat mine, named;
	p->fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool made = p->fd >= 0;
	if (!made && errno != EEXIST)
		return -errno;
	if (!made && (p->fd = open(p->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* Between opening and locking, another may have taken it for a dead one. */
	if (fstat(p->fd, &mine) != 0 || lstat(p->path, &named) != 0 || mine.st_ino != named.st_ino ||
	    mine.st_dev != named.st_dev)
		return -EAGAIN;
	if (made)
		return 0;
	if (!S_ISREG(mine.st_mode) || mine.st_uid != geteuid())
		return -EEXIST;
	return unlink(p->path) == 0 ? -EAGAIN : -errno;
}

int partial_open(struct partial *p, const char *to)
{
	*p = (struct partial){.fd = -1};
	int err = require_free(to);
	if (err)
		return err;
	/* SQLite, which may write it, takes a name that begins with "file:" for something else. */
	const char *here = strncmp(to, "file:", 5) == 0 ? "./" : "";
	if (asprintf(&p->path, "%s%s.partial", here, to) < 0) {
		p->path = NULL;
		return -ENOMEM;
	}
	for (int tries = 0; tries < 10; tries++) {
		err = make_or_clear(p);
		if (err == 0)
			return 0;
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
		if (err != -EAGAIN)
			break;
	}
	if (err == -EBUSY)
		log_error("%s: another process is writing it", p->path);
	else
		say(p->path, err);
	free(p->path);
	p->path = NULL;
	return err;
}

/* Gives it its name, if that is still free. Some file systems only know how to link. */
static int give_name(const struct partial *p, const char *to)
{
	if (renameat2(AT_FDCWD, p->path, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(p->path, to) != 0)
		return -errno;
	return unlink(p->path) == 0 ? 0 : -errno;
}

int partial_publish(struct partial *p, const char *to)
{
	int err = fsync(p->fd) == 0 ? 0 : -errno;
	if (err == 0)
		err = give_name(p, to);
	if (err == 0)
		err = file_sync_dir(to);
	return err ? say(to, err) : 0;
}

/* Removes what did not get its name. */
void partial_close(struct partial *p, bool published)
{
	if (!p->path)
		return;
	if (!published)
		unlink(p->path);
	close(p->fd);
	free(p->path);
}
