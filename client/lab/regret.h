/* regret.h - regret: each labeler's losses beside those of the forecasts on the same items. Pure. */
#ifndef CANDOR_LAB_REGRET_H
#define CANDOR_LAB_REGRET_H

#include "client/lab/scheme.h"

struct regret_account {
	uint64_t n; /* scored items */
	double own; /* sum of its own Brier losses, */
	double forecasts[SCHEME_FORECASTS_MAX]; /* ... of each forecast's on those items */
};

struct regret {
	uint32_t labelers;
	int n_forecasts;
	struct regret_account *accounts; /* [labelers] */
};

/* 0 or -ENOMEM. */
MUST_CHECK int regret_init(struct regret *r, uint32_t labelers, int n_forecasts);
void regret_free(struct regret *r);

/* An item whose truth is `truth`, and the forecasts for it. */
void regret_add(struct regret *r, const struct scheme_item *item, const double *forecasts, double truth);

/* max over labelers of the forecast's loss - own loss, over what each answered; *best (may be NULL): that labeler.
 * -INFINITY and NAMES_NONE where nothing was scored. O(labelers). */
double regret_of(const struct regret *r, int forecast, uint32_t *best);

#endif
