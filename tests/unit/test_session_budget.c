/* Sessions side by side: each has its turns, what they hold is counted to the byte, and where memory or the disk is short
 * whoever takes much waits. */
#include "tests/lib/unit.h"

#include "tests/lib/talk.h"

/* ---- turns ---- */

static void many_requests_of_one_peer_are_done_in_turns(void **state)
{
	struct peer_world *w = *state;
	enum { REQUESTS = 1000 };
	struct buf bytes = {0};
	for (uint64_t id = 1; id <= REQUESTS; id++) {
		const struct candor_request r = get_pool_request(id);
		peer_write(&bytes, &r);
	}
	size_t turns = 1, most = 0, had = 0;
	require(session_push(w->p.session, bytes.data, bytes.len, SESSION_TURN) == 0);
	for (; session_wants_turn(w->p.session); turns++) {
		/* It is read no further meanwhile, and nobody waits for it to send more. */
		assert_false(session_wants_bytes(w->p.session));
		assert_false(session_awaits_rest(w->p.session));
		size_t has = (size_t)session_frames(w->p.session);
		most = has - had > most ? has - had : most;
		had = has;
		session_resume(w->p.session);
	}
	assert_true(session_wants_bytes(w->p.session));
	assert_true(turns >= 5 && most <= 200);
	for (uint64_t id = 1; id <= REQUESTS; id++)
		assert_answer(w, id, CANDOR_OK);
	buf_free(&bytes);
}

static void a_peer_with_much_waiting_lets_others_write_first(void **state)
{
	struct peer_world *w = *state;
	w->f.limits.commit_bytes = 32 * 1024;
	peer_restart(w);
	struct peer other;
	struct candor_response r;
	peer_init(&other, &w->f, &w->limits);
	static struct candor_report rows[1000];
	for (size_t i = 0; i < 1000; i++)
		rows[i] = (struct candor_report){"i", i % 2 ? "a" : "b", (double)i / 1000};
	struct candor_request large = post_request(1, rows), more = get_pool_request(2), small = post_request(7, rows);
	large.n = 1000;
	talk(w, large);
	fake_read_done(&w->f, 0);
	assert_int_equal(engine_pressure(w->f.engine), PRESSURE_RAISED);
	talk(w, more);
	assert_true(session_wants_turn(w->p.session) && session_must_wait(w->p.session));
	peer_send(&other, &small);
	assert_false(session_wants_turn(other.session));
	assert_true(fake_tick(&w->f));
	assert_false(session_must_wait(w->p.session));
	fake_commit(&w->f, 0);
	assert_int_equal(peer_receive(&other, &r), 1);
	assert_int_equal(r.id, 7);
	assert_answer(w, 1, CANDOR_OK);
	assert_answer(w, 2, CANDOR_OK);
	peer_end(&other);
}

/* ---- the budget they share ---- */

static void the_budget_counts_what_sessions_hold_and_forgets_nothing(void **state)
{
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = (size_t)1 << 30};
	struct session_limits limits = w->limits;
	struct peer peers[20];
	limits.budget = &budget;
	limits.base_bytes = 1000;
	for (size_t i = 0; i < 20; i++)
		peer_init(&peers[i], &w->f, &limits);
	assert_int_equal(budget.sessions, 20);
	size_t idle = budget.used_bytes;
	assert_true(idle >= 20 * 1000 && idle < 20 * 2000);
	static uint8_t half[100000] = {0xff, 0xff, 0x3f}; /* of a frame of a megabyte */
	for (size_t i = 0; i < 20; i++)
		peer_push(&peers[i], half, sizeof half);
	assert_true(budget.used_bytes >= idle + 20 * sizeof half && budget.used_bytes <= idle + 40 * sizeof half);
	size_t each = 0;
	for (size_t i = 0; i < 20; i++)
		each += session_bytes(peers[i].session);
	assert_int_equal(budget.used_bytes, each);
	for (size_t i = 0; i < 10; i++)
		session_refuse(peers[i].session, CANDOR_RESOURCE_EXHAUSTED, "enough");
	assert_true(budget.used_bytes <= idle + 20 * sizeof half + 20000);
	for (size_t i = 0; i < 10; i++) {
		struct candor_response r;
		assert_int_equal(peer_receive(&peers[i], &r), 1);
		assert_int_equal(r.id, 0);
		assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
		assert_true(session_is_over(peers[i].session));
	}
	for (size_t i = 0; i < 20; i++)
		peer_end(&peers[i]);
	assert_int_equal(budget.used_bytes, 0);
	assert_int_equal(budget.sessions, 0);
	session_budget_free(&budget);
}

static void idle_sessions_hold_next_to_nothing(void **state)
{
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = (size_t)1 << 30};
	struct session_limits limits = w->limits;
	struct peer p;
	limits.budget = &budget;
	peer_init(&p, &w->f, &limits);
	size_t idle = budget.used_bytes;
	for (uint64_t id = 1; id <= 500; id++) {
		struct candor_response r;
		const struct candor_request ask = get_pool_request(id);
		peer_send(&p, &ask);
		assert_int_equal(peer_receive(&p, &r), 1);
	}
	session_trim(p.session);
	assert_int_equal(budget.used_bytes, idle);
	peer_end(&p);
	session_budget_free(&budget);
}

/* Where memory is short one request after the other is done, and nothing is ever lost or stuck. */
static void a_peer_over_its_share_of_memory_takes_nothing_new_until_its_answers_are_taken(void **state)
{
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = 4000};
	struct session_limits limits = w->limits;
	struct peer p;
	struct buf bytes = {0};
	limits.budget = &budget;
	peer_init(&p, &w->f, &limits);
	for (uint64_t id = 1; id <= 100; id++) {
		const struct candor_request ask = get_pool_request(id);
		peer_write(&bytes, &ask);
	}
	require(session_push(p.session, bytes.data, bytes.len, SESSION_TURN) == 0);
	assert_true(!session_wants_bytes(p.session) && session_frames(p.session) < 30);
	for (uint64_t id = 1; id <= 100; id++) {
		struct candor_response r;
		assert_int_equal(peer_receive(&p, &r), 1);
		assert_int_equal(r.id, id);
	}
	peer_end(&p);
	buf_free(&bytes);
	session_budget_free(&budget);
}

/* Others hold all of it: what comes waits, in the kernel too, and goes on when they give some back. */
static void nothing_is_done_while_the_budget_is_used_up(void **state)
{
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = 1 << 20};
	struct session_limits limits = w->limits;
	struct peer p;
	struct candor_response r;
	limits.budget = &budget;
	peer_init(&p, &w->f, &limits);
	budget.used_bytes += 2 << 20;
	assert_false(session_budget_takes_one(&budget));
	const struct candor_request ask = get_pool_request(1);
	peer_send(&p, &ask);
	assert_int_equal(peer_receive(&p, &r), 0);
	assert_true(session_wants_turn(p.session) && session_awaits_room(p.session) && !session_has_room(p.session));
	assert_false(session_wants_bytes(p.session));
	budget.used_bytes -= 2 << 20;
	/* It still wants the turn that it was refused. */
	assert_true(session_wants_turn(p.session) && session_has_room(p.session));
	assert_int_equal(peer_receive(&p, &r), 1);
	assert_int_equal(r.id, 1);
	assert_true(session_wants_bytes(p.session));
	peer_end(&p);
	assert_int_equal(budget.used_bytes, 0);
	session_budget_free(&budget);
}

static void an_answer_from_disk_is_reserved_until_it_is_made(void **state)
{
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = (size_t)1 << 30};
	struct session_limits limits = w->limits;
	struct peer p;
	struct candor_response r;
	limits.budget = &budget;
	peer_init(&p, &w->f, &limits);
	fake_settle(&w->f);
	const struct candor_request list = {.id = 1, .type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 1000};
	for (uint64_t i = 0; i < 3; i++) {
		peer_send(&p, &list);
		assert_true(budget.reserved_bytes >= (i + 1) * 1000 * sizeof(struct candor_item));
		assert_null(session_budget_check(&budget));
	}
	for (size_t i = 0; i < 3; i++)
		fake_read_done(&w->f, 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(peer_receive(&p, &r), 1);
	assert_int_equal(budget.reserved_bytes, 0);
	peer_end(&p);
	session_budget_free(&budget);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(many_requests_of_one_peer_are_done_in_turns),
		TEST(a_peer_with_much_waiting_lets_others_write_first),
		TEST(the_budget_counts_what_sessions_hold_and_forgets_nothing),
		TEST(idle_sessions_hold_next_to_nothing),
		TEST(a_peer_over_its_share_of_memory_takes_nothing_new_until_its_answers_are_taken),
		TEST(nothing_is_done_while_the_budget_is_used_up),
		TEST(an_answer_from_disk_is_reserved_until_it_is_made),
	};
	return cmocka_run_group_tests_name("session_budget", tests, NULL, NULL);
}
