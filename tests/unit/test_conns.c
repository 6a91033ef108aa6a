/* All connections together, over sockets of the kernel: where they hold too much memory, those go who hold it for long,
 * and whoever asks and reads is served; and a turn of the loop has so much work and no more. The clock is the test's. */
#include "tests/lib/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/net/conns.h"
#include "lib/wire/wire.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/peer.h"

enum { PEERS_MAX = 600, SMALL_BUFFER = 4096, MIB = 1024 * 1024, REQUEST_BYTES = MIB / 4 };

struct world {
	struct fake_owner f;
	uv_loop_t loop;
	uv_idle_t busy; /* the loop does not sleep */
	struct config config;
	struct conns all;
	int fds[PEERS_MAX]; /* the peers' ends; -1: closed */
	size_t n;
	uint64_t accepted;
};

static void on_changed(void *owner)
{
	(void)owner;
}

static void on_busy(uv_idle_t *idle)
{
	(void)idle;
}

/* As many bytes for connections, beside one request and one answer. */
static void begin(struct world *w, size_t held)
{
	w->config.memory_limit = (held + 2 * REQUEST_BYTES) / 5 * 16;
	require(conns_init(&w->all, &w->loop, &w->config, on_changed, w) == 0);
	w->all.shared.engine = w->f.engine;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct engine_limits limits = fake_roomy_limits();
	require(w);
	fake_init(&w->f, &limits);
	fake_pool(&w->f, "p", NULL);
	require(uv_loop_init(&w->loop) == 0 && uv_idle_init(&w->loop, &w->busy) == 0);
	require(uv_idle_start(&w->busy, on_busy) == 0);
	w->config = (struct config){.max_connections = PEERS_MAX,
				    .max_frame_bytes = REQUEST_BYTES,
				    .max_unpacked_bytes = REQUEST_BYTES,
				    .max_in_flight = 1024,
				    .max_unsent_bytes = MIB};
	*state = w;
	return 0;
}

/* A turn of the loop, and what the engine asked for is done. */
static void turn(struct world *w)
{
	uv_run(&w->loop, UV_RUN_NOWAIT);
	conns_serve(&w->all);
	fake_settle(&w->f);
	assert_null(conns_check(&w->all));
}

static int tear_down(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < w->n; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	conns_close(&w->all, true);
	uv_close((uv_handle_t *)&w->busy, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&w->loop) == 0);
	conns_free(&w->all);
	int verified = fake_end(&w->f);
	free(w);
	return verified;
}

/* Its number. The daemon's end takes little before the peer reads. */
static size_t join(struct world *w)
{
	static const struct address at = {.is_unix = true};
	int pair[2], little = SMALL_BUFFER, much = MIB;
	require(w->n < PEERS_MAX && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	require(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &much, sizeof much) == 0);
	conns_accept(&w->all, pair[1], &at, NULL, &w->accepted);
	require(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
	w->fds[w->n] = pair[0];
	return w->n++;
}

/* The same as a stranger, by TCP. */
static size_t join_as_stranger(struct world *w, bool by_http)
{
	const struct address at = {.is_http = by_http};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof to;
	int knocks = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    listens = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	require(knocks >= 0 && bind(listens, (struct sockaddr *)&to, size) == 0 && listen(listens, 1) == 0);
	require(getsockname(listens, (struct sockaddr *)&to, &size) == 0);
	require(connect(knocks, (struct sockaddr *)&to, size) == 0);
	int accepted = accept4(listens, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	require(accepted >= 0 && close(listens) == 0 && w->n < PEERS_MAX);
	conns_accept(&w->all, accepted, &at, NULL, &w->accepted);
	w->fds[w->n] = knocks;
	return w->n++;
}

static struct conn *conn_of(const struct world *w, size_t peer)
{
	struct conn *c = w->all.first;
	for (size_t i = w->n - 1; c && i > peer; i--)
		c = c->after;
	return c;
}

static void say(struct world *w, size_t peer, const void *bytes, size_t len)
{
	assert_int_equal(send(w->fds[peer], bytes, len, MSG_NOSIGNAL), len);
}

/* The beginning of a frame twice as long. */
static void say_half(struct world *w, size_t peer, size_t len)
{
	uint8_t *bytes = calloc(1, len);
	require(bytes);
	(void)frame_head(2 * len, bytes);
	say(w, peer, bytes, len);
	free(bytes);
}

/* So many requests. */
static void ask(struct world *w, size_t peer, uint64_t first, uint64_t n)
{
	struct buf bytes = {0};
	for (uint64_t id = first; id < first + n; id++)
		peer_write(&bytes, &(struct candor_request){.id = id, .type = CANDOR_REQ_GET_POOL, .pool = "p"});
	say(w, peer, bytes.data, bytes.len);
	buf_free(&bytes);
}

/* Answers that have come to it; each must be the next one, and no refusal. */
static uint64_t hear(struct world *w, size_t peer, struct frame *in, uint64_t heard)
{
	static char buffer[65536];
	struct view body;
	struct arena arena;
	struct candor_response r;
	ssize_t n = recv(w->fds[peer], buffer, sizeof buffer, 0);
	assert_true(n > 0 || (n < 0 && errno == EAGAIN));
	if (n > 0)
		assert_int_equal(frame_push(in, buffer, (size_t)n), 0);
	arena_init(&arena, MIB);
	while (frame_next(in, &body) == 1) {
		assert_int_equal(wire_decode_response(&arena, body.data, body.len, &r), 0);
		assert_int_equal(r.code, CANDOR_OK);
		assert_int_equal(r.id, ++heard);
		arena_reset(&arena);
	}
	arena_free(&arena);
	return heard;
}

/* Turns until it has heard all; the clock goes on by so many ms with each. */
static void serve(struct world *w, size_t peer, uint64_t answers, uint64_t ms)
{
	enum { TURNS_MAX = 20000 };
	struct frame in;
	uint64_t heard = 0;
	frame_init(&in, MIB);
	for (int i = 0; i < TURNS_MAX && heard < answers; i++) {
		w->all.shared.now_ms += ms;
		turn(w);
		heard = hear(w, peer, &in, heard);
	}
	assert_int_equal(heard, answers);
	frame_free(&in);
}

static size_t count_refused(const struct world *w)
{
	size_t n = 0;
	for (const struct conn *c = w->all.first; c; c = c->after)
		n += c->refused_ms > 0;
	return n;
}

/* It holds more than each of the others, but not for long, and what they hold is enough. */
static void who_asks_fast_and_reads_does_not_pay_for_those_who_hold_half_frames(void **state)
{
	struct world *w = *state;
	enum { HALVES = 550, HALF = 5000, REQUESTS = 5000 };
	begin(w, 3 * MIB);
	for (size_t i = 0; i < HALVES; i++)
		join(w);
	size_t fast = join(w);
	ask(w, fast, 1, REQUESTS);
	for (size_t i = 0; i < HALVES; i++)
		say_half(w, i, HALF);
	serve(w, fast, REQUESTS, 1);
	size_t refused = count_refused(w);
	assert_true(refused > 0 && refused < HALVES / 4 * 3);
	assert_int_equal(conn_of(w, fast)->refused_ms, 0);
	assert_true(w->all.budget.used_bytes <= w->all.budget.limit_bytes);
}

/* Those who were refused take memory as long as they are there: it is not forgotten, and others do not wait for it. */
static void who_behaves_is_served_though_those_who_were_refused_neither_read_nor_go(void **state)
{
	struct world *w = *state;
	enum { DEAF = 500, REQUESTS = 200, ROUNDS = 100 };
	begin(w, MIB / 2 * 3);
	size_t good = join(w);
	for (size_t i = 0; i < DEAF; i++)
		join(w);
	for (size_t i = 0; i < DEAF; i++)
		ask(w, good + 1 + i, 1, REQUESTS);
	for (int i = 0; i < ROUNDS; i++) {
		w->all.shared.now_ms += 10;
		turn(w);
	}
	assert_true(count_refused(w) > 0);
	ask(w, good, 1, REQUESTS);
	serve(w, good, REQUESTS, 0);
	assert_int_equal(conn_of(w, good)->refused_ms, 0);
}

enum { CROWD = 200, CROWD_ASKS = 500 };

static void ask_in_a_crowd(struct world *w)
{
	begin(w, 64 * MIB);
	for (size_t i = 0; i < CROWD; i++)
		join(w);
	for (size_t i = 0; i < CROWD; i++)
		ask(w, i, 1, CROWD_ASKS);
}

/* Reading counts too. What begins before it is enough is ended: a turn of one peer, and one that is read. */
static void a_turn_of_the_loop_has_so_much_work_however_many_have_asked(void **state)
{
	struct world *w = *state;
	enum { TURNS_MAX = 10000, MOST = LOOP_WORK + 2 * SESSION_TURN };
	uint64_t done = 0, most = 0, before;
	int turns = 0;
	ask_in_a_crowd(w);
	for (; done < (uint64_t)CROWD * CROWD_ASKS && turns < TURNS_MAX; turns++) {
		before = w->all.budget.work;
		turn(w);
		uint64_t work = w->all.budget.work - before;
		most = work > most ? work : most;
		done = 0;
		for (const struct conn *c = w->all.first; c; c = c->after)
			done += session_frames(c->session);
	}
	assert_int_equal(done, CROWD * CROWD_ASKS);
	assert_true(most >= LOOP_WORK / 2);
	assert_at_most((double)most, MOST);
}

/* A holder's connections share its part, so that one who has a single one need not wait for all of another's. */
static void who_asks_little_is_answered_while_another_holder_has_much_to_be_done(void **state)
{
	struct world *w = *state;
	const struct candor_request info = {.id = 1, .type = CANDOR_REQ_INFO};
	struct buf bytes = {0};
	char answer[4096];
	ask_in_a_crowd(w);
	size_t other = join_as_stranger(w, false);
	peer_write(&bytes, &info);
	for (int round = 0; round < 20; round++) {
		turn(w);
		say(w, other, bytes.data, bytes.len);
		turn(w);
		turn(w);
		assert_true(recv(w->fds[other], answer, sizeof answer, MSG_DONTWAIT) > 0);
	}
	assert_true(w->all.shared.turns.ready.n > CROWD / 2);
	buf_free(&bytes);
}

/* Who asks is said with each request: a connection that is old is not that of somebody who never said it. */
static void a_stranger_over_http_has_time_from_request_to_request(void **state)
{
	struct world *w = *state;
	enum { FRAME_MS = 1000 };
	static const char ask[] = "GET /v1/pools HTTP/1.1\r\nHost: x\r\n\r\n";
	char answer[4096];
	w->config.frame_ms = FRAME_MS;
	begin(w, 64 * MIB);
	size_t peer = join_as_stranger(w, true);
	for (int round = 0; round < 5; round++) {
		w->all.shared.now_ms += FRAME_MS - 1;
		say(w, peer, ask, sizeof ask - 1);
		turn(w);
		turn(w);
		assert_true(recv(w->fds[peer], answer, sizeof answer, MSG_DONTWAIT) > 0);
		assert_null(conn_overdue(conn_of(w, peer)));
	}
	w->all.shared.now_ms += FRAME_MS + 1;
	assert_non_null(conn_overdue(conn_of(w, peer)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_asks_fast_and_reads_does_not_pay_for_those_who_hold_half_frames),
		TEST(who_behaves_is_served_though_those_who_were_refused_neither_read_nor_go),
		TEST(a_turn_of_the_loop_has_so_much_work_however_many_have_asked),
		TEST(who_asks_little_is_answered_while_another_holder_has_much_to_be_done),
		TEST(a_stranger_over_http_has_time_from_request_to_request),
	};
	return cmocka_run_group_tests_name("conns", tests, NULL, NULL);
}
