#include "daemon/db/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/log.h"

/* A descriptor of the file, locked; -ENOENT where it is not there; ERR_LOCKED. */
static int take(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int err = errno == EWOULDBLOCK ? ERR_LOCKED : -errno;
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
	int fd = take(path, O_RDONLY);
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
	int fd = take(beside, O_RDWR | O_CREAT), err = fd < 0 ? say(beside, fd) : 0;
	free(beside);
	if (err)
		return err;
	l->beside_fd = fd;
	err = db_lock_take_file(l, path);
	if (err)
		db_lock_release(l);
	return err;
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
