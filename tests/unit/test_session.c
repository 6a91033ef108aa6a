/* One peer's protocol, bytes in and bytes out, over an engine whose commits and reads come when the test wants. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "tests/lib/talk.h"

static struct candor_request resolve(uint64_t id, const struct candor_outcome *row)
{
	return (struct candor_request){
		.id = id, .type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = row};
}

static size_t answers(struct peer_world *w)
{
	struct candor_response r;
	size_t n = 0;
	while (peer_receive(&w->p, &r))
		n++;
	return n;
}

/* ---- bytes ---- */

static void any_split_of_the_bytes_gives_the_same_answers(void **state)
{
	struct peer_world *w = *state;
	assert_int_equal(fake_post(&w->f, "p", "i", "a", 0.5), CANDOR_OK);
	static const char *const item = "i";
	static const struct candor_report row = {"i", "a", 0.5};
	const struct candor_request requests[] = {
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .client = "splitter"},
		get_pool_request(300),
		items_request(70000, CANDOR_REQ_QUERY_ITEMS, &item),
		post_request(4, &row),
		{.id = 5, .type = CANDOR_REQ_UNKNOWN},
		{.id = 6, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p"},
	};
	struct buf bytes = {0}, want = {0};
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		peer_write(&bytes, &requests[i]);
	peer_push(&w->p, bytes.data, bytes.len);
	assert_int_equal(buf_append(&want, session_output(w->p.session)->data, session_output(w->p.session)->len), 0);
	assert_int_equal(answers(w), 6);
	for (size_t step = 0; step < bytes.len; step++) {
		peer_again(w);
		/* Once byte by byte, then at each place in two. */
		for (size_t at = 0, n; at < bytes.len; at += n) {
			n = step == 0 ? 1 : at == 0 ? step : bytes.len - step;
			peer_push(&w->p, bytes.data + at, n);
		}
		const struct buf *got = session_output(w->p.session);
		assert_false(session_awaits_rest(w->p.session));
		assert_int_equal(got->len, want.len);
		assert_memory_equal(got->data, want.data, want.len);
	}
	buf_free(&bytes);
	buf_free(&want);
}

static void the_rest_of_a_message_is_awaited_where_it_is_the_peers_turn(void **state)
{
	struct peer_world *w = *state;
	struct buf bytes = {0};
	static const struct candor_report row = {"new", "a", 1};
	const struct candor_request first = post_request(1, &row), second = get_pool_request(2);
	peer_write(&bytes, &first);
	size_t first_len = bytes.len;
	peer_write(&bytes, &second);
	w->limits.max_in_flight = 1;
	peer_again(w);
	assert_false(session_awaits_rest(w->p.session));
	peer_push(&w->p, bytes.data, 1);
	assert_true(session_awaits_rest(w->p.session));
	peer_push(&w->p, bytes.data + 1, first_len - 1);
	assert_false(session_awaits_rest(w->p.session));
	/* Now it is full: the second message is not asked for, whole or not. */
	peer_push(&w->p, bytes.data + first_len, 2);
	assert_false(session_awaits_rest(w->p.session));
	fake_settle(&w->f);
	assert_true(session_awaits_rest(w->p.session));
	peer_push(&w->p, bytes.data + first_len + 2, bytes.len - first_len - 2);
	assert_false(session_awaits_rest(w->p.session));
	assert_int_equal(answers(w), 2);
	buf_free(&bytes);
}

/* One that takes them is not woken while it pushes: it looks at the output by itself. */
static void answers_are_offered_while_requests_are_still_being_taken(void **state)
{
	struct peer_world *w = *state;
	struct buf bytes = {0};
	for (uint64_t id = 1; id <= 1000; id++) {
		const struct candor_request r = get_pool_request(id);
		peer_write(&bytes, &r);
	}
	for (int eager = 0; eager < 2; eager++) {
		peer_again(w);
		w->p.eager = eager;
		peer_push(&w->p, bytes.data, bytes.len);
		assert_true((frame_pending(&w->p.input) > 0) == (eager == 1));
		assert_int_equal(w->p.wakes, 0);
		for (uint64_t id = 1; id <= 1000; id++)
			assert_answer(w, id, CANDOR_OK);
		assert_silence(w);
	}
	buf_free(&bytes);
}

static void a_request_of_no_kind_is_refused_alone(void **state)
{
	struct peer_world *w = *state;
	talk(w, (struct candor_request){.id = 9, .type = CANDOR_REQ_UNKNOWN});
	assert_answer(w, 9, CANDOR_INVALID_ARGUMENT);
	talk(w, get_pool_request(10));
	assert_answer(w, 10, CANDOR_OK);
}

static void a_request_over_its_budget_is_refused_alone(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_unpacked_bytes = 64 * 1024;
	peer_again(w);
	static struct candor_report rows[4000];
	for (size_t i = 0; i < 4000; i++)
		rows[i] = (struct candor_report){"i", "a", 0.5};
	struct candor_request r = post_request(5, rows);
	r.n = 4000;
	talk(w, r);
	assert_answer(w, 5, CANDOR_RESOURCE_EXHAUSTED);
	assert_false(session_is_over(w->p.session));
	r.n = 100;
	r.id = 6;
	talk(w, r);
	fake_settle(&w->f);
	assert_answer(w, 6, CANDOR_OK);

	/* Where not even its id could be read, whose answer it is cannot be told. */
	r.n = 4000;
	r.id = 0;
	talk(w, r);
	assert_answer(w, 0, CANDOR_RESOURCE_EXHAUSTED);
	assert_true(session_is_over(w->p.session));
}

static void an_answer_longer_than_a_frame_is_refused(void **state)
{
	struct peer_world *w = *state;
	for (int i = 0; i < 100; i++) {
		char labeler[24];
		snprintf(labeler, sizeof labeler, "labeler%d", i);
		assert_int_equal(fake_post(&w->f, "p", "i", labeler, 0.5), CANDOR_OK);
	}
	w->limits.max_frame_bytes = 1024;
	peer_again(w);
	talk(w, (struct candor_request){.id = 1, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 10});
	assert_answer(w, 1, CANDOR_OK);
	talk(w, (struct candor_request){.id = 2, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 100});
	assert_answer(w, 2, CANDOR_RESOURCE_EXHAUSTED);
	/* The same where it is held back. */
	talk(w, update_request(3));
	talk(w, (struct candor_request){.id = 4, .type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 100});
	assert_silence(w);
	fake_settle(&w->f);
	assert_answer(w, 3, CANDOR_OK);
	assert_answer(w, 4, CANDOR_RESOURCE_EXHAUSTED);
	assert_false(session_is_over(w->p.session));
}

/* ---- order and durability ---- */

static void no_answer_leaves_before_its_commit(void **state)
{
	struct peer_world *w = *state;
	static const char *const item = "i";
	static const struct candor_report row = {"i", "a", 1};
	talk(w, items_request(1, CANDOR_REQ_QUERY_ITEMS, &item));
	fake_settle(&w->f);
	assert_answer(w, 1, CANDOR_OK);
	unsigned wakes = w->p.wakes;
	talk(w, post_request(2, &row));
	talk(w, get_pool_request(3));
	assert_silence(w);
	assert_true(fake_tick(&w->f));
	talk(w, update_request(4));
	assert_silence(w);
	assert_int_equal(w->p.wakes, wakes);
	fake_commit(&w->f, 0);
	assert_true(w->p.wakes > wakes);
	assert_answer(w, 2, CANDOR_OK);
	assert_answer(w, 3, CANDOR_OK);
	assert_silence(w);
	assert_false(session_is_quiet(w->p.session));
	fake_settle(&w->f);
	assert_answer(w, 4, CANDOR_OK);
	assert_true(session_is_quiet(w->p.session));
}

static void a_thousand_requests_in_one_push_are_all_answered(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_in_flight = 64;
	for (int eager = 0; eager < 2; eager++) {
		peer_again(w);
		w->p.eager = eager;
		struct buf bytes = {0};
		bool answered[1000] = {0};
		char items[1000][16];
		for (uint64_t id = 0; id < 1000; id++) {
			snprintf(items[id], sizeof items[id], "%d-%d", eager, (int)id % 50);
			const char *item = items[id];
			const struct candor_report row = {item, "a", 0.5};
			struct candor_request r = id % 5 == 0   ? get_pool_request(id + 1)
						  : id % 5 == 1 ? items_request(id + 1, CANDOR_REQ_QUERY_ITEMS, &item)
						  : id % 5 == 4 ? items_request(id + 1, CANDOR_REQ_CLOSE_ITEMS, &item)
								: post_request(id + 1, &row);
			peer_write(&bytes, &r);
		}
		peer_push(&w->p, bytes.data, bytes.len);
		buf_free(&bytes);
		for (size_t n = 0; n < 1000;) {
			struct candor_response r;
			fake_settle(&w->f);
			assert_int_equal(peer_receive(&w->p, &r), 1);
			do {
				assert_true(r.id >= 1 && r.id <= 1000 && !answered[r.id - 1]);
				assert_int_equal(r.code, CANDOR_OK);
				answered[r.id - 1] = true;
				n++;
			} while (peer_receive(&w->p, &r));
		}
		assert_true(session_is_quiet(w->p.session));
	}
}

/* Each write names an item that has to be looked for on disk; the reads end in every order. */
static void a_connections_own_writes_apply_in_order_though_reads_are_pending(void **state)
{
	struct peer_world *w = *state;
	for (int pick = 0; pick < 3; pick++) {
		char a[16], b[16];
		snprintf(a, sizeof a, "a%d", pick);
		snprintf(b, sizeof b, "b%d", pick);
		const char *item_a = a, *item_b = b;
		const struct candor_report first = {a, "x", 0.25}, second = {a, "y", 0.5}, other = {b, "x", 1},
					   late = {a, "x", 0.75};
		const struct candor_outcome outcome = {a, 1};
		talk(w, post_request(1, &first));
		talk(w, post_request(2, &other));
		talk(w, post_request(3, &second));
		talk(w, items_request(4, CANDOR_REQ_CLOSE_ITEMS, &item_a));
		talk(w, post_request(5, &late));
		talk(w, items_request(6, CANDOR_REQ_QUERY_ITEMS, &item_a));
		talk(w, resolve(7, &outcome));
		talk(w, items_request(8, CANDOR_REQ_VOID_ITEMS, &item_b));
		talk(w, items_request(9, CANDOR_REQ_QUERY_ITEMS, &item_b));
		assert_true(w->f.n_reads > 1); /* it reads ahead */
		while (w->f.n_reads > 0)
			fake_read_done(&w->f, pick == 0 ? 0 : pick == 1 ? w->f.n_reads - 1 : w->f.n_reads / 2);
		fake_settle(&w->f);
		struct candor_response r;
		for (uint64_t id = 1; id <= 9; id++) {
			assert_int_equal(peer_receive(&w->p, &r), 1);
			assert_int_equal(r.id, id);
			assert_int_equal(r.code, CANDOR_OK);
			if (id == 5) {
				assert_int_equal(r.n_rejected, 1);
				assert_int_equal(r.rejected[0].code, CANDOR_FAILED_PRECONDITION);
			} else if (id == 6) {
				assert_int_equal(r.items[0].state, CANDOR_CLOSED);
				assert_int_equal(r.items[0].n, 2);
			} else if (id == 9) {
				assert_int_equal(r.items[0].state, CANDOR_VOID);
			} else {
				assert_int_equal(r.batch.accepted, 1);
			}
		}
	}
}

static void a_read_of_history_holds_up_nothing(void **state)
{
	struct peer_world *w = *state;
	talk(w, (struct candor_request){.id = 1, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
	talk(w, get_pool_request(2));
	talk(w, update_request(3));
	assert_answer(w, 2, CANDOR_OK);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, 0);
	assert_answer(w, 3, CANDOR_OK);
	assert_silence(w);
	fake_settle(&w->f);
	assert_answer(w, 1, CANDOR_OK);
}

static void more_requests_than_the_queue_holds_wait_for_a_read(void **state)
{
	struct peer_world *w = *state;
	static const struct candor_report row = {"new", "a", 1};
	talk(w, post_request(1, &row));
	assert_int_equal(w->f.n_reads, 1);
	for (uint64_t id = 2; id <= 200; id++)
		talk(w, get_pool_request(id));
	assert_false(session_wants_bytes(w->p.session));
	assert_silence(w);
	fake_settle(&w->f);
	for (uint64_t id = 1; id <= 200; id++)
		assert_answer(w, id, CANDOR_OK);
	assert_true(session_wants_bytes(w->p.session));
}

static void a_failed_commit_is_told_to_those_who_waited(void **state)
{
	struct peer_world *w = *state;
	static const struct {
		int err;
		enum candor_code code, read;
	} failures[] = {
		{-ENOMEM, CANDOR_RESOURCE_EXHAUSTED, CANDOR_RESOURCE_EXHAUSTED},
		/* Reads go on: what was asked is looked up once more. */
		{ERR_DISK_FULL, CANDOR_UNAVAILABLE, CANDOR_OK},
		{ERR_BUSY, CANDOR_UNAVAILABLE, CANDOR_OK},
	};
	for (uint64_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		talk(w, update_request(10 * i + 1));
		talk(w, get_pool_request(10 * i + 2));
		assert_true(fake_tick(&w->f));
		talk(w, update_request(10 * i + 3));
		fake_commit(&w->f, failures[i].err);
		assert_answer(w, 10 * i + 1, failures[i].code);
		assert_answer(w, 10 * i + 2, failures[i].read);
		assert_answer(w, 10 * i + 3, failures[i].code);
		talk(w, get_pool_request(10 * i + 4));
		assert_answer(w, 10 * i + 4, CANDOR_OK);
		engine_probe(w->f.engine);
		fake_settle(&w->f);
	}
	talk(w, update_request(28));
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, ERR_DISK_FULL);
	assert_answer(w, 28, CANDOR_UNAVAILABLE);
	talk(w, update_request(30));
	assert_answer(w, 30, CANDOR_UNAVAILABLE);
	engine_probe(w->f.engine);
	fake_settle(&w->f);
	talk(w, update_request(31));
	fake_settle(&w->f);
	assert_answer(w, 31, CANDOR_OK);
}

/* What was written before it failed may be there when the daemon runs again: nobody is told that it is not. */
static void a_commit_whose_outcome_is_not_known_is_no_refusal(void **state)
{
	struct peer_world *w = *state;
	talk(w, update_request(1));
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, ERR_DATABASE);
	assert_answer(w, 1, CANDOR_INTERNAL);
}

/* ---- limits ---- */

static void above_its_limit_of_requests_it_takes_no_more_until_half(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_in_flight = 8;
	for (uint64_t early = 3; early <= 4; early++) {
		peer_again(w);
		for (uint64_t id = 1; id <= early; id++)
			talk(w, update_request(id));
		assert_true(fake_tick(&w->f));
		assert_true(session_wants_bytes(w->p.session));
		for (uint64_t id = early + 1; id <= 20; id++)
			talk(w, update_request(id));
		assert_false(session_wants_bytes(w->p.session));
		assert_false(session_awaits_rest(w->p.session));
		/* 8 less 3 is above half, 8 less 4 is half. */
		fake_commit(&w->f, 0);
		assert_false(session_wants_bytes(w->p.session));
		assert_int_equal(answers(w), early);
		assert_true(fake_tick(&w->f));
		uint64_t changes = w->f.batch->last_change;
		fake_commit(&w->f, 0);
		assert_int_equal(answers(w), early == 3 ? 5 : 8);
		assert_true(changes > 0);
		fake_settle(&w->f);
		assert_int_equal(answers(w), 20 - early - (early == 3 ? 5 : 8));
		assert_true(session_wants_bytes(w->p.session));
	}
}

static void answers_that_are_not_taken_stop_it_until_half(void **state)
{
	struct peer_world *w = *state;
	enum { LIMIT = 4096, REQUESTS = 200 };
	w->limits.max_unsent_bytes = LIMIT;
	peer_again(w);
	for (uint64_t id = 1; id <= REQUESTS; id++)
		talk(w, get_pool_request(id));
	struct buf *output = session_output(w->p.session);
	size_t len = output->len;
	assert_false(session_wants_bytes(w->p.session));
	assert_true(len >= LIMIT && len < LIMIT + 256);
	assert_true(session_is_quiet(w->p.session));

	/* The connection has taken all of it, but the peer has not: still too much, then half. */
	struct buf taken = *output;
	*output = (struct buf){0};
	assert_int_equal(frame_push(&w->p.input, taken.data, taken.len), 0);
	buf_free(&taken);
	w->p.pushing = true;
	session_sent(w->p.session, LIMIT / 2 + 1);
	assert_false(session_wants_bytes(w->p.session));
	assert_int_equal(output->len, 0);
	session_sent(w->p.session, LIMIT / 2);
	w->p.pushing = false;
	while (session_wants_turn(w->p.session))
		session_resume(w->p.session);
	assert_true(output->len >= LIMIT / 2 && output->len < LIMIT / 2 + 256);
	assert_false(session_wants_bytes(w->p.session));
	size_t n = answers(w);
	assert_int_equal(n, REQUESTS);
	assert_true(session_wants_bytes(w->p.session));
}

static void high_pressure_holds_all_but_the_owner_back_until_a_commit(void **state)
{
	static const struct identity ann = {.name = "uid:1001", .is_known = true, .is_local = true};
	struct peer_world *w = *state;
	w->f.limits.batch_bytes = 32 * 1024;
	peer_restart(w);
	struct peer other, owner;
	struct candor_response r;
	peer_init_as(&other, &w->f, &w->limits, &ann);
	peer_init(&owner, &w->f, &w->limits);
	static struct candor_report rows[1000];
	for (size_t i = 0; i < 1000; i++)
		rows[i] = (struct candor_report){"i", i % 2 ? "a" : "b", (double)i / 1000};
	struct candor_request large = post_request(1, rows), small = get_pool_request(7);
	large.n = 1000;
	talk(w, large);
	fake_read_done(&w->f, 0);
	assert_int_equal(engine_pressure(w->f.engine), PRESSURE_HIGH);
	peer_send(&other, &small);
	/* Only who has something to be taken is held back. */
	assert_true(!session_wants_bytes(other.session) && session_wants_turn(other.session));
	assert_true(session_wants_bytes(w->p.session) && !session_wants_turn(w->p.session));
	assert_int_equal(peer_receive(&other, &r), 0);
	peer_send(&owner, &(struct candor_request){.id = 8, .type = CANDOR_REQ_INFO});
	assert_int_equal(peer_receive(&owner, &r), 1);
	assert_int_equal(r.id, 8);
	peer_end(&owner);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, 0);
	assert_int_equal(engine_pressure(w->f.engine), PRESSURE_NONE);
	session_resume(other.session);
	assert_int_equal(peer_receive(&other, &r), 1);
	assert_int_equal(r.id, 7);
	assert_answer(w, 1, CANDOR_OK);
	peer_end(&other);
}

static void the_name_that_a_client_gives_itself_stands_in_history(void **state)
{
	struct peer_world *w = *state;
	char long_name[256];
	memset(long_name, 'n', 255);
	long_name[255] = 0;
	const char *names[] = {NULL, "auditor/2", long_name, ""};
	static const char *const by[] = {"uid:0", "uid:0 auditor/2", NULL, NULL};
	for (uint64_t i = 0; i < 4; i++) {
		char item[8], sql[128];
		snprintf(item, sizeof item, "i%u", (unsigned)i);
		const struct candor_report row = {item, "a", 1};
		const struct candor_outcome outcome = {item, 1};
		if (names[i])
			talk(w, (struct candor_request){
					.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .client = names[i]});
		/* All pipelined: the name counts from its hello on, though the outcome is applied much later. */
		talk(w, post_request(2, &row));
		talk(w, resolve(3, &outcome));
		fake_settle(&w->f);
		assert_int_equal(answers(w), names[i] ? 3 : 2);
		snprintf(sql, sizeof sql, "SELECT by = '%s' FROM settlements WHERE round = %u", by[i] ? by[i] : "",
			 (unsigned)i + 1);
		if (by[i])
			assert_int_equal(fake_number(&w->f, sql), 1);
	}
	/* The longest name whole, and one that gives none keeps the last. */
	assert_int_equal(fake_number(&w->f, "SELECT length(by) FROM settlements WHERE round = 3"), 6 + 255);
	assert_int_equal(fake_number(&w->f, "SELECT count(DISTINCT by) FROM settlements"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_split_of_the_bytes_gives_the_same_answers),
		TEST(the_rest_of_a_message_is_awaited_where_it_is_the_peers_turn),
		TEST(answers_are_offered_while_requests_are_still_being_taken),
		TEST(a_request_of_no_kind_is_refused_alone),
		TEST(a_request_over_its_budget_is_refused_alone),
		TEST(an_answer_longer_than_a_frame_is_refused),
		TEST(no_answer_leaves_before_its_commit),
		TEST(a_thousand_requests_in_one_push_are_all_answered),
		TEST(a_connections_own_writes_apply_in_order_though_reads_are_pending),
		TEST(a_read_of_history_holds_up_nothing),
		TEST(more_requests_than_the_queue_holds_wait_for_a_read),
		TEST(a_failed_commit_is_told_to_those_who_waited),
		TEST(a_commit_whose_outcome_is_not_known_is_no_refusal),
		TEST(above_its_limit_of_requests_it_takes_no_more_until_half),
		TEST(answers_that_are_not_taken_stop_it_until_half),
		TEST(high_pressure_holds_all_but_the_owner_back_until_a_commit),
		TEST(the_name_that_a_client_gives_itself_stands_in_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
