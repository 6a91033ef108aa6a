/* doorman.h - a door without a session: what it submits is answered at once, with little.
 *
 * What a door promises of its frames fails a require() where it does not hold. One thread. */
#ifndef CANDOR_TESTS_DOORMAN_H
#define CANDOR_TESTS_DOORMAN_H

#include "daemon/http/door.h"
#include "lib/base/buf.h"

enum { DOORMAN_FRAME_MAX = 2048 };

struct doorman {
	struct door *door;
	struct buf submitted; /* frames that are not answered yet */
	struct buf said; /* HTTP */
	size_t work; /* as the door counts it, for all that it said */
	unsigned requests;
	unsigned pages; /* of changes: the third is waited for, and never comes */
	bool is_starved; /* an answer could not be made, or bytes not taken: there was no memory */
};

/* 0 or -ENOMEM. */
MUST_CHECK int doorman_open(struct doorman *h);

/* All bytes, in pieces of `cut` at most, and then the end of the connection. */
void doorman_play(struct doorman *h, const void *bytes, size_t len, size_t cut);

/* The door goes; what was said stays the caller's. */
void doorman_close(struct doorman *h);

#endif
