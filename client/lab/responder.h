/* responder.h - the report that maximises a labeler's own expected weight some items ahead, found numerically.
 *
 * It knows more than labelers do: the others' reports on this item, the next items that it will answer, what it will
 * believe of them and what the others will report. It takes outcomes as independent, each with its own belief, which it
 * does not revise by what the others say: otherwise it would have another belief to be truthful about.
 *
 * With h items ahead it chooses h reports together, by a search one report at a time: a grid, then parabolas
 * around its best point (the expected weight is nearly one), twice through. It commits only to the first. */
#ifndef CANDOR_LAB_RESPONDER_H
#define CANDOR_LAB_RESPONDER_H

#include "client/lab/scheme.h"

enum { RESPONDER_HORIZON_MAX = 5 };

struct responder_outlook {
	const struct scheme *scheme; /* of a class with step() */
	size_t horizon; /* items, 1 to RESPONDER_HORIZON_MAX */
	struct responder_item {
		size_t n; /* reporters */
		const uint32_t *slots; /* [n] indexes of their weights in weights[] */
		const double *reports; /* [n]; its own is ignored */
		size_t own; /* its index among them */
		double belief; /* its own, that the outcome is 1 */
	} items[RESPONDER_HORIZON_MAX];
	size_t n_weights;
	const double *weights; /* [n_weights] standings of everybody in those items, now; finite, their sum too */
	size_t own_slot;
	double *scratch; /* [responder_scratch(...)] overwritten */
};

/* How many doubles the scratch of an outlook has: weights as above, at most n_max reporters an item. */
size_t responder_scratch(size_t n_weights, size_t n_max);

struct responder_gain {
	double truthful; /* the weight it expects from being truthful now and later */
	double best; /* ... and from the best reports found: never less */
};

/* The best first report, in [0, 1]: its belief itself where nothing better was found. gain may be NULL. */
double responder_best(const struct responder_outlook *o, struct responder_gain *gain);

/* The weight that it expects after all items with reports plan[horizon]. */
double responder_expected(const struct responder_outlook *o, const double *plan);

#endif
