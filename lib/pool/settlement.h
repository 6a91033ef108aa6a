/* settlement.h - the settlement of a block: what the outcomes of one or more items make of their labelers' weights.
 *
 * The weighted-score update of Freeman, Pennock, Podimata and Wortman Vaughan (arXiv 2002.08837) for items whose
 * outcomes are settled as one; docs/mechanism.md has the formulas and what follows from them. Pure; sums run in array
 * order, so the same arrays give the same bits. */
#ifndef CANDOR_SETTLEMENT_H
#define CANDOR_SETTLEMENT_H

#include <stddef.h>
#include <stdint.h>

/* An item of the block with its n >= 1 scored reports, in order of arrival. */
struct settlement_item {
	size_t n;
	const double *p; /* [n] in [0, 1] */
	const uint32_t *who; /* [n] indices into the block's labelers, each once */
	double outcome; /* in [0, 1] */
	double weighted_loss; /* out: L, the weighted mean score */
};

/* A labeler of the block. */
struct settlement_labeler {
	double before; /* the weight, > 0 */
	double gain; /* out: g in [-1, 1] */
	double step; /* out: the weight moved by g, before the share */
	double after; /* out */
	uint32_t scored; /* out: its scored reports in the block */
};

/* Where there are fewer, nothing moves: weights stay and gains are 0. */
enum { SETTLEMENT_LABELERS_MIN = 2 };

/* The score of a report: its Brier loss against the outcome, read through outcomes that are wrong with probability e.
 * In [-e, 1 - e]. */
double settlement_score(double p, double outcome, double e);

/* Settles the block: items[n_items] of labelers[n] in order of first appearance, at rate eta in (0, 1/2], with the
 * settings wrong and share. Conserves the sum of weights up to rounding. Returns M, the most of the block's items
 * that any one labeler is scored on. */
uint32_t settlement_settle(struct settlement_item *items, size_t n_items, struct settlement_labeler *labelers, size_t n,
			   double eta, double wrong, double share);

#endif
