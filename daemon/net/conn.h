/* conn.h - one connection: moves bytes between a stream and its session, and knows nothing of what they mean.
 *
 * Where it has a channel (tls.h) that stands between the two: the session has nothing but plain bytes, and none before
 * the peer is known.
 *
 * Owned by the server, on whose list it stands. Closing is asynchronous: conn_close(), then ops.closed, and the memory
 * is gone. */
#ifndef CANDOR_CONN_H
#define CANDOR_CONN_H

#include <uv.h>

#include "daemon/net/session.h"
#include "lib/crypto/tls.h"

struct conn_limits {
	uint64_t idle_ms; /* without a byte in either direction and nothing unanswered; 0: no limit */
	uint64_t frame_ms; /* from the first byte of a frame to its last, while it is awaited; also for a peer to take
			      bytes */
};

struct conn_queue {
	struct conn *first, *last;
};

struct conn {
	union {
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct server *server;
	struct conn *before, *after; /* on the server's list */
	struct conn *next_dirty; /* to be flushed before the loop sleeps */
	struct conn_queue *queue; /* in which it waits for a turn; NULL: in none */
	struct conn *next_waiting, *before_waiting;
	bool dirty, closing, reading;
	bool lingering; /* all is said; what still comes is thrown away until the peer ends too */
	struct session *session;
	struct tls *tls; /* NULL: plain */
	struct buf owed; /* what the channel itself has to say: its handshake, alerts, the end */
	bool introduced, broken, ended; /* who the peer is has been told; the channel is no more; its end was told */
	uint64_t began_ms; /* the handshake */
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct buf writing; /* on its way; its data NULL: nothing is */
	uint64_t last_active_ms; /* loop time */
	uint64_t frame_since_ms; /* when the frame that is awaited began; 0: none */
	uint64_t frames_before; /* whole ones taken before it */
	uint64_t write_since_ms; /* when the write on its way last moved */
	size_t write_left;
	uint64_t linger_since_ms;
	uint64_t refused_ms; /* when it was told that it is not served; 0: it was not */
};

/* The stream is accepted and c->server set. peer: for the session, unless a certificate says better. context: of the
 * channel, NULL: there is none. 0 or an error, and then the caller closes. */
MUST_CHECK int conn_start(struct conn *c, struct engine *engine, const struct session_limits *limits,
			  const struct identity *peer, struct tls_context *context);

/* Sends what is there, and reads or pauses as the session would have it. */
void conn_flush(struct conn *c);

/* Says why the connection is not served, and ends it; where the peer does not finish its handshake, without a word. */
void conn_refuse(struct conn *c, enum candor_code code, const char *sentence);

/* What took too long, or NULL. To be asked now and then. */
const char *conn_overdue(struct conn *c, const struct conn_limits *limits, uint64_t now_ms);

/* All that was asked is answered and sent. */
bool conn_is_done(const struct conn *c);

void conn_close(struct conn *c);

/* ---- what the server gives ---- */

/* Space to read into, the same for all: what is read is consumed before the next read. */
uv_buf_t server_read_buffer(struct server *s);

/* Likewise, for what is decrypted and encrypted; whoever uses one begins it anew. */
struct buf *server_plain_buffer(struct server *s);
struct buf *server_cipher_buffer(struct server *s);

void server_mark_dirty(struct server *s, struct conn *c);
void server_wait_turn(struct server *s, struct conn *c);
void server_end_wait(struct conn *c);
void server_conn_closed(struct server *s, struct conn *c);

#endif
