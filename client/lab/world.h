/* world.h - what is drawn at random in a simulated campaign: items with a truth, which labelers answer, what
 * each believes, and what becomes known of the truth. What labelers make of their beliefs is in strategy.h.
 *
 * The draws depend on the options alone, so they are the same for every scheme that is compared. Pure. */
#ifndef CANDOR_LAB_WORLD_H
#define CANDOR_LAB_WORLD_H

#include "lib/base/err.h"
#include "lib/base/random.h"

enum world_kind {
	/* Item t has a truth y in {0, 1}, 1 with probability base_rate. Labeler i sees a signal s = d_i (y - 1/2) + e
	 * with e normal of variance 1 (signal detection theory: d_i is its d'), and believes in y = 1 with the
	 * posterior probability that this gives, its log odds moved by its bias. e = sqrt(rho) e_t +
	 * sqrt(1 - rho) e_it, so that two labelers' errors have the correlation rho. */
	WORLD_SIGNALS,
	/* y = 1 with probability q_t, uniform in [0.3, 0.7]. Labeler 0 believes q_t, all others q_t + or - gap. */
	WORLD_HAIR,
	/* Labeler 0 believes 0.5 + gap, all others 0.5 - gap. Outcomes take turns: `period` items for labeler 0, then
	 * `period` against it, and so on. Nothing is random. */
	WORLD_SWITCHING,
};

enum world_participation {
	WORLD_ALL, /* every labeler answers every item */
	WORLD_SOME, /* `per_item` of them, drawn uniformly */
	WORLD_HEAVY, /* `per_item`, the k-th labeler drawn with weight 1/k: few do most of the work */
};

struct world_options {
	enum world_kind kind;
	uint32_t labelers; /* at least 1 */
	uint64_t items;
	enum world_participation participation;
	uint32_t per_item; /* 1 to labelers; WORLD_HEAVY: at most half of them */
	double skill_low, skill_high; /* d' is uniform between them; 0: knows nothing, 1: right in 69 %, 2: in 84 % */
	double bias; /* standard deviation of labelers' biases, in log odds */
	double correlation; /* rho, in [0, 1] */
	double base_rate; /* in (0, 1) */
	/* Not 0: an item is a pair of responses with so many features (reward.h), and its truth is drawn by the
	 * preference that they give, in place of base_rate, which labelers believe in all the same. */
	uint32_t features;
	double gap;
	uint64_t period;
	double known; /* probability that an item's outcome is ever posted */
	double wrong; /* probability that a posted outcome is the opposite of the truth */
	uint64_t seed, stream; /* stream: which repetition */
};

/* One item. The arrays are the caller's. */
struct world_draw {
	uint64_t number; /* from 0 */
	double truth; /* 0 or 1 */
	double outcome; /* as posted: the truth, or its opposite */
	bool known; /* the outcome will be posted */
	double lot; /* uniform in [0, 1), one for the item */
	double *features; /* [features] of the pair; the caller's too, NULL where there are none */
	size_t n;
	uint32_t *labelers; /* [n] */
	double *beliefs; /* [n] that the truth is 1 */
	double *dice; /* [n] uniform in [0, 1), for what labelers do at random */
};

struct world;

/* The world of signals that `candor simulate` plays by default: all answer each item, skills from 0.3
 * to 2, some bias and correlation, every outcome known and right, seed 1. */
struct world_options world_usual(uint64_t items, uint32_t labelers);

/* NULL if the options are in range, else a static sentence that names the one that is not. */
const char *world_fault(const struct world_options *o);

/* options in range. 0 or -ENOMEM. */
MUST_CHECK int world_new(struct world **out, const struct world_options *o);
void world_free(struct world *w);

/* How often the average labeler will have been scored at the end: T_eff. */
double world_t_eff(const struct world_options *o);

/* What the best labeler's beliefs cost per item on average: the least expected Brier loss of any labeler, from skills
 * and biases alone (WORLD_SWITCHING: from the turns). O(labelers). */
double world_best_loss(const struct world *w);

/* theta[features] of the true reward; NULL where there are no features. */
const double *world_reward(const struct world *w);

/* Makes one labeler see exactly what another would: one person under two names. */
void world_same_person(struct world *w, uint32_t labeler, uint32_t as);

/* The next item, into a draw whose arrays have space for world_reporters_max(). */
void world_next(struct world *w, struct world_draw *draw);

/* Most reports that an item can get. */
uint32_t world_reporters_max(const struct world_options *o);

#endif
