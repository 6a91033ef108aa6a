/* Who answers, who is whom, the worlds without signals, and which options make a world. */
#include "tests/unit/test_lab_world.h"

#include "tests/lib/seed.h"

static struct scene scene;

static double chi_square_limit(double degrees)
{
	return degrees + 7 * sqrt(2 * degrees) + 12;
}

/* ---- who answers ---- */

static void assert_each_once(const struct world_draw *d, uint32_t labelers)
{
	bool seen[MOST] = {false};
	for (size_t i = 0; i < d->n; i++) {
		assert_true(d->labelers[i] < labelers && !seen[d->labelers[i]]);
		seen[d->labelers[i]] = true;
	}
}

static void all_answer_where_all_are_to(void **state)
{
	struct world_options o = usual(seed_of_test(773));
	(void)state;
	struct world *w = make(&o);
	assert_int_equal(world_reporters_max(&o), 8);
	for (int t = 0; t < 50; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_true(d->n == 8);
		assert_each_once(d, 8);
	}
	world_free(w);
}

static void some_are_drawn_evenly_and_no_pair_is_preferred(void **state)
{
	enum { N = 20000, ALL = 7, EACH = 3 };
	struct world_options o = usual(seed_of_test(774));
	double pairs[ALL][ALL] = {{0}}, firsts[ALL] = {0}, off = 0, off_firsts = 0;
	(void)state;
	o.participation = WORLD_SOME;
	o.labelers = ALL;
	o.per_item = EACH;
	assert_int_equal(world_reporters_max(&o), EACH);
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_true(d->n == EACH);
		assert_each_once(d, ALL);
		firsts[d->labelers[0]]++;
		for (int i = 0; i < EACH; i++)
			for (int k = 0; k < EACH; k++)
				pairs[d->labelers[i]][d->labelers[k]] += i < k;
	}
	double expected = N * 3.0 / (ALL * (ALL - 1)), once = (double)N / ALL;
	for (int i = 0; i < ALL; i++) {
		off_firsts += (firsts[i] - once) * (firsts[i] - once) / once;
		for (int k = 0; k < ALL; k++)
			off += i == k ? 0 : (pairs[i][k] - expected) * (pairs[i][k] - expected) / expected;
	}
	assert_at_most(off_firsts, chi_square_limit(ALL - 1));
	/* Three pairs of one item are not independent: three times the variance is certainly enough. */
	assert_at_most(off, 3 * chi_square_limit(ALL * (ALL - 1)));
	world_free(w);
}

static void few_do_most_of_the_work_where_they_are_to(void **state)
{
	enum { N = 40000, ALL = 40 };
	struct world_options o = usual(seed_of_test(775));
	double counts[ALL] = {0}, harmonic = 0, off = 0;
	(void)state;
	o.participation = WORLD_HEAVY;
	o.labelers = ALL;
	o.per_item = 1;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++)
		counts[next(w, &scene)->labelers[0]]++;
	for (int i = 0; i < ALL; i++)
		harmonic += 1.0 / (i + 1);
	for (int i = 0; i < ALL; i++) {
		double expected = N / harmonic / (i + 1);
		off += (counts[i] - expected) * (counts[i] - expected) / expected;
	}
	assert_at_most(off, chi_square_limit(ALL - 1));
	world_free(w);
}

static void the_heavy_tail_is_drawn_without_repetition_too(void **state)
{
	enum { N = 4000, ALL = 40 };
	struct world_options o = usual(seed_of_test(776));
	double counts[ALL] = {0};
	(void)state;
	o.participation = WORLD_HEAVY;
	o.labelers = ALL;
	o.per_item = ALL / 2;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_true(d->n == ALL / 2);
		assert_each_once(d, ALL);
		for (size_t i = 0; i < d->n; i++)
			counts[d->labelers[i]]++;
	}
	assert_true(counts[0] > 0.98 * N && counts[ALL - 1] < 0.45 * N && counts[ALL - 1] > 0.05 * N);
	for (int i = 12; i < ALL; i++)
		assert_true(counts[i - 12] > counts[i]);
	world_free(w);
}

/* ---- one person, two names ---- */

static void one_person_under_two_names_sees_the_same(void **state)
{
	struct random r;
	size_t met[3] = {0};
	(void)state;
	seed_random(&r, 777);
	for (int round = 0; round < 90; round++) {
		struct world_options o = usual(random_bits(&r));
		o.kind = (enum world_kind)(round % 3);
		o.participation = (enum world_participation)random_below(&r, 3);
		o.per_item = 4;
		o.bias = 0.5;
		o.correlation = 0.2;
		uint32_t names[3] = {2, 6, (uint32_t)(round % 2 ? 0 : 4)};
		random_shuffle(&r, names, 3);
		struct world *w = make(&o);
		world_same_person(w, names[1], names[0]);
		world_same_person(w, names[2], names[0]);
		for (int t = 0; t < 100; t++) {
			const struct world_draw *d = next(w, &scene);
			double belief = NAN;
			for (size_t i = 0; i < d->n; i++) {
				uint32_t identity = d->labelers[i];
				if (identity != names[0] && identity != names[1] && identity != names[2])
					continue;
				met[o.kind] += !isnan(belief);
				if (!isnan(belief))
					assert_same_bits(d->beliefs[i], belief);
				belief = d->beliefs[i];
			}
		}
		world_free(w);
	}
	assert_true(met[0] > 300 && met[1] > 300 && met[2] > 300);
}

static void what_one_person_sees_changes_nothing_for_others(void **state)
{
	static struct scene other;
	struct random r;
	(void)state;
	seed_random(&r, 778);
	for (int round = 0; round < 30; round++) {
		struct world_options o = usual(random_bits(&r));
		o.kind = (enum world_kind)(round % 3);
		o.participation = WORLD_SOME;
		o.per_item = 5;
		struct world *a = make(&o), *b = make(&o);
		world_same_person(b, 6, 3);
		for (int t = 0; t < 100; t++) {
			next(a, &scene);
			next(b, &other);
			for (size_t i = 0; i < scene.draw.n; i++)
				if (scene.labelers[i] == 6 || scene.labelers[i] == 3)
					scene.beliefs[i] = other.beliefs[i] = 0;
			assert_true(same_draw(&scene.draw, &other.draw));
		}
		world_free(a);
		world_free(b);
	}
}

/* ---- the two worlds without signals ---- */

static void in_the_hair_world_one_knows_the_odds_and_all_others_miss_them_by_the_gap(void **state)
{
	enum { N = 20000 };
	struct world_options o = usual(seed_of_test(779));
	double came_true = 0, expected = 0, sum = 0, squares = 0, above = 0, agree = 0;
	(void)state;
	o.kind = WORLD_HAIR;
	o.gap = 0.07;
	struct world *w = make(&o);
	for (int t = 0; t < N; t++) {
		const struct world_draw *d = next(w, &scene);
		double q = NAN;
		for (size_t i = 0; i < d->n; i++)
			if (d->labelers[i] == 0)
				q = d->beliefs[i];
		assert_true(q >= 0.3 && q <= 0.7);
		for (size_t i = 0; i < d->n; i++)
			if (d->labelers[i] != 0)
				assert_near(fabs(d->beliefs[i] - q), 0.07, 1e-15);
		sum += q;
		squares += (q - 0.5) * (q - 0.5);
		expected += q;
		came_true += d->truth;
		above += d->beliefs[1] > q;
		agree += (d->beliefs[1] > q) == (d->beliefs[2] > q);
	}
	assert_near(sum / N, 0.5, SIGMAS * 0.4 / sqrt(12.0 * N));
	assert_near(squares / N, 0.16 / 12, SIGMAS * 0.16 / sqrt(180.0 * N));
	assert_near(came_true, expected, SIGMAS * sqrt(0.25 * N));
	assert_near(above / N, 0.5, SIGMAS * 0.5 / sqrt(N));
	assert_near(agree / N, 0.5, SIGMAS * 0.5 / sqrt(N));
	world_free(w);
}

static void beliefs_are_probabilities_at_the_widest_gap_too(void **state)
{
	struct world_options o = usual(seed_of_test(780));
	(void)state;
	o.gap = 0.3;
	for (int kind = WORLD_HAIR; kind <= WORLD_SWITCHING; kind++) {
		o.kind = (enum world_kind)kind;
		struct world *w = make(&o);
		for (int t = 0; t < 20000; t++) {
			const struct world_draw *d = next(w, &scene);
			for (size_t i = 0; i < d->n; i++)
				assert_true(d->beliefs[i] >= 0 && d->beliefs[i] <= 1);
		}
		world_free(w);
	}
}

static void in_the_switching_world_the_truth_takes_turns(void **state)
{
	struct world_options o = usual(seed_of_test(781));
	(void)state;
	o.kind = WORLD_SWITCHING;
	o.period = 7;
	o.gap = 0.2;
	struct world *w = make(&o);
	for (int t = 0; t < 100; t++) {
		const struct world_draw *d = next(w, &scene);
		assert_near(d->truth, t / 7 % 2 == 0, 0);
		for (size_t i = 0; i < d->n; i++)
			assert_near(d->beliefs[i], d->labelers[i] == 0 ? 0.7 : 0.3, 1e-15);
	}
	world_free(w);
}

/* ---- options ---- */

/* The fault of the usual options after some statements about `o`; NULL wants none. */
#define assert_fault(want, ...)                                                \
	do {                                                                   \
		struct world_options o = usual(1);                             \
		__VA_ARGS__;                                                   \
		const char *fault_ = world_fault(&o), *want_ = (want);         \
		assert_true(want_ ? fault_ &&strstr(fault_, want_) : !fault_); \
	} while (0)

static void every_fault_has_its_sentence(void **state)
{
	(void)state;
	assert_fault("labelers must be", o.labelers = 0);
	assert_fault("labelers must be", o.labelers = 10000001);
	assert_fault("items must be", o.items = 0);
	assert_fault("items must be", o.items = 1000000001);
	assert_fault("more than 65,535 labelers", o.labelers = 65536);
	assert_fault("to the number of labelers", o.participation = WORLD_SOME, o.per_item = 0);
	assert_fault("to the number of labelers", o.participation = WORLD_SOME, o.per_item = 9);
	assert_fault("to the number of labelers", o.participation = WORLD_HEAVY, o.per_item = 9);
	assert_fault("at most 65,535", o.labelers = 200000, o.participation = WORLD_SOME, o.per_item = 65536);
	assert_fault("at most half", o.participation = WORLD_HEAVY, o.per_item = 5);
	assert_fault("skill must", o.skill_low = -0.1);
	assert_fault("skill must", o.skill_low = 2.1);
	assert_fault("skill must", o.skill_high = 10.1);
	assert_fault("skill must", o.skill_high = NAN);
	assert_fault("bias must", o.bias = -1);
	assert_fault("bias must", o.bias = NAN);
	assert_fault("correlation must", o.correlation = 1.01);
	assert_fault("base rate must", o.base_rate = 0);
	assert_fault("base rate must", o.base_rate = 1);
	assert_fault("gap must", o.gap = 0.31);
	assert_fault("two labelers", o.kind = WORLD_HAIR, o.labelers = 1);
	assert_fault("two labelers", o.kind = WORLD_SWITCHING, o.labelers = 1);
	assert_fault("period must", o.kind = WORLD_SWITCHING, o.period = 0);
	assert_fault("probabilities must", o.known = 1.1);
	assert_fault("probabilities must", o.wrong = -0.1);
	assert_fault("probabilities must", o.wrong = NAN);
}

static void what_is_at_its_limit_is_no_fault(void **state)
{
	(void)state;
	assert_fault(NULL, (void)o);
	assert_fault(NULL, o.labelers = 1);
	assert_fault(NULL, o.labelers = 65535, o.items = 1000000000);
	assert_fault(NULL, o.labelers = 10000000, o.participation = WORLD_HEAVY, o.per_item = 65535);
	assert_fault(NULL, o.participation = WORLD_SOME, o.per_item = 8);
	assert_fault(NULL, o.participation = WORLD_HEAVY, o.per_item = 4);
	assert_fault(NULL, o.skill_low = o.skill_high = o.bias = 10, o.correlation = o.wrong = 1);
	assert_fault(NULL, o.skill_low = o.skill_high = o.correlation = o.known = o.gap = 0);
	assert_fault(NULL, o.base_rate = 0.001, o.period = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_answer_where_all_are_to),
		cmocka_unit_test(some_are_drawn_evenly_and_no_pair_is_preferred),
		cmocka_unit_test(few_do_most_of_the_work_where_they_are_to),
		cmocka_unit_test(the_heavy_tail_is_drawn_without_repetition_too),
		cmocka_unit_test(one_person_under_two_names_sees_the_same),
		cmocka_unit_test(what_one_person_sees_changes_nothing_for_others),
		cmocka_unit_test(in_the_hair_world_one_knows_the_odds_and_all_others_miss_them_by_the_gap),
		cmocka_unit_test(beliefs_are_probabilities_at_the_widest_gap_too),
		cmocka_unit_test(in_the_switching_world_the_truth_takes_turns),
		cmocka_unit_test(every_fault_has_its_sentence),
		cmocka_unit_test(what_is_at_its_limit_is_no_fault),
	};
	return cmocka_run_group_tests_name("lab_world_people", tests, NULL, NULL);
}
