/* buckets.h - how often values up to which bound came: counts under a few bounds that never change, with their sum.
 *
 * For what others add up and compare over machines and years; where quantiles are wanted to an eighth there is
 * histogram.h. All zero: nothing came. One thread at a time. */
#ifndef CANDOR_BUCKETS_H
#define CANDOR_BUCKETS_H

#include <stdint.h>

enum { BUCKETS = 16 };

/* Upper bounds, each included: from 100 us to 10 s, in ns; and from 1 to 100,000, for what is counted. */
extern const uint64_t buckets_of_time[BUCKETS], buckets_of_count[BUCKETS];

struct buckets {
	uint64_t n, sum;
	uint64_t each[BUCKETS]; /* above the bound before and up to its own; what is above all of them is only in n */
};

/* bounds: always the same. */
void buckets_add(struct buckets *b, const uint64_t *bounds, uint64_t value);

#endif
