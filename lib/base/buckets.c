#include "lib/base/buckets.h"

/* 1, 2.5 and 5 of each power of ten. */
const uint64_t buckets_of_time[BUCKETS] = {
	100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

const uint64_t buckets_of_count[BUCKETS] = {
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000,
};

void buckets_add(struct buckets *b, const uint64_t *bounds, uint64_t value)
{
	unsigned i = 0;
	b->n++;
	b->sum += value;
	/* Most values are among the first few bounds. */
	while (i < BUCKETS && value > bounds[i])
		i++;
	if (i < BUCKETS)
		b->each[i]++;
}
