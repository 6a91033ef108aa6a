/* door.h - one connection's HTTP: requests become frames for the session, the session's answers become HTTP.
 *
 * A translator at the two ends of a session, with no I/O and no clock in it; tests drive it with buffers. One
 * exchange at a time: what a client sends behind a request stays in a small buffer until that request is answered, so
 * answers are in order. An answer is rendered in pieces, the next one when the one before has been sent. A request
 * that cannot be read is answered by a problem, and then the connection ends.
 *
 * Owned by its session. One thread, the loop's. */
#ifndef CANDOR_HTTP_DOOR_H
#define CANDOR_HTTP_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/body.h"
#include "lib/crypto/seal.h"
#include "lib/message.h"

struct door;
struct identity; /* the engine's; handed through */

/* Pages that no request of the protocol answers. */
enum door_page {
	DOOR_LIVEZ, /* these two for everybody */
	DOOR_READYZ,
	DOOR_METRICS,
	DOOR_PAGES,
};

struct door_question {
	const char *query; /* with its escapes; "" where there is none */
	const char *accept; /* the header; "" likewise */
	const struct identity *who; /* of DOOR_METRICS: who asks, after a token was checked */
};

struct door_page_answer {
	/* Not CANDOR_OK: the page is refused, with this sentence, and the rest does not count. */
	enum candor_code code;
	const char *sentence; /* static */
	unsigned status; /* 200, or 503 of a page that says so */
	const char *type; /* Content-Type; static */
	struct body *body; /* NULL: none. The door frees it */
};

/* What doors need that no session has: the same for all of them, and outlives them. */
struct door_ops {
	/* Fills *out, which is all zero. 0 or -ENOMEM. NULL: there are no such pages. */
	int (*page)(void *owner, enum door_page page, const struct door_question *q, struct door_page_answer *out);
	/* Milliseconds since 1970, for cookies and dates. */
	uint64_t (*now_ms)(void *owner);
	void *owner;
	struct seal_key cookie_key;
};

/* The session. */
struct door_host {
	/* A whole frame: a request of the protocol, its length before it. 0 or -ENOMEM. */
	int (*submit)(void *owner, const void *frame, size_t len);
	/* Whoever tokens made of the peer, it is again who the transport says. Nothing is unanswered. 0 or
	 * -ENOMEM. */
	int (*forget)(void *owner);
	const struct identity *(*who)(void *owner);
	/* Why a body of so many bytes is not worth reading, whoever it is that sends it; NULL: it is. Static. */
	const char *(*refuses)(void *owner, size_t bytes, enum candor_code *code, uint32_t *retry_after_ms);
};

struct door_limits {
	size_t max_frame_bytes; /* of a request, when it is one of the protocol */
	const struct door_ops *ops;
};

/* 0 or -ENOMEM. */
MUST_CHECK int door_new(struct door **out, const struct door_limits *limits, const struct door_host *host, void *owner);
void door_free(struct door *d); /* NULL is allowed */

/* The connection is encrypted; before the first bytes. */
void door_set_encrypted(struct door *d);

/* Bytes from the peer. What they ask for is submitted; *out is where it answers. 0 or -ENOMEM. */
MUST_CHECK int door_push(struct door *d, const void *bytes, size_t len, struct buf *out);

/* An answer of the session's: a frame, which the door takes away. */
void door_answer(struct door *d, struct buf *frame);

/* Something can be done at once: a piece of an answer made, or a request read that has come already. unsent: bytes of
 * the output that are not sent; above some 64 KiB no further piece is made. may_read: requests are taken. */
bool door_has_step(const struct door *d, size_t unsent, bool may_read);

/* Does it: a piece is appended to *out, or requests are submitted. *work: bytes that were made for it, counted as
 * often as compressing them takes longer; may be more than those appended. 0 or -ENOMEM. */
MUST_CHECK int door_step(struct door *d, size_t unsent, bool may_read, struct buf *out, size_t *work);

/* It takes more bytes. */
bool door_wants_bytes(const struct door *d);

/* A request has begun that is not complete, and its rest is waited for. */
bool door_awaits_rest(const struct door *d);

/* Heads, and pieces of 64 KiB of bodies, taken so far. */
uint64_t door_progress(const struct door *d);

/* Nothing is unanswered, and nothing of an answer is still to be made. */
bool door_is_quiet(const struct door *d);

/* Nothing more will be read or said. */
bool door_is_over(const struct door *d);

/* The peer will send nothing more, or its rest is not waited for. What has come in full is carried out; then the
 * connection is over. Of a request that is not complete this is said. sentence: static. */
void door_finish(struct door *d, unsigned status, const char *sentence);

/* No further request is read; what is unanswered is answered still. sentence: it will not be, and this is said of it;
 * NULL: it will. */
void door_close(struct door *d, const char *sentence);

/* Drops all that there is, and says this alone: false if it cannot, because an answer has begun. code: of why the
 * peer is not served, which is 503. */
MUST_CHECK bool door_refuse(struct door *d, enum candor_code code, const char *sentence, struct buf *out);

/* Memory held: of a door at rest, and beside that. */
size_t door_rest_bytes(void);
size_t door_bytes(const struct door *d);

#endif
