/* waiting.h - the items of a game between closing and outcome: outcomes come late, some at a time, some never. Pure. */
#ifndef CANDOR_LAB_WAITING_H
#define CANDOR_LAB_WAITING_H

#include "client/lab/scheme.h"

struct pending {
	struct scheme_item item;
	uint32_t *labelers; /* [reporters_max], the item's */
	double *reports; /* likewise */
	double truth, outcome;
};

struct waiting {
	/* The caller's to set, at first. */
	struct scheme *scheme;
	size_t reporters_max;
	uint64_t items; /* that there will be */
	uint64_t delay; /* items that are closed between an item and its outcome */
	uint64_t together; /* outcomes that come at once, at least 1; they are settled as one, */
	bool apart; /* ... or one by one */
	bool keeps; /* items whose outcome never comes are kept for the end */

	uint64_t closed, posted, resolved;
	struct pending *ring; /* [n_ring] as many as can wait at once */
	uint64_t n_ring;
	struct scheme_item **block; /* [together] */
	double *outcomes; /* likewise */
	struct pending *kept; /* [n_kept] of [kept_cap]: without an outcome */
	size_t n_kept, kept_cap;
};

/* 0 or -ENOMEM, and then too it is the caller's to free. */
MUST_CHECK int waiting_init(struct waiting *w);
void waiting_free(struct waiting *w);

/* A place for the next item, whose outcome will come or not; until waiting_closed(). NULL: no memory. */
struct pending *waiting_next(struct waiting *w, bool known);

/* That item was closed: outcomes that are due come. 0 or an error of the scheme. */
MUST_CHECK int waiting_closed(struct waiting *w, bool known);

/* All outcomes that are on their way come. */
MUST_CHECK int waiting_finish(struct waiting *w);

#endif
