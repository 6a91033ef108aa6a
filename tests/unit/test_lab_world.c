/* What nature draws: truths, signals, beliefs, outcomes. */
#include "tests/unit/test_lab_world.h"

#include "tests/lib/seed.h"

static struct scene scene;

static double log_odds(double p)
{
	return log(p / (1 - p));
}

/* ---- the same draws ---- */

static void the_same_options_give_the_same_draws(void **state)
{
	static struct scene other;
	struct random r;
	(void)state;
	seed_random(&r, 761);
	for (int round = 0; round < 60; round++) {
		struct world_options o = usual(random_bits(&r));
		o.kind = (enum world_kind)random_below(&r, 3);
		o.participation = (enum world_participation)random_below(&r, 3);
		o.stream = random_below(&r, 10);
		o.bias = random_unit(&r);
		o.correlation = random_unit(&r);
		o.known = random_unit(&r);
		o.wrong = random_unit(&r);
		struct world *a = make(&o), *b = make(&o);
		for (uint64_t t = 0; t < 200; t++) {
			assert_true(same_draw(next(a, &scene), next(b, &other)));
			assert_true(scene.draw.number == t);
		}
		world_free(a);
		world_free(b);
	}
}

static void another_seed_or_stream_is_another_world(void **state)
{
	static struct scene other;
	struct world_options o = usual(seed_of_test(762)), seed = o, stream = o;
	(void)state;
	seed.seed++;
	stream.stream++;
	struct world *worlds[] = {make(&o), make(&seed), make(&stream)};
	for (int k = 1; k < 3; k++) {
		int truths = 0;
		for (int t = 0; t < 1000; t++) {
			next(worlds[0], &scene);
			next(worlds[k], &other);
			for (size_t i = 0; i < scene.draw.n; i++)
				assert_true(scene.beliefs[i] != other.beliefs[i] && scene.dice[i] != other.dice[i]);
			truths += scene.draw.truth == other.draw.truth;
		}
		assert_near(truths, 500, SIGMAS * sqrt(250));
	}
	for (int k = 0; k < 3; k++)
		world_free(worlds[k]);
}

static void what_becomes_known_moves_no_other_draw(void **state)
{
	static struct scene other;
	struct world_options o = usual(seed_of_test(763)), p = o;
	size_t unknown = 0;
	(void)state;
	p.known = 0.5;
	p.wrong = 0.5;
	struct world *a = make(&o), *b = make(&p);
	for (int t = 0; t < 200; t++) {
		next(a, &scene);
		next(b, &other);
		unknown += !other.draw.known;
		other.draw.known = scene.draw.known;
		other.draw.outcome = scene.draw.outcome;
		assert_true(same_draw(&scene.draw, &other.draw));
	}
	assert_true(unknown > 40);
	world_free(a);
	world_free(b);
}

/* ---- signals ---- */

static void a_belief_takes_the_true_side_as_often_as_its_skill_says(void **state)
{
	static const double skills[] = {0.3, 1, 2, 3.5};
	uint64_t seed = seed_of_test(764);
	(void)state;
	for (size_t k = 0; k < sizeof skills / sizeof *skills; k++) {
		struct world_options o = usual(seed + k);
		double right = 0, n = 0, expected = erfc(-skills[k] / 2 / sqrt(2)) / 2;
		o.skill_low = o.skill_high = skills[k];
		struct world *w = make(&o);
		for (int t = 0; t < 10000; t++) {
			const struct world_draw *d = next(w, &scene);
			for (size_t i = 0; i < d->n; i++)
				right += (d->beliefs[i] > 0.5) == (d->truth > 0.5);
			n += (double)d->n;
		}
		assert_near(right / n, expected, SIGMAS * sqrt(expected * (1 - expected) / n));
		world_free(w);
	}
}

static void labelers_who_know_nothing_believe_the_base_rate(void **state)
{
	struct world_options o = usual(seed_of_test(765));
	(void)state;
	o.skill_low = o.skill_high = 0;
	o.base_rate = 0.2;
	struct world *w = make(&o);
	for (int t = 0; t < 100; t++) {
		const struct world_draw *d = next(w, &scene);
		for (size_t i = 0; i < d->n; i++)
			assert_near(d->beliefs[i], 0.2, 1e-15);
	}
	world_free(w);
}

static void beliefs_come_true_as_often_as_they_say(void **state)
{
	static const double rates[] = {0.5, 0.2, 0.9};
	uint64_t seed = seed_of_test(766);
	(void)state;
	for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
		struct world_options o = usual(seed + k);
		double sums[20][3] = {{0}}, filled = 0;
		o.base_rate = rates[k];
		o.labelers = 200;
		o.per_item = 1; /* beliefs of one item share its truth: bins of several would not be independent */
		o.participation = WORLD_SOME;
		struct world *w = make(&o);
		for (int t = 0; t < 60000; t++) {
			const struct world_draw *d = next(w, &scene);
			double *bin = sums[(int)(d->beliefs[0] * 20)];
			bin[0]++;
			bin[1] += d->beliefs[0];
			bin[2] += d->truth;
		}
		for (int i = 0; i < 20; i++) {
			if (sums[i][0] < 200)
				continue;
			double q = sums[i][1] / sums[i][0];
			assert_near(sums[i][2] / sums[i][0], q, SIGMAS * sqrt(q * (1 - q) / sums[i][0]));
			filled++;
		}
		assert_true(filled >= 12);
		world_free(w);
	}
}

/* The error in a signal, from the belief that came of it. */
static double error_in(const struct world_options *o, const struct world_draw *d, size_t i)
{
	double skill = o->skill_low;
	return (log_odds(d->beliefs[i]) - log_odds(o->base_rate)) / skill - skill * (d->truth - 0.5);
}

static void errors_are_normal_and_as_correlated_as_asked(void **state)
{
	enum { N = 20000 };
	static const double correlations[] = {0, 0.4, 0.9, 1};
	uint64_t seed = seed_of_test(767);
	(void)state;
	for (size_t k = 0; k < sizeof correlations / sizeof *correlations; k++) {
		struct world_options o = usual(seed + k);
		double rho = correlations[k], sum = 0, squares = 0, products = 0, with_truth = 0, serial = 0, last = 0;
		o.skill_low = o.skill_high = 1;
		o.base_rate = 0.3;
		o.correlation = rho;
		struct world *w = make(&o);
		for (int t = 0; t < N; t++) {
			const struct world_draw *d = next(w, &scene);
			double x = error_in(&o, d, 0), y = error_in(&o, d, 5);
			if (rho == 1)
				assert_near(x, y, 1e-9);
			sum += x;
			squares += x * x;
			products += x * y;
			with_truth += x * (d->truth - 0.3);
			serial += x * last;
			last = x;
		}
		assert_near(sum / N, 0, SIGMAS / sqrt(N));
		assert_near(squares / N, 1, SIGMAS * sqrt(2.0 / N));
		assert_near(products / N, rho, SIGMAS * sqrt((1 + rho * rho) / N));
		assert_near(with_truth / N, 0, SIGMAS * sqrt(0.21 / N));
		assert_near(serial / N, 0, SIGMAS / sqrt(N));
		world_free(w);
	}
}

static void skills_are_even_between_their_ends(void **state)
{
	enum { N = 400 };
	static double sums[MOST][2][3];
	struct world_options o = usual(seed_of_test(768));
	double middle = 0, outside = 0, upper = 0;
	(void)state;
	memset(sums, 0, sizeof sums);
	o.labelers = MOST;
	o.skill_low = 1;
	o.skill_high = 3;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		for (size_t i = 0; i < d->n; i++) {
			double x = log_odds(d->beliefs[i]), *s = sums[d->labelers[i]][d->truth > 0.5];
			s[0]++;
			s[1] += x;
			s[2] += x * x;
		}
	}
	/* Given the truth, log odds vary by the skill. */
	for (int i = 0; i < MOST; i++) {
		double variance = 0;
		for (int y = 0; y < 2; y++)
			variance += (sums[i][y][2] - sums[i][y][1] * sums[i][y][1] / sums[i][y][0]) / (N - 2);
		double skill = sqrt(variance);
		middle += skill / MOST;
		upper += skill > 2.5;
		outside += skill < 0.8 || skill > 3.6;
	}
	assert_near(middle, 2, SIGMAS * 0.6 / sqrt(MOST) + 0.02);
	assert_near(upper / MOST, 0.25, SIGMAS * 0.44 / sqrt(MOST) + 0.03);
	assert_true(outside == 0);
	world_free(w);
}

static void a_bias_moves_the_log_odds_of_a_labeler_for_good(void **state)
{
	struct world_options o = usual(seed_of_test(769));
	double first[MOST], sum = 0, squares = 0;
	(void)state;
	o.labelers = MOST;
	o.skill_low = o.skill_high = 0;
	o.base_rate = 0.6;
	o.bias = 0.7;
	struct world *w = make(&o);
	for (int t = 0; t < 5; t++) {
		const struct world_draw *d = next(w, &scene);
		for (size_t i = 0; i < d->n; i++) {
			double bias = log_odds(d->beliefs[i]) - log_odds(0.6);
			if (t == 0) {
				first[d->labelers[i]] = bias;
				sum += bias;
				squares += bias * bias;
			}
			assert_near(bias, first[d->labelers[i]], 1e-12);
		}
	}
	assert_near(sum / MOST, 0, SIGMAS * 0.7 / sqrt(MOST));
	assert_near(squares / MOST, 0.49, SIGMAS * 0.49 * sqrt(2.0 / MOST));
	world_free(w);
}

/* ---- truths and outcomes ---- */

static void shares_of_truths_and_outcomes_are_those_asked_for(void **state)
{
	enum { N = 20000 };
	struct world_options o = usual(seed_of_test(770));
	double ones = 0, known = 0, wrong = 0, both = 0;
	(void)state;
	o.base_rate = 0.3;
	o.known = 0.4;
	o.wrong = 0.1;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_true(d->truth == 0 || d->truth == 1);
		assert_true(d->outcome == d->truth || d->outcome == 1 - d->truth);
		ones += d->truth;
		known += d->known;
		wrong += d->outcome != d->truth;
		both += d->known && d->outcome != d->truth;
	}
	assert_near(ones / N, 0.3, SIGMAS * sqrt(0.21 / N));
	assert_near(known / N, 0.4, SIGMAS * sqrt(0.24 / N));
	assert_near(wrong / N, 0.1, SIGMAS * sqrt(0.09 / N));
	assert_near(both / N, 0.04, SIGMAS * sqrt(0.04 * 0.96 / N));
	world_free(w);
}

static void all_or_nothing_is_exact(void **state)
{
	struct world_options o = usual(seed_of_test(771));
	(void)state;
	for (int k = 0; k < 4; k++) {
		o.known = k & 1;
		o.wrong = k >> 1;
		struct world *w = make(&o);
		for (int t = 0; t < 300; t++) {
			const struct world_draw *d = next(w, &scene);
			assert_true(d->known == (o.known == 1));
			assert_true((d->outcome != d->truth) == (o.wrong == 1));
		}
		world_free(w);
	}
}

static void lots_and_dice_are_even(void **state)
{
	enum { N = 20000 };
	struct world_options o = usual(seed_of_test(772));
	double lot = 0, lots = 0, dice = 0, together = 0;
	(void)state;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_true(d->lot >= 0 && d->lot < 1);
		lot += d->lot;
		lots += d->lot * d->lot;
		dice += d->dice[0];
		together += (d->dice[0] - 0.5) * (d->dice[1] - 0.5);
		for (size_t i = 0; i < d->n; i++)
			assert_true(d->dice[i] >= 0 && d->dice[i] < 1);
	}
	assert_near(lot / N, 0.5, SIGMAS / sqrt(12.0 * N));
	assert_near(lots / N, 1 / 3.0, SIGMAS * 0.3 / sqrt(N));
	assert_near(dice / N, 0.5, SIGMAS / sqrt(12.0 * N));
	assert_near(12 * together / N, 0, SIGMAS / sqrt(N));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_options_give_the_same_draws),
		cmocka_unit_test(another_seed_or_stream_is_another_world),
		cmocka_unit_test(what_becomes_known_moves_no_other_draw),
		cmocka_unit_test(a_belief_takes_the_true_side_as_often_as_its_skill_says),
		cmocka_unit_test(labelers_who_know_nothing_believe_the_base_rate),
		cmocka_unit_test(beliefs_come_true_as_often_as_they_say),
		cmocka_unit_test(errors_are_normal_and_as_correlated_as_asked),
		cmocka_unit_test(skills_are_even_between_their_ends),
		cmocka_unit_test(a_bias_moves_the_log_odds_of_a_labeler_for_good),
		cmocka_unit_test(shares_of_truths_and_outcomes_are_those_asked_for),
		cmocka_unit_test(all_or_nothing_is_exact),
		cmocka_unit_test(lots_and_dice_are_even),
	};
	return cmocka_run_group_tests_name("lab_world", tests, NULL, NULL);
}
