/* choice.h - the busiest of the pools, chosen by pieces, for there may be many thousand.
 *
 * How busy a pool is changes while others are looked at: it counts as of when it was. Of two that are equally busy the
 * older one is chosen. The loop's thread only. */
#ifndef CANDOR_METRICS_CHOICE_H
#define CANDOR_METRICS_CHOICE_H

#include <stdbool.h>

#include "daemon/engine/engine.h"

struct chosen {
	uint64_t activity, pool;
};

/* All zero but max: nothing was looked at. */
struct choice {
	size_t max; /* that are chosen */
	uint64_t looked_at; /* pools */
	bool done;
	/* While it is not done a heap, on top the one that gives way first; then in the order of pools. */
	struct chosen *each;
	size_t n, cap;
};

/* Looks at up to `most` pools. True: that was all. Without memory fewer are chosen. */
bool choice_look(struct choice *c, const struct engine *e, unsigned most);

size_t choice_bytes(const struct choice *c);
void choice_free(struct choice *c);

#endif
