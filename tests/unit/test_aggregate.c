#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/pool/aggregate.h"
#include "tests/lib/seed.h"

enum { REPORTS_MAX = 300 };

static struct aggregate over(const double *p, const double *w, size_t n)
{
	struct aggregate_cell scratch[REPORTS_MAX];
	struct aggregate a;
	aggregate_compute(p, w, n, scratch, &a);
	return a;
}

/* By the definition: for each report, the weight at or below it. In long double, to have an opinion of its own. */
static double naive_median(const double *p, const double *w, size_t n)
{
	long double total = 0;
	double smallest = INFINITY;
	for (size_t i = 0; i < n; i++)
		total += (long double)w[i];
	for (size_t i = 0; i < n; i++) {
		long double below = 0;
		for (size_t k = 0; k < n; k++)
			if (p[k] <= p[i])
				below += (long double)w[k];
		if (below >= total / 2 * (1 - 1e-12L) && p[i] < smallest)
			smallest = p[i];
	}
	return smallest;
}

static void assert_as_naive(const double *p, const double *w, size_t n)
{
	long double total = 0, weighted = 0, squares = 0, plain = 0, variance = 0;
	double ones[REPORTS_MAX];
	for (size_t i = 0; i < n; i++) {
		total += (long double)w[i];
		weighted += (long double)w[i] * (long double)p[i];
		squares += (long double)w[i] * (long double)w[i];
		plain += (long double)p[i];
		ones[i] = 1;
	}
	for (size_t i = 0; i < n; i++) {
		long double off = (long double)p[i] - weighted / total;
		variance += (long double)w[i] * off * off;
	}
	struct aggregate a = over(p, w, n);
	assert_near(a.mean, (double)(weighted / total), 1e-14);
	assert_near(a.plain_mean, (double)(plain / (long double)n), 1e-14);
	assert_near(a.spread, (double)sqrtl(variance / total), 1e-9);
	assert_near(a.ess, (double)(total * total / squares), 1e-12 * (double)n);
	assert_same_bits(a.median, naive_median(p, w, n));
	assert_same_bits(a.plain_median, naive_median(p, ones, n));
	assert_int_equal(a.n, n);
}

static void random_reports_aggregate_as_the_definitions_say(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 61);
	for (int round = 0; round < 5000; round++) {
		double p[REPORTS_MAX], w[REPORTS_MAX];
		size_t n = 1 + random_below(&r, random_chance(&r, 0.1) ? REPORTS_MAX : 60);
		bool coarse = random_chance(&r, 0.5);
		for (size_t i = 0; i < n; i++) {
			p[i] = coarse ? (double)random_below(&r, 5) / 4 : random_unit(&r);
			w[i] = random_scale(&r, 1e-9, 1e3);
		}
		assert_as_naive(p, w, n);
	}
}

static void a_lone_report_is_every_aggregate(void **state)
{
	const double p = 0.3, w = 1e-9;
	struct aggregate a = over(&p, &w, 1);
	(void)state;
	assert_near(a.mean, 0.3, 1e-16);
	assert_near(a.median, 0.3, 0);
	assert_near(a.plain_mean, 0.3, 0);
	assert_near(a.plain_median, 0.3, 0);
	assert_near(a.spread, 0, 1e-15);
	assert_near(a.ess, 1, 1e-15);
	assert_int_equal(a.n, 1);
}

static void reports_that_agree_have_no_spread(void **state)
{
	const double p[] = {0.7, 0.7, 0.7, 0.7}, w[] = {1, 0.1, 3, 2e-7};
	struct aggregate a = over(p, w, 4);
	(void)state;
	assert_near(a.mean, 0.7, 1e-15);
	assert_near(a.spread, 0, 1e-15);
	assert_near(a.median, 0.7, 0);
}

static void equal_weights_have_as_many_effective_labelers_as_there_are(void **state)
{
	const double p[] = {0, 0.25, 0.5, 1}, w[] = {0.3, 0.3, 0.3, 0.3};
	(void)state;
	assert_near(over(p, w, 4).ess, 4, 1e-14);
	const double lopsided[] = {1e6, 1e-6, 1e-6, 1e-6};
	assert_near(over(p, lopsided, 4).ess, 1, 1e-11);
}

static void exactly_half_the_weight_is_enough_for_the_median(void **state)
{
	const double p[] = {1, 0, 0.5, 0.25}, even[] = {1, 1, 1, 1};
	(void)state;
	assert_near(over(p, even, 4).median, 0.25, 0);
	assert_near(over(p, even, 4).plain_median, 0.25, 0);
	const double two[] = {0.9, 0.1}, same[] = {2, 2};
	assert_near(over(two, same, 2).median, 0.1, 0);
}

static void half_may_be_missed_by_what_rounding_takes(void **state)
{
	/* Six tenths against six tenths: in floating point 0.1+0.2+0.3 is not 0.6. */
	const double p[] = {0.1, 0.1, 0.2, 0.8}, w[] = {0.1, 0.2, 0.3, 0.6};
	const double q[] = {0.1, 0.8}, just[] = {1 - 1e-13, 1 + 1e-13}, less[] = {1 - 1e-11, 1 + 1e-11};
	(void)state;
	assert_near(over(p, w, 4).median, 0.2, 0);
	assert_near(over(q, just, 2).median, 0.1, 0);
	assert_near(over(q, less, 2).median, 0.8, 0);
}

static void a_tie_of_reports_is_one_report_of_their_weight(void **state)
{
	const double p[] = {0.4, 0.4, 0.9, 0.1, 0.4}, w[] = {1, 1, 2, 1.5, 1};
	(void)state;
	assert_near(over(p, w, 5).median, 0.4, 0);
}

static void the_order_of_reports_matters_to_no_median_and_hardly_to_a_mean(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 62);
	for (int round = 0; round < 1000; round++) {
		double p[80], w[80];
		size_t n = 2 + random_below(&r, 79);
		for (size_t i = 0; i < n; i++) {
			p[i] = (double)random_below(&r, 9) / 8;
			w[i] = random_scale(&r, 1e-3, 10);
		}
		struct aggregate a = over(p, w, n);
		for (size_t i = n - 1; i > 0; i--) {
			size_t k = random_below(&r, i + 1);
			double swap = p[i];
			p[i] = p[k];
			p[k] = swap;
			swap = w[i];
			w[i] = w[k];
			w[k] = swap;
		}
		struct aggregate b = over(p, w, n);
		assert_same_bits(a.median, b.median);
		assert_same_bits(a.plain_median, b.plain_median);
		assert_near(a.mean, b.mean, 1e-14);
	}
}

static void nobody_pulls_the_median_toward_its_own_view_by_exaggerating(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 63);
	for (int round = 0; round < 3000; round++) {
		double p[20], w[20];
		size_t n = 2 + random_below(&r, 19), identity = random_below(&r, n);
		for (size_t i = 0; i < n; i++) {
			p[i] = random_unit(&r);
			w[i] = random_scale(&r, 1e-3, 10);
		}
		double view = p[identity], honest = fabs(over(p, w, n).median - view);
		for (int k = 0; k <= 20; k++) {
			p[identity] = k / 20.0;
			assert_true(fabs(over(p, w, n).median - view) >= honest);
		}
	}
}

static int by_p_then_w(const void *a, const void *b)
{
	const struct aggregate_cell *x = a, *y = b;
	if (x->p != y->p)
		return x->p < y->p ? -1 : 1;
	return (x->w > y->w) - (x->w < y->w);
}

/* Many are sorted in another way than few. Values from hardly any to all different, weights from tiny to huge. */
static void many_reports_have_the_medians_of_their_sorted_list(void **state)
{
	enum { N = 20000 };
	struct random r;
	(void)state;
	seed_random(&r, 9);
	double *p = malloc(N * sizeof *p), *w = malloc(N * sizeof *w);
	struct aggregate_cell *cells = malloc(N * sizeof *cells), *scratch = malloc(N * sizeof *scratch);
	for (int round = 0; round < 8; round++) {
		double steps = pow(10, round);
		double total = 0, sum = 0;
		for (size_t i = 0; i < N; i++) {
			p[i] = round == 0 ? -0.0 * (double)(i % 2) : floor(random_unit(&r) * steps) / steps;
			w[i] = round % 2 ? random_scale(&r, 1e-12, 1e12) : 1 + (double)random_below(&r, 3);
			cells[i] = (struct aggregate_cell){p[i], w[i]};
			total += w[i];
		}
		qsort(cells, N, sizeof *cells, by_p_then_w);
		size_t at = 0;
		while (at < N - 1 && (sum += cells[at].w) < 0.5 * (1 - 1e-12) * total)
			at++;
		struct aggregate a;
		aggregate_compute(p, w, N, scratch, &a);
		assert_near(a.median, cells[at].p, 0);
		assert_near(a.plain_median, cells[(N + 1) / 2 - 1].p, 0);
		for (size_t i = 0; i < N; i++)
			assert_true(scratch[i].p == cells[i].p && scratch[i].w == cells[i].w);
	}
	free(p);
	free(w);
	free(cells);
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_reports_have_the_medians_of_their_sorted_list),
		cmocka_unit_test(random_reports_aggregate_as_the_definitions_say),
		cmocka_unit_test(a_lone_report_is_every_aggregate),
		cmocka_unit_test(reports_that_agree_have_no_spread),
		cmocka_unit_test(equal_weights_have_as_many_effective_labelers_as_there_are),
		cmocka_unit_test(exactly_half_the_weight_is_enough_for_the_median),
		cmocka_unit_test(half_may_be_missed_by_what_rounding_takes),
		cmocka_unit_test(a_tie_of_reports_is_one_report_of_their_weight),
		cmocka_unit_test(the_order_of_reports_matters_to_no_median_and_hardly_to_a_mean),
		cmocka_unit_test(nobody_pulls_the_median_toward_its_own_view_by_exaggerating),
	};
	return cmocka_run_group_tests_name("aggregate", tests, NULL, NULL);
}
