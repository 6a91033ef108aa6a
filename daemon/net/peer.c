#include "daemon/net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void describe_user(int fd, struct identity *out)
{
	struct ucred user;
	gid_t groups[IDENTITY_GROUPS_MAX];
	socklen_t len = sizeof user, size = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) != 0)
		return;
	snprintf(out->name, sizeof out->name, "uid:%u", (unsigned)user.uid);
	out->is_known = true;
	out->is_owner = user.uid == 0 || user.uid == geteuid();
	out->groups[out->n_groups++] = user.gid;
	/* A user in more groups than fit has the rights of the first one alone. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		return;
	for (size_t i = 0; i < size / sizeof *groups && out->n_groups < IDENTITY_GROUPS_MAX; i++)
		out->groups[out->n_groups++] = groups[i];
}

static void describe_address(int fd, struct identity *out)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	char host[INET6_ADDRSTRLEN];
	if (getpeername(fd, (struct sockaddr *)&from, &len) != 0)
		return;
	const void *number = from.ss_family == AF_INET6 ? (const void *)&((struct sockaddr_in6 *)&from)->sin6_addr
							: (const void *)&((struct sockaddr_in *)&from)->sin_addr;
	if (inet_ntop(from.ss_family, number, host, sizeof host))
		snprintf(out->name, sizeof out->name, "tcp:%s", host);
}

void peer_origin(const struct identity *peer, char *out, size_t size)
{
	enum { NETWORK_BYTES = 8 };
	struct in6_addr six;
	char text[INET6_ADDRSTRLEN];
	const char *address = strchr(peer->name, ':');
	snprintf(out, size, "%s", peer->name);
	if (!address || inet_pton(AF_INET6, address + 1, &six) != 1)
		return;
	memset(six.s6_addr + NETWORK_BYTES, 0, sizeof six.s6_addr - NETWORK_BYTES);
	if (inet_ntop(AF_INET6, &six, text, sizeof text))
		snprintf(out, size, "tcp:%s/64", text);
}

void peer_from_socket(int fd, bool is_unix, struct identity *out)
{
	*out = (struct identity){.name = "unknown", .is_local = is_unix};
	if (is_unix)
		describe_user(fd, out);
	else
		describe_address(fd, out);
}

/* A space would end the name in history, where what the client calls itself follows: it is written as RFC 2253 writes
 * any byte. */
bool peer_from_certificate(const char *subject, struct identity *out)
{
	*out = (struct identity){.name = "cert:", .is_known = true};
	size_t len = strlen(out->name);
	for (const char *p = subject; *p; p++) {
		/* One character, with the backslash that OpenSSL puts before some, spaces among them. */
		const char *last = p[0] == '\\' && p[1] ? p + 1 : p;
		char piece[4] = "\\20";
		if (*last != ' ')
			snprintf(piece, sizeof piece, "%.*s", (int)(last - p + 1), p);
		p = last;
		size_t n = strlen(piece);
		if (len + n >= sizeof out->name)
			return false;
		memcpy(out->name + len, piece, n);
		len += n;
	}
	return true;
}
