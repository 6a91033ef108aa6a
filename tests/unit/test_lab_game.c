#include "tests/lib/unit.h"

#include <pthread.h>

#include "client/lab/game.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 12, ITEMS = 300, CLASSES = 6 };

static const struct scheme_class *const classes[CLASSES] = {
	&scheme_candor, &scheme_plain, &scheme_hedge, &scheme_leader, &scheme_dawid_skene, &scheme_dawid_skene_gold,
};

static struct game_options usual(uint64_t seed)
{
	return (struct game_options){
		.world = {.labelers = LABELERS,
			  .items = ITEMS,
			  .per_item = 4,
			  .skill_low = 0.3,
			  .skill_high = 2,
			  .base_rate = 0.5,
			  .gap = 0.1,
			  .period = 20,
			  .known = 1,
			  .seed = seed},
		.class = &scheme_candor,
		.settings = history_settings(CANDOR_ANYTIME),
		.n_checkpoints = 1,
		.checkpoints = {ITEMS},
	};
}

static void add_group(struct game_options *o, const char *strategy, uint32_t count)
{
	o->groups[o->n_groups++] = (struct game_group){strategy_find(strategy), count};
	require(o->groups[o->n_groups - 1].strategy != NULL);
}

static struct game_result play(const struct game_options *o)
{
	struct game_result result;
	require(game_fault(o) == NULL);
	assert_int_equal(game_play(o, &result), 0);
	return result;
}

static struct game_options random_options(struct random *r)
{
	struct game_options o = usual(random_bits(r));
	uint32_t left = LABELERS;
	o.world.kind = random_chance(r, 0.7) ? WORLD_SIGNALS : (enum world_kind)random_below(r, 3);
	o.world.participation = (enum world_participation)random_below(r, 3);
	o.world.per_item = 1 + (uint32_t)random_below(r, LABELERS / 2);
	o.world.stream = random_below(r, 5);
	o.world.correlation = random_chance(r, 0.5) ? 0 : random_unit(r);
	o.world.bias = random_chance(r, 0.5) ? 0 : random_unit(r);
	o.world.known = random_chance(r, 0.5) ? 1 : random_unit(r);
	o.world.wrong = random_chance(r, 0.5) ? 0 : random_unit(r) / 3;
	o.delay = random_chance(r, 0.5) ? 0 : random_below(r, 50);
	o.together = random_chance(r, 0.7) ? random_below(r, 2) : random_below(r, 9);
	o.apart = random_chance(r, 0.3);
	o.settings = history_random_settings(r);
	for (uint64_t k = random_below(r, 4); k > 0; k--) {
		uint32_t count = (uint32_t)random_below(r, left + 1);
		add_group(&o, strategies[random_below(r, 10)].name, count); /* best responders take their time */
		left -= count;
	}
	o.n_checkpoints = 3;
	o.checkpoints[0] = 10;
	o.checkpoints[1] = 100;
	o.checkpoints[2] = ITEMS;
	return o;
}

/* ---- the same again ---- */

static void the_same_options_give_the_same_result_to_the_last_bit(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 801);
	for (int round = 0; round < 60; round++) {
		struct game_options o = random_options(&r);
		o.class = classes[random_below(&r, 4)];
		struct game_result a = play(&o), b = play(&o);
		assert_memory_equal(&a, &b, sizeof a);
	}
}

struct job {
	struct game_options o;
	struct game_result result;
	int err;
};

static void *play_job(void *arg)
{
	struct job *job = arg;
	job->err = game_play(&job->o, &job->result);
	return NULL;
}

static void games_in_threads_do_not_meet(void **state)
{
	enum { THREADS = 6 };
	static struct job jobs[THREADS];
	struct random r;
	(void)state;
	seed_random(&r, 802);
	for (int round = 0; round < 5; round++) {
		pthread_t threads[THREADS];
		for (int k = 0; k < THREADS; k++) {
			jobs[k].o = random_options(&r);
			jobs[k].o.class = classes[k];
			assert_int_equal(pthread_create(&threads[k], NULL, play_job, &jobs[k]), 0);
		}
		for (int k = 0; k < THREADS; k++)
			assert_int_equal(pthread_join(threads[k], NULL), 0);
		for (int k = 0; k < THREADS; k++) {
			struct game_result alone = play(&jobs[k].o);
			assert_int_equal(jobs[k].err, 0);
			assert_memory_equal(&alone, &jobs[k].result, sizeof alone);
		}
	}
}

/* ---- watched from outside: a pool of its own, and sums of its own ---- */

struct watch {
	const struct game_options *o;
	struct pool *pool;
	uint64_t items, ended, judged;
	double outcomes[ITEMS];
	bool known[ITEMS];
	double brier[2], right[2], plain;
	struct {
		uint64_t n;
		double own, mean;
		double last;
		bool heavy;
	} labelers[LABELERS];
	/* What a test wants to see of an item before its outcome comes. */
	void (*look)(struct watch *w, const struct scheme_item *item, const struct world_draw *draw);
	uint64_t seen;
};

static double weight_of(const struct watch *w, uint32_t labeler)
{
	char name[HISTORY_NAME_SIZE];
	uint32_t id = pool_find_labeler(w->pool, name, (size_t)snprintf(name, sizeof name, "L%u", labeler));
	return id == NAMES_NONE ? pool_settings(w->pool)->entry : pool_weight(w->pool, id);
}

static double squared(double x)
{
	return x * x;
}

static void add_score(struct watch *w, int k, double p, double y)
{
	w->brier[k] += squared(p - y);
	w->right[k] += p == 0.5 ? 0.5 : (p > 0.5) == (y > 0.5);
}

static struct item *item_of(struct watch *w, uint64_t number)
{
	char name[HISTORY_NAME_SIZE];
	snprintf(name, sizeof name, "i%u", (unsigned)number);
	return history_item(w->pool, name);
}

/* The oldest outcomes on their way, as many as come together, once the newest of them is late enough. */
static void end_block(struct watch *w)
{
	const uint64_t together = w->o->together > 1 ? w->o->together : 1;
	struct item *items[ITEMS];
	struct pool_settled settled[ITEMS];
	double outcomes[ITEMS];
	uint64_t n = 0, number = w->ended;
	for (; n < together && number + w->o->delay < w->items; number++) {
		if (!w->known[number])
			continue;
		items[n] = item_of(w, number);
		outcomes[n++] = w->outcomes[number];
	}
	if (n < together)
		return;
	w->ended = number;
	for (size_t i = 0; i < n && (w->o->apart || n == 1); i++)
		assert_int_equal(pool_resolve(w->pool, items[i], outcomes[i], &settled[i]), 0);
	if (!w->o->apart && n > 1)
		assert_int_equal(pool_resolve_together(w->pool, items, outcomes, n, settled), 0);
	for (size_t i = 0; i < n; i++)
		pool_drop_item(w->pool, items[i]);
}

static void on_item(void *arg, const struct scheme_item *item, const struct world_draw *draw, const char *const *names)
{
	struct watch *w = arg;
	char name[HISTORY_NAME_SIZE];
	double sum = 0;
	assert_true(item->number == w->items && draw->number == w->items && item->n == draw->n);
	if (w->look)
		w->look(w, item, draw);
	snprintf(name, sizeof name, "i%u", (unsigned)item->number);
	for (size_t i = 0; i < item->n; i++) {
		assert_int_equal(item->labelers[i], draw->labelers[i]);
		history_report(w->pool, name, names[item->labelers[i]], item->reports[i]);
		sum += item->reports[i];
	}
	struct item *mine = history_item(w->pool, name);
	require(pool_close(w->pool, mine) == 0);
	const struct aggregate *a = &mine->frozen->aggregate;
	const bool judged = w->o->world.known == 1 || !draw->known;
	w->judged += judged;
	w->plain += squared(sum / (double)item->n - draw->truth);
	if (judged) {
		add_score(w, 0, a->mean, draw->truth);
		add_score(w, 1, a->median, draw->truth);
	}
	for (size_t i = 0; i < item->n; i++) {
		uint32_t identity = item->labelers[i];
		w->labelers[identity].last = item->reports[i];
		if (!judged)
			continue;
		w->labelers[identity].n++;
		w->labelers[identity].own += squared(item->reports[i] - draw->truth);
		w->labelers[identity].mean += squared(a->mean - draw->truth);
	}
	w->outcomes[w->items] = draw->outcome;
	w->known[w->items++] = draw->known;
	end_block(w);
}

/* Plays a game of the candor scheme, watched. The pool is the caller's to free. */
static struct game_result play_watched(struct game_options *o, struct watch *w)
{
	w->o = o;
	w->pool = history_pool(&o->settings);
	for (int i = 0; i < LABELERS; i++)
		w->labelers[i].last = 0.5;
	o->on_item = on_item;
	o->arg = w;
	return play(o);
}

static void scores_regret_and_weights_are_those_of_a_pool_that_watches(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 803);
	for (int round = 0; round < 60; round++) {
		struct watch w = {0};
		struct game_options o = random_options(&r);
		double regret = -INFINITY, standings = 0;
		uint32_t grouped = 0;
		struct game_result result = play_watched(&o, &w);
		assert_true(w.items == ITEMS);
		for (int f = 0; f < 2; f++) {
			assert_true(result.scores[f].n == w.judged);
			assert_near(result.scores[f].brier, w.brier[f], 1e-10);
			assert_near(result.scores[f].right, w.right[f], 0);
		}
		for (uint32_t i = 0; i < LABELERS; i++) {
			standings += weight_of(&w, i) / o.settings.entry;
			if (w.labelers[i].n > 0)
				regret = fmax(regret, w.labelers[i].mean - w.labelers[i].own);
		}
		if (w.judged > 0)
			assert_near(result.regret[0], regret, 1e-10);
		else
			assert_true(isnan(result.regret[0]));
		for (size_t k = 0; k < o.n_groups; k++)
			grouped += o.groups[k].count;
		if (grouped == 0)
			assert_true(isnan(result.groups_standing));
		if (grouped == LABELERS)
			assert_near(result.groups_standing, standings / LABELERS, 1e-9);
		pool_free(w.pool);
	}
}

static void report_beliefs(struct watch *w, const struct scheme_item *item, const struct world_draw *draw)
{
	assert_memory_equal(item->reports, draw->beliefs, item->n * sizeof *draw->beliefs);
	w->seen++;
}

static void labelers_without_a_strategy_are_truthful(void **state)
{
	struct watch w = {.look = report_beliefs};
	struct game_options o = usual(seed_of_test(804));
	(void)state;
	play_watched(&o, &w);
	assert_true(w.seen == ITEMS);
	pool_free(w.pool);
}

/* ---- what becomes known ---- */

static void without_outcomes_all_keep_their_entry_weight(void **state)
{
	struct game_options o = usual(seed_of_test(805));
	(void)state;
	o.settings.entry = 2;
	o.world.known = 0;
	add_group(&o, "inverted", 3);
	struct game_result r = play(&o);
	assert_near(r.groups_standing, 1, 0);
	assert_near(r.influence, 0.25, 1e-12);
	/* Truths are scored against all the same. */
	assert_true(r.scores[0].n == ITEMS && r.scores[0].brier > 1 && r.regret[0] > 1);
	o.class = &scheme_plain;
	struct game_result plain = play(&o);
	assert_near(r.scores[0].brier, plain.scores[0].brier, 1e-10);
	assert_near(r.scores[1].brier, plain.scores[1].brier, 1e-10);
}

static void outcomes_that_come_after_the_end_teach_nothing(void **state)
{
	struct game_options o = usual(seed_of_test(806));
	(void)state;
	add_group(&o, "truthful", LABELERS);
	o.delay = ITEMS;
	struct game_result late = play(&o);
	o.delay = ITEMS - 1;
	struct game_result just = play(&o);
	o.delay = 0;
	o.world.known = 0;
	struct game_result never = play(&o);
	assert_near(late.scores[0].brier, never.scores[0].brier, 0);
	assert_near(late.groups_standing, 1, 0);
	/* One item was resolved, after everything was said. */
	assert_near(just.scores[0].brier, never.scores[0].brier, 0);
}

static void a_wrong_outcome_teaches_the_opposite_but_scores_are_against_the_truth(void **state)
{
	struct game_options o = usual(seed_of_test(807));
	(void)state;
	o.class = &scheme_plain;
	add_group(&o, "inverted", 4);
	struct game_result plain = play(&o);
	o.world.wrong = 1;
	struct game_result plain_wrong = play(&o);
	assert_memory_equal(&plain, &plain_wrong, sizeof plain);
	o.class = &scheme_candor;
	struct game_result wrong = play(&o);
	o.world.wrong = 0;
	struct game_result right = play(&o);
	assert_true(wrong.scores[0].brier > plain.scores[0].brier && plain.scores[0].brier > right.scores[0].brier);
	assert_true(wrong.groups_standing > 1 && right.groups_standing < 1);
}

/* ---- who follows which strategy ---- */

struct cast {
	struct game_options *o;
	bool strategic[LABELERS];
};

static void note_who_lies(void *arg, const struct scheme_item *item, const struct world_draw *draw,
			  const char *const *names)
{
	struct cast *c = arg;
	(void)names;
	for (size_t i = 0; i < item->n; i++)
		if (item->reports[i] != draw->beliefs[i])
			c->strategic[item->labelers[i]] = true;
}

static struct cast cast_of(struct game_options *o)
{
	struct cast c = {.o = o};
	o->on_item = note_who_lies;
	o->arg = &c;
	play(o);
	return c;
}

static void the_same_labelers_follow_a_strategy_in_all_games_of_a_seed(void **state)
{
	struct random r;
	double counts[LABELERS] = {0};
	(void)state;
	seed_random(&r, 808);
	for (int round = 0; round < 60; round++) {
		struct game_options o = usual(random_bits(&r));
		uint32_t liars = 0;
		add_group(&o, "inverted", 4);
		struct cast first = cast_of(&o);
		for (int k = 1; k < 4; k++) {
			o.class = classes[k];
			o.groups[0].strategy = strategy_find(k == 1 ? "exaggerate" : k == 2 ? "spam" : "inverted");
			o.delay = (uint64_t)k;
			struct cast other = cast_of(&o);
			assert_memory_equal(other.strategic, first.strategic, sizeof first.strategic);
		}
		o.groups[0].count = 6;
		struct cast more = cast_of(&o);
		for (int i = 0; i < LABELERS; i++) {
			assert_true(more.strategic[i] || !first.strategic[i]);
			liars += first.strategic[i];
			counts[i] += first.strategic[i];
		}
		assert_int_equal(liars, 4);
	}
	/* By lot. */
	for (int i = 0; i < LABELERS; i++)
		assert_near(counts[i], 20, 5.5 * sqrt(60 * 2 / 9.0));
}

static void groups_are_as_large_as_asked(void **state)
{
	struct game_options o = usual(seed_of_test(809));
	(void)state;
	o.class = &scheme_plain;
	add_group(&o, "always-a", 3);
	add_group(&o, "spam", 2);
	struct cast c = cast_of(&o);
	int liars = 0;
	for (int i = 0; i < LABELERS; i++)
		liars += c.strategic[i];
	assert_int_equal(liars, 5);
}

/* ---- influence and the best ---- */

static void influence_is_the_share_of_weight_where_all_count_the_same(void **state)
{
	struct game_options o = usual(seed_of_test(810));
	(void)state;
	o.class = &scheme_plain;
	assert_true(isnan(play(&o).influence));
	add_group(&o, "inverted", 3);
	struct game_result r = play(&o);
	assert_near(r.influence, 0.25, 1e-12);
	assert_near(r.influences[0], 0.25, 1e-12);
	o.groups[0].count = LABELERS;
	r = play(&o);
	assert_near(r.influence, 1, 1e-12);
	assert_near(r.groups_standing, 1, 0);
}

static void liars_lose_their_influence_and_the_curve_says_when(void **state)
{
	struct game_options o = usual(seed_of_test(811));
	double mean = 0;
	(void)state;
	o.n_checkpoints = 4;
	memcpy(o.checkpoints, (uint64_t[]){20, 60, 150, ITEMS}, 4 * sizeof(uint64_t));
	add_group(&o, "inverted", 4);
	struct game_result r = play(&o);
	for (int c = 0; c < 4; c++) {
		mean += r.influences[c] * (double)(o.checkpoints[c] - (c ? o.checkpoints[c - 1] : 0)) / ITEMS;
		if (c > 0)
			assert_true(r.influences[c] < r.influences[c - 1]);
	}
	assert_near(r.influence, mean, 1e-12);
	assert_true(r.influences[0] < 1 / 3.0 && r.influences[3] < 0.05);
}

static void the_truth_that_losses_are_measured_by_depends_on_neither_strategies_nor_schemes(void **state)
{
	struct game_options o = usual(seed_of_test(812));
	(void)state;
	double honest = play(&o).best_loss;
	assert_true(honest > 0.01 && honest < 0.25);
	add_group(&o, "inverted", LABELERS);
	assert_near(play(&o).best_loss, honest, 0);
	o.class = &scheme_hedge;
	o.delay = 3;
	assert_near(play(&o).best_loss, honest, 0);
}

/* ---- checkpoints and the regret bound ---- */

static void a_curve_has_what_a_shorter_game_would_have_come_to(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 813);
	for (int round = 0; round < 20; round++) {
		struct game_options o = random_options(&r);
		o.n_groups = 0;
		add_group(&o, "inverted", 3);
		o.class = classes[random_below(&r, 4)];
		struct game_result whole = play(&o);
		for (int c = 0; c < 3; c++) {
			struct game_options part = o;
			part.world.items = part.checkpoints[0] = o.checkpoints[c];
			part.n_checkpoints = 1;
			struct game_result short_one = play(&part);
			for (int f = 0; f < 2 && o.class->forecasts[f]; f++) {
				assert_same_bits(whole.regrets[f][c], short_one.regret[f]);
				assert_same_bits(short_one.regrets[f][0], short_one.regret[f]);
			}
		}
	}
}

static void the_regret_bound_holds_in_every_game(void **state)
{
	struct random r;
	double most = 0;
	(void)state;
	seed_random(&r, 814);
	for (int round = 0; round < 150; round++) {
		struct game_options o = random_options(&r);
		struct game_result result = play(&o);
		if (isnan(result.bound_used)) {
			/* No outcome came, or nobody had anyone to be compared with. */
			assert_true(o.world.known < 0.1 ||
				    (o.world.participation != WORLD_ALL && o.world.per_item == 1) ||
				    o.settings.scored == 1);
			continue;
		}
		assert_at_most(result.bound_used, 1);
		assert_at_most(result.gain, result.bound);
		most = fmax(most, result.bound_used);
		o.class = classes[1 + random_below(&r, 3)];
		assert_true(isnan(play(&o).bound_used) && isnan(play(&o).gain));
	}
	print_message("# at most %g of the bound\n", most);
	assert_true(most > 0.05);
}

static void items_are_counted_as_they_come(void **state)
{
	atomic_uint_fast64_t done = 5;
	struct game_options o = usual(seed_of_test(815));
	(void)state;
	o.done = &done;
	play(&o);
	assert_true(done == ITEMS + 5);
}

static void every_fault_has_its_sentence(void **state)
{
	struct game_options o = usual(1);
	(void)state;
	add_group(&o, "spam", LABELERS - 1);
	add_group(&o, "sybil", 1);
	o.delay = GAME_DELAY_MAX;
	assert_null(game_fault(&o));
	o.groups[1].count = 2;
	assert_non_null(strstr(game_fault(&o), "strategies"));
	o.groups[0].count = o.groups[1].count = UINT32_MAX;
	assert_non_null(strstr(game_fault(&o), "strategies"));
	o.n_groups = 0;
	o.delay = GAME_DELAY_MAX + 1;
	assert_non_null(strstr(game_fault(&o), "delay"));
	o.world.items = 0;
	assert_non_null(strstr(game_fault(&o), "items must be"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_options_give_the_same_result_to_the_last_bit),
		cmocka_unit_test(games_in_threads_do_not_meet),
		cmocka_unit_test(scores_regret_and_weights_are_those_of_a_pool_that_watches),
		cmocka_unit_test(labelers_without_a_strategy_are_truthful),
		cmocka_unit_test(without_outcomes_all_keep_their_entry_weight),
		cmocka_unit_test(outcomes_that_come_after_the_end_teach_nothing),
		cmocka_unit_test(a_wrong_outcome_teaches_the_opposite_but_scores_are_against_the_truth),
		cmocka_unit_test(the_same_labelers_follow_a_strategy_in_all_games_of_a_seed),
		cmocka_unit_test(groups_are_as_large_as_asked),
		cmocka_unit_test(influence_is_the_share_of_weight_where_all_count_the_same),
		cmocka_unit_test(liars_lose_their_influence_and_the_curve_says_when),
		cmocka_unit_test(the_truth_that_losses_are_measured_by_depends_on_neither_strategies_nor_schemes),
		cmocka_unit_test(a_curve_has_what_a_shorter_game_would_have_come_to),
		cmocka_unit_test(the_regret_bound_holds_in_every_game),
		cmocka_unit_test(items_are_counted_as_they_come),
		cmocka_unit_test(every_fault_has_its_sentence),
	};
	return cmocka_run_group_tests_name("lab_game", tests, NULL, NULL);
}
