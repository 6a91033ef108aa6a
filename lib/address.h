/* address.h - where a daemon listens: "tcp:127.0.0.1:7432", "tcp:[::1]:7432", "unix:/path"; "tls:" is TCP with TLS.
 * "http:" and "http+unix:" are the same where HTTP is spoken.
 * Pure: nothing is resolved, no environment is read. */
#ifndef CANDOR_ADDRESS_H
#define CANDOR_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { ADDRESS_PATH_MAX = 107, ADDRESS_TEXT_MAX = 320 }; /* a Unix socket's path; any address, NUL included */

struct address {
	bool is_unix, is_tls; /* neither: plain TCP */
	bool is_http; /* HTTP, and not the protocol */
	char host[256]; /* a name or number, without brackets */
	uint16_t port; /* 0: any free one, for listeners */
	char path[ADDRESS_PATH_MAX + 1]; /* of a Unix socket */
};

/* 0 or ERR_ADDRESS, and then *why is a static phrase. */
MUST_CHECK int address_parse(const char *text, struct address *out, const char **why);

/* The same for a listener, which may be one for HTTP. */
MUST_CHECK int address_parse_listener(const char *text, struct address *out, const char **why);

/* The text form, at most ADDRESS_TEXT_MAX with its NUL. */
void address_format(const struct address *a, char *out, size_t size);

/* Whether the host is this machine, judged by its text alone: localhost, ::1, or an address in 127.0.0.0/8. */
bool address_is_loopback(const struct address *a);

/* The directory where a user's daemon keeps its files, from the values of XDG_STATE_HOME and HOME (NULL where unset):
 * "$XDG_STATE_HOME/candor" or "$HOME/.local/state/candor". 0; ERR_ADDRESS where neither is an absolute path; or
 * -ENAMETOOLONG where the result does not fit. */
MUST_CHECK int address_state_dir(const char *xdg_state_home, const char *home, char *out, size_t size);

/* The socket that a daemon without configuration listens on and a client without one connects to, given that
 * directory. 0, or -ENAMETOOLONG: it would not fit a Unix socket. */
MUST_CHECK int address_default(const char *state_dir, struct address *out);

#endif
