/* session_internal.h - what a session holds, in lists and accounts; for session*.c.
 *
 * A request is in the queue, then among those that the engine has, then its answer may wait for the disk: each
 * step has its list and its count. */
#ifndef CANDOR_NET_SESSION_INTERNAL_H
#define CANDOR_NET_SESSION_INTERNAL_H

#include "daemon/net/session.h"
#include "lib/wire/frame.h"

/* A request on its way through the engine. */
struct slot {
	struct call call;
	struct wire_request wire;
	struct arena arena;
	struct session *session;
	struct slot *next, *before; /* in the queue, or among those that the engine has */
	size_t bytes; /* counted for it */
	size_t reserved; /* in the budget, for its answer */
	uint64_t received_ns; /* by the engine's clock */
};

/* An answer that waits for the disk. */
struct reply {
	struct waiter waiter;
	struct session *session;
	struct reply *next, *before; /* of the session */
	uint64_t id;
	enum candor_request_type type;
	enum candor_code code;
	uint64_t received_ns;
	size_t rows; /* of the request */
	struct buf bytes; /* the answer; and behind it, of a request that can run again, the request */
	size_t answer; /* bytes of it */
};

/* A session only moves forward through these. */
enum session_state {
	SESSION_OPEN,
	SESSION_STOPPED, /* takes no further request; answers still come */
	SESSION_ENDING, /* likewise, and when all have come, the last word is said */
	SESSION_OVER, /* everything it has to say is in the output */
	SESSION_REFUSED, /* over, and answers that still come are discarded */
	SESSION_GONE, /* the connection has let go of it; only the engine still knows it */
};

struct session {
	struct engine *engine;
	const struct session_limits *limits;
	const struct session_ops *ops;
	void *owner; /* NULL: the connection is gone */
	enum session_state state;
	/* Of the same budget. */
	struct session *next, *before;

	struct identity identity;
	struct identity
		*transport; /* of HTTP, where it may be another by now: whom the transport knows. NULL: it is that */
	char *named_peer; /* its name, with what the client calls itself; NULL: it said nothing */

	struct frame frame;
	uint64_t frames; /* taken from it */
	uint64_t received_ns; /* when bytes came last */
	const char *incomplete; /* what to say of a frame that is not, for no more will come; NULL: more may */
	struct door *door; /* NULL: the peer speaks the protocol itself */
	struct door_limits door_limits;
	struct buf output;
	struct buf last_word; /* ENDING: what follows the answers that still come */
	size_t unsent_elsewhere;
	struct slot *blocked; /* nothing may be submitted before it is answered, */
	struct slot *queue, **queue_end; /* and these have come meanwhile */
	struct slot *submitted; /* the engine has these */
	struct reply *replies; /* these wait for the disk */
	uint32_t n_queued, n_submitted, n_replies;
	size_t slot_bytes, reply_bytes; /* taken by requests and by answers that wait */
	size_t rows_waiting; /* of the requests whose answers wait for the disk */
	size_t base; /* taken as long as it lives, */
	size_t conn_bytes; /* of it by the connection */
	size_t counted, counted_base; /* in the budget */
	unsigned spent; /* of the turn */
	enum pressure pressure; /* HIGH: above a limit, and not yet down to half */
	bool resumed; /* it is its turn, and something large may go */
	bool lacked_room; /* so it wants another turn, though there may be room again by now */
	bool pumping; /* requests are being taken */
	bool quiet_io; /* the connection is calling, and will look at the output by itself */
};

/* Of its turn, and of the work of all. */
static inline void session_spend(struct session *s, uint64_t n)
{
	s->spent += (unsigned)n;
	if (s->limits->budget)
		s->limits->budget->work += n;
}

static inline uint32_t session_in_flight(const struct session *s)
{
	return s->n_queued + s->n_submitted + s->n_replies;
}

/* Brings the budget up to date. */
void session_count(struct session *s);

/* Gives back buffers that are empty and larger than that. */
void session_trim_above(struct session *s, size_t keep_bytes);

void session_join_budget(struct session *s);
void session_leave_budget(struct session *s);

/* One to decode a request into, which is in no list yet. NULL: no memory. */
struct slot *session_take_slot(struct session *s);

/* It is in no list any more. */
void session_free_slot(struct session *s, struct slot *slot);

/* Its request is decoded. */
void session_enqueue(struct session *s, struct slot *slot);

/* Its arena has grown. */
void session_recount_slot(struct session *s, struct slot *slot);

/* What the first of the queue, which has one, will hold beside its request: its answer, and what that is made of
 * where it is made elsewhere than on the loop. And what a message of so many bytes will hold when it is unpacked. */
size_t session_answer_bytes(const struct session *s);
size_t session_unpacked_bytes(const struct session *s, size_t len);

/* Something so large waits for a turn, and only one such thing is done in it. */
bool session_is_much(const struct session *s, size_t bytes);

/* Whether a step that may take so much can begin. */
bool session_admits(const struct session *s, size_t bytes);

/* Until the slot is freed. */
void session_reserve(struct session *s, struct slot *slot, size_t bytes);

/* If it waits for something to happen, which may be long: gives back what is reserved for its answer, and memory that
 * its request does not need. */
void session_shrink_waiting(struct session *s, struct slot *slot);

/* The first of the queue, which has one, leaves it. */
struct slot *session_dequeue(struct session *s);

/* What is not submitted yet never will be. */
void session_drop_queue(struct session *s);

/* The engine has it, or has answered it. */
void session_add_submitted(struct session *s, struct slot *slot);
void session_remove_submitted(struct session *s, const struct slot *slot);

/* What the engine has and only looks up, nobody waits for any more. */
void session_cancel_submitted(struct session *s);

/* The answer waits for the disk, or does so no longer. */
void session_add_reply(struct session *s, struct reply *r);
void session_remove_reply(struct session *s, const struct reply *r);

/* Appends an answer as a frame; one that is too long says less. 0; 1: even that would be too long, and the answer is
 * RESOURCE_EXHAUSTED instead; or an error. */
MUST_CHECK int session_encode(const struct session *s, const struct candor_response *r, struct arena *scratch,
			      struct buf *out);

/* What the client calls itself, for history. The name's address stays, for unanswered calls may point to it; and a
 * session with such calls cannot get another identity. */
void session_take_name(struct session *s, const char *client);

#endif
