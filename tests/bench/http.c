/* The HTTP door against the socket, against a bare libuv echo, and against the clock.
 *
 * Durable reports: the same million rows (36-byte names, 10,000 items) as protobuf batches of 256, 64 in flight on one
 * connection; as JSON batches of 256, one in flight on each of 64 connections, since a connection's requests are done in
 * turn; and as the lines of one NDJSON request. All bytes are made beforehand. Then GET of an item with 20 reports, one in
 * flight on each of 64 connections, against an echo server that writes one recorded answer for each request. Ratios are
 * medians over the runs, each of which measures all in turn. Last, /metrics with 1,000 pools: how long it takes, and the
 * longest turn of the daemon's loop since its start. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "lib/wire/wire.h"
#include "tests/bench/bench.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"

enum { ITEMS = 10000, BATCH = 256, CONNECTIONS = 64, LABELERS = 20, METRICS_POOLS = 1000, ANSWER_MAX = 64 * 1024 };

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "http: %s: %s\n", what, why);
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		fprintf(stderr, "no processor of its own for each end; the figures will vary more\n");
}

static void let_loose(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof set, &set);
}

/* ---- what is sent ---- */

/* Requests one behind the other. */
struct script {
	struct buf bytes;
	size_t *ends, n, cap;
};

static void add(struct script *s, const void *bytes, size_t len)
{
	if (buf_append(&s->bytes, bytes, len))
		fail("requests", "no memory");
}

static void add_text(struct script *s, const char *text)
{
	add(s, text, strlen(text));
}

static void end_request(struct script *s)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1024;
		s->ends = realloc(s->ends, s->cap * sizeof *s->ends);
		if (!s->ends)
			fail("requests", "no memory");
	}
	s->ends[s->n++] = s->bytes.len;
}

static void script_free(struct script *s)
{
	buf_free(&s->bytes);
	free(s->ends);
	*s = (struct script){0};
}

struct row {
	char item[40], labeler[40];
	double value;
};

static struct row row_of(size_t i, size_t each)
{
	struct row r = {.value = (double)(i * 7919 % 100000) / 100000};
	snprintf(r.item, sizeof r.item, "item-%031zu", i / each);
	snprintf(r.labeler, sizeof r.labeler, "labeler-%028zu", i % each);
	return r;
}

static void add_post(struct script *s, const char *type, const struct buf *body)
{
	char head[256];
	snprintf(
		head, sizeof head,
		"POST /v1/pools/bench/reports HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
		type, body->len);
	add_text(s, head);
	add(s, body->data, body->len);
	end_request(s);
}

/* The rows as JSON objects, with `between` them. */
static void write_rows(struct buf *body, size_t from, size_t to, size_t each, const char *between)
{
	for (size_t i = from; i < to; i++) {
		char text[160];
		struct row r = row_of(i, each);
		int n = snprintf(text, sizeof text, "%s{\"item\":\"%s\",\"labeler\":\"%s\",\"value\":%.5f}",
				 i > from ? between : "", r.item, r.labeler, r.value);
		if (buf_append(body, text, (size_t)n))
			fail("requests", "no memory");
	}
}

static void make_json(struct script *s, size_t rows, size_t each)
{
	for (size_t i = 0; i < rows; i += BATCH) {
		struct buf body = {0};
		if (buf_append(&body, "{\"reports\":[", 12))
			fail("requests", "no memory");
		write_rows(&body, i, i + BATCH < rows ? i + BATCH : rows, each, ",");
		if (buf_append(&body, "]}", 2))
			fail("requests", "no memory");
		add_post(s, "application/json", &body);
		buf_free(&body);
	}
}

static void make_lines(struct script *s, size_t rows, size_t each)
{
	struct buf body = {0};
	write_rows(&body, 0, rows, each, "\n");
	add_post(s, "application/x-ndjson", &body);
	buf_free(&body);
}

static void make_frames(struct script *s, size_t rows, size_t each)
{
	static struct row named[BATCH];
	static struct candor_report reports[BATCH];
	for (size_t i = 0; i < rows; i += BATCH) {
		size_t n = rows - i < BATCH ? rows - i : BATCH;
		struct arena scratch;
		for (size_t k = 0; k < n; k++) {
			named[k] = row_of(i + k, each);
			reports[k] = (struct candor_report){named[k].item, named[k].labeler, named[k].value};
		}
		const struct candor_request post = {
			.id = i + 1, .type = CANDOR_REQ_POST_REPORTS, .pool = "bench", .n = n, .reports = reports};
		arena_init(&scratch, 1 << 22);
		if (wire_encode_request(&post, &scratch, 1 << 22, &s->bytes))
			fail("requests", "too long");
		arena_free(&scratch);
		end_request(s);
	}
}

static void make_gets(struct script *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[160];
		snprintf(text, sizeof text, "GET /v1/pools/bench/items/item-%031zu HTTP/1.1\r\nHost: bench\r\n\r\n",
			 i * 7919 % ITEMS);
		add_text(s, text);
		end_request(s);
	}
}

/* ---- the client ---- */

/* How many bytes of the first answer are there, 0: it is not complete. */
typedef size_t (*measure_answer)(const uint8_t *bytes, size_t len);

static size_t measure_frame(const uint8_t *bytes, size_t len)
{
	size_t n = 0, head = 0;
	do {
		if (head == len)
			return 0;
		n |= (size_t)(bytes[head] & 0x7f) << (7 * head);
	} while (bytes[head++] & 0x80);
	return head + n <= len ? head + n : 0;
}

static size_t measure_http(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);
	if (!end)
		return 0;
	if (len < 12 || memcmp(text, "HTTP/1.1 200", 12) != 0)
		fail("an answer", text);
	const char *length = memmem(bytes, len, "Content-Length: ", 16);
	if (!length || length > end)
		fail("an answer", "without its length");
	size_t all = (size_t)(end - text) + 4 + strtoul(length + 16, NULL, 10);
	return all <= len ? all : 0;
}

struct flow {
	int fd;
	size_t in_flight;
	size_t sent, until; /* of the script, the request that is being sent */
	size_t heard;
	char answer[ANSWER_MAX];
};

static int connect_to(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int tries = 0; connect(fd, (struct sockaddr *)&to, sizeof to); tries++) {
		if (tries == 1000)
			fail(path, strerror(errno));
		nap_ms(5);
	}
	return fd;
}

/* Sends what the stream takes. */
static void flow_send(struct flow *f, const struct script *s, size_t *next, size_t window)
{
	for (;;) {
		if (f->sent == f->until) {
			if (*next == s->n || f->in_flight == window)
				return;
			f->sent = *next ? s->ends[*next - 1] : 0;
			f->until = s->ends[(*next)++];
			f->in_flight++;
		}
		ssize_t n = send(f->fd, s->bytes.data + f->sent, f->until - f->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			fail("send", strerror(errno));
		f->sent += (size_t)n;
	}
}

static size_t flow_hear(struct flow *f, measure_answer measure)
{
	size_t answers = 0, at = 0, span;
	ssize_t n = recv(f->fd, f->answer + f->heard, sizeof f->answer - 1 - f->heard, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		fail("receive", "hung up");
	f->heard += (size_t)n;
	f->answer[f->heard] = 0;
	while ((span = measure((const uint8_t *)f->answer + at, f->heard - at)) > 0) {
		at += span;
		answers++;
	}
	memmove(f->answer, f->answer + at, f->heard - at);
	f->heard -= at;
	f->in_flight -= answers;
	return answers;
}

/* Seconds until each request of the script is answered. */
static double run(const char *path, const struct script *s, size_t connections, size_t window, measure_answer measure)
{
	struct flow *flows = calloc(connections, sizeof *flows);
	struct pollfd *polls = calloc(connections, sizeof *polls);
	size_t next = 0, answered = 0;
	if (!flows || !polls)
		fail("client", "no memory");
	for (size_t i = 0; i < connections; i++)
		polls[i].fd = flows[i].fd = connect_to(path);
	double began = clock_s();
	while (answered < s->n) {
		for (size_t i = 0; i < connections; i++) {
			flow_send(&flows[i], s, &next, window);
			polls[i].events = (short)(POLLIN | (flows[i].sent < flows[i].until ? POLLOUT : 0));
		}
		if (poll(polls, connections, 30000) <= 0)
			fail("client", "no answer within 30 s");
		for (size_t i = 0; i < connections; i++)
			if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
				answered += flow_hear(&flows[i], measure);
	}
	double took = clock_s() - began;
	for (size_t i = 0; i < connections; i++)
		close(flows[i].fd);
	free(flows);
	free(polls);
	return took;
}

/* ---- daemons ---- */

struct served {
	struct daemon d;
	char http[128], socket[128];
};

static void serve(struct served *s)
{
	char listener[160];
	daemon_init(&s->d);
	snprintf(s->http, sizeof s->http, "%s/http", s->d.dir);
	snprintf(listener, sizeof listener, "http+unix:%s", s->http);
	daemon_start(&s->d, (const char *const[]){"--listen", listener, NULL});
	snprintf(s->socket, sizeof s->socket, "%s", s->d.address + strlen("unix:"));
}

static void end(struct served *s)
{
	if (daemon_stop(&s->d))
		fail("candord", "failed");
	daemon_deinit(&s->d);
}

static void create_pool(struct served *s, const char *pool)
{
	struct candor *c = daemon_connect(&s->d);
	call_create_pool(c, pool);
	daemon_disconnect(&s->d, c);
}

/* Rows a second with a fresh daemon. */
static double post(const struct script *script, size_t rows, bool by_http, size_t connections, size_t window)
{
	struct served s;
	serve(&s);
	create_pool(&s, "bench");
	double took =
		run(by_http ? s.http : s.socket, script, connections, window, by_http ? measure_http : measure_frame);
	struct candor *c = daemon_connect(&s.d);
	if (call_info(c)->reports != rows)
		fail("reports", "not all were accepted");
	daemon_disconnect(&s.d, c);
	end(&s);
	return (double)rows / took;
}

static void measure_posts(size_t runs)
{
	size_t rows = bench_size("BENCH_REPORTS", 1000000), each = rows / ITEMS ? rows / ITEMS : 1;
	struct script frames = {0}, json = {0}, lines = {0};
	double by_frames[50], by_json[50], by_lines[50], json_ratio[50], lines_ratio[50];
	make_frames(&frames, rows, each);
	make_json(&json, rows, each);
	make_lines(&lines, rows, each);
	for (size_t i = 0; i < runs; i++) {
		by_frames[i] = post(&frames, rows, false, 1, CONNECTIONS);
		by_json[i] = post(&json, rows, true, CONNECTIONS, 1);
		by_lines[i] = post(&lines, rows, true, 1, 1);
		json_ratio[i] = by_json[i] / by_frames[i];
		lines_ratio[i] = by_lines[i] / by_frames[i];
	}
	bench_print("durable reports, JSON batches of 256", bench_median(by_json, runs), "protobuf batches, goal 0.50",
		    bench_median(by_frames, runs), bench_median(json_ratio, runs));
	bench_print("durable reports, lines of one request", bench_median(by_lines, runs),
		    "protobuf batches, goal 0.50", bench_median(by_frames, runs), bench_median(lines_ratio, runs));
	script_free(&frames);
	script_free(&json);
	script_free(&lines);
}

/* ---- the echo server ---- */

struct echo {
	uv_loop_t loop;
	uv_pipe_t listener;
	char answer[4096];
	size_t answer_len;
};

struct echo_peer {
	uv_pipe_t pipe;
	uv_write_t write;
	struct echo *echo;
	size_t line_breaks; /* of the empty line that ends a request, seen so far */
	char in[65536];
};

static void on_echo_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct echo_peer *p = handle->data;
	*buf = uv_buf_init(p->in, sizeof p->in);
}

/* Each peer has one request in flight, so its answer always fits. */
static void on_echo_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *in)
{
	struct echo_peer *p = stream->data;
	if (n < 0) {
		uv_close((uv_handle_t *)&p->pipe, NULL); /* what it held goes with the process */
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (in->base[i] == "\r\n\r\n"[p->line_breaks])
			p->line_breaks++;
		else
			p->line_breaks = in->base[i] == '\r';
		if (p->line_breaks < 4)
			continue;
		p->line_breaks = 0;
		uv_buf_t out = uv_buf_init(p->echo->answer, (unsigned)p->echo->answer_len);
		if (uv_try_write(stream, &out, 1) != (int)p->echo->answer_len)
			_exit(1);
	}
}

static void on_echo_connection(uv_stream_t *listener, int status)
{
	struct echo *e = listener->data;
	struct echo_peer *p = calloc(1, sizeof *p);
	if (status || !p || uv_pipe_init(&e->loop, &p->pipe, 0) || uv_accept(listener, (uv_stream_t *)&p->pipe))
		_exit(1);
	p->echo = e;
	p->pipe.data = p;
	if (uv_read_start((uv_stream_t *)&p->pipe, on_echo_alloc, on_echo_read))
		_exit(1);
}

static pid_t start_echo(const char *path, const char *answer, size_t len, int cpu)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	pin(cpu);
	struct echo e = {.answer_len = len};
	memcpy(e.answer, answer, len);
	if (uv_loop_init(&e.loop) || uv_pipe_init(&e.loop, &e.listener, 0) || uv_pipe_bind(&e.listener, path))
		_exit(1);
	e.listener.data = &e;
	if (uv_listen((uv_stream_t *)&e.listener, CONNECTIONS, on_echo_connection))
		_exit(1);
	uv_run(&e.loop, UV_RUN_DEFAULT);
	_exit(0);
}

/* ---- GET ---- */

static void fill(struct served *s)
{
	struct script frames = {0};
	create_pool(s, "bench");
	make_frames(&frames, (size_t)ITEMS * LABELERS, LABELERS);
	run(s->socket, &frames, 1, CONNECTIONS, measure_frame);
	script_free(&frames);
}

static size_t record_answer(const char *path, const struct script *gets, char *out, size_t size)
{
	struct flow f = {.fd = connect_to(path)};
	size_t next = 0;
	flow_send(&f, gets, &next, 1);
	while (measure_http((const uint8_t *)f.answer, f.heard) == 0) {
		ssize_t n = recv(f.fd, f.answer + f.heard, sizeof f.answer - 1 - f.heard, 0);
		if (n <= 0)
			fail("record", "hung up");
		f.heard += (size_t)n;
	}
	close(f.fd);
	if (f.heard > size)
		fail("record", "a long answer");
	memcpy(out, f.answer, f.heard);
	return f.heard;
}

static double run_echo(const struct served *s, const struct script *gets, const char *answer, size_t len, int cpu)
{
	char path[128];
	snprintf(path, sizeof path, "%s/echo", s->d.dir);
	pid_t pid = start_echo(path, answer, len, cpu);
	double took = run(path, gets, CONNECTIONS, 1, measure_http);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	return (double)gets->n / took;
}

/* The servers on processor `cpu`, the client on the first. */
static void measure_gets(const char *what, int cpu, size_t runs)
{
	struct served s;
	struct script gets = {0};
	char answer[4096];
	double echo[50], door[50], ratio[50];
	make_gets(&gets, bench_size("BENCH_QUERIES", 200000));
	pin(cpu); /* candord inherits it */
	serve(&s);
	pin(0);
	fill(&s);
	size_t len = record_answer(s.http, &gets, answer, sizeof answer);
	for (size_t i = 0; i < runs; i++) {
		echo[i] = run_echo(&s, &gets, answer, len, cpu);
		door[i] = (double)gets.n / run(s.http, &gets, CONNECTIONS, 1, measure_http);
		ratio[i] = door[i] / echo[i];
	}
	end(&s);
	let_loose();
	script_free(&gets);
	bench_print(what, bench_median(door, runs), "bare libuv echo, goal 0.40", bench_median(echo, runs),
		    bench_median(ratio, runs));
}

/* ---- /metrics ---- */

/* Seconds of one answer, which ends with the connection; *bytes of it. */
static double scrape(const char *path, size_t *bytes)
{
	static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";
	char answer[65536];
	int fd = connect_to(path);
	double began = clock_s();
	ssize_t n = send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL);
	for (*bytes = 0; n > 0 && (n = recv(fd, answer, sizeof answer, 0)) > 0; *bytes += (size_t)n)
		if (*bytes == 0 && (n < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0))
			fail("/metrics", "refused");
	close(fd);
	return clock_s() - began;
}

static void measure_metrics(size_t runs)
{
	struct served s;
	double took[50];
	size_t bytes = 0;
	daemon_init(&s.d);
	char listener[160], pools[16];
	snprintf(s.http, sizeof s.http, "%s/http", s.d.dir);
	snprintf(listener, sizeof listener, "http+unix:%s", s.http);
	snprintf(pools, sizeof pools, "%d", METRICS_POOLS);
	daemon_start(&s.d, (const char *const[]){"--listen", listener, "--metrics-pools", pools, NULL});
	struct candor *c = daemon_connect(&s.d);
	for (int i = 0; i < METRICS_POOLS; i++) {
		char pool[32];
		snprintf(pool, sizeof pool, "pool-%04d", i);
		call_create_pool(c, pool);
		call_report(c, pool, "item", "labeler", 0.5);
	}
	for (size_t i = 0; i < runs; i++)
		took[i] = 1000 * scrape(s.http, &bytes);
	const struct candor_info *info = call_info(c);
	printf("/metrics with %d pools, %zu KiB %24.2f ms  goal 10 ms; a turn of the loop at most %.2f ms, goal 2 ms\n",
	       METRICS_POOLS, bytes / 1024, bench_median(took, runs), (double)info->loop_max_us / 1000);
	daemon_disconnect(&s.d, c);
	end(&s);
}

int main(void)
{
	size_t runs = bench_runs();
	measure_posts(runs);
	measure_gets("GET of an item, each end on its own processor", 1, runs);
	measure_gets("GET of an item, both ends on one processor", 0, runs);
	measure_metrics(runs);
	return 0;
}
