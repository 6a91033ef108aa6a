#include "client/lab/responder.h"

#include <math.h>
#include <string.h>

enum { GRID = 4, SWEEPS = 2 };

/* Half the widths of the parabolas fitted to the expected weight around its best point so far. */
static const double WIDTHS[] = {0.05, 0.005};

/* Relative differences of expected weights below this are rounding errors. */
static const double NOISE = 1e-12;

size_t responder_scratch(size_t n_weights, size_t n_max)
{
	/* One set of weights for each level of the tree, and an item's weights and reports. */
	return RESPONDER_HORIZON_MAX * n_weights + 2 * n_max;
}

/* The expected weight from item `at` on, with weights[] before it. */
static double expected_from(const struct responder_outlook *o, const double *plan, size_t at, const double *weights)
{
	if (at == o->horizon)
		return weights[o->own_slot];
	const struct responder_item *item = &o->items[at];
	double *after = o->scratch + at * o->n_weights;
	double *w = o->scratch + RESPONDER_HORIZON_MAX * o->n_weights, *reports = w + item->n;
	double expected = 0;
	for (int y = 0; y <= 1; y++) {
		/* All levels share the space for the item: the level below has overwritten it. */
		for (size_t i = 0; i < item->n; i++)
			w[i] = weights[item->slots[i]];
		memcpy(reports, item->reports, item->n * sizeof *reports);
		reports[item->own] = plan[at];
		o->scheme->class->step(o->scheme, item->n, w, reports, y);
		memcpy(after, weights, o->n_weights * sizeof *after);
		for (size_t i = 0; i < item->n; i++)
			after[item->slots[i]] = w[i];
		expected += (y ? item->belief : 1 - item->belief) * expected_from(o, plan, at + 1, after);
	}
	return expected;
}

double responder_expected(const struct responder_outlook *o, const double *plan)
{
	return expected_from(o, plan, 0, o->weights);
}

static double value_at(const struct responder_outlook *o, double *plan, size_t at, double report)
{
	double kept = plan[at], value;
	plan[at] = report;
	value = responder_expected(o, plan);
	plan[at] = kept;
	return value;
}

struct point {
	double report, value;
};

/* The report at the maximum of the parabola through three points, in [0, 1]; the middle one if it has none. */
static double top_of(struct point a, struct point b, struct point c)
{
	double ab = b.report - a.report, bc = b.report - c.report;
	double up = ab * (b.value - c.value), down = bc * (b.value - a.value);
	if (!(up - down < 0 || up - down > 0))
		return b.report;
	return fmin(1, fmax(0, b.report - 0.5 * (ab * up - bc * down) / (up - down)));
}

static void try_report(const struct responder_outlook *o, double *plan, size_t at, double report, struct point *best)
{
	double value = value_at(o, plan, at, report);
	if (value > best->value)
		*best = (struct point){report, value};
}

/* Improves one report of the plan. Returns the plan's value after it; *changed if that is higher. */
static double improve(const struct responder_outlook *o, double *plan, size_t at, double value, bool *changed)
{
	struct point best = {plan[at], value};
	for (int k = 0; k <= GRID; k++)
		try_report(o, plan, at, (double)k / GRID, &best);
	for (size_t i = 0; i < sizeof WIDTHS / sizeof *WIDTHS; i++) {
		/* Three points within [0, 1], the best one among them. */
		double middle = fmin(1 - WIDTHS[i], fmax(WIDTHS[i], best.report));
		struct point around[3];
		for (int k = 0; k < 3; k++) {
			double report = middle + (k - 1) * WIDTHS[i];
			around[k] = (struct point){report, value_at(o, plan, at, report)};
		}
		try_report(o, plan, at, top_of(around[0], around[1], around[2]), &best);
	}
	if (best.value <= value * (1 + NOISE))
		return value;
	plan[at] = best.report;
	*changed = true;
	return best.value;
}

double responder_best(const struct responder_outlook *o, struct responder_gain *gain)
{
	double plan[RESPONDER_HORIZON_MAX];
	for (size_t i = 0; i < o->horizon; i++)
		plan[i] = o->items[i].belief;
	double truthful = responder_expected(o, plan), value = truthful;
	bool changed = true;
	for (int sweep = 0; sweep < SWEEPS && changed; sweep++) {
		changed = false;
		for (size_t i = 0; i < o->horizon; i++)
			value = improve(o, plan, i, value, &changed);
	}
	if (gain)
		*gain = (struct responder_gain){truthful, value};
	return plan[0];
}
