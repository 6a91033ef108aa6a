/* Other schemes in use that need only a number or two for each labeler: plain averaging, majorities, multiplicative
 * weights, and following the best so far. Closing changes nothing in any of them, so what they forecast of an item now
 * is what closing it would. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "lib/pool/aggregate.h"
#include "lib/pool/mechanism.h"
#include "client/lab/scheme.h"

/* The state of all: what is known of each labeler, and space for an item. */
struct simple {
	struct scheme scheme;
	size_t cap;
	double *w; /* [cap] */
	struct aggregate_cell *cells; /* [cap] */
	struct record {
		double sum; /* plain, majority: nothing; hedge: of mix loss - own loss; leader: of own losses */
		uint64_t scored;
	} records[]; /* [labelers] */
};

static struct simple *of(const struct scheme *s)
{
	return (struct simple *)(uintptr_t)s;
}

static int make(struct scheme **out, const struct scheme_options *o, const struct scheme_class *class)
{
	struct simple *m = calloc(1, sizeof *m + o->labelers * sizeof *m->records);
	if (!m)
		return -ENOMEM;
	m->scheme.class = class;
	*out = &m->scheme;
	return 0;
}

static void simple_free(struct scheme *s)
{
	free(of(s)->w);
	free(of(s)->cells);
	free(of(s));
}

static int reserve(struct simple *m, size_t n)
{
	if (n <= m->cap)
		return 0;
	double *w = realloc(m->w, n * sizeof *w);
	if (w)
		m->w = w;
	struct aggregate_cell *cells = realloc(m->cells, n * sizeof *cells);
	if (cells)
		m->cells = cells;
	if (!w || !cells)
		return -ENOMEM;
	m->cap = n;
	return 0;
}

/* The aggregates of an item under the weights that its class gives. */
static int aggregate(struct scheme *s, const struct scheme_item *item, struct aggregate *out)
{
	struct simple *m = of(s);
	int err = reserve(m, item->n);
	if (err)
		return err;
	for (size_t i = 0; i < item->n; i++)
		m->w[i] = s->class->standing(s, item->labelers[i]);
	aggregate_compute(item->reports, m->w, item->n, m->cells, out);
	return 0;
}

/* Standings as weights. */
static void say(const struct scheme *s, const struct scheme_item *item, double *parts)
{
	double total = 0;
	for (size_t i = 0; i < item->n; i++)
		total += parts[i] = s->class->standing(s, item->labelers[i]);
	for (size_t i = 0; i < item->n; i++)
		parts[i] /= total;
}

static void nothing_to_forget(struct scheme *s, struct scheme_item *item)
{
	(void)s;
	(void)item;
}

static int nothing_to_learn(struct scheme *s, struct scheme_item *item, double outcome)
{
	(void)s;
	(void)item;
	(void)outcome;
	return 0;
}

static double equal_standing(const struct scheme *s, uint32_t labeler)
{
	(void)s;
	(void)labeler;
	return 1;
}

/* ---- plain: mean and median with all weights 1 ---- */

static int plain_make(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_plain);
}

static int plain_close(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct aggregate a;
	int err = aggregate(s, item, &a);
	if (err)
		return err;
	forecasts[0] = a.plain_mean;
	forecasts[1] = a.plain_median;
	return 0;
}

const struct scheme_class scheme_plain = {
	.name = "plain",
	.forecasts = {"mean", "median"},
	.equal = true,
	.make = plain_make,
	.free = simple_free,
	.close = plain_close,
	.now = plain_close,
	.resolve = nothing_to_learn,
	.forget = nothing_to_forget,
	.standing = equal_standing,
	.say = say,
};

/* ---- majority: the side that most take ---- */

static int majority_make(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_majority);
}

static int majority_close(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	size_t above = 0, below = 0;
	(void)s;
	for (size_t i = 0; i < item->n; i++) {
		above += item->reports[i] > 0.5;
		below += item->reports[i] < 0.5;
	}
	forecasts[0] = above > below ? 1 : above < below ? 0 : 0.5;
	return 0;
}

const struct scheme_class scheme_majority = {
	.name = "majority",
	.forecasts = {"majority"},
	.equal = true,
	.make = majority_make,
	.free = simple_free,
	.close = majority_close,
	.now = majority_close,
	.resolve = nothing_to_learn,
	.forget = nothing_to_forget,
	.standing = equal_standing,
};

/* ---- hedge: the exponentially weighted average forecaster ----
 *
 * w_i <- w_i exp(-eta l_i) for those who answered, all of them then scaled so that their sum stays: for labelers who
 * answer only some of the items (Freund, Schapire, Singer, Warmuth, STOC 1997). Kept as w_i = exp(eta S_i), with S_i
 * the sum of m - l_i over the items that i answered and m = -ln(sum w exp(-eta l) / sum w) / eta, the mix loss.
 *
 * eta = 1/2 is the largest at which the Brier loss is exp-concave: where all answer everything the weighted mean's
 * regret is at most 2 ln N, whatever T (Cesa-Bianchi and Lugosi, Prediction, Learning, and Games, 2006, theorem 3.2).
 */

static const double HEDGE_ETA = 0.5;

static int hedge_make(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_hedge);
}

static double hedge_standing(const struct scheme *s, uint32_t labeler)
{
	/* Within what a double and its square can hold. */
	return exp(fmax(-300, fmin(300, HEDGE_ETA * of(s)->records[labeler].sum)));
}

static int hedge_close(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct aggregate a;
	int err = aggregate(s, item, &a);
	if (err == 0)
		forecasts[0] = a.mean;
	return err;
}

static int hedge_resolve(struct scheme *s, struct scheme_item *item, double outcome)
{
	struct simple *m = of(s);
	double total = 0, after = 0;
	for (size_t i = 0; i < item->n; i++) {
		double w = hedge_standing(s, item->labelers[i]);
		total += w;
		after += w * exp(-HEDGE_ETA * mechanism_loss(item->reports[i], outcome));
	}
	double mix = -log(after / total) / HEDGE_ETA;
	for (size_t i = 0; i < item->n; i++)
		m->records[item->labelers[i]].sum += mix - mechanism_loss(item->reports[i], outcome);
	return 0;
}

static void hedge_step(const struct scheme *s, size_t n, double *w, const double *reports, double outcome)
{
	double before = 0, after = 0;
	(void)s;
	for (size_t i = 0; i < n; i++) {
		before += w[i];
		w[i] *= exp(-HEDGE_ETA * mechanism_loss(reports[i], outcome));
		after += w[i];
	}
	for (size_t i = 0; i < n; i++)
		w[i] *= before / after;
}

const struct scheme_class scheme_hedge = {
	.name = "hedge",
	.forecasts = {"hedge"},
	.make = hedge_make,
	.free = simple_free,
	.close = hedge_close,
	.now = hedge_close,
	.resolve = hedge_resolve,
	.forget = nothing_to_forget,
	.standing = hedge_standing,
	.say = say,
	.step = hedge_step,
};

/* ---- leader: the report of the best so far ----
 *
 * The least mean loss over what a labeler answered, with one item more at 1/4, the loss of always saying 0.5: so one
 * lucky answer is no record. Those who are equal count the same. */

static int leader_make(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_leader);
}

static double leader_loss(const struct simple *m, uint32_t labeler)
{
	const struct record *r = &m->records[labeler];
	return (r->sum + 0.25) / (double)(r->scored + 1);
}

/* Its loss against 1/4. Only the least counts for the forecast, but people look at more than the first place. */
static double leader_standing(const struct scheme *s, uint32_t labeler)
{
	return 0.25 / leader_loss(of(s), labeler);
}

/* Sums in another order are equal but for their last digits. */
static const double TIE = 1 + 1e-12;

static void leader_say(const struct scheme *s, const struct scheme_item *item, double *parts)
{
	const struct simple *m = of(s);
	double best = INFINITY;
	size_t n = 0;
	for (size_t i = 0; i < item->n; i++)
		best = fmin(best, leader_loss(m, item->labelers[i]));
	for (size_t i = 0; i < item->n; i++)
		n += leader_loss(m, item->labelers[i]) <= best * TIE;
	for (size_t i = 0; i < item->n; i++)
		parts[i] = leader_loss(m, item->labelers[i]) <= best * TIE ? 1 / (double)n : 0;
}

static int leader_close(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct simple *m = of(s);
	int err = reserve(m, item->n);
	if (err)
		return err;
	leader_say(s, item, m->w);
	forecasts[0] = 0;
	for (size_t i = 0; i < item->n; i++)
		forecasts[0] += m->w[i] * item->reports[i];
	forecasts[0] = fmin(forecasts[0], 1); /* parts may add up to a little more */
	return 0;
}

static int leader_resolve(struct scheme *s, struct scheme_item *item, double outcome)
{
	for (size_t i = 0; i < item->n; i++) {
		struct record *r = &of(s)->records[item->labelers[i]];
		r->sum += mechanism_loss(item->reports[i], outcome);
		r->scored++;
	}
	return 0;
}

const struct scheme_class scheme_leader = {
	.name = "leader",
	.forecasts = {"leader"},
	.make = leader_make,
	.free = simple_free,
	.close = leader_close,
	.now = leader_close,
	.resolve = leader_resolve,
	.forget = nothing_to_forget,
	.standing = leader_standing,
	.say = leader_say,
};
