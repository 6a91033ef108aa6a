/* http.h - HTTP for tests: answers cut out of bytes, strictly; and a peer whose session has a door.
 *
 * What candord sends must be what RFC 9112 allows, so anything else fails a require(). */
#ifndef CANDOR_TESTS_HTTP_H
#define CANDOR_TESTS_HTTP_H

#include "lib/base/buf.h"
#include "tests/lib/peer.h"

struct http_answer {
	unsigned status;
	char *head; /* its lines, from the status line on */
	struct buf body; /* put together of its chunks; with a NUL behind it */
	bool is_chunked;
	bool closes; /* the connection ends behind it */
	size_t chunks;
};

void http_answer_free(struct http_answer *a);

/* The first answer in bytes[len]: how many of them it takes; 0: it is not complete. is_head: to a HEAD. ended: no more
 * bytes will come, which ends a body without a length. */
size_t http_cut(const uint8_t *bytes, size_t len, bool is_head, bool ended, struct http_answer *out);

/* The value of a header field, until the next call; NULL: it has none. */
const char *http_field(const struct http_answer *a, const char *name);

/* ---- a session ---- */

/* The peer of a world speaks HTTP from now on: as the daemon's own user, or as somebody who has said nothing. */
void http_open(struct peer_world *w);
void http_open_as_stranger(struct peer_world *w);

/* What comes in, in one push. */
void http_push(struct peer_world *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* The next answer, after all that can be done without the engine's disk; false: there is none. To be freed. */
bool http_take(struct peer_world *w, bool is_head, struct http_answer *out);

/* The next answer has this status, and `text` (NULL: anything) in its body. */
void http_expect(struct peer_world *w, unsigned status, const char *text);

/* There is none. */
void http_expect_silence(struct peer_world *w);

#endif
