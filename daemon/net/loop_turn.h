/* loop_turn.h - what is done in one turn of the loop, and how it is shared out.
 *
 * Work is counted in small requests. Each holder of connections has an even part of what is done at once for those who
 * have sent something, however many connections it has; the rest of what it asks for waits for turns (turns.h). Pure.
 * The loop's thread only. */
#ifndef CANDOR_NET_LOOP_TURN_H
#define CANDOR_NET_LOOP_TURN_H

#include "daemon/net/admission.h"

/* What is done in a turn of the loop: about a millisecond. */
enum { LOOP_WORK = 256 };

struct loop_turn {
	uint64_t number; /* from 1 */
	uint64_t until; /* the sessions' work at which enough is done */
	uint64_t holders, holders_before; /* who sent something, in this turn and in the one before */
};

/* The next one; work: of the sessions so far. All zero: there was none before. */
void loop_turn_begin(struct loop_turn *t, uint64_t work);

/* How much may be done at once for a connection that has sent something, whose holder has done so much; few: only a few
 * are connected. The caller adds to work->done what it was. */
unsigned loop_turn_part(struct loop_turn *t, struct holder_work *work, bool few);

#endif
