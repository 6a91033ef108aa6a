/* session.h - one peer's protocol: bytes in, bytes out, with no I/O and no clock in it.
 *
 * Cuts frames, decodes requests, submits them to the engine in order, and holds each answer back until what it
 * depends on is on disk. A peer that breaks the protocol still gets the answers to what it asked for before, and then
 * the error. Stops taking requests while too much is unanswered or unsent, and goes on at half. Does only so much at
 * a time that others need not wait for long: for the rest it wants another turn.
 *
 * Where the peer speaks HTTP, a door (daemon/http/door.h) stands at both ends: it makes frames of what comes in, and
 * HTTP of the answers.
 *
 * Lives on the heap and by itself: the connection lets go of it with session_end(), and it is freed when the
 * engine has answered the last of its calls. */
#ifndef CANDOR_SESSION_H
#define CANDOR_SESSION_H

#include "daemon/engine/engine.h"
#include "daemon/http/door.h"
#include "lib/base/buf.h"

struct session;

/* The memory budget of all sessions of a daemon: what they hold and may hold, and a piece of it at hand. All zero but
 * the limits: there are none. It outlives its sessions.
 *
 * Each step that takes memory (a request is unpacked, or submitted) begins only where it fits. What it may take in
 * the end is reserved until it is counted, so the sum holds at every moment, and not once a turn of the loop.
 * Beside the limit there must be room for one request that is unpacked and for its answer that is encoded: these
 * are counted when they are done, and only one is done at a time. */
struct session_budget {
	size_t used_bytes, limit_bytes;
	size_t reserved_bytes; /* for answers that are being made */
	size_t base_bytes; /* of used_bytes, what sessions take that do nothing, */
	size_t base_limit_bytes; /* and may take before further ones are refused; 0: as much as the limit */
	uint64_t sessions;
	uint64_t work; /* that was done for sessions so far, in small requests */
	struct session *first;
	struct slot *spare;
};

void session_budget_free(struct session_budget *b);

/* RAISED: a session with more than an even share takes nothing new, and no memory is kept for later. HIGH: what is
 * left is for the sessions that exist already. CRITICAL: those that hold the most must be let go. NULL: NONE. */
enum pressure session_budget_pressure(const struct session_budget *b);

/* There is room for another session. */
bool session_budget_takes_one(const struct session_budget *b);

/* What is done for one peer before others have their turn, in small requests: some hundred microseconds. */
enum { SESSION_TURN = 128 };

struct session_limits {
	size_t max_frame_bytes;
	size_t max_unpacked_bytes; /* memory that one request may take */
	uint32_t max_in_flight; /* requests unanswered */
	size_t max_unsent_bytes; /* answers that the peer does not take */
	size_t base_bytes; /* that the connection itself takes at first, for the account */
	struct session_budget *budget; /* NULL: memory is not counted */
	const struct door_ops *door_ops; /* NULL: HTTP has no pages but those of requests */
};

struct session_ops {
	/* There is output to send, or the session takes input again, or it is over (see below). Never from within
	 * session_push() or session_sent(). */
	void (*wake)(void *owner);
	/* There is enough output to be worth sending while requests are still being taken, so that the peer can work
	 * on it meanwhile. May be called from within session_push(). */
	void (*send_now)(void *owner);
};

/* limits and ops outlive the session, which may outlive its connection. peer: the identity that the transport knows;
 * copied. 0 or -ENOMEM. */
MUST_CHECK int session_new(struct session **out, struct engine *engine, const struct session_limits *limits,
			   const struct identity *peer, const struct session_ops *ops, void *owner);

/* The peer speaks HTTP. Before the first bytes. 0 or -ENOMEM. */
MUST_CHECK int session_open_door(struct session *s, bool is_encrypted);
bool session_has_door(const struct session *s);

/* For an identity that is known only after session_new(); before the first bytes. */
void session_set_peer(struct session *s, const struct identity *peer);

/* Who the peer is by now. */
const struct identity *session_identity(const struct session *s);

/* The memory that the connection itself takes has changed. */
void session_set_base(struct session *s, size_t bytes);

/* Bytes from the peer. at_once: how much of a turn it may have now; for more it wants another. 0 or -ENOMEM. */
MUST_CHECK int session_push(struct session *s, const void *bytes, size_t len, unsigned at_once);

/* The bytes to send. The caller may take the buffer away and leave an empty one, and reports how much is still unsent
 * elsewhere. */
struct buf *session_output(struct session *s);
void session_sent(struct session *s, size_t still_unsent);

/* The size of the first messages of the output that have at least `want` bytes together, or of all. */
size_t session_span(const struct session *s, size_t want);

/* It takes more bytes now. It does not while others have their turn, nor while too much is unanswered or unsent: from
 * when that is above a limit until it is down to half. */
bool session_wants_bytes(const struct session *s);

/* A frame is incomplete, and the session waits for the peer to send the rest. */
bool session_awaits_rest(const struct session *s);

/* Complete frames taken so far: while it stays the same, the frame that is awaited is the same one. */
uint64_t session_frames(const struct session *s);

/* Nothing is unanswered. */
bool session_is_quiet(const struct session *s);

/* Nothing more will be said: the peer broke the protocol or has nothing more to ask, and all answers, and the final
 * error where there is one, are in the output. Close when that is sent. */
bool session_is_over(const struct session *s);

/* There are requests to be taken, but others come first: it has had its turn, or it must wait. */
bool session_wants_turn(const struct session *s);

/* Another turn would do nothing before the engine's pressure falls. */
bool session_must_wait(const struct session *s);

/* What it has next may take much memory, and goes when it is its turn and there is room, one such thing a turn; or
 * the budget is used up. What is small, and whatever the daemon's own user asks, waits for nothing else. */
bool session_awaits_room(const struct session *s);

/* It is something large; and there is room. */
bool session_awaits_much(const struct session *s);
bool session_has_room(const struct session *s);

/* How much all may hold when what it has next, something large, begins. */
size_t session_leaves(const struct session *s);

/* Its next turn. */
void session_resume(struct session *s);

/* Memory held, the base included; also counted in the budget. */
size_t session_bytes(const struct session *s);

/* Of it, what it holds when it does nothing, and the beginning of a frame whose rest the peer must send. */
size_t session_idle_bytes(const struct session *s);
size_t session_part_bytes(const struct session *s);

/* Frees buffers that nothing needs just now. */
void session_trim(struct session *s);

/* The peer will send nothing more, or (in_time false) is not waited for. What it has sent in full is done and
 * answered; then the session is over, with a final error where a frame is not complete. */
void session_finish(struct session *s, bool in_time);

/* Sends the reason why the peer is not served; the session is over, and drops everything but what the engine works
 * on. Its output must begin at the start of a message. With HTTP nothing is said if an answer has begun, or is not
 * sent. */
void session_refuse(struct session *s, enum candor_code code, const char *sentence);

/* No further request is taken, not even one that has been received; answers still come. */
void session_stop(struct session *s);

/* The connection is gone. */
void session_end(struct session *s);

/* For tests and for builds that check: NULL, or what about it does not fit together: lists and counts, bytes and
 * accounts. */
const char *session_check(const struct session *s);
const char *session_budget_check(const struct session_budget *b);

#endif
