/* strategy.h - what labelers make of their beliefs: honest ones report them, the others have reasons not to.
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
	uint64_t item, items; /* which, of how many */
	bool was_heavy; /* its standing has once been STRATEGY_HEAVY; where all are equal: a third is over */
	double leader_last; /* the last report of who stands highest, of any where all are equal; 0.5 before it */
	double lot; /* even in [0, 1), the same for all who answer the item */
	double dice; /* even in [0, 1), its own */
	/* For the best responder alone, see responder.h: NULL, and it is truthful; where it says what it expects. */
	const struct responder_outlook *outlook;
	struct responder_gain *gain; /* may be NULL */
};

/* The standing at which a sleeper wakes, 1 being where one nobody knows stands. */
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

/* By name, the truthful one included; NULL: there is none. */
const struct strategy *strategy_find(const char *name);

#endif
