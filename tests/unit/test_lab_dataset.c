#include "tests/lib/unit.h"

#include <stdlib.h>

#include "client/lab/replay.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 15, ITEMS = 120 };

static struct dataset make(void)
{
	struct dataset d;
	require(dataset_init(&d) == 0);
	return d;
}

static void add(struct dataset *d, const char *item, const char *labeler, double report, double outcome)
{
	assert_int_equal(dataset_add(d, item, labeler, report, outcome), 0);
}

static void finish(struct dataset *d)
{
	assert_int_equal(dataset_finish(d), 0);
}

static struct replay replay(const struct dataset *d, const uint32_t *order, const struct scheme_class *class)
{
	struct candor_settings settings = history_settings(CANDOR_ANYTIME);
	struct replay r;
	const struct replay_options o = {
		.class = class, .settings = settings, .order = order, .unaudited = class->late ? 0.5 : 0};
	assert_int_equal(replay_dataset(d, &o, &r), 0);
	return r;
}

/* ---- rows ---- */

static void rows_are_kept_by_item_in_their_order(void **state)
{
	struct dataset d = make();
	(void)state;
	add(&d, "x", "ann", 0.25, 1);
	add(&d, "x", "bob", 0.5, 1);
	add(&d, "y", "cy", 1, NAN);
	add(&d, "y", "ann", 0, NAN);
	add(&d, "z", "bob", 0.75, 0.5);
	finish(&d);
	assert_true(d.n_items == 3 && d.n_reports == 5 && d.n_known == 2 && d.n_labelers == 3);
	assert_memory_equal(d.first, ((const uint64_t[]){0, 2, 4, 5}), 4 * sizeof *d.first);
	assert_memory_equal(d.reporters, ((const uint32_t[]){0, 1, 2, 0, 1}), 5 * sizeof *d.reporters);
	assert_memory_equal(d.reports, ((const double[]){0.25, 0.5, 1, 0, 0.75}), 5 * sizeof *d.reports);
	assert_near(d.outcomes[0], 1, 0);
	assert_true(isnan(d.outcomes[1]));
	assert_near(d.outcomes[2], 0.5, 0);
	assert_string_equal(d.labelers[0], "ann");
	assert_string_equal(d.labelers[1], "bob");
	assert_string_equal(d.labelers[2], "cy");
	assert_string_equal(names_text(d.item_names, 2, NULL), "z");
	dataset_free(&d);
}

static void of_two_reports_the_last_stands_in_the_place_of_the_first(void **state)
{
	struct dataset d = make();
	(void)state;
	add(&d, "x", "ann", 0.25, NAN);
	add(&d, "x", "bob", 0.5, NAN);
	add(&d, "x", "ann", 0.75, NAN);
	add(&d, "x", "ann", 1, NAN);
	add(&d, "y", "ann", 0, NAN); /* another item, another report */
	finish(&d);
	assert_true(d.n_reports == 3);
	assert_memory_equal(d.reporters, ((const uint32_t[]){0, 1, 0}), 3 * sizeof *d.reporters);
	assert_memory_equal(d.reports, ((const double[]){1, 0.5, 0}), 3 * sizeof *d.reports);
	dataset_free(&d);
}

static void any_row_of_an_item_may_bring_its_outcome(void **state)
{
	struct dataset d = make();
	(void)state;
	add(&d, "x", "ann", 0.25, NAN);
	add(&d, "x", "bob", 0.25, 0);
	add(&d, "x", "cy", 0.25, NAN);
	add(&d, "x", "dee", 0.25, 0);
	finish(&d);
	assert_true(d.n_known == 1);
	assert_near(d.outcomes[0], 0, 0);
	dataset_free(&d);
}

/* Whether a row was refused with an error and left nothing behind. */
static void assert_refused(struct dataset *d, const char *item, const char *labeler, double outcome, int err)
{
	uint64_t items = d->n_items, reports = d->n_reports, known = d->n_known;
	uint32_t labelers = names_count(d->labeler_names), item_names = names_count(d->item_names);
	double last_outcome = d->outcomes[items - 1], last = d->reports[reports - 1];
	assert_int_equal(dataset_add(d, item, labeler, 0.125, outcome), err);
	assert_true(d->n_items == items && d->n_reports == reports && d->n_known == known);
	assert_true(names_count(d->labeler_names) == labelers && names_count(d->item_names) == item_names);
	assert_same_bits(d->outcomes[items - 1], last_outcome);
	assert_same_bits(d->reports[reports - 1], last);
}

static void an_item_that_was_left_cannot_be_come_back_to(void **state)
{
	struct dataset d = make();
	(void)state;
	add(&d, "x", "ann", 0.25, NAN);
	add(&d, "y", "ann", 0.5, NAN);
	assert_refused(&d, "x", "bob", NAN, ERR_STATE);
	assert_refused(&d, "x", "ann", 1, ERR_STATE);
	add(&d, "y", "bob", 0.75, NAN);
	add(&d, "z", "bob", 0.75, NAN);
	assert_refused(&d, "y", "ann", NAN, ERR_STATE);
	dataset_free(&d);
}

static void an_item_has_one_outcome(void **state)
{
	struct dataset d = make();
	(void)state;
	add(&d, "x", "ann", 0.25, 0.5);
	assert_refused(&d, "x", "bob", 1, ERR_CONFLICT);
	assert_refused(&d, "x", "ann", 0, ERR_CONFLICT);
	add(&d, "x", "bob", 0.75, 0.5);
	add(&d, "x", "cy", 0.75, NAN);
	assert_true(d.n_known == 1 && d.n_reports == 3);
	dataset_free(&d);
}

static void a_full_item_takes_revisions_but_no_more_reports(void **state)
{
	struct dataset d = make();
	char name[16];
	(void)state;
	add(&d, "before", "0", 0.5, NAN);
	for (int i = 0; i < ITEM_REPORTS_MAX; i++) {
		snprintf(name, sizeof name, "%d", i);
		add(&d, "x", name, 0.5, NAN);
	}
	assert_refused(&d, "x", "one more", NAN, ERR_FULL);
	assert_refused(&d, "x", "one more", 1, ERR_FULL);
	add(&d, "x", "77", 0.25, NAN);
	assert_true(d.n_reports == 1 + ITEM_REPORTS_MAX);
	assert_near(d.reports[1 + 77], 0.25, 0);
	add(&d, "y", "one more", 0.5, NAN);
	dataset_free(&d);
}

/* A whole campaign as arrays, and as the dataset that its rows make. */
struct campaign {
	size_t n[ITEMS];
	uint32_t who[ITEMS][LABELERS];
	double reports[ITEMS][LABELERS], outcomes[ITEMS];
};

static void name_of(char *name, const char *kind, size_t number)
{
	snprintf(name, HISTORY_NAME_SIZE, "%s%zu", kind, number);
}

static struct dataset draw_campaign(struct random *r, struct campaign *c, double known)
{
	struct dataset d = make();
	for (size_t t = 0; t < ITEMS; t++) {
		char item[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
		double truth = random_chance(r, 0.9) ? (double)random_below(r, 2) : random_unit(r);
		uint32_t order[LABELERS];
		for (uint32_t i = 0; i < LABELERS; i++)
			order[i] = i;
		random_shuffle(r, order, LABELERS);
		c->n[t] = 1 + random_below(r, LABELERS);
		c->outcomes[t] = random_chance(r, known) ? truth : NAN;
		name_of(item, "i", t);
		/* Twice, the first time anything. */
		for (size_t i = 0; i < 2 * c->n[t]; i++) {
			size_t k = i % c->n[t];
			c->who[t][k] = order[k];
			c->reports[t][k] = order[k] % 3 == 0 ? fabs(truth - 0.3 * random_unit(r)) : random_unit(r);
			name_of(labeler, "L", order[k]);
			add(&d, item, labeler, c->reports[t][k], c->outcomes[t]);
		}
	}
	finish(&d);
	return d;
}

static void many_rows_are_kept_as_they_came(void **state)
{
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 841);
	for (int round = 0; round < 20; round++) {
		struct dataset d = draw_campaign(&r, &c, 0.7);
		double scored = 0;
		uint64_t known = 0;
		assert_true(d.n_items == ITEMS && d.n_labelers == LABELERS);
		for (size_t t = 0; t < ITEMS; t++) {
			assert_true(d.first[t + 1] - d.first[t] == c.n[t]);
			assert_true(isnan(c.outcomes[t]) ? isnan(d.outcomes[t]) : d.outcomes[t] == c.outcomes[t]);
			known += !isnan(c.outcomes[t]);
			scored += isnan(c.outcomes[t]) ? 0 : (double)c.n[t];
			for (size_t i = 0; i < c.n[t]; i++) {
				char name[HISTORY_NAME_SIZE];
				name_of(name, "L", c.who[t][i]);
				assert_string_equal(d.labelers[d.reporters[d.first[t] + i]], name);
				assert_same_bits(d.reports[d.first[t] + i], c.reports[t][i]);
			}
		}
		assert_true(d.n_known == known);
		assert_near(dataset_t_eff(&d), scored / LABELERS, 1e-12);
		dataset_free(&d);
	}
}

static void t_eff_counts_scored_reports_alone(void **state)
{
	struct dataset d = make(), empty = make();
	(void)state;
	add(&d, "x", "ann", 0.25, NAN);
	add(&d, "y", "ann", 0.25, 1);
	add(&d, "y", "bob", 0.25, 1);
	add(&d, "y", "bob", 0.75, 1); /* a revision is no other report */
	add(&d, "y", "cy", 0.25, 1);
	add(&d, "z", "dee", 0.25, 0);
	finish(&d);
	finish(&empty);
	assert_near(dataset_t_eff(&d), 1, 0);
	assert_near(dataset_t_eff(&empty), 0, 0);
	dataset_free(&d);
	dataset_free(&empty);
}

/* ---- replays ---- */

/* What a replay under the candor scheme should come to, from a pool driven by hand. */
struct by_hand {
	struct pool *pool;
	double brier[2], own[LABELERS], of[2][LABELERS];
	uint64_t n[LABELERS], scored;
};

static double squared(double x)
{
	return x * x;
}

static void play_item(struct by_hand *h, const struct campaign *c, size_t t)
{
	char item[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
	double y = c->outcomes[t];
	name_of(item, "i", t);
	for (size_t i = 0; i < c->n[t]; i++) {
		name_of(labeler, "L", c->who[t][i]);
		history_report(h->pool, item, labeler, c->reports[t][i]);
	}
	struct item *mine = history_item(h->pool, item);
	require(pool_close(h->pool, mine) == 0);
	if (!isnan(y)) {
		double losses[] = {squared(mine->frozen->aggregate.mean - y),
				   squared(mine->frozen->aggregate.median - y)};
		h->scored++;
		for (int f = 0; f < 2; f++)
			h->brier[f] += losses[f];
		for (size_t i = 0; i < c->n[t]; i++) {
			uint32_t who = c->who[t][i];
			h->n[who]++;
			h->own[who] += squared(c->reports[t][i] - y);
			for (int f = 0; f < 2; f++)
				h->of[f][who] += losses[f];
		}
		history_resolve(h->pool, item, y);
	}
	pool_drop_item(h->pool, mine);
}

static void assert_replay_as_by_hand(const struct dataset *d, const struct by_hand *h, const struct replay *got)
{
	double heaviest = 0, lightest = INFINITY;
	char name[HISTORY_NAME_SIZE];
	for (int f = 0; f < 2; f++) {
		double regret = -INFINITY;
		assert_true(got->scores[f].n == h->scored);
		assert_near(got->scores[f].brier, h->brier[f], 1e-10);
		for (int i = 0; i < LABELERS; i++)
			if (h->n[i] > 0)
				regret = fmax(regret, h->of[f][i] - h->own[i]);
		assert_near(got->regret[f], regret, 1e-10);
		size_t best = (size_t)strtol(d->labelers[got->best[f]] + 1, NULL, 10);
		assert_near(h->of[f][best] - h->own[best], regret, 1e-10);
		assert_near(got->best_loss[f], h->own[best] / (double)h->n[best], 1e-12);
	}
	for (size_t i = 0; i < LABELERS; i++) {
		name_of(name, "L", i);
		heaviest = fmax(heaviest, history_weight(h->pool, name));
		lightest = fmin(lightest, history_weight(h->pool, name));
	}
	assert_same_bits(got->heaviest_weight, heaviest);
	assert_same_bits(got->lightest_weight, lightest);
	if (heaviest == lightest) { /* with one scored report an item nobody moves */
		assert_true(got->heaviest == NAMES_NONE && got->lightest == NAMES_NONE);
		return;
	}
	assert_same_bits(history_weight(h->pool, d->labelers[got->heaviest]), heaviest);
	assert_same_bits(history_weight(h->pool, d->labelers[got->lightest]), lightest);
}

static void a_replay_is_what_a_pool_comes_to_in_any_order(void **state)
{
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 842);
	for (int round = 0; round < 30; round++) {
		struct candor_settings settings = history_random_settings(&r);
		struct dataset d = draw_campaign(&r, &c, round % 3 ? 0.7 : 1);
		struct by_hand h = {.pool = history_pool(&settings)};
		atomic_uint_fast64_t done = 7;
		uint32_t order[ITEMS];
		struct replay got;
		for (uint32_t t = 0; t < ITEMS; t++)
			order[t] = t;
		if (round % 2)
			random_shuffle(&r, order, ITEMS);
		const struct replay_options o = {.class = &scheme_candor,
						 .settings = settings,
						 .order = round % 2 ? order : NULL,
						 .done = &done};
		assert_int_equal(replay_dataset(&d, &o, &got), 0);
		assert_true(done == ITEMS + 7);
		for (uint32_t t = 0; t < ITEMS; t++)
			play_item(&h, &c, order[t]);
		assert_replay_as_by_hand(&d, &h, &got);
		pool_free(h.pool);
		dataset_free(&d);
	}
}

static void order_matters_to_who_learns_and_not_to_plain_means(void **state)
{
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 843);
	struct dataset d = draw_campaign(&r, &c, 1);
	uint32_t order[ITEMS];
	for (uint32_t t = 0; t < ITEMS; t++)
		order[t] = ITEMS - 1 - t;
	struct replay forth = replay(&d, NULL, &scheme_plain), back = replay(&d, order, &scheme_plain);
	assert_near(forth.scores[0].brier, back.scores[0].brier, 1e-11);
	assert_near(forth.regret[0], back.regret[0], 1e-11);
	assert_int_equal(forth.best[0], back.best[0]);
	assert_true(replay(&d, NULL, &scheme_hedge).scores[0].brier !=
		    replay(&d, order, &scheme_hedge).scores[0].brier);
	dataset_free(&d);
}

static void every_scheme_replays_the_same_twice(void **state)
{
#define CLASS(name, class, ...) &class,
	static const struct scheme_class *const classes[] = {SCHEMES(CLASS)};
#undef CLASS
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 844);
	struct dataset d = draw_campaign(&r, &c, 0.6);
	for (size_t k = 0; k < sizeof classes / sizeof *classes; k++) {
		struct replay a = replay(&d, NULL, classes[k]), b = replay(&d, NULL, classes[k]);
		assert_true(a.scores[0].brier > 0);
		assert_true(classes[k]->late ? a.scores[0].n < d.n_known : a.scores[0].n == d.n_known);
		assert_same_bits(a.scores[0].brier, b.scores[0].brier);
		assert_same_bits(a.regret[0], b.regret[0]);
		assert_same_bits(a.heaviest_weight, b.heaviest_weight);
		assert_int_equal(a.best[0], b.best[0]);
	}
	dataset_free(&d);
}

static void nobody_is_heaviest_where_all_weigh_the_same(void **state)
{
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 845);
	struct dataset d = draw_campaign(&r, &c, 1);
	struct replay plain = replay(&d, NULL, &scheme_plain), candor = replay(&d, NULL, &scheme_candor);
	assert_true(plain.heaviest == NAMES_NONE && plain.lightest == NAMES_NONE);
	assert_true(candor.heaviest < LABELERS && candor.lightest < LABELERS);
	assert_true(candor.heaviest_weight > 1 && candor.lightest_weight < 1);
	dataset_free(&d);
}

static void without_outcomes_there_is_no_score_and_no_best(void **state)
{
	static struct campaign c;
	struct random r;
	(void)state;
	seed_random(&r, 846);
	struct dataset d = draw_campaign(&r, &c, 0), empty = make();
	finish(&empty);
	assert_true(d.n_known == 0);
	for (int k = 0; k < 2; k++) {
		struct replay got = replay(k ? &empty : &d, NULL, &scheme_candor);
		for (int f = 0; f < 2; f++) {
			assert_true(got.scores[f].n == 0 && got.best[f] == NAMES_NONE);
			assert_same_bits(got.regret[f], -INFINITY);
		}
		assert_true(got.heaviest == NAMES_NONE && got.lightest == NAMES_NONE);
	}
	dataset_free(&d);
	dataset_free(&empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_kept_by_item_in_their_order),
		cmocka_unit_test(of_two_reports_the_last_stands_in_the_place_of_the_first),
		cmocka_unit_test(any_row_of_an_item_may_bring_its_outcome),
		cmocka_unit_test(an_item_that_was_left_cannot_be_come_back_to),
		cmocka_unit_test(an_item_has_one_outcome),
		cmocka_unit_test(a_full_item_takes_revisions_but_no_more_reports),
		cmocka_unit_test(many_rows_are_kept_as_they_came),
		cmocka_unit_test(t_eff_counts_scored_reports_alone),
		cmocka_unit_test(a_replay_is_what_a_pool_comes_to_in_any_order),
		cmocka_unit_test(order_matters_to_who_learns_and_not_to_plain_means),
		cmocka_unit_test(every_scheme_replays_the_same_twice),
		cmocka_unit_test(nobody_is_heaviest_where_all_weigh_the_same),
		cmocka_unit_test(without_outcomes_there_is_no_score_and_no_best),
	};
	return cmocka_run_group_tests_name("lab_dataset", tests, NULL, NULL);
}
