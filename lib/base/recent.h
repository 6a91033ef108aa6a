/* recent.h - a histogram of what came in the last minute.
 *
 * It has six parts of ten seconds, of which the oldest gives way to the next: so it has the last 50 to 60 seconds.
 *
 * The caller has the clock, which must not run back. All zero: nothing came. One thread at a time. */
#ifndef CANDOR_RECENT_H
#define CANDOR_RECENT_H

#include "lib/base/histogram.h"

enum { RECENT_PARTS = 6, RECENT_PART_MS = 10000 };

struct recent {
	uint64_t newest; /* the number of the newest part, by the clock */
	struct histogram parts[RECENT_PARTS];
};

void recent_add(struct recent *r, uint64_t now_ms, uint64_t value);

/* All of it as one histogram. */
void recent_sum(const struct recent *r, uint64_t now_ms, struct histogram *out);

#endif
