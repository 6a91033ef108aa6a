/* reward.h - a reward model trained on labels of pairs, and how good it is.
 *
 * A pair of responses has d features, those of the first less those of the second; the true reward is linear in them,
 * and the first is preferred with the probability that Bradley and Terry's model gives: 1 / (1 + exp(-difference)). A
 * model is logistic regression on labels in [0, 1], without an intercept: exchanging the responses must turn it round.
 * Pure; sums run in array order. */
#ifndef CANDOR_LAB_REWARD_H
#define CANDOR_LAB_REWARD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/random.h"

enum { REWARD_FEATURES_MAX = 64 };

/* The standard deviation of the difference of two responses' true rewards, in log odds. */
#define REWARD_SCALE 2.1

/* A true reward: theta[d] of length REWARD_SCALE, in any direction. */
void reward_draw(struct random *r, size_t d, double *theta);

/* A pair's features x[d], each of variance 1. */
void reward_draw_pair(struct random *r, size_t d, double *x);

double reward_of(size_t d, const double *theta, const double *x);

/* The probability that the first response is preferred. */
double reward_preference(size_t d, const double *theta, const double *x);

/* The model theta[d] that labels[n] of pairs x[n * d] give. Newton's method on the log loss and a ridge that is too
 * small to matter, but where there are few pairs. n may be 0. */
void reward_fit(size_t n, size_t d, const double *x, const double *labels, double *theta);

struct reward_score {
	double accuracy; /* the part of fresh pairs whose better response it prefers */
	double best_of_eight; /* the true reward of its choice among eight responses, over that of the best: 1 is all */
};

/* On fresh pairs and responses that the seed and the stream draw: the same for every model. */
struct reward_score reward_judge(size_t d, const double *truth, const double *model, uint64_t seed, uint64_t stream);

#endif
