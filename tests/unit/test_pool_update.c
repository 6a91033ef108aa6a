/* Settings that change while a pool is at work, and the regret bound that follows them. */
#include "tests/lib/unit.h"

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

static void the_bound_keeps_rates_floors_and_rounds_of_each_stretch(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	s.c = 0.1;
	s.beta = 0.2;
	struct pool *p = history_pool(&s);
	const struct mechanism_stretch *stretches;
	double first = 0, last = 0, least = 1;
	char labeler[16];
	size_t n;
	(void)state;
	/* Labelers join, so the rate grows within the first stretch. Then a round of all of them ends it. */
	for (int i = 0; i < 6; i++) {
		snprintf(labeler, sizeof labeler, "L%d", i);
		history_report(p, "i", labeler, i % 2);
		last = history_resolve(p, "i", 1).eta;
		first = i == 0 ? last : first;
		pool_drop_item(p, pool_find_item(p, "i", 1));
	}
	stretches = pool_stretches(p, &n);
	assert_int_equal(n, 1);
	assert_same_bits(stretches[0].eta_lo, first);
	assert_same_bits(stretches[0].eta_hi, last);
	assert_true(first < last);
	assert_int_equal(stretches[0].rounds, 6);
	assert_near(stretches[0].floor, 1, 0);
	for (int i = 0; i < 6; i++) {
		snprintf(labeler, sizeof labeler, "L%d", i);
		history_report(p, "i", labeler, i % 2);
	}
	history_resolve(p, "i", 1);
	stretches = pool_stretches(p, &n);
	assert_int_equal(n, 2);
	assert_int_equal(stretches[1].epoch, 1);
	assert_int_equal(stretches[1].rounds, 0);
	assert_near(stretches[1].floor, 0.2, 0);
	history_report(p, "j", "L0", 1);
	history_report(p, "j", "L1", 0);
	history_resolve(p, "j", 1);

	s.share = 0.1;
	assert_int_equal(pool_update(p, &s), 0);
	for (uint32_t id = 0; id < pool_labelers(p); id++)
		least = fmin(least, pool_weight(p, id) / pool_entry(p, id));
	stretches = pool_stretches(p, &n);
	assert_int_equal(n, 3);
	assert_near(stretches[1].share, 1e-9, 0);
	assert_near(stretches[2].share, 0.1, 0);
	assert_same_bits(stretches[2].floor, least);
	assert_true(least < 1);
	pool_free(p);
}

static void many_updates_fill_the_bounds_stretches_but_never_stop_settlements(void **state)
{
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	struct pool *p = history_pool(&s);
	size_t n;
	int err = 0;
	(void)state;
	for (int i = 0; err == 0; i++) {
		assert_true(i < 100000);
		history_report(p, "i", "A", 1);
		history_report(p, "i", "B", 0);
		history_resolve(p, "i", 1);
		pool_drop_item(p, pool_find_item(p, "i", 1));
		s.beta = i % 2 ? 0.01 : 0.02;
		err = pool_update(p, &s);
	}
	assert_int_equal(err, ERR_FULL);
	assert_true(pool_settings(p)->beta != s.beta);
	unsigned epoch = pool_totals(p)->epoch;
	while (pool_totals(p)->epoch < epoch + 2) {
		history_report(p, "i", "A", 1);
		history_report(p, "i", "B", 0);
		history_resolve(p, "i", 1);
		pool_drop_item(p, pool_find_item(p, "i", 1));
	}
	pool_stretches(p, &n);
	assert_true(n >= 1000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_leaves_every_weight_and_entry_as_they_are),
		cmocka_unit_test(the_bound_keeps_rates_floors_and_rounds_of_each_stretch),
		cmocka_unit_test(many_updates_fill_the_bounds_stretches_but_never_stop_settlements),
		cmocka_unit_test(a_refused_update_changes_nothing),
	};
	return cmocka_run_group_tests_name("pool_update", tests, NULL, NULL);
}
