/* bound.h - what a labeler's gain cannot exceed: the regret bound, measured along the way.
 *
 * A stretch is what lies between two epochs or changes of settings; in it the rate eta does not fall. Per labeler
 * there is a limit, per pool what the total weight has grown by; docs/mechanism.md has the formulas and their proof.
 * Pure. */
#ifndef CANDOR_BOUND_H
#define CANDOR_BOUND_H

#include <stdint.h>

/* A pool's. */
struct bound_totals {
	uint32_t stretch; /* the number of the present one, from 1 */
	double eta, weight; /* the rate and the pool's total weight at its first settlement; eta 0: none so far */
	double grown; /* of the stretches before: sum of ln(W / weight) / eta */
};

/* What a labeler's first settlement in a stretch adds to its limit, from weight w, in a pool of that total weight. */
double bound_of_first(double eta, double total_weight, double w);

/* What each settlement adds that moves it by g in [-1, 1] at rate eta: from w to `step`, then by the share to
 * `after`. */
double bound_of_step(double eta, double g, double step, double after);

/* Settlement at that rate: the first of the stretch is remembered. */
void bound_settled(struct bound_totals *b, double eta, double total_weight);

/* A new stretch begins. */
void bound_next_stretch(struct bound_totals *b, double total_weight);

/* What a labeler's gain cannot exceed now, given its limit; last: the stretch it was last settled in, 0: none. */
double bound_now(const struct bound_totals *b, double total_weight, double limit, uint32_t last);

#endif
