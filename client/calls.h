/* calls.h - the unanswered requests of one client: a table from id to callback.
 *
 * Ids are assigned in ascending order from 1 and answered mostly in that order, so the id itself is the hash: lookups
 * touch neighbouring slots, and each costs O(1) whatever the number in flight. No I/O; all zero is an empty table. */
#ifndef CANDOR_CALLS_H
#define CANDOR_CALLS_H

#include "client/candor_async.h"
#include "lib/base/err.h"

struct call {
	uint64_t id; /* 0: a free slot */
	candor_on_response *on_response;
	void *arg;
	enum candor_response_type expected;
};

struct calls {
	struct call *slots;
	size_t n, cap; /* cap is 0 or a power of two, and at least twice n */
};

/* Adds a call whose id is not in the table. 0 or -ENOMEM. */
MUST_CHECK int calls_put(struct calls *t, const struct call *call);

/* Removes the call with this id: 1 and *out, or 0 if there is none. */
int calls_take(struct calls *t, uint64_t id, struct call *out);

void calls_free(struct calls *t);

#endif
