/* mechanism.h - settings, the rate eta, the epochs and the loss.
 *
 * The weighted-score update of Freeman, Pennock, Podimata and Wortman Vaughan (arXiv 2002.08837) with the soft resets
 * and the fixed share that docs/mechanism.md describes; the formulas there are these. Pure functions of their
 * arguments. Sums run in array order, so the same calls give the same bits. */
#ifndef CANDOR_MECHANISM_H
#define CANDOR_MECHANISM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/message.h"

/* What a field of 0 means at creation; every field that the rate does not use stays 0. */
void mechanism_defaults(struct candor_settings *s);

/* NULL if complete settings are in range, else a static sentence naming the field and the range. */
const char *mechanism_settings_fault(const struct candor_settings *s);

/* The rate in (0, 1/2]. labelers: those that have reported (the formula uses at least 2). */
double mechanism_eta(const struct candor_settings *s, uint64_t labelers, unsigned epoch);

enum { EPOCH_MAX = 62 };

/* The epoch after a settlement: max(epoch, floor(log2(scored / labelers))) once scored >= labelers; unchanged where
 * the rate has no epochs. scored: reports that met an outcome, all labelers together. */
unsigned mechanism_epoch(const struct candor_settings *s, unsigned epoch, uint64_t scored, uint64_t labelers);

/* A weight after `resets` soft resets toward its entry weight: entry + (1-beta)^resets (w - entry). */
double mechanism_reset(double w, double entry, double beta, unsigned resets);

/* The Brier loss of a probability p against an outcome y: in [0, 1]. */
double mechanism_loss(double p, double y);

/* Settles one item of n >= 1 reporters: replaces their weights w[n] (all > 0), given their reports p[n], the outcome y
 * and the rate. Returns L, the weighted mean loss before the change. The sum of w is conserved up to rounding. A sole
 * reporter's weight is untouched. */
double mechanism_settle(size_t n, double *w, const double *p, double y, double eta, double share);

/* ---- the regret bound ---- */

/* A stretch of settlements in which the rate did not fall: an epoch, or the part of one before or after a change of
 * settings. */
struct mechanism_stretch {
	unsigned epoch;
	double eta_lo, eta_hi; /* the least and the largest rate used; both 0 before the first settlement */
	uint64_t rounds; /* settlements in it */
	double floor; /* at its start every labeler's weight was at least floor * its entry weight */
	double share; /* the setting during it */
};

/* What a scored report adds to the bound in a stretch that has rounds: eta_hi + share' / eta_lo, see below. */
double mechanism_report_cost(const struct mechanism_stretch *s);

/* What sum of (L - own loss), over the items that a labeler answered, cannot exceed:
 *     sum over stretches of  ln(W / (floor * entry)) / eta_lo  +  (eta_hi + share' / eta_lo) * T
 * with share' = -ln(1 - share), W the pool's total weight, T its scored reports in the stretch, which are not
 * recorded by stretch and therefore assumed to lie where they cost most. (docs/mechanism.md derives it; arXiv
 * 2002.08837, theorem 4.) Each call goes over all stretches for each cost that there is; bound.h keeps sums instead. */
double mechanism_bound(const struct mechanism_stretch *stretches, size_t n, double total_weight, double entry,
		       uint64_t scored);

#endif
