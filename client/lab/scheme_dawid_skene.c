/* The usual crowdsourcing pipeline: Dawid and Skene's model, fitted by EM (Applied Statistics 28, 1979), refitted as
 * items come.
 *
 * Each item has a true side; each labeler says "A", "tie" or "B" with probabilities that depend on the side alone, and
 * given the side labelers err independently. EM finds the sides and the probabilities together: no outcome is needed.
 * The second class holds the sides of items whose outcome is known at what the outcome says.
 *
 * Every count of answers begins with one answer of each kind, so that a labeler seen once is not yet certain. Each fit
 * starts from the majorities: one that went on from the last fit would keep for ever what few early items led it to.
 * A fit comes with every item up to REFIT_PART items, then whenever there are a REFIT_PART-th more; in between an
 * item's own side is found with the parameters that stand. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/scheme.h"

enum { ANSWERS = 3, REFIT_PART = 200, ITERATIONS_MAX = 30 };
static const double TOLERANCE = 1e-3; /* of a posterior between iterations */

struct side {
	uint64_t first; /* of its answers; they end where the next item's begin */
	double posterior; /* that A is the true side */
	bool known; /* by its outcome */
};

struct confusion {
	double counts[2][ANSWERS]; /* by side and answer, expected */
	double evidence[ANSWERS]; /* log P(answer | A) - log P(answer | B) */
	bool seen; /* its labeler has answered */
};

struct dawid_skene {
	struct scheme scheme;
	struct side *sides;
	uint64_t n_items, items_cap, fitted_items;
	uint32_t *reporters; /* [n_answers] */
	uint8_t *answers; /* [n_answers] */
	uint64_t n_answers, answers_cap;
	double prior; /* log odds of A */
	uint32_t *seen, n_seen; /* [n_seen] the labelers who have answered */
	struct confusion confusions[]; /* [labelers] */
};

static struct dawid_skene *of(const struct scheme *s)
{
	return (struct dawid_skene *)(uintptr_t)s;
}

static int make(struct scheme **out, const struct scheme_options *o, const struct scheme_class *class)
{
	struct dawid_skene *d = calloc(1, sizeof *d + o->labelers * sizeof *d->confusions);
	if (!d)
		return -ENOMEM;
	d->scheme.class = class;
	d->seen = malloc(o->labelers * sizeof *d->seen);
	if (!d->seen) {
		free(d);
		return -ENOMEM;
	}
	*out = &d->scheme;
	return 0;
}

static int make_blind(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_dawid_skene);
}

static int make_gold(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_dawid_skene_gold);
}

static void ds_free(struct scheme *s)
{
	struct dawid_skene *d = of(s);
	free(d->sides);
	free(d->reporters);
	free(d->answers);
	free(d->seen);
	free(d);
}

/* ---- the model ---- */

static uint64_t end_of(const struct dawid_skene *d, uint64_t item)
{
	return item + 1 < d->n_items ? d->sides[item + 1].first : d->n_answers;
}

static double posterior(const struct dawid_skene *d, uint64_t item)
{
	double odds = d->prior;
	for (uint64_t k = d->sides[item].first; k < end_of(d, item); k++)
		odds += d->confusions[d->reporters[k]].evidence[d->answers[k]];
	return 1 / (1 + exp(-odds));
}

/* The share of answers for A, a tie being half of one: where EM begins for an item whose labelers are all unknown. */
static double majority(const struct dawid_skene *d, uint64_t item)
{
	double sum = 0;
	uint64_t first = d->sides[item].first, end = end_of(d, item);
	for (uint64_t k = first; k < end; k++)
		sum += d->answers[k] / 2.0;
	return sum / (double)(end - first);
}

/* M: probabilities of answers, from the current posteriors. */
static void maximise(struct dawid_skene *d)
{
	double of_a = 1, of_b = 1;
	for (uint32_t i = 0; i < d->n_seen; i++)
		for (int a = 0; a < ANSWERS; a++)
			d->confusions[d->seen[i]].counts[0][a] = d->confusions[d->seen[i]].counts[1][a] = 1;
	for (uint64_t item = 0; item < d->n_items; item++) {
		double p = d->sides[item].posterior;
		of_a += p;
		of_b += 1 - p;
		for (uint64_t k = d->sides[item].first; k < end_of(d, item); k++) {
			struct confusion *c = &d->confusions[d->reporters[k]];
			c->counts[1][d->answers[k]] += p;
			c->counts[0][d->answers[k]] += 1 - p;
		}
	}
	d->prior = log(of_a / of_b);
	for (uint32_t i = 0; i < d->n_seen; i++) {
		struct confusion *c = &d->confusions[d->seen[i]];
		double total[2] = {0, 0};
		for (int a = 0; a < ANSWERS; a++)
			for (int side = 0; side < 2; side++)
				total[side] += c->counts[side][a];
		for (int a = 0; a < ANSWERS; a++)
			c->evidence[a] = log(c->counts[1][a] / total[1] / (c->counts[0][a] / total[0]));
	}
}

/* E: posteriors, from the current probabilities. Returns the largest change of one. */
static double expect(struct dawid_skene *d)
{
	double change = 0;
	for (uint64_t item = 0; item < d->n_items; item++) {
		struct side *s = &d->sides[item];
		if (s->known)
			continue;
		double p = posterior(d, item);
		change = fmax(change, fabs(p - s->posterior));
		s->posterior = p;
	}
	return change;
}

static void fit(struct dawid_skene *d)
{
	for (uint64_t item = 0; item < d->n_items; item++)
		if (!d->sides[item].known)
			d->sides[item].posterior = majority(d, item);
	for (int i = 0; i < ITERATIONS_MAX; i++) {
		maximise(d);
		if (expect(d) < TOLERANCE)
			break;
	}
	d->fitted_items = d->n_items;
}

/* ---- the scheme ---- */

static int reserve(struct dawid_skene *d, size_t n)
{
	if (d->n_items == d->items_cap) {
		uint64_t cap = 2 * d->items_cap + 64;
		struct side *sides = realloc(d->sides, cap * sizeof *sides);
		if (!sides)
			return -ENOMEM;
		d->sides = sides;
		d->items_cap = cap;
	}
	if (d->n_answers + n > d->answers_cap) {
		uint64_t cap = 2 * d->answers_cap + n;
		uint32_t *reporters = realloc(d->reporters, cap * sizeof *reporters);
		if (reporters)
			d->reporters = reporters;
		uint8_t *answers = realloc(d->answers, cap * sizeof *answers);
		if (answers)
			d->answers = answers;
		if (!reporters || !answers)
			return -ENOMEM;
		d->answers_cap = cap;
	}
	return 0;
}

static int ds_close(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct dawid_skene *d = of(s);
	int err = reserve(d, item->n);
	if (err)
		return err;
	uint64_t index = d->n_items++;
	d->sides[index] = (struct side){.first = d->n_answers};
	for (size_t i = 0; i < item->n; i++) {
		double p = item->reports[i];
		struct confusion *c = &d->confusions[item->labelers[i]];
		if (!c->seen)
			d->seen[d->n_seen++] = item->labelers[i];
		c->seen = true;
		d->reporters[d->n_answers] = item->labelers[i];
		d->answers[d->n_answers++] = p < 0.5 ? 0 : p > 0.5 ? 2 : 1;
	}
	d->sides[index].posterior = d->fitted_items ? posterior(d, index) : majority(d, index);
	if (d->n_items >= d->fitted_items + d->fitted_items / REFIT_PART + 1)
		fit(d);
	forecasts[0] = d->sides[index].posterior;
	return 0;
}

/* By the parameters of the newest fit, or what its own outcome says. */
static int ds_now(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	const struct dawid_skene *d = of(s);
	const struct side *side = &d->sides[item->number];
	forecasts[0] = side->known || !d->fitted_items ? side->posterior : posterior(d, item->number);
	return 0;
}

static int resolve_blind(struct scheme *s, struct scheme_item *item, double outcome)
{
	(void)s;
	(void)item;
	(void)outcome;
	return 0;
}

static int resolve_gold(struct scheme *s, struct scheme_item *item, double outcome)
{
	struct side *side = &of(s)->sides[item->number];
	side->posterior = outcome;
	side->known = true;
	return 0;
}

static void nothing_to_forget(struct scheme *s, struct scheme_item *item)
{
	(void)s;
	(void)item;
}

/* How often it is expected to name the true side, compared with an unknown labeler. */
static double ds_standing(const struct scheme *s, uint32_t labeler)
{
	const struct confusion *c = &of(s)->confusions[labeler];
	double right = c->counts[1][2] + c->counts[0][0], wrong = c->counts[1][0] + c->counts[0][2];
	return right + wrong > 0 ? 2 * right / (right + wrong) : 1;
}

const struct scheme_class scheme_dawid_skene = {
	.name = "ds",
	.forecasts = {"ds"},
	.slow = true,
	.make = make_blind,
	.free = ds_free,
	.close = ds_close,
	.now = ds_now,
	.resolve = resolve_blind,
	.forget = nothing_to_forget,
	.standing = ds_standing,
};

const struct scheme_class scheme_dawid_skene_gold = {
	.name = "ds-gold",
	.forecasts = {"ds-gold"},
	.slow = true,
	.make = make_gold,
	.free = ds_free,
	.close = ds_close,
	.now = ds_now,
	.resolve = resolve_gold,
	.forget = nothing_to_forget,
	.standing = ds_standing,
};
