/* upload.h - a body of any length with a row in each line (NDJSON), which becomes one request after another.
 *
 * A few of them are under way at a time, and what comes meanwhile waits. Rows that are rejected, or are none, cost
 * no other. Where a request as a whole is refused, nothing further is sent; the problem says up to which line all
 * is recorded. For exchange.c alone. Pure. */
#ifndef CANDOR_HTTP_UPLOAD_H
#define CANDOR_HTTP_UPLOAD_H

#include "daemon/http/answer.h"
#include "daemon/http/door.h"
#include "lib/wire/envelope.h"

struct upload;

/* Where the requests go; outlives the upload. */
struct upload_target {
	const struct door_host *host;
	void *owner;
	uint64_t *last_id; /* of a request: the next one has one more */
	enum candor_request_type kind;
	size_t max_frame_bytes;
};

/* Takes *fields away: what the path says, as part of each request's message. 0 or -ENOMEM. */
MUST_CHECK int upload_new(struct upload **out, const struct upload_target *target, struct buf *fields);
void upload_free(struct upload *u); /* NULL is allowed */

/* Some of the body; and that this was all. They return 0 or -ENOMEM. */
MUST_CHECK int upload_take(struct upload *u, const uint8_t *bytes, size_t len);
MUST_CHECK int upload_end(struct upload *u);

/* Nothing is to be sent for now, or it may be sent again. */
MUST_CHECK int upload_hold(struct upload *u, bool held);

/* It has enough to do, and further bytes should wait. */
bool upload_is_full(const struct upload *u);

/* The session's answer to the request `id`, if it is one of the upload's: 1, or 0 if it is not; -ENOMEM. */
MUST_CHECK int upload_answered(struct upload *u, const struct wire_answer *a, const struct buf *frame);

/* Requests are under way. */
bool upload_waits(const struct upload *u);

/* All is done: the body has come and is answered, or nothing more is sent since it would be in vain. */
bool upload_is_done(const struct upload *u);

/* The rest of the body does not come, or is not taken: nothing further is sent, and this is said. status: 0: that of
 * the code. unanswered: nor is what is under way answered any more. */
void upload_break_off(struct upload *u, const struct problem *p, bool unanswered);

/* Then its answer. 0 or -ENOMEM. */
MUST_CHECK int upload_finish(struct upload *u, struct answer *a);

size_t upload_bytes(const struct upload *u);

#endif
