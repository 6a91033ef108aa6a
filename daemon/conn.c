#include "conn.h"

#include <stdlib.h>

#include "frame.h"
#include "log.h"

enum { LINGER_MS = 2000 };

static void on_wake(void *owner)
{
	struct conn *c = owner;
	server_mark_dirty(c->server, c);
}

static void on_written(uv_write_t *write, int status)
{
	struct conn *c = write->data;
	buf_free(&c->writing);
	if (c->closing)
		return;
	if (status) {
		conn_close(c);
		return;
	}
	c->last_active_ms = uv_now(c->stream.loop);
	session_sent(c->session, 0);
	server_mark_dirty(c->server, c);
}

/* What the stream has it cannot give up again. Of what it does not take at once it gets a part, which ends with a
 * message: where memory is short the rest can be dropped, and a last word still be said. */
static bool take_piece(struct buf *out, size_t sent, struct buf *piece)
{
	enum { LEAST_BYTES = 16 * 1024 };
	size_t want = sent + (out->len / 4 > LEAST_BYTES ? out->len / 4 : LEAST_BYTES), end = 0;
	while (end < out->len && end < want)
		end += frame_span(out->data + end, out->len - end);
	if (buf_append(piece, out->data + sent, end - sent))
		return false;
	buf_consume(out, end);
	if (out->len == 0)
		buf_free(out);
	return true;
}

/* Hands the session's output to the stream: at once as far as it goes, the rest when the peer takes it. */
static void send_output(struct conn *c)
{
	struct buf *out = session_output(c->session);
	if (c->writing.data || out->len == 0)
		return;
	uv_buf_t all = uv_buf_init((char *)out->data, (unsigned)out->len);
	int sent = uv_try_write(&c->stream, &all, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		conn_close(c);
		return;
	}
	if (sent > 0) {
		c->last_active_ms = uv_now(c->stream.loop);
		if ((size_t)sent == out->len) {
			out->len = 0;
			/* With room again it takes what it held back, and nothing else may be due that would tell it.
			 */
			if (session_is_full(c->session)) {
				session_sent(c->session, 0);
				server_mark_dirty(c->server, c);
			}
			return;
		}
	}
	if (!take_piece(out, sent > 0 ? (size_t)sent : 0, &c->writing)) {
		conn_close(c);
		return;
	}
	c->write.data = c;
	c->write_since_ms = uv_now(c->stream.loop);
	c->write_left = c->writing.len;
	uv_buf_t rest = uv_buf_init((char *)c->writing.data, (unsigned)c->writing.len);
	int err = uv_write(&c->write, &c->stream, &rest, 1, on_written);
	if (err) {
		buf_free(&c->writing);
		conn_close(c);
		return;
	}
	session_sent(c->session, c->writing.cap);
}

static void on_send_now(void *owner)
{
	struct conn *c = owner;
	if (!c->closing)
		send_output(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct conn *c = handle->data;
	*buf = server_read_buffer(c->server);
}

static void watch_frame(struct conn *c)
{
	uint64_t frames = session_frames(c->session);
	if (!session_awaits_rest(c->session)) {
		c->frame_since_ms = 0;
	} else if (c->frame_since_ms == 0 || c->frames_before != frames) {
		/* Only a whole frame gives the next one its time anew: bytes may trickle in for ever. */
		c->frame_since_ms = uv_now(c->stream.loop);
		c->frames_before = frames;
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;
	if (n == 0)
		return;
	if (n < 0) {
		conn_close(c);
		return;
	}
	if (c->lingering)
		return;
	c->last_active_ms = uv_now(stream->loop);
	if (session_push(c->session, buf->base, (size_t)n)) {
		log_warning("no memory for a connection's bytes; closing it");
		conn_close(c);
		return;
	}
	if (c->closing)
		return;
	server_mark_dirty(c->server, c);
	/* libuv would read on, as long as there is something. */
	if (session_is_full(c->session)) {
		uv_read_stop(stream);
		c->reading = false;
	}
}

int conn_start(struct conn *c, struct engine *engine, const struct session_limits *limits, const char *peer)
{
	static const struct session_ops ops = {.wake = on_wake, .send_now = on_send_now};
	c->last_active_ms = uv_now(c->stream.loop);
	int err = session_new(&c->session, engine, limits, peer, &ops, c);
	if (err)
		return err;
	c->reading = true;
	return uv_read_start(&c->stream, on_alloc, on_read);
}

/* Closing at once, with bytes of the peer unread, would make the kernel reset the connection, and the peer might never
 * see the last word. So this side ends, and waits a little for the other to do so. */
static void linger(struct conn *c)
{
	c->lingering = true;
	c->linger_since_ms = uv_now(c->stream.loop);
	if (uv_shutdown(&c->shutdown, &c->stream, NULL) != 0 ||
	    (!c->reading && uv_read_start(&c->stream, on_alloc, on_read) != 0))
		conn_close(c);
	c->reading = true;
}

void conn_refuse(struct conn *c, enum candor_code code, const char *sentence)
{
	session_refuse(c->session, code, sentence);
	c->refused_ms = uv_now(c->stream.loop);
	server_mark_dirty(c->server, c);
}

void conn_flush(struct conn *c)
{
	if (c->closing)
		return;
	send_output(c);
	if (c->closing)
		return;
	if (c->lingering)
		return;
	if (session_is_over(c->session) && session_output(c->session)->len == 0 && !c->writing.data) {
		linger(c);
		return;
	}
	bool read = !session_is_full(c->session);
	if (read && !c->reading)
		read = uv_read_start(&c->stream, on_alloc, on_read) == 0;
	else if (!read && c->reading)
		uv_read_stop(&c->stream);
	c->reading = read;
	if (session_wants_turn(c->session))
		server_wait_turn(c->server, c);
	watch_frame(c);
}

const char *conn_overdue(struct conn *c, const struct conn_limits *limits, uint64_t now_ms)
{
	size_t left = uv_stream_get_write_queue_size(&c->stream);
	if (left != c->write_left)
		c->write_since_ms = now_ms;
	c->write_left = left;

	if (c->lingering)
		return now_ms - c->linger_since_ms > LINGER_MS ? "the peer did not end the connection" : NULL;
	if (limits->frame_ms && c->frame_since_ms && now_ms - c->frame_since_ms > limits->frame_ms)
		return "a frame was begun and not finished";
	if (limits->frame_ms && c->writing.data && now_ms - c->write_since_ms > limits->frame_ms)
		return "answers were not taken";
	if (limits->idle_ms && session_is_quiet(c->session) && !session_wants_turn(c->session) && !c->writing.data &&
	    now_ms - c->last_active_ms > limits->idle_ms)
		return "the connection was idle";
	return NULL;
}

bool conn_is_done(const struct conn *c)
{
	return session_is_quiet(c->session) && session_output(c->session)->len == 0 && !c->writing.data;
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	/* libuv has called on_written before. */
	require(!c->writing.data);
	server_conn_closed(c->server, c);
}

void conn_close(struct conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	server_end_wait(c);
	if (c->session)
		session_end(c->session);
	c->session = NULL;
	uv_close((uv_handle_t *)&c->stream, on_closed);
}
