/* The asynchronous client: resolve, connect, set up the encrypted channel if there is one, greet; then requests out,
 * answers in. */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/base/wipe.h"
#include "client/calls.h"
#include "lib/wire/frame.h"
#include "client/identity.h"
#include "client/sized.h"
#include "lib/wire/wire.h"

#define SAME(name) ((int)CANDOR_##name == (int)name)
_Static_assert(SAME(ERR_TOO_BIG) && SAME(ERR_MALFORMED) && SAME(ERR_BUDGET) && SAME(ERR_ADDRESS) && SAME(ERR_CLOSED) &&
		       SAME(ERR_PROTOCOL) && SAME(ERR_TLS) && SAME(ERR_NEWER),
	       "candor.h names the library's own errors");
#undef SAME

SIZED_ENDS_WITH(candor_options, fault_size);
SIZED_ENDS_WITH(candor_request, wait_ms);

enum {
	DEFAULT_FRAME_BYTES = 4 * 1024 * 1024,
	DEFAULT_CONNECT_TIMEOUT_MS = 10 * 1000,
	DEFAULT_REQUEST_TIMEOUT_MS = 60 * 1000,
	READ_BYTES = 64 * 1024,
	KEPT_BYTES = 1024 * 1024, /* a larger write buffer is given back once it is empty */
	BUDGET_FACTOR = 16, /* what a message may unpack to, in longest frames, */
	BUDGET_MIN_BYTES = 64 * 1024 * 1024, /* ... and at least */
	FAULT_MAX = 512,
};

struct candor_client {
	uv_loop_t *loop;
	struct address address;
	size_t max_frame_bytes, max_request_bytes; /* the latter also as the daemon limits it */
	uint64_t connect_timeout_ms, request_timeout_ms;

	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} peer;
	uv_idle_t idle; /* active while there is something to write or to report, so that the loop does not sleep */
	uv_timer_t timer;
	uv_getaddrinfo_t lookup;
	uv_connect_t connect;
	uv_write_t write;
	struct addrinfo *found, *untried;
	int connect_err; /* of the last address tried */

	int pending_ends; /* handles and a lookup that libuv has not finished with */
	bool peer_open; /* initialised and not being closed */
	bool looking_up, connected, greeting, greeted, writing, sending_hello, write_failed, closing;
	int status; /* negative once the connection has failed */
	bool overdue;
	uint64_t progress_ms; /* when the newest answer came, or the first request it waits for was sent */

	struct tls_context *tls_context; /* NULL: not a TLS address */
	struct tls *tls; /* once the stream is connected */
	struct buf plain, owed; /* decrypted; to be sent by the channel itself */
	char fault[FAULT_MAX];

	struct frame in;
	struct buf hello; /* sent first and alone; it may contain a token, and is wiped afterwards */
	bool has_token; /* requests wait until it is accepted: otherwise all would have to be repeated */
	struct buf out, sending; /* being gathered; being written by libuv */
	struct arena arena, scratch;
	struct calls calls;
	uint64_t last_id;

	char principal[CANDOR_NAME_MAX + 1]; /* the client's principal, as the daemon says */
	char *farewell; /* why the daemon ends the conversation, as it says */
	enum candor_code farewell_code;
	uint32_t farewell_retry_ms;

	candor_on_close *on_close;
	void *on_close_arg;
	char read_buffer[READ_BYTES];
};

/* Not uv_now(): it does not advance during a callback, and is outdated before the loop runs. */
static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void wipe_and_free(struct buf *b)
{
	if (b->data)
		wipe(b->data, b->cap);
	buf_free(b);
}

/* ---- the end: all calls get an answer, and memory is freed when libuv has closed every handle ---- */

static void answer_all(struct candor_client *c, int status)
{
	struct calls all = c->calls;
	c->calls = (struct calls){0};
	c->greeting = false;
	struct candor_response last = {.code = c->farewell_code, .message = c->farewell, .next = ""};
	/* After the greeting there is no time to retry: never on this connection. */
	last.retry_after_ms = c->greeted ? 0 : c->farewell_retry_ms;
	for (size_t i = 0; i < all.cap; i++) {
		const struct call *call = &all.slots[i];
		if (call->id == 0)
			continue;
		last.id = call->id;
		if (c->farewell)
			call->on_response(c, 0, &last, call->arg);
		else
			call->on_response(c, status, NULL, call->arg);
	}
	calls_free(&all);
}

static void finish_if_over(struct candor_client *c)
{
	if (!c->closing || c->pending_ends > 0)
		return;
	answer_all(c, c->status ? c->status : UV_ECANCELED);
	candor_on_close *on_close = c->on_close;
	void *arg = c->on_close_arg;
	uv_freeaddrinfo(c->found);
	tls_free(c->tls);
	tls_context_free(c->tls_context);
	buf_free(&c->plain);
	buf_free(&c->owed);
	frame_free(&c->in);
	wipe_and_free(&c->hello);
	buf_free(&c->out);
	wipe_and_free(&c->sending);
	arena_free(&c->arena);
	arena_free(&c->scratch);
	calls_free(&c->calls);
	free(c->farewell);
	free(c);
	if (on_close)
		on_close(arg);
}

static void on_closed(uv_handle_t *handle)
{
	struct candor_client *c = handle->data;
	c->pending_ends--;
	finish_if_over(c);
}

static void connect_next(struct candor_client *c);

static void on_peer_closed(uv_handle_t *handle)
{
	struct candor_client *c = handle->data;
	c->pending_ends--;
	if (c->closing)
		finish_if_over(c);
	else if (!c->status)
		connect_next(c);
}

/* The channel's closing message or alert, as far as it can be written at once. */
static void send_closing(struct candor_client *c)
{
	if (c->writing || tls_end(c->tls, &c->owed))
		return;
	uv_buf_t bytes = {.base = (char *)c->owed.data, .len = c->owed.len};
	if (bytes.len > 0)
		(void)uv_try_write(&c->peer.stream, &bytes, 1);
}

static void close_peer(struct candor_client *c)
{
	if (!c->peer_open)
		return;
	c->peer_open = false;
	if (c->tls)
		send_closing(c);
	uv_close(&c->peer.handle, on_peer_closed);
}

static void cancel_lookup(struct candor_client *c)
{
	if (c->looking_up)
		uv_cancel((uv_req_t *)&c->lookup);
}

static void on_idle(uv_idle_t *idle);

static void fail(struct candor_client *c, int status)
{
	if (c->status || c->closing)
		return;
	c->status = status;
	uv_timer_stop(&c->timer);
	cancel_lookup(c);
	close_peer(c);
	uv_idle_start(&c->idle, on_idle);
}

/* ---- timeouts ---- */

static void on_timer(uv_timer_t *timer)
{
	struct candor_client *c = timer->data;
	if (!c->connected) {
		fail(c, UV_ETIMEDOUT);
		return;
	}
	if (c->calls.n == 0)
		return;
	uint64_t now = now_ms(), due = c->progress_ms + c->request_timeout_ms;
	if (now < due) {
		uv_timer_start(timer, on_timer, due - now, 0);
	} else if (!c->overdue) {
		/* If the loop itself was blocked, answers are waiting in the socket and are read before this runs
		 * again. */
		c->overdue = true;
		uv_timer_start(timer, on_timer, 1, 0);
	} else {
		fail(c, UV_ETIMEDOUT);
	}
}

static void progress(struct candor_client *c)
{
	c->progress_ms = now_ms();
	c->overdue = false;
}

static void watch(struct candor_client *c)
{
	if (c->connected && !uv_is_active((uv_handle_t *)&c->timer))
		uv_timer_start(&c->timer, on_timer, c->request_timeout_ms, 0);
}

/* ---- writing: everything sent during one turn of the loop goes out in one write ---- */

static void flush(struct candor_client *c);

static void on_write(uv_write_t *write, int status)
{
	struct candor_client *c = write->data;
	c->writing = false;
	c->sending.len = 0;
	if (c->sending_hello)
		wipe_and_free(&c->sending);
	c->sending_hello = false;
	if (c->sending.cap > KEPT_BYTES)
		buf_free(&c->sending);
	/* The daemon may have said why it closed: the reader will find that, and then the end. */
	if (status < 0)
		c->write_failed = true;
	flush(c);
}

static bool may_ask(const struct candor_client *c)
{
	return c->connected && (c->greeted || !c->has_token);
}

/* Moves what is to be written next to c->sending, encrypted if there is a channel. */
static int gather(struct candor_client *c)
{
	if (!c->tls && c->hello.len > 0) {
		buf_free(&c->sending);
		c->sending = c->hello;
		c->hello = (struct buf){0};
		c->sending_hello = true;
		return 0;
	}
	if (!c->tls) {
		struct buf empty = c->sending;
		c->sending = c->out;
		c->out = empty;
		return 0;
	}
	int err = buf_append(&c->sending, c->owed.data, c->owed.len);
	c->owed.len = 0;
	if (err == 0 && c->connected && c->hello.len > 0) {
		err = tls_send(c->tls, c->hello.data, c->hello.len, &c->sending);
		wipe_and_free(&c->hello);
	}
	if (err == 0 && may_ask(c) && c->out.len > 0) {
		err = tls_send(c->tls, c->out.data, c->out.len, &c->sending);
		c->out.len = 0;
		if (c->out.cap > KEPT_BYTES)
			buf_free(&c->out);
	}
	return err;
}

static void flush(struct candor_client *c)
{
	bool some = (c->connected && c->hello.len > 0) || (may_ask(c) && c->out.len > 0) || c->owed.len > 0;
	if (c->writing || !some || c->write_failed || !c->peer_open)
		return;
	int err = gather(c);
	uv_buf_t bytes = {.base = (char *)c->sending.data, .len = c->sending.len};
	if (err == 0)
		err = uv_write(&c->write, &c->peer.stream, &bytes, 1, on_write);
	if (err)
		fail(c, err);
	else
		c->writing = true;
}

static void on_idle(uv_idle_t *idle)
{
	struct candor_client *c = idle->data;
	uv_idle_stop(idle);
	if (c->status)
		answer_all(c, c->status);
	else
		flush(c);
}

/* ---- reading ---- */

static int take_farewell(struct candor_client *c, const struct candor_response *response)
{
	if (response->code == CANDOR_OK)
		return ERR_PROTOCOL;
	c->farewell_code = response->code;
	c->farewell_retry_ms = response->retry_after_ms;
	c->farewell = strdup(response->message);
	return ERR_CLOSED;
}

static int on_message(struct candor_client *c, const struct view *message)
{
	struct candor_response response;
	struct call call;
	arena_reset(&c->arena);
	int err = wire_decode_response(&c->arena, message->data, message->len, &response);
	if (err)
		return err;
	if (response.id == 0)
		return take_farewell(c, &response);
	if (!calls_take(&c->calls, response.id, &call))
		return ERR_PROTOCOL;
	progress(c);
	bool asked = response.code != CANDOR_OK || response.type == call.expected;
	if (asked)
		call.on_response(c, 0, &response, call.arg);
	else
		call.on_response(c, ERR_PROTOCOL, NULL, call.arg);
	return asked ? 0 : ERR_PROTOCOL;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct candor_client *c = handle->data;
	(void)suggested;
	*buf = uv_buf_init(c->read_buffer, sizeof c->read_buffer);
}

static int take_plain(struct candor_client *c, const void *bytes, size_t n)
{
	int err = frame_push(&c->in, bytes, n);
	while (err == 0 && !c->status && !c->closing) {
		struct view message;
		err = frame_next(&c->in, &message);
		if (err == 0)
			break;
		if (err > 0)
			err = on_message(c, &message);
	}
	return err;
}

static void begin(struct candor_client *c);

static int take_cipher(struct candor_client *c, const void *bytes, size_t n)
{
	c->plain.len = 0;
	int err = tls_receive(c->tls, bytes, n, &c->plain, &c->owed);
	if (err == ERR_TLS)
		snprintf(c->fault, sizeof c->fault, "%s", tls_fault(c->tls));
	if (!c->connected && tls_is_ready(c->tls))
		begin(c);
	int taken = c->plain.len > 0 ? take_plain(c, c->plain.data, c->plain.len) : 0;
	if (c->status || c->closing)
		return 0;
	if (taken == 0 && err == 0)
		flush(c);
	return taken ? taken : err;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct candor_client *c = stream->data;
	if (n == 0)
		return;
	if (n < 0) {
		fail(c, n == UV_EOF ? ERR_CLOSED : (int)n);
		return;
	}
	int err = c->tls ? take_cipher(c, buf->base, (size_t)n) : take_plain(c, buf->base, (size_t)n);
	if (err)
		fail(c, err);
}

/* ---- connecting ---- */

static void on_welcome(struct candor_client *c, int status, const struct candor_response *response, void *arg)
{
	(void)arg;
	c->greeting = false;
	if (status || c->status)
		return;
	if (response->code != CANDOR_OK) {
		fail(c, take_farewell(c, response));
	} else if (response->welcome.protocol != CANDOR_PROTOCOL) {
		fail(c, ERR_PROTOCOL);
	} else {
		c->greeted = true;
		snprintf(c->principal, sizeof c->principal, "%s", response->welcome.principal);
		if (response->welcome.max_frame_bytes > 0 && response->welcome.max_frame_bytes < c->max_request_bytes)
			c->max_request_bytes = (size_t)response->welcome.max_frame_bytes;
		flush(c);
	}
}

/* Requests can be sent from now on. */
static void begin(struct candor_client *c)
{
	c->connected = true;
	uv_timer_stop(&c->timer);
	progress(c);
	watch(c);
	flush(c);
}

/* Begins the channel's handshake. */
static void begin_channel(struct candor_client *c)
{
	int err = tls_new(&c->tls, c->tls_context, c->address.host);
	if (err == 0)
		err = take_cipher(c, NULL, 0);
	if (err)
		fail(c, err);
}

static void on_connect(uv_connect_t *connect, int status)
{
	struct candor_client *c = connect->data;
	if (c->status || c->closing)
		return;
	if (status == 0)
		status = uv_read_start(&c->peer.stream, on_alloc, on_read);
	if (status < 0) {
		c->connect_err = status;
		close_peer(c);
		return;
	}
	/* Requests are gathered here already; Nagle's algorithm would only delay them. */
	if (!c->address.is_unix)
		uv_tcp_nodelay(&c->peer.tcp, 1);
	if (c->tls_context)
		begin_channel(c);
	else
		begin(c);
}

/* Tries the next address. on_connect() gets the result; if it failed, on_peer_closed() tries the next one. */
static void connect_next(struct candor_client *c)
{
	if (!c->untried) {
		fail(c, c->connect_err);
		return;
	}
	const struct addrinfo *a = c->untried;
	c->untried = a->ai_next;
	uv_tcp_init(c->loop, &c->peer.tcp);
	c->peer.handle.data = c;
	c->peer_open = true;
	c->pending_ends++;
	c->connect_err = uv_tcp_connect(&c->connect, &c->peer.tcp, a->ai_addr, on_connect);
	if (c->connect_err)
		close_peer(c);
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct candor_client *c = lookup->data;
	c->pending_ends--;
	c->looking_up = false;
	c->found = c->untried = found;
	if (c->closing)
		finish_if_over(c);
	else if (status < 0)
		fail(c, status);
	else if (!c->status)
		connect_next(c);
}

static void start(struct candor_client *c)
{
	uv_timer_start(&c->timer, on_timer, c->connect_timeout_ms, 0);
	if (c->address.is_unix) {
		uv_pipe_init(c->loop, &c->peer.pipe, 0);
		c->peer.handle.data = c;
		c->peer_open = true;
		c->pending_ends++;
		uv_pipe_connect(&c->connect, &c->peer.pipe, c->address.path, on_connect);
		return;
	}
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char port[8];
	snprintf(port, sizeof port, "%u", (unsigned)c->address.port);
	int err = uv_getaddrinfo(c->loop, &c->lookup, on_lookup, c->address.host, port, &hints);
	if (err) {
		fail(c, err);
		return;
	}
	c->looking_up = true;
	c->pending_ends++;
}

/* ---- what candor_async.h says ---- */

int candor_client_send_sized(struct candor_client *c, const struct candor_request *request, size_t request_size,
			     candor_on_response *on_response, void *arg)
{
	struct candor_request r;
	int err = sized_read(&r, sizeof r, request, request_size);
	if (err)
		return err;
	if (c->closing)
		return UV_ECANCELED;
	r.id = c->last_id + 1;
	size_t before = c->out.len;
	arena_reset(&c->scratch);
	err = wire_encode_request(&r, &c->scratch, c->max_request_bytes, &c->out);
	struct call call = {.id = r.id, .on_response = on_response, .arg = arg, .expected = wire_answer_of(r.type)};
	if (!err)
		err = calls_put(&c->calls, &call);
	if (err || c->status)
		c->out.len = before;
	if (err)
		return err;
	c->last_id = r.id;
	if (c->calls.n == 1)
		progress(c);
	watch(c);
	if (c->connected || c->status)
		uv_idle_start(&c->idle, on_idle);
	return 0;
}

static int greet(struct candor_client *c, const struct candor_options *o)
{
	struct candor_request hello = {
		.type = CANDOR_REQ_HELLO,
		.protocol = CANDOR_PROTOCOL,
		.client = o->name ? o->name : "libcandor/" CANDOR_VERSION,
		.token = o->token,
	};
	c->greeting = true;
	int err = candor_client_send(c, &hello, on_welcome, NULL);
	c->hello = c->out;
	c->out = (struct buf){0};
	return err;
}

int candor_client_new_sized(struct candor_client **out, uv_loop_t *loop, const char *address,
			    const struct candor_options *options, size_t options_size)
{
	struct candor_options o = {0};
	struct address parsed;
	const char *why;
	int err = options ? sized_read(&o, sizeof o, options, options_size) : 0;
	if (err == 0)
		err = address_parse(address, &parsed, &why);
	if (err)
		return err;
	if (o.max_frame_bytes > INT32_MAX)
		return UV_EINVAL;
	struct candor_client *c = malloc(sizeof *c);
	if (!c)
		return UV_ENOMEM;
	*c = (struct candor_client){
		.loop = loop,
		.address = parsed,
		.max_frame_bytes = o.max_frame_bytes ? o.max_frame_bytes : DEFAULT_FRAME_BYTES,
		.connect_timeout_ms = o.connect_timeout_ms ? o.connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS,
		.request_timeout_ms = o.request_timeout_ms ? o.request_timeout_ms : DEFAULT_REQUEST_TIMEOUT_MS,
		.has_token = o.token && o.token[0],
	};
	c->max_request_bytes = c->max_frame_bytes;
	c->lookup.data = c->connect.data = c->write.data = c->idle.data = c->timer.data = c;
	frame_init(&c->in, c->max_frame_bytes);
	arena_init(&c->arena, candor_client_budget(c));
	arena_init(&c->scratch, candor_client_budget(c));
	err = greet(c, &o);
	if (err) {
		wipe_and_free(&c->hello);
		arena_free(&c->scratch);
		calls_free(&c->calls);
		free(c);
		return err;
	}
	uv_idle_init(loop, &c->idle);
	uv_timer_init(loop, &c->timer);
	c->pending_ends = 2;
	if (parsed.is_tls)
		err = identity_load(&o, &c->tls_context, c->fault, sizeof c->fault);
	if (err)
		fail(c, err);
	else
		start(c);
	*out = c;
	return 0;
}

const char *candor_client_fault(const struct candor_client *c)
{
	return c->fault;
}

const char *candor_client_principal(const struct candor_client *c)
{
	return c->principal;
}

const char *candor_version(void)
{
	return CANDOR_VERSION;
}

size_t candor_client_in_flight(const struct candor_client *c)
{
	return c->calls.n - c->greeting;
}

size_t candor_client_unsent_bytes(const struct candor_client *c)
{
	return c->hello.len + c->out.len + (c->writing ? uv_stream_get_write_queue_size(&c->peer.stream) : 0);
}

void candor_client_close(struct candor_client *c, candor_on_close *on_close, void *arg)
{
	require(!c->closing);
	c->closing = true;
	c->on_close = on_close;
	c->on_close_arg = arg;
	cancel_lookup(c);
	close_peer(c);
	uv_close((uv_handle_t *)&c->idle, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

/* ---- what client.h says ---- */

int candor_client_greeted(const struct candor_client *c)
{
	if (c->status)
		return c->farewell ? 1 : c->status;
	return c->greeted;
}

size_t candor_client_max_request_bytes(const struct candor_client *c)
{
	return c->max_request_bytes;
}

void candor_client_swap_arena(struct candor_client *c, struct arena *mine)
{
	struct arena theirs = c->arena;
	c->arena = *mine;
	*mine = theirs;
}

size_t candor_client_budget(const struct candor_client *c)
{
	size_t budget = BUDGET_FACTOR * c->max_frame_bytes;
	return budget > BUDGET_MIN_BYTES ? budget : BUDGET_MIN_BYTES;
}
