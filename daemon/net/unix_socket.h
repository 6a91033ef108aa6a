/* unix_socket.h - the Unix socket that a daemon listens on, and its file.
 *
 * The file is removed only while it is the one that was bound: another daemon may have put its own in that place
 * since. Whoever binds or removes one holds a lock on the directory meanwhile, so that nobody takes a socket that is
 * bound but not yet listened on for a stale one. Where the directory cannot be locked that goes without.
 * The loop's thread only; a lock that another program holds is waited for a tenth of a second at most. */
#ifndef CANDOR_NET_UNIX_SOCKET_H
#define CANDOR_NET_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/base/err.h"

struct unix_socket {
	int fd; /* does not block; -1: none */
	dev_t device; /* of the file that was bound */
	ino_t inode;
};

#define UNIX_SOCKET_NONE ((struct unix_socket){.fd = -1})

/* Binds and listens; the file is open to the user and the group. A socket file that nobody listens on was left by a
 * daemon that was killed, and is replaced; -EADDRINUSE for anything else that stands there, or another -errno. */
MUST_CHECK int unix_socket_open(struct unix_socket *s, const char *path, int backlog);

/* Could one be opened there? Asks nobody who listens there now, and changes nothing. 0 or -errno. */
MUST_CHECK int unix_socket_check(const char *path);

/* Removes the file if it is still this socket's, and closes. May be called again. */
void unix_socket_close(struct unix_socket *s, const char *path);

#endif
