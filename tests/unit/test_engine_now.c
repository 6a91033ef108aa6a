/* What items are now, the number to train on, the forecast and second verdicts, through the engine: from memory, from disk,
 * and by whose rights. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/fake_owner.h"

#define READER ((struct identity){.name = "uid:1", .is_known = true})
#define INSPECTOR ((struct identity){.name = "uid:2", .is_known = true})
#define AUDITOR ((struct identity){.name = "uid:3", .is_known = true})

static void grant(struct fake_owner *f, const char *principal, unsigned rights)
{
	const struct candor_grant g = {principal, "p", "", rights};
	struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g};
	require(fake_call(f, &r)->code == CANDOR_OK);
}

/* Items a (open), b and c (closed before anything was settled), d (resolved since), v (void, closed before), w (void,
 * open before). Those who answer are mostly right. */
static int set_up(void **state)
{
	int err = fake_set_up(state);
	struct fake_owner *f = *state;
	static const char *const items[] = {"a", "b", "c", "d", "v", "w"}, *const labelers[] = {"ann", "bob", "carl"};
	static const double values[] = {0.9, 0.6, 0.2};
	const struct candor_settings settings = {.rate = CANDOR_FIXED, .eta = 0.3, .wrong = 0.1, .has_wrong = true};
	fake_pool(f, "p", &settings);
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 3; k++)
			require(fake_post(f, "p", items[i], labelers[k], values[k]) == CANDOR_OK);
	for (size_t i = 1; i < 5; i++)
		require(fake_close(f, "p", items[i]) == CANDOR_OK);
	require(fake_resolve(f, "p", "d", 1) == CANDOR_OK);
	require(fake_void(f, "p", "v") == CANDOR_OK && fake_void(f, "p", "w") == CANDOR_OK);
	grant(f, READER.name, CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN);
	grant(f, INSPECTOR.name, CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ);
	grant(f, AUDITOR.name, CANDOR_RIGHT_OUTCOME);
	return err;
}

static const struct candor_response *query(struct fake_owner *f, struct identity who, bool now)
{
	static const char *const names[] = {"a", "b", "c", "d", "v", "w"};
	struct candor_request r = {
		.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .with_now = now, .n = 6, .items = names};
	return fake_call_as(f, &who, &r);
}

static const struct candor_response *list(struct fake_owner *f, struct identity who, bool now)
{
	struct candor_request r = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .with_now = now, .limit = 100};
	return fake_call_as(f, &who, &r);
}

static enum candor_code recheck(struct fake_owner *f, const char *item, double value, const char *says)
{
	struct identity who = AUDITOR;
	const struct candor_outcome row = {item, value};
	const struct candor_response *r = fake_call_as(
		f, &who,
		&(struct candor_request){.type = CANDOR_REQ_RECHECK_ITEMS, .pool = "p", .n = 1, .outcomes = &row});
	assert_int_equal(r->code, CANDOR_OK);
	if (r->n_rejected == 0) {
		assert_string_equal(says, r->batch.duplicates ? "again" : "");
		return CANDOR_OK;
	}
	if (!strstr(r->rejected[0].message, says)) {
		print_error("'%s' says nothing of '%s'\n", r->rejected[0].message, says);
		fail();
	}
	return r->rejected[0].code;
}

static void assert_now_is(const struct candor_aggregates *now, const struct candor_item *item)
{
	assert_non_null(now);
	assert_same_bits(now->mean, item->mean);
	assert_same_bits(now->median, item->median);
	assert_same_bits(now->plain_mean, item->plain_mean);
	assert_same_bits(now->plain_median, item->plain_median);
	assert_same_bits(now->spread, item->spread);
	assert_same_bits(now->ess, item->ess);
	assert_same_bits(now->forecast, item->forecast);
}

static void now_is_what_an_item_would_be_if_it_were_closed_at_this_moment(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_response *r = query(f, FAKE_OWNER, true);
	assert_int_equal(r->n, 6);
	const struct candor_item *a = &r->items[0], *b = &r->items[1];
	assert_now_is(a->now, a);
	/* b has the same reports in the same order, and was closed before anything was learned. */
	assert_now_is(b->now, a);
	assert_true(b->mean < b->now->mean && b->forecast < b->now->forecast);
	assert_true(b->now->has_candidates && b->has_candidates);
	assert_same_bits(b->now->regression, a->regression);
	assert_same_bits(b->now->evidence, a->evidence);
	assert_same_bits(b->now->evidence_full, a->evidence_full);
	assert_true(a->has_label && b->has_label);
	assert_same_bits(a->label, a->forecast);
	assert_same_bits(b->label, b->now->forecast);
	for (size_t i = 3; i < 6; i++)
		assert_null(r->items[i].now);
	assert_true(r->items[3].has_label && !r->items[4].has_label && !r->items[5].has_label);
	/* Closed now, it is frozen as that. */
	struct candor_item was = *a;
	assert_int_equal(fake_close(f, "p", "a"), CANDOR_OK);
	r = query(f, FAKE_OWNER, true);
	assert_same_bits(r->items[0].forecast, was.forecast);
	assert_same_bits(r->items[0].evidence_full, was.evidence_full);
	assert_now_is(r->items[0].now, &was);
	/* It is told only where it is asked for. */
	r = query(f, FAKE_OWNER, false);
	for (size_t i = 0; i < 6; i++)
		assert_true(!r->items[i].now && !r->items[i].has_label);
}

static double posterior(double f, double y, double e)
{
	return y * (f * (1 - e) / (f * (1 - e) + (1 - f) * e)) + (1 - y) * (f * e / (f * e + (1 - f) * (1 - e)));
}

static void the_label_weighs_outcome_and_recheck_against_the_forecast(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_item *d = &query(f, FAKE_OWNER, true)->items[3];
	double forecast = d->forecast, once = posterior(forecast, 1, 0.1);
	assert_near(d->label, once, 1e-15);
	assert_int_equal(recheck(f, "d", 0.25, ""), CANDOR_OK);
	d = &query(f, FAKE_OWNER, true)->items[3];
	assert_true(d->has_recheck);
	assert_near(d->recheck, 0.25, 0);
	assert_near(d->label, posterior(once, 0.25, 0.1), 1e-15);
	/* By the setting that stands when it is asked for. */
	struct candor_request update = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.has_wrong = true}};
	assert_int_equal(fake_call(f, &update)->code, CANDOR_OK);
	assert_near(query(f, FAKE_OWNER, true)->items[3].label, 1, 0);
}

/* As a query would tell, whether items are in memory or not. */
static void a_list_tells_the_same_of_now(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(recheck(f, "d", 0, ""), CANDOR_OK);
	for (int round = 0; round < 2; round++) {
		struct candor_item told[4];
		struct candor_aggregates now[2];
		const struct candor_response *r = list(f, FAKE_OWNER, true);
		assert_int_equal(r->n, 4); /* b, c, d, v */
		memcpy(told, r->items, sizeof told);
		for (size_t i = 0; i < 2; i++) {
			assert_non_null(told[i].now);
			now[i] = *told[i].now;
		}
		assert_true(!told[2].now && !told[3].now && !told[3].has_label);
		r = query(f, FAKE_OWNER, true);
		for (size_t i = 0; i < 2; i++) {
			assert_memory_equal(&now[i], r->items[1 + i].now, sizeof now[i]);
			assert_same_bits(told[i].label, r->items[1 + i].label);
			assert_same_bits(told[i].evidence, r->items[1 + i].evidence);
		}
		assert_true(told[2].has_label && told[2].has_recheck);
		assert_same_bits(told[2].label, r->items[3].label);
		r = list(f, FAKE_OWNER, false);
		assert_true(!r->items[0].now && !r->items[0].has_label && r->items[0].has_candidates);
		fake_restart(f);
	}
}

/* What is told of it depends on what is in memory, and so does the answer. */
static void a_list_of_now_waits_for_what_it_tells_of(void **state)
{
	struct fake_owner *f = *state;
	struct candor_request r = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .with_now = true, .limit = 100};
	struct ask *a = fake_ask(f, &r);
	fake_read_work(f, 0);
	/* c is resolved while the page is read. */
	struct ask *b = fake_ask_resolve(f, "p", "c", 1);
	assert_true(b->replied && !a->replied);
	fake_read_done(f, 0);
	assert_true(a->replied && !a->settled);
	assert_int_equal(a->change, b->change);
	assert_non_null(a->answer.items[0].now);
	assert_int_equal(a->answer.items[1].state, CANDOR_CLOSED);
	assert_null(a->answer.items[1].now);
	assert_false(a->answer.items[1].has_label);
	fake_settle(f);
	assert_now_is(a->answer.items[0].now, &query(f, FAKE_OWNER, true)->items[0]);
	ask_free(a);
	ask_free(b);
}

static void what_a_peer_learns_of_now_follows_their_rights(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_response *r = query(f, READER, true);
	assert_int_equal(r->n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_false(r->items[i].has_candidates || (r->items[i].now && r->items[i].now->has_candidates));
		assert_int_equal(r->items[i].forecast > 0, i < 5);
	}
	r = list(f, READER, true);
	assert_true(r->n == 4 && r->items[0].now && !r->items[0].now->has_candidates && !r->items[0].has_candidates);
	struct identity who = READER;
	struct candor_request changes = {.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .limit = 100};
	r = fake_call_as(f, &who, &changes);
	assert_true(r->n > 4 && r->items[0].forecast > 0 && !r->items[0].has_candidates);
	who = INSPECTOR;
	assert_true(fake_call_as(f, &who, &changes)->items[0].has_candidates);
	/* Open items are for whom they were before. */
	r = query(f, INSPECTOR, true);
	assert_true(r->n == 5 && r->n_rejected == 1 && r->items[0].has_candidates && r->items[0].now->has_candidates);
	r = query(f, AUDITOR, true);
	assert_int_equal(r->code, CANDOR_PERMISSION_DENIED);

	struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = "p"};
	assert_int_equal(recheck(f, "d", 0, ""), CANDOR_OK);
	who = AUDITOR;
	const struct candor_pool *p = &fake_call_as(f, &who, &get)->pool;
	assert_true(!p->rechecks && p->n_blend == 0 && p->forecast_loss == 0 && p->settings.has_wrong);
	who = READER;
	p = &fake_call_as(f, &who, &get)->pool;
	assert_true(p->rechecks && p->rechecks->n == 1 && p->rechecks->disagree == 1 && p->forecast_loss > 0);
	assert_int_equal(p->n_blend, 0);
	who = INSPECTOR;
	p = &fake_call_as(f, &who, &get)->pool;
	assert_int_equal(p->n_blend, CANDOR_CANDIDATES);
	assert_true(p->blend[0] > 0);
}

static void rechecks_are_kept_one_an_item_and_settle_nothing(void **state)
{
	struct fake_owner *f = *state;
	struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = "p"};
	double loss = fake_call(f, &get)->pool.mean_loss;
	assert_int_equal(recheck(f, "none", 1, "does not exist"), CANDOR_NOT_FOUND);
	assert_int_equal(recheck(f, "a", 1, "item is open; only a resolved item"), CANDOR_FAILED_PRECONDITION);
	assert_int_equal(recheck(f, "b", 1, "item is closed without an outcome"), CANDOR_FAILED_PRECONDITION);
	assert_int_equal(recheck(f, "v", 1, "item is void"), CANDOR_FAILED_PRECONDITION);
	assert_int_equal(recheck(f, "d", 2, ""), CANDOR_INVALID_ARGUMENT);
	assert_int_equal(recheck(f, "d", 1, ""), CANDOR_OK);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(recheck(f, "d", 1, "again"), CANDOR_OK);
		assert_int_equal(recheck(f, "d", 0.5, "already rechecked with 1; value 0.5 differs"),
				 CANDOR_FAILED_PRECONDITION);
		const struct candor_pool *p = &fake_call(f, &get)->pool;
		assert_true(p->rechecks->n == 1 && p->rechecks->disagree == 0);
		assert_same_bits(p->mean_loss, loss);
		assert_int_equal(p->round, 1);
		fake_restart(f);
	}
	/* Who did it is in the list of events. */
	struct candor_request events = {.type = CANDOR_REQ_LIST_EVENTS, .pool = "p", .limit = 1};
	const struct candor_response *r = fake_call(f, &events);
	assert_string_equal(r->events[0].action, "recheck");
	assert_string_equal(r->events[0].subject, "d");
	assert_string_equal(r->events[0].detail, "1");
}

static void settings_of_outcomes_survive_a_change_of_the_rate(void **state)
{
	struct fake_owner *f = *state;
	struct candor_request r = {.type = CANDOR_REQ_UPDATE_POOL,
				   .pool = "p",
				   .settings = {.has_scored = true, .scored = 2, .signs = CANDOR_FREE}};
	const struct candor_settings *s = &fake_call(f, &r)->pool.settings;
	assert_true(s->scored == 2 && s->signs == CANDOR_FREE && s->wrong == 0.1 && s->rate == CANDOR_FIXED);
	r.settings = (struct candor_settings){.rate = CANDOR_ANYTIME};
	s = &fake_call(f, &r)->pool.settings;
	assert_true(s->scored == 2 && s->signs == CANDOR_FREE && s->wrong == 0.1 && s->rate == CANDOR_ANYTIME);
	assert_true(s->has_wrong && s->has_scored);
	fake_restart(f);
	r.settings = (struct candor_settings){.has_wrong = true, .has_scored = true, .signs = CANDOR_POSITIVE};
	s = &fake_call(f, &r)->pool.settings;
	assert_true(s->scored == 0 && s->signs == CANDOR_POSITIVE && s->wrong == 0 && s->rate == CANDOR_ANYTIME);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(now_is_what_an_item_would_be_if_it_were_closed_at_this_moment),
		TEST(the_label_weighs_outcome_and_recheck_against_the_forecast),
		TEST(a_list_tells_the_same_of_now),
		TEST(a_list_of_now_waits_for_what_it_tells_of),
		TEST(what_a_peer_learns_of_now_follows_their_rights),
		TEST(rechecks_are_kept_one_an_item_and_settle_nothing),
		TEST(settings_of_outcomes_survive_a_change_of_the_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
