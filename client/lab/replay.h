/* replay.h - a data set replayed under a scheme: items are closed in order, outcomes come when and as they came, or as
 * one asks. Pure; replays may run in different threads. */
#ifndef CANDOR_LAB_REPLAY_H
#define CANDOR_LAB_REPLAY_H

#include <stdatomic.h>

#include "client/lab/dataset.h"
#include "client/lab/regret.h"
#include "client/lab/score.h"

struct replay_options {
	const struct scheme_class *class;
	struct candor_settings settings; /* complete and in range */
	const uint32_t
		*order; /* [n_items] items in the order in which they are closed; NULL: as the data set has them */
	uint64_t delay; /* items that are closed between an item and its outcome, beside what the data set says */
	uint64_t together; /* outcomes that are settled as one, in the order of their items; 0: as the data set says */
	bool apart; /* what comes together is settled one by one */
	double unaudited; /* part of the known outcomes that is never posted; above 0, those are what is judged */
	double flipped; /* probability that a posted outcome is the opposite of the known one */
	uint64_t seed, stream; /* of what is drawn at random */
	atomic_uint_fast64_t *done; /* if not NULL: counts items; other threads may read it */
};

struct replay {
	struct score scores[SCHEME_FORECASTS_MAX];
	double regret[SCHEME_FORECASTS_MAX]; /* against the labeler for whom it is largest */
	uint32_t best[SCHEME_FORECASTS_MAX]; /* who that is; NAMES_NONE where no outcome is known */
	double best_loss[SCHEME_FORECASTS_MAX]; /* its mean own loss */
	/* Of the mechanism, at the end; NAMES_NONE for other schemes, and where all weigh the same. */
	uint32_t heaviest, lightest;
	double heaviest_weight, lightest_weight;
	/* Likewise: the largest gain, the bound of that labeler, and the largest part of its bound that any labeler's
	 * gain ever was: above 1 the bound would not hold. NaN for other schemes. */
	double gain, bound, bound_used;
	double t_eff; /* of its pool at the end; NaN for other schemes */
};

/* What of the data set cannot be replayed as its moments say: NULL, or a static sentence about item *item. */
const char *replay_fault(const struct dataset *d, uint64_t *item);

/* 0, -ENOMEM or an error of the scheme. */
MUST_CHECK int replay_dataset(const struct dataset *d, const struct replay_options *o, struct replay *out);

#endif
