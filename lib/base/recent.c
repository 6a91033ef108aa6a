#include "lib/base/recent.h"

void recent_add(struct recent *r, uint64_t now_ms, uint64_t value)
{
	uint64_t part = now_ms / RECENT_PART_MS;
	uint64_t skipped = part > r->newest ? part - r->newest : 0;
	for (uint64_t i = 0; i < skipped && i < RECENT_PARTS; i++)
		r->parts[(part - i) % RECENT_PARTS] = (struct histogram){0};
	if (skipped)
		r->newest = part;
	histogram_add(&r->parts[r->newest % RECENT_PARTS], value);
}

void recent_sum(const struct recent *r, uint64_t now_ms, struct histogram *out)
{
	uint64_t part = now_ms / RECENT_PART_MS;
	*out = (struct histogram){0};
	for (uint64_t i = 0; i < RECENT_PARTS && i <= r->newest; i++) {
		const struct histogram *h = &r->parts[(r->newest - i) % RECENT_PARTS];
		/* Where nothing came lately, what is here may be old. */
		if (r->newest - i + RECENT_PARTS <= part)
			break;
		out->n += h->n;
		out->sum += h->sum;
		out->max = h->max > out->max ? h->max : out->max;
		for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
			out->buckets[k] += h->buckets[k];
	}
}
