#include "lib/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int refuse(const char **why, const char *phrase)
{
	*why = phrase;
	return ERR_ADDRESS;
}

static int parse_port(const char *text, uint16_t *port)
{
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return ERR_ADDRESS;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (errno || *end || n > 65535)
		return ERR_ADDRESS;
	*port = (uint16_t)n;
	return 0;
}

static int parse_tcp(const char *text, struct address *out, const char **why)
{
	const char *colon = strrchr(text, ':');
	if (!colon || parse_port(colon + 1, &out->port))
		return refuse(why, "the port is missing or out of range (0 to 65535); write HOST:PORT");
	const char *host = text;
	size_t len = (size_t)(colon - text);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	} else if (memchr(host, ':', len)) {
		return refuse(why, "an IPv6 address needs brackets; write [::1]:PORT");
	}
	if (len == 0)
		return refuse(why, "the host is missing; write HOST:PORT");
	if (len >= sizeof out->host)
		return refuse(why, "the host is too long");
	if (memchr(host, '[', len) || memchr(host, ']', len))
		return refuse(why, "brackets are for IPv6 addresses only; write [::1]:PORT");
	memcpy(out->host, host, len);
	return 0;
}

static int parse_unix(const char *path, struct address *out, const char **why)
{
	out->is_unix = true;
	size_t len = strlen(path);
	if (len == 0)
		return refuse(why, "the path is missing; write unix:PATH");
	if (len > ADDRESS_PATH_MAX)
		return refuse(why, "the path is too long for a Unix socket; the limit is 107 bytes");
	memcpy(out->path, path, len);
	return 0;
}

int address_parse(const char *text, struct address *out, const char **why)
{
	*out = (struct address){0};
	*why = NULL;
	out->is_tls = strncmp(text, "tls:", 4) == 0;
	if (out->is_tls || strncmp(text, "tcp:", 4) == 0)
		return parse_tcp(text + 4, out, why);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, out, why);
	return refuse(why, "it must begin with tcp:, tls: or unix:");
}

int address_parse_listener(const char *text, struct address *out, const char **why)
{
	if (strncmp(text, "http:", 5) != 0 && strncmp(text, "http+unix:", 10) != 0)
		return address_parse(text, out, why);
	*out = (struct address){.is_http = true};
	*why = NULL;
	return text[4] == ':' ? parse_tcp(text + 5, out, why) : parse_unix(text + 10, out, why);
}

bool address_is_loopback(const struct address *a)
{
	const char *host = a->host;
	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
		return true;
	/* Only numbers: 127.example.org could be anywhere. */
	return strncmp(host, "127.", 4) == 0 && !host[strspn(host, "0123456789.")];
}

void address_format(const struct address *a, char *out, size_t size)
{
	const char *scheme = a->is_http ? (a->is_tls ? "https" : "http") : a->is_tls ? "tls" : "tcp";
	if (a->is_unix)
		snprintf(out, size, "%sunix:%s", a->is_http ? "http+" : "", a->path);
	else if (strchr(a->host, ':'))
		snprintf(out, size, "%s:[%s]:%u", scheme, a->host, a->port);
	else
		snprintf(out, size, "%s:%s:%u", scheme, a->host, a->port);
}

int address_state_dir(const char *xdg_state_home, const char *home, char *out, size_t size)
{
	int len = -1;
	if (xdg_state_home && xdg_state_home[0] == '/')
		len = snprintf(out, size, "%s/candor", xdg_state_home);
	else if (home && home[0] == '/')
		len = snprintf(out, size, "%s/.local/state/candor", home);
	return len < 0 ? ERR_ADDRESS : (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int address_default(const char *state_dir, struct address *out)
{
	*out = (struct address){.is_unix = true};
	int len = snprintf(out->path, sizeof out->path, "%s/candord.sock", state_dir);
	return len < 0 || (size_t)len >= sizeof out->path ? -ENAMETOOLONG : 0;
}
