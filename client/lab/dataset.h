/* dataset.h - a whole campaign in memory: reports, outcomes, and how these came, in the order of items.
 * Pure: no I/O, no clock. */
#ifndef CANDOR_LAB_DATASET_H
#define CANDOR_LAB_DATASET_H

#include "lib/pool/pool.h"

struct dataset {
	struct names *labeler_names, *item_names;
	const char **labelers; /* [n_labelers] names by id, made by dataset_finish() */
	uint32_t n_labelers;
	uint64_t n_items, items_cap, n_reports, reports_cap, n_known;
	uint64_t *first; /* [n_items + 1] of its reports */
	double *outcomes; /* [n_items]; NaN: not known */
	/* Likewise: the block whose outcomes are settled together (NAMES_NONE: none), when an item was closed, and when
	 * its outcome became known (NaN: not said); without times the latter is how many items were closed before. */
	struct names *block_names;
	uint32_t *blocks, n_blocks;
	double *times, *known_at;
	uint64_t n_times, n_known_at; /* items that have these */
	uint32_t *reporters; /* [n_reports] */
	double *reports; /* [n_reports] */
	uint64_t *places; /* [labelers_cap] 1 + where in reports[] a labeler's newest one is; 0: it has none */
	uint64_t labelers_cap;
};

/* 0 or -ENOMEM, and then there is nothing to free. */
MUST_CHECK int dataset_init(struct dataset *d);
void dataset_free(struct dataset *d);

/* The next row: a report in [0, 1] on an item, and the item's outcome in [0, 1] or NaN. A labeler's second report on an
 * item replaces its first. 0; ERR_STATE where the item's rows are not together; ERR_CONFLICT where it has
 * another outcome already; ERR_FULL after ITEM_REPORTS_MAX reports on it; -ENOMEM. After an error no row was added. */
MUST_CHECK int dataset_add(struct dataset *d, const char *item, const char *labeler, double report, double outcome);

/* What else the newest row says of its item: block (NULL: nothing), time and known_at (NaN: nothing). 0; ERR_CONFLICT
 * where an earlier row said something else, and then *field names it; -ENOMEM. */
MUST_CHECK int dataset_place(struct dataset *d, const char *block, double time, double known_at, const char **field);

/* No more rows. 0 or -ENOMEM. */
MUST_CHECK int dataset_finish(struct dataset *d);

/* T_eff at its end: scored reports / labelers. */
double dataset_t_eff(const struct dataset *d);

#endif
