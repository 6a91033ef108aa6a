/* The end of a connection to the real daemon, over a Unix socket, TCP and TLS: what was done is answered before it. Each time
 * requests of several kinds are sent at once, most of which wait for the disk, and right behind them something that ends
 * the connection. */
#include <sys/socket.h>

#include "lib/wire/frame.h"
#include "lib/wire/wire.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/raw.h"
#include "tests/lib/secure.h"
#include "tests/lib/stranger.h"

enum way { OVER_UNIX, OVER_TCP, OVER_TLS };
enum { ITEMS = 40, KINDS = 3, REQUESTS = ITEMS * KINDS, LAST = 777 };

/* ---- what is sent ---- */

static void add(struct buf *to, const struct candor_request *r)
{
	struct arena scratch;
	arena_init(&scratch, 1 << 20);
	assert_int_equal(wire_encode_request(r, &scratch, 1 << 20, to), 0);
	arena_free(&scratch);
}

static void add_bytes(struct buf *to, const void *bytes, size_t len)
{
	assert_int_equal(buf_append(to, bytes, len), 0);
}

/* Each item gets a report, is resolved, and is asked for. */
static void add_requests(struct buf *to, const char *pool)
{
	for (uint64_t i = 0; i < ITEMS; i++) {
		char item[24];
		snprintf(item, sizeof item, "i%u", (unsigned)i);
		const char *const name = item;
		const struct candor_report report = {item, "ann", 0.25};
		const struct candor_outcome outcome = {item, 1};
		struct candor_request r = {.pool = pool, .n = 1};
		r.id = KINDS * i + 1;
		r.type = CANDOR_REQ_POST_REPORTS;
		r.reports = &report;
		add(to, &r);
		r.id++;
		r.type = CANDOR_REQ_RESOLVE_ITEMS;
		r.outcomes = &outcome;
		add(to, &r);
		r.id++;
		r.type = CANDOR_REQ_QUERY_ITEMS;
		r.items = &name;
		add(to, &r);
	}
}

/* ---- a conversation ---- */

static void start(struct secure *s, enum way way)
{
	struct daemon *d = &s->command->daemon;
	if (way == OVER_TLS)
		secure_start(s, ARGS("--max-frame-bytes", "4096"));
	else
		daemon_start(d, ARGS("--listen", "tcp:127.0.0.1:0", "--max-frame-bytes", "4096"));
	allow(d->address, "anonymous", CANDOR_RIGHTS_ALL);
}

/* Sends all of it, ends where it is to, and reads to the end, which must be a good one. */
static void converse(struct secure *s, enum way way, enum stranger_version version, const struct buf *bytes, bool stops,
		     struct buf *heard)
{
	struct raw raw;
	uint8_t some[4096];
	ssize_t n;
	raw_open(&raw, way == OVER_UNIX ? s->command->daemon.address : s->tcp);
	if (way == OVER_TLS) {
		struct stranger *t = stranger_new(raw.fd, version);
		assert_true(stranger_is_good(t));
		assert_true(stranger_says(t, bytes->data, (int)bytes->len));
		if (stops)
			assert_true(stranger_ends(t));
		assert_true(stranger_hears(t, heard));
		stranger_free(t);
	} else {
		raw_send(&raw, bytes->data, bytes->len);
		if (stops)
			assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
		while ((n = recv(raw.fd, some, sizeof some, 0)) > 0)
			add_bytes(heard, some, (size_t)n);
		assert_int_equal(n, 0);
	}
	raw_close(&raw);
}

/* All requests are answered well, once each, and then comes the last answer, if there is one. */
static void assert_answered(const struct buf *heard, uint64_t last_id, const char *says)
{
	bool answered[REQUESTS] = {0};
	size_t n = 0;
	struct frame frame;
	struct view message;
	struct arena arena;
	struct candor_response r = {.message = ""};
	arena_init(&arena, 1 << 20);
	frame_init(&frame, 1 << 20);
	assert_int_equal(frame_push(&frame, heard->data, heard->len), 0);
	for (; frame_next(&frame, &message) == 1; n++) {
		assert_int_equal(wire_decode_response(&arena, message.data, message.len, &r), 0);
		if (n == REQUESTS)
			break;
		assert_true(r.id >= 1 && r.id <= REQUESTS && !answered[r.id - 1]);
		assert_int_equal(r.code, CANDOR_OK);
		assert_int_equal(r.n_rejected, 0);
		answered[r.id - 1] = true;
	}
	assert_int_equal(n, REQUESTS);
	if (says) {
		assert_int_equal(r.id, last_id);
		assert_int_not_equal(r.code, CANDOR_OK);
		if (!strstr(r.message, says))
			fail_msg("'%s' does not say '%s'", r.message, says);
	}
	assert_int_equal(frame_pending(&frame), 0);
	frame_free(&frame);
	arena_free(&arena);
}

/* ---- the tests ---- */

static const struct ending {
	const char *bytes;
	size_t len;
	uint64_t id; /* of the last answer, */
	const char *says; /* and its sentence; NULL: there is none */
	bool stops; /* the peer says that nothing more will come */
} endings[] = {
#define BYTES(text) text, sizeof(text) - 1
	{BYTES("\x03\xff\xff\xff"), 0, "malformed frame: not a candor.v1.Request", false},
	{BYTES("\x81\x20xx"), 0, "frame too long: the limit is 4096 bytes", false},
	{BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0, "malformed frame: its length is not a varint",
	 false},
	/* id 777, a hello of protocol 1 with the token "wrong" */
	{BYTES("\x0e\x08\x89\x06\x12\x09\x08\x01\x1a\x05wrong"), LAST, "", false},
	{BYTES(""), 0, NULL, true},
	{BYTES("\x7f\x08"), 0, "incomplete frame", true},
};

static void what_was_done_is_answered(struct secure *s, enum way way, enum stranger_version version)
{
	struct candor *good;
	start(s, way);
	good = daemon_connect(&s->command->daemon);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		const struct ending *e = &endings[i];
		struct buf bytes = {0}, heard = {0};
		char pool[24];
		snprintf(pool, sizeof pool, "p%u", (unsigned)i);
		call_create_pool(good, pool);
		add_requests(&bytes, pool);
		add_bytes(&bytes, e->bytes, e->len);
		/* Nothing behind it is looked at. */
		const struct candor_report after = {"after", "ann", 1};
		if (!e->stops)
			add(&bytes, &(struct candor_request){.id = 5000,
							     .type = CANDOR_REQ_POST_REPORTS,
							     .pool = pool,
							     .n = 1,
							     .reports = &after});
		converse(s, way, version, &bytes, e->stops, &heard);
		assert_answered(&heard, e->id, e->says);
		const struct candor_pool *p = call_get_pool(good, pool);
		assert_int_equal(p->resolved_items, ITEMS);
		assert_int_equal(p->open_items, 0);
		buf_free(&bytes);
		buf_free(&heard);
	}
}

static void what_was_done_over_a_unix_socket_is_answered(void **state)
{
	what_was_done_is_answered(*state, OVER_UNIX, STRANGER_TLS_1_3);
}

static void what_was_done_over_tcp_is_answered(void **state)
{
	what_was_done_is_answered(*state, OVER_TCP, STRANGER_TLS_1_3);
}

static void what_was_done_over_tls_1_2_is_answered(void **state)
{
	what_was_done_is_answered(*state, OVER_TLS, STRANGER_TLS_1_2);
}

static void what_was_done_over_tls_1_3_is_answered(void **state)
{
	what_was_done_is_answered(*state, OVER_TLS, STRANGER_TLS_1_3);
}

/* A revoked token ends its connection with the next request: what was done under it before is answered. */
static void what_was_done_before_a_token_was_revoked_is_answered(void **state)
{
	struct secure *s = *state;
	struct daemon *d = &s->command->daemon;
	char secret[TOKEN_TEXT_BYTES];
	struct raw raw;
	struct candor_response r;
	start(s, OVER_TCP);
	struct candor *good = daemon_connect(d);
	call_create_pool(good, "p");
	allow_token(d->address, "t", CANDOR_RIGHTS_ALL, secret);
	raw_open(&raw, d->tcp);
	raw_hello(&raw, secret);
	struct buf bytes = {0};
	add_requests(&bytes, "p");
	raw_send(&raw, bytes.data, bytes.len);
	call_ok(good, (struct candor_request){.type = CANDOR_REQ_REVOKE_TOKEN, .name = "t"});
	raw_send_request(&raw, &(struct candor_request){.id = LAST, .type = CANDOR_REQ_INFO});
	uint64_t done = 0, refused = 0;
	while (raw_receive(&raw, &r)) {
		assert_int_equal(refused, 0);
		refused += r.code == CANDOR_UNAUTHENTICATED;
		done += r.code == CANDOR_OK && r.type == CANDOR_RES_BATCH;
	}
	assert_int_equal(refused, 1);
	const struct candor_pool *p = call_get_pool(good, "p");
	assert_int_equal(done, p->open_items + 2 * p->resolved_items);
	buf_free(&bytes);
	raw_close(&raw);
}

/* The rest of a frame that does not come takes nothing away from the requests before it. */
static void a_frame_that_is_not_finished_in_time_is_told_after_the_answers(void **state)
{
	struct secure *s = *state;
	struct daemon *d = &s->command->daemon;
	struct raw raw;
	struct candor_response r;
	daemon_start(d, ARGS("--frame-timeout", "1"));
	call_create_pool(daemon_connect(d), "p");
	const struct candor_report row = {"i", "ann", 1};
	raw_open(&raw, d->address);
	raw_send_request(&raw, &(struct candor_request){
				       .id = 9, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	raw_send(&raw, "\x30\x08\x0a", 3);
	assert_int_equal(raw_receive(&raw, &r), 1);
	assert_int_equal(r.id, 9);
	assert_int_equal(r.batch.accepted, 1);
	assert_int_equal(raw_receive(&raw, &r), 1);
	assert_int_equal(r.id, 0);
	assert_int_equal(r.code, CANDOR_INVALID_ARGUMENT);
	assert_non_null(strstr(r.message, "incomplete frame"));
	assert_int_equal(raw_receive(&raw, &r), 0);
	raw_close(&raw);
}

/* Answers wait for a peer that ended the conversation no longer than for any other. */
static void a_peer_that_does_not_read_its_last_answers_is_cut_off(void **state)
{
	struct secure *s = *state;
	struct daemon *d = &s->command->daemon;
	struct raw raw[2];
	daemon_start(d, ARGS("--frame-timeout", "1"));
	struct candor *good = daemon_connect(d);
	call_create_pool(good, "p");
	static char names[500][24];
	static struct candor_report rows[500];
	for (size_t i = 0; i < 500; i++) {
		snprintf(names[i], sizeof names[i], "labeler-%u", (unsigned)i);
		rows[i] = (struct candor_report){"i", names[i], 0.5};
	}
	call_ok(good, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 500, .reports = rows});
	struct buf bytes = {0};
	for (uint64_t id = 1; id <= 60; id++)
		add(&bytes,
		    &(struct candor_request){.id = id, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 500});
	for (int i = 0; i < 2; i++) {
		raw_open(&raw[i], d->address);
		raw_send(&raw[i], bytes.data, bytes.len);
		if (i == 0)
			raw_send(&raw[i], "\x03\xff\xff\xff", 4);
		else
			assert_int_equal(shutdown(raw[i].fd, SHUT_WR), 0);
	}
	for (int i = 0; i < 3000 && call_info(good)->connections > 1; i++)
		nap_ms(10);
	assert_int_equal(call_info(good)->connections, 1);
	for (int i = 0; i < 2; i++)
		raw_close(&raw[i]);
	buf_free(&bytes);
}

#define AT_THE_END(test) cmocka_unit_test_setup_teardown(test, secure_set_up, secure_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_END(what_was_done_over_a_unix_socket_is_answered),
		AT_THE_END(what_was_done_over_tcp_is_answered),
		AT_THE_END(what_was_done_over_tls_1_2_is_answered),
		AT_THE_END(what_was_done_over_tls_1_3_is_answered),
		AT_THE_END(what_was_done_before_a_token_was_revoked_is_answered),
		AT_THE_END(a_frame_that_is_not_finished_in_time_is_told_after_the_answers),
		AT_THE_END(a_peer_that_does_not_read_its_last_answers_is_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
