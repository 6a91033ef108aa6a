/* peer.h - the other end of one session over a fake owner's engine: requests in, responses out, no socket between.
 *
 * What the session promises of its callbacks is required at each of them. One thread. */
#ifndef CANDOR_TESTS_PEER_H
#define CANDOR_TESTS_PEER_H

#include "daemon/net/session.h"
#include "lib/wire/frame.h"
#include "tests/lib/fake_owner.h"

struct peer {
	struct fake_owner *owner;
	struct session *session; /* NULL: ended */
	struct frame input; /* what the session said */
	struct arena arena; /* of the newest response */
	unsigned wakes;
	bool waits; /* for a turn: it was held back */
	bool pushing; /* the session is being called */
	bool eager; /* takes output in the middle of a push, where it is offered */
};

/* Limits that nothing runs into. */
struct session_limits peer_roomy_limits(void);

void peer_init(struct peer *p, struct fake_owner *owner, const struct session_limits *limits);

/* The same as somebody else than the daemon's own user. */
void peer_init_as(struct peer *p, struct fake_owner *owner, const struct session_limits *limits,
		  const struct identity *identity);

/* The connection is gone; also frees what the peer has. May be called again. */
void peer_end(struct peer *p);

void peer_push(struct peer *p, const void *bytes, size_t len);

/* One request, with its length, in one push. */
void peer_send(struct peer *p, const struct candor_request *r);

/* Appends it to bytes that are to be pushed by and by. */
void peer_write(struct buf *bytes, const struct candor_request *r);

/* Gives it its turn if it waits for one and is not held back any more, as the server does before its loop sleeps. */
void peer_resume(struct peer *p);

/* Takes all that the session has to say. */
void peer_take(struct peer *p);

/* Takes it, and the next response, which lives until the next call: 1; 0: there is none. */
int peer_receive(struct peer *p, struct candor_response *out);

/* A peer in a world of its own, with a pool "p": around each cmocka test. */
struct peer_world {
	struct fake_owner f;
	struct session_limits limits;
	struct peer p;
};

/* The peer hangs up, what it asked for is done, and it comes back with the limits of w->limits. */
void peer_again(struct peer_world *w);

/* The engine is started anew, with the limits of f.limits, and the peer comes back to it. */
void peer_restart(struct peer_world *w);

int peer_set_up(void **state);
int peer_tear_down(void **state);

#endif
