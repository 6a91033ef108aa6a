/* Peers that take more than their share: of time, by sending or taking bytes slowly, and of memory, by asking without
 * end. They are cut off or held back, lose no answer, and nobody else notices. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/buf.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/raw.h"
#include "tests/lib/unit.h"
#include "lib/wire/frame.h"
#include "lib/wire/wire.h"

enum { REQUESTS = SANITIZED ? 30000 : 100000, LABELERS = 20, GROWTH_MAX_KIB = 32 * 1024 };

struct fixture {
	struct daemon daemon;
	struct raw greedy;
	struct candor *good;
	struct buf stream; /* all that the greedy one will say */
	size_t sent;
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){.greedy = {.fd = -1}};
	daemon_init(&f.daemon);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	raw_close(&f->greedy);
	buf_free(&f->stream);
	return daemon_end(&f->daemon);
}

/* A daemon with a pool of some labelers. */
static void start(struct fixture *f, const char *const *options)
{
	char names[LABELERS][16];
	struct candor_report rows[LABELERS];
	daemon_start(&f->daemon, options);
	f->good = daemon_connect(&f->daemon);
	raw_open(&f->greedy, f->daemon.address);
	/* What the system holds for the two of them is to be little, so that the daemon's own measure is seen. */
	int held = 16 * 1024;
	assert_int_equal(setsockopt(f->greedy.fd, SOL_SOCKET, SO_SNDBUF, &held, sizeof held), 0);
	call_create_pool(f->good, "p");
	for (size_t i = 0; i < LABELERS; i++) {
		snprintf(names[i], sizeof names[i], "labeler-%zu", i);
		rows[i] = (struct candor_report){"item", names[i], 0.5};
	}
	call_ok(f->good,
		(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = LABELERS, .reports = rows});
}

/* What the greedy one's connection takes without waiting: bytes, 0 if none for now, -1 if it was ended. */
static ssize_t send_some(struct fixture *f, const void *bytes, size_t len)
{
	ssize_t n = send(f->greedy.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return -1;
	assert_true(n >= 0 || errno == EAGAIN || errno == EINTR);
	return n > 0 ? n : 0;
}

static void add_request(struct fixture *f, const struct candor_request *r)
{
	struct arena scratch;
	arena_init(&scratch, 1 << 20);
	assert_int_equal(wire_encode_request(r, &scratch, 1 << 20, &f->stream), 0);
	arena_free(&scratch);
}

/* ---- time ---- */

static void a_frame_that_trickles_in_is_cut_off_however_steadily(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--frame-timeout", "1", NULL};
	start(f, options);
	raw_send(&f->greedy, "\xe8\x07", 2); /* a frame of 1000 bytes, of which */
	ssize_t n = 0;
	for (int i = 0; i < 900 && n >= 0; i++) { /* 900 would come, if they could */
		n = send_some(f, "x", 1);
		nap_ms(20);
	}
	assert_int_equal(n, -1);
	call_info(f->good);
}

static void a_peer_that_takes_no_answers_is_cut_off(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--frame-timeout", "1", "--max-unsent-bytes", "64K", NULL};
	start(f, options);
	add_request(f, &(struct candor_request){.id = 1, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p"});
	ssize_t n = 0;
	/* More than a request at a time, and never less than one: where it is cut does not matter here. */
	for (int i = 0; i < 3000 && n >= 0; i++) {
		while ((n = send_some(f, f->stream.data, f->stream.len)) > 0)
			;
		nap_ms(20);
	}
	assert_int_equal(n, -1);
	call_info(f->good);
}

static void take_answers(struct raw *r, size_t n)
{
	struct candor_response response;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(raw_receive(r, &response), 1);
		assert_int_equal(response.code, CANDOR_OK);
	}
}

/* The daemon is stopped for longer than any limit. Meanwhile one peer sends a whole request, another the second half of
 * one, a third asks for the first time, and a fourth reads the answers that wait for it. */
static void time_in_which_the_daemon_did_not_look_counts_against_nobody(void **state)
{
	struct fixture *f = *state;
	enum { WHOLE, HALF, IDLE, READER, PEERS, ROWS = 2000, ASKED = 400 };
	const char *const options[] = {"--frame-timeout", "1", "--idle-timeout", "2", NULL};
	struct raw peers[PEERS];
	struct buf kept = {0};
	uint8_t some[4096];
	ssize_t n;
	start(f, options);
	for (uint64_t id = 1; id <= ASKED; id++)
		add_request(f, &(struct candor_request){.id = id, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p"});
	for (int i = 0; i < PEERS; i++)
		raw_open(&peers[i], f->daemon.address);
	raw_send(&peers[READER], f->stream.data, f->stream.len);
	raw_send(&peers[HALF], "\x04\x08\x01", 3);
	/* It has looked at them when somebody who came later is answered, and the limits are not near. */
	call_info(f->good);
	call_info(f->good);

	assert_int_equal(kill(f->daemon.pid, SIGSTOP), 0);
	static struct candor_report rows[ROWS];
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = (struct candor_report){"item", "labeler-0", (double)(i + 1) / ROWS};
	raw_send_request(&peers[WHOLE],
			 &(struct candor_request){
				 .id = 2, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = ROWS, .reports = rows});
	raw_send(&peers[HALF], "\x1a\x00", 2);
	raw_send_request(&peers[IDLE], &(struct candor_request){.id = 3, .type = CANDOR_REQ_INFO});
	while ((n = recv(peers[READER].fd, some, sizeof some, MSG_DONTWAIT)) > 0)
		assert_int_equal(buf_append(&kept, some, (size_t)n), 0);
	nap_ms(3000);
	assert_int_equal(kill(f->daemon.pid, SIGCONT), 0);

	take_answers(&peers[HALF], 1);
	take_answers(&peers[IDLE], 1);
	take_answers(&peers[WHOLE], 1);
	struct frame frame;
	struct view message;
	size_t read = 0;
	frame_init(&frame, 1 << 22);
	do {
		assert_int_equal(frame_push(&frame, kept.data, kept.len), 0);
		while (frame_next(&frame, &message) == 1)
			read++;
		n = read < ASKED ? recv(peers[READER].fd, some, sizeof some, 0) : 0;
		kept.len = 0;
		if (n > 0)
			assert_int_equal(buf_append(&kept, some, (size_t)n), 0);
	} while (n > 0);
	assert_int_equal(read, ASKED);
	frame_free(&frame);
	buf_free(&kept);
	for (int i = 0; i < PEERS; i++)
		raw_close(&peers[i]);
}

/* ---- memory ---- */

static void *send_rest(void *arg)
{
	struct fixture *f = arg;
	raw_send(&f->greedy, f->stream.data + f->sent, f->stream.len - f->sent);
	return NULL;
}

/* Sends all requests without reading, until the daemon has taken none for a hundred of another peer's turns. */
static void send_without_reading(struct fixture *f)
{
	for (int turns = 0; turns < 100 && f->sent < f->stream.len;) {
		ssize_t n = send_some(f, f->stream.data + f->sent, f->stream.len - f->sent);
		assert_true(n >= 0);
		f->sent += (size_t)n;
		turns = n > 0 ? 0 : turns + 1;
		call_get_pool(f->good, "p");
	}
	assert_true(f->sent < f->stream.len);
}

/* Reads at last: each request has got its answer, once. */
static void read_all(struct fixture *f)
{
	static bool answered[REQUESTS + 1];
	struct candor_response r;
	pthread_t sender;
	memset(answered, 0, sizeof answered);
	assert_int_equal(pthread_create(&sender, NULL, send_rest, f), 0);
	for (size_t i = 0; i < REQUESTS; i++) {
		assert_int_equal(raw_receive(&f->greedy, &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
		assert_int_equal(r.n_rejected, 0);
		assert_in_range(r.id, 1, REQUESTS);
		assert_false(answered[r.id]);
		answered[r.id] = true;
	}
	assert_int_equal(pthread_join(sender, NULL), 0);
}

static void check_greed(struct fixture *f)
{
	double before = daemon_resident_kib(f->daemon.pid);
	send_without_reading(f);
	double grown = daemon_resident_kib(f->daemon.pid) - before;
	print_message("# held back after %zu of %zu bytes, %.0f KiB more resident\n", f->sent, f->stream.len, grown);
	/* Sanitizers keep what was freed. */
	if (!SANITIZED)
		assert_true(grown < GROWTH_MAX_KIB);
	read_all(f);
	call_info(f->good);
}

static void endless_queries_are_held_back_and_all_answered_in_the_end(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--max-unsent-bytes", "1M", NULL};
	start(f, options);
	for (uint64_t id = 1; id <= REQUESTS; id++)
		add_request(f, &(struct candor_request){.id = id, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p"});
	check_greed(f);
}

static void endless_reports_are_held_back_and_all_applied_in_the_end(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--max-in-flight", "256", "--max-unsent-bytes", "64K", "--sync", "normal", NULL};
	start(f, options);
	for (uint64_t id = 1; id <= REQUESTS; id++) {
		/* Revisions of the same few reports, so that what is kept does not grow. */
		char labeler[16];
		struct candor_report row = {"item", labeler, (double)id / REQUESTS};
		snprintf(labeler, sizeof labeler, "labeler-%d", (int)(id % LABELERS));
		add_request(f,
			    &(struct candor_request){
				    .id = id, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	}
	check_greed(f);
	/* In the order sent: what stands are the last ones. */
	const char *const item = "item";
	const struct candor_response *r = call_ok(
		f->good,
		(struct candor_request){
			.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &item, .with_reports = true});
	assert_int_equal(r->items[0].n_reports, LABELERS);
	for (size_t i = 0; i < LABELERS; i++) {
		size_t last = i == 0 ? REQUESTS : REQUESTS - LABELERS + i;
		assert_same_bits(r->items[0].reports[i].value, (double)last / REQUESTS);
	}
}

static void peers_that_ask_a_lot_and_hang_up_harm_nobody(void **state)
{
	struct fixture *f = *state;
	start(f, NULL);
	for (uint64_t id = 1; id <= 4000; id++)
		add_request(f, &(struct candor_request){.id = id, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p"});
	for (int i = 0; i < 100; i++) {
		struct raw rude;
		raw_open(&rude, f->daemon.address);
		raw_send(&rude, f->stream.data, f->stream.len);
		raw_close(&rude);
		call_ok(f->good, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
	}
}

/* The daemon's measures are small beside what the system holds: nothing may depend on a write that has to wait. */
static void small_limits_hold_nobody_back_for_ever(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--max-in-flight", "2", "--max-unsent-bytes", "1K", "--sync", "normal", NULL};
	start(f, options);
	for (uint64_t id = 1; id <= 2000; id++) {
		struct candor_report row = {"item", "labeler-0", (double)id / 2000};
		add_request(f, &(struct candor_request){.id = id,
							.type = id <= 1000 ? CANDOR_REQ_POST_REPORTS
									   : CANDOR_REQ_LIST_LABELERS,
							.pool = "p",
							.n = 1,
							.reports = &row});
	}
	struct candor_response r;
	pthread_t sender;
	assert_int_equal(pthread_create(&sender, NULL, send_rest, f), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		assert_int_equal(raw_receive(&f->greedy, &r), 1);
		assert_int_equal(r.type, r.id <= 1000 ? CANDOR_RES_BATCH : CANDOR_RES_LABELERS);
	}
	assert_int_equal(pthread_join(sender, NULL), 0);
}

#define LIMITS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITS(a_frame_that_trickles_in_is_cut_off_however_steadily),
		LIMITS(a_peer_that_takes_no_answers_is_cut_off),
		LIMITS(time_in_which_the_daemon_did_not_look_counts_against_nobody),
		LIMITS(endless_queries_are_held_back_and_all_answered_in_the_end),
		LIMITS(peers_that_ask_a_lot_and_hang_up_harm_nobody),
		LIMITS(small_limits_hold_nobody_back_for_ever),
		LIMITS(endless_reports_are_held_back_and_all_applied_in_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
