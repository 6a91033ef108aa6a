/* cookie.h - how a browser stays who it is: a cookie that has its token, sealed for this daemon's process and for
 * twelve hours; nothing is kept for it here. And whether a request comes from a page of this daemon itself. Pure. */
#ifndef CANDOR_HTTP_COOKIE_H
#define CANDOR_HTTP_COOKIE_H

#include <stdbool.h>

#include "daemon/http/parse.h"
#include "lib/base/buf.h"
#include "lib/crypto/seal.h"
#include "lib/message.h"

enum cookie_state {
	COOKIE_NONE,
	COOKIE_GOOD,
	COOKIE_BAD, /* of another process, too old, or no cookie of candord's */
};

/* What the header field Cookie (NULL: there is none) says: the token, which the caller wipes. */
enum cookie_state cookie_read(const struct seal_key *key, const char *cookies, uint64_t now_ms,
			      char token[CANDOR_TOKEN_MAX + 1]);

/* Append the header line that sets it, and the one that removes it. 0 or -ENOMEM. */
MUST_CHECK int cookie_put(const struct seal_key *key, const char *token, uint64_t now_ms, bool is_encrypted,
			  struct buf *out);
MUST_CHECK int cookie_put_end(bool is_encrypted, struct buf *out);

/* Browsers say which page a request comes from. False: from another one; or, where it must be said, nobody said so. */
bool cookie_is_same_origin(const struct head *h, bool must_be_said);

#endif
