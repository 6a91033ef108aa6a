/* What strategies come to in a game: who sees what, when, and what a best responder gains. */
#include "tests/lib/unit.h"

#include "client/lab/game.h"
#include "tests/lib/history.h"
#include "tests/lib/seed.h"

enum { LABELERS = 12, ITEMS = 300 };

/* A pool beside the game, so that weights are known at the moment when labelers answer; outcomes come at once. */
struct watch {
	struct pool *pool;
	const struct game_options *o;
	void (*look)(struct watch *w, const struct scheme_item *item, const struct world_draw *draw);
	double last[LABELERS];
	bool heavy[LABELERS];
	uint64_t seen, lied;
};

static struct game_options usual(uint64_t seed)
{
	return (struct game_options){
		.world = {.labelers = LABELERS,
			  .items = ITEMS,
			  .per_item = 5,
			  .skill_low = 0.3,
			  .skill_high = 2,
			  .base_rate = 0.5,
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

static double weight_of(const struct watch *w, uint32_t labeler)
{
	char name[HISTORY_NAME_SIZE];
	uint32_t id = pool_find_labeler(w->pool, name, (size_t)snprintf(name, sizeof name, "L%u", labeler));
	return id == NAMES_NONE ? pool_settings(w->pool)->entry : pool_weight(w->pool, id);
}

static void on_item(void *arg, const struct scheme_item *item, const struct world_draw *draw, const char *const *names)
{
	struct watch *w = arg;
	w->look(w, item, draw);
	for (size_t i = 0; i < item->n; i++) {
		history_report(w->pool, "item", names[item->labelers[i]], item->reports[i]);
		w->last[item->labelers[i]] = item->reports[i];
	}
	if (draw->known)
		history_resolve(w->pool, "item", draw->outcome);
	pool_drop_item(w->pool, history_item(w->pool, "item"));
}

static struct game_result play_watched(struct game_options *o, struct watch *w)
{
	struct game_result result;
	w->pool = history_pool(&o->settings);
	w->o = o;
	for (int i = 0; i < LABELERS; i++)
		w->last[i] = 0.5;
	o->on_item = on_item;
	o->arg = w;
	require(game_fault(o) == NULL);
	assert_int_equal(game_play(o, &result), 0);
	pool_free(w->pool);
	return result;
}

static struct game_result play(const struct game_options *o)
{
	struct game_result result;
	require(game_fault(o) == NULL);
	assert_int_equal(game_play(o, &result), 0);
	return result;
}

/* ---- several names, one person ---- */

static uint64_t alike(const struct scheme_item *item, uint32_t a, uint32_t b)
{
	double first = NAN;
	for (size_t i = 0; i < item->n; i++) {
		if (item->labelers[i] != a && item->labelers[i] != b)
			continue;
		if (isnan(first))
			first = item->reports[i];
		else
			return item->reports[i] == first;
	}
	return 2; /* not both answered */
}

/* For each pair of labelers, whether they said the same whenever both answered. */
struct pairs {
	bool differed[LABELERS][LABELERS];
	uint64_t met[LABELERS][LABELERS];
};

static void note_pairs(void *arg, const struct scheme_item *item, const struct world_draw *draw,
		       const char *const *names)
{
	struct pairs *p = arg;
	(void)draw;
	(void)names;
	for (uint32_t a = 0; a < LABELERS; a++) {
		for (uint32_t b = 0; b < a; b++) {
			uint64_t did = alike(item, a, b);
			p->met[a][b] += did != 2;
			p->differed[a][b] = p->differed[a][b] || did == 0;
		}
	}
}

static void sybils_say_the_same_whenever_two_of_them_answer(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 821);
	for (int round = 0; round < 20; round++) {
		struct pairs p = {0};
		struct game_options o = usual(random_bits(&r));
		int same = 0;
		o.world.participation = round % 2 ? WORLD_ALL : WORLD_SOME;
		o.world.kind = round % 4 < 2 ? WORLD_SIGNALS : WORLD_HAIR;
		o.world.gap = 0.1;
		o.class = &scheme_plain;
		add_group(&o, "sybil", 4);
		if (o.world.kind == WORLD_SIGNALS)
			add_group(&o, "sybil", 3); /* another person */
		o.on_item = note_pairs;
		o.arg = &p;
		play(&o);
		for (int a = 0; a < LABELERS; a++) {
			for (int b = 0; b < a; b++) {
				assert_true(p.met[a][b] > 10);
				same += !p.differed[a][b];
			}
		}
		assert_int_equal(same, o.world.kind == WORLD_SIGNALS ? 6 + 3 : 6);
	}
}

/* ---- copycats and sleepers ---- */

/* Those who report neither their belief nor, sleeping or not, its opposite. */
static void look_at_copycats(struct watch *w, const struct scheme_item *item, const struct world_draw *draw)
{
	uint32_t leader = 0;
	for (uint32_t i = 1; i < LABELERS; i++)
		if (weight_of(w, i) > weight_of(w, leader))
			leader = i;
	double side = w->last[leader] >= 0.5 ? 1 : 0;
	for (size_t i = 0; i < item->n; i++) {
		if (item->reports[i] == draw->beliefs[i])
			continue;
		assert_near(item->reports[i], side, 0);
		w->seen++;
		w->lied += (draw->beliefs[i] >= 0.5) != (side == 1);
	}
}

static void copycats_repeat_the_side_that_the_heaviest_took_last(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 822);
	for (int round = 0; round < 10; round++) {
		struct watch w = {.look = look_at_copycats};
		struct game_options o = usual(random_bits(&r));
		add_group(&o, "copycat", 3);
		play_watched(&o, &w);
		assert_true(w.seen == 3 * ITEMS && w.lied > ITEMS / 2);
	}
}

static void look_at_sleepers(struct watch *w, const struct scheme_item *item, const struct world_draw *draw)
{
	for (size_t i = 0; i < item->n; i++) {
		uint32_t identity = item->labelers[i];
		bool lies = item->reports[i] != draw->beliefs[i];
		w->heavy[identity] = w->heavy[identity] || weight_of(w, identity) >= STRATEGY_HEAVY;
		assert_true(lies == w->heavy[identity]);
		if (lies)
			assert_near(item->reports[i], 1 - draw->beliefs[i], 0);
		w->lied += lies;
		w->seen += !lies;
	}
}

static void sleepers_turn_when_they_weigh_enough_and_do_not_turn_back(void **state)
{
	struct random r;
	uint64_t truthful = 0, lied = 0;
	(void)state;
	seed_random(&r, 823);
	for (int round = 0; round < 20; round++) {
		struct watch w = {.look = look_at_sleepers};
		struct game_options o = usual(random_bits(&r));
		o.world.participation = round % 2 ? WORLD_ALL : WORLD_SOME;
		add_group(&o, "sleeper", LABELERS);
		play_watched(&o, &w);
		truthful += w.seen;
		lied += w.lied;
	}
	assert_true(truthful > 1000 && lied > 1000);
}

static void look_at_the_second_third(struct watch *w, const struct scheme_item *item, const struct world_draw *draw)
{
	for (size_t i = 0; i < item->n; i++) {
		bool lies = item->reports[i] != draw->beliefs[i];
		assert_true(!lies || (item->number >= ITEMS / 3 && item->number < 2 * ITEMS / 3));
		w->lied += lies;
	}
}

static void drifters_lie_in_half_of_the_second_third(void **state)
{
	struct watch w = {.look = look_at_the_second_third};
	struct game_options o = usual(seed_of_test(824));
	(void)state;
	add_group(&o, "drifting", LABELERS);
	play_watched(&o, &w);
	double n = LABELERS * ITEMS / 3.0;
	assert_near((double)w.lied, n / 2, 5.5 * sqrt(n) / 2);
}

static void look_at_colluders(struct watch *w, const struct scheme_item *item, const struct world_draw *draw)
{
	for (size_t i = 0; i < item->n; i++) {
		if (item->reports[i] == draw->beliefs[i])
			continue;
		assert_near(item->reports[i], draw->lot >= 0.5, 0);
		w->seen++;
	}
}

static void colluders_push_one_side_together(void **state)
{
	struct watch w = {.look = look_at_colluders};
	struct game_options o = usual(seed_of_test(825));
	(void)state;
	add_group(&o, "colluder", 5);
	play_watched(&o, &w);
	assert_true(w.seen == 5 * ITEMS);
}

/* ---- best responders ---- */

/* How far reports are from beliefs at most. */
struct distance {
	double most;
};

static void note_distance(void *arg, const struct scheme_item *item, const struct world_draw *draw,
			  const char *const *names)
{
	struct distance *d = arg;
	(void)names;
	for (size_t i = 0; i < item->n; i++)
		d->most = fmax(d->most, fabs(item->reports[i] - draw->beliefs[i]));
}

static struct game_result play_responders(const struct scheme_class *class, const char *strategy, uint64_t seed,
					  double *most)
{
	struct distance d = {0};
	struct game_options o = usual(seed);
	o.class = class;
	o.world.items = o.checkpoints[0] = 60;
	add_group(&o, strategy, 3);
	o.on_item = note_distance;
	o.arg = &d;
	struct game_result result = play(&o);
	*most = d.most;
	return result;
}

static void one_item_ahead_responders_gain_nothing_under_candor_and_something_under_hedge(void **state)
{
	uint64_t seed = seed_of_test(826);
	double most;
	(void)state;
	struct game_result candor = play_responders(&scheme_candor, "responder-1", seed, &most);
	assert_true(candor.responses == 3 * 60);
	assert_at_most(candor.gain_most, 1e-10);
	assert_at_most(most, 1e-3);
	struct game_result hedge = play_responders(&scheme_hedge, "responder-1", seed, &most);
	assert_true(hedge.responses == 3 * 60);
	assert_true(hedge.gain_most > 1e-3 && most > 0.01 && hedge.gain_most_item < 60);
	assert_true(hedge.gain_sum > hedge.gain_most && hedge.gain_sum <= 180 * hedge.gain_most);
}

static void further_ahead_they_gain_little_under_candor_and_more_under_hedge(void **state)
{
	static const char *const strategies_ahead[] = {"responder-2", "responder-5"};
	uint64_t seed = seed_of_test(827);
	double most;
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct game_result candor = play_responders(&scheme_candor, strategies_ahead[k], seed, &most);
		struct game_result hedge = play_responders(&scheme_hedge, strategies_ahead[k], seed, &most);
		assert_true(candor.gain_sum > 0 && candor.gain_sum <= 180 * candor.gain_most);
		assert_true(hedge.gain_sum > 10 * candor.gain_sum);
		print_message("# %s: %g under candor, %g under hedge, on average\n", strategies_ahead[k],
			      candor.gain_sum / 180, hedge.gain_sum / 180);
	}
}

static void where_nobody_can_gain_responders_are_truthful(void **state)
{
	uint64_t seed = seed_of_test(828);
	double most;
	(void)state;
	struct game_result plain = play_responders(&scheme_plain, "responder-2", seed, &most);
	assert_true(plain.responses == 0 && plain.gain_sum == 0 && most == 0);
	struct game_result leader = play_responders(&scheme_leader, "responder-1", seed, &most);
	assert_true(leader.responses == 0 && most == 0);
}

static void looking_ahead_does_not_change_what_comes(void **state)
{
	uint64_t seed = seed_of_test(829);
	(void)state;
	for (int participation = WORLD_ALL; participation <= WORLD_HEAVY; participation++) {
		struct game_options o = usual(seed);
		o.class = &scheme_plain;
		o.world.participation = (enum world_participation)participation;
		add_group(&o, "sybil", 2);
		struct game_result near = play(&o);
		/* Under plain weights both are truthful; items are only drawn earlier. */
		o.groups[1] = (struct game_group){strategy_find("responder-5"), 1};
		o.n_groups = 2;
		struct game_result far = play(&o);
		assert_same_bits(near.scores[0].brier, far.scores[0].brier);
		assert_same_bits(near.regret[0], far.regret[0]);
	}
}

static void a_responder_who_answers_now_and_then_has_its_own_next_items_in_view(void **state)
{
	struct game_options o = usual(seed_of_test(830));
	(void)state;
	o.class = &scheme_hedge;
	o.world.items = o.checkpoints[0] = 60;
	o.world.participation = WORLD_SOME;
	o.world.per_item = 4;
	add_group(&o, "responder-1", LABELERS);
	struct game_result one = play(&o);
	o.groups[0].strategy = strategy_find("responder-2");
	struct game_result two = play(&o);
	assert_true(one.responses == 60 * 4 && two.responses == 60 * 4);
	assert_true(one.gain_sum > 0 && two.gain_sum > one.gain_sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sybils_say_the_same_whenever_two_of_them_answer),
		cmocka_unit_test(copycats_repeat_the_side_that_the_heaviest_took_last),
		cmocka_unit_test(sleepers_turn_when_they_weigh_enough_and_do_not_turn_back),
		cmocka_unit_test(drifters_lie_in_half_of_the_second_third),
		cmocka_unit_test(colluders_push_one_side_together),
		cmocka_unit_test(one_item_ahead_responders_gain_nothing_under_candor_and_something_under_hedge),
		cmocka_unit_test(further_ahead_they_gain_little_under_candor_and_more_under_hedge),
		cmocka_unit_test(where_nobody_can_gain_responders_are_truthful),
		cmocka_unit_test(looking_ahead_does_not_change_what_comes),
		cmocka_unit_test(a_responder_who_answers_now_and_then_has_its_own_next_items_in_view),
	};
	return cmocka_run_group_tests_name("lab_game_strategies", tests, NULL, NULL);
}
