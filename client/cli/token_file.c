#include "token_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "address.h"
#include "client/secret_file.h"
#include "text.h"

/* Who listens between here and there would have the token, and all that it may do. */
static void refuse_plain_network(const struct cli *c)
{
	struct address address;
	const char *why;
	if (address_parse(c->server, &address, &why) || address.is_unix || address.is_tls ||
	    address_is_loopback(&address))
		return;
	cli_usage(c, "a token is not sent to %s, which is not encrypted; use tls: in place of tcp:", c->server);
}

/* What is wrong with the first line; its text must not be shown. */
static const char *line_fault(const char *line, size_t len)
{
	if (len == 0)
		return "its first line is empty; it must be a token as `candor token new` printed it";
	if (text_fault(line, len) || memchr(line, ' ', len))
		return "its first line is no token as `candor token new` printed it";
	return NULL;
}

void cli_read_token(const struct cli *c, char out[CANDOR_TOKEN_MAX + 1])
{
	char *text = NULL;
	const char *fault = NULL;
	size_t size = 0;
	mode_t mode;
	refuse_plain_network(c);
	int err = secret_file_read(c->token_file, CANDOR_TOKEN_MAX, &text, &size, &mode);
	if (err == -EINVAL)
		fault = "is no regular file";
	else if (err == -EFBIG)
		fault = "is longer than a token; it may have 1024 bytes";
	else if (err)
		fault = candor_strerror(err);
	size_t len = err ? 0 : strcspn(text, "\r\n");
	if (!fault)
		fault = line_fault(text, len);
	if (!fault) {
		memcpy(out, text, len);
		out[len] = 0;
	}
	if (text)
		explicit_bzero(text, size);
	free(text);
	if (fault)
		cli_usage(c, "%s: %s", c->token_file, fault);
	if (mode & (S_IRGRP | S_IROTH))
		cli_note("candor: others may read %s; `chmod 600` keeps the token yours", c->token_file);
}
