/* turns.h - whose turn it is: sessions that have more to be done than fits into one turn wait here for the next.
 *
 * Queues of those who are ready, of those for whom a turn would do nothing before the engine's pressure falls, and of
 * those for whom it would do nothing before there is memory. The loop's thread only. */
#ifndef CANDOR_NET_TURNS_H
#define CANDOR_NET_TURNS_H

#include "daemon/net/session.h"

/* A session's place in a queue. All zero: it does not wait. */
struct turn {
	struct session *session;
	struct turn_queue *queue; /* NULL: in none */
	struct turn *next, *before;
};

struct turn_queue {
	struct turn *first, *last;
	size_t n;
};

/* All zero: nobody waits. */
struct turns {
	struct turn_queue ready;
	struct turn_queue waiting; /* for the engine's pressure to fall; then they queue behind those who are ready */
	struct turn_queue small, large; /* for memory, for something small or large; likewise, one after the other */
	uint64_t large_released; /* so far */
};

/* The last of a queue from now on; it waits in none. */
void turns_append(struct turn_queue *q, struct turn *turn);

/* Waits from now on, unless it does already. */
void turns_wait(struct turns *t, struct turn *turn);

/* Waits no longer. */
void turns_leave(struct turn *turn);

/* Gives the first ones in the queue their turns, one at least, until their work has come up to `until`. */
void turns_give(struct turns *t, const struct engine *e, const struct session_budget *b, uint64_t until);

/* Whether turns_give() has somebody to give a turn to. */
bool turns_are_due(const struct turns *t, const struct engine *e);

/* For tests and for builds that check: NULL, or what is wrong in the queues. */
const char *turns_check(const struct turns *t);

#endif
