/* Rates and open items of principals: the arithmetic up to its ends. */
#include "tests/lib/unit.h"

#include "daemon/engine/quota.h"
#include "tests/lib/seed.h"

enum { NOW = 1000000 };
static const uint8_t key[16] = {7};

static struct quota *make(uint64_t requests, uint64_t reports, uint64_t bytes, uint64_t open_items)
{
	struct quota *q = NULL;
	const struct quota_limits limits = {{requests, reports, bytes}, open_items};
	assert_int_equal(quota_new(&q, &limits, key), 0);
	return q;
}

/* 0: it passed; else for how long it has to wait. */
static uint32_t take(struct quota *q, const char *identity, uint64_t requests, uint64_t reports, uint64_t bytes,
		     uint64_t now)
{
	const uint64_t cost[QUOTA_RATES] = {requests, reports, bytes};
	enum quota_rate rate;
	uint32_t wait_ms;
	int passes = quota_take(q, identity, cost, now, &rate, &wait_ms);
	assert_in_range(passes, 0, 1);
	assert_int_equal(passes, wait_ms == 0);
	return wait_ms;
}

/* ---- rates ---- */

static void a_seconds_worth_passes_at_once_and_the_rest_waits(void **state)
{
	struct quota *q = make(10, 0, 0, 0);
	(void)state;
	assert_int_equal(quota_spent_ms(q, "a", NOW), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(take(q, "a", 1, 0, 0, NOW), 0);
	assert_true(quota_spent_ms(q, "a", NOW) > 0);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW), 1);
	/* The next one is paid for with what comes. */
	assert_int_equal(take(q, "a", 1, 0, 0, NOW + 1), 0);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW + 1), 100);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW + 100), 1);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW + 101), 0);
	quota_free(q);
	quota_free(NULL);
}

static void a_wait_that_is_told_is_as_long_as_needed_and_no_longer(void **state)
{
	static const uint64_t rates[] = {1, 3, 7, 999, 1000, 1001, 123457, QUOTA_RATE_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct quota *q = make(0, rates[i], 0, 0);
		for (uint64_t k = 1; k <= 5; k++) {
			uint64_t now = NOW + k * 100000000;
			assert_int_equal(take(q, "a", 0, rates[i] * k + k / 2, 0, now), 0);
			uint32_t ms = take(q, "a", 0, 1, 0, now);
			assert_true(ms >= 1);
			assert_true(ms > (k - 1) * 1000);
			assert_int_equal(take(q, "a", 0, 1, 0, now + ms - 1), 1);
			assert_int_equal(take(q, "a", 0, 1, 0, now + ms), 0);
		}
		quota_free(q);
	}
}

/* However it is asked for, what passes is what the rate brings, a second's worth, and one request more. */
static void over_any_time_no_more_passes_than_the_rate(void **state)
{
	enum { RATE = 50, MOST = 120, STEPS = 20000 };
	struct quota *q = make(0, RATE, 0, 0);
	uint64_t now = NOW, passed = 0, seed = seed_of_test(20260101), seen = 0;
	(void)state;
	for (int i = 0; i < STEPS; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint64_t n = 1 + (seed >> 33) % MOST;
		now += (seed >> 53) % 40;
		if (take(q, "a", 0, n, 0, now))
			continue;
		passed += n;
		seen++;
		assert_true(passed * 1000 <= (now - NOW) * RATE + 1000 * (RATE + MOST));
	}
	/* And as they ask all the time, no less. */
	assert_true((passed + RATE) * 1000 + 1000 * MOST >= (now - NOW) * RATE);
	assert_true(seen > 100);
	quota_free(q);
}

static void a_request_larger_than_a_second_passes_and_is_paid_afterwards(void **state)
{
	struct quota *q = make(0, 100, 0, 0);
	(void)state;
	assert_int_equal(take(q, "a", 1, 1000, 0, NOW), 0);
	assert_int_equal(take(q, "a", 1, 1, 0, NOW), 9001);
	assert_int_equal(take(q, "a", 1, 1, 0, NOW + 9000), 1);
	assert_int_equal(take(q, "a", 1, 1, 0, NOW + 9001), 0);
	quota_free(q);
}

static void a_refused_request_is_charged_to_no_rate(void **state)
{
	struct quota *q = make(10, 10, 1000, 0);
	const uint64_t cost[QUOTA_RATES] = {1, 1, 400};
	enum quota_rate rate;
	uint32_t wait_ms;
	(void)state;
	assert_int_equal(take(q, "a", 1, 30, 400, NOW), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(quota_take(q, "a", cost, NOW, &rate, &wait_ms), 0);
		assert_int_equal(rate, QUOTA_REPORTS);
		assert_int_equal(wait_ms, 2001);
	}
	/* What costs no report is not asked about them. */
	for (int i = 0; i < 9; i++)
		assert_int_equal(take(q, "a", 1, 0, 10, NOW), 0);
	assert_int_equal(quota_take(q, "a", cost, NOW, &rate, &wait_ms), 0);
	assert_int_equal(rate, QUOTA_REPORTS); /* of two, the longer wait */
	assert_int_equal(wait_ms, 2001);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW), 1);
	assert_int_equal(take(q, "a", 0, 0, 510, NOW), 0); /* 1,000 less 400 and 90: all that is left */
	assert_int_equal(take(q, "a", 0, 0, 1, NOW), 1);
	quota_free(q);
}

static void principals_do_not_touch_each_other(void **state)
{
	struct quota *q = make(1, 0, 0, 0);
	(void)state;
	assert_int_equal(take(q, "a", 5, 0, 0, NOW), 0);
	assert_true(take(q, "a", 1, 0, 0, NOW) > 0);
	assert_int_equal(take(q, "b", 1, 0, 0, NOW), 0);
	assert_int_equal(quota_spent_ms(q, "c", NOW), 0);
	quota_free(q);
}

static void without_a_limit_nothing_waits(void **state)
{
	struct quota *q = make(0, 0, 0, 5);
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(take(q, "a", UINT64_MAX, UINT64_MAX, UINT64_MAX, NOW), 0);
	assert_int_equal(quota_spent_ms(q, "a", NOW), 0);
	quota_free(q);
}

/* ---- ends ---- */

static void a_clock_that_goes_back_gives_and_takes_nothing(void **state)
{
	struct quota *q = make(10, 0, 0, 0);
	(void)state;
	assert_int_equal(take(q, "a", 10, 0, 0, NOW), 0);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW - 5000), 1);
	assert_true(quota_spent_ms(q, "a", 0) > 0);
	/* And goes on from there. */
	assert_int_equal(take(q, "a", 1, 0, 0, NOW - 4999), 0);
	assert_int_equal(take(q, "a", 1, 0, 0, NOW - 4999), 100);
	assert_int_equal(take(q, "a", 1, 0, 0, 0), 100);
	assert_int_equal(take(q, "a", 1, 0, 0, 100), 0);
	quota_free(q);
}

static void a_clock_that_leaps_fills_what_there_is_and_no_more(void **state)
{
	static const uint64_t rates[] = {1, 10, QUOTA_RATE_MAX, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		uint64_t rate = rates[i] < QUOTA_RATE_MAX ? rates[i] : QUOTA_RATE_MAX;
		struct quota *q = make(rates[i], 0, 0, 0);
		assert_int_equal(quota_limits(q)->rates[QUOTA_REQUESTS], rate);
		assert_int_equal(take(q, "a", rate, 0, 0, 0), 0);
		assert_int_equal(take(q, "a", 1, 0, 0, 0), 1);
		assert_int_equal(take(q, "a", rate, 0, 0, UINT64_MAX), 0);
		assert_int_equal(take(q, "a", 1, 0, 0, UINT64_MAX), 1);
		quota_free(q);
	}
}

static void huge_costs_end_at_a_debt_that_can_be_counted(void **state)
{
	static const uint64_t costs[] = {UINT64_MAX, UINT64_MAX / 1000, UINT64_MAX / 1000 + 1, INT64_MAX,
					 (uint64_t)1 << 53};
	(void)state;
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
		struct quota *q = make(0, 1, QUOTA_RATE_MAX, 0);
		assert_int_equal(take(q, "a", 0, costs[i], costs[i], NOW), 0);
		assert_int_equal(take(q, "a", 0, 1, 1, NOW), UINT32_MAX);
		assert_true(take(q, "a", 0, 0, 1, NOW) > 0);
		assert_int_equal(take(q, "a", 0, 1, 1, NOW + UINT32_MAX), UINT32_MAX);
		assert_int_equal(take(q, "a", 0, 1, 1, UINT64_MAX), 0);
		quota_free(q);
	}
}

/* ---- how many are known ---- */

static const char *name_of(uint64_t i)
{
	static char name[32];
	snprintf(name, sizeof name, "token:%llu", (unsigned long long)i);
	return name;
}

static void principals_without_debt_or_open_items_make_room_for_others(void **state)
{
	struct quota *q = make(10, 0, 0, 0);
	enum quota_rate rate;
	uint32_t wait_ms;
	const uint64_t one[QUOTA_RATES] = {1};
	(void)state;
	for (uint64_t i = 0; i < QUOTA_PRINCIPALS_MAX; i++)
		assert_int_equal(take(q, name_of(i), 10, 0, 0, NOW), 0);
	size_t full = quota_bytes(q);
	/* Nobody's debt is forgotten, */
	assert_int_equal(quota_take(q, "new", one, NOW, &rate, &wait_ms), 0);
	assert_int_equal(rate, QUOTA_RATES);
	assert_int_equal(wait_ms, QUOTA_FULL_WAIT_MS);
	assert_true(take(q, name_of(0), 1, 0, 0, NOW) > 0);
	assert_int_equal(quota_take(q, "new", one, NOW + 999, &rate, &wait_ms), 0);
	/* until it is paid. */
	for (uint64_t i = 0; i < QUOTA_PRINCIPALS_MAX; i++)
		assert_int_equal(take(q, name_of(QUOTA_PRINCIPALS_MAX + i), 1, 0, 0, NOW + 1000), 0);
	assert_int_equal(quota_take(q, "new", one, NOW + 1000, &rate, &wait_ms), 0);
	assert_true(quota_bytes(q) <= full + full / 4);
	quota_free(q);
}

static void a_principal_with_open_items_stays_known(void **state)
{
	struct quota *q = make(0, 0, 0, 1);
	uint32_t id, other;
	(void)state;
	for (uint64_t i = 0; i < QUOTA_PRINCIPALS_MAX; i++) {
		assert_int_equal(quota_find(q, name_of(i), NOW, &id), 0);
		quota_opened(q, id);
	}
	assert_int_equal(quota_find(q, "new", NOW, &other), ERR_FULL);
	assert_int_equal(other, QUOTA_NOBODY);
	assert_int_equal(quota_find(q, name_of(5), NOW, &id), 0);
	assert_false(quota_may_open(q, id));
	quota_closed(q, id);
	/* It is looked for a piece at a time. */
	int err = ERR_FULL;
	for (int i = 0; i < QUOTA_PRINCIPALS_MAX && err == ERR_FULL; i++)
		err = quota_find(q, "new", NOW, &other);
	assert_int_equal(err, 0);
	assert_int_equal(other, id);
	assert_true(quota_may_open(q, other));
	quota_free(q);
}

static void memory_is_counted(void **state)
{
	struct quota *q = make(1, 0, 0, 0);
	(void)state;
	size_t empty = quota_bytes(q);
	for (uint64_t i = 0; i < 1000; i++)
		take(q, name_of(i), 1, 0, 0, NOW);
	assert_true(quota_bytes(q) >= empty + 1000 * 40);
	quota_free(q);
}

/* ---- open items ---- */

static void open_items_are_counted_up_and_down(void **state)
{
	struct quota *q = make(0, 0, 0, 2);
	uint32_t a, b;
	(void)state;
	assert_int_equal(quota_find(q, "b", NOW, &b), 0);
	assert_int_equal(quota_find(q, "a", NOW, &a), 0);
	assert_int_not_equal(a, QUOTA_NOBODY);
	assert_int_not_equal(a, b);
	for (int i = 0; i < 2; i++) {
		assert_true(quota_may_open(q, a));
		quota_opened(q, a);
	}
	assert_false(quota_may_open(q, a));
	assert_true(quota_may_open(q, b));
	quota_opened(q, QUOTA_NOBODY);
	quota_closed(q, QUOTA_NOBODY);
	quota_closed(q, a);
	assert_true(quota_may_open(q, a));
	quota_opened(q, a);
	quota_forget_items(q);
	quota_opened(q, a);
	assert_true(quota_may_open(q, a));
	quota_free(q);

	q = make(1, 0, 0, 0);
	assert_int_equal(quota_find(q, "a", NOW, &a), 0);
	for (int i = 0; i < 1000; i++)
		quota_opened(q, a);
	assert_true(quota_may_open(q, a));
	quota_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seconds_worth_passes_at_once_and_the_rest_waits),
		cmocka_unit_test(a_wait_that_is_told_is_as_long_as_needed_and_no_longer),
		cmocka_unit_test(over_any_time_no_more_passes_than_the_rate),
		cmocka_unit_test(a_request_larger_than_a_second_passes_and_is_paid_afterwards),
		cmocka_unit_test(a_refused_request_is_charged_to_no_rate),
		cmocka_unit_test(principals_do_not_touch_each_other),
		cmocka_unit_test(without_a_limit_nothing_waits),
		cmocka_unit_test(a_clock_that_goes_back_gives_and_takes_nothing),
		cmocka_unit_test(a_clock_that_leaps_fills_what_there_is_and_no_more),
		cmocka_unit_test(huge_costs_end_at_a_debt_that_can_be_counted),
		cmocka_unit_test(principals_without_debt_or_open_items_make_room_for_others),
		cmocka_unit_test(a_principal_with_open_items_stays_known),
		cmocka_unit_test(memory_is_counted),
		cmocka_unit_test(open_items_are_counted_up_and_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
