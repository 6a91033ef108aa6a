/* Calls that wait until something happens to an item: what wakes them and what does not, when their time is over, what
 * ends them, and how many are served at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/engine/state.h"
#include "daemon/engine/waits.h"
#include "lib/base/random.h"
#include "tests/lib/seed.h"
#include "tests/lib/talk.h"
#include "tests/lib/unit.h"

enum { WAIT_MS = 1000 };

static struct candor_request changes_request(const char *pool, const char *cursor, uint64_t wait_ms)
{
	return (struct candor_request){
		.type = CANDOR_REQ_LIST_CHANGES, .pool = pool, .cursor = cursor, .limit = 1000, .wait_ms = wait_ms};
}

static struct ask *wait_for(struct fake_owner *f, const char *pool, const char *cursor)
{
	const struct candor_request r = changes_request(pool, cursor, WAIT_MS);
	struct ask *a = fake_ask(f, &r);
	assert_int_equal(a->outcome, ENGINE_LATER);
	return a;
}

/* Where the pool's list ends. */
static const char *end_of(struct fake_owner *f, const char *pool, char cursor[CANDOR_NAME_MAX + 1])
{
	const struct candor_request r = changes_request(pool, "", 0);
	snprintf(cursor, CANDOR_NAME_MAX + 1, "%s", fake_call(f, &r)->next);
	return cursor;
}

static void post(struct fake_owner *f, const char *item)
{
	assert_int_equal(fake_post(f, "p", item, "ann", 0.5), CANDOR_OK);
}

/* All that wait have been woken, and nothing more is to be done. */
static void assert_waiting(const struct fake_owner *f, const struct ask *a)
{
	assert_false(a->replied);
	assert_true(engine_is_waiting(&a->call));
	assert_false(engine_has_more(f->engine));
	assert_int_equal(f->n_reads, 0);
}

static void assert_told(struct ask *a, size_t n, const char *item)
{
	assert_true(a->settled);
	assert_int_equal(a->answer.code, CANDOR_OK);
	assert_int_equal(a->answer.n, n);
	if (n > 0) {
		assert_string_equal(a->answer.items[0].item, item);
		assert_string_equal(a->answer.next, a->answer.items[n - 1].cursor);
	}
	ask_free(a);
}

static void assert_ended(struct ask *a, enum candor_code code)
{
	assert_true(a->settled);
	assert_int_equal(a->answer.code, code);
	ask_free(a);
}

/* ---- what wakes ---- */

static void who_waits_is_told_what_happens_when_it_is_on_disk(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	post(f, "a");
	struct ask *a = wait_for(f, "p", "");
	assert_waiting(f, a);
	struct ask *closing = fake_ask_resolve(f, "p", "a", 1);
	assert_waiting(f, a);
	assert_true(fake_tick(f));
	assert_waiting(f, a);
	fake_commit(f, 0);
	assert_true(engine_has_more(f->engine));
	engine_go_on(f->engine);
	assert_int_equal(f->n_reads, 1);
	fake_read_done(f, 0);
	assert_told(a, 2, "a");
	ask_free(closing);
}

static void nothing_else_wakes(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	fake_pool(f, "q", NULL);
	post(f, "a");
	struct ask *a = wait_for(f, "p", "");
	uint64_t began = engine_work(f->engine);
	post(f, "b");
	assert_int_equal(fake_post(f, "q", "a", "ann", 0.5), CANDOR_OK);
	assert_int_equal(fake_close(f, "q", "a"), CANDOR_OK);
	assert_waiting(f, a);
	assert_true(engine_work(f->engine) > began);
	assert_int_equal(fake_void(f, "p", "b"), CANDOR_OK);
	assert_told(a, 1, "b");
}

static void what_is_on_its_way_to_the_disk_wakes_who_comes_after_it(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	char cursor[CANDOR_NAME_MAX + 1];
	post(f, "a");
	post(f, "b");
	assert_int_equal(fake_close(f, "p", "a"), CANDOR_OK);
	end_of(f, "p", cursor);
	struct ask *first = wait_for(f, "p", cursor), *closing = fake_ask_resolve(f, "p", "b", 1);
	assert_true(fake_tick(f));
	struct ask *voiding = fake_ask_resolve(f, "p", "a", 0);
	fake_commit(f, 0);
	engine_go_on(f->engine);
	fake_read_work(f, 0);
	fake_read_done(f, 0);
	/* It is told what is there, and not what is still being written. */
	assert_told(first, 2, "b");
	ask_free(closing);
	/* Who asks only now is told all of it. */
	struct ask *second = wait_for(f, "p", cursor);
	fake_settle(f);
	assert_told(second, 3, "b");
	ask_free(voiding);
}

static void who_is_behind_does_not_wait(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	post(f, "a");
	assert_int_equal(fake_close(f, "p", "a"), CANDOR_OK);
	const struct candor_request r = changes_request("p", "", WAIT_MS);
	assert_int_equal(fake_call(f, &r)->n, 1);
}

/* ---- time ---- */

static void the_time_is_over_to_the_millisecond(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	char cursor[CANDOR_NAME_MAX + 1];
	assert_int_equal(engine_wakes_at_ms(f->engine), UINT64_MAX);
	end_of(f, "p", cursor);
	struct ask *a = wait_for(f, "p", cursor);
	assert_int_equal(engine_wakes_at_ms(f->engine), f->now_ms + WAIT_MS);
	f->now_ms += WAIT_MS - 1;
	fake_settle(f);
	assert_waiting(f, a);
	f->now_ms++;
	assert_true(engine_has_more(f->engine));
	engine_go_on(f->engine);
	assert_true(a->settled && a->answer.n == 0 && !a->answer.more);
	assert_string_equal(a->answer.next, cursor);
	assert_int_equal(engine_wakes_at_ms(f->engine), UINT64_MAX);
	assert_told(a, 0, NULL);
	/* Without one the answer comes at once. */
	const struct candor_request now = changes_request("p", cursor, 0);
	assert_int_equal(fake_call(f, &now)->n, 0);
}

static void the_time_goes_on_while_memory_is_rebuilt(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	post(f, "a");
	struct ask *a = wait_for(f, "p", "");
	f->now_ms += WAIT_MS / 2;
	struct ask *lost = fake_ask_resolve(f, "p", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, -ENOMEM);
	assert_int_equal(lost->err, -ENOMEM);
	ask_free(lost);
	fake_settle(f);
	assert_waiting(f, a);
	assert_int_equal(engine_wakes_at_ms(f->engine), f->now_ms + WAIT_MS - WAIT_MS / 2);
	assert_int_equal(fake_close(f, "p", "a"), CANDOR_OK);
	assert_told(a, 1, "a");
}

static void too_long_a_wait_is_refused(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	struct candor_request r = changes_request("p", "", CANDOR_WAIT_MAX_MS + 1);
	const struct candor_response *got = fake_call(f, &r);
	assert_int_equal(got->code, CANDOR_INVALID_ARGUMENT);
	assert_non_null(strstr(got->message, "wait_ms"));
	assert_non_null(strstr(got->message, "60000"));
	struct ask *a;
	r.wait_ms = CANDOR_WAIT_MAX_MS;
	a = fake_ask(f, &r);
	assert_waiting(f, a);
	f->now_ms += CANDOR_WAIT_MAX_MS;
	fake_settle(f);
	assert_told(a, 0, NULL);
}

/* ---- what ends a wait ---- */

static void who_has_lost_the_right_waits_no_longer(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	const struct candor_grant grant = {.principal = "uid:7", .pool = "p", .rights = CANDOR_RIGHT_READ};
	const struct candor_request add = {.type = CANDOR_REQ_ADD_GRANT, .pool = "p", .n = 1, .grants = &grant},
				    remove = {.type = CANDOR_REQ_REMOVE_GRANT, .pool = "p", .n = 1, .grants = &grant},
				    r = changes_request("p", "", WAIT_MS);
	assert_int_equal(fake_call(f, &add)->code, CANDOR_OK);
	struct ask *a = fake_prepare(f, &r), *other = wait_for(f, "p", "");
	a->identity = (struct identity){.name = "uid:7", .is_known = true, .is_local = true};
	fake_submit(a);
	assert_waiting(f, a);
	assert_int_equal(fake_call(f, &remove)->code, CANDOR_OK);
	assert_ended(a, CANDOR_PERMISSION_DENIED);
	assert_waiting(f, other);
	f->now_ms += WAIT_MS;
	fake_settle(f);
	assert_told(other, 0, NULL);
}

static void what_nobody_waits_for_is_given_up(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	post(f, "a");
	struct ask *asks[] = {wait_for(f, "p", ""), wait_for(f, "p", ""), wait_for(f, "p", "")};
	engine_cancel(f->engine, &asks[1]->call);
	assert_ended(asks[1], CANDOR_UNAVAILABLE);
	/* Also when it was woken, and when it reads. */
	assert_int_equal(f->engine->waits.n, 2);
	struct ask *closing = fake_ask_resolve(f, "p", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	engine_cancel(f->engine, &asks[0]->call);
	assert_ended(asks[0], CANDOR_UNAVAILABLE);
	engine_go_on(f->engine);
	assert_int_equal(f->n_reads, 1);
	engine_cancel(f->engine, &asks[2]->call);
	fake_settle(f);
	assert_ended(asks[2], CANDOR_UNAVAILABLE);
	ask_free(closing);
	assert_int_equal(f->engine->waits.reading, 0);
}

static void a_pool_that_never_was_ends_the_wait_for_it(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	const struct candor_request create = {.type = CANDOR_REQ_CREATE_POOL, .pool = "new"};
	struct ask *lost = fake_ask(f, &create), *a = wait_for(f, "new", "");
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_int_equal(lost->err, ERR_DISK_FULL);
	ask_free(lost);
	fake_settle(f);
	assert_ended(a, CANDOR_NOT_FOUND);
}

/* What a failed commit had for them is not told, and they wait on, also while nothing can be written. */
static void a_full_disk_ends_no_wait(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	post(f, "a");
	struct ask *a = wait_for(f, "p", ""), *lost = fake_ask_resolve(f, "p", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	ask_free(lost);
	fake_settle(f);
	assert_waiting(f, a);
	struct ask *late = wait_for(f, "p", "");
	assert_waiting(f, late);
	engine_probe(f->engine);
	fake_commit(f, 0);
	assert_int_equal(fake_resolve(f, "p", "a", 0), CANDOR_OK);
	assert_told(a, 2, "a");
	assert_told(late, 2, "a");
}

static void the_end_of_the_service_ends_each_wait(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	struct ask *a = wait_for(f, "p", "");
	engine_quiesce(f->engine);
	fake_settle(f);
	assert_true(engine_is_idle(f->engine));
	assert_ended(a, CANDOR_UNAVAILABLE);
	const struct candor_request late = changes_request("p", "", WAIT_MS);
	a = fake_ask(f, &late);
	assert_ended(a, CANDOR_UNAVAILABLE);
	fake_stop(f);
	fake_start(f);
}

static void an_error_that_ends_the_service_ends_each_wait(void **state)
{
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	struct ask *a = wait_for(f, "p", "");
	post(f, "a");
	engine_fail(f->engine, ERR_DAMAGED);
	assert_int_equal(f->failed, ERR_DAMAGED);
	fake_settle(f);
	assert_ended(a, CANDOR_INTERNAL);
	fake_restart(f);
	f->failed = 0;
}

/* ---- many ---- */

/* One thing happens, and thousands wait for it: in each turn of the loop a few are served, in the order in which they
 * came, and few read at a time. */
static void many_that_wait_are_served_a_few_at_a_time(void **state)
{
	enum { WAITERS = 5000, A_TURN = 64 };
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	static struct ask *asks[WAITERS];
	post(f, "a");
	for (size_t i = 0; i < WAITERS; i++)
		asks[i] = wait_for(f, "p", "");
	struct ask *closing = fake_ask_resolve(f, "p", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	ask_free(closing);
	size_t told = 0, turns = 0;
	while (told < WAITERS) {
		size_t before = f->engine->waits.n;
		assert_true(engine_has_more(f->engine));
		engine_go_on(f->engine);
		turns++;
		assert_true(before - f->engine->waits.n <= A_TURN);
		assert_true(f->n_reads > 0 && f->n_reads <= WOKEN_READS);
		/* With so many under way the others are not even looked at. */
		assert_true(f->n_reads < WOKEN_READS || !engine_has_more(f->engine));
		while (f->n_reads > 0) {
			fake_read_done(f, 0);
			assert_told(asks[told++], 2, "a");
		}
	}
	assert_true(turns >= WAITERS / A_TURN);
	assert_int_equal(f->engine->waits.n, 0);
}

static void many_items_that_end_at_once_are_told_in_small_pages(void **state)
{
	enum { ITEMS = 100 };
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	const char *items[ITEMS];
	char names[ITEMS][16];
	for (size_t i = 0; i < ITEMS; i++) {
		snprintf(names[i], sizeof names[i], "i%zu", i);
		items[i] = names[i];
		post(f, items[i]);
	}
	struct ask *a = wait_for(f, "p", "");
	const struct candor_request close = {.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = ITEMS, .items = items};
	assert_int_equal(fake_call(f, &close)->code, CANDOR_OK);
	assert_true(a->settled && a->answer.more);
	assert_int_equal(a->answer.n, WOKEN_ROWS);
	/* It goes on from there as always. */
	const struct candor_request next = changes_request("p", a->answer.next, WAIT_MS);
	assert_int_equal(fake_call(f, &next)->n, ITEMS - WOKEN_ROWS);
	assert_told(a, WOKEN_ROWS, "i0");
}

/* Each is told once: what happened after its place, or nothing when its time is over and not before. */
static void by_chance_each_is_told_what_it_waits_for_and_when(void **state)
{
	enum { STEPS = 3000, ASKS = 40 };
	struct fake_owner *f = &((struct peer_world *)*state)->f;
	struct ask *asks[ASKS] = {NULL};
	uint64_t until[ASKS], seen[ASKS], happened = 0, told = 0, nothing = 0;
	struct random chance;
	char item[32], cursor[CANDOR_NAME_MAX + 1];
	seed_random(&chance, 21);
	for (int step = 0; step < STEPS; step++) {
		size_t i = (size_t)random_below(&chance, ASKS);
		if (random_chance(&chance, 0.05)) {
			snprintf(item, sizeof item, "i%d", step);
			post(f, item);
			assert_int_equal(fake_close(f, "p", item), CANDOR_OK);
			happened++;
		} else if (!asks[i]) {
			uint64_t wait_ms = 1 + random_below(&chance, 2000);
			const struct candor_request r = changes_request("p", end_of(f, "p", cursor), wait_ms);
			asks[i] = fake_ask(f, &r);
			until[i] = f->now_ms + wait_ms;
			seen[i] = happened;
		} else if (random_chance(&chance, 0.02)) {
			engine_cancel(f->engine, &asks[i]->call);
			assert_true(asks[i]->replied);
		} else {
			f->now_ms += random_below(&chance, 30);
			fake_settle(f);
		}
		for (i = 0; i < ASKS; i++) {
			if (!asks[i])
				continue;
			bool is_due = f->now_ms >= until[i] || happened > seen[i];
			assert_true(asks[i]->replied || !is_due);
			if (!asks[i]->replied)
				continue;
			if (asks[i]->answer.code == CANDOR_OK) {
				assert_true(is_due);
				assert_int_equal(asks[i]->answer.n, happened - seen[i]);
				told += asks[i]->answer.n > 0;
				nothing += asks[i]->answer.n == 0;
			}
			ask_free(asks[i]);
			asks[i] = NULL;
		}
	}
	assert_true(told > 50 && nothing > 50);
	f->now_ms += 2000;
	fake_settle(f);
	for (size_t i = 0; i < ASKS; i++)
		if (asks[i])
			ask_free(asks[i]);
	assert_int_equal(f->engine->waits.n, 0);
}

/* ---- of a session ---- */

static void a_session_goes_on_while_a_request_of_it_waits(void **state)
{
	struct peer_world *w = *state;
	struct candor_request r = changes_request("p", "", WAIT_MS);
	r.id = 1;
	talk(w, r);
	assert_silence(w);
	assert_false(session_is_quiet(w->p.session));
	talk(w, get_pool_request(2));
	assert_answer(w, 2, CANDOR_OK);
	post(&w->f, "a");
	assert_int_equal(fake_close(&w->f, "p", "a"), CANDOR_OK);
	assert_answer(w, 1, CANDOR_OK);
	assert_true(session_is_quiet(w->p.session));
}

static void a_wait_ends_with_its_connection(void **state)
{
	struct peer_world *w = *state;
	struct candor_request r = changes_request("p", "", WAIT_MS);
	r.id = 1;
	talk(w, r);
	assert_int_equal(w->f.engine->waits.n, 1);
	peer_end(&w->p);
	assert_int_equal(w->f.engine->waits.n, 0);
	peer_again(w);
	talk(w, r);
	session_stop(w->p.session);
	assert_int_equal(w->f.engine->waits.n, 0);
	assert_answer(w, 1, CANDOR_UNAVAILABLE);
}

/* However large a page it asked for, and whatever memory the slot had before. */
static void a_request_that_waits_takes_little_memory(void **state)
{
	enum { WAITERS = 100, EACH_BYTES = 8 * 1024 };
	struct peer_world *w = *state;
	struct session_budget budget = {.limit_bytes = (size_t)1 << 30};
	struct session_limits limits = w->limits;
	struct candor_request r = changes_request("p", "", WAIT_MS);
	struct candor_response got;
	struct peer p;
	char cursor[CANDOR_NAME_MAX + 1];
	limits.budget = &budget;
	limits.max_in_flight = WAITERS + 1;
	peer_init(&p, &w->f, &limits);
	post(&w->f, "a");
	assert_int_equal(fake_close(&w->f, "p", "a"), CANDOR_OK);
	r.cursor = end_of(&w->f, "p", cursor);
	for (r.id = 1; r.id <= WAITERS; r.id++) {
		/* What is asked before leaves a large slot for the next. */
		static const char *items[1000];
		for (size_t i = 0; i < 1000; i++)
			items[i] = "a";
		struct candor_request query = items_request(1000 + r.id, CANDOR_REQ_QUERY_ITEMS, items);
		query.n = 20;
		peer_send(&p, &query);
		assert_int_equal(peer_receive(&p, &got), 1);
		peer_send(&p, &r);
	}
	assert_int_equal(w->f.engine->waits.n, WAITERS);
	assert_int_equal(budget.reserved_bytes, 0);
	assert_null(session_budget_check(&budget));
	session_trim(p.session);
	assert_true(session_bytes(p.session) < WAITERS * EACH_BYTES);
	post(&w->f, "b");
	assert_int_equal(fake_close(&w->f, "p", "b"), CANDOR_OK);
	for (uint64_t id = 1; id <= WAITERS; id++) {
		assert_int_equal(peer_receive(&p, &got), 1);
		assert_int_equal(got.id, id);
		assert_int_equal(got.n, 1);
		assert_string_equal(got.items[0].item, "b");
	}
	peer_end(&p);
	session_budget_free(&budget);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_set_up, peer_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_waits_is_told_what_happens_when_it_is_on_disk),
		TEST(nothing_else_wakes),
		TEST(what_is_on_its_way_to_the_disk_wakes_who_comes_after_it),
		TEST(who_is_behind_does_not_wait),
		TEST(the_time_is_over_to_the_millisecond),
		TEST(the_time_goes_on_while_memory_is_rebuilt),
		TEST(too_long_a_wait_is_refused),
		TEST(who_has_lost_the_right_waits_no_longer),
		TEST(what_nobody_waits_for_is_given_up),
		TEST(a_pool_that_never_was_ends_the_wait_for_it),
		TEST(a_full_disk_ends_no_wait),
		TEST(the_end_of_the_service_ends_each_wait),
		TEST(an_error_that_ends_the_service_ends_each_wait),
		TEST(many_that_wait_are_served_a_few_at_a_time),
		TEST(many_items_that_end_at_once_are_told_in_small_pages),
		TEST(by_chance_each_is_told_what_it_waits_for_and_when),
		TEST(a_session_goes_on_while_a_request_of_it_waits),
		TEST(a_wait_ends_with_its_connection),
		TEST(a_request_that_waits_takes_little_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
