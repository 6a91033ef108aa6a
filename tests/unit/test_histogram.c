#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/base/histogram.h"
#include "tests/lib/seed.h"

static void every_value_belongs_to_the_bucket_whose_bounds_enclose_it(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 71);
	for (int i = 0; i < 200000; i++) {
		uint64_t value = random_bits(&r) >> (16 + random_below(&r, 48));
		unsigned bucket = histogram_bucket(value);
		assert_true(bucket < HISTOGRAM_BUCKETS && value <= histogram_bound(bucket));
		assert_true(bucket == 0 || value > histogram_bound(bucket - 1));
	}
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	for (unsigned i = 1; i < HISTOGRAM_BUCKETS; i++)
		assert_int_equal(histogram_bucket(histogram_bound(i - 1) + 1), i);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void quantiles_are_those_of_a_sorted_list_to_an_eighth(void **state)
{
	enum { N = 10001 };
	struct random r;
	(void)state;
	seed_random(&r, 72);
	uint64_t *values = malloc(N * sizeof *values);
	struct histogram h = {0};
	assert_true(histogram_quantile(&h, 0.5) == 0);
	uint64_t sum = 0;
	for (int i = 0; i < N; i++) {
		values[i] = (uint64_t)random_scale(&r, 1, 1e9);
		histogram_add(&h, values[i]);
		sum += values[i];
	}
	qsort(values, N, sizeof *values, by_value);
	static const double qs[] = {0, 0.01, 0.5, 0.99, 0.999, 1};
	for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
		size_t at = (size_t)(qs[i] * N);
		double exact = (double)values[at ? at - 1 : 0], told = (double)histogram_quantile(&h, qs[i]);
		assert_true(told >= exact && told <= exact * 9 / 8 + 1);
	}
	assert_true(h.n == N && h.sum == sum && h.max == values[N - 1]);
	assert_true(histogram_quantile(&h, 1) == h.max);
	free(values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_belongs_to_the_bucket_whose_bounds_enclose_it),
		cmocka_unit_test(quantiles_are_those_of_a_sorted_list_to_an_eighth),
	};
	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
