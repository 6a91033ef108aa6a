/* How a session ends: by a fault of the peer's, by the end of its input, by a stop, a refusal, or the connection's end.
 * What was asked for before the first two is done and answered. */
#include "tests/lib/unit.h"

#include "daemon/engine/state.h"
#include "tests/lib/talk.h"

static void a_frame_that_is_none_is_the_last_word(void **state)
{
	struct peer_world *w = *state;
	static const struct {
		const char *bytes;
		size_t len;
		const char *says;
	} ends[] = {
		{"\xff\xff\xff\xff\xff\xff", 6, "malformed frame: its length is not a varint below 2^32"},
		{"\x03\x0a\xff\xff", 4, "malformed frame: not a candor.v1.Request"},
		{"\x01\xff", 2, "malformed frame"},
		{"\x81\x80\x80\x02", 4, "frame too long: the limit is 4194304 bytes"},
	};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct candor_response r;
		struct buf bytes = {0};
		const struct candor_request before = get_pool_request(1), after = get_pool_request(2);
		peer_write(&bytes, &before);
		assert_int_equal(buf_append(&bytes, ends[i].bytes, ends[i].len), 0);
		peer_write(&bytes, &after);
		peer_push(&w->p, bytes.data, bytes.len);
		buf_free(&bytes);
		assert_answer(w, 1, CANDOR_OK);
		assert_int_equal(peer_receive(&w->p, &r), 1);
		assert_int_equal(r.id, 0);
		assert_int_equal(r.code, CANDOR_INVALID_ARGUMENT);
		if (!strstr(r.message, ends[i].says))
			fail_msg("'%s' does not say '%s'", r.message, ends[i].says);
		assert_true(session_is_over(w->p.session));
		assert_false(session_wants_bytes(w->p.session));
		talk(w, get_pool_request(3));
		assert_silence(w);
		peer_again(w);
	}
}

/* ---- the end of the input ---- */

/* Two answers that wait for the disk, a request that a read blocks, and one that is queued behind it. */
static void send_at_every_stage(struct peer_world *w)
{
	static const struct candor_report row = {"late", "a", 1};
	talk(w, update_request(1));
	talk(w, get_pool_request(2));
	talk(w, post_request(3, &row));
	talk(w, get_pool_request(4));
	assert_silence(w);
}

static void assert_answered_at_every_stage(struct peer_world *w)
{
	assert_false(session_is_over(w->p.session));
	assert_false(session_wants_bytes(w->p.session));
	assert_silence(w);
	fake_settle(&w->f);
	for (uint64_t id = 1; id <= 4; id++)
		assert_answer(w, id, CANDOR_OK);
}

static void what_was_asked_before_a_fault_is_done_and_answered_before_the_error(void **state)
{
	struct peer_world *w = *state;
	static const struct {
		const char *bytes;
		size_t len;
	} faults[] = {
		{"\xff\xff\xff\xff\xff\xff", 6},
		{"\x03\x0a\xff\xff", 4},
		{"\x81\x80\x80\x02", 4},
	};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		static const struct candor_report row = {"after", "a", 1};
		send_at_every_stage(w);
		peer_push(&w->p, faults[i].bytes, faults[i].len);
		talk(w, post_request(5, &row));
		assert_answered_at_every_stage(w);
		assert_answer(w, 0, CANDOR_INVALID_ARGUMENT);
		assert_silence(w);
		assert_true(session_is_over(w->p.session));
		peer_again(w);
		assert_null(fake_query(&w->f, "p", "after"));
	}
}

static void a_request_without_an_id_is_the_last(void **state)
{
	struct peer_world *w = *state;
	struct candor_response r;
	const struct candor_request requests[] = {
		get_pool_request(0),
		{.type = CANDOR_REQ_UNKNOWN},
		{.type = CANDOR_REQ_HELLO, .protocol = 1, .token = "wrong"},
		update_request(0),
	};
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		uint64_t changes = w->f.engine->progress.changes;
		talk(w, requests[i]);
		fake_settle(&w->f);
		assert_int_equal(peer_receive(&w->p, &r), 1);
		assert_int_equal(r.id, 0);
		assert_int_equal(r.code, CANDOR_INVALID_ARGUMENT);
		assert_non_null(strstr(r.message, "id is missing"));
		assert_true(session_is_over(w->p.session));
		assert_int_equal(w->f.engine->progress.changes, changes);
		peer_again(w);
	}
}

static void a_token_in_vain_is_answered_last_and_what_follows_is_not_done(void **state)
{
	struct peer_world *w = *state;
	static const struct candor_report row = {"after", "a", 1};
	send_at_every_stage(w);
	talk(w, (struct candor_request){.id = 5, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = "wrong"});
	talk(w, post_request(6, &row));
	assert_silence(w);
	fake_settle(&w->f);
	for (uint64_t id = 1; id <= 4; id++)
		assert_answer(w, id, CANDOR_OK);
	assert_answer(w, 5, CANDOR_FAILED_PRECONDITION);
	assert_silence(w);
	assert_true(session_is_over(w->p.session));
	peer_again(w);
	assert_null(fake_query(&w->f, "p", "after"));
}

static void a_fault_behind_a_token_in_vain_does_not_keep_the_session(void **state)
{
	struct peer_world *w = *state;
	static const struct candor_report row = {"after", "a", 1};
	send_at_every_stage(w);
	talk(w, (struct candor_request){.id = 5, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = "wrong"});
	talk(w, post_request(6, &row));
	peer_push(&w->p, "\xff\xff\xff\xff\xff\xff", 6);
	fake_settle(&w->f);
	for (int i = 0; i < 5; i++) {
		struct candor_response r;
		assert_int_equal(peer_receive(&w->p, &r), 1);
		assert_true(r.id >= 1 && r.id <= 5);
		assert_int_equal(r.code, r.id == 5 ? CANDOR_FAILED_PRECONDITION : CANDOR_OK);
	}
	assert_answer(w, 0, CANDOR_INVALID_ARGUMENT);
	assert_silence(w);
	assert_true(session_is_over(w->p.session));
	peer_again(w);
	assert_null(fake_query(&w->f, "p", "after"));
}

static void what_came_in_full_before_the_end_of_the_input_is_done_and_answered(void **state)
{
	struct peer_world *w = *state;
	for (int partly = 0; partly < 2; partly++) {
		send_at_every_stage(w);
		/* More than are taken in one turn, and than the queue holds. */
		for (uint64_t id = 5; id <= 300; id++)
			talk(w, get_pool_request(id));
		if (partly)
			peer_push(&w->p, "\x04\x08", 2);
		session_finish(w->p.session, true);
		assert_answered_at_every_stage(w);
		for (uint64_t id = 5; id <= 300; id++)
			assert_answer(w, id, CANDOR_OK);
		if (partly)
			assert_answer(w, 0, CANDOR_INVALID_ARGUMENT);
		assert_silence(w);
		assert_true(session_is_over(w->p.session));
		peer_again(w);
	}
}

static void the_end_of_the_input_of_an_idle_peer_is_its_end(void **state)
{
	struct peer_world *w = *state;
	session_finish(w->p.session, true);
	assert_true(session_is_over(w->p.session));
	assert_silence(w);
}

/* ---- the end ---- */

static void a_session_may_end_with_calls_at_every_stage(void **state)
{
	struct peer_world *w = *state;
	static const char *const item = "new";
	static const struct candor_report row = {"new", "a", 1}, newer = {"newer", "a", 1};
	for (int stage = 0; stage < 6; stage++) {
		if (stage > 0) {
			talk(w, update_request(1)); /* held back until a commit */
			talk(w, (struct candor_request){.id = 2, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
		}
		if (stage > 1) {
			talk(w, post_request(3, &row)); /* blocked by a read the first time */
			talk(w, post_request(4, &newer)); /* and this read ahead */
			talk(w, items_request(5, CANDOR_REQ_QUERY_ITEMS, &item));
			peer_push(&w->p, "\x05\x08", 2); /* a frame that has begun */
		}
		if (stage > 2)
			assert_true(fake_tick(&w->f));
		if (stage > 3)
			fake_commit(&w->f, stage == 4 ? ERR_DISK_FULL : 0);
		while (stage == 5 && w->f.n_reads > 0)
			fake_read_done(&w->f, w->f.n_reads - 1);
		peer_again(w);
		engine_probe(w->f.engine);
		fake_settle(&w->f);
	}
	talk(w, get_pool_request(9));
	assert_answer(w, 9, CANDOR_OK);
	assert_int_equal(fake_verify(&w->f), 0);
}

static void after_a_stop_what_is_here_is_answered_and_no_more_taken(void **state)
{
	struct peer_world *w = *state;
	static const struct candor_report row = {"new", "a", 1};
	talk(w, post_request(1, &row));
	talk(w, get_pool_request(2));
	session_stop(w->p.session);
	talk(w, get_pool_request(3));
	assert_false(session_wants_bytes(w->p.session));
	fake_settle(&w->f);
	assert_answer(w, 1, CANDOR_OK);
	assert_answer(w, 2, CANDOR_OK);
	assert_silence(w);
	assert_true(session_is_quiet(w->p.session));
	assert_false(session_is_over(w->p.session));
}

static void refused_peers_are_told_why(void **state)
{
	struct peer_world *w = *state;
	struct candor_response r;
	session_refuse(w->p.session, CANDOR_RESOURCE_EXHAUSTED, "too many of you");
	assert_true(session_is_over(w->p.session));
	assert_int_equal(peer_receive(&w->p, &r), 1);
	assert_int_equal(r.id, 0);
	assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_string_equal(r.message, "too many of you");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_that_is_none_is_the_last_word),
		TEST(what_was_asked_before_a_fault_is_done_and_answered_before_the_error),
		TEST(a_request_without_an_id_is_the_last),
		TEST(a_token_in_vain_is_answered_last_and_what_follows_is_not_done),
		TEST(a_fault_behind_a_token_in_vain_does_not_keep_the_session),
		TEST(what_came_in_full_before_the_end_of_the_input_is_done_and_answered),
		TEST(the_end_of_the_input_of_an_idle_peer_is_its_end),
		TEST(a_session_may_end_with_calls_at_every_stage),
		TEST(after_a_stop_what_is_here_is_answered_and_no_more_taken),
		TEST(refused_peers_are_told_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
