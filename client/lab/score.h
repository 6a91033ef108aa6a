/* score.h - how good a run of forecasts was: Brier loss, accuracy, log loss, calibration by tenths.
 * Pure. Sums run in the order of the calls. */
#ifndef CANDOR_LAB_SCORE_H
#define CANDOR_LAB_SCORE_H

#include <stdint.h>

enum { SCORE_TENTHS = 10 };

/* Forecasts are taken as no nearer to 0 or 1 than this in the log loss: one that was certain and wrong would else be
 * infinitely bad. */
#define SCORE_LOG_CLAMP 1e-6

struct score {
	uint64_t n;
	double brier; /* sum of (p - y)^2 */
	double right; /* forecasts on the outcome's side of 0.5; on 0.5 itself, or where the outcome is, a half */
	double log_loss; /* sum of -(y ln p + (1-y) ln (1-p)), p clamped */
	struct score_tenth {
		uint64_t n;
		double forecasts, outcomes; /* sums: means should be equal */
	} tenths[SCORE_TENTHS]; /* of forecasts in [k/10, (k+1)/10), 1 in the last */
};

/* A forecast p in [0, 1] that met the outcome y in [0, 1]. */
void score_add(struct score *s, double p, double y);

/* sum over tenths of n_k/n |mean forecast - mean outcome|: the expected calibration error, in [0, 1]; 0 where n is. */
double score_calibration_error(const struct score *s);

#endif
