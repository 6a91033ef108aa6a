/* Replays of a data set whose outcomes come late, together, in part, or flipped: against a pool that is driven by hand. */
#include "tests/lib/unit.h"

#include "client/lab/replay.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 7, ITEMS = 80 };

/* What is known of an item, and when by hand its outcome comes: after so many items, with those of the same block. */
struct told {
	double reports[LABELERS], outcome;
	size_t due, block;
};

static struct told told[ITEMS];

static void draw(struct random *r)
{
	for (size_t t = 0; t < ITEMS; t++) {
		told[t].outcome = random_chance(r, 0.7) ? (double)random_below(r, 2) : random_unit(r);
		told[t].due = t + 1;
		told[t].block = t;
		for (size_t i = 0; i < LABELERS; i++)
			told[t].reports[i] = random_unit(r) * (i < 3 ? 1 : told[t].outcome);
	}
}

static void name_of(char *out, char kind, size_t k)
{
	snprintf(out, HISTORY_NAME_SIZE, "%c%zu", kind, k);
}

/* Items in the order of the file; block and moments as `place` gives them. */
static struct dataset make(void (*place)(struct dataset *d, size_t t))
{
	struct dataset d;
	assert_int_equal(dataset_init(&d), 0);
	for (size_t t = 0; t < ITEMS; t++) {
		char item[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
		name_of(item, 'i', t);
		for (size_t i = 0; i < LABELERS; i++) {
			name_of(labeler, 'L', i);
			assert_int_equal(dataset_add(&d, item, labeler, told[t].reports[i], told[t].outcome), 0);
		}
		if (place)
			place(&d, t);
	}
	assert_int_equal(dataset_finish(&d), 0);
	return d;
}

static void put(struct dataset *d, const char *block, double time, double known_at)
{
	const char *field;
	assert_int_equal(dataset_place(d, block, time, known_at, &field), 0);
	assert_null(field);
}

/* All outcomes that come after so many items: blocks in the order of their first items. */
static void resolve_due(struct pool *p, size_t closed, bool apart)
{
	for (size_t first = 0; first < ITEMS; first++) {
		struct item *items[ITEMS];
		struct pool_settled settled[ITEMS];
		double outcomes[ITEMS];
		size_t n = 0;
		for (size_t t = first; t < ITEMS && told[first].due == closed; t++) {
			char name[HISTORY_NAME_SIZE];
			if (told[t].block != first)
				continue;
			name_of(name, 'i', t);
			items[n] = history_item(p, name);
			outcomes[n++] = told[t].outcome;
		}
		for (size_t k = 0; k < n && apart; k++)
			assert_int_equal(pool_resolve(p, items[k], outcomes[k], &settled[k]), 0);
		if (n > 0 && !apart)
			assert_int_equal(pool_resolve_together(p, items, outcomes, n, settled), 0);
	}
}

/* Items closed in order[], outcomes as told: the losses of the mean and of the forecast. */
static void play_by_hand(const struct candor_settings *settings, const size_t *order, bool apart, double *mean_loss,
			 double *forecast_loss)
{
	struct pool *p = history_pool(settings);
	*mean_loss = *forecast_loss = 0;
	for (size_t k = 0; k < ITEMS; k++) {
		size_t t = order ? order[k] : k;
		char name[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
		name_of(name, 'i', t);
		for (size_t i = 0; i < LABELERS; i++) {
			name_of(labeler, 'L', i);
			history_report(p, name, labeler, told[t].reports[i]);
		}
		struct item *item = history_item(p, name);
		assert_int_equal(pool_close(p, item), 0);
		*mean_loss += mechanism_loss(item->frozen->aggregate.mean, told[t].outcome);
		*forecast_loss += mechanism_loss(item->frozen->aggregate.forecast, told[t].outcome);
		resolve_due(p, k + 1, apart);
	}
	pool_free(p);
}

static struct replay run(const struct dataset *d, struct replay_options o, const struct scheme_class *class)
{
	struct replay out;
	o.class = class;
	if (!o.settings.rate)
		o.settings = history_settings(CANDOR_ANYTIME);
	assert_int_equal(replay_dataset(d, &o, &out), 0);
	if (class->mechanism)
		assert_at_most(out.gain, out.bound);
	return out;
}

static void assert_as_by_hand(const struct dataset *d, const struct replay_options *o, const size_t *order)
{
	double mean, forecast;
	play_by_hand(&o->settings, order, o->apart, &mean, &forecast);
	assert_near(run(d, *o, &scheme_candor).scores[0].brier, mean, 1e-12);
	assert_near(run(d, *o, &scheme_forecast).scores[0].brier, forecast, 1e-12);
}

/* ---- together, late ---- */

static void outcomes_may_come_together_and_late(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 851);
	for (int round = 0; round < 40; round++) {
		struct replay_options o = {.settings = history_random_settings(&r)};
		draw(&r);
		o.together = random_below(&r, 12);
		o.delay = random_chance(&r, 0.5) ? 0 : random_below(&r, 30);
		o.apart = random_chance(&r, 0.3);
		struct dataset d = make(NULL);
		for (size_t t = 0; t < ITEMS; t++) {
			size_t size = o.together > 0 ? o.together : 1, first = t - t % size;
			size_t last = first + size < ITEMS ? first + size - 1 : ITEMS - 1;
			told[t].block = first;
			told[t].due = last + 1 + o.delay;
		}
		assert_as_by_hand(&d, &o, NULL);
		dataset_free(&d);
	}
}

static void place_in_blocks(struct dataset *d, size_t t)
{
	char block[HISTORY_NAME_SIZE];
	name_of(block, 'b', told[t].block);
	put(d, told[t].block == ITEMS ? NULL : block, NAN, NAN);
}

/* Blocks overlap; some items are in none. */
static void a_block_comes_when_the_last_of_it_does(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 852);
	for (int round = 0; round < 40; round++) {
		struct replay_options o = {.settings = history_random_settings(&r), .apart = round % 4 == 0};
		size_t last[ITEMS + 1] = {0}, first[ITEMS + 1];
		draw(&r);
		for (size_t t = 0; t < ITEMS; t++)
			told[t].block = random_chance(&r, 0.2) ? ITEMS : t / 20 * 4 + random_below(&r, 4);
		struct dataset d = make(place_in_blocks);
		for (size_t t = ITEMS; t-- > 0;) {
			first[told[t].block] = t;
			last[told[t].block] = last[told[t].block] > t ? last[told[t].block] : t;
		}
		for (size_t t = 0; t < ITEMS; t++) {
			size_t block = told[t].block;
			told[t].due = block == ITEMS ? t + 1 : last[block] + 1;
			told[t].block = block == ITEMS ? t : first[block];
		}
		assert_as_by_hand(&d, &o, NULL);
		dataset_free(&d);
	}
}

/* ---- by date ---- */

static double times[ITEMS], known_at[ITEMS];

static void place_in_time(struct dataset *d, size_t t)
{
	put(d, NULL, times[t], known_at[t]);
}

/* Items of the file in any order of time; several at a moment. */
static void outcomes_come_when_they_became_known(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 853);
	for (int round = 0; round < 40; round++) {
		struct replay_options o = {.settings = history_random_settings(&r)};
		size_t order[ITEMS], n = 0;
		draw(&r);
		for (size_t t = 0; t < ITEMS; t++) {
			times[t] = (double)random_below(&r, 20);
			known_at[t] = random_chance(&r, 0.2) ? NAN : times[t] + (double)random_below(&r, 6);
		}
		struct dataset d = make(place_in_time);
		for (int time = 0; time < 20; time++)
			for (size_t t = 0; t < ITEMS; t++)
				if (times[t] == time)
					order[n++] = t;
		/* Before the first item that is closed when it is known, or later. */
		for (size_t k = 0; k < ITEMS; k++) {
			size_t t = order[k], due = k + 1;
			while (!isnan(known_at[t]) && due < ITEMS && times[order[due]] < known_at[t])
				due++;
			told[t].due = due;
		}
		/* Of those that come at once, who was closed first is first: by hand that is the order of the file. */
		struct told kept[ITEMS];
		size_t in_file[ITEMS];
		memcpy(kept, told, sizeof kept);
		for (size_t k = 0; k < ITEMS; k++) {
			told[k] = kept[order[k]];
			told[k].block = k;
			in_file[k] = k;
		}
		assert_as_by_hand(&d, &o, in_file);
		dataset_free(&d);
	}
}

static void place_by_count(struct dataset *d, size_t t)
{
	put(d, NULL, NAN, known_at[t]);
}

static void without_times_an_outcome_is_known_after_so_many_items(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 854);
	struct replay_options o = {.settings = history_random_settings(&r)};
	draw(&r);
	for (size_t t = 0; t < ITEMS; t++) {
		known_at[t] = t % 5 == 0 ? NAN : (double)random_below(&r, ITEMS);
		told[t].due = !isnan(known_at[t]) && known_at[t] > (double)t + 1 ? (size_t)known_at[t] : t + 1;
	}
	struct dataset d = make(place_by_count);
	assert_as_by_hand(&d, &o, NULL);
	dataset_free(&d);
}

static void moments_that_cannot_be_are_found(void **state)
{
	struct random r;
	uint64_t item;
	(void)state;
	seed_random(&r, 855);
	draw(&r);
	for (size_t t = 0; t < ITEMS; t++)
		times[t] = known_at[t] = (double)t;
	struct dataset d = make(place_in_time);
	assert_null(replay_fault(&d, &item));
	dataset_free(&d);
	times[5] = 5.5;
	d = make(place_in_time);
	assert_non_null(strstr(replay_fault(&d, &item), "before the item was closed"));
	assert_int_equal(item, 5);
	dataset_free(&d);
	times[5] = NAN;
	d = make(place_in_time);
	assert_non_null(strstr(replay_fault(&d, &item), "has no time"));
	assert_int_equal(item, 5);
	dataset_free(&d);
	known_at[7] = -1;
	d = make(place_by_count);
	assert_non_null(replay_fault(&d, &item));
	assert_int_equal(item, 7);
	dataset_free(&d);
}

static void rows_of_an_item_must_not_differ_in_its_place(void **state)
{
	struct dataset d;
	const char *field;
	(void)state;
	assert_int_equal(dataset_init(&d), 0);
	assert_int_equal(dataset_add(&d, "a", "x", 1, 1), 0);
	put(&d, NULL, NAN, NAN);
	put(&d, "b", 1, 2);
	put(&d, "b", NAN, 2);
	put(&d, NULL, 1, NAN);
	assert_int_equal(dataset_place(&d, "c", 1, 2, &field), ERR_CONFLICT);
	assert_string_equal(field, "block");
	assert_int_equal(dataset_place(&d, "b", 3, 2, &field), ERR_CONFLICT);
	assert_string_equal(field, "time");
	assert_int_equal(dataset_place(&d, "b", 1, 3, &field), ERR_CONFLICT);
	assert_string_equal(field, "known");
	dataset_free(&d);
}

/* ---- in part, wrong ---- */

static void only_the_audited_teach_and_only_the_others_count(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 856);
	draw(&r);
	struct dataset d = make(NULL);
	struct replay_options o = {.unaudited = 0.6, .seed = 3, .stream = 1};
	struct replay plain = run(&d, o, &scheme_plain), frozen = run(&d, o, &scheme_forecast);
	assert_true(plain.scores[0].n > ITEMS * 4 / 10 && plain.scores[0].n < ITEMS * 8 / 10);
	assert_true(frozen.scores[0].n == plain.scores[0].n);
	/* Others are drawn by another seed; they depend on the item, not on the order. */
	uint32_t order[ITEMS];
	for (uint32_t t = 0; t < ITEMS; t++)
		order[t] = ITEMS - 1 - t;
	o.order = order;
	assert_near(run(&d, o, &scheme_plain).scores[0].brier, plain.scores[0].brier, 1e-12);
	o.order = NULL;
	o.seed = 4;
	assert_true(run(&d, o, &scheme_plain).scores[0].brier != plain.scores[0].brier);
	/* Nothing is audited: nobody learns. */
	o.unaudited = 1;
	assert_true(run(&d, o, &scheme_plain).scores[0].n == ITEMS);
	assert_near(run(&d, o, &scheme_candor).scores[0].brier, run(&d, o, &scheme_plain).scores[0].brier, 1e-12);
	assert_near(run(&d, o, &scheme_now).scores[0].brier, run(&d, o, &scheme_plain).scores[0].brier, 1e-12);
	dataset_free(&d);
}

/* Where all outcomes come after the last item, what is frozen has learned nothing, and now has it all. */
static void now_is_as_of_the_end(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 857);
	draw(&r);
	struct dataset d = make(NULL);
	struct replay_options o = {.unaudited = 0.5, .seed = 3, .delay = ITEMS};
	struct replay plain = run(&d, o, &scheme_plain), now = run(&d, o, &scheme_now);
	assert_near(run(&d, o, &scheme_forecast).scores[0].brier, plain.scores[0].brier, 1e-12);
	assert_true(now.scores[0].n == plain.scores[0].n);
	assert_true(now.scores[0].brier < 0.8 * plain.scores[0].brier);
	/* And it does not matter for now-mean, with a rate that stays, when they come, if only in the same order. */
	o.settings = history_settings(CANDOR_FIXED);
	struct replay late = run(&d, o, &scheme_now);
	o.delay = 0;
	struct replay soon = run(&d, o, &scheme_now);
	assert_near(soon.scores[1].brier, late.scores[1].brier, 1e-12);
	/* The other schemes have a now too. */
	dataset_free(&d);
}

static void flipped_outcomes_teach_the_opposite_and_truths_count(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 858);
	draw(&r);
	struct dataset d = make(NULL);
	struct replay_options o = {.flipped = 1};
	double mean, forecast;
	double truth[ITEMS];
	for (size_t t = 0; t < ITEMS; t++)
		truth[t] = told[t].outcome;
	o.settings = history_settings(CANDOR_ANYTIME);
	struct replay all = run(&d, o, &scheme_candor);
	/* By hand: losses against the opposite of what is told, which is what is posted. */
	struct pool *p = history_pool(&o.settings);
	mean = forecast = 0;
	for (size_t t = 0; t < ITEMS; t++) {
		char name[HISTORY_NAME_SIZE], labeler[HISTORY_NAME_SIZE];
		name_of(name, 'i', t);
		for (size_t i = 0; i < LABELERS; i++) {
			name_of(labeler, 'L', i);
			history_report(p, name, labeler, told[t].reports[i]);
		}
		struct item *item = history_item(p, name);
		assert_int_equal(pool_close(p, item), 0);
		mean += mechanism_loss(item->frozen->aggregate.mean, truth[t]);
		forecast += mechanism_loss(item->frozen->aggregate.forecast, truth[t]);
		history_resolve(p, name, 1 - truth[t]);
	}
	pool_free(p);
	assert_near(all.scores[0].brier, mean, 1e-12);
	assert_near(run(&d, o, &scheme_forecast).scores[0].brier, forecast, 1e-12);
	/* A part of them hurts less, and differs by the seed. */
	o.flipped = 0.3;
	struct replay part = run(&d, o, &scheme_forecast);
	assert_true(part.scores[0].brier < forecast);
	o.seed = 9;
	assert_true(run(&d, o, &scheme_forecast).scores[0].brier != part.scores[0].brier);
	assert_near(run(&d, o, &scheme_plain).scores[0].brier,
		    run(&d, (struct replay_options){0}, &scheme_plain).scores[0].brier, 0);
	dataset_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_may_come_together_and_late),
		cmocka_unit_test(a_block_comes_when_the_last_of_it_does),
		cmocka_unit_test(outcomes_come_when_they_became_known),
		cmocka_unit_test(without_times_an_outcome_is_known_after_so_many_items),
		cmocka_unit_test(moments_that_cannot_be_are_found),
		cmocka_unit_test(rows_of_an_item_must_not_differ_in_its_place),
		cmocka_unit_test(only_the_audited_teach_and_only_the_others_count),
		cmocka_unit_test(now_is_as_of_the_end),
		cmocka_unit_test(flipped_outcomes_teach_the_opposite_and_truths_count),
	};
	return cmocka_run_group_tests_name("replays", tests, NULL, NULL);
}
