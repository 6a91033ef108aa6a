/* answer.h - one HTTP answer as it is sent: a head, then its body in pieces.
 *
 * What fits into the first piece goes with Content-Length, and anything longer in chunks; to HTTP/1.0, which has
 * none, up to the end of the connection. Pure. */
#ifndef CANDOR_HTTP_ANSWER_H
#define CANDOR_HTTP_ANSWER_H

#include <stdbool.h>

#include "daemon/http/gzip.h"
#include "daemon/http/problem.h"
#include "lib/base/body.h"

enum {
	ANSWER_PIECE_BYTES = 64 * 1024,
	ANSWER_GZIP_BYTES = 1024, /* shorter ones are not compressed */
};

struct answer {
	unsigned status; /* 0: there is none yet */
	const char *type; /* of the content; static; NULL: none is said */
	struct buf lines; /* of the head, beside those of every answer */
	struct body *body; /* NULL: empty */
	unsigned minor; /* of the request: HTTP/1.minor */
	bool is_head; /* the body is not sent */
	bool is_stream; /* never with a length: more comes as time goes by */
	bool closes; /* the connection ends behind it */
	bool takes_gzip; /* the client does */
	struct gzip *gzip; /* NULL: it is sent as it is */
	bool has_begun, is_chunked, is_done;
	size_t work; /* so far: bytes made of the body, counted as often as compressing them takes longer */
};

/* Takes the body away. */
void answer_set(struct answer *a, unsigned status, const char *type, struct body *body);

/* 0 or -ENOMEM, and then there is none. */
MUST_CHECK int answer_set_problem(struct answer *a, const struct problem *p);

void answer_free(struct answer *a);

/* Memory beside itself. */
size_t answer_bytes(const struct answer *a);

/* Appends the next piece; now_ms: since 1970, for the date; 0: none is said. 0 or an error, after which the
 * connection can only end. */
MUST_CHECK int answer_next(struct answer *a, uint64_t now_ms, struct buf *out);

#endif
