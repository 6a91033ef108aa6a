#include "daemon/net/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- the lock ---- */

/* That the path is in. */
struct directory {
	char path[sizeof((struct sockaddr_un *)0)->sun_path + 1];
};

static struct directory directory_of(const char *path)
{
	struct directory d = {"."};
	const char *slash = strrchr(path, '/');
	if (slash)
		snprintf(d.path, sizeof d.path, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return d;
}

/* A descriptor, or -1 where it cannot be had. */
static int lock_directory(const char *path)
{
	enum { TRIES = 100, PAUSE_NS = 1000 * 1000 };
	const struct directory d = directory_of(path);
	int fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < TRIES; i++) {
		const struct timespec pause = {.tv_nsec = PAUSE_NS};
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void unlock_directory(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- the socket ---- */

static int make_address(struct sockaddr_un *at, const char *path)
{
	*at = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof at->sun_path)
		return -ENAMETOOLONG;
	memcpy(at->sun_path, path, strlen(path) + 1);
	return 0;
}

static int remove_stale(const struct sockaddr_un *at)
{
	struct stat st;
	if (lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 ? -EADDRINUSE : -errno;
	close(fd);
	if (err != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(at->sun_path) == 0 ? 0 : -errno;
}

/* The mode counts before anybody can connect. */
static int bind_and_listen(struct unix_socket *s, const struct sockaddr_un *at, int backlog)
{
	struct stat st;
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)at, sizeof *at) != 0)
		return -errno;
	if (lstat(at->sun_path, &st) != 0)
		return -errno;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	if (chmod(at->sun_path, 0660) != 0 || listen(s->fd, backlog) != 0)
		return -errno;
	return 0;
}

/* As long as the socket is open its file's number belongs to no other file, even if it was removed. */
static bool is_ours(const struct unix_socket *s, const char *path)
{
	struct stat st;
	return s->inode && lstat(path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode;
}

static void remove_and_close(struct unix_socket *s, const char *path)
{
	if (s->fd < 0)
		return;
	if (is_ours(s, path))
		unlink(path);
	close(s->fd);
	*s = UNIX_SOCKET_NONE;
}

int unix_socket_check(const char *path)
{
	struct sockaddr_un at;
	struct stat st;
	int err = make_address(&at, path);
	if (err)
		return err;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return -EADDRINUSE;
	} else if (errno != ENOENT) {
		return -errno;
	}
	return faccessat(AT_FDCWD, directory_of(path).path, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int unix_socket_open(struct unix_socket *s, const char *path, int backlog)
{
	struct sockaddr_un at;
	*s = UNIX_SOCKET_NONE;
	int err = make_address(&at, path);
	if (err)
		return err;
	if ((err = unix_socket_check(path)))
		return err;
	int lock = lock_directory(path);
	err = remove_stale(&at);
	if (err == 0)
		err = bind_and_listen(s, &at, backlog);
	if (err)
		remove_and_close(s, path);
	unlock_directory(lock);
	return err;
}

void unix_socket_close(struct unix_socket *s, const char *path)
{
	if (s->fd < 0)
		return;
	int lock = lock_directory(path);
	remove_and_close(s, path);
	unlock_directory(lock);
}
