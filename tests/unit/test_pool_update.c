/* Settings that change while a pool is at work, and the regret bound that follows them. */
#include "tests/lib/unit.h"

#include <math.h>

#include "tests/lib/history.h"
#include "tests/lib/seed.h"

static void an_update_leaves_every_weight_and_entry_as_they_are(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 11);
	for (int round = 0; round < 50; round++) {
		struct history h;
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_random_settings(&r), t = history_random_settings(&r);
		struct pool *p = history_pool(&s);
		double weights[64], entries[64];
		shape.updates = 0;
		history_init(&h, &shape, random_below(&r, 1u << 30));
		for (int i = 0; i < 600; i++)
			history_step(&h, p);
		for (uint32_t id = 0; id < pool_labelers(p); id++) {
			weights[id] = pool_weight(p, id);
			entries[id] = pool_entry(p, id);
		}
		unsigned epoch = pool_totals(p)->epoch;
		double total = pool_totals(p)->total_weight;
		assert_int_equal(pool_update(p, &t), 0);
		for (uint32_t id = 0; id < pool_labelers(p); id++) {
			assert_same_bits(pool_weight(p, id), weights[id]);
			assert_same_bits(pool_entry(p, id), entries[id]);
		}
		assert_int_equal(pool_totals(p)->epoch, epoch);
		assert_same_bits(pool_totals(p)->total_weight, total);
		history_report(p, "after", "newcomer", 1);
		assert_same_bits(history_weight(p, "newcomer"), t.entry);
		assert_same_bits(history_resolve(p, "after", 1).eta, mechanism_eta(&t, pool_labelers(p), epoch));
		pool_free(p);
	}
}

/* The bound, worked out anew from all that moved a labeler: docs/mechanism.md. */
static void the_bound_adds_up_what_each_stretch_allows(void **state)
{
	struct candor_settings s = history_settings(CANDOR_FIXED);
	struct pool *p = history_pool(&s);
	double limit = 0, grown = 0, eta = 0, first_weight = 0, total = 0;
	(void)state;
	for (int i = 0; i < 60; i++) {
		char name[16];
		snprintf(name, sizeof name, "L%d", i % 7 + 1);
		history_report(p, "i", "L0", i % 3 ? 0.8 : 0.1);
		history_report(p, "i", name, i % 2);
		bool begins = i % 10 == 0;
		if (begins && i > 0) {
			grown += log(pool_totals(p)->total_weight / first_weight) / eta;
			s.eta = 0.5 / (1 + i);
			assert_int_equal(pool_update(p, &s), 0);
		}
		double w = history_weight(p, "L0");
		const double p0 = pool_find_item(p, "i", 1)->values[0], p1 = pool_find_item(p, "i", 1)->values[1];
		double other = history_weight(p, name);
		double loss = (w * (p0 - 1) * (p0 - 1) + other * (p1 - 1) * (p1 - 1)) / (w + other);
		double g = loss - (p0 - 1) * (p0 - 1);
		eta = s.eta;
		total = pool_totals(p)->total_weight;
		if (begins) {
			first_weight = total;
			limit += log(total / w) / eta;
		}
		history_resolve(p, "i", 1);
		pool_drop_item(p, pool_find_item(p, "i", 1));
		double step = w * (1 + eta * g);
		limit += eta * g * g / (2 * fmin(1, 1 + eta * g)) + fmax(0, step / history_weight(p, "L0") - 1) / eta;
	}
	double bound = limit + grown + log(total / first_weight) / eta;
	uint32_t id = history_labeler(p, "L0");
	assert_near(pool_bound(p, id), bound, 1e-9 * bound);
	assert_at_most(pool_labeler(p, id)->gain, pool_bound(p, id));
	assert_int_equal(pool_totals(p)->bound.stretch, 6);
	history_report(p, "j", "newcomer", 1);
	assert_same_bits(pool_bound(p, history_labeler(p, "newcomer")), 0.0);
	pool_free(p);
}

static void settings_may_change_as_often_as_one_likes(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	struct pool *p = history_pool(&s);
	(void)state;
	for (int i = 0; i < 20000; i++) {
		s.beta = i % 2 ? 0.01 : 0.02;
		assert_int_equal(pool_update(p, &s), 0);
	}
	assert_int_equal(pool_totals(p)->bound.stretch, 20001);
	pool_free(p);
}

static void a_refused_update_changes_nothing(void **state)
{
	struct candor_settings s = history_settings(CANDOR_FIXED);
	struct pool *p = history_pool(&s);
	int err = 0;
	(void)state;
	if (SANITIZED) {
		pool_free(p);
		skip_because("65,535 entry weights take a sanitizer half a minute");
	}
	for (int i = 1; err == 0; i++) {
		assert_true(i < 70000);
		s.entry = 1 + i * 1e-6;
		err = pool_update(p, &s);
	}
	assert_int_equal(err, ERR_FULL);
	assert_true(pool_settings(p)->entry != s.entry);
	s.entry = 1;
	assert_int_equal(pool_update(p, &s), 0);
	pool_free(p);
}

static void minus_zero_is_zero(void **state)
{
	(void)state;
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	s.wrong = -0.0;
	mechanism_defaults(&s);
	assert_false(signbit(s.wrong));
	struct pool *p = history_pool(&s);
	struct item *item = history_item(p, "i0");
	history_report(p, "i0", "ann", -0.0);
	history_report(p, "i0", "bob", 1);
	history_report(p, "i0", "bob", -0.0);
	assert_false(signbit(item->values[0]));
	assert_false(signbit(item->values[1]));
	history_resolve(p, "i0", -0.0);
	assert_int_equal(pool_recheck(p, item, -0.0), RECHECK_ADDED);
	assert_false(signbit(item->frozen->aggregate.median));
	assert_false(signbit(item->frozen->outcome));
	assert_false(signbit(item->frozen->recheck));
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_leaves_every_weight_and_entry_as_they_are),
		cmocka_unit_test(the_bound_adds_up_what_each_stretch_allows),
		cmocka_unit_test(settings_may_change_as_often_as_one_likes),
		cmocka_unit_test(a_refused_update_changes_nothing),
		cmocka_unit_test(minus_zero_is_zero),
	};
	return cmocka_run_group_tests_name("pool_update", tests, NULL, NULL);
}
