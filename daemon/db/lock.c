#include "daemon/db/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"

/* Whoever only asks whether a lock is taken (is_taken() below) holds it for a moment. */
enum { TRIES = 10, BETWEEN_NS = 10 * 1000 * 1000 };

/* A descriptor of the file, locked; -ENOENT where it is not there; ERR_LOCKED. Follows no link, for the file may be
 * written to. */
static int take(const char *path, int flags, int tries)
{
	const struct timespec between = {.tv_nsec = BETWEEN_NS};
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0600), err;
	if (fd < 0)
		return -errno;
	for (;;) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		err = errno == EWOULDBLOCK ? ERR_LOCKED : -errno;
		if (err != ERR_LOCKED || --tries <= 0)
			break;
		nanosleep(&between, NULL);
	}
	close(fd);
	return err;
}

static int say(const char *path, int err)
{
	log_error("%s: %s", path, candor_strerror(err));
	return err;
}

int db_lock_take_file(struct db_lock *l, const char *path)
{
	if (l->file_fd >= 0)
		return 0;
	int fd = take(path, O_RDONLY, TRIES);
	if (fd < 0)
		return fd == -ENOENT ? 0 : say(path, fd);
	l->file_fd = fd;
	return 0;
}

int db_lock_take(struct db_lock *l, const char *path)
{
	char *beside;
	*l = DB_LOCK_NONE;
	if (asprintf(&beside, "%s-lock", path) < 0)
		return -ENOMEM;
	int fd = take(beside, O_RDWR | O_CREAT, TRIES), err = fd < 0 ? say(beside, fd) : 0;
	free(beside);
	if (err)
		return err;
	l->beside_fd = fd;
	err = db_lock_take_file(l, path);
	if (err)
		db_lock_release(l);
	return err;
}

/* 1: what is held has the name; 0: it has not; -errno. */
static int has_name(int fd, const char *name)
{
	struct stat held, named;
	if (fstat(fd, &held) != 0)
		return -errno;
	if (lstat(name, &named) != 0)
		return errno == ENOENT ? 0 : -errno;
	return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

int db_lock_keep(struct db_lock *l, const char *path)
{
	char *beside;
	if (asprintf(&beside, "%s-lock", path) < 0)
		return -ENOMEM;
	int kept = has_name(l->beside_fd, beside);
	int fd = kept == 0 ? take(beside, O_RDWR | O_CREAT, 1) : -1;
	free(beside);
	if (kept)
		return kept < 0 ? kept : 0;
	if (fd < 0)
		return fd;
	close(l->beside_fd);
	l->beside_fd = fd;
	return 0;
}

void db_lock_release(struct db_lock *l)
{
	if (l->file_fd >= 0)
		close(l->file_fd);
	if (l->beside_fd >= 0)
		close(l->beside_fd);
	*l = DB_LOCK_NONE;
}

static int is_taken(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int taken = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK ? 1 : -errno;
	close(fd);
	return taken;
}

int db_lock_is_taken(const char *path)
{
	char *beside;
	if (asprintf(&beside, "%s-lock", path) < 0)
		return -ENOMEM;
	int taken = is_taken(beside);
	free(beside);
	return taken ? taken : is_taken(path);
}
