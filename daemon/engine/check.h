/* check.h - whether the engine's lists, counts and accounts agree with each other.
 *
 * Programs built with CANDOR_CHECKS (make VARIANT=debug, asan, fuzz) look after each event, so that a broken invariant
 * is found where it breaks. One thread, the loop's. */
#ifndef CANDOR_CHECK_H
#define CANDOR_CHECK_H

#include "daemon/engine/state.h"

/* Ends the program through require() where an invariant is broken. What takes constant time is always looked at; lists
 * of pools, items, waiters and accounts whenever they are short, else each 1,024th time. Says nothing of an engine that
 * is broken or has ended: its memory is about to be thrown away. */
void engine_check(struct engine *e);

/* To be called at the end of each event. */
static inline void engine_check_event(struct engine *e)
{
#ifdef CANDOR_CHECKS
	engine_check(e);
#else
	(void)e;
#endif
}

#endif
