/* Limits of principals in the engine: whose they are, what counts, and that what is refused leaves nothing. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/peer.h"

#define ANN ((struct identity){.name = "uid:1001", .is_known = true, .is_local = true})
#define BEN ((struct identity){.name = "uid:1002", .is_known = true, .is_local = true})
#define STRANGER ((struct identity){.name = "tcp:192.0.2.1"})
#define ANOTHER ((struct identity){.name = "tcp:192.0.2.2"})

static struct fake_owner *start(struct quota_limits quota)
{
	struct fake_owner *f = malloc(sizeof *f);
	struct engine_limits limits = fake_roomy_limits();
	require(f);
	limits.quota = quota;
	fake_init(f, &limits);
	fake_pool(f, "p", NULL);
	for (int i = 0; i < 2; i++) {
		const struct candor_grant grant = {i ? BEN.name : ANN.name, "p", "",
						   CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME};
		struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .pool = "p", .n = 1, .grants = &grant};
		require(fake_call(f, &r)->code == CANDOR_OK);
	}
	return f;
}

static void stop(struct fake_owner *f)
{
	require(fake_end(f) == 0);
	free(f);
}

static const struct candor_response *post(struct fake_owner *f, struct identity identity, size_t n,
					  const char *const *items, const char *labeler)
{
	struct candor_report rows[16];
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct candor_report){items[i], labeler, 0.5};
	return fake_call_as(
		f, &identity,
		&(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows});
}

#define POST(f, identity, labeler, ...)                                                \
	post(f, identity, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
	     (const char *const[]){__VA_ARGS__}, labeler)

static const struct candor_response *hello(struct fake_owner *f, struct identity *identity, const char *token)
{
	return fake_call_as(f, identity,
			    &(struct candor_request){.type = CANDOR_REQ_HELLO, .protocol = 1, .token = token});
}

static void assert_limited(const struct candor_response *r, const char *whose, const char *limit)
{
	assert_int_equal(r->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(r->type, CANDOR_RES_NONE);
	assert_true(r->retry_after_ms > 0);
	if (!strstr(r->message, whose) || !strstr(r->message, limit)) {
		print_error("'%s' says nothing of %s and %s\n", r->message, whose, limit);
		fail();
	}
}

static void assert_accepted(const struct candor_response *r, uint64_t accepted, size_t rejected)
{
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->retry_after_ms, 0);
	assert_int_equal(r->batch.accepted, accepted);
	assert_int_equal(r->n_rejected, rejected);
}

/* ---- rates ---- */

static void a_request_over_a_rate_limit_is_refused_with_a_time_and_leaves_nothing(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{0, 3, 0}, 0});
	(void)state;
	assert_accepted(POST(f, ANN, "l", "a", "b", "c", "d"), 4, 0);
	char *before = fake_state(f);
	double events = fake_number(f, "SELECT count(*) FROM events");
	const struct candor_response *r = POST(f, ANN, "m", "a", "e");
	assert_limited(r, "uid:1001", "3 reports per second for uid:1001, limit_reports");
	assert_int_equal(r->retry_after_ms, 334);
	char *after = fake_state(f);
	assert_string_equal(before, after);
	assert_near(fake_number(f, "SELECT count(*) FROM events"), events, 0);
	free(before);
	free(after);
	/* All else goes on, and so does this when its time has come. */
	const char *const item = "b";
	struct identity ann = ANN;
	struct candor_request close = {.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = &item};
	assert_accepted(fake_call_as(f, &ann, &close), 1, 0);
	f->now_ms += 333;
	assert_limited(POST(f, ANN, "m", "a", "e"), "uid:1001", "limit_reports");
	f->now_ms += 1;
	assert_accepted(POST(f, ANN, "m", "a", "e"), 2, 0);
	stop(f);
}

static void connections_of_one_principal_share_a_limit_and_others_have_their_own(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{2, 0, 0}, 0});
	(void)state;
	/* Each of these is a connection of its own. */
	assert_accepted(POST(f, ANN, "l", "a"), 1, 0);
	assert_accepted(POST(f, ANN, "m", "a"), 1, 0);
	assert_limited(POST(f, ANN, "n", "a"), "uid:1001", "2 requests per second for uid:1001, limit_requests");
	assert_accepted(POST(f, BEN, "n", "a"), 1, 0);
	stop(f);
}

static void the_daemons_own_user_has_no_limits(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{1, 1, 1}, 1});
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_accepted(POST(f, FAKE_OWNER, "l", (char[]){(char)('a' + i), 0}, (char[]){(char)('A' + i), 0}), 2,
				0);
	stop(f);
}

static void a_request_that_waits_for_the_disk_is_charged_once(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{2, 0, 0}, 0});
	(void)state;
	/* Neither memory nor disk knows the item, which takes a read to find out. */
	if (f->called)
		ask_free(f->called);
	f->called = NULL;
	const struct candor_report row = {"new", "l", 1};
	struct ask *a = fake_prepare(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	a->identity = ANN;
	fake_submit(a);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	fake_settle(f);
	assert_accepted(&a->answer, 1, 0);
	ask_free(a);
	assert_accepted(POST(f, ANN, "m", "new"), 1, 0);
	assert_limited(POST(f, ANN, "n", "new"), "uid:1001", "limit_requests");
	stop(f);
}

static void reading_ahead_for_a_request_that_is_then_refused_harms_nobody(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{1, 0, 0}, 0});
	const struct candor_report row = {"new", "l", 1};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	(void)state;
	struct ask *a = fake_prepare(f, &r), *b = fake_prepare(f, &r);
	a->identity = b->identity = ANN;
	engine_announce(f->engine, &a->call);
	assert_int_equal(f->n_reads, 1);
	struct identity ann = ANN;
	const char *const item = "x";
	struct candor_request query = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &item};
	struct ask *c = fake_prepare(f, &query);
	c->identity = ann;
	fake_submit(c); /* refused, but paid for */
	assert_int_equal(c->answer.code, CANDOR_PERMISSION_DENIED);
	fake_submit(a);
	assert_int_equal(a->outcome, ENGINE_REPLIED);
	assert_limited(&a->answer, "uid:1001", "limit_requests");
	/* Nobody waits for what was read ahead, and nothing more is read ahead for them. */
	assert_int_equal(f->n_reads, 0);
	engine_announce(f->engine, &b->call);
	assert_int_equal(f->n_reads, 0);
	fake_submit(b);
	assert_limited(&b->answer, "uid:1001", "limit_requests");
	ask_free(a);
	ask_free(b);
	ask_free(c);
	fake_settle(f);
	assert_near(fake_number(f, "SELECT count(*) FROM open_items"), 0, 0);
	stop(f);
}

/* ---- who pays ---- */

static void refusals_for_missing_rights_count_for_all_anonymous_peers_together(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{3, 0, 0}, 0});
	struct identity one = STRANGER, other = ANOTHER;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	assert_int_equal(fake_call_as(f, &one, &info)->code, CANDOR_UNAUTHENTICATED);
	assert_int_equal(fake_call_as(f, &other, &info)->code, CANDOR_UNAUTHENTICATED);
	assert_int_equal(hello(f, &one, "")->code, CANDOR_OK);
	assert_limited(fake_call_as(f, &other, &info), "all anonymous peers together", "limit_requests");
	assert_limited(fake_call_as(f, &one, &info), "all anonymous peers together", "limit_requests");
	one = ANOTHER;
	assert_limited(hello(f, &one, ""), "all anonymous peers together", "limit_requests");
	assert_false(one.is_refused);
	stop(f);
}

static void guessed_tokens_count_for_the_anonymous_and_do_not_keep_valid_tokens_out(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{2, 0, 0}, 0});
	char secret[CANDOR_TOKEN_MAX + 1];
	(void)state;
	const struct candor_grant grant = {"", "p", "", CANDOR_RIGHT_REPORT};
	struct candor_request make = {.type = CANDOR_REQ_CREATE_TOKEN, .name = "t", .n = 1, .grants = &grant};
	const struct candor_response *made = fake_call(f, &make);
	assert_int_equal(made->code, CANDOR_OK);
	snprintf(secret, sizeof secret, "%s", made->secret);
	for (int i = 0; i < 5; i++) {
		struct identity identity = i % 2 ? STRANGER : ANOTHER;
		const struct candor_response *r = hello(f, &identity, "a guess");
		if (i < 2)
			assert_int_equal(r->code, CANDOR_UNAUTHENTICATED);
		else
			assert_limited(r, "all anonymous peers together", "limit_requests");
		assert_false(identity.is_known);
		assert_true(identity.is_refused); /* one guess a connection, whatever is said */
	}
	struct identity identity = STRANGER;
	assert_int_equal(hello(f, &identity, secret)->code, CANDOR_OK);
	assert_string_equal(identity.name, "token:t");
	/* This was the first of their own two. */
	assert_accepted(POST(f, identity, "l", "a"), 1, 0);
	assert_limited(POST(f, identity, "m", "a"), "token:t", "limit_requests");
	/* A new connection waits as well, and is theirs already, so that nothing behind it is done as somebody else. */
	identity = STRANGER;
	assert_limited(hello(f, &identity, secret), "token:t", "limit_requests");
	assert_string_equal(identity.name, "token:t");
	assert_false(identity.is_refused || identity.is_settled);
	f->now_ms += 1000;
	assert_int_equal(hello(f, &identity, secret)->code, CANDOR_OK);
	assert_string_equal(identity.name, "token:t");
	stop(f);
}

static void a_peer_refused_for_a_rate_limit_can_still_authenticate(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{1, 0, 0}, 0});
	struct identity identity = ANN;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	assert_int_equal(hello(f, &identity, "")->code, CANDOR_OK);
	assert_limited(fake_call_as(f, &identity, &info), "uid:1001", "limit_requests");
	assert_false(identity.is_settled);
	f->now_ms += 1000;
	assert_int_equal(fake_call_as(f, &identity, &info)->code, CANDOR_OK);
	assert_true(identity.is_settled);
	stop(f);
}

static void a_clock_that_is_set_neither_gives_nor_takes_time(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{1, 0, 0}, 0});
	struct identity identity = ANN;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	assert_int_equal(hello(f, &identity, "")->code, CANDOR_OK);
	f->clock_set_ms = 3600000;
	assert_limited(fake_call_as(f, &identity, &info), "uid:1001", "limit_requests");
	f->clock_set_ms = -3600000;
	f->now_ms += 1000;
	assert_int_equal(fake_call_as(f, &identity, &info)->code, CANDOR_OK);
	stop(f);
}

/* ---- bytes ---- */

static void bytes_are_those_of_the_frame_whether_it_can_be_unpacked_or_not(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{0, 0, 3000}, 0});
	struct session_limits limits = peer_roomy_limits();
	struct candor_response r;
	struct peer p;
	char name[CANDOR_NAME_MAX + 1];
	const char *items[100];
	(void)state;
	memset(name, 'x', CANDOR_NAME_MAX);
	name[CANDOR_NAME_MAX] = 0;
	for (size_t i = 0; i < 100; i++)
		items[i] = name;
	const struct candor_request small = {
		.id = 1, .type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = items};
	const struct candor_request large = {
		.id = 2, .type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 100, .items = items};

	struct buf bytes = {0};
	peer_write(&bytes, &small);
	size_t each = bytes.len - 2; /* a length of two bytes stands before it */
	buf_free(&bytes);
	peer_init(&p, f, &limits);
	session_set_peer(p.session, &ANN);
	for (uint64_t sent = 0; sent < 3000; sent += each) {
		peer_send(&p, &small);
		fake_settle(f);
		assert_int_equal(peer_receive(&p, &r), 1);
		assert_int_equal(r.code, CANDOR_OK);
	}
	peer_send(&p, &small);
	assert_int_equal(peer_receive(&p, &r), 1);
	assert_limited(&r, "uid:1001", "3000 bytes per second for uid:1001, limit_bytes");
	peer_end(&p);

	f->now_ms += 5000;
	limits.max_unpacked_bytes = 1 << 12;
	peer_init(&p, f, &limits);
	session_set_peer(p.session, &ANN);
	peer_send(&p, &large);
	assert_int_equal(peer_receive(&p, &r), 1);
	assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(r.retry_after_ms, 0);
	peer_send(&p, &small);
	assert_int_equal(peer_receive(&p, &r), 1);
	assert_limited(&r, "uid:1001", "limit_bytes");
	assert_in_range(r.retry_after_ms, 7000, 9000); /* some 26,000 bytes, 3,000 of which were there */
	peer_end(&p);
	stop(f);
}

/* ---- open items ---- */

static void assert_too_many(const struct candor_rejected *r, uint32_t index, const char *whose)
{
	assert_int_equal(r->index, index);
	assert_int_equal(r->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r->message, whose));
	assert_non_null(strstr(r->message, "limit of 2 open items"));
	assert_non_null(strstr(r->message, "limit_open_items"));
}

static void rows_that_would_open_one_too_many_are_rejected_and_the_others_go_on(void **state)
{
	struct fake_owner *f = start((struct quota_limits){.open_items = 2});
	(void)state;
	const struct candor_response *r = POST(f, ANN, "l", "a", "b", "c", "a", "c", "d");
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->batch.accepted, 2);
	assert_int_equal(r->batch.duplicates, 1);
	assert_int_equal(r->n_rejected, 3);
	assert_too_many(&r->rejected[0], 2, "uid:1001");
	assert_too_many(&r->rejected[1], 4, "uid:1001");
	assert_too_many(&r->rejected[2], 5, "uid:1001");
	assert_int_equal(r->retry_after_ms, 0);
	assert_null(fake_query(f, "p", "c"));
	/* Others have room, also for the same; and in what they have opened everybody may report. */
	assert_accepted(POST(f, BEN, "m", "a", "c"), 2, 0);
	assert_accepted(POST(f, ANN, "l", "c", "d"), 1, 1);
	stop(f);
}

static void closing_resolving_and_voiding_give_room_to_whoever_opened(void **state)
{
	struct fake_owner *f = start((struct quota_limits){.open_items = 2});
	(void)state;
	assert_accepted(POST(f, ANN, "l", "a", "b", "c"), 2, 1);
	assert_int_equal(fake_close(f, "p", "a"), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "c", "d"), 1, 1);
	/* Once, whatever else becomes of the item. */
	assert_int_equal(fake_resolve(f, "p", "a", 1), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "d"), 0, 1);
	assert_int_equal(fake_resolve(f, "p", "b", 1), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "d", "e"), 1, 1);
	assert_int_equal(fake_void(f, "p", "c"), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "e", "f"), 1, 1);
	assert_int_equal(fake_void(f, "p", "e"), CANDOR_OK);
	assert_int_equal(fake_void(f, "p", "e"), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "f", "g"), 1, 1);
	/* Ben's are not Ann's. */
	assert_accepted(POST(f, BEN, "l", "h"), 1, 0);
	assert_int_equal(fake_close(f, "p", "h"), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "g"), 0, 1);
	stop(f);
}

static void open_items_are_still_whose_they_were_after_a_restart(void **state)
{
	struct fake_owner *f = start((struct quota_limits){.open_items = 2});
	(void)state;
	assert_accepted(POST(f, ANN, "l", "a", "b"), 2, 0);
	assert_accepted(POST(f, BEN, "m", "a", "c"), 2, 0);
	fake_restart(f);
	assert_accepted(POST(f, ANN, "l", "d"), 0, 1);
	assert_accepted(POST(f, BEN, "l", "d", "e"), 1, 1);
	assert_int_equal(fake_resolve(f, "p", "a", 0), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "f", "g"), 1, 1);

	/* Those of whom nobody knows who opened them count for nobody. */
	fake_stop(f);
	fake_sql(f, "UPDATE open_items SET by = '' WHERE name = 'b'");
	fake_start(f);
	assert_accepted(POST(f, ANN, "l", "g", "h"), 1, 1);
	assert_int_equal(fake_close(f, "p", "b"), CANDOR_OK);
	assert_accepted(POST(f, ANN, "l", "h"), 0, 1);

	/* A principal is no longer than one can be. */
	fake_stop(f);
	fake_sql(f, "UPDATE open_items SET by = printf('%0256d', 0) WHERE name = 'c'");
	assert_int_equal(fake_try_start(f), ERR_HISTORY);
	fake_sql(f, "UPDATE open_items SET by = 'uid:1002' WHERE name = 'c'");
	fake_start(f);
	stop(f);
}

static void changes_that_could_not_be_written_are_not_counted(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{4, 0, 0}, 2});
	(void)state;
	assert_accepted(POST(f, ANN, "l", "a"), 1, 0);
	const struct candor_report row = {"b", "l", 1};
	struct ask *a = fake_prepare(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	a->identity = ANN;
	fake_submit(a);
	while (f->n_reads > 0)
		fake_read_done(f, 0);
	assert_true(fake_tick(f));
	fake_commit(f, -ENOMEM);
	assert_int_equal(a->err, -ENOMEM);
	ask_free(a);
	assert_accepted(POST(f, ANN, "l", "b", "c"), 1, 1);
	/* But it was asked. */
	assert_accepted(POST(f, ANN, "m", "a"), 1, 0);
	assert_limited(POST(f, ANN, "n", "a"), "uid:1001", "limit_requests");
	stop(f);
}

static void the_memory_of_the_counters_is_counted(void **state)
{
	struct fake_owner *f = start((struct quota_limits){{1, 0, 0}, 0});
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	size_t before = engine_bytes(f->engine);
	for (int i = 0; i < 1000; i++) {
		struct identity identity = {.is_known = true};
		snprintf(identity.name, sizeof identity.name, "cert:CN=%d", i);
		assert_int_equal(fake_call_as(f, &identity, &info)->code, CANDOR_PERMISSION_DENIED);
	}
	assert_true(engine_bytes(f->engine) > before + 40000);
	stop(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_over_a_rate_limit_is_refused_with_a_time_and_leaves_nothing),
		cmocka_unit_test(connections_of_one_principal_share_a_limit_and_others_have_their_own),
		cmocka_unit_test(the_daemons_own_user_has_no_limits),
		cmocka_unit_test(a_request_that_waits_for_the_disk_is_charged_once),
		cmocka_unit_test(reading_ahead_for_a_request_that_is_then_refused_harms_nobody),
		cmocka_unit_test(refusals_for_missing_rights_count_for_all_anonymous_peers_together),
		cmocka_unit_test(guessed_tokens_count_for_the_anonymous_and_do_not_keep_valid_tokens_out),
		cmocka_unit_test(a_peer_refused_for_a_rate_limit_can_still_authenticate),
		cmocka_unit_test(a_clock_that_is_set_neither_gives_nor_takes_time),
		cmocka_unit_test(bytes_are_those_of_the_frame_whether_it_can_be_unpacked_or_not),
		cmocka_unit_test(rows_that_would_open_one_too_many_are_rejected_and_the_others_go_on),
		cmocka_unit_test(closing_resolving_and_voiding_give_room_to_whoever_opened),
		cmocka_unit_test(open_items_are_still_whose_they_were_after_a_restart),
		cmocka_unit_test(changes_that_could_not_be_written_are_not_counted),
		cmocka_unit_test(the_memory_of_the_counters_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
