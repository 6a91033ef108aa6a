#include "client/lab/game.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/responder.h"
#include "client/lab/training.h"
#include "client/lab/waiting.h"

enum {
	NAME_SIZE = 12,
	LOOK_AHEAD = 16, /* items drawn ahead for each that a best responder looks for, where not all answer all */
	LEADER_PART = 16, /* the leaderboard is renewed whenever as many items were closed as a 16th of the labelers */
};

/* A labeler in the game. */
struct player {
	const struct strategy *strategy;
	bool grouped;
	bool was_heavy;
	double last; /* its last report; 0.5 before the first */
	uint32_t slot; /* in the outlook being made, valid where slot_of() says so */
	uint64_t slot_of;
};

struct game {
	const struct game_options *o;
	struct world *world;
	struct scheme *scheme;
	int n_forecasts;
	struct regret regret;
	struct game_result *out;

	uint32_t labelers, reporters_max, grouped;
	struct player *players; /* [labelers] */
	char *name_bytes;
	const char **names; /* [labelers] */
	uint32_t leader;

	/* The current item, and those drawn ahead of it: a ring. */
	struct world_draw *draws; /* [n_draws] */
	size_t n_draws, first_draw;
	uint64_t drawn;

	struct waiting waiting;
	struct training training; /* where items have features */

	/* For best responders. */
	uint64_t outlooks;
	uint32_t *slots; /* [RESPONDER_HORIZON_MAX * reporters_max] */
	double *predicted; /* likewise */
	double *weights; /* likewise */
	double *scratch;

	size_t checkpoint;
	double *parts; /* [reporters_max] */
	double influence_since;
	uint64_t influence_items;
};

const char *game_fault(const struct game_options *o)
{
	const char *fault = world_fault(&o->world);
	uint64_t strategic = 0;
	if (fault)
		return fault;
	for (size_t i = 0; i < o->n_groups; i++)
		strategic += o->groups[i].count;
	if (strategic > o->world.labelers)
		return "the strategies need more labelers than there are";
	if (o->delay > GAME_DELAY_MAX)
		return "the delay must be at most 1,000,000 items";
	if (o->together > GAME_TOGETHER_MAX)
		return "at most 100,000 outcomes can come together";
	if (o->class->late && o->world.known >= 1)
		return "where all outcomes come, no item is left to be judged at the end";
	if (o->world.features > 0 && o->world.items > TRAINING_ITEMS_MAX)
		return "a reward model is trained on at most 1,000,000 items";
	return NULL;
}

/* ---- names and strategies ---- */

static int make_names(struct game *g)
{
	g->name_bytes = malloc((size_t)g->labelers * NAME_SIZE);
	g->names = malloc(g->labelers * sizeof *g->names);
	if (!g->name_bytes || !g->names)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->labelers; i++) {
		g->names[i] = g->name_bytes + (size_t)i * NAME_SIZE;
		snprintf(g->name_bytes + (size_t)i * NAME_SIZE, NAME_SIZE, "L%u", i);
	}
	return 0;
}

/* Strategies are assigned at random: to the first labelers of an order that depends on the seed alone, so that in two
 * games that differ only in a strategy the same labelers follow it. */
static int deal_strategies(struct game *g)
{
	static const uint64_t DEAL_STREAM = UINT64_C(1) << 32; /* not used by any repetition */
	struct random r;
	uint32_t *order = malloc(g->labelers * sizeof *order), next = 0;
	g->players = calloc(g->labelers, sizeof *g->players);
	if (!order || !g->players) {
		free(order);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < g->labelers; i++) {
		order[i] = i;
		g->players[i] = (struct player){.strategy = &strategy_truthful, .last = 0.5};
	}
	random_init(&r, g->o->world.seed, DEAL_STREAM + g->o->world.stream);
	random_shuffle(&r, order, g->labelers);
	for (size_t k = 0; k < g->o->n_groups; k++) {
		const struct game_group *group = &g->o->groups[k];
		for (uint32_t i = 0; i < group->count; i++) {
			g->players[order[next + i]].strategy = group->strategy;
			g->players[order[next + i]].grouped = true;
			if (group->strategy->one_person)
				world_same_person(g->world, order[next + i], order[next]);
		}
		next += group->count;
	}
	g->grouped = next;
	free(order);
	return 0;
}

/* The longest horizon of a strategy in the game. */
static unsigned horizon(const struct game_options *o)
{
	unsigned most = 0;
	for (size_t k = 0; k < o->n_groups; k++)
		if (o->groups[k].count > 0 && o->groups[k].strategy->horizon > most)
			most = o->groups[k].strategy->horizon;
	return most;
}

/* ---- setting up ---- */

static int make_draws(struct game *g)
{
	unsigned ahead = horizon(g->o);
	g->n_draws = ahead == 0 ? 1 : g->o->world.participation == WORLD_ALL ? ahead : (size_t)ahead * LOOK_AHEAD;
	g->draws = calloc(g->n_draws, sizeof *g->draws);
	if (!g->draws)
		return -ENOMEM;
	for (size_t i = 0; i < g->n_draws; i++) {
		struct world_draw *d = &g->draws[i];
		d->labelers = malloc(g->reporters_max * sizeof *d->labelers);
		d->beliefs = malloc(g->reporters_max * sizeof *d->beliefs);
		d->dice = malloc(g->reporters_max * sizeof *d->dice);
		d->features = malloc((g->o->world.features + 1) * sizeof *d->features);
		if (!d->labelers || !d->beliefs || !d->dice || !d->features)
			return -ENOMEM;
	}
	return 0;
}

/* Whether items without an outcome are looked at again. */
static bool keeps(const struct game *g)
{
	return g->o->class->late || g->o->world.features > 0;
}

static int make_scheme(struct game *g)
{
	const struct game_options *o = g->o;
	const struct scheme_options options = {.settings = o->settings, .labelers = g->labelers, .names = g->names};
	int err = o->class->make(&g->scheme, &options);
	if (err)
		return err;
	g->waiting = (struct waiting){
		.scheme = g->scheme,
		.reporters_max = g->reporters_max,
		.items = o->world.items,
		.delay = o->delay,
		.together = o->together > 1 ? o->together : 1,
		.apart = o->apart,
		.keeps = keeps(g),
	};
	return waiting_init(&g->waiting);
}

static int make_outlook(struct game *g)
{
	size_t most = (size_t)RESPONDER_HORIZON_MAX * g->reporters_max;
	if (horizon(g->o) == 0)
		return 0;
	g->slots = malloc(most * sizeof *g->slots);
	g->predicted = malloc(most * sizeof *g->predicted);
	g->weights = malloc(most * sizeof *g->weights);
	g->scratch = malloc(responder_scratch(most, g->reporters_max) * sizeof *g->scratch);
	return g->slots && g->predicted && g->weights && g->scratch ? 0 : -ENOMEM;
}

static int set_up(struct game *g)
{
	const struct game_options *o = g->o;
	g->labelers = o->world.labelers;
	g->reporters_max = world_reporters_max(&o->world);
	g->leader = NAMES_NONE;
	g->n_forecasts = scheme_forecasts(o->class);
	g->parts = malloc(g->reporters_max * sizeof *g->parts);
	if (!g->parts)
		return -ENOMEM;
	if (o->world.features > 0 && training_init(&g->training, o->world.items, o->world.features, g->n_forecasts))
		return -ENOMEM;
	int err = world_new(&g->world, &o->world);
	if (err == 0)
		err = make_names(g);
	if (err == 0)
		err = deal_strategies(g);
	if (err == 0)
		err = make_draws(g);
	if (err == 0)
		err = make_outlook(g);
	if (err == 0)
		err = regret_init(&g->regret, g->labelers, g->n_forecasts);
	if (err == 0)
		err = make_scheme(g);
	return err;
}

static void tear_down(struct game *g)
{
	if (g->scheme)
		g->o->class->free(g->scheme);
	for (size_t i = 0; g->draws && i < g->n_draws; i++) {
		free(g->draws[i].labelers);
		free(g->draws[i].beliefs);
		free(g->draws[i].dice);
		free(g->draws[i].features);
	}
	free(g->draws);
	waiting_free(&g->waiting);
	training_free(&g->training);
	free(g->slots);
	free(g->predicted);
	free(g->weights);
	free(g->scratch);
	free(g->parts);
	free(g->players);
	free(g->names);
	free(g->name_bytes);
	regret_free(&g->regret);
	world_free(g->world);
}

/* ---- answering ---- */

static const struct world_draw *draw_ahead(const struct game *g, size_t k)
{
	return &g->draws[(g->first_draw + k) % g->n_draws];
}

static double standing_of(const struct game *g, uint32_t labeler)
{
	return g->o->class->standing(g->scheme, labeler);
}

static struct strategy_view view_of(const struct game *g, const struct world_draw *d, size_t i)
{
	return (struct strategy_view){
		.belief = d->beliefs[i],
		.item = d->number,
		.items = g->o->world.items,
		.was_heavy = g->players[d->labelers[i]].was_heavy,
		.leader_last = g->leader == NAMES_NONE ? 0.5 : g->players[g->leader].last,
		.lot = d->lot,
		.dice = d->dice[i],
	};
}

/* What a labeler reports, or would report now; best responders count as truthful. */
static double report_of(const struct game *g, const struct world_draw *d, size_t i)
{
	const struct strategy_view view = view_of(g, d, i);
	return g->players[d->labelers[i]].strategy->report(&view);
}

/* Sleepers stay awake. Where nobody can ever be heavy, they wait for a third of the campaign. */
static void perhaps_wake(struct game *g, const struct world_draw *d, uint32_t labeler)
{
	struct player *p = &g->players[labeler];
	if (g->o->class->equal)
		p->was_heavy = d->number >= g->o->world.items / 3;
	else if (p->grouped && !p->was_heavy)
		p->was_heavy = standing_of(g, labeler) >= STRATEGY_HEAVY;
}

/* The slot of a labeler's weight in the outlook being made. */
static uint32_t slot_of(struct game *g, struct responder_outlook *o, uint32_t labeler)
{
	struct player *p = &g->players[labeler];
	if (p->slot_of != g->outlooks) {
		p->slot_of = g->outlooks;
		p->slot = (uint32_t)o->n_weights;
		g->weights[o->n_weights++] = standing_of(g, labeler);
	}
	return p->slot;
}

/* Adds an item to the outlook of a labeler, if it answers it. reports NULL: they are predicted. */
static void look_at(struct game *g, struct responder_outlook *o, const struct world_draw *d, uint32_t labeler,
		    const double *reports)
{
	size_t at = o->horizon, own = 0;
	uint32_t *slots = g->slots + at * g->reporters_max;
	double *predicted = g->predicted + at * g->reporters_max;
	while (own < d->n && d->labelers[own] != labeler)
		own++;
	if (own == d->n)
		return;
	for (size_t i = 0; i < d->n; i++) {
		slots[i] = slot_of(g, o, d->labelers[i]);
		predicted[i] = reports ? reports[i] : report_of(g, d, i);
	}
	o->items[at] = (struct responder_item){
		.n = d->n, .slots = slots, .reports = predicted, .own = own, .belief = d->beliefs[own]};
	o->horizon++;
}

static void note_gain(struct game *g, const struct responder_gain *gain, uint64_t item)
{
	double part = gain->best / gain->truthful - 1;
	g->out->responses++;
	g->out->gain_sum += part;
	if (part > g->out->gain_most) {
		g->out->gain_most = part;
		g->out->gain_most_item = item;
	}
}

static double respond(struct game *g, size_t i, const double *reports)
{
	const struct world_draw *d = draw_ahead(g, 0);
	const struct strategy *s = g->players[d->labelers[i]].strategy;
	struct responder_outlook o = {.scheme = g->scheme, .weights = g->weights, .scratch = g->scratch};
	struct responder_gain gain;
	struct strategy_view view = view_of(g, d, i);
	if (!g->o->class->step)
		return s->report(&view);
	g->outlooks++;
	look_at(g, &o, d, d->labelers[i], reports);
	for (size_t k = 1; k < g->n_draws && o.horizon < s->horizon && d->number + k < g->o->world.items; k++)
		look_at(g, &o, draw_ahead(g, k), d->labelers[i], NULL);
	o.own_slot = g->players[d->labelers[i]].slot;
	view.outlook = &o;
	view.gain = &gain;
	double report = s->report(&view);
	note_gain(g, &gain, d->number);
	return report;
}

/* Best responders answer last. Each sees the reports so far, and takes those who come after it as truthful. */
static void answer(struct game *g, uint32_t *labelers, double *reports)
{
	const struct world_draw *d = draw_ahead(g, 0);
	bool responders = false;
	for (size_t i = 0; i < d->n; i++) {
		labelers[i] = d->labelers[i];
		perhaps_wake(g, d, labelers[i]);
		reports[i] = report_of(g, d, i);
		responders = responders || g->players[d->labelers[i]].strategy->horizon > 0;
	}
	for (size_t i = 0; i < d->n && responders; i++)
		if (g->players[d->labelers[i]].strategy->horizon > 0)
			reports[i] = respond(g, i, reports);
	for (size_t i = 0; i < d->n; i++)
		g->players[labelers[i]].last = reports[i];
}

/* ---- measuring ---- */

static void measure_influence(struct game *g, const struct scheme_item *item)
{
	double say = 0;
	if (g->grouped == 0 || !g->o->class->say)
		return;
	g->o->class->say(g->scheme, item, g->parts);
	for (size_t i = 0; i < item->n; i++)
		if (g->players[item->labelers[i]].grouped)
			say += g->parts[i];
	g->influence_since += say;
	g->out->influence += say;
	g->influence_items++;
}

static void check_bound(struct game *g)
{
	const struct pool *p = scheme_pool(g->scheme);
	struct game_result *out = g->out;
	if (!p)
		return;
	out->gain = NAN;
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		double gain = pool_labeler(p, id)->gain, bound = pool_bound(p, id);
		if (bound > 0)
			out->bound_used = fmax(out->bound_used, gain / bound);
		if (gain > bound && !(bound > 0))
			out->bound_used = INFINITY; /* only who was never settled has no bound */
		if (!(gain <= out->gain)) {
			out->gain = gain;
			out->bound = bound;
		}
	}
}

/* NaN where nothing was scored. */
static double regret_now(const struct game *g, int forecast)
{
	double regret = regret_of(&g->regret, forecast, NULL);
	return isinf(regret) ? NAN : regret;
}

static void note_checkpoint(struct game *g)
{
	size_t c = g->checkpoint++;
	for (int f = 0; f < g->n_forecasts; f++)
		g->out->regrets[f][c] = regret_now(g, f);
	g->out->influences[c] = g->influence_since / (double)g->influence_items;
	g->influence_since = 0;
	g->influence_items = 0;
	check_bound(g);
}

/* Fresh pairs are drawn in a stream that no repetition uses. */
static void train(struct game *g)
{
	static const uint64_t FRESH_STREAM = UINT64_C(2) << 32;
	const double *reward = world_reward(g->world);
	uint64_t seed = g->o->world.seed, stream = FRESH_STREAM + g->o->world.stream;
	for (int f = 0; f < g->n_forecasts; f++)
		g->out->trained[f] = training_by_labels(&g->training, f, reward, seed, stream);
	g->out->trained_truths = training_by_truths(&g->training, reward, seed, stream);
	g->out->trained_posted = training_by_outcomes(&g->training, reward, seed, stream);
}

static void conclude(struct game *g)
{
	struct game_result *out = g->out;
	double standings = 0;
	for (uint32_t i = 0; i < g->labelers; i++)
		if (g->players[i].grouped)
			standings += standing_of(g, i);
	out->groups_standing = standings / g->grouped;
	out->best_loss = world_best_loss(g->world);
	out->influence = g->grouped && g->o->class->say ? out->influence / (double)g->o->world.items : NAN;
	for (int f = 0; f < g->n_forecasts; f++) {
		out->regret[f] = regret_now(g, f);
		if (g->o->class->late && g->checkpoint > 0)
			out->regrets[f][g->checkpoint - 1] = out->regret[f];
	}
	check_bound(g);
	if (g->o->world.features > 0)
		train(g);
}

static void find_leader(struct game *g)
{
	double most = -INFINITY;
	if (g->o->class->equal) {
		g->leader = (uint32_t)(draw_ahead(g, 0)->lot * g->labelers);
		return;
	}
	for (uint32_t i = 0; i < g->labelers; i++) {
		double standing = standing_of(g, i);
		if (standing > most) {
			most = standing;
			g->leader = i;
		}
	}
}

/* ---- the game ---- */

static bool anyone_copies(const struct game_options *o)
{
	for (size_t k = 0; k < o->n_groups; k++)
		if (o->groups[k].strategy->copies)
			return true;
	return false;
}

/* Where the outcomes of some items never come, those are what counts: the others have their outcome. */
static bool is_judged(const struct game *g, const struct world_draw *d)
{
	return g->o->world.known >= 1 || !d->known;
}

static void judge(struct game *g, const struct scheme_item *item, const double *forecasts, double truth)
{
	for (int f = 0; f < g->n_forecasts; f++)
		score_add(&g->out->scores[f], forecasts[f], truth);
	regret_add(&g->regret, item, forecasts, truth);
}

/* A posted item's label is its outcome, or, with the setting `wrong`, what that makes of the forecast. */
static void keep_for_training(struct game *g, const struct world_draw *d, const double *forecasts)
{
	const struct pool *pool = scheme_pool(g->scheme);
	size_t at = training_add(&g->training, d->features, d->truth, d->known ? d->outcome : NAN);
	for (int f = 0; f < g->n_forecasts; f++)
		g->training.labels[f][at] =
			pool ? pool_resolved_label(pool, forecasts[f], d->outcome, NULL) : d->outcome;
}

static int close_item(struct game *g)
{
	const struct world_draw *d = draw_ahead(g, 0);
	struct pending *p = waiting_next(&g->waiting, d->known);
	double forecasts[SCHEME_FORECASTS_MAX];
	if (!p)
		return -ENOMEM;
	p->item.number = d->number;
	p->item.n = d->n;
	answer(g, p->labelers, p->reports);
	p->truth = d->truth;
	p->outcome = d->outcome;
	measure_influence(g, &p->item);
	int err = g->o->class->close(g->scheme, &p->item, forecasts);
	if (err)
		return err;
	if (is_judged(g, d) && !g->o->class->late)
		judge(g, &p->item, forecasts, d->truth);
	if (g->o->on_item)
		g->o->on_item(g->o->arg, &p->item, d, g->names);
	if (g->o->world.features > 0)
		keep_for_training(g, d, forecasts);
	return waiting_closed(&g->waiting, d->known);
}

/* Where items without an outcome are looked at in the end, all others come first. */
static int finish(struct game *g)
{
	int err = keeps(g) ? waiting_finish(&g->waiting) : 0;
	for (size_t i = 0; i < g->waiting.n_kept && err == 0; i++) {
		struct pending *p = &g->waiting.kept[i];
		double forecasts[SCHEME_FORECASTS_MAX];
		err = g->o->class->now(g->scheme, &p->item, forecasts);
		if (err)
			return err;
		if (g->o->class->late)
			judge(g, &p->item, forecasts, p->truth);
		for (int f = 0; f < g->n_forecasts && g->o->world.features > 0; f++)
			g->training.labels[f][p->item.number] = forecasts[f];
	}
	return err;
}

static int play(struct game *g)
{
	uint64_t items = g->o->world.items, refresh = g->labelers / LEADER_PART + 1;
	bool copies = anyone_copies(g->o);
	for (; g->drawn < g->n_draws; g->drawn++)
		world_next(g->world, &g->draws[g->drawn]);
	for (uint64_t t = 0; t < items; t++) {
		if (copies && t % refresh == 0)
			find_leader(g);
		int err = close_item(g);
		if (err)
			return err;
		world_next(g->world, &g->draws[g->first_draw]);
		g->first_draw = (g->first_draw + 1) % g->n_draws;
		if (g->checkpoint < g->o->n_checkpoints && t + 1 == g->o->checkpoints[g->checkpoint])
			note_checkpoint(g);
		if (g->o->done)
			atomic_fetch_add_explicit(g->o->done, 1, memory_order_relaxed);
	}
	return finish(g);
}

int game_play(const struct game_options *o, struct game_result *out)
{
	struct game g = {.o = o, .out = out};
	require(!game_fault(o));
	*out = (struct game_result){.bound_used = NAN, .gain = NAN, .bound = NAN};
	int err = set_up(&g);
	if (err == 0)
		err = play(&g);
	if (err == 0)
		conclude(&g);
	tear_down(&g);
	return err;
}
