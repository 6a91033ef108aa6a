/* allow.h - rights for those whom a real daemon does not know: as an admin would grant them, over its Unix socket.
 * The program runs as the daemon's own user. What is refused ends it through require(). */
#ifndef CANDOR_TESTS_ALLOW_H
#define CANDOR_TESTS_ALLOW_H

#include "lib/message.h"
#include "lib/crypto/token.h"

/* Adds rights (bits of enum candor_right) in all pools to a principal's. address: of the Unix socket. */
void allow(const char *address, const char *principal, unsigned rights);

/* Makes a token with such rights; the principal is "token:NAME". */
void allow_token(const char *address, const char *name, unsigned rights, char secret[TOKEN_TEXT_BYTES]);

#endif
