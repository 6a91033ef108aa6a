/* old_bound.h - mechanism_bound() kept: what past stretches come to, so that asking costs O(log stretches).
 *
 * The past stretches never change; they stand here sorted by what a scored report costs in them, with the sums of those
 * before. The last stretch changes with each settlement and is passed in. The same stretches give the same bits,
 * whether they were added one by one or at once. One thread at a time. */
#ifndef CANDOR_OLD_BOUND_H
#define CANDOR_OLD_BOUND_H

#include "lib/base/err.h"
#include "lib/pool/mechanism.h"

struct old_bound_step {
	double cost; /* of a scored report */
	uint64_t rounds;
	uint32_t number; /* of the stretch */
	/* Of this one and all before it, which are not cheaper: */
	uint64_t all_rounds;
	double all_cost;
};

/* All zero: no past stretches. */
struct old_bound {
	struct old_bound_step *steps; /* sorted */
	size_t n, cap;
	double rate_sum; /* of 1 / eta_lo */
	double floor_sum; /* of ln(floor) / eta_lo */
};

void old_bound_free(struct old_bound *b);
size_t old_bound_bytes(const struct old_bound *b);

/* Space for `cap` stretches. 0 or -ENOMEM. */
MUST_CHECK int old_bound_reserve(struct old_bound *b, size_t cap);

/* The next past stretches, the first of which has that number. There must be space. O(stretches) for one. */
void old_bound_add(struct old_bound *b, const struct mechanism_stretch *stretches, size_t n, size_t number);

/* As mechanism_bound() over the past stretches and `last`. */
double old_bound_of(const struct old_bound *b, const struct mechanism_stretch *last, double total_weight, double entry,
		    uint64_t scored);

#endif
