/* histogram.h - how often values of which size came: counts in buckets that grow with the value, eight to each power of
 * two, so that a quantile is known to an eighth. In a fixed size, with one addition a value.
 *
 * All zero: nothing came. One thread at a time. */
#ifndef CANDOR_HISTOGRAM_H
#define CANDOR_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 48, /* larger values count in the last bucket */
	HISTOGRAM_BUCKETS = 8 * (HISTOGRAM_BITS - 2),
};

struct histogram {
	uint64_t n, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value);

/* The bucket of a value, and the largest value that belongs to a bucket. */
unsigned histogram_bucket(uint64_t value);
uint64_t histogram_bound(unsigned bucket);

/* A value that q (0 to 1) of those that came do not exceed: at most an eighth too large, and never above the largest. 0
 * if nothing came. */
uint64_t histogram_quantile(const struct histogram *h, double q);

#endif
