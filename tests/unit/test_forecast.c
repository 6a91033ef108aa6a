/* The forecast: what it promises, and that it touches no weight; labels and rechecks. */
#include "tests/lib/unit.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "lib/pool/elementary.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

/* ---- exp and ln ---- */

static void exp_and_ln_are_as_exact_as_they_say(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 81);
	for (int i = 0; i < 200000; i++) {
		double x = -random_scale(&r, 1e-12, 690), e = exp(x);
		assert_at_most(fabs(elementary_exp(x) - e), 5e-16 * fmax(0.001, e) + DBL_EPSILON * e / 2);
		double y = random_scale(&r, 1e-300, 1e300), l = log(y);
		assert_at_most(fabs(elementary_ln(y) - l), 5e-16 * fmax(0.001, fabs(l)) + DBL_EPSILON * fabs(l) / 2);
	}
	assert_same_bits(elementary_exp(0), 1.0);
	assert_same_bits(elementary_exp(-700.5), 0.0);
	assert_same_bits(elementary_ln(1), 0.0);
}

/* ---- the forecast ---- */

static void before_the_first_outcome_it_is_the_plain_mean(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 82);
	for (int round = 0; round < 200; round++) {
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		uint64_t n = 1 + random_below(&r, 40);
		for (uint64_t i = 0; i < n; i++) {
			char name[16];
			snprintf(name, sizeof name, "L%d", (int)i);
			history_report(p, "i", name, random_unit(&r));
		}
		assert_int_equal(pool_close(p, history_item(p, "i")), 0);
		const struct aggregate *a = &history_item(p, "i")->frozen->aggregate;
		assert_near(a->forecast, a->plain_mean, 1e-12);
		pool_free(p);
	}
}

/* A pool with a past, and its labelers on one open item. */
static struct pool *pool_with_open_item(struct random *r, enum candor_signs signs)
{
	struct history_shape shape = history_random_shape(r);
	struct candor_settings s = history_random_settings(r);
	struct history h;
	s.signs = signs;
	shape.updates = 0;
	struct pool *p = history_pool(&s);
	history_init(&h, &shape, random_below(r, 1u << 30));
	for (uint64_t steps = 20 + random_below(r, 600); steps > 0; steps--)
		history_step(&h, p);
	uint32_t labelers = pool_labelers(p);
	for (uint32_t id = 0; id < labelers; id++) {
		char name[64];
		snprintf(name, sizeof name, "%s", pool_labeler_name(p, id, NULL));
		if (id == 0 || random_chance(r, 0.7))
			history_report(p, "open", name,
				       random_chance(r, 0.5) ? (double)random_below(r, 2) : random_unit(r));
	}
	return p;
}

static void a_higher_report_never_lowers_it(void **state)
{
	struct random r;
	size_t raised = 0;
	(void)state;
	seed_random(&r, 83);
	for (int round = 0; round < 300; round++) {
		struct pool *p = pool_with_open_item(&r, CANDOR_POSITIVE);
		struct item *item = history_item(p, "open");
		uint32_t at = (uint32_t)random_below(&r, item->n);
		char name[64];
		double last = -1;
		snprintf(name, sizeof name, "%s", pool_labeler_name(p, item_labelers(item)[at], NULL));
		for (int k = 0; k <= 20; k++) {
			struct aggregate a;
			history_report(p, "open", name, k / 20.0);
			assert_int_equal(pool_item_now(p, item, &a, NULL), 0);
			assert_true(a.forecast >= 0 && a.forecast <= 1);
			assert_at_most(last, a.forecast + 1e-12);
			raised += a.forecast > last;
			last = a.forecast;
		}
		pool_free(p);
	}
	assert_true(raised > 1000);
}

static void freed_signs_may_count_a_report_against_its_own_side(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	struct aggregate high, low;
	(void)state;
	s.signs = CANDOR_FREE;
	struct pool *p = history_pool(&s);
	for (int i = 0; i < 200; i++) {
		char name[16];
		snprintf(name, sizeof name, "i%d", i);
		history_report(p, name, "liar", i % 2);
		history_report(p, name, "guess", i % 3 == 0);
		history_resolve(p, name, 1 - i % 2);
	}
	history_report(p, "open", "guess", 1);
	history_report(p, "open", "liar", 1);
	assert_int_equal(pool_item_now(p, history_item(p, "open"), &high, NULL), 0);
	history_report(p, "open", "liar", 0);
	assert_int_equal(pool_item_now(p, history_item(p, "open"), &low, NULL), 0);
	assert_true(high.forecast < 0.2 && low.forecast > 0.8);
	pool_free(p);
}

static double candidate(const struct aggregate *a, size_t k)
{
#define VALUE_OF(NAME, name, prior) a->name,
	const double values[] = {CANDIDATES(VALUE_OF)};
	return values[k];
}

/* Where each block's items are closed after, and settled before, what the others are: the forecast's record is at most
 * that of each candidate, and ln(6 / prior). */
static void it_is_never_much_worse_than_a_candidate(void **state)
{
#define PRIOR_OF(NAME, name, prior) prior,
	static const double priors[] = {CANDIDATES(PRIOR_OF)};
	static const double wrongs[] = {0, 0, 0.2, 0.4};
	struct random r;
	double tightest = 0;
	(void)state;
	seed_random(&r, 84);
	for (int round = 0; round < 60; round++) {
		struct candor_settings s = history_random_settings(&r);
		s.wrong = wrongs[random_below(&r, 4)];
		struct pool *p = history_pool(&s);
		double record = 0, ours = 0, others[N_CANDIDATES] = {0};
		bool single = random_chance(&r, 0.5);
		for (int t = 0; t < 300; t++) {
			struct item *items[8];
			double y[8];
			struct pool_settled done[8];
			size_t b = single ? 1 : 1 + random_below(&r, 8);
			for (size_t k = 0; k < b; k++) {
				char name[64], who[24];
				snprintf(name, sizeof name, "i%d.%zu", t, k);
				for (int l = 0; l < 5; l++) {
					snprintf(who, sizeof who, "L%d", l);
					history_report(p, name, who, random_chance(&r, 0.5) ? l % 2 : random_unit(&r));
				}
				items[k] = history_item(p, name);
				assert_int_equal(pool_close(p, items[k]), 0);
				/* Half of the time against the forecast. */
				y[k] = random_chance(&r, 0.5) ? items[k]->frozen->aggregate.forecast < 0.5 : t / 20 % 2;
			}
			assert_int_equal(pool_resolve_together(p, items, y, b, done), 0);
			for (size_t k = 0; k < b; k++) {
				const struct aggregate *a = &items[k]->frozen->aggregate;
				double x = (s.wrong + (1 - 2 * s.wrong) * a->forecast - y[k]) / (1 - s.wrong);
				record += x * x / 2 / (double)b;
				ours += mechanism_loss(a->forecast, y[k]);
				for (size_t c = 0; c < N_CANDIDATES; c++)
					others[c] += mechanism_loss(candidate(a, c), y[k]);
				pool_drop_item(p, items[k]);
			}
		}
		for (size_t c = 0; c < N_CANDIDATES; c++) {
			double excess = record - pool_totals(p)->track.blend[c];
			assert_at_most(excess, log(6 / priors[c]) + 1e-9);
			tightest = fmax(tightest, excess / log(6 / priors[c]));
			if (single && s.wrong == 0)
				assert_at_most(ours, others[c] + (c == CANDIDATE_REGRESSION ? 2.2 : 3.6));
		}
		pool_free(p);
	}
	print_message("# it came to %.2f of what it may be worse\n", tightest);
	assert_true(tightest > 0);
}

static void what_it_knows_of_variances_stays_in_range(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 85);
	for (int round = 0; round < 60; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		struct history h;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 1500; i++) {
			struct history_did did = history_step(&h, p);
			for (size_t k = 0; k < did.n_settled; k++)
				assert_true(did.settled[k].lesson.variance >= 0.25);
			if (i % 100)
				continue;
			assert_true(pool_totals(p)->track.u > 0 && pool_totals(p)->track.u <= 0.1);
			for (uint32_t id = 0; id < pool_labelers(p); id++)
				assert_true(pool_labeler(p, id)->track.v > 0 && pool_labeler(p, id)->track.v <= 1);
		}
		pool_free(p);
	}
}

static void no_weight_depends_on_it(void **state)
{
	struct random r;
	bool forecasts_differ = false;
	(void)state;
	seed_random(&r, 86);
	for (int round = 0; round < 100; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct history h, copy;
		shape.updates = 0;
		s.signs = CANDOR_POSITIVE;
		struct pool *p = history_pool(&s);
		s.signs = CANDOR_FREE;
		struct pool *q = history_pool(&s);
		history_init(&h, &shape, random_below(&r, 1u << 30));
		copy = h;
		for (int i = 0; i < 600; i++) {
			history_step(&h, p);
			history_step(&copy, q);
		}
		for (uint32_t id = 0; id < pool_labelers(p); id++) {
			const struct labeler *l = pool_labeler(p, id), *m = pool_labeler(q, id);
			assert_same_bits(pool_weight(p, id), pool_weight(q, id));
			assert_same_bits(pool_bound(p, id), pool_bound(q, id));
			assert_same_bits(l->gain, m->gain);
			assert_same_bits(l->mean_loss, m->mean_loss);
		}
		forecasts_differ |= pool_totals(p)->forecast_loss != pool_totals(q)->forecast_loss;
		pool_free(p);
		pool_free(q);
	}
	assert_true(forecasts_differ);
}

/* ---- now ---- */

static bool same_aggregate(const struct aggregate *a, const struct aggregate *b)
{
	return a->mean == b->mean && a->median == b->median && a->plain_mean == b->plain_mean &&
	       a->plain_median == b->plain_median && a->spread == b->spread && a->ess == b->ess && a->n == b->n &&
	       a->regression == b->regression && a->evidence == b->evidence && a->evidence_full == b->evidence_full &&
	       a->forecast == b->forecast;
}

static void now_is_what_closing_the_same_reports_would_freeze(void **state)
{
	struct random r;
	size_t compared = 0, moved = 0;
	(void)state;
	seed_random(&r, 87);
	for (int round = 0; round < 60; round++) {
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		struct history h;
		shape.closes = 0.2;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 400; i++) {
			struct history_did did = history_step(&h, p);
			struct item *item = did.item;
			if (!item || (item->state != CANDOR_OPEN && item->state != CANDOR_CLOSED))
				continue;
			/* A step later, so that something may have been settled. */
			history_step(&h, p);
			if (item->state != CANDOR_OPEN && item->state != CANDOR_CLOSED)
				continue;
			char name[32];
			struct aggregate now;
			assert_int_equal(pool_item_now(p, item, &now, NULL), 0);
			snprintf(name, sizeof name, "copy%d", i);
			struct item *twin = history_item(p, name);
			for (uint32_t k = 0; k < item->n; k++)
				history_report(p, name, pool_labeler_name(p, item_labelers(item)[k], NULL),
					       item->values[k]);
			assert_int_equal(pool_close(p, twin), 0);
			assert_true(same_aggregate(&now, &twin->frozen->aggregate));
			compared++;
			moved += item->frozen && !same_aggregate(&now, &item->frozen->aggregate);
			assert_int_equal(pool_void(p, twin), 0);
			pool_drop_item(p, twin);
		}
		pool_free(p);
	}
	assert_true(compared > 1000 && moved > 100);
}

/* ---- labels and rechecks ---- */

static void a_label_is_the_outcome_where_none_is_wrong_and_bayes_rule_elsewhere(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	double label;
	(void)state;
	struct pool *p = history_pool(&s);
	history_report(p, "i", "ann", 0.9);
	history_report(p, "i", "bob", 0.5);
	struct item *item = history_item(p, "i");
	assert_int_equal(pool_item_label(p, item, &label), 0);
	assert_near(label, 0.7, 1e-12);
	history_resolve(p, "i", 0);
	assert_int_equal(pool_item_label(p, item, &label), 0);
	assert_same_bits(label, 0.0);
	s.wrong = 0.2;
	assert_int_equal(pool_update(p, &s), 0);
	assert_int_equal(pool_item_label(p, item, &label), 0);
	assert_near(label, 0.7 * 0.2 / (0.7 * 0.2 + 0.3 * 0.8), 1e-12);
	/* A second verdict is read in the same way, with that in place of the forecast. */
	double before = label;
	assert_int_equal(pool_recheck(p, item, 1), RECHECK_ADDED);
	assert_int_equal(pool_recheck(p, item, 1), RECHECK_DUPLICATE);
	assert_int_equal(pool_recheck(p, item, 0), ERR_CONFLICT);
	assert_int_equal(pool_item_label(p, item, &label), 0);
	assert_near(label, before * 0.8 / (before * 0.8 + (1 - before) * 0.2), 1e-12);
	assert_int_equal(pool_rechecks(p).n, 1);
	assert_int_equal(pool_rechecks(p).disagree, 1);
	history_report(p, "j", "ann", 0.9);
	assert_int_equal(pool_recheck(p, history_item(p, "j"), 1), ERR_STATE);
	assert_int_equal(pool_void(p, history_item(p, "j")), 0);
	assert_int_equal(pool_item_label(p, history_item(p, "j"), &label), ERR_STATE);
	pool_free(p);
}

static void the_estimate_of_wrong_outcomes_lies_in_its_interval(void **state)
{
	(void)state;
	struct recheck_estimate e = recheck_estimate(0, 0);
	assert_true(e.n == 0 && e.wrong == 0 && e.low == 0 && e.high == 0.5);
	for (uint64_t n = 1; n < 300; n += 7) {
		for (uint64_t d = 0; d <= n; d += 3) {
			e = recheck_estimate(n, d);
			assert_true(e.low >= 0 && e.low <= e.wrong && e.wrong <= e.high && e.high <= 0.5);
			if (2 * d < n) /* the rate at which two verdicts differ that often */
				assert_near(2 * e.wrong * (1 - e.wrong), (double)d / (double)n, 1e-12);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exp_and_ln_are_as_exact_as_they_say),
		cmocka_unit_test(before_the_first_outcome_it_is_the_plain_mean),
		cmocka_unit_test(a_higher_report_never_lowers_it),
		cmocka_unit_test(freed_signs_may_count_a_report_against_its_own_side),
		cmocka_unit_test(it_is_never_much_worse_than_a_candidate),
		cmocka_unit_test(what_it_knows_of_variances_stays_in_range),
		cmocka_unit_test(no_weight_depends_on_it),
		cmocka_unit_test(now_is_what_closing_the_same_reports_would_freeze),
		cmocka_unit_test(a_label_is_the_outcome_where_none_is_wrong_and_bayes_rule_elsewhere),
		cmocka_unit_test(the_estimate_of_wrong_outcomes_lies_in_its_interval),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
