#include "tests/lib/unit.h"

#include "lib/pool/mechanism.h"
#include "tests/lib/seed.h"

static struct candor_settings complete(struct candor_settings s)
{
	mechanism_defaults(&s);
	assert_null(mechanism_settings_fault(&s));
	return s;
}

/* ---- settings ---- */

static void settings_left_out_get_their_defaults_where_the_rate_uses_them(void **state)
{
	struct candor_settings s = complete((struct candor_settings){0});
	(void)state;
	assert_int_equal(s.rate, CANDOR_ANYTIME);
	assert_near(s.c, 1, 0);
	assert_near(s.beta, 0.01, 0);
	assert_near(s.share, 1e-9, 0);
	assert_near(s.entry, 1, 0);
	assert_near(s.eta, 0, 0);
	assert_near(s.horizon, 0, 0);
	s = complete((struct candor_settings){.rate = CANDOR_HORIZON, .horizon = 10});
	assert_near(s.c, 1, 0);
	assert_near(s.beta, 0, 0);
	s = complete((struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.1, .entry = 2, .share = 0.1});
	assert_near(s.c, 0, 0);
	assert_near(s.beta, 0, 0);
	assert_near(s.entry, 2, 0);
	assert_near(s.share, 0.1, 0);
}

static void settings_out_of_range_are_refused_with_the_field_s_name(void **state)
{
	static const struct {
		struct candor_settings s;
		const char *field;
	} bad[] = {
		{{.rate = (enum candor_rate)4}, "settings.rate"},
		{{.rate = (enum candor_rate) - 1}, "settings.rate"},
		{{.c = -1}, "settings.c"},
		{{.c = 100.1}, "settings.c"},
		{{.c = NAN}, "settings.c"},
		{{.c = INFINITY}, "settings.c"},
		{{.beta = -0.1}, "settings.beta"},
		{{.beta = 0.51}, "settings.beta"},
		{{.beta = 9e-10}, "settings.beta"},
		{{.beta = NAN}, "settings.beta"},
		{{.eta = 0.1}, "settings.eta"},
		{{.horizon = 5}, "settings.horizon"},
		{{.share = 0.51}, "settings.share"},
		{{.share = 9e-10}, "settings.share"},
		{{.share = NAN}, "settings.share"},
		{{.entry = 9e-7}, "settings.entry"},
		{{.entry = 1.1e6}, "settings.entry"},
		{{.entry = NAN}, "settings.entry"},
		{{.rate = CANDOR_FIXED}, "settings.eta"},
		{{.rate = CANDOR_FIXED, .eta = 0.51}, "settings.eta"},
		{{.rate = CANDOR_FIXED, .eta = NAN}, "settings.eta"},
		{{.rate = CANDOR_FIXED, .eta = 0.1, .c = 1}, "settings.c"},
		{{.rate = CANDOR_FIXED, .eta = 0.1, .beta = 0.1}, "settings.beta"},
		{{.rate = CANDOR_FIXED, .eta = 0.1, .horizon = 9}, "settings.horizon"},
		{{.rate = CANDOR_HORIZON}, "settings.horizon"},
		{{.rate = CANDOR_HORIZON, .horizon = 0.5}, "settings.horizon"},
		{{.rate = CANDOR_HORIZON, .horizon = 1.1e15}, "settings.horizon"},
		{{.rate = CANDOR_HORIZON, .horizon = 9, .beta = 0.1}, "settings.beta"},
		{{.rate = CANDOR_HORIZON, .horizon = 9, .eta = 0.1}, "settings.eta"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct candor_settings s = bad[i].s;
		mechanism_defaults(&s);
		const char *fault = mechanism_settings_fault(&s);
		if (!fault || strncmp(fault, bad[i].field, strlen(bad[i].field)) != 0)
			fail_msg("%zu: %s, not about %s", i, fault ? fault : "no fault", bad[i].field);
	}
}

static void the_ends_of_each_range_are_allowed(void **state)
{
	static const struct candor_settings good[] = {
		{.c = 100},
		{.beta = 1e-9},
		{.beta = 0.5},
		{.share = 1e-9},
		{.share = 0.5},
		{.entry = 1e-6},
		{.entry = 1e6},
		{.rate = CANDOR_FIXED, .eta = 0.5},
		{.rate = CANDOR_HORIZON, .horizon = 1},
		{.rate = CANDOR_HORIZON, .horizon = 1e15},
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		complete(good[i]);
}

/* ---- the rate ---- */

static void eta_is_what_the_formulas_say(void **state)
{
	const struct candor_settings anytime = complete((struct candor_settings){.c = 0.1, .beta = 0.05});
	const struct candor_settings horizon =
		complete((struct candor_settings){.rate = CANDOR_HORIZON, .c = 0.7, .horizon = 400});
	const struct candor_settings fixed = complete((struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.123});
	(void)state;
	for (uint64_t n = 2; n < 1u << 20; n *= 3) {
		for (unsigned e = 0; e < 40; e++)
			assert_near(mechanism_eta(&anytime, n, e),
				    fmin(0.5, 0.1 * sqrt(log((double)n / 0.05) / pow(2, e))), 1e-15);
		assert_near(mechanism_eta(&horizon, n, 0), fmin(0.5, 0.7 * sqrt(log((double)n) / 400)), 1e-15);
		assert_near(mechanism_eta(&fixed, n, 0), 0.123, 0);
	}
}

static void eta_takes_at_least_two_labelers_and_never_exceeds_a_half(void **state)
{
	const struct candor_settings anytime = complete((struct candor_settings){.c = 0.01});
	const struct candor_settings steep = complete((struct candor_settings){.c = 100});
	const struct candor_settings short_run =
		complete((struct candor_settings){.rate = CANDOR_HORIZON, .horizon = 1});
	const struct candor_settings half = complete((struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.5});
	(void)state;
	for (uint64_t n = 0; n < 2; n++)
		assert_same_bits(mechanism_eta(&anytime, n, 3), mechanism_eta(&anytime, 2, 3));
	assert_near(mechanism_eta(&steep, 1000, 0), 0.5, 0);
	assert_near(mechanism_eta(&short_run, 1000, 0), 0.5, 0);
	assert_near(mechanism_eta(&half, 1000, 0), 0.5, 0);
	assert_true(mechanism_eta(&anytime, UINT64_MAX, 62) > 0);
}

/* ---- epochs ---- */

static unsigned epoch_by_search(unsigned epoch, uint64_t scored, uint64_t labelers)
{
	for (unsigned e = 62; e > epoch; e--)
		if ((unsigned __int128)labelers << e <= scored)
			return e;
	return epoch;
}

static void an_epoch_begins_where_t_eff_meets_a_power_of_two_exactly(void **state)
{
	const struct candor_settings s = complete((struct candor_settings){0});
	(void)state;
	for (uint64_t labelers = 1; labelers < 3000; labelers = labelers * 3 / 2 + 1) {
		for (unsigned e = 1; e < 50; e++) {
			uint64_t scored = labelers << e;
			assert_int_equal(mechanism_epoch(&s, 0, scored, labelers), e);
			assert_int_equal(mechanism_epoch(&s, 0, scored - 1, labelers), e - 1);
			assert_int_equal(mechanism_epoch(&s, 0, scored + 1, labelers), e);
		}
	}
}

static void epochs_begin_at_0_and_never_fall(void **state)
{
	const struct candor_settings s = complete((struct candor_settings){0});
	struct random r;
	(void)state;
	assert_int_equal(mechanism_epoch(&s, 0, 0, 0), 0);
	assert_int_equal(mechanism_epoch(&s, 0, 5, 10), 0); /* T_eff = 1/2 */
	assert_int_equal(mechanism_epoch(&s, 0, 10, 10), 0);
	assert_int_equal(mechanism_epoch(&s, 5, 10, 10), 5);
	assert_int_equal(mechanism_epoch(&s, 62, UINT64_MAX, 1), 62);
	seed_random(&r, 51);
	for (int i = 0; i < 100000; i++) {
		uint64_t labelers = 1 + random_below(&r, 1u << 20), scored = (uint64_t)random_scale(&r, 1, 1e18);
		unsigned epoch = (unsigned)random_below(&r, 30);
		assert_int_equal(mechanism_epoch(&s, epoch, scored, labelers),
				 epoch_by_search(epoch, scored, labelers));
	}
}

static void other_rates_start_no_epochs(void **state)
{
	const struct candor_settings horizon = complete((struct candor_settings){.rate = CANDOR_HORIZON, .horizon = 9});
	const struct candor_settings fixed = complete((struct candor_settings){.rate = CANDOR_FIXED, .eta = 0.1});
	(void)state;
	assert_int_equal(mechanism_epoch(&horizon, 0, 1u << 30, 1), 0);
	assert_int_equal(mechanism_epoch(&fixed, 0, 1u << 30, 1), 0);
}

/* ---- resets ---- */

static void resets_draw_a_weight_toward_its_entry_weight(void **state)
{
	(void)state;
	assert_same_bits(mechanism_reset(0.3, 1, 0.01, 0), 0.3);
	assert_near(mechanism_reset(0, 1, 0.01, 1), 0.01, 1e-15);
	assert_near(mechanism_reset(3, 1, 0.01, 1), 0.99 * 3 + 0.01, 1e-15);
	for (unsigned k = 0; k < 60; k++) {
		double w = 5;
		for (unsigned i = 0; i < k; i++)
			w = (1 - 0.2) * w + 0.2 * 0.25;
		assert_near(mechanism_reset(5, 0.25, 0.2, k), w, 1e-14);
	}
	assert_near(mechanism_reset(2, 2, 0.3, 9), 2, 1e-15);
}

/* ---- the loss ---- */

static void the_brier_loss_is_the_squared_error(void **state)
{
	(void)state;
	assert_near(mechanism_loss(1, 1), 0, 0);
	assert_near(mechanism_loss(0, 1), 1, 0);
	assert_near(mechanism_loss(0.5, 0), 0.25, 0);
	assert_near(mechanism_loss(0.25, 0.75), 0.25, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_left_out_get_their_defaults_where_the_rate_uses_them),
		cmocka_unit_test(settings_out_of_range_are_refused_with_the_field_s_name),
		cmocka_unit_test(the_ends_of_each_range_are_allowed),
		cmocka_unit_test(eta_is_what_the_formulas_say),
		cmocka_unit_test(eta_takes_at_least_two_labelers_and_never_exceeds_a_half),
		cmocka_unit_test(an_epoch_begins_where_t_eff_meets_a_power_of_two_exactly),
		cmocka_unit_test(epochs_begin_at_0_and_never_fall),
		cmocka_unit_test(other_rates_start_no_epochs),
		cmocka_unit_test(resets_draw_a_weight_toward_its_entry_weight),
		cmocka_unit_test(the_brier_loss_is_the_squared_error),
	};
	return cmocka_run_group_tests_name("mechanism", tests, NULL, NULL);
}
