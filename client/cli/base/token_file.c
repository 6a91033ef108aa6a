#include "client/cli/base/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/base/text.h"
#include "lib/base/wipe.h"
#include "lib/crypto/token.h"

/* How the file was named. */
static const char *named_by(const struct cli *c)
{
	return c->token_file_given ? "" : " (CANDOR_TOKEN_FILE)";
}

/* Anybody who listens on the network would get the token and all its rights. */
static void refuse_plain_network(const struct cli *c)
{
	struct address address;
	const char *why;
	if (address_parse(c->server, &address, &why) || address.is_unix || address.is_tls ||
	    address_is_loopback(&address))
		return;
	cli_usage(c, "refusing to send the token in %s%s to %s, which is not encrypted; use tls: instead of tcp:",
		  c->token_file, named_by(c), c->server);
}

/* What is wrong with the first line; its text must not be shown. */
static const char *line_fault(const char *line, size_t len)
{
	if (len == 0)
		return "the first line is empty; it must be a token printed by `candor token new`";
	if (text_fault(line, len) || memchr(line, ' ', len) || !token_is_marked(line))
		return "the first line is not a token printed by `candor token new`";
	return NULL;
}

/* At most CANDOR_TOKEN_MAX bytes and one, up to the end of the first line and no further: what follows in a pipe may be
 * for others. Its length, or -errno. */
static ssize_t read_line(int fd, char *out)
{
	size_t len = 0;
	while (len <= CANDOR_TOKEN_MAX && (len == 0 || out[len - 1] != '\n')) {
		ssize_t n = read(fd, out + len, 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		len += n > 0;
	}
	return (ssize_t)len;
}

/* NULL, or what is wrong. */
static const char *take_line(int fd, char out[CANDOR_TOKEN_MAX + 1])
{
	char text[CANDOR_TOKEN_MAX + 1];
	const char *fault = NULL;
	ssize_t n = read_line(fd, text);
	size_t len = 0;
	while (n > 0 && len < (size_t)n && text[len] != '\r' && text[len] != '\n')
		len++;
	if (n < 0)
		fault = candor_strerror((int)n);
	else if (len > CANDOR_TOKEN_MAX)
		fault = "the first line is too long; a token has at most 1024 bytes";
	if (!fault) {
		memcpy(out, text, len);
		out[len] = 0;
		fault = line_fault(out, len);
	}
	wipe(text, sizeof text);
	return fault;
}

/* A file, a pipe or a terminal. */
static bool is_readable_kind(int fd, const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode) || isatty(fd);
}

void cli_read_token(struct cli *c)
{
	struct stat st = {.st_mode = 0};
	refuse_plain_network(c);
	if (c->token_taken)
		cli_usage(c, "%s%s can be read only once, and reconnecting needs the token again; use a regular file",
			  c->token_file, named_by(c));
	int fd = open(c->token_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	const char *fault = NULL;
	if (fd < 0 || fstat(fd, &st) != 0)
		fault = candor_strerror(-errno);
	else if (!is_readable_kind(fd, &st))
		fault = "neither a regular file nor a pipe";
	else
		fault = take_line(fd, c->token);
	if (fd >= 0)
		close(fd);
	if (fault) {
		cli_wipe_token(c);
		cli_usage(c, "%s%s: %s", c->token_file, named_by(c), fault);
	}
	c->token_taken = !S_ISREG(st.st_mode);
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH)))
		cli_note("candor: other users can read %s; protect the token with `chmod 600`", c->token_file);
}
