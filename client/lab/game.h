/* game.h - a simulated campaign: a world's items, labelers with strategies, one scheme that forecasts and learns.
 *
 * Strategies see the weights of the scheme they play under, so each scheme has a game of its own; the world's draws,
 * and who follows which strategy, are the same in all games of one seed and stream. Everything is scored against the
 * truth: all items, or, where the outcomes of some never come, those. Outcomes that are on their way at the end come
 * before anybody looks back. Pure; games may run in different threads. */
#ifndef CANDOR_LAB_GAME_H
#define CANDOR_LAB_GAME_H

#include <stdatomic.h>

#include "client/lab/regret.h"
#include "client/lab/reward.h"
#include "client/lab/score.h"
#include "client/lab/strategy.h"
#include "client/lab/world.h"

enum { GAME_GROUPS_MAX = 8, GAME_CHECKPOINTS_MAX = 64, GAME_DELAY_MAX = 1000000, GAME_TOGETHER_MAX = 100000 };

/* Labelers that follow a strategy. It may be the truthful one, so that they can be told from the others. */
struct game_group {
	const struct strategy *strategy;
	uint32_t count;
};

struct game_options {
	struct world_options world;
	const struct scheme_class *class;
	struct candor_settings settings; /* complete and in range */
	uint64_t delay; /* items that are closed between an item and its outcome; at most GAME_DELAY_MAX */
	uint64_t together; /* outcomes that come at once, up to GAME_TOGETHER_MAX, and are settled as one; 0 is 1 */
	bool apart; /* ... but settled one by one */
	size_t n_groups;
	struct game_group groups[GAME_GROUPS_MAX]; /* the labelers of all together at most world.labelers */
	size_t n_checkpoints;
	uint64_t checkpoints
		[GAME_CHECKPOINTS_MAX]; /* items after which curves have a point: ascending, the last is world.items */

	/* Called with each item as it was closed, if not NULL. names: as scheme_options has them. */
	void (*on_item)(void *arg, const struct scheme_item *item, const struct world_draw *draw,
			const char *const *names);
	void *arg;
	atomic_uint_fast64_t *done; /* if not NULL: counts items; other threads may read it */
};

struct game_result {
	struct score scores[SCHEME_FORECASTS_MAX];
	double regret[SCHEME_FORECASTS_MAX]; /* the largest against any labeler, by the reports as made */
	double regrets[SCHEME_FORECASTS_MAX][GAME_CHECKPOINTS_MAX]; /* the same after so many items */
	double best_loss; /* world_best_loss(): what the losses are compared with, whatever the strategies */

	/* The influence of those in groups: their part of an item's first forecast, on average; and on average since
	 * the previous checkpoint. NaN where the scheme's forecast is no weighted mean. */
	double influence, influences[GAME_CHECKPOINTS_MAX];
	double groups_standing; /* their mean standing at the end; NaN where there are none */

	/* Of the mechanism: the largest ratio of a labeler's gain to its regret bound, at any checkpoint and at the
	 * end; above 1 the bound would not hold. The largest gain at the end, and the bound of that labeler. NaN for
	 * other schemes. */
	double bound_used, gain, bound;

	/* Where items have features: models trained on what each forecast makes of the reports at the end, or on the
	 * outcome where it was posted; on all truths; and on the posted outcomes alone. */
	struct reward_score trained[SCHEME_FORECASTS_MAX], trained_truths, trained_posted;

	/* Best responders: their answers, and what each time they expected to gain over truth by the end of their plan,
	 * as a part of their weight. */
	uint64_t responses;
	double gain_sum, gain_most;
	uint64_t gain_most_item;
};

/* NULL if the options are in range, else a static sentence that names the one that is not. */
const char *game_fault(const struct game_options *o);

/* Plays it to its end. 0 or an error of the scheme. */
MUST_CHECK int game_play(const struct game_options *o, struct game_result *out);

#endif
