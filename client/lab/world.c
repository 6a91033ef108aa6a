#include "client/lab/world.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/reward.h"
#include "lib/pool/pool.h"

struct person {
	double skill, bias;
	uint32_t as; /* whose errors it has: its own, unless it is one person under two names */
};

struct world {
	struct world_options o;
	struct random random;
	uint64_t next;
	uint32_t *order; /* [labelers] WORLD_SOME draws from its front, WORLD_ALL takes it as it is */
	double *share; /* [labelers] WORLD_HEAVY: cumulative weights */
	uint64_t *drawn; /* [labelers] 1 + the item that a labeler was last drawn for */
	double *errors; /* [labelers] own errors on the item in work, */
	uint64_t *erred; /* [labelers] ... and 1 + the item that they are of */
	struct person *persons; /* [labelers] */
	double reward[REWARD_FEATURES_MAX];
};

static bool within(double x, double low, double high)
{
	return x >= low && x <= high;
}

struct world_options world_usual(uint64_t items, uint32_t labelers)
{
	return (struct world_options){
		.kind = WORLD_SIGNALS,
		.labelers = labelers,
		.items = items,
		.participation = WORLD_ALL,
		.skill_low = 0.3,
		.skill_high = 2,
		.bias = 0.3,
		.correlation = 0.2,
		.base_rate = 0.5,
		.known = 1,
		.seed = 1,
	};
}

const char *world_fault(const struct world_options *o)
{
	if (o->labelers < 1 || o->labelers > 10000000)
		return "labelers must be from 1 to 10,000,000";
	if (o->items < 1 || o->items > 1000000000)
		return "items must be from 1 to 1,000,000,000";
	if (o->participation == WORLD_ALL && o->labelers > ITEM_REPORTS_MAX)
		return "with more than 65,535 labelers, not all of them can answer an item";
	if (o->participation != WORLD_ALL && (o->per_item < 1 || o->per_item > o->labelers))
		return "answers per item must be from 1 to the number of labelers";
	if (o->per_item > ITEM_REPORTS_MAX)
		return "answers per item must be at most 65,535";
	if (o->participation == WORLD_HEAVY && o->per_item > o->labelers / 2)
		return "if a few labelers do most of the work, answers per item must be at most half the number of "
		       "labelers";
	if (!within(o->skill_low, 0, 10) || !within(o->skill_high, o->skill_low, 10))
		return "skill must be a range within 0 to 10, its lower end first";
	if (!within(o->bias, 0, 10))
		return "bias must be from 0 to 10";
	if (!within(o->correlation, 0, 1))
		return "correlation must be from 0 to 1";
	if (!within(o->base_rate, 0.001, 0.999))
		return "the base rate must be from 0.001 to 0.999";
	if (o->features > REWARD_FEATURES_MAX)
		return "features must be at most 64";
	if (o->features > 0 && o->kind != WORLD_SIGNALS)
		return "only items of the world of signals have features";
	if (!within(o->gap, 0, 0.3))
		return "the gap must be from 0 to 0.3";
	if (o->kind != WORLD_SIGNALS && o->labelers < 2)
		return "this world needs at least two labelers";
	if (o->kind == WORLD_SWITCHING && o->period < 1)
		return "the period must be at least 1 item";
	if (!within(o->known, 0, 1) || !within(o->wrong, 0, 1))
		return "probabilities must be from 0 to 1";
	return NULL;
}

uint32_t world_reporters_max(const struct world_options *o)
{
	return o->participation == WORLD_ALL ? o->labelers : o->per_item;
}

int world_new(struct world **out, const struct world_options *o)
{
	struct world *w = calloc(1, sizeof *w);
	if (!w)
		return -ENOMEM;
	w->o = *o;
	w->order = malloc(o->labelers * sizeof *w->order);
	w->share = malloc(o->labelers * sizeof *w->share);
	w->drawn = calloc(o->labelers, sizeof *w->drawn);
	w->errors = malloc(o->labelers * sizeof *w->errors);
	w->erred = calloc(o->labelers, sizeof *w->erred);
	w->persons = malloc(o->labelers * sizeof *w->persons);
	if (!w->order || !w->share || !w->drawn || !w->errors || !w->erred || !w->persons) {
		world_free(w);
		return -ENOMEM;
	}
	random_init(&w->random, o->seed, o->stream);
	double sum = 0;
	for (uint32_t i = 0; i < o->labelers; i++) {
		w->order[i] = i;
		w->share[i] = sum += 1 / (double)(i + 1);
		w->persons[i] = (struct person){
			.skill = random_between(&w->random, o->skill_low, o->skill_high),
			.bias = o->bias * random_normal(&w->random),
			.as = i,
		};
	}
	if (o->features > 0)
		reward_draw(&w->random, o->features, w->reward);
	*out = w;
	return 0;
}

const double *world_reward(const struct world *w)
{
	return w->o.features > 0 ? w->reward : NULL;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	free(w->order);
	free(w->share);
	free(w->drawn);
	free(w->errors);
	free(w->erred);
	free(w->persons);
	free(w);
}

void world_same_person(struct world *w, uint32_t labeler, uint32_t as)
{
	w->persons[labeler] = w->persons[as];
}

/* ---- who answers ---- */

/* The labeler at a place in the cumulative weights. */
static uint32_t at_share(const struct world *w, double place)
{
	uint32_t low = 0, high = w->o.labelers - 1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (w->share[middle] <= place)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void draw_reporters(struct world *w, struct world_draw *d)
{
	uint32_t all = w->o.labelers;
	d->n = world_reporters_max(&w->o);
	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t who;
		if (w->o.participation == WORLD_HEAVY) {
			do
				who = at_share(w, random_unit(&w->random) * w->share[all - 1]);
			while (w->drawn[who] == d->number + 1);
			w->drawn[who] = d->number + 1;
		} else {
			uint32_t k =
				w->o.participation == WORLD_ALL ? i : i + (uint32_t)random_below(&w->random, all - i);
			who = w->order[k];
			w->order[k] = w->order[i];
			w->order[i] = who;
		}
		d->labelers[i] = who;
		d->dice[i] = random_unit(&w->random);
	}
}

/* ---- what they believe ---- */

/* A labeler's own part of the error on an item. The first of a person's names sees; the others have seen the same. */
static double own_error(struct world *w, const struct world_draw *d, uint32_t labeler)
{
	uint32_t as = w->persons[labeler].as;
	double error = random_normal(&w->random);
	if (w->erred[as] != d->number + 1)
		w->errors[as] = error;
	w->erred[as] = d->number + 1;
	return w->errors[as];
}

static double signal_belief(const struct world_options *o, const struct person *p, double truth, double error)
{
	double signal = p->skill * (truth - 0.5) + error;
	return 1 / (1 + exp(-(log(o->base_rate / (1 - o->base_rate)) + p->skill * signal + p->bias)));
}

static void draw_signals(struct world *w, struct world_draw *d)
{
	double shared = sqrt(w->o.correlation) * random_normal(&w->random);
	double own = sqrt(1 - w->o.correlation);
	double preferred = w->o.base_rate;
	if (w->o.features > 0) {
		reward_draw_pair(&w->random, w->o.features, d->features);
		preferred = reward_preference(w->o.features, w->reward, d->features);
	}
	d->truth = random_chance(&w->random, preferred);
	for (size_t i = 0; i < d->n; i++) {
		const struct person *p = &w->persons[d->labelers[i]];
		double error = shared + own * own_error(w, d, d->labelers[i]);
		d->beliefs[i] = signal_belief(&w->o, p, d->truth, error);
	}
}

static void draw_hair(struct world *w, struct world_draw *d)
{
	double q = random_between(&w->random, 0.3, 0.7);
	d->truth = random_chance(&w->random, q);
	for (size_t i = 0; i < d->n; i++) {
		double off = own_error(w, d, d->labelers[i]) < 0 ? w->o.gap : -w->o.gap;
		d->beliefs[i] = w->persons[d->labelers[i]].as == 0 ? q : q + off;
	}
}

static void draw_switching(struct world *w, struct world_draw *d)
{
	d->truth = d->number / w->o.period % 2 == 0;
	for (size_t i = 0; i < d->n; i++)
		d->beliefs[i] = w->persons[d->labelers[i]].as == 0 ? 0.5 + w->o.gap : 0.5 - w->o.gap;
}

void world_next(struct world *w, struct world_draw *d)
{
	d->number = w->next++;
	draw_reporters(w, d);
	switch (w->o.kind) {
	case WORLD_SIGNALS: draw_signals(w, d); break;
	case WORLD_HAIR: draw_hair(w, d); break;
	case WORLD_SWITCHING: draw_switching(w, d); break;
	}
	d->lot = random_unit(&w->random);
	d->known = random_chance(&w->random, w->o.known);
	d->outcome = random_chance(&w->random, w->o.wrong) ? 1 - d->truth : d->truth;
}

/* ---- what is to be had ---- */

double world_t_eff(const struct world_options *o)
{
	return (double)o->items * world_reporters_max(o) / o->labelers * o->known;
}

/* The integral over the error, by the trapezoid rule: for a smooth function times a normal density it is as good as
 * exact. */
static double signal_loss(const struct world_options *o, const struct person *p)
{
	static const double STEP = 0.25, END = 7;
	double loss = 0, total = 0;
	for (double e = -END; e <= END; e += STEP) {
		double density = exp(-e * e / 2);
		total += density;
		loss += density * (o->base_rate * mechanism_loss(signal_belief(o, p, 1, e), 1) +
				   (1 - o->base_rate) * mechanism_loss(signal_belief(o, p, 0, e), 0));
	}
	return loss / total;
}

/* The better of the two sides; the first one has every second turn, beginning with the first. */
static double switching_loss(const struct world_options *o)
{
	uint64_t whole = o->items / (2 * o->period), rest = o->items % (2 * o->period);
	uint64_t first = whole * o->period + (rest < o->period ? rest : o->period);
	double part = (double)first / (double)o->items, better = part > 0.5 ? part : 1 - part;
	return better * mechanism_loss(0.5 + o->gap, 1) + (1 - better) * mechanism_loss(0.5 + o->gap, 0);
}

double world_best_loss(const struct world *w)
{
	double best = 1;
	switch (w->o.kind) {
	case WORLD_HAIR: return 0.25 - 0.4 * 0.4 / 12; /* E q (1 - q), q even in [0.3, 0.7] */
	case WORLD_SWITCHING: return switching_loss(&w->o);
	case WORLD_SIGNALS: break;
	}
	for (uint32_t i = 0; i < w->o.labelers; i++)
		best = fmin(best, signal_loss(&w->o, &w->persons[i]));
	return best;
}
