/* Queries of aggregates in memory, against a bare libuv echo of the same message sizes.
 *
 * The same client sends the same requests, 64 in flight, on a Unix socket. candord decodes each, finds the item,
 * computes its aggregates over 20 reports from the weights of now, and encodes the answer. The echo server only cuts
 * the stream into messages and writes for each the bytes of one answer recorded before, its id patched. It is measured
 * twice: once it gathers what one read brought into one write, once it writes every 2 KiB, as candord does; the faster
 * counts. All are measured in turn, and the ratio is the median over the runs. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "tests/bench/bench.h"
#include "lib/wire/frame.h"
#include "tests/lib/daemon.h"
#include "lib/wire/wire.h"

enum { ITEMS = 10000, LABELERS = 20, IN_FLIGHT = 64, ROWS_A_BATCH = 250, SEND_NOW_BYTES = 2048 };

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

/* The kernel puts two busy ends now on one processor, now on two, and the figures follow that more than anything else. So
 * both are measured: each end on a processor of its own, where waking the other one up counts, and both on one, where
 * nothing counts but the work. */
static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fprintf(stderr, "no processor of its own for each end; the figures will vary more\n");
}

/* ---- the echo server ---- */

struct echo {
	uv_loop_t loop;
	uv_pipe_t listener;
	uint8_t answer[1024]; /* without its length and its id, which comes first */
	size_t answer_len;
	size_t send_now_bytes; /* gathered before a write; SIZE_MAX: all that one read brought */
};

struct echo_peer {
	uv_pipe_t pipe;
	uv_write_t write;
	struct echo *echo;
	struct frame frame;
	struct buf out, writing;
	bool greeted;
	char in[65536];
};

static void on_echo_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct echo_peer *p = handle->data;
	*buf = uv_buf_init(p->in, sizeof p->in);
}

static void send_echo(struct echo_peer *p);

static void on_echo_written(uv_write_t *write, int status)
{
	struct echo_peer *p = write->data;
	if (status)
		_exit(1);
	buf_free(&p->writing);
	send_echo(p);
}

static void send_echo(struct echo_peer *p)
{
	if (p->writing.data || p->out.len == 0)
		return;
	uv_buf_t b = uv_buf_init((char *)p->out.data, (unsigned)p->out.len);
	int sent = uv_try_write((uv_stream_t *)&p->pipe, &b, 1);
	if (sent == (int)p->out.len) {
		p->out.len = 0;
		return;
	}
	if (sent > 0)
		buf_consume(&p->out, (size_t)sent);
	p->writing = p->out;
	p->out = (struct buf){0};
	p->write.data = p;
	b = uv_buf_init((char *)p->writing.data, (unsigned)p->writing.len);
	if (uv_write(&p->write, (uv_stream_t *)&p->pipe, &b, 1, on_echo_written))
		_exit(1);
}

static size_t put_varint(uint64_t x, uint8_t *out)
{
	size_t n = 0;
	for (; x >= 0x80; x >>= 7)
		out[n++] = (uint8_t)(x | 0x80);
	out[n++] = (uint8_t)x;
	return n;
}

static void greet(struct echo_peer *p, uint64_t id)
{
	const struct candor_response r = {
		.id = id, .type = CANDOR_RES_WELCOME, .welcome = {CANDOR_PROTOCOL, "echo", 4 * 1024 * 1024, IN_FLIGHT}};
	struct arena scratch;
	arena_init(&scratch, 1 << 16);
	if (wire_encode_response(&r, &scratch, 1024, &p->out))
		_exit(1);
	arena_free(&scratch);
}

static void on_echo_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct echo_peer *p = stream->data;
	struct view message;
	if (n < 0) {
		uv_close((uv_handle_t *)&p->pipe, NULL); /* what it held goes with the process */
		return;
	}
	if (frame_push(&p->frame, buf->base, (size_t)n))
		_exit(1);
	while (frame_next(&p->frame, &message) == 1) {
		/* The id is the first field of a request: tag 0x08, varint. */
		uint8_t head[32];
		uint64_t id = 0;
		for (size_t i = 1; i < message.len; i++) {
			id |= (uint64_t)(message.data[i] & 0x7f) << (7 * (i - 1));
			if (!(message.data[i] & 0x80))
				break;
		}
		uint8_t tagged[16] = {0x08};
		size_t id_len = 1 + put_varint(id, tagged + 1);
		if (!p->greeted) {
			p->greeted = true;
			greet(p, id);
			continue;
		}
		size_t head_len = frame_head(id_len + p->echo->answer_len, head);
		if (buf_append(&p->out, head, head_len) || buf_append(&p->out, tagged, id_len) ||
		    buf_append(&p->out, p->echo->answer, p->echo->answer_len))
			_exit(1);
		if (p->out.len >= p->echo->send_now_bytes)
			send_echo(p);
	}
	send_echo(p);
}

static void on_echo_connection(uv_stream_t *listener, int status)
{
	struct echo *e = listener->data;
	struct echo_peer *p = calloc(1, sizeof *p);
	if (status || !p || uv_pipe_init(&e->loop, &p->pipe, 0) || uv_accept(listener, (uv_stream_t *)&p->pipe))
		_exit(1);
	p->echo = e;
	p->pipe.data = p;
	frame_init(&p->frame, 4 * 1024 * 1024);
	if (uv_read_start((uv_stream_t *)&p->pipe, on_echo_alloc, on_echo_read))
		_exit(1);
}

static pid_t start_echo(const char *path, const uint8_t *answer, size_t len, size_t send_now_bytes, int cpu)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	pin(cpu);
	struct echo e = {.answer_len = len, .send_now_bytes = send_now_bytes};
	memcpy(e.answer, answer, len);
	if (uv_loop_init(&e.loop) || uv_pipe_init(&e.loop, &e.listener, 0) || uv_pipe_bind(&e.listener, path))
		_exit(1);
	e.listener.data = &e;
	if (uv_listen((uv_stream_t *)&e.listener, 8, on_echo_connection))
		_exit(1);
	uv_run(&e.loop, UV_RUN_DEFAULT);
	_exit(0);
}

/* ---- the client ---- */

struct asker {
	struct candor_client *client;
	char (*names)[40];
	size_t left, answered, total, next;
};

static void ask(struct asker *a);

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct asker *a = arg;
	if (status || r->code || r->n != 1)
		fail("query", status ? candor_strerror(status) : r->message);
	ask(a);
	if (++a->answered == a->total)
		candor_client_close(client, NULL, NULL);
}

static void ask(struct asker *a)
{
	if (a->left == 0)
		return;
	a->left--;
	const char *item = a->names[a->next];
	a->next = (a->next + 7919) % ITEMS;
	const struct candor_request r = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "bench", .n = 1, .items = &item};
	int err = candor_client_send(a->client, &r, on_answer, a);
	if (err)
		fail("send", candor_strerror(err));
}

static double run_queries(const char *address, char (*names)[40], size_t total)
{
	uv_loop_t loop;
	struct asker a = {.names = names, .left = total, .total = total};
	if (uv_loop_init(&loop) || candor_client_new(&a.client, &loop, address, NULL))
		fail("client", address);
	double began = clock_s();
	for (int i = 0; i < IN_FLIGHT; i++)
		ask(&a);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return (double)total / (clock_s() - began);
}

/* ---- set-up ---- */

static void fill(struct candor *c, char (*names)[40])
{
	const struct candor_response *r;
	const struct candor_request create = {.type = CANDOR_REQ_CREATE_POOL, .pool = "bench"};
	if (candor_call(c, &create, &r) || r->code)
		fail("create", "refused");
	char labelers[LABELERS][40];
	struct candor_report rows[ROWS_A_BATCH];
	size_t n = 0;
	for (size_t i = 0; i < LABELERS; i++)
		snprintf(labelers[i], sizeof labelers[i], "labeler-%028zu", i);
	for (size_t i = 0; i < ITEMS * LABELERS; i++) {
		rows[n++] = (struct candor_report){names[i / LABELERS], labelers[i % LABELERS],
						   (double)(i * 7919 % 1000) / 999};
		if (n < ROWS_A_BATCH && i + 1 < ITEMS * LABELERS)
			continue;
		const struct candor_request post = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = rows};
		if (candor_call(c, &post, &r) || r->code || r->n_rejected)
			fail("post", "refused");
		n = 0;
	}
}

/* One answer as candord gave it, without length and id. */
static size_t record_answer(struct candor *c, const char *item, uint8_t *out, size_t size)
{
	const struct candor_request query = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "bench", .n = 1, .items = &item};
	const struct candor_response *r;
	struct arena scratch;
	struct buf bytes = {0};
	if (candor_call(c, &query, &r) || r->code)
		fail("query", "refused");
	struct candor_response copy = *r;
	copy.id = 0; /* protobuf leaves out a zero: what remains is all but the id */
	arena_init(&scratch, 1 << 20);
	if (wire_encode_response(&copy, &scratch, size, &bytes))
		fail("encode", "too large");
	struct frame f;
	struct view message;
	frame_init(&f, size);
	if (frame_push(&f, bytes.data, bytes.len) || frame_next(&f, &message) != 1)
		fail("frame", "not one");
	memcpy(out, message.data, message.len);
	size_t len = message.len;
	frame_free(&f);
	buf_free(&bytes);
	arena_free(&scratch);
	return len;
}

static double run_echo(const struct daemon *d, const uint8_t *answer, size_t len, size_t send_now_bytes, int cpu,
		       char (*names)[40], size_t total)
{
	char path[96], address[112];
	snprintf(path, sizeof path, "%s/echo", d->dir);
	snprintf(address, sizeof address, "unix:%s", path);
	pid_t pid = start_echo(path, answer, len, send_now_bytes, cpu);
	struct candor *c;
	while (candor_open(&c, address, NULL) != 0)
		usleep(1000);
	candor_close(c);
	double rate = run_queries(address, names, total);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	return rate;
}

/* The servers on processor `cpu`, the client on the first. */
static int measure(const char *what, int cpu, char (*names)[40])
{
	struct daemon d;
	uint8_t answer[1024];
	size_t runs = bench_runs(), total = bench_size("BENCH_QUERIES", 500000);
	double echo[50], queries[50], ratio[50];
	daemon_init(&d);
	pin(cpu); /* candord inherits it */
	daemon_start(&d, NULL);
	pin(0);
	struct candor *c = daemon_connect(&d);
	fill(c, names);
	size_t len = record_answer(c, names[0], answer, sizeof answer);
	daemon_disconnect(&d, c);
	for (size_t i = 0; i < runs; i++) {
		double whole = run_echo(&d, answer, len, SIZE_MAX, cpu, names, total);
		double early = run_echo(&d, answer, len, SEND_NOW_BYTES, cpu, names, total);
		echo[i] = whole > early ? whole : early;
		queries[i] = run_queries(d.address, names, total);
		ratio[i] = queries[i] / echo[i];
	}
	int status = daemon_stop(&d);
	daemon_deinit(&d);
	bench_print(what, bench_median(queries, runs), "bare libuv echo", bench_median(echo, runs),
		    bench_median(ratio, runs));
	return status;
}

int main(void)
{
	char(*names)[40] = malloc(ITEMS * sizeof *names);
	for (size_t i = 0; names && i < ITEMS; i++)
		snprintf(names[i], sizeof names[i], "item-%031zu", i);
	int status = measure("queries, each end on its own processor", 1, names);
	status = measure("queries, both ends on one processor", 0, names) || status;
	free(names);
	return status;
}
