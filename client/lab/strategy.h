/* strategy.h - what labelers make of their beliefs: honest labelers report them, others have reasons not to.
 * Each strategy is a pure function of what a labeler sees when it answers. */
#ifndef CANDOR_LAB_STRATEGY_H
#define CANDOR_LAB_STRATEGY_H

#include <stdbool.h>
#include <stdint.h>

struct responder_outlook;
struct responder_gain;

/* What a labeler sees when it answers an item. */
struct strategy_view {
	double belief; /* that the truth is 1 */
	uint64_t item, items; /* index and count */
	bool was_heavy; /* its standing was once STRATEGY_HEAVY; where all are equal: a third of the items is over */
	double leader_last; /* the last report of the labeler with the highest standing; 0.5 before the first */
	double lot; /* uniform in [0, 1), the same for all who answer the item */
	double dice; /* uniform in [0, 1), its own */
	/* For the best responder only, see responder.h. outlook NULL: it is truthful. gain: where it writes what it
	 * expects. */
	const struct responder_outlook *outlook;
	struct responder_gain *gain; /* may be NULL */
};

/* The standing at which a sleeper wakes, 1 being that of an unknown labeler. */
#define STRATEGY_HEAVY 1.5

struct strategy {
	const char *name;
	double (*report)(const struct strategy_view *v); /* in [0, 1] */
	bool copies; /* looks at leader_last */
	bool one_person; /* all who follow it are one person under several names */
	unsigned horizon; /* best responder: items ahead; else 0 */
};

extern const struct strategy strategy_truthful;

/* All others; ends with one without a name. */
extern const struct strategy strategies[];

/* By name, the truthful one included. NULL: no such strategy. */
const struct strategy *strategy_find(const char *name);

#endif
