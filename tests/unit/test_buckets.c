/* Figures that are counted as they come: under fixed bounds, and for the last minute. */
#include "tests/lib/unit.h"

#include "lib/base/buckets.h"
#include "lib/base/recent.h"
#include "tests/lib/seed.h"

static void a_value_counts_under_the_first_bound_that_it_does_not_exceed(void **state)
{
	const uint64_t *both[] = {buckets_of_time, buckets_of_count};
	(void)state;
	for (size_t which = 0; which < 2; which++) {
		const uint64_t *bounds = both[which];
		struct buckets b = {0};
		uint64_t sum = 0;
		for (size_t i = 0; i < BUCKETS; i++) {
			assert_true(i == 0 || bounds[i] > bounds[i - 1]);
			buckets_add(&b, bounds, bounds[i]);
			buckets_add(&b, bounds, bounds[i] + 1);
			sum += 2 * bounds[i] + 1;
		}
		assert_int_equal(b.n, 2 * BUCKETS);
		assert_int_equal(b.sum, sum);
		/* Its bound, and one more than the bound before. */
		for (size_t i = 0; i < BUCKETS; i++)
			assert_int_equal(b.each[i], i == 0 ? 1 : 2);
	}
}

/* What the last minute has is compared with a list of all that came. */
static void the_last_minute_has_what_came_in_it_and_nothing_older(void **state)
{
	enum { N = 3000 };
	struct random r;
	static uint64_t at[N];
	static struct recent recent;
	uint64_t now = 0;
	(void)state;
	seed_random(&r, 73);
	recent = (struct recent){0};
	for (int i = 0; i < N; i++) {
		now += random_below(&r, 50) == 0 ? random_below(&r, 200000) : random_below(&r, 100);
		at[i] = now;
		recent_add(&recent, now, (uint64_t)i + 1);
		uint64_t later = now + (random_below(&r, 4) == 0 ? random_below(&r, 90000) : 0);
		struct histogram h;
		recent_sum(&recent, later, &h);
		uint64_t least = 0, most = 0;
		for (int k = i; k >= 0; k--) {
			uint64_t part = later / RECENT_PART_MS, its = at[k] / RECENT_PART_MS;
			least += at[k] + (RECENT_PARTS - 1) * RECENT_PART_MS > later;
			most += at[k] + RECENT_PARTS * RECENT_PART_MS > later;
			if (part - its > RECENT_PARTS)
				break;
		}
		assert_true(h.n >= least && h.n <= most);
		assert_true(h.max == (h.n ? (uint64_t)i + 1 : 0));
		uint64_t in_buckets = 0;
		for (size_t k = 0; k < HISTOGRAM_BUCKETS; k++)
			in_buckets += h.buckets[k];
		assert_int_equal(in_buckets, h.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_counts_under_the_first_bound_that_it_does_not_exceed),
		cmocka_unit_test(the_last_minute_has_what_came_in_it_and_nothing_older),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
