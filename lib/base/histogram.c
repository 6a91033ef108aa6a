#include "lib/base/histogram.h"

enum { STEPS_BITS = 3, STEPS = 1 << STEPS_BITS };

/* Values below 8 have a bucket each; above, the bucket is the power of two and the three bits behind its first one. */
unsigned histogram_bucket(uint64_t value)
{
	if (value < STEPS)
		return (unsigned)value;
	if (value >> HISTOGRAM_BITS)
		return HISTOGRAM_BUCKETS - 1;
	unsigned power = 63u - (unsigned)__builtin_clzll(value);
	unsigned step = (unsigned)(value >> (power - STEPS_BITS)) & (STEPS - 1);
	return (power - STEPS_BITS + 1) * STEPS + step;
}

uint64_t histogram_bound(unsigned bucket)
{
	if (bucket < STEPS)
		return bucket;
	if (bucket >= HISTOGRAM_BUCKETS - 1)
		return UINT64_MAX;
	unsigned shift = bucket / STEPS - 1;
	return ((uint64_t)(STEPS + bucket % STEPS + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->n++;
	h->sum += value;
	if (value > h->max)
		h->max = value;
	h->buckets[histogram_bucket(value)]++;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	uint64_t wanted = (uint64_t)(q * (double)h->n), seen = 0;
	if (h->n == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= wanted && seen > 0)
			return histogram_bound(i) < h->max ? histogram_bound(i) : h->max;
	}
	return h->max;
}
