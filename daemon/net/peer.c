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
	enum { MAPPED_AT = 12 }; /* where an IPv4 address stands in one of IPv6 */
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} from;
	socklen_t len = sizeof from;
	char host[INET6_ADDRSTRLEN];
	if (getpeername(fd, &from.any, &len) != 0)
		return;
	bool is_six = from.any.sa_family == AF_INET6;
	const void *number = is_six ? (const void *)&from.six.sin6_addr : (const void *)&from.four.sin_addr;
	/* A socket of systemd's may take both kinds: what it shows as ::ffff:192.0.2.7 is an address of its own, and
	 * not one of a network in which all of IPv4 is. */
	if (is_six && IN6_IS_ADDR_V4MAPPED(&from.six.sin6_addr)) {
		is_six = false;
		number = from.six.sin6_addr.s6_addr + MAPPED_AT;
	}
	if (inet_ntop(is_six ? AF_INET6 : AF_INET, number, host, sizeof host))
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
