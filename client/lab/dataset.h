/* dataset.h - a whole campaign in memory, reports and outcomes in the order of items, and its replay under a scheme.
 * Pure: no I/O, no clock. */
#ifndef CANDOR_LAB_DATASET_H
#define CANDOR_LAB_DATASET_H

#include <stdatomic.h>

#include "client/lab/regret.h"
#include "client/lab/score.h"

struct dataset {
	struct names *labeler_names, *item_names;
	const char **labelers; /* [n_labelers] names by id, made by dataset_finish() */
	uint32_t n_labelers;
	uint64_t n_items, items_cap, n_reports, reports_cap, n_known;
	uint64_t *first; /* [n_items + 1] of its reports */
	double *outcomes; /* [n_items]; NaN: not known */
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

/* No more rows. 0 or -ENOMEM. */
MUST_CHECK int dataset_finish(struct dataset *d);

/* T_eff at its end: scored reports / labelers. */
double dataset_t_eff(const struct dataset *d);

struct replay {
	struct score scores[SCHEME_FORECASTS_MAX];
	double regret[SCHEME_FORECASTS_MAX]; /* against the labeler for whom it is largest */
	uint32_t best[SCHEME_FORECASTS_MAX]; /* who that is; NAMES_NONE where no outcome is known */
	double best_loss[SCHEME_FORECASTS_MAX]; /* its mean own loss */
	uint32_t heaviest, lightest; /* at the end, of the mechanism; NAMES_NONE for other schemes, and where all weigh
				     * the same */
	double heaviest_weight, lightest_weight;
};

/* Replays items order[n_items] (NULL: in their own order), each closed, scored where its outcome is known, and resolved
 * at once. *done (may be NULL) counts items as they are done; other threads may read it. 0 or an error of the scheme.
 */
MUST_CHECK int dataset_replay(const struct dataset *d, const uint32_t *order, const struct scheme_class *class,
			      const struct candor_settings *settings, atomic_uint_fast64_t *done, struct replay *out);

#endif
