/* score.h - how good a series of forecasts was: Brier loss, accuracy, log loss, calibration by tenths.
 * Pure. Sums run in the order of the calls. */
#ifndef CANDOR_LAB_SCORE_H
#define CANDOR_LAB_SCORE_H

#include <stdint.h>

enum { SCORE_TENTHS = 10 };

/* In the log loss forecasts are clamped this far from 0 and 1: one that was certain and wrong would otherwise be
 * infinitely bad. */
#define SCORE_LOG_CLAMP 1e-6

struct score {
	uint64_t n;
	double brier; /* sum of (p - y)^2 */
	double right; /* forecasts on the outcome's side of 0.5; a half where either is 0.5 */
	double log_loss; /* sum of -(y ln p + (1-y) ln (1-p)), p clamped */
	struct score_tenth {
		uint64_t n;
		double forecasts, outcomes; /* sums; well calibrated, their means are equal */
	} tenths[SCORE_TENTHS]; /* of forecasts in [k/10, (k+1)/10), 1 in the last */
};

/* Adds a forecast p in [0, 1] whose outcome is y in [0, 1]. */
void score_add(struct score *s, double p, double y);

/* sum over tenths of n_k/n |mean forecast - mean outcome|: the expected calibration error, in [0, 1]; 0 where n is. */
double score_calibration_error(const struct score *s);

#endif
