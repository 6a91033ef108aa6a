/* What docs/mechanism.md claims of whole campaigns, at sizes that take seconds: `make figures` plays the same experiments
 * at the sizes of the document. */
#include "tests/lib/unit.h"

#include "client/lab/stats.h"
#include "tests/lib/backwards.h"
#include "tests/lib/experiments.h"

/* Sanitizers look at the code, not at the claims: a few games of each kind are enough for them. */
enum { GAMES = SANITIZED ? 3 : 9 };

static void print_grid(const struct grid *g)
{
	for (size_t c = 0; c < g->n_curves; c++) {
		print_message("# %-14s", g->curves[c]);
		for (size_t i = 0; i < g->n_x; i++)
			print_message(" %.4g", g->y[c][i]);
		print_message("\n");
	}
}

/* Fails with all that was measured. */
#define assert_claim(grid, claim)                                  \
	do {                                                       \
		if (!(claim)) {                                    \
			print_grid(grid);                          \
			print_error("%s does not hold\n", #claim); \
			fail();                                    \
		}                                                  \
	} while (0)

static double last(const struct grid *g, const char *curve)
{
	return grid_curve(g, curve)[g->n_x - 1];
}

/* ---- no regret ---- */

static void averages_regret_grows_with_every_item_and_the_mechanisms_with_their_root(void **state)
{
	static const uint64_t items[] = {100, 316, 1000, 3162, 10000, 31623};
	struct grid g;
	double bound_used;
	(void)state;
	experiment_exponents(items, SANITIZED ? 4 : 6, 1, &g, &bound_used);
	double mean = stats_exponent(g.x, grid_curve(&g, "mean"), g.n_x);
	double median = stats_exponent(g.x, grid_curve(&g, "median"), g.n_x);
	double candor = stats_exponent(g.x, grid_curve(&g, "candor"), g.n_x);
	double horizon = stats_exponent(g.x, grid_curve(&g, "horizon"), g.n_x);
	print_message("# regret grows as T^%.2f (mean), T^%.2f (median), T^%.2f (candor), T^%.2f (horizon)\n", mean,
		      median, candor, horizon);
	assert_claim(&g, fabs(mean - 1) < 0.05);
	assert_claim(&g, fabs(median - 1) < 0.05);
	assert_claim(&g, candor <= 0.55);
	/* With a known end the rate itself falls with T, and small T do not show the root yet. */
	assert_claim(&g, horizon <= 0.6);
	assert_claim(&g, last(&g, "candor") < last(&g, "mean") / 50);
	assert_claim(&g, bound_used > 0.1 && bound_used <= 1);
	/* The family is hard for whoever follows one labeler, too. */
	assert_claim(&g, stats_exponent(g.x, grid_curve(&g, "leader"), g.n_x) > 0.9);
}

/* ---- strategic labelers ---- */

static void the_mean_comes_close_to_the_best_labeler_whatever_a_minority_does(void **state)
{
	static const double shares[] = {0.10, 0.30, 0.49};
	(void)state;
	for (size_t s = SANITIZED ? 2 : 0; s < sizeof shares / sizeof *shares; s++) {
		struct grid g;
		experiment_strategic(shares[s], SANITIZED ? 200 : 600, SANITIZED ? 3 : 5, false, &g);
		const double *candor = grid_curve(&g, "candor"), *mean = grid_curve(&g, "mean");
		for (size_t i = 0; i < g.n_x; i++) {
			if (!(candor[i] <= 1.1) || !(candor[i] < mean[i]))
				print_error("strategy %s, %g\n", g.x_names[i], shares[s]);
			assert_claim(&g, candor[i] <= 1.1);
			assert_claim(&g, candor[i] < mean[i]);
		}
	}
}

static void colluding_blocks_have_their_say_only_at_first(void **state)
{
	struct grid g;
	(void)state;
	experiment_collusion(300, GAMES, &g);
	static const char *const blocks[] = {"4 of 41", "12 of 41", "20 of 41"};
	for (size_t i = 0; i < 3; i++) {
		assert_claim(&g, grid_curve(&g, blocks[i])[0] > 0.01);
		assert_claim(&g, last(&g, blocks[i]) < 0.01);
	}
	assert_claim(&g, grid_curve(&g, "20 of 41")[0] > grid_curve(&g, "4 of 41")[0]);
	/* Who lies seldom keeps it: what that costs is bounded by what it says when it does. */
	assert_claim(&g, last(&g, "20 of 41, stealth") > last(&g, "20 of 41"));
}

/* A weak spot, and a claim all the same. */
static void many_names_of_one_good_labeler_keep_more_than_its_fair_say(void **state)
{
	struct grid g;
	(void)state;
	experiment_sybils(SANITIZED ? 100 : 1000, SANITIZED ? 10 : 40, &g);
	const double *one = grid_curve(&g, "1 name"), *ten = grid_curve(&g, "10 names");
	assert_claim(&g, fabs(one[0] - 1) < 0.2);
	assert_claim(&g, fabs(ten[0] - 10.0 * 21 / 30) < 1);
	assert_claim(&g, ten[g.n_x - 1] > 2);
}

/* ---- truth ---- */

static void the_expected_next_weight_is_highest_at_the_belief(void **state)
{
	static const double beliefs[] = {0.1, 0.4, 0.7, 0.95};
	struct grid g;
	(void)state;
	experiment_truth(&g);
	assert_int_equal(g.n_curves, 4);
	for (size_t c = 0; c < g.n_curves; c++) {
		size_t best = 0;
		for (size_t i = 1; i < g.n_x; i++)
			if (g.y[c][i] > g.y[c][best])
				best = i;
		assert_near(g.x[best], beliefs[c], 1e-9);
	}
}

static void planning_ahead_gains_next_to_nothing_over_truth(void **state)
{
	struct grid g;
	(void)state;
	experiment_responders(SANITIZED ? 20 : 60, 2, &g);
	for (size_t i = 0; i < g.n_x; i++) {
		/* In per cent of a labeler's weight, an answer. */
		assert_claim(&g, grid_curve(&g, "candor 1 most")[i] < 1e-9);
		assert_claim(&g, grid_curve(&g, "candor 2 most")[i] < 0.01);
		assert_claim(&g, grid_curve(&g, "candor 5 most")[i] < 0.05);
		assert_claim(&g, grid_curve(&g, "candor 5")[i] < 0.002);
	}
	/* The same search finds what is to be gained where something is. */
	assert_claim(&g, last(&g, "hedge 1 most") > 0.1);
	assert_claim(&g, last(&g, "hedge 1") > 20 * last(&g, "candor 5"));
}

/* ---- answers few, outcomes late, few or wrong ---- */

static void with_sparse_answers_a_rate_by_plain_rounds_learns_too_slowly(void **state)
{
	static const uint64_t items[] = {20000};
	struct grid g;
	(void)state;
	experiment_sparse(items, 1, SANITIZED ? 1 : 2, &g);
	double mean = last(&g, "mean");
	assert_claim(&g, last(&g, "horizon T") > 0.97 * mean);
	assert_claim(&g, last(&g, "horizon T_eff") < 0.95 * mean);
	assert_claim(&g, last(&g, "anytime") < 0.95 * mean);
}

static void late_and_few_outcomes_cost_no_more_than_averaging_would(void **state)
{
	struct grid g;
	(void)state;
	experiment_delay(1000, GAMES, &g);
	const double *candor = grid_curve(&g, "candor"), *mean = grid_curve(&g, "mean");
	assert_claim(&g, candor[0] < 0.9 * mean[0]);
	for (size_t i = 0; i < g.n_x; i++)
		assert_claim(&g, candor[i] <= 1.01 * mean[i]);
	experiment_known(1000, GAMES, &g);
	candor = grid_curve(&g, "candor");
	mean = grid_curve(&g, "mean");
	for (size_t i = 0; i < g.n_x; i++)
		assert_claim(&g, candor[i] <= 1.01 * mean[i]);
	assert_claim(&g, candor[0] < candor[g.n_x - 1]);
}

/* A weak spot: whoever posts the outcomes decides, unless the mechanism is told how often they are wrong. */
static void outcomes_that_are_often_wrong_do_harm_where_nobody_says_so(void **state)
{
	struct grid g;
	(void)state;
	experiment_wrong(1000, GAMES, &g);
	const double *candor = grid_curve(&g, "candor"), *mean = grid_curve(&g, "mean");
	const double *told = grid_curve(&g, "candor, told"), *forecast = grid_curve(&g, "forecast, told");
	const size_t at_three_tenths = 4;
	assert_claim(&g, candor[1] < 0.95 * mean[1]);
	assert_claim(&g, last(&g, "candor") > last(&g, "mean"));
	assert_claim(&g, candor[at_three_tenths] > mean[at_three_tenths]);
	assert_claim(&g, told[at_three_tenths] < 0.95 * mean[at_three_tenths]);
	assert_claim(&g, forecast[at_three_tenths] < 0.95 * mean[at_three_tenths]);
}

/* ---- the forecast ---- */

static void the_forecast_uses_what_the_mean_lets_go(void **state)
{
	struct grid g;
	(void)state;
	experiment_strategic(0.30, SANITIZED ? 200 : 600, SANITIZED ? 3 : 5, false, &g);
	const double *forecast = grid_curve(&g, "forecast"), *candor = grid_curve(&g, "candor");
	const double *mean = grid_curve(&g, "mean");
	for (size_t i = 0; i < g.n_x; i++) {
		assert_claim(&g, forecast[i] < candor[i]);
		assert_claim(&g, forecast[i] < 0.8 * mean[i]);
	}
}

static void now_is_better_than_frozen_where_few_outcomes_come(void **state)
{
	struct grid g;
	(void)state;
	experiment_known(1000, GAMES, &g);
	const double *forecast = grid_curve(&g, "forecast"), *now = grid_curve(&g, "now");
	const double *mean = grid_curve(&g, "mean"), *now_mean = grid_curve(&g, "now-mean");
	assert_claim(&g, isnan(now[0])); /* all come: none is left */
	for (size_t i = 2; i < 5; i++) { /* a fifth, a tenth, a twentieth */
		assert_claim(&g, now[i] < forecast[i]);
		assert_claim(&g, now[i] < 0.8 * mean[i]);
		assert_claim(&g, now_mean[i] < mean[i]);
	}
}

static void reward_models_hardly_notice_who_lies_if_trained_on_the_forecast(void **state)
{
	static const double shares[] = {0.49};
	struct training_grid g;
	(void)state;
	experiment_training(SANITIZED ? 400 : 1500, shares, 1, SANITIZED ? 1 : 3, &g);
	assert_true(g.n > 10);
	const double honest = g.rows[0].accuracy[3].median;
	for (size_t i = 0; i < g.n && !SANITIZED; i++) {
		const struct training_row *row = &g.rows[i];
		print_message("# %.2f %-10s", row->share, row->name);
		for (size_t c = 0; c < TRAINING_COLUMNS; c++)
			print_message(" %.3f/%.3f", row->accuracy[c].median, row->best[c].median);
		print_message("\n");
		assert_at_most(honest - row->accuracy[3].median, 0.025);
		assert_at_most(row->accuracy[0].median, row->accuracy[3].median + 0.005);
	}
}

/* ---- signs ---- */

static void honest_labelers_are_counted_backwards_where_signs_are_free(void **state)
{
	(void)state;
	double part = experiment_backwards(500, 41, SANITIZED ? 1 : 3);
	print_message("# %.0f %% of honest labelers are counted backwards\n", 100 * part);
	assert_true(part > 0.2 && part < 0.7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(averages_regret_grows_with_every_item_and_the_mechanisms_with_their_root),
		cmocka_unit_test(the_mean_comes_close_to_the_best_labeler_whatever_a_minority_does),
		cmocka_unit_test(colluding_blocks_have_their_say_only_at_first),
		cmocka_unit_test(many_names_of_one_good_labeler_keep_more_than_its_fair_say),
		cmocka_unit_test(the_expected_next_weight_is_highest_at_the_belief),
		cmocka_unit_test(planning_ahead_gains_next_to_nothing_over_truth),
		cmocka_unit_test(with_sparse_answers_a_rate_by_plain_rounds_learns_too_slowly),
		cmocka_unit_test(late_and_few_outcomes_cost_no_more_than_averaging_would),
		cmocka_unit_test(outcomes_that_are_often_wrong_do_harm_where_nobody_says_so),
		cmocka_unit_test(the_forecast_uses_what_the_mean_lets_go),
		cmocka_unit_test(now_is_better_than_frozen_where_few_outcomes_come),
		cmocka_unit_test(reward_models_hardly_notice_who_lies_if_trained_on_the_forecast),
		cmocka_unit_test(honest_labelers_are_counted_backwards_where_signs_are_free),
	};
	return cmocka_run_group_tests_name("claims of campaigns", tests, NULL, NULL);
}
