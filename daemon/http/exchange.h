/* exchange.h - one request and its answer: what the request asks for, what goes to the session for it, and what is
 * made of that. For door.c alone, which says when.
 *
 * Who asks is settled first: where a token must be shown, nothing is submitted before it was taken. */
#ifndef CANDOR_HTTP_EXCHANGE_H
#define CANDOR_HTTP_EXCHANGE_H

#include "daemon/http/answer.h"
#include "daemon/http/events.h"
#include "daemon/http/door.h"
#include "daemon/http/parse.h"
#include "daemon/http/routes.h"
#include "daemon/http/upload.h"
#include "lib/wire/envelope.h"
#include "lib/wire/json_in.h"

struct exchange {
	const struct door_limits *limits;
	const struct door_host *host;
	void *owner; /* of the host */
	const struct head *head; /* the parser's, and lives as long as this */
	struct route_match match;
	struct buf message; /* of the request: fields that are known so far */
	uint64_t *last_id; /* of what was submitted: the door's count */
	struct json_in *in; /* NULL: no body is being read */
	struct events *events; /* NULL: the answer is no stream */
	struct upload *upload; /* NULL: the body is no rows in lines */
	bool is_encrypted; /* the connection */
	char *token; /* that the body shows, to be exchanged for a cookie; NULL: none */
	uint64_t body_bytes; /* taken of a body */
	bool is_worth_it; /* whoever sends it may send as much */
	bool is_complete; /* the request has come in full */
	bool is_drained; /* what is left of a short body is read before its answer goes out: the connection stays */
	uint64_t hello_id; /* of the token that was shown; 0: none is being checked */
	uint64_t id; /* of the request that was submitted; 0: none was */
	struct answer answer;
};

/* With the request's head. NULL: no memory. */
struct exchange *exchange_new(const struct door_limits *limits, const struct door_host *host, void *owner,
			      uint64_t *last_id, const struct head *head);
void exchange_free(struct exchange *x); /* NULL is allowed */

/* These return 0, or -ENOMEM, and then nothing can be said any more. What is wrong with a request becomes its
 * answer. */

/* Whether the request can be carried out, as far as its head tells. */
MUST_CHECK int exchange_begin(struct exchange *x);

/* Some of its body. */
MUST_CHECK int exchange_take(struct exchange *x, const uint8_t *bytes, size_t len);

/* The request is complete, and who asks is known: it is carried out. */
MUST_CHECK int exchange_go(struct exchange *x);

/* The token that a complete request shows in its body, and which is to be checked before it is carried out; NULL:
 * none. It may have become a request with an answer. *err: 0 or -ENOMEM. */
const char *exchange_token(struct exchange *x, int *err);

/* Who asks is being found out (an upload waits), or is known. */
MUST_CHECK int exchange_hold(struct exchange *x, bool held);

/* The session's answer to it, or to all that it may have asked (id 0); the frame is taken away where it is still
 * needed. */
MUST_CHECK int exchange_answered(struct exchange *x, const struct wire_answer *a, struct buf *frame);

/* What is in a whole frame, behind its length. */
struct view exchange_inside(const struct buf *frame);

/* Of a stream: goes on, where what there was has been sent. 0 or -ENOMEM. */
MUST_CHECK int exchange_go_on(struct exchange *x);

/* A stream says nothing further; any other answer comes whole. */
void exchange_end_stream(struct exchange *x);

/* A problem is its answer. */
MUST_CHECK int exchange_refuse(struct exchange *x, const struct problem *p);

/* Likewise, and what was recorded of rows in lines is told as soon as it is known. unanswered: nothing of it is
 * answered any more. */
MUST_CHECK int exchange_break_off(struct exchange *x, const struct problem *p, bool unanswered);

static inline bool exchange_has_answer(const struct exchange *x)
{
	return x->answer.status > 0;
}

/* An answer has begun that is not all there, and nothing of it can be sent now. */
static inline bool exchange_is_dry(const struct exchange *x)
{
	return x->events && x->answer.has_begun && !events_have_text(x->events);
}

/* It waits for the session. */
static inline bool exchange_waits(const struct exchange *x)
{
	return !exchange_has_answer(x) && (x->id > 0 || x->hello_id > 0 || (x->upload && upload_waits(x->upload)));
}

/* More of its body is taken now. */
static inline bool exchange_wants_body(const struct exchange *x)
{
	return !x->upload || !upload_is_full(x->upload);
}

size_t exchange_bytes(const struct exchange *x);

#endif
