/* conn.h - one connection: moves bytes between a stream and its session, and knows nothing of what they mean.
 *
 * A TLS channel (tls.h), where there is one, stands between the two: the session gets plain bytes only, and none
 * before the peer is known.
 *
 * The collection of connections (conns.h) owns it. Closing is asynchronous: conn_close(), then ops->closed(), and
 * then the memory may be freed. The loop's thread only. */
#ifndef CANDOR_CONN_H
#define CANDOR_CONN_H

#include <uv.h>

#include "daemon/net/admission.h"
#include "daemon/net/refusals.h"
#include "daemon/net/loop_turn.h"
#include "daemon/net/session.h"
#include "daemon/net/turns.h"
#include "lib/crypto/tls.h"

struct conn;

struct conn_limits {
	uint64_t idle_ms; /* without a byte in either direction and with nothing unanswered; 0: no limit */
	uint64_t frame_ms; /* from the first byte of a frame to its last, while it is awaited; also for a peer to take
			      bytes, and for its handshake */
};

/* What a connection tells its owner. */
struct conn_ops {
	/* It wants a conn_flush() before the loop sleeps. */
	void (*dirty)(void *owner, struct conn *c);
	/* Its peer is somebody else than was known before. */
	void (*identified)(void *owner, struct conn *c);
	/* It is closed, and libuv has no pointer to it any more. */
	void (*closed)(void *owner, struct conn *c);
};

/* What all connections share; it outlives them. */
struct conn_shared {
	struct engine *engine;
	const struct admission *admission;
	struct session_limits session_limits;
	struct conn_limits limits;
	struct turns turns;
	/* Handshakes under way, which hold much memory, and connections whose peers have sent their first bytes but
	 * must wait for one to end: the bytes stay in the kernel. */
	size_t handshakes, handshakes_max;
	struct loop_turn loop_turn;
	struct turn_queue knocking;
	struct refusals refused;
	uint64_t now_ms; /* time as it counts for the limits: only that in which peers were looked at; from 1 */
	/* Scratch, each used within one call only. */
	char *read_buffer;
	size_t read_bytes;
	struct buf plain, cipher; /* what was decrypted, and what was encrypted */
	const struct conn_ops *ops;
	void *owner;
};

/* A connection only moves forward through these. */
enum conn_state {
	CONN_OPEN,
	CONN_ENDING, /* input is ignored; only the channel still has output */
	CONN_LINGERING, /* everything is sent; input is discarded until the peer closes too */
	CONN_CLOSING,
};

struct conn {
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct conn_shared *shared;
	struct conn *before, *after; /* for the owner's lists */
	uint64_t *count; /* likewise: of the listener's connections */
	struct conn *next_dirty;
	bool dirty;
	struct place place; /* likewise */
	bool was_stranger; /* at the last look; and the token that it had presented */
	uint64_t token;

	enum conn_state state;
	bool reading;
	bool peer_ended; /* the stream has no more input */
	bool introduced; /* the session knows whom the certificate names */
	struct session *session; /* NULL: closing */
	struct turn turn;
	struct tls_context *context; /* of a channel that has not begun; NULL: it has, or the connection is plain */
	struct tls *tls; /* NULL: plain, or not begun */
	bool shaking; /* counted among the handshakes under way */
	struct buf owed; /* the channel's own output: handshake, alerts, the end */
	uint64_t began_ms; /* the handshake; like all times here, by shared->now_ms */
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct buf writing; /* on its way; its data NULL: nothing is */
	uint64_t last_active_ms;
	uint64_t frame_since_ms; /* when the frame that is awaited began; 0: none */
	uint64_t frames_before; /* complete frames taken before it */
	uint64_t write_since_ms; /* when the write on its way last moved */
	size_t write_left;
	uint64_t linger_since_ms;
	uint64_t refused_ms; /* when it was refused; 0: it was not */
};

/* The stream is accepted and c->shared set. peer: for the session, unless a certificate names the peer. is_http:
 * it speaks HTTP. context: of the channel; NULL: there is none. 0 or an error, and then the caller closes. */
MUST_CHECK int conn_start(struct conn *c, const struct identity *peer, bool is_http, struct tls_context *context);

/* Sends output, and reads or pauses as the session wants it. */
void conn_flush(struct conn *c);

/* Sends the reason why the connection is not served, and ends it; silently without a finished handshake. */
void conn_refuse(struct conn *c, enum candor_code code, const char *sentence);

/* What took too long and ends the connection at once, or NULL. To be called from time to time. */
const char *conn_overdue(struct conn *c);

/* Memory that it holds beyond what it takes when it does nothing. */
size_t conn_held_bytes(const struct conn *c);

/* For how long its peer has taken nothing of what is on its way to it; 0: nothing is. */
uint64_t conn_stuck_ms(struct conn *c);

/* Every request is answered, and every answer is sent. */
bool conn_is_done(const struct conn *c);

bool conn_is_closing(const struct conn *c);

void conn_close(struct conn *c);

/* For tests and for builds that check: NULL, or what about it does not fit together. */
const char *conn_check(const struct conn *c);

#endif
