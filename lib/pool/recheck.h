/* recheck.h - outcomes that may be wrong: the number to train on, and how many are, by second verdicts. Pure. */
#ifndef CANDOR_RECHECK_H
#define CANDOR_RECHECK_H

#include <stdint.h>

/* What an outcome y says where outcomes are wrong with probability e in [0, 0.49], if A was right with probability
 * `before` (in (0, 1) unless e = 0): by Bayes' rule. A recheck is a second one, with what the first gave in place of
 * `before`. */
double recheck_posterior(double before, double y, double e);

/* A frozen forecast as what was believed before: drawn into [0.02, 0.98]. */
double recheck_prior(double forecast);

/* 1, 0 or -1 for a recheck that agrees with the outcome, one that does not, and one that tells nothing because either
 * is 1/2. */
int recheck_agrees(double outcome, double recheck);

struct recheck_estimate {
	uint64_t n, disagree; /* rechecks that tell something, and those that differ */
	double wrong; /* the part of outcomes that is wrong, if both err on their own and as often; 0 where n is */
	double low, high; /* its 95 % interval (Wilson's, mapped); [0, 0.5] where n is 0 */
};

struct recheck_estimate recheck_estimate(uint64_t n, uint64_t disagree);

#endif
