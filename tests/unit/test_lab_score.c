#include "tests/lib/unit.h"

#include <stdlib.h>

#include "client/lab/regret.h"
#include "client/lab/score.h"
#include "client/lab/stats.h"
#include "tests/lib/seed.h"

/* ---- score ---- */

static void nothing_scored_is_zero(void **state)
{
	struct score s = {0};
	(void)state;
	assert_same_bits(score_calibration_error(&s), 0);
}

static void a_score_is_what_one_works_out_by_hand(void **state)
{
	struct score s = {0};
	(void)state;
	score_add(&s, 0.8, 1);
	score_add(&s, 0.3, 1);
	score_add(&s, 0.25, 0);
	score_add(&s, 0.6, 0.75);
	assert_true(s.n == 4);
	assert_near(s.brier, 0.04 + 0.49 + 0.0625 + 0.0225, 1e-15);
	assert_near(s.right, 1 + 0 + 1 + 1, 0);
	/* -ln 0.8, -ln 0.3, -ln 0.75, -(0.75 ln 0.6 + 0.25 ln 0.4) */
	assert_near(s.log_loss,
		    0.2231435513142097 + 1.203972804325936 + 0.2876820724517809 + 0.3831192178244929 +
			    0.22907268296853875,
		    1e-14);
}

static void a_forecast_that_was_certain_and_wrong_is_not_infinitely_bad(void **state)
{
	struct score right = {0}, wrong = {0};
	(void)state;
	score_add(&wrong, 0, 1);
	assert_near(wrong.log_loss, 13.815510557964274, 1e-9);
	score_add(&wrong, 1, 0);
	assert_near(wrong.log_loss, 2 * 13.815510557964274, 1e-9);
	assert_near(wrong.brier, 2, 0);
	score_add(&right, 0, 0);
	score_add(&right, 1, 1);
	assert_near(right.log_loss, 2e-6, 1e-11);
	assert_near(right.brier, 0, 0);
}

static void the_log_loss_is_held_from_a_millionth_on(void **state)
{
	struct score at = {0}, below = {0}, above = {0};
	(void)state;
	score_add(&at, 1e-6, 1);
	score_add(&below, 1e-9, 1);
	score_add(&above, 2e-6, 1);
	assert_same_bits(at.log_loss, below.log_loss);
	assert_near(at.log_loss - above.log_loss, log(2), 1e-9);
}

static void a_forecast_in_the_middle_is_half_right(void **state)
{
	static const struct {
		double p, y, right;
	} cases[] = {
		{0.5, 1, 0.5},   {0.5, 0, 0.5}, {0.9, 0.5, 0.5}, {0.1, 0.5, 0.5},  {0.5, 0.5, 0.5},
		{0.51, 0.51, 1}, {0.49, 0, 1},  {0.49, 1, 0},    {0.500001, 0, 0}, {1, 0.499, 0},
	};
	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct score s = {0};
		score_add(&s, cases[k].p, cases[k].y);
		assert_near(s.right, cases[k].right, 0);
	}
}

static void the_best_constant_forecast_is_the_share(void **state)
{
	(void)state;
	for (int k = 0; k <= 20; k++) {
		struct score share = {0}, other = {0};
		for (int i = 0; i < 10; i++) {
			score_add(&share, 0.3, i < 3);
			score_add(&other, k / 20.0, i < 3);
		}
		assert_true(k == 6 || other.brier > share.brier);
		assert_true(k == 6 || other.log_loss > share.log_loss);
	}
}

/* The tenth that a lone forecast falls in. */
static int tenth_of(double p)
{
	struct score s = {0};
	int at = -1;
	score_add(&s, p, 1);
	for (int k = 0; k < SCORE_TENTHS; k++) {
		if (s.tenths[k].n == 0) {
			assert_near(s.tenths[k].forecasts, 0, 0);
			continue;
		}
		assert_true(at == -1 && s.tenths[k].n == 1);
		assert_same_bits(s.tenths[k].forecasts, p);
		at = k;
	}
	return at;
}

static void a_forecast_falls_in_the_tenth_that_begins_with_it(void **state)
{
	(void)state;
	for (int k = 0; k < 10; k++) {
		assert_int_equal(tenth_of(k / 10.0), k);
		assert_int_equal(tenth_of(k / 10.0 + 0.0999), k);
	}
	assert_int_equal(tenth_of(1), 9);
	assert_int_equal(tenth_of(nextafter(1, 0)), 9);
	assert_int_equal(tenth_of(1e-300), 0);
}

static void the_calibration_error_weighs_each_tenth_by_its_forecasts(void **state)
{
	struct score s = {0};
	(void)state;
	/* Three in the 9th tenth: mean 0.84, came true 2 of 3. One in the 1st: 0.05, came true. */
	score_add(&s, 0.81, 1);
	score_add(&s, 0.85, 0);
	score_add(&s, 0.86, 1);
	assert_near(score_calibration_error(&s), fabs(0.84 - 2 / 3.0), 1e-15);
	score_add(&s, 0.05, 1);
	assert_near(score_calibration_error(&s), 0.75 * fabs(0.84 - 2 / 3.0) + 0.25 * 0.95, 1e-15);
}

static void errors_of_two_tenths_do_not_cancel_but_those_within_one_do(void **state)
{
	struct score across = {0}, within = {0}, worst = {0};
	(void)state;
	score_add(&across, 0.25, 0);
	score_add(&across, 0.75, 1);
	assert_near(score_calibration_error(&across), 0.25, 1e-15);
	score_add(&within, 0.52, 0);
	score_add(&within, 0.58, 1);
	assert_near(score_calibration_error(&within), 0.05, 1e-15);
	score_add(&worst, 1, 0);
	score_add(&worst, 0, 1);
	assert_near(score_calibration_error(&worst), 1, 0);
}

static void random_scores_are_sums_over_the_definitions(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 721);
	for (int round = 0; round < 200; round++) {
		struct score s = {0};
		long double brier = 0, right = 0, log_loss = 0, bins[10][3] = {{0}}, error = 0;
		uint64_t n = 1 + random_below(&r, 200);
		for (uint64_t i = 0; i < n; i++) {
			/* Away from the edges of tenths, about which rounding may have two opinions. */
			double p = ((double)random_below(&r, 1000) + 0.5) / 1000, y = (double)random_below(&r, 5) / 4;
			score_add(&s, p, y);
			brier += ((long double)p - y) * ((long double)p - y);
			right += y == 0.5 ? 0.5L : (p > 0.5) == (y > 0.5);
			log_loss -= y * logl(p) + (1 - y) * logl(1 - (long double)p);
			int bin = (int)floor(p * 10);
			bins[bin][0]++;
			bins[bin][1] += p;
			bins[bin][2] += y;
		}
		for (int k = 0; k < 10; k++)
			if (bins[k][0] > 0)
				error += bins[k][0] / n * fabsl(bins[k][1] / bins[k][0] - bins[k][2] / bins[k][0]);
		assert_true(s.n == n);
		assert_near(s.brier, (double)brier, 1e-12);
		assert_near(s.right, (double)right, 0);
		assert_near(s.log_loss, (double)log_loss, 1e-10);
		assert_near(score_calibration_error(&s), (double)error, 1e-13);
	}
}

/* ---- stats ---- */

static void quartiles_are_those_of_type_7(void **state)
{
	/* As R's quantile(x, c(0.25, 0.5, 0.75)) and numpy's percentile() have them. */
	static const struct {
		size_t n;
		double x[7], low, median, high;
	} cases[] = {
		{1, {3}, 3, 3, 3},
		{2, {8, 4}, 5, 6, 7},
		{3, {1, 9, 2}, 1.5, 2, 5.5},
		{4, {4, 1, 3, 2}, 1.75, 2.5, 3.25},
		{5, {50, 10, 40, 20, 30}, 20, 30, 40},
		{6, {6, 1, 4, 8, 2, -5}, 1.25, 3, 5.5},
		{7, {1, 1, 1, 1, 1, 1, 9}, 1, 1, 1},
	};
	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		double x[7];
		memcpy(x, cases[k].x, sizeof x);
		struct quartiles q = stats_quartiles(x, cases[k].n);
		assert_near(q.low, cases[k].low, 1e-15);
		assert_near(q.median, cases[k].median, 1e-15);
		assert_near(q.high, cases[k].high, 1e-15);
		for (size_t i = 1; i < cases[k].n; i++)
			assert_true(x[i - 1] <= x[i]);
	}
}

static void nothing_has_no_quartiles_and_no_mean(void **state)
{
	struct quartiles q = stats_quartiles(NULL, 0);
	(void)state;
	assert_true(isnan(q.low) && isnan(q.median) && isnan(q.high));
	assert_true(isnan(stats_geometric_mean(NULL, 0)));
	assert_true(isnan(stats_exponent(NULL, NULL, 0)));
}

static void an_exact_power_has_its_exponent(void **state)
{
	static const double exponents[] = {0.5, 1, 0, -1, 2.75, -0.125};
	(void)state;
	for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
		double x[12], y[12];
		for (int i = 0; i < 12; i++) {
			x[i] = pow(3, i);
			y[i] = 0.037 * pow(x[i], exponents[k]);
		}
		assert_near(stats_exponent(x, y, 12), exponents[k], 1e-12);
		assert_near(stats_exponent(x, y, 3), exponents[k], 1e-12);
	}
}

static void points_that_are_not_positive_do_not_count(void **state)
{
	const double x[] = {1, 2, 4, 8, 16, 0, -1, 5}, y[] = {1, -3, 16, 64, 256, 7, 7, NAN};
	(void)state;
	assert_near(stats_exponent(x, y, 8), 2, 1e-12);
	/* Of the first three only two are positive. */
	assert_true(isnan(stats_exponent(x, y, 3)));
	assert_true(isnan(stats_exponent(x, y, 2)));
}

static void the_exponent_is_the_least_squares_slope(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 722);
	for (int round = 0; round < 100; round++) {
		double x[20], y[20], mean_x = 0, mean_y = 0, covered = 0, variance = 0;
		for (int i = 0; i < 20; i++) {
			x[i] = random_scale(&r, 1, 1e6);
			y[i] = random_scale(&r, 1e-3, 1e3);
			mean_x += log(x[i]) / 20;
			mean_y += log(y[i]) / 20;
		}
		for (int i = 0; i < 20; i++) {
			covered += (log(x[i]) - mean_x) * (log(y[i]) - mean_y);
			variance += (log(x[i]) - mean_x) * (log(x[i]) - mean_x);
		}
		assert_near(stats_exponent(x, y, 20), covered / variance, 1e-11);
	}
}

static void the_geometric_mean_is_the_root_of_the_product(void **state)
{
	const double a[] = {2, 8}, b[] = {1, 10, 100}, c[] = {1e300, 1e300, 1e-300, 1e-300, 32};
	(void)state;
	assert_near(stats_geometric_mean(a, 1), 2, 1e-15);
	assert_near(stats_geometric_mean(a, 2), 4, 1e-14);
	assert_near(stats_geometric_mean(b, 3), 10, 1e-13);
	assert_near(stats_geometric_mean(c, 5), 2, 1e-12);
}

/* ---- regret ---- */

static void without_a_score_nobody_is_best(void **state)
{
	struct regret r;
	uint32_t best = 3;
	(void)state;
	assert_int_equal(regret_init(&r, 5, 2), 0);
	assert_same_bits(regret_of(&r, 0, &best), -INFINITY);
	assert_true(best == NAMES_NONE);
	assert_same_bits(regret_of(&r, 1, NULL), -INFINITY);
	regret_free(&r);
}

static void regret_is_against_what_each_answered(void **state)
{
	const uint32_t both[] = {1, 0}, lone[] = {2};
	const double reports[] = {1, 0.5}, sure[] = {0.9};
	struct scheme_item first = {.n = 2, .labelers = both, .reports = reports};
	struct scheme_item second = {.n = 1, .labelers = lone, .reports = sure};
	struct regret r;
	uint32_t best;
	(void)state;
	assert_int_equal(regret_init(&r, 4, 1), 0);
	regret_add(&r, &second, (const double[]){0.8}, 0);
	/* The only one with an account is best, though the forecast was better. */
	assert_near(regret_of(&r, 0, &best), 0.64 - 0.81, 1e-15);
	assert_int_equal(best, 2);
	regret_add(&r, &first, (const double[]){0.6}, 1);
	assert_near(regret_of(&r, 0, &best), 0.16, 1e-15);
	assert_int_equal(best, 1);
	assert_near(r.accounts[0].own, 0.25, 1e-15);
	assert_near(r.accounts[0].forecasts[0], 0.16, 1e-15);
	assert_true(r.accounts[0].n == 1 && r.accounts[3].n == 0);
	regret_free(&r);
}

static void the_lowest_of_equals_is_best(void **state)
{
	const uint32_t identity[] = {3, 1, 2};
	const double reports[] = {0.75, 0.75, 0.25};
	struct scheme_item item = {.n = 3, .labelers = identity, .reports = reports};
	struct regret r;
	uint32_t best;
	(void)state;
	assert_int_equal(regret_init(&r, 4, 1), 0);
	regret_add(&r, &item, (const double[]){0.5}, 1);
	assert_near(regret_of(&r, 0, &best), 0.25 - 0.0625, 0);
	assert_int_equal(best, 1);
	regret_free(&r);
}

enum { LABELERS = 12, ITEMS = 40 };

/* Everything that was said, kept; and summed up anew for each labeler. */
struct record {
	bool answered[ITEMS][LABELERS];
	double reports[ITEMS][LABELERS], forecasts[ITEMS][2], truths[ITEMS];
};

static double regret_by_hand(const struct record *k, int items, int forecast, uint32_t *best)
{
	double most = -INFINITY;
	for (uint32_t id = 0; id < LABELERS; id++) {
		long double sum = 0;
		bool any = false;
		for (int t = 0; t < items; t++) {
			long double f = k->forecasts[t][forecast] - k->truths[t],
				    own = k->reports[t][id] - k->truths[t];
			if (!k->answered[t][id])
				continue;
			any = true;
			sum += f * f - own * own;
		}
		if (any && (double)sum > most + 1e-12) {
			most = (double)sum;
			*best = id;
		}
	}
	return most;
}

static void regret_is_as_worked_out_from_all_that_was_said(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 723);
	for (int round = 0; round < 100; round++) {
		static struct record k;
		struct regret regret;
		memset(&k, 0, sizeof k);
		assert_int_equal(regret_init(&regret, LABELERS, 2), 0);
		for (int t = 0; t < ITEMS; t++) {
			uint32_t order[LABELERS], best, want = 0;
			double reports[LABELERS];
			size_t n = 1 + random_below(&r, LABELERS);
			for (uint32_t i = 0; i < LABELERS; i++)
				order[i] = i;
			random_shuffle(&r, order, LABELERS);
			k.truths[t] = random_chance(&r, 0.8) ? (double)random_below(&r, 2) : random_unit(&r);
			for (size_t i = 0; i < n; i++) {
				reports[i] = random_unit(&r);
				k.answered[t][order[i]] = true;
				k.reports[t][order[i]] = reports[i];
			}
			for (int f = 0; f < 2; f++)
				k.forecasts[t][f] = random_unit(&r);
			struct scheme_item item = {.n = n, .labelers = order, .reports = reports};
			regret_add(&regret, &item, k.forecasts[t], k.truths[t]);
			for (int f = 0; f < 2; f++) {
				double most = regret_by_hand(&k, t + 1, f, &want);
				assert_near(regret_of(&regret, f, &best), most, 1e-12);
				assert_int_equal(best, want);
			}
		}
		regret_free(&regret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_scored_is_zero),
		cmocka_unit_test(a_score_is_what_one_works_out_by_hand),
		cmocka_unit_test(a_forecast_that_was_certain_and_wrong_is_not_infinitely_bad),
		cmocka_unit_test(the_log_loss_is_held_from_a_millionth_on),
		cmocka_unit_test(a_forecast_in_the_middle_is_half_right),
		cmocka_unit_test(the_best_constant_forecast_is_the_share),
		cmocka_unit_test(a_forecast_falls_in_the_tenth_that_begins_with_it),
		cmocka_unit_test(the_calibration_error_weighs_each_tenth_by_its_forecasts),
		cmocka_unit_test(errors_of_two_tenths_do_not_cancel_but_those_within_one_do),
		cmocka_unit_test(random_scores_are_sums_over_the_definitions),
		cmocka_unit_test(quartiles_are_those_of_type_7),
		cmocka_unit_test(nothing_has_no_quartiles_and_no_mean),
		cmocka_unit_test(an_exact_power_has_its_exponent),
		cmocka_unit_test(points_that_are_not_positive_do_not_count),
		cmocka_unit_test(the_exponent_is_the_least_squares_slope),
		cmocka_unit_test(the_geometric_mean_is_the_root_of_the_product),
		cmocka_unit_test(without_a_score_nobody_is_best),
		cmocka_unit_test(regret_is_against_what_each_answered),
		cmocka_unit_test(the_lowest_of_equals_is_best),
		cmocka_unit_test(regret_is_as_worked_out_from_all_that_was_said),
	};
	return cmocka_run_group_tests_name("lab_score", tests, NULL, NULL);
}
