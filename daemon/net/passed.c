#include "daemon/net/passed.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The latter two are what systemd calls the sockets of a unit that does not say. */
static const struct {
	const char *name;
	bool is_http;
} protocols[] = {
	{"candor", false},
	{"http", true},
	{"candord.socket", false},
	{"candord-http.socket", true},
};

static int look_at_name(const struct manager_socket *s, struct address *out, char *fault)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		if (strcmp(s->name, protocols[i].name) != 0)
			continue;
		out->is_http = protocols[i].is_http;
		return 0;
	}
	snprintf(fault, PASSED_FAULT_MAX,
		 "descriptor %d was passed with the name '%.255s'; FileDescriptorName= must be candor or http", s->fd,
		 s->name);
	return -EINVAL;
}

static int option(int fd, int name)
{
	int value;
	socklen_t len = sizeof value;
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -errno;
}

static int look_at_kind(const struct manager_socket *s, char *fault)
{
	int type = option(s->fd, SO_TYPE), listens = option(s->fd, SO_ACCEPTCONN);
	if (type == SOCK_STREAM && listens > 0)
		return 0;
	snprintf(fault, PASSED_FAULT_MAX, "descriptor %d (%s) %s; the socket's unit needs ListenStream= and Accept=no",
		 s->fd, s->name,
		 type == -ENOTSOCK     ? "is not a socket"
		 : type < 0            ? candor_strerror(type)
		 : type == SOCK_STREAM ? "does not listen"
				       : "is not a stream socket");
	return type < 0 ? type : -EINVAL;
}

/* An abstract name begins with a zero byte, and is shown with @ as systemd writes it. */
static void take_path(const struct sockaddr_un *at, socklen_t len, struct address *out)
{
	size_t used = len - offsetof(struct sockaddr_un, sun_path);
	if (used > ADDRESS_PATH_MAX)
		used = ADDRESS_PATH_MAX;
	out->is_unix = true;
	memcpy(out->path, at->sun_path, used);
	out->path[used] = 0;
	if (used > 0 && !out->path[0])
		out->path[0] = '@';
}

static int look_at_address(const struct manager_socket *s, struct address *out, char *fault)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} at = {0};
	socklen_t len = sizeof at;
	if (getsockname(s->fd, &at.any, &len) != 0) {
		snprintf(fault, PASSED_FAULT_MAX, "descriptor %d (%s): %s", s->fd, s->name, strerror(errno));
		return -errno;
	}
	if (at.any.sa_family == AF_UNIX) {
		take_path(&at.un, len, out);
		return 0;
	}
	if ((at.any.sa_family != AF_INET && at.any.sa_family != AF_INET6) ||
	    getnameinfo(&at.any, len, out->host, sizeof out->host, NULL, 0, NI_NUMERICHOST) != 0) {
		snprintf(fault, PASSED_FAULT_MAX, "descriptor %d (%s) must be a Unix or TCP socket", s->fd, s->name);
		return -EINVAL;
	}
	out->port = ntohs(at.any.sa_family == AF_INET ? at.in.sin_port : at.in6.sin6_port);
	return 0;
}

int passed_look(const struct manager_socket *s, struct address *out, char fault[PASSED_FAULT_MAX])
{
	*out = (struct address){0};
	int err = look_at_name(s, out, fault);
	if (err == 0)
		err = look_at_kind(s, fault);
	return err ? err : look_at_address(s, out, fault);
}
