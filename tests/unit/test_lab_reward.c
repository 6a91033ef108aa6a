/* Reward models: the fit against the conditions of its optimum, and how good it is against what angles say. */
#include "tests/lib/unit.h"

#include "client/lab/game.h"
#include "client/lab/reward.h"
#include "client/lab/training.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { D = 6, PAIRS = 400 };

static double features[PAIRS * D], labels[PAIRS];

static double length(const double *x)
{
	return sqrt(reward_of(D, x, x));
}

static void draw_pairs(struct random *r, const double *truth)
{
	for (size_t t = 0; t < PAIRS; t++) {
		reward_draw_pair(r, D, features + t * D);
		labels[t] = truth ? reward_preference(D, truth, features + t * D) : random_unit(r);
	}
}

static void a_true_reward_has_its_length_and_any_direction(void **state)
{
	struct random r;
	double sum[D] = {0};
	(void)state;
	seed_random(&r, 861);
	for (int k = 0; k < 2000; k++) {
		double theta[D];
		reward_draw(&r, D, theta);
		assert_near(length(theta), REWARD_SCALE, 1e-12);
		for (size_t i = 0; i < D; i++)
			sum[i] += theta[i] / 2000;
	}
	assert_true(length(sum) < 0.3);
}

static void labels_that_are_the_true_preferences_give_the_true_reward(void **state)
{
	struct random r;
	double truth[D], model[D];
	(void)state;
	seed_random(&r, 862);
	reward_draw(&r, D, truth);
	draw_pairs(&r, truth);
	reward_fit(PAIRS, D, features, labels, model);
	for (size_t k = 0; k < D; k++)
		assert_near(model[k], truth[k], 0.01); /* the ridge pulls a little */
}

/* At the optimum, sum (p - label) x + ridge theta = 0. */
static void a_fit_is_where_the_gradient_is_zero(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 863);
	for (int round = 0; round < 50; round++) {
		double model[D], gradient[D];
		draw_pairs(&r, NULL);
		/* Sometimes of few pairs, or all with sure labels. */
		size_t n = round % 3 == 0 ? 4 : PAIRS;
		for (size_t t = 0; t < n && round % 2; t++)
			labels[t] = labels[t] > 0.5;
		reward_fit(n, D, features, labels, model);
		for (size_t k = 0; k < D; k++)
			gradient[k] = 0.01 * model[k];
		for (size_t t = 0; t < n; t++)
			for (size_t k = 0; k < D; k++)
				gradient[k] += (reward_preference(D, model, features + t * D) - labels[t]) *
					       features[t * D + k];
		assert_at_most(length(gradient), 1e-2);
	}
}

static void no_pairs_give_a_model_that_knows_nothing(void **state)
{
	double model[D] = {1, 1, 1, 1, 1, 1}, truth[D] = {1};
	(void)state;
	reward_fit(0, D, features, labels, model);
	for (size_t k = 0; k < D; k++)
		assert_near(model[k], 0, 0);
	struct reward_score score = reward_judge(D, truth, model, 1, 1);
	assert_near(score.accuracy, 0.5, 0);
	assert_near(score.best_of_eight, 0, 0.1);
}

static void pairs_turned_round_give_the_same_model(void **state)
{
	struct random r;
	double one[D], other[D];
	(void)state;
	seed_random(&r, 864);
	draw_pairs(&r, NULL);
	reward_fit(PAIRS, D, features, labels, one);
	for (size_t t = 0; t < PAIRS; t += 2) {
		labels[t] = 1 - labels[t];
		for (size_t k = 0; k < D; k++)
			features[t * D + k] = -features[t * D + k];
	}
	reward_fit(PAIRS, D, features, labels, other);
	for (size_t k = 0; k < D; k++)
		assert_near(one[k], other[k], 1e-9);
}

/* Normal features: a model at an angle a is right in 1 - a / pi, and its choice among any has cos a of the best. */
static void scores_are_what_the_angle_says(void **state)
{
	(void)state;
	for (double angle = 0; angle < 3.1; angle += 0.4) {
		double truth[D] = {2}, model[D] = {5 * cos(angle), 5 * sin(angle)};
		struct reward_score score = reward_judge(D, truth, model, 7, 3);
		assert_near(score.accuracy, 1 - angle / acos(-1), 0.02);
		assert_near(score.best_of_eight, cos(angle), 0.03);
	}
}

/* ---- in a game ---- */

static struct game_result trained(const struct scheme_class *class, double part, const char *kind)
{
	struct game_options o = {.world = world_usual(SANITIZED ? 300 : 1000, 21), .class = class};
	struct game_result result;
	o.world.features = 8;
	o.world.known = 0.2;
	o.world.seed = 865;
	o.settings = history_settings(CANDOR_ANYTIME);
	o.n_checkpoints = 1;
	o.checkpoints[0] = o.world.items;
	o.n_groups = 1;
	o.groups[0] = (struct game_group){strategy_find(kind), (uint32_t)(part * 21)};
	assert_int_equal(game_play(&o, &result), 0);
	return result;
}

static void models_are_as_good_as_what_they_are_trained_on(void **state)
{
	(void)state;
	struct game_result forecast = trained(&scheme_forecast, 0.49, "colluder");
	struct game_result majority = trained(&scheme_majority, 0.49, "colluder");
	assert_true(forecast.trained[0].accuracy > majority.trained[0].accuracy + 0.05);
	assert_true(forecast.trained[0].best_of_eight > majority.trained[0].best_of_eight);
	assert_true(forecast.trained[0].accuracy > forecast.trained_posted.accuracy);
	assert_true(forecast.trained_truths.accuracy > forecast.trained_posted.accuracy);
	/* What needs no scheme is the same beside each. */
	assert_same_bits(forecast.trained_truths.accuracy, majority.trained_truths.accuracy);
	assert_same_bits(forecast.trained_posted.best_of_eight, majority.trained_posted.best_of_eight);
	struct game_result again = trained(&scheme_forecast, 0.49, "colluder");
	assert_memory_equal(&again, &forecast, sizeof again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_true_reward_has_its_length_and_any_direction),
		cmocka_unit_test(labels_that_are_the_true_preferences_give_the_true_reward),
		cmocka_unit_test(a_fit_is_where_the_gradient_is_zero),
		cmocka_unit_test(no_pairs_give_a_model_that_knows_nothing),
		cmocka_unit_test(pairs_turned_round_give_the_same_model),
		cmocka_unit_test(scores_are_what_the_angle_says),
		cmocka_unit_test(models_are_as_good_as_what_they_are_trained_on),
	};
	return cmocka_run_group_tests_name("reward models", tests, NULL, NULL);
}
