/* test_client_fake.h - a daemon that answers as a test tells it to, on a Unix socket in a temporary directory.
 * On the test's own loop or in a thread with its own. One connection at a time. */
#ifndef CANDOR_TEST_CLIENT_FAKE_H
#define CANDOR_TEST_CLIENT_FAKE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "lib/wire/frame.h"
#include "lib/wire/wire.h"
#include "tests/lib/files.h"

struct fake;

enum { FAKE_FRAME_BYTES = 1 << 26 };

/* A request has come. NULL: everything is answered by fake_answer(). */
typedef void fake_on_request(struct fake *f, const struct candor_request *request);

struct fake {
	uv_loop_t *loop;
	uv_pipe_t server, peer;
	uv_async_t stop;
	uv_thread_t thread;
	bool connected, accepts;
	bool closing, waiting; /* the last connection is still being closed; the next one waits for that */
	char dir[64], address[96];
	struct frame in;
	struct arena arena, scratch;
	fake_on_request *on_request;
	uint64_t kept[64]; /* ids that a test wants to answer later */
	size_t n_kept, requests, reads;
	char bytes[65536];
};

struct fake_write {
	uv_write_t write;
	struct buf bytes;
};

static inline void fake_on_written(uv_write_t *write, int status)
{
	(void)status;
	struct fake_write *w = write->data;
	buf_free(&w->bytes);
	free(w);
}

static inline void fake_write_raw(struct fake *f, const void *bytes, size_t len)
{
	struct fake_write *w = calloc(1, sizeof *w);
	assert_non_null(w);
	assert_int_equal(buf_append(&w->bytes, bytes, len), 0);
	w->write.data = w;
	uv_buf_t b = {.base = (char *)w->bytes.data, .len = len};
	assert_int_equal(uv_write(&w->write, (uv_stream_t *)&f->peer, &b, 1, fake_on_written), 0);
}

static inline void fake_respond(struct fake *f, const struct candor_response *response)
{
	struct buf out = {0};
	assert_int_equal(wire_encode_response(response, &f->scratch, 1 << 26, &out), 0);
	arena_reset(&f->scratch);
	fake_write_raw(f, out.data, out.len);
	buf_free(&out);
}

static inline void fake_on_closed(uv_handle_t *peer);

static inline void fake_hang_up(struct fake *f)
{
	if (f->connected)
		uv_close((uv_handle_t *)&f->peer, fake_on_closed);
	f->closing = f->closing || f->connected;
	f->connected = false;
}

static inline void fake_welcome(struct fake *f, uint64_t id)
{
	struct candor_response welcome = {.id = id, .type = CANDOR_RES_WELCOME, .message = ""};
	welcome.welcome = (struct candor_welcome){
		.protocol = 1, .server = "fake/1", .max_frame_bytes = 1 << 22, .principal = "uid:1000"};
	fake_respond(f, &welcome);
}

/* An answer of the fitting kind; a batch's `accepted` is the number of its rows, info's `reports` the request's id. */
static inline void fake_answer(struct fake *f, const struct candor_request *request)
{
	struct candor_response r = {.id = request->id, .message = "", .next = ""};
	switch (request->type) {
	case CANDOR_REQ_HELLO: fake_welcome(f, request->id); return;
	case CANDOR_REQ_INFO:
		r.type = CANDOR_RES_INFO;
		r.info = (struct candor_info){.version = "1", .reason = "", .reports = request->id};
		break;
	case CANDOR_REQ_GET_POOL:
		r.type = CANDOR_RES_POOL;
		r.pool = (struct candor_pool){.name = request->pool};
		break;
	default: r.type = wire_answer_of(request->type); r.batch.accepted = r.type == CANDOR_RES_BATCH ? request->n : 0;
	}
	fake_respond(f, &r);
}

static inline void fake_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct fake *f = handle->data;
	*buf = uv_buf_init(f->bytes, sizeof f->bytes);
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct fake *f = stream->data;
	struct view message;
	if (n < 0)
		fake_hang_up(f);
	if (n <= 0)
		return;
	f->reads++;
	assert_int_equal(frame_push(&f->in, buf->base, (size_t)n), 0);
	while (f->connected && frame_next(&f->in, &message) == 1) {
		struct wire_request request;
		assert_int_equal(wire_decode_request(&f->arena, message.data, message.len, &request), 0);
		f->requests++;
		if (f->on_request)
			f->on_request(f, &request.request);
		else
			fake_answer(f, &request.request);
		arena_reset(&f->arena);
	}
}

static inline void fake_accept(struct fake *f)
{
	uv_pipe_init(f->loop, &f->peer, 0);
	f->peer.data = f;
	assert_int_equal(uv_accept((uv_stream_t *)&f->server, (uv_stream_t *)&f->peer), 0);
	f->connected = true;
	/* Not what the connection before it left unread. */
	frame_free(&f->in);
	frame_init(&f->in, FAKE_FRAME_BYTES);
	uv_read_start((uv_stream_t *)&f->peer, fake_on_alloc, fake_on_read);
}

static inline void fake_on_closed(uv_handle_t *peer)
{
	struct fake *f = peer->data;
	f->closing = false;
	if (f->waiting && !uv_is_closing((uv_handle_t *)&f->server))
		fake_accept(f);
	f->waiting = false;
}

/* Who connects anew has left the last connection, whether that was seen or not. */
static inline void fake_on_connection(uv_stream_t *server, int status)
{
	struct fake *f = server->data;
	assert_int_equal(status, 0);
	if (!f->accepts)
		return;
	fake_hang_up(f);
	f->waiting = f->closing;
	if (!f->waiting)
		fake_accept(f);
}

static inline void fake_start(struct fake *f, uv_loop_t *loop, fake_on_request *on_request)
{
	*f = (struct fake){.loop = loop, .on_request = on_request, .accepts = true};
	frame_init(&f->in, FAKE_FRAME_BYTES);
	arena_init(&f->arena, 1 << 28);
	arena_init(&f->scratch, 1 << 28);
	files_new_dir(f->dir, sizeof f->dir);
	snprintf(f->address, sizeof f->address, "unix:%s/s", f->dir);
	uv_pipe_init(loop, &f->server, 0);
	f->server.data = f;
	assert_int_equal(uv_pipe_bind(&f->server, f->address + 5), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&f->server, 8, fake_on_connection), 0);
}

static inline void fake_free(struct fake *f)
{
	frame_free(&f->in);
	arena_free(&f->arena);
	arena_free(&f->scratch);
	unlink(f->address + 5);
	rmdir(f->dir);
}

/* Ends it; the loop must still be run until nothing is left. */
static inline void fake_stop(struct fake *f)
{
	fake_hang_up(f);
	uv_close((uv_handle_t *)&f->server, NULL);
}

/* ---- in a thread ---- */

static inline void fake_on_stop(uv_async_t *stop)
{
	fake_stop(stop->data);
	uv_close((uv_handle_t *)stop, NULL);
}

static inline void fake_run(void *arg)
{
	struct fake *f = arg;
	uv_run(f->loop, UV_RUN_DEFAULT);
}

static inline void fake_start_thread(struct fake *f, uv_loop_t *loop, fake_on_request *on_request)
{
	assert_int_equal(uv_loop_init(loop), 0);
	fake_start(f, loop, on_request);
	uv_async_init(loop, &f->stop, fake_on_stop);
	f->stop.data = f;
	assert_int_equal(uv_thread_create(&f->thread, fake_run, f), 0);
}

static inline void fake_stop_thread(struct fake *f)
{
	uv_async_send(&f->stop);
	uv_thread_join(&f->thread);
	assert_int_equal(uv_loop_close(f->loop), 0);
	fake_free(f);
}

#endif
