#include "tests/lib/unit.h"

#include <stdlib.h>

#include "client/lab/responder.h"
#include "client/lab/strategy.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

/* ---- strategies ---- */

static const struct strategy_view usual = {
	.belief = 0.7, .item = 45, .items = 90, .leader_last = 0.5, .lot = 0.4, .dice = 0.6};

static double report(const char *name, struct strategy_view v)
{
	const struct strategy *s = strategy_find(name);
	require(s != NULL);
	return s->report(&v);
}

static void every_strategy_is_found_by_its_name_and_nothing_else_is(void **state)
{
	size_t n = 0;
	(void)state;
	assert_ptr_equal(strategy_find("truthful"), &strategy_truthful);
	for (const struct strategy *s = strategies; s->name; s++, n++) {
		assert_ptr_equal(strategy_find(s->name), s);
		assert_true(s->report != NULL);
		assert_true(s->horizon <= RESPONDER_HORIZON_MAX);
	}
	assert_int_equal(n, 13);
	assert_null(strategy_find("honest"));
	assert_null(strategy_find(""));
	assert_null(strategy_find("Truthful"));
	assert_null(strategy_find("responder-"));
}

static void only_copycats_copy_and_only_sybils_are_one_person(void **state)
{
	(void)state;
	for (const struct strategy *s = strategies; s->name; s++) {
		assert_true(s->copies == (strcmp(s->name, "copycat") == 0));
		assert_true(s->one_person == (strcmp(s->name, "sybil") == 0));
		assert_true((s->horizon > 0) == (strncmp(s->name, "responder-", 10) == 0));
	}
	assert_int_equal(strategy_find("responder-1")->horizon, 1);
	assert_int_equal(strategy_find("responder-2")->horizon, 2);
	assert_int_equal(strategy_find("responder-5")->horizon, 5);
	assert_true(!strategy_truthful.copies && !strategy_truthful.one_person && strategy_truthful.horizon == 0);
}

static void truthful_labelers_and_sybils_report_their_belief(void **state)
{
	(void)state;
	assert_near(report("truthful", usual), 0.7, 0);
	assert_near(report("sybil", usual), 0.7, 0);
}

static void an_exaggerator_reports_the_nearer_end(void **state)
{
	(void)state;
	assert_near(report("exaggerate", usual), 1, 0);
	assert_near(report("exaggerate", (struct strategy_view){.belief = 0.49}), 0, 0);
	assert_near(report("exaggerate", (struct strategy_view){.belief = 0.5}), 1, 0);
	assert_near(report("exaggerate", (struct strategy_view){.belief = 0}), 0, 0);
}

static void some_do_not_look_at_what_they_believe(void **state)
{
	struct strategy_view other = usual;
	(void)state;
	other.belief = 0.1;
	assert_near(report("always-a", usual), 1, 0);
	assert_near(report("always-a", other), 1, 0);
	assert_near(report("spam", usual), 0.6, 0);
	assert_near(report("spam", other), 0.6, 0);
	assert_near(report("colluder", usual), 0, 0);
	assert_near(report("colluder", other), 0, 0);
	other.lot = 0.5;
	assert_near(report("colluder", other), 1, 0);
}

static void the_inverted_report_the_opposite(void **state)
{
	(void)state;
	assert_near(report("inverted", usual), 0.3, 1e-15);
	assert_near(report("inverted", (struct strategy_view){.belief = 1}), 0, 0);
	assert_near(report("inverted", (struct strategy_view){.belief = 0.5}), 0.5, 0);
}

static void a_copycat_takes_the_leaders_last_side(void **state)
{
	struct strategy_view v = usual;
	static const double last[] = {0, 0.49, 0.5, 0.51, 1}, want[] = {0, 0, 1, 1, 1};
	(void)state;
	for (int k = 0; k < 5; k++) {
		v.leader_last = last[k];
		v.belief = 1 - want[k];
		assert_near(report("copycat", v), want[k], 0);
	}
}

static void a_sleeper_turns_when_it_has_been_heavy(void **state)
{
	struct strategy_view v = usual;
	(void)state;
	assert_near(report("sleeper", v), 0.7, 0);
	v.was_heavy = true;
	assert_near(report("sleeper", v), 0.3, 1e-15);
}

static void a_stealthy_block_pushes_one_item_in_ten(void **state)
{
	struct strategy_view v = usual;
	(void)state;
	v.lot = 0.049;
	assert_near(report("stealth", v), 0, 0);
	v.lot = 0.099;
	assert_near(report("stealth", v), 1, 0);
	v.lot = 0.1;
	assert_near(report("stealth", v), 0.7, 0);
}

static void a_drifter_is_bad_in_the_second_third_half_of_the_time(void **state)
{
	static const uint64_t items[] = {0, 29, 30, 59, 60, 89};
	static const double low[] = {0.7, 0.7, 0.3, 0.3, 0.7, 0.7};
	struct strategy_view v = usual;
	(void)state;
	for (int k = 0; k < 6; k++) {
		v.item = items[k];
		v.dice = 0.49;
		assert_near(report("drifting", v), low[k], 1e-15);
		v.dice = 0.5;
		assert_near(report("drifting", v), 0.7, 0);
	}
}

static void a_responder_without_an_outlook_is_truthful(void **state)
{
	(void)state;
	assert_near(report("responder-1", usual), 0.7, 0);
	assert_near(report("responder-2", usual), 0.7, 0);
	assert_near(report("responder-5", usual), 0.7, 0);
}

static void all_reports_are_probabilities(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 791);
	for (int round = 0; round < 20000; round++) {
		struct strategy_view v = {
			.belief = random_chance(&r, 0.2) ? (double)random_below(&r, 2) : random_unit(&r),
			.items = 1 + random_below(&r, 20),
			.was_heavy = random_chance(&r, 0.5),
			.leader_last = random_unit(&r),
			.lot = random_unit(&r),
			.dice = random_unit(&r),
		};
		v.item = random_below(&r, v.items);
		for (const struct strategy *s = strategies; s->name; s++) {
			double p = s->report(&v);
			assert_true(p >= 0 && p <= 1);
			assert_same_bits(s->report(&v), p);
		}
	}
}

/* ---- the best responder ---- */

enum { LABELERS = 8, HORIZON = RESPONDER_HORIZON_MAX };

/* An outlook and all that it points to. */
struct prospect {
	struct responder_outlook o;
	uint32_t slots[HORIZON][LABELERS];
	double reports[HORIZON][LABELERS], weights[LABELERS];
};

static struct scheme *make(const struct scheme_class *class, const struct candor_settings *settings)
{
	static const char *const names[LABELERS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct scheme_options o = {*settings, LABELERS, names};
	struct scheme *s = NULL;
	require(class->make(&s, &o) == 0);
	return s;
}

/* At the default rate of a young pool, which is the highest there is, or at any. */
static struct scheme *random_scheme(struct random *r, const struct scheme_class *class)
{
	struct candor_settings settings =
		random_chance(r, 0.5) ? history_settings(CANDOR_ANYTIME) : history_random_settings(r);
	settings.wrong = 0; /* here outcomes are what labelers believe of them */
	return make(class, &settings);
}

/* Items that other labelers answer, too; with at least one of them where `company`. Its scratch is as large as it has
 * to be and no larger. */
static void draw_prospect(struct random *r, struct prospect *p, const struct scheme *s, size_t horizon, bool company)
{
	size_t most = 0;
	p->o = (struct responder_outlook){
		.scheme = s, .horizon = horizon, .n_weights = LABELERS, .weights = p->weights};
	p->o.own_slot = random_below(r, LABELERS);
	for (int i = 0; i < LABELERS; i++)
		p->weights[i] = random_chance(r, 0.3) ? 1 : random_scale(r, 0.05, 5);
	for (size_t at = 0; at < horizon; at++) {
		struct responder_item *item = &p->o.items[at];
		uint32_t order[LABELERS];
		for (uint32_t i = 0; i < LABELERS; i++)
			order[i] = i;
		random_shuffle(r, order, LABELERS);
		item->n = company ? 2 + random_below(r, LABELERS - 1) : 1 + random_below(r, LABELERS);
		item->own = random_below(r, item->n);
		for (size_t i = 0; i < LABELERS; i++)
			if (order[i] == p->o.own_slot) {
				order[i] = order[item->own];
				order[item->own] = (uint32_t)p->o.own_slot;
				break;
			}
		for (size_t i = 0; i < item->n; i++) {
			p->slots[at][i] = order[i];
			p->reports[at][i] = random_chance(r, 0.2) ? (double)random_below(r, 2) : random_unit(r);
		}
		p->reports[at][item->own] = NAN; /* nobody is to look at it */
		item->slots = p->slots[at];
		item->reports = p->reports[at];
		item->belief = random_chance(r, 0.1) ? (double)random_below(r, 2) : random_unit(r);
		most = item->n > most ? item->n : most;
	}
	p->o.scratch = malloc(responder_scratch(LABELERS, most) * sizeof(double));
	require(p->o.scratch != NULL);
}

static void free_prospect(struct prospect *p, struct scheme *s)
{
	free(p->o.scratch);
	s->class->free(s);
}

/* Every way that the outcomes can come, one after the other, each from the beginning. */
static double expected_by_paths(const struct prospect *p, const double *plan)
{
	double expected = 0;
	for (unsigned path = 0; path < 1u << p->o.horizon; path++) {
		double all[LABELERS], chance = 1;
		memcpy(all, p->weights, sizeof all);
		for (size_t at = 0; at < p->o.horizon; at++) {
			const struct responder_item *item = &p->o.items[at];
			double y = path >> at & 1, w[LABELERS], reports[LABELERS];
			for (size_t i = 0; i < item->n; i++) {
				w[i] = all[item->slots[i]];
				reports[i] = i == item->own ? plan[at] : item->reports[i];
			}
			p->o.scheme->class->step(p->o.scheme, item->n, w, reports, y);
			for (size_t i = 0; i < item->n; i++)
				all[item->slots[i]] = w[i];
			chance *= y > 0 ? item->belief : 1 - item->belief;
		}
		expected += chance * all[p->o.own_slot];
	}
	return expected;
}

static const struct scheme_class *const with_steps[] = {&scheme_candor, &scheme_hedge};

static void the_expected_gain_of_a_plan_is_the_mean_over_all_paths(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 792);
	for (int round = 0; round < 2000; round++) {
		struct scheme *s = random_scheme(&r, with_steps[round % 2]);
		struct prospect p;
		double plan[HORIZON];
		draw_prospect(&r, &p, s, 1 + (size_t)round % HORIZON, false);
		for (int k = 0; k < HORIZON; k++)
			plan[k] = random_unit(&r);
		double want = expected_by_paths(&p, plan);
		assert_near(responder_expected(&p.o, plan) / want, 1, 1e-12);
		free_prospect(&p, s);
	}
}

static void one_item_ahead_nothing_pays_better_than_truth_under_candor(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 793);
	for (int round = 0; round < 500; round++) {
		struct scheme *s = random_scheme(&r, &scheme_candor);
		struct responder_gain gain;
		struct prospect p;
		draw_prospect(&r, &p, s, 1, false);
		double q = p.o.items[0].belief, best = responder_best(&p.o, &gain);
		assert_near(gain.best / gain.truthful, 1, 1e-10);
		assert_near(gain.truthful, responder_expected(&p.o, &q), 0);
		if (p.o.items[0].n > 1)
			assert_near(best, q, 1e-3); /* flat at its peak */
		for (int k = 0; k <= 100; k++)
			assert_at_most(responder_expected(&p.o, (double[]){k / 100.0}), gain.truthful * (1 + 1e-12));
		free_prospect(&p, s);
	}
}

static void one_item_ahead_lying_pays_under_hedge_and_the_best_lie_is_found(void **state)
{
	struct random r;
	size_t pays = 0, rounds = 500;
	(void)state;
	seed_random(&r, 794);
	for (size_t round = 0; round < rounds; round++) {
		struct scheme *s = random_scheme(&r, &scheme_hedge);
		struct responder_gain gain;
		struct prospect p;
		double most = 0;
		draw_prospect(&r, &p, s, 1, true);
		double best = responder_best(&p.o, &gain);
		for (int k = 0; k <= 4000; k++)
			most = fmax(most, responder_expected(&p.o, (double[]){k / 4000.0}));
		assert_true(best >= 0 && best <= 1);
		assert_true(gain.best >= most * (1 - 1e-9));
		assert_near(responder_expected(&p.o, &best), gain.best, 0);
		pays += gain.best > gain.truthful * (1 + 1e-6);
		free_prospect(&p, s);
	}
	print_message("# lying pays in %zu of %zu\n", pays, rounds);
	assert_true(pays > rounds / 2);
}

/* The most that any plan of a coarse grid brings. */
static double best_of_grid(const struct prospect *p, int steps)
{
	double most = 0;
	for (int i = 0; i <= steps; i++) {
		for (int k = 0; k <= steps; k++) {
			double plan[] = {(double)i / steps, (double)k / steps};
			most = fmax(most, responder_expected(&p->o, plan));
		}
	}
	return most;
}

static void two_items_ahead_the_plan_is_as_good_as_any_of_a_grid(void **state)
{
	struct random r;
	double missed = 0;
	size_t pays[2] = {0};
	(void)state;
	seed_random(&r, 795);
	for (int round = 0; round < 400; round++) {
		struct scheme *s = random_scheme(&r, with_steps[round % 2]);
		struct responder_gain gain;
		struct prospect p;
		draw_prospect(&r, &p, s, 2, true);
		double best = responder_best(&p.o, &gain);
		assert_true(best >= 0 && best <= 1);
		assert_true(gain.best >= gain.truthful);
		missed = fmax(missed, 1 - gain.best / best_of_grid(&p, 20));
		pays[round % 2] += gain.best > gain.truthful * (1 + 1e-9);
		free_prospect(&p, s);
	}
	print_message("# at most %g missed; lying pays in %zu and %zu of 200\n", missed, pays[0], pays[1]);
	assert_at_most(missed, 1e-3);
	assert_true(pays[0] > 20 && pays[1] > 100);
}

static void looking_further_never_makes_a_worse_plan(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 796);
	for (int round = 0; round < 60; round++) {
		struct scheme *s = random_scheme(&r, with_steps[round % 2]);
		struct responder_gain gain;
		struct prospect p;
		double plan[HORIZON], weights[LABELERS];
		draw_prospect(&r, &p, s, HORIZON, false);
		memcpy(weights, p.weights, sizeof weights);
		for (int k = 0; k < HORIZON; k++)
			plan[k] = p.o.items[k].belief;
		double best = responder_best(&p.o, &gain), truthful = expected_by_paths(&p, plan);
		assert_near(gain.truthful / truthful, 1, 1e-12);
		assert_true(gain.best >= gain.truthful);
		/* It is a function of what it is given, which it leaves alone. */
		assert_same_bits(responder_best(&p.o, NULL), best);
		assert_memory_equal(weights, p.weights, sizeof weights);
		free_prospect(&p, s);
	}
}

static void the_gain_over_truth_falls_faster_than_the_square_of_eta(void **state)
{
	struct random r;
	double gains[2] = {0};
	(void)state;
	seed_random(&r, 797);
	for (int round = 0; round < 200; round++) {
		struct random before = r;
		for (int k = 0; k < 2; k++) {
			struct candor_settings settings = history_settings(CANDOR_FIXED);
			struct responder_gain gain;
			struct prospect p;
			settings.eta = k ? 0.04 : 0.4;
			struct scheme *s = make(&scheme_candor, &settings);
			r = before;
			draw_prospect(&r, &p, s, 2, true);
			responder_best(&p.o, &gain);
			gains[k] += gain.best / gain.truthful - 1;
			free_prospect(&p, s);
		}
	}
	print_message("# a tenth of eta: %g of the gain\n", gains[1] / gains[0]);
	assert_true(gains[0] > 0);
	assert_at_most(gains[1] / gains[0], 0.01);
}

static void a_strategy_reports_what_the_responder_finds(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 798);
	for (int round = 0; round < 50; round++) {
		struct scheme *s = random_scheme(&r, &scheme_hedge);
		struct strategy_view v = usual;
		struct prospect p;
		draw_prospect(&r, &p, s, 2, true);
		v.outlook = &p.o;
		v.belief = p.o.items[0].belief;
		assert_same_bits(report("responder-2", v), responder_best(&p.o, NULL));
		free_prospect(&p, s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_strategy_is_found_by_its_name_and_nothing_else_is),
		cmocka_unit_test(only_copycats_copy_and_only_sybils_are_one_person),
		cmocka_unit_test(truthful_labelers_and_sybils_report_their_belief),
		cmocka_unit_test(an_exaggerator_reports_the_nearer_end),
		cmocka_unit_test(some_do_not_look_at_what_they_believe),
		cmocka_unit_test(the_inverted_report_the_opposite),
		cmocka_unit_test(a_copycat_takes_the_leaders_last_side),
		cmocka_unit_test(a_sleeper_turns_when_it_has_been_heavy),
		cmocka_unit_test(a_stealthy_block_pushes_one_item_in_ten),
		cmocka_unit_test(a_drifter_is_bad_in_the_second_third_half_of_the_time),
		cmocka_unit_test(a_responder_without_an_outlook_is_truthful),
		cmocka_unit_test(all_reports_are_probabilities),
		cmocka_unit_test(the_expected_gain_of_a_plan_is_the_mean_over_all_paths),
		cmocka_unit_test(one_item_ahead_nothing_pays_better_than_truth_under_candor),
		cmocka_unit_test(one_item_ahead_lying_pays_under_hedge_and_the_best_lie_is_found),
		cmocka_unit_test(two_items_ahead_the_plan_is_as_good_as_any_of_a_grid),
		cmocka_unit_test(looking_further_never_makes_a_worse_plan),
		cmocka_unit_test(the_gain_over_truth_falls_faster_than_the_square_of_eta),
		cmocka_unit_test(a_strategy_reports_what_the_responder_finds),
	};
	return cmocka_run_group_tests_name("lab_strategy", tests, NULL, NULL);
}
