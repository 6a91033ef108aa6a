/* Items that are not in memory: what is evicted comes back, and what is read from disk never takes back what happened
 * while it was being read. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "tests/lib/fake_owner.h"

/* Nothing that is not open stays in memory. */
static int set_up(void **state)
{
	fake_set_up(state);
	struct fake_owner *f = *state;
	f->limits.resident_items = 0;
	fake_restart(f);
	fake_pool(f, "p", NULL);
	return 0;
}

static struct ask *ask_items(struct fake_owner *f, enum candor_request_type type, const char *item)
{
	return fake_ask(f, &(struct candor_request){.type = type, .pool = "p", .n = 1, .items = &item});
}

static uint64_t resident(struct fake_owner *f)
{
	return fake_call(f, &(struct candor_request){.type = CANDOR_REQ_INFO})->info.resident_items;
}

static void commit(struct fake_owner *f)
{
	assert_true(fake_tick(f));
	fake_commit(f, 0);
}

static void evicted_items_come_back_as_they_were(void **state)
{
	struct fake_owner *f = *state;
	static const enum candor_item_state states[] = {CANDOR_CLOSED, CANDOR_RESOLVED, CANDOR_VOID, CANDOR_VOID};
	for (int i = 0; i < 4; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		f->now_ms += 10;
		assert_int_equal(fake_post(f, "p", item, "a", 0.125 * i), CANDOR_OK);
		assert_int_equal(fake_post(f, "p", item, "b", 0.9), CANDOR_OK);
		f->now_ms += 10;
		/* The third is withdrawn while open, the fourth when it is closed. */
		if (i != 2)
			assert_int_equal(fake_close(f, "p", item), CANDOR_OK);
		f->now_ms += 10;
		if (i == 1)
			assert_int_equal(fake_resolve(f, "p", item, 0.5), CANDOR_OK);
		else if (i > 1)
			assert_int_equal(fake_void(f, "p", item), CANDOR_OK);
		assert_int_equal(resident(f), 0);

		const struct candor_item *got = fake_query(f, "p", item);
		uint64_t end = f->now_ms;
		assert_int_equal(got->state, states[i]);
		assert_int_equal(got->n, 2);
		assert_int_equal(got->opened_at, end - 20);
		assert_int_equal(got->closed_at, i == 2 ? 0 : end - 10);
		assert_int_equal(got->ended_at, i == 0 ? 0 : end);
		assert_int_equal(got->n_reports, 2);
		assert_string_equal(got->reports[0].labeler, "a");
		assert_same_bits(got->reports[0].value, 0.125 * i);
		assert_same_bits(got->reports[1].value, 0.9);
		assert_int_equal(got->ess == 0 && got->reports[0].weight == 0, i == 2);
		if (i != 2) {
			assert_near(got->mean, (0.125 * i + 0.9) / 2, i < 2 ? 1e-15 : 0.1);
		}
		if (i == 1) {
			assert_same_bits(got->outcome, 0.5);
			assert_int_equal(got->round, 1);
			assert_true(got->eta > 0 && got->weighted_loss > 0);
		}
		assert_int_equal(resident(f), 0);
	}
	assert_int_equal(fake_verify(f), 0);
}

static void open_items_are_never_evicted(void **state)
{
	struct fake_owner *f = *state;
	for (int i = 0; i < 50; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_post(f, "p", item, "a", 1), CANDOR_OK);
	}
	assert_int_equal(resident(f), 50);
	assert_int_equal(fake_post(f, "p", "i0", "b", 1), CANDOR_OK);
	assert_int_equal(fake_query(f, "p", "i0")->n, 2);
}

static void as_many_items_and_reports_stay_as_the_limits_say(void **state)
{
	struct fake_owner *f = *state;
	fake_stop(f);
	f->limits.resident_items = 10;
	f->limits.resident_reports = 12;
	fake_start(f);
	for (int i = 0; i < 30; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_post(f, "p", item, "a", 1), CANDOR_OK);
		if (i >= 20)
			assert_int_equal(fake_post(f, "p", item, "b", 1), CANDOR_OK);
		assert_int_equal(fake_close(f, "p", item), CANDOR_OK);
		if (i == 19)
			assert_int_equal(resident(f), 10);
	}
	assert_int_equal(resident(f), 6);
	/* The newest are there: no read is needed for them. */
	struct ask *a = ask_items(f, CANDOR_REQ_QUERY_ITEMS, "i29");
	assert_true(a->outcome == ENGINE_REPLIED && a->settled);
	ask_free(a);
	a = ask_items(f, CANDOR_REQ_QUERY_ITEMS, "i23");
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	fake_settle(f);
	ask_free(a);
}

/* ---- races ---- */

static void two_calls_for_the_same_new_item_make_one(void **state)
{
	struct fake_owner *f = *state;
	for (int order = 0; order < 2; order++) {
		const char *item = order ? "second" : "first";
		struct ask *a = fake_ask_post(f, "p", item, "a", 0), *b = fake_ask_post(f, "p", item, "b", 1),
			   *c = fake_ask_post(f, "p", item, "a", 0);
		assert_int_equal(a->outcome, ENGINE_BLOCKED);
		assert_int_equal(b->outcome, ENGINE_BLOCKED);
		assert_int_equal(f->n_reads, 3);
		for (size_t i = 0; i < 3; i++)
			fake_read_work(f, i);
		while (f->n_reads > 0) {
			fake_read_done(f, order ? f->n_reads - 1 : 0);
			if (order)
				fake_settle(f);
		}
		fake_settle(f);
		assert_int_equal(a->answer.batch.accepted + c->answer.batch.accepted, 1);
		assert_int_equal(a->answer.batch.duplicates + c->answer.batch.duplicates, 1);
		assert_int_equal(b->answer.batch.accepted, 1);
		const struct candor_item *got = fake_query(f, "p", item);
		assert_int_equal(got->n, 2);
		assert_same_bits(got->mean, 0.5);
		ask_free(a);
		ask_free(b);
		ask_free(c);
	}
	assert_int_equal(fake_number(f, "SELECT count(*) FROM open_items"), 2);
}

/* A read has seen that "i" is not known. Then the item is opened and closed. */
static struct ask *query_from_before_an_item_that_is_closed_now(struct fake_owner *f)
{
	struct ask *query = ask_items(f, CANDOR_REQ_QUERY_ITEMS, "i");
	assert_int_equal(query->outcome, ENGINE_BLOCKED);
	fake_read_work(f, 0);
	struct ask *post = fake_ask_post(f, "p", "i", "a", 1);
	fake_read_done(f, 1);
	commit(f);
	struct ask *closed = ask_items(f, CANDOR_REQ_CLOSE_ITEMS, "i");
	commit(f);
	assert_true(post->settled && closed->settled && !query->replied);
	assert_int_equal(closed->answer.batch.accepted, 1);
	ask_free(post);
	ask_free(closed);
	return query;
}

static void assert_closed(struct fake_owner *f, struct ask *query)
{
	assert_int_equal(query->answer.n, 1);
	assert_int_equal(query->answer.items[0].state, CANDOR_CLOSED);
	ask_free(query);
	assert_int_equal(fake_post(f, "p", "i", "b", 1), CANDOR_FAILED_PRECONDITION);
	assert_int_equal(fake_verify(f), 0);
}

static void an_item_closed_during_a_read_does_not_come_back_as_unknown(void **state)
{
	struct fake_owner *f = *state;
	struct ask *query = query_from_before_an_item_that_is_closed_now(f);
	/* It is still in memory, for the sake of that read alone. */
	assert_int_equal(f->n_reads, 1);
	fake_read_done(f, 0);
	fake_settle(f);
	assert_closed(f, query);
	assert_int_equal(resident(f), 0);
}

static void a_read_from_before_memory_was_rebuilt_does_not_count(void **state)
{
	struct fake_owner *f = *state;
	struct ask *query = query_from_before_an_item_that_is_closed_now(f);
	struct ask *lost = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = "p"});
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_int_equal(lost->err, ERR_DISK_FULL);
	ask_free(lost);
	fake_read_done(f, 0);
	fake_settle(f);
	engine_probe(f->engine);
	fake_settle(f);
	assert_closed(f, query);
}

static void an_item_resolved_during_a_read_stays_resolved(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(fake_post(f, "p", "i", "a", 1), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "i"), CANDOR_OK);
	struct ask *query = ask_items(f, CANDOR_REQ_QUERY_ITEMS, "i");
	fake_read_work(f, 0);
	const struct candor_outcome row = {"i", 1};
	struct ask *outcome = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &row});
	fake_read_done(f, 1);
	commit(f);
	assert_int_equal(outcome->answer.batch.accepted, 1);
	ask_free(outcome);
	fake_read_done(f, 0);
	fake_settle(f);
	assert_int_equal(query->answer.items[0].state, CANDOR_RESOLVED);
	ask_free(query);
	assert_int_equal(resident(f), 0);
	assert_int_equal(fake_query(f, "p", "i")->state, CANDOR_RESOLVED);
}

/* One of the items that a query names goes from memory while the other is being read; then each reading of one could let
 * the other go, for ever. */
static void a_call_runs_though_its_items_are_more_than_may_stay(void **state)
{
	struct fake_owner *f = *state;
	struct ask *earlier = query_from_before_an_item_that_is_closed_now(f);
	static const char *const names[] = {"i", "unknown"};
	struct ask *both = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 2, .items = names});
	assert_int_equal(f->n_reads, 2);
	fake_read_done(f, 0);
	assert_closed(f, earlier);
	for (int i = 0; i < 3 && f->n_reads > 0; i++)
		fake_read_done(f, 0);
	assert_true(both->settled);
	assert_int_equal(both->answer.n, 1);
	assert_int_equal(both->answer.n_rejected, 1);
	ask_free(both);
	assert_int_equal(resident(f), 0);
}

static void a_pool_that_a_failed_commit_took_away_is_not_there_when_the_read_ends(void **state)
{
	struct fake_owner *f = *state;
	struct ask *pool = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "q"});
	const char *item = "i";
	struct ask *query = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "q", .n = 1, .items = &item});
	assert_int_equal(query->outcome, ENGINE_BLOCKED);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_int_equal(pool->err, ERR_DISK_FULL);
	fake_read_done(f, 0);
	assert_true(query->settled);
	assert_int_equal(query->answer.code, CANDOR_NOT_FOUND);
	ask_free(pool);
	ask_free(query);
	engine_probe(f->engine);
}

/* ---- reads that fail ---- */

static void a_read_that_cannot_start_is_an_answer(void **state)
{
	struct fake_owner *f = *state;
	f->refuse_reads = true;
	struct ask *post = fake_ask_post(f, "p", "i", "a", 1);
	assert_int_equal(post->outcome, ENGINE_REPLIED);
	assert_int_equal(post->answer.code, CANDOR_RESOURCE_EXHAUSTED);
	ask_free(post);
	struct ask *feed = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
	assert_int_equal(feed->answer.code, CANDOR_RESOURCE_EXHAUSTED);
	ask_free(feed);
	const char *item = "i";
	struct ask *ahead = fake_prepare(
		f, &(struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &item});
	engine_announce(f->engine, &ahead->call);
	f->refuse_reads = false;
	fake_submit(ahead);
	fake_settle(f);
	assert_int_equal(ahead->answer.n_rejected, 1);
	ask_free(ahead);
	assert_int_equal(fake_post(f, "p", "i", "a", 1), CANDOR_OK);
}

static void a_read_that_fails_is_an_answer(void **state)
{
	struct fake_owner *f = *state;
	struct ask *post = fake_ask_post(f, "p", "i", "a", 1);
	f->reads[0].worked = true;
	f->reads[0].job->err = ERR_DATABASE;
	fake_read_done(f, 0);
	assert_true(post->settled);
	assert_int_equal(post->answer.code, CANDOR_INTERNAL);
	ask_free(post);
	assert_int_equal(fake_post(f, "p", "i", "a", 1), CANDOR_OK);
	assert_int_equal(fake_query(f, "p", "i")->n, 1);
}

/* ---- names that are looked up ---- */

/* It holds no memory for reads, and waits for no long ones. */
static void whether_an_item_is_new_is_a_short_read(void **state)
{
	struct fake_owner *f = *state;
	struct ask *a = fake_ask_post(f, "p", "new", "a", 1);
	assert_int_equal(f->n_reads, 1);
	assert_true(f->reads[0].job->is_short);
	assert_int_equal(f->reads[0].job->bytes, 0);
	fake_read_done(f, 0);
	assert_int_equal(f->n_reads, 0);
	assert_int_equal(a->answer.batch.accepted, 1);
	fake_settle(f);
	ask_free(a);

	/* One that is there is read after that, with its reports. */
	assert_int_equal(fake_close(f, "p", "new"), CANDOR_OK);
	assert_int_equal(resident(f), 0);
	a = fake_ask_post(f, "p", "new", "a", 0.5);
	assert_true(f->reads[0].job->is_short);
	fake_read_done(f, 0);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	assert_int_equal(f->n_reads, 1);
	assert_false(f->reads[0].job->is_short);
	assert_int_equal(f->reads[0].job->bytes, f->limits.load_bytes ? f->limits.load_bytes : SIZE_MAX / 2);
	fake_read_done(f, 0);
	assert_int_equal(a->answer.batch.rejected_omitted + a->answer.n_rejected, 1);
	ask_free(a);
	assert_int_equal(fake_query(f, "p", "new")->n, 1);
}

/* Nobody waits for it any more. */
static void what_was_looked_up_in_vain_is_not_read(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_report row = {"old", "a", 1};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	assert_int_equal(fake_post(f, "p", "old", "a", 1), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "old"), CANDOR_OK);
	struct ask *a = fake_prepare(f, &r);
	engine_announce(f->engine, &a->call);
	fake_read_work(f, 0);
	engine_withdraw(f->engine, &a->call);
	fake_read_done(f, 0);
	assert_int_equal(f->n_reads, 0);
	ask_free(a);
}

/* Then nothing is known of it, least of all that it is new. */
static void a_look_up_that_was_withdrawn_makes_nothing_new(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_report row = {"old", "b", 1};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	assert_int_equal(fake_post(f, "p", "old", "a", 1), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "old"), CANDOR_OK);
	f->limits.resident_items = 8;
	fake_restart(f);
	struct ask *a = fake_prepare(f, &r);
	engine_announce(f->engine, &a->call);
	fake_read_work(f, 0);
	engine_withdraw(f->engine, &a->call);
	fake_read_done(f, 0);
	ask_free(a);
	a = fake_ask_post(f, "p", "old", "b", 1);
	fake_settle(f);
	assert_int_equal(a->answer.n_rejected, 1);
	assert_int_equal(a->answer.rejected[0].code, CANDOR_FAILED_PRECONDITION);
	ask_free(a);
	assert_int_equal(fake_query(f, "p", "old")->n, 1);
}

/* Its first read began before the other's, and its second after it. */
static void what_is_read_after_a_look_up_takes_its_place_behind_others(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(fake_post(f, "p", "old", "a", 1), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "old"), CANDOR_OK);
	struct ask *a = fake_ask_post(f, "p", "old", "b", 1), *b = fake_ask_post(f, "p", "new", "b", 1);
	assert_int_equal(f->n_reads, 2);
	fake_read_done(f, 0);
	assert_int_equal(f->n_reads, 2);
	assert_true(f->reads[0].job->is_short && !f->reads[1].job->is_short);
	/* What ends while the second read is under way stays in memory until that is done. */
	fake_read_done(f, 0);
	commit(f);
	struct ask *close = ask_items(f, CANDOR_REQ_CLOSE_ITEMS, "new");
	commit(f);
	assert_int_equal(b->answer.batch.accepted, 1);
	assert_int_equal(close->answer.batch.accepted, 1);
	struct ask *late = fake_ask_post(f, "p", "new", "c", 1);
	assert_int_equal(f->n_reads, 1);
	assert_int_equal(late->answer.n_rejected, 1);
	fake_read_done(f, 0);
	assert_int_equal(a->answer.n_rejected, 1);
	assert_int_equal(resident(f), 0);
	ask_free(a);
	ask_free(b);
	ask_free(close);
	ask_free(late);
}

/* ---- reading ahead ---- */

static void items_of_an_announced_request_are_read_before_it_is_submitted(void **state)
{
	struct fake_owner *f = *state;
	fake_stop(f);
	f->limits.resident_items = 10;
	fake_start(f);
	const struct candor_report row = {"i", "a", 1};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	struct ask *a = fake_prepare(f, &r);
	engine_announce(f->engine, &a->call);
	assert_int_equal(f->n_reads, 1);
	assert_false(a->replied);
	fake_read_done(f, 0);
	assert_false(a->replied);
	fake_submit(a);
	assert_int_equal(a->outcome, ENGINE_REPLIED);
	fake_settle(f);
	ask_free(a);

	/* Submitted while the read is under way, and while another has brought the item meanwhile. */
	const struct candor_report other = {"j", "a", 1};
	struct candor_request s = r;
	s.reports = &other;
	a = fake_prepare(f, &s);
	engine_announce(f->engine, &a->call);
	struct ask *b = fake_ask(f, &s);
	assert_int_equal(f->n_reads, 2);
	fake_read_done(f, 1);
	assert_int_equal(b->answer.batch.accepted, 1);
	fake_submit(a);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	fake_read_done(f, 0);
	assert_int_equal(a->answer.batch.duplicates, 1);
	fake_settle(f);
	ask_free(a);
	ask_free(b);
}

static void a_withdrawn_request_is_never_answered(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_report row = {"i", "a", 1};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	struct ask *a = fake_prepare(f, &r), *b = fake_prepare(f, &r);
	engine_announce(f->engine, &a->call);
	engine_announce(f->engine, &b->call);
	assert_int_equal(f->n_reads, 2);
	fake_read_done(f, 1);
	engine_withdraw(f->engine, &b->call);
	engine_withdraw(f->engine, &a->call);
	assert_false(a->replied || b->replied);
	/* Their memory goes before the read ends. */
	ask_free(a);
	ask_free(b);
	fake_settle(f);
	assert_int_equal(fake_number(f, "SELECT count(*) FROM open_items"), 0);
}

static void a_batch_may_name_its_items_in_any_order_and_often(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(fake_post(f, "p", "shut", "a", 1), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "shut"), CANDOR_OK);
	struct candor_report rows[300];
	char names[300][8];
	for (size_t i = 0; i < 300; i++) {
		snprintf(names[i], sizeof names[i], "i%zu", i % 7);
		rows[i] = (struct candor_report){i % 10 == 3 ? "" : i % 10 == 4 ? "shut" : names[i], "a", 1};
	}
	const struct candor_response *got = fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 300, .reports = rows});
	assert_int_equal(got->n_rejected, 30);
	assert_int_equal(got->batch.accepted, 7);
	assert_int_equal(got->batch.duplicates, 300 - 30 - 7);
	assert_int_equal(resident(f), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(evicted_items_come_back_as_they_were),
		TEST(open_items_are_never_evicted),
		TEST(as_many_items_and_reports_stay_as_the_limits_say),
		TEST(two_calls_for_the_same_new_item_make_one),
		TEST(an_item_closed_during_a_read_does_not_come_back_as_unknown),
		TEST(a_read_from_before_memory_was_rebuilt_does_not_count),
		TEST(an_item_resolved_during_a_read_stays_resolved),
		TEST(a_call_runs_though_its_items_are_more_than_may_stay),
		TEST(a_pool_that_a_failed_commit_took_away_is_not_there_when_the_read_ends),
		TEST(a_read_that_cannot_start_is_an_answer),
		TEST(a_read_that_fails_is_an_answer),
		TEST(whether_an_item_is_new_is_a_short_read),
		TEST(what_was_looked_up_in_vain_is_not_read),
		TEST(a_look_up_that_was_withdrawn_makes_nothing_new),
		TEST(what_is_read_after_a_look_up_takes_its_place_behind_others),
		TEST(items_of_an_announced_request_are_read_before_it_is_submitted),
		TEST(a_withdrawn_request_is_never_answered),
		TEST(a_batch_may_name_its_items_in_any_order_and_often),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
