/* The real candord over HTTP: peers that are slow, rude, many or gone, on real sockets. */
#define ERR_STATE OPENSSL_ERR_STATE /* we have one, too */
#include <openssl/ssl.h>
#undef ERR_STATE

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/proof.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"
#include "tests/lib/unit.h"
#include "tests/lib/web.h"

#define HOST "Host: x\r\n"

struct fixture {
	struct daemon daemon;
	char web[DAEMON_PATH_MAX + 16]; /* its HTTP socket, as raw_open() takes it */
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){0};
	daemon_init(&f.daemon);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	return daemon_end(&f->daemon);
}

/* Over a Unix socket, where its own user may do everything, and over TCP, where nobody may anything. */
static void start(struct fixture *f, const char *name, const char *value)
{
	char socket[DAEMON_PATH_MAX + 16];
	snprintf(socket, sizeof socket, "http+unix:%s/web", f->daemon.dir);
	snprintf(f->web, sizeof f->web, "unix:%s/web", f->daemon.dir);
	daemon_start(&f->daemon,
		     (const char *const[]){"--listen", socket, "--listen", "http:127.0.0.1:0", name, value, NULL});
}

static void say(struct raw *r, const char *text)
{
	raw_send(r, text, strlen(text));
}

/* Bytes up to one answer, at most; the rest stays in *in. False: the connection ended before. */
static bool hear(struct raw *r, struct buf *in, struct http_answer *out)
{
	uint8_t bytes[4096];
	for (bool ended = false;;) {
		size_t taken = http_cut(in->data, in->len, false, ended, out);
		if (taken > 0) {
			buf_consume(in, taken);
			return true;
		}
		if (ended)
			return false;
		ssize_t n = recv(r->fd, bytes, sizeof bytes, 0);
		if (n < 0 && errno != ECONNRESET) {
			print_error("recv: %s\n", strerror(errno));
			fail();
		}
		ended = n <= 0;
		if (n > 0)
			assert_int_equal(buf_append(in, bytes, (size_t)n), 0);
	}
}

static void assert_heard(struct raw *r, struct buf *in, unsigned status, const char *text)
{
	struct http_answer a;
	if (!hear(r, in, &a)) {
		print_error("the connection ended instead of %u\n", status);
		fail();
	}
	if (a.status != status || !strstr((char *)a.body.data, text)) {
		print_error("not %u with '%s':\n%s%s\n", status, text, a.head, a.body.data);
		fail();
	}
	http_answer_free(&a);
}

static void assert_ended(struct raw *r, struct buf *in)
{
	struct http_answer a;
	assert_false(hear(r, in, &a));
	assert_int_equal(in->len, 0);
}

/* ---- one peer ---- */

static void thousands_of_requests_in_one_piece_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	enum { REQUESTS = SANITIZED ? 1000 : 5000 };
	struct buf all = {0}, in = {0};
	struct raw r;
	char want[64];
	start(f, "--max-unsent-bytes", "64K");
	for (int i = 0; i < REQUESTS; i++)
		assert_int_equal(buf_printf(&all, "GET /v1/pools/p%d HTTP/1.1\r\n" HOST "\r\n", i), 0);
	raw_open(&r, f->web);
	/* Sent and heard by turns, for neither side holds all of it. */
	size_t sent = 0, heard = 0;
	while (heard < REQUESTS) {
		struct pollfd p = {.fd = r.fd, .events = (short)(sent < all.len ? POLLIN | POLLOUT : POLLIN)};
		assert_int_equal(poll(&p, 1, 30000), 1);
		if (p.revents & POLLOUT) {
			ssize_t n = send(r.fd, all.data + sent, all.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		uint8_t bytes[65536];
		ssize_t n = recv(r.fd, bytes, sizeof bytes, MSG_DONTWAIT);
		assert_true(n > 0 || (n < 0 && errno == EAGAIN));
		if (n > 0)
			assert_int_equal(buf_append(&in, bytes, (size_t)n), 0);
		struct http_answer a;
		for (size_t taken; (taken = http_cut(in.data, in.len, false, false, &a)) > 0; heard++) {
			snprintf(want, sizeof want, "pool 'p%zu' does not exist", heard);
			assert_non_null(strstr((char *)a.body.data, want));
			http_answer_free(&a);
			buf_consume(&in, taken);
		}
	}
	raw_close(&r);
	buf_free(&all);
	buf_free(&in);
}

static void what_could_be_read_in_two_ways_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *text;
		unsigned status;
	} forms[] = {
		{"POST /v1/pools HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 400},
		{"POST /v1/pools HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400},
		{"GET /v1/pools HTTP/1.1\nHost: x\n\n", 400},
		{"GET /v1/pools HTTP/1.1\r\n" HOST HOST "\r\n", 400},
		{"GET http://x/v1/pools HTTP/1.1\r\n" HOST "\r\n", 400},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"\x16\x03\x01\x02", 400},
		{"\x05\x08\x01\x1a\x01\x00", 400},
	};
	start(f, NULL, NULL);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct buf in = {0};
		struct raw r;
		raw_open(&r, f->web);
		say(&r, "GET /v1/pools HTTP/1.1\r\n" HOST "\r\n");
		say(&r, forms[i].text);
		say(&r, "GET /v1/info HTTP/1.1\r\n" HOST "\r\n");
		assert_heard(&r, &in, 200, "{\"pools\":");
		assert_heard(&r, &in, forms[i].status, "\"code\":\"INVALID_ARGUMENT\"");
		assert_ended(&r, &in);
		raw_close(&r);
		buf_free(&in);
	}
}

static void who_sends_slowly_is_told_so(void **state)
{
	struct fixture *f = *state;
	static const char *const slow[] = {
		"GET /v1/pools HTT",
		"GET /v1/pools HTTP/1.1\r\nHost: x\r\nA:",
		"POST /v1/pools HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"POST /v1/pools/p/reports HTTP/1.1\r\n" HOST
		"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	};
	enum { N = sizeof slow / sizeof *slow };
	struct raw r[N];
	start(f, "--frame-timeout", "1");
	for (size_t i = 0; i < N; i++) {
		raw_open(&r[i], f->web);
		say(&r[i], slow[i]);
	}
	for (size_t i = 0; i < N; i++) {
		struct buf in = {0};
		assert_heard(&r[i], &in, 408, "did not come in time");
		assert_ended(&r[i], &in);
		raw_close(&r[i]);
		buf_free(&in);
	}
}

/* ---- many ---- */

/* As many as there may be by default, within a memory limit of an eighth of the default. */
static void idle_connections_take_little(void **state)
{
	struct fixture *f = *state;
	enum { IDLE_MAX = 10000, BYTES_EACH = 4096, SPARE = 200 };
	static struct raw idle[IDLE_MAX];
	const unsigned n = (unsigned)proof_size(300, IDLE_MAX, IDLE_MAX);
	struct rlimit files;
	struct buf in = {0};
	char socket[DAEMON_PATH_MAX + 16];
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	if (files.rlim_max < n + SPARE)
		skip_because("the system gives too few file descriptors");
	snprintf(socket, sizeof socket, "http+unix:%s/web", f->daemon.dir);
	snprintf(f->web, sizeof f->web, "unix:%s/web", f->daemon.dir);
	daemon_start(&f->daemon, (const char *const[]){"--listen", socket, "--memory-limit", "128M",
						       "--max-connections", "10100", "--idle-timeout", "0", NULL});
	struct candor *c = daemon_connect(&f->daemon);
	uint64_t before = call_info(c)->memory_bytes;
	for (unsigned i = 0; i < n; i++) {
		raw_open(&idle[i], f->web);
		say(&idle[i], "GET /v1/pools HTTP/1.1\r\n" HOST "\r\n");
		assert_heard(&idle[i], &in, 200, "{\"pools\":");
	}
	const struct candor_info *info = call_info(c);
	assert_int_equal(info->connections, n + 1);
	assert_at_most((double)(info->memory_bytes - before), (double)n * BYTES_EACH);
	for (unsigned i = 0; i < n; i++) {
		say(&idle[i], "GET /v1/pools HTTP/1.1\r\n" HOST "\r\n");
		assert_heard(&idle[i], &in, 200, "{\"pools\":");
		raw_close(&idle[i]);
	}
	buf_free(&in);
}

static void one_too_many_hears_why(void **state)
{
	struct fixture *f = *state;
	enum { MOST = 20 };
	struct raw r[MOST];
	struct buf in = {0};
	struct http_answer a = {0};
	start(f, "--max-connections", "4");
	int n = 0;
	for (bool refused = false; !refused; n++) {
		assert_true(n < MOST);
		raw_open(&r[n], f->web);
		say(&r[n], "GET /v1/pools HTTP/1.1\r\n" HOST "\r\n");
		assert_true(hear(&r[n], &in, &a));
		refused = a.status != 200;
		if (!refused)
			http_answer_free(&a);
	}
	assert_int_equal(a.status, 503);
	assert_true(a.closes);
	assert_non_null(http_field(&a, "Retry-After"));
	assert_non_null(strstr((char *)a.body.data, "max_connections reached"));
	http_answer_free(&a);
	assert_ended(&r[n - 1], &in);
	while (n-- > 0)
		raw_close(&r[n]);
	buf_free(&in);
}

/* ---- the end ---- */

static void a_stop_ends_streams_and_what_waits(void **state)
{
	struct fixture *f = *state;
	struct raw stream, poll_, quiet;
	struct buf in[3] = {0};
	start(f, NULL, NULL);
	struct candor *c = daemon_connect(&f->daemon);
	call_create_pool(c, "p");
	raw_open(&stream, f->web);
	raw_open(&poll_, f->web);
	raw_open(&quiet, f->web);
	say(&quiet, "GET /v1/pools/p HTTP/1.1\r\n" HOST "\r\n");
	assert_heard(&quiet, &in[2], 200, "\"name\":\"p\"");
	say(&stream, "GET /v1/pools/p/changes HTTP/1.1\r\n" HOST "Accept: text/event-stream\r\n\r\n");
	say(&poll_, "GET /v1/pools/p/changes?wait_ms=60000 HTTP/1.1\r\n" HOST "\r\n");
	uint8_t first[16];
	assert_int_equal(recv(stream.fd, first, sizeof first, MSG_WAITALL), sizeof first);
	assert_int_equal(buf_append(&in[0], first, sizeof first), 0);
	assert_int_equal(daemon_stop(&f->daemon), 0);
	assert_heard(&stream, &in[0], 200, "");
	assert_ended(&stream, &in[0]);
	assert_heard(&poll_, &in[1], 503, "the daemon is stopping");
	assert_ended(&poll_, &in[1]);
	assert_ended(&quiet, &in[2]);
	raw_close(&stream);
	raw_close(&poll_);
	raw_close(&quiet);
	for (int i = 0; i < 3; i++)
		buf_free(&in[i]);
}

/* ---- TLS ---- */

/* What a client that offers these protocols (each with its length before it) gets: the protocol, or "" for none. */
static bool shake_hands(const char *address, const char *offered, char chosen[16])
{
	struct raw r;
	raw_open(&r, address);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = context ? SSL_new(context) : NULL;
	assert_non_null(ssl);
	if (offered)
		assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)offered, (unsigned)strlen(offered)),
				 0);
	assert_int_equal(SSL_set_fd(ssl, r.fd), 1);
	bool done = SSL_connect(ssl) == 1;
	const unsigned char *name;
	unsigned len = 0;
	SSL_get0_alpn_selected(ssl, &name, &len);
	snprintf(chosen, 16, "%.*s", (int)len, len ? (const char *)name : "");
	SSL_free(ssl);
	SSL_CTX_free(context);
	raw_close(&r);
	return done;
}

static void over_tls_it_is_http_1_1_and_certificates_say_who_asks(void **state)
{
	struct secure *s = *state;
	struct web w;
	struct http_answer a;
	char chosen[16];
	secure_start(s, ARGS("--tls-ca", s->files.ca, "--listen", "http:127.0.0.1:0"));
	secure_allow(s, SECURE_PLATFORM, CANDOR_RIGHT_ADMIN);
	const char *http = s->command->daemon.http;
	assert_true(shake_hands(http, "\x02h2\x08http/1.1", chosen));
	assert_string_equal(chosen, "http/1.1");
	assert_true(shake_hands(http, NULL, chosen));
	assert_string_equal(chosen, "");
	assert_false(shake_hands(http, "\x02h2", chosen));

	web_open(&w, http, &(struct web_options){.ca = s->files.ca});
	assert_true(web_ask(&w, "GET", "/v1/pools", "", NULL, &a));
	assert_int_equal(a.status, 401);
	http_answer_free(&a);
	web_close(&w);
	web_open(&w, http,
		 &(struct web_options){.ca = s->files.ca, .cert = s->files.client_cert, .key = s->files.client_key});
	assert_true(web_ask(&w, "POST", "/v1/pools", "", "{\"pool\":\"p\"}", &a));
	assert_int_equal(a.status, 200);
	http_answer_free(&a);
	web_close(&w);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(thousands_of_requests_in_one_piece_are_answered_in_order, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_could_be_read_in_two_ways_ends_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_sends_slowly_is_told_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(idle_connections_take_little, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_too_many_hears_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stop_ends_streams_and_what_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(over_tls_it_is_http_1_1_and_certificates_say_who_asks, secure_set_up,
						secure_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
