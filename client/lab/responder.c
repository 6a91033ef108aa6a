#include "responder.h"

#include <math.h>
#include <string.h>

enum { GRID = 8, SECTIONS = 20, SWEEPS = 4 };

/* Differences of expected weights below this part of them are the arithmetic's. */
static const double NOISE = 1e-12;

size_t responder_scratch(size_t n_weights, size_t n_max)
{
	/* One set of weights a level of the tree, and an item's weights and reports. */
	return RESPONDER_HORIZON_MAX * n_weights + 2 * n_max;
}

/* The expected weight from item `at` on, when weights[] stand there. */
static double expected_from(const struct responder_outlook *o, const double *plan, size_t at, const double *weights)
{
	if (at == o->horizon)
		return weights[o->own_slot];
	const struct responder_item *item = &o->items[at];
	double *after = o->scratch + at * o->n_weights;
	double *w = o->scratch + RESPONDER_HORIZON_MAX * o->n_weights, *reports = w + item->n;
	double expected = 0;
	for (int y = 0; y <= 1; y++) {
		/* The room for the item is shared by all levels: what is below has overwritten it. */
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

/* Golden sections of [low, high]: the better end of what is left. */
static double section(const struct responder_outlook *o, double *plan, size_t at, double low, double high)
{
	static const double GOLDEN = 0.6180339887498949;
	double x = high - GOLDEN * (high - low), y = low + GOLDEN * (high - low);
	double at_x = value_at(o, plan, at, x), at_y = value_at(o, plan, at, y);
	for (int i = 0; i < SECTIONS; i++) {
		if (at_x >= at_y) {
			high = y;
			y = x;
			at_y = at_x;
			x = high - GOLDEN * (high - low);
			at_x = value_at(o, plan, at, x);
		} else {
			low = x;
			x = y;
			at_x = at_y;
			y = low + GOLDEN * (high - low);
			at_y = value_at(o, plan, at, y);
		}
	}
	return at_x >= at_y ? x : y;
}

/* Improves one report of the plan. The value of the plan after it; *changed where it was for the better. */
static double improve(const struct responder_outlook *o, double *plan, size_t at, double value, bool *changed)
{
	double best = plan[at], best_value = value;
	for (int k = 0; k <= GRID; k++) {
		double other = value_at(o, plan, at, (double)k / GRID);
		if (other > best_value) {
			best = (double)k / GRID;
			best_value = other;
		}
	}
	double fine = section(o, plan, at, fmax(0, best - 1.0 / GRID), fmin(1, best + 1.0 / GRID));
	double fine_value = value_at(o, plan, at, fine);
	if (fine_value > best_value) {
		best = fine;
		best_value = fine_value;
	}
	if (best_value <= value * (1 + NOISE))
		return value;
	plan[at] = best;
	*changed = true;
	return best_value;
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
