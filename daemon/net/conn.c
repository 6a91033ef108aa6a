#include "daemon/net/conn.h"

#include "daemon/net/peer.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"

enum {
	HURRY_MS = 1000, /* for a handshake that others wait for */
	RESERVED_BYTES = 128 * 1024,
	LINGER_MS = 2000, /* also the time for a refused peer to finish its handshake */
	LEAST_BYTES = 4 * 1024, /* given to the stream at a time, if there are that many */
	OWED_MAX = 16 * 1024, /* of the channel's own output: above it the peer must read some before it is read */
};

static uint64_t now_ms(const struct conn *c)
{
	return c->shared->now_ms;
}

static void move_to(struct conn *c, enum conn_state state)
{
	require(state > c->state);
	c->state = state;
}

static void mark_dirty(struct conn *c)
{
	c->shared->ops->dirty(c->shared->owner, c);
}

static void on_wake(void *owner)
{
	mark_dirty(owner);
}

static void on_written(uv_write_t *write, int status)
{
	struct conn *c = write->data;
	buf_free(&c->writing);
	if (conn_is_closing(c))
		return;
	if (status) {
		conn_close(c);
		return;
	}
	c->last_active_ms = now_ms(c);
	session_sent(c->session, c->owed.cap);
	mark_dirty(c);
}

static size_t share(const struct buf *out)
{
	return out->len / 4 > LEAST_BYTES ? out->len / 4 : LEAST_BYTES;
}

/* All of a buffer, but for what is sent already: *skip bytes of the piece. Copied only where it would hold much more
 * memory than it needs. */
static bool take_all(struct buf *from, size_t sent, struct buf *piece, size_t *skip)
{
	*skip = 0;
	if (from->cap / 2 > from->len - sent) {
		if (buf_append(piece, from->data + sent, from->len - sent))
			return false;
		buf_free(from);
		return true;
	}
	*piece = *from;
	*from = (struct buf){0};
	*skip = sent;
	return true;
}

/* The stream cannot give back what it has. Of what it does not take at once it gets a part that ends with a message:
 * where memory is short, the rest can be dropped and a final error still be sent. *skip: bytes of it that are sent. */
static bool take_piece(const struct conn *c, size_t sent, struct buf *piece, size_t *skip)
{
	struct buf *out = session_output(c->session);
	size_t end = session_span(c->session, sent + share(out));
	if (end == out->len)
		return take_all(out, sent, piece, skip);
	if (buf_append(piece, out->data + sent, end - sent))
		return false;
	buf_consume(out, end);
	*skip = 0;
	return true;
}

/* Sends c->writing, but for its beginning, as fast as the peer reads it. */
static void start_write(struct conn *c, size_t skip)
{
	c->write.data = c;
	c->write_since_ms = now_ms(c);
	c->write_left = c->writing.len - skip;
	uv_buf_t rest = uv_buf_init((char *)c->writing.data + skip, (unsigned)c->write_left);
	int err = uv_write(&c->write, &c->stream, &rest, 1, on_written);
	if (err) {
		buf_free(&c->writing);
		conn_close(c);
		return;
	}
	session_sent(c->session, c->writing.cap + c->owed.cap);
}

/* How many of the bytes the stream takes at once; negative: the connection is being closed. */
static ssize_t try_write(struct conn *c, const struct buf *bytes)
{
	uv_buf_t all = uv_buf_init((char *)bytes->data, (unsigned)bytes->len);
	int sent = uv_try_write(&c->stream, &all, 1);
	if (sent < 0 && sent != UV_EAGAIN) {
		conn_close(c);
		return -1;
	}
	if (sent > 0)
		c->last_active_ms = now_ms(c);
	return sent > 0 ? sent : 0;
}

/* The session may now take what it held back, or its door make the next piece of an answer, and perhaps no other event
 * will tell it. */
static void all_is_sent(struct conn *c)
{
	if (session_has_door(c->session) || !session_wants_bytes(c->session)) {
		session_sent(c->session, 0);
		mark_dirty(c);
	}
}

/* Hands the session's output to the stream: as much as it takes at once, the rest when the peer reads it. */
static void send_plain(struct conn *c)
{
	struct buf *out = session_output(c->session);
	if (out->len == 0)
		return;
	ssize_t sent = try_write(c, out);
	if (sent < 0)
		return;
	if ((size_t)sent == out->len) {
		out->len = 0;
		all_is_sent(c);
		return;
	}
	size_t skip;
	if (take_piece(c, (size_t)sent, &c->writing, &skip))
		start_write(c, skip);
	else
		conn_close(c);
}

/* The next bytes for the peer: the channel's own output, or else some of the session's messages, which cannot be taken
 * back once they are encrypted. False: there are none, or the connection is being closed. */
static bool next_cipher(struct conn *c, struct buf *cipher)
{
	struct buf *out = session_output(c->session);
	int err = 0;
	cipher->len = 0;
	if (c->owed.len > 0) {
		err = buf_append(cipher, c->owed.data, c->owed.len);
		buf_free(&c->owed);
	} else if (out->len > 0 && tls_is_ready(c->tls) && c->state < CONN_ENDING) {
		size_t n = session_span(c->session, share(out));
		err = tls_send(c->tls, out->data, n, cipher);
		buf_consume(out, n);
	}
	if (err) {
		conn_close(c);
		return false;
	}
	return cipher->len > 0;
}

static void send_cipher(struct conn *c)
{
	struct buf *cipher = &c->shared->cipher;
	bool some = false;
	while (next_cipher(c, cipher)) {
		ssize_t sent = try_write(c, cipher);
		if (sent < 0)
			return;
		some = true;
		if ((size_t)sent == cipher->len)
			continue;
		size_t skip;
		if (take_all(cipher, (size_t)sent, &c->writing, &skip))
			start_write(c, skip);
		else
			conn_close(c);
		return;
	}
	if (some && !conn_is_closing(c))
		all_is_sent(c);
}

static void send_output(struct conn *c)
{
	if (c->writing.data || c->state >= CONN_LINGERING)
		return;
	if (c->tls)
		send_cipher(c);
	else if (!c->context)
		send_plain(c);
}

static void on_send_now(void *owner)
{
	struct conn *c = owner;
	if (!conn_is_closing(c))
		send_output(c);
}

/* Input must be kept until the session takes it: where memory is short, less is read at a time. Nor is much where many
 * are connected: all who have sent something are read in one turn of the loop. */
static size_t read_size(const struct conn_shared *shared)
{
	enum { LEAST_READ_BYTES = 2048, FEW_SESSIONS = 64, READ_BYTES_OF_MANY = 8 * 1024 };
	const struct session_budget *b = shared->session_limits.budget;
	if (b->sessions > FEW_SESSIONS && b->limit_bytes / 2 > b->used_bytes + 16 * READ_BYTES_OF_MANY)
		return READ_BYTES_OF_MANY;
	size_t half = b->limit_bytes / 2, free_bytes = half > b->used_bytes ? half - b->used_bytes : 0;
	size_t size = free_bytes / 16 > shared->read_bytes ? shared->read_bytes : free_bytes / 16;
	return size > LEAST_READ_BYTES ? size : LEAST_READ_BYTES;
}

/* ---- handshakes ---- */

/* Nothing can be said to the peer yet, or any more. */
static bool is_mute(const struct conn *c)
{
	return c->context || (c->tls && !tls_is_ready(c->tls));
}

static void begin_shaking(struct conn *c)
{
	c->shaking = true;
	c->shared->handshakes++;
	c->began_ms = now_ms(c);
}

static struct conn *conn_of_turn(struct turn *t)
{
	return (struct conn *)((char *)t - offsetof(struct conn, turn));
}

static void end_shaking(struct conn *c)
{
	struct conn_shared *shared = c->shared;
	if (!c->shaking)
		return;
	c->shaking = false;
	shared->handshakes--;
	if (!shared->knocking.first || shared->handshakes >= shared->handshakes_max)
		return;
	struct conn *next = conn_of_turn(shared->knocking.first);
	turns_leave(&next->turn);
	begin_shaking(next);
	mark_dirty(next);
}

/* The peer has sent its first bytes. False: they must wait. */
static bool may_shake(struct conn *c)
{
	struct conn_shared *shared = c->shared;
	if (!c->context || c->shaking || c->state >= CONN_ENDING)
		return true;
	if (shared->handshakes >= shared->handshakes_max || shared->knocking.first) {
		turns_append(&shared->knocking, &c->turn);
		return false;
	}
	begin_shaking(c);
	return true;
}

/* ---- reading ---- */

/* The memory for connections is used up, and before more is read some must be freed: the bytes stay in the kernel. The
 * owner's few connections have a little of their own. */
static bool may_read(const struct conn *c)
{
	if (session_budget_pressure(c->shared->session_limits.budget) < PRESSURE_CRITICAL || c->state >= CONN_ENDING ||
	    session_is_over(c->session))
		return true;
	return admission_is_reserved(c->shared->admission, &c->place) && session_bytes(c->session) < RESERVED_BYTES;
}

/* Its holder has had its part of this turn of the loop: the bytes stay in the kernel until it is this one's turn. */
static bool may_go_on(struct conn *c)
{
	struct holder_work *work = admission_work(&c->place);
	if (!work || c->state >= CONN_ENDING || loop_turn_part(&c->shared->loop_turn, work, true) > 0)
		return true;
	if (!c->turn.queue)
		turns_append(&c->shared->turns.ready, &c->turn);
	return false;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct conn *c = handle->data;
	bool reads = may_read(c) && may_go_on(c) && may_shake(c);
	*buf = uv_buf_init(c->shared->read_buffer, reads ? (unsigned)read_size(c->shared) : 0);
}

static bool awaits_rest(const struct conn *c)
{
	return session_awaits_rest(c->session) || (c->tls && c->reading && tls_awaits_rest(c->tls));
}

static void watch_frame(struct conn *c)
{
	uint64_t frames = session_frames(c->session);
	/* What has come is not looked at yet. */
	bool waits = c->frames_before == frames && session_wants_turn(c->session);
	if (!awaits_rest(c)) {
		c->frame_since_ms = waits ? c->frame_since_ms : 0;
	} else if (c->frame_since_ms == 0 || c->frames_before != frames) {
		/* Only a complete frame restarts the clock: bytes may trickle in forever. */
		c->frame_since_ms = now_ms(c);
		c->frames_before = frames;
	}
}

static void push(struct conn *c, const void *bytes, size_t n)
{
	enum { FEW_SESSIONS = 64, BYTES_A_UNIT = 1024 /* that are read */ };
	struct session_budget *budget = c->shared->session_limits.budget;
	struct holder_work *work = admission_work(&c->place);
	unsigned most = work ? loop_turn_part(&c->shared->loop_turn, work, budget->sessions <= FEW_SESSIONS) : 0;
	uint64_t before = budget->work;
	budget->work += 1 + n / BYTES_A_UNIT;
	int err = session_push(c->session, bytes, n, most);
	if (work)
		work->done += budget->work - before;
	if (err) {
		log_warning("closing a connection: out of memory for its input");
		conn_close(c);
	}
}

static size_t own_bytes(const struct conn *c)
{
	return heap_bytes(sizeof *c) + (c->tls ? tls_bytes(c->tls) : 0);
}

/* A peer with a certificate that we trust is whom it names. */
static void introduce(struct conn *c)
{
	struct identity identity;
	c->introduced = true;
	const char *subject = tls_subject(c->tls);
	if (subject[0] && peer_from_certificate(subject, &identity))
		session_set_peer(c->session, &identity);
}

/* The channel is broken: its alert is sent, and then the connection ends. */
static void break_off(struct conn *c)
{
	log_debug("closing a connection: TLS: %s", tls_fault(c->tls));
	c->shared->refused.n[NET_REFUSED_TLS]++;
	move_to(c, CONN_ENDING);
	mark_dirty(c);
}

/* The peer sends nothing more, and may still read: what it asked for is answered. */
static void end_input(struct conn *c)
{
	session_finish(c->session, true);
	mark_dirty(c);
}

/* 0, or the connection is being closed. */
static int begin_channel(struct conn *c)
{
	int err = tls_new(&c->tls, c->context, NULL);
	if (err) {
		log_warning("closing a connection: out of memory for its TLS channel");
		conn_close(c);
		return err;
	}
	if (session_has_door(c->session))
		tls_speak(c->tls, "http/1.1");
	tls_context_free(c->context);
	c->context = NULL;
	return 0;
}

static void take_cipher(struct conn *c, const void *bytes, size_t n)
{
	struct buf *plain = &c->shared->plain;
	plain->len = 0;
	int err = tls_receive(c->tls, bytes, n, plain, &c->owed);
	bool known = plain->len > 0 || tls_is_ready(c->tls);
	if (known && !c->introduced)
		introduce(c);
	if (known || err)
		end_shaking(c);
	if (err == -ENOMEM) {
		log_warning("closing a connection: out of memory for its TLS channel");
		conn_close(c);
		return;
	}
	if (plain->len > 0 && !session_is_over(c->session))
		push(c, plain->data, plain->len);
	if (conn_is_closing(c))
		return;
	session_set_base(c->session, own_bytes(c));
	if (err == ERR_CLOSED && tls_is_ready(c->tls))
		end_input(c);
	else if (err == ERR_CLOSED)
		conn_close(c);
	else if (err)
		break_off(c);
}

static bool wants_bytes(const struct conn *c)
{
	if (c->state >= CONN_ENDING)
		return false;
	/* Until its turn, or, while it knocks, until somebody else's handshake has ended. */
	if (c->owed.len > OWED_MAX || c->turn.queue)
		return false;
	return is_mute(c) || session_wants_bytes(c->session);
}

/* The stream has no more input, which may be the peer's intention, or is broken. */
static void on_end(struct conn *c, bool broken)
{
	enum { END_WORK = 16 }; /* what a connection holds is freed, by the kernel too */
	struct holder_work *work = admission_work(&c->place);
	bool deaf = is_mute(c);
	if (work)
		work->done += END_WORK;
	c->reading = false;
	c->peer_ended = true;
	if (broken || deaf || c->state >= CONN_ENDING) {
		conn_close(c);
		return;
	}
	end_input(c);
	/* At once, where nothing is left to be said: others may wait for its place. */
	if (session_is_over(c->session) && session_output(c->session)->len == 0 && !c->writing.data)
		conn_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *c = stream->data;
	if (n == 0)
		return;
	if (n == UV_ENOBUFS) {
		/* Until the next conn_flush(). */
		uv_read_stop(stream);
		c->reading = false;
		mark_dirty(c);
		return;
	}
	if (n < 0) {
		on_end(c, n != UV_EOF);
		return;
	}
	if (c->state >= CONN_ENDING)
		return;
	c->last_active_ms = now_ms(c);
	if (c->context && begin_channel(c))
		return;
	if (c->tls)
		take_cipher(c, buf->base, (size_t)n);
	else
		push(c, buf->base, (size_t)n);
	if (conn_is_closing(c))
		return;
	mark_dirty(c);
	/* libuv would go on reading as long as there is input. */
	if (!wants_bytes(c)) {
		uv_read_stop(stream);
		c->reading = false;
	}
}

int conn_start(struct conn *c, const struct identity *peer, bool is_http, struct tls_context *context)
{
	static const struct session_ops ops = {.wake = on_wake, .send_now = on_send_now};
	const struct conn_shared *shared = c->shared;
	c->last_active_ms = c->began_ms = now_ms(c);
	c->context = context ? tls_context_keep(context) : NULL;
	int err = session_new(&c->session, shared->engine, &shared->session_limits, peer, &ops, c);
	if (!err && is_http)
		err = session_open_door(c->session, context);
	if (err)
		return err;
	c->turn.session = c->session;
	c->was_stranger = identity_is_stranger(peer);
	session_set_base(c->session, own_bytes(c));
	c->reading = true;
	return uv_read_start(&c->stream, on_alloc, on_read);
}

/* ---- the end ---- */

/* Tells the peer that the connection ends on purpose, as far as the stream takes it. */
static void say_end(struct conn *c)
{
	if (c->state >= CONN_ENDING)
		return;
	move_to(c, CONN_ENDING);
	if (tls_end(c->tls, &c->owed) == 0)
		send_output(c);
}

/* Closing at once, with input unread, would make the kernel reset the connection, and the peer might never see the
 * final error. So this side shuts down and waits a little for the other to do the same. */
static void linger(struct conn *c)
{
	if (c->peer_ended) {
		conn_close(c);
		return;
	}
	move_to(c, CONN_LINGERING);
	c->linger_since_ms = now_ms(c);
	if (uv_shutdown(&c->shutdown, &c->stream, NULL) != 0 ||
	    (!c->reading && uv_read_start(&c->stream, on_alloc, on_read) != 0))
		conn_close(c);
	c->reading = true;
}

void conn_refuse(struct conn *c, enum candor_code code, const char *sentence)
{
	session_refuse(c->session, code, sentence);
	c->refused_ms = now_ms(c);
	mark_dirty(c);
}

/* Sessions find out who their peers are whenever they get to it. */
static void look_who_it_is(struct conn *c)
{
	const struct identity *who = session_identity(c->session);
	bool stranger = identity_is_stranger(who);
	if (stranger == c->was_stranger && who->token == c->token)
		return;
	c->was_stranger = stranger;
	c->token = who->token;
	c->shared->ops->identified(c->shared->owner, c);
}

void conn_flush(struct conn *c)
{
	if (!conn_is_closing(c))
		look_who_it_is(c);
	if (conn_is_closing(c))
		return;
	send_output(c);
	if (c->state >= CONN_LINGERING)
		return;
	bool all_said =
		c->state == CONN_ENDING || (session_is_over(c->session) && session_output(c->session)->len == 0);
	if (all_said && !c->writing.data && c->tls)
		say_end(c);
	if (conn_is_closing(c))
		return;
	if (all_said && !c->writing.data) {
		linger(c);
		return;
	}
	bool read = wants_bytes(c);
	if (read && !c->reading)
		read = uv_read_start(&c->stream, on_alloc, on_read) == 0;
	else if (!read && c->reading)
		uv_read_stop(&c->stream);
	c->reading = read;
	if (session_wants_turn(c->session))
		turns_wait(&c->shared->turns, &c->turn);
	watch_frame(c);
}

static void look_at_write(struct conn *c)
{
	size_t left = uv_stream_get_write_queue_size(&c->stream);
	if (left != c->write_left)
		c->write_since_ms = now_ms(c);
	c->write_left = left;
}

size_t conn_held_bytes(const struct conn *c)
{
	size_t handshake = c->shaking && c->tls ? tls_bytes(c->tls) : 0;
	return session_bytes(c->session) - session_idle_bytes(c->session) + handshake;
}

uint64_t conn_stuck_ms(struct conn *c)
{
	look_at_write(c);
	return c->writing.data ? now_ms(c) - c->write_since_ms : 0;
}

/* What took too long on the peer's side, or NULL. */
static const char *find_overdue(struct conn *c, uint64_t now)
{
	const struct conn_limits *limits = &c->shared->limits;
	look_at_write(c);
	if (c->state == CONN_LINGERING)
		return now - c->linger_since_ms > LINGER_MS ? "the peer did not close its side" : NULL;
	bool shaking = is_mute(c);
	if (shaking && c->refused_ms && now - c->refused_ms > LINGER_MS)
		return "it was refused and did not finish its TLS handshake";
	if (c->shaking && c->shared->knocking.first && now - c->began_ms > HURRY_MS)
		return "its TLS handshake takes long, and others wait for one";
	if (shaking && limits->frame_ms && now - c->began_ms > limits->frame_ms)
		return "TLS handshake timed out";
	if (limits->frame_ms && c->frame_since_ms && now - c->frame_since_ms > limits->frame_ms && awaits_rest(c)) {
		log_debug("closing a connection: incomplete frame timed out");
		c->shared->refused.n[NET_REFUSED_TIMEOUT]++;
		session_finish(c->session, false);
		c->frame_since_ms = 0;
		mark_dirty(c);
	}
	if (limits->frame_ms && c->writing.data && now - c->write_since_ms > limits->frame_ms)
		return "the peer does not read its answers";
	/* Over HTTP each request says anew who asks, and one that takes long was looked at above. */
	uint64_t since_ms = session_has_door(c->session) ? c->last_active_ms : c->began_ms;
	if (limits->frame_ms && identity_is_stranger(session_identity(c->session)) && now - since_ms > limits->frame_ms)
		return "the peer did not say who it is";
	return NULL;
}

const char *conn_overdue(struct conn *c)
{
	const struct conn_limits *limits = &c->shared->limits;
	uint64_t now = now_ms(c);
	const char *why = find_overdue(c, now);
	if (why && c->state != CONN_LINGERING)
		c->shared->refused.n[NET_REFUSED_TIMEOUT]++;
	if (why)
		return why;
	if (limits->idle_ms && session_is_quiet(c->session) && !session_wants_turn(c->session) && !c->writing.data &&
	    now - c->last_active_ms > limits->idle_ms)
		return "idle timeout";
	return NULL;
}

bool conn_is_done(const struct conn *c)
{
	return session_is_quiet(c->session) &&
	       (is_mute(c) || (session_output(c->session)->len == 0 && !c->writing.data));
}

static void on_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;
	/* libuv has called on_written() before. */
	require(!c->writing.data);
	tls_free(c->tls);
	tls_context_free(c->context);
	buf_free(&c->owed);
	c->shared->ops->closed(c->shared->owner, c);
}

/* Sends as much of the channel's end as the stream takes at once; there will be no other time. */
static void say_last(struct conn *c)
{
	if (c->state < CONN_ENDING && tls_end(c->tls, &c->owed))
		return;
	uv_buf_t last = uv_buf_init((char *)c->owed.data, (unsigned)c->owed.len);
	if (last.len > 0)
		(void)uv_try_write(&c->stream, &last, 1);
}

void conn_close(struct conn *c)
{
	if (conn_is_closing(c))
		return;
	if (c->tls && c->session && !c->writing.data && c->state < CONN_LINGERING)
		say_last(c);
	move_to(c, CONN_CLOSING);
	turns_leave(&c->turn);
	end_shaking(c);
	if (c->session)
		session_end(c->session);
	c->session = NULL;
	uv_close((uv_handle_t *)&c->stream, on_closed);
}

bool conn_is_closing(const struct conn *c)
{
	return c->state == CONN_CLOSING;
}

const char *conn_check(const struct conn *c)
{
	if (c->state == CONN_CLOSING)
		return c->session || c->turn.queue ? "a connection that closes has kept its session or its turn" : NULL;
	if (c->state == CONN_LINGERING && c->writing.data)
		return "a connection lingers with bytes unsent";
	if (c->turn.session != c->session)
		return "a connection waits for the turn of another session";
	if (c->owed.len > 0 && !c->tls)
		return "a connection without a channel owes its handshake";
	return c->session ? session_check(c->session) : NULL;
}
