/* fault_play.h - a script of requests, played over and over, each time with another fault.
 *
 * Played once without, it says what every answer and every state is. With a fault, each request is acknowledged and
 * has its effect, or is refused and has none, or the engine ends and its successor finds what was acknowledged and the
 * refused request wholly or not at all; asked again without the fault it is acknowledged; and what stands at the end is
 * the same to the last bit. What a fault does to files, a copy of them as a crash would leave them says as well.
 *
 * For cmocka tests: what is otherwise fails the test with the fault and the request. */
#ifndef CANDOR_TESTS_FAULT_PLAY_H
#define CANDOR_TESTS_FAULT_PLAY_H

#include "lib/base/buf.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/fault.h"

enum { PLAY_BATCH_MAX = 3 };

struct play_step {
	const char *what;
	bool once; /* where it stands, asking again does not find it acknowledged; and its answer is another each time */
	bool halves; /* half of it may stand when it is refused: an open item that is resolved is closed first */
	size_t n; /* requests that are written together; more than one: none may need what is not in memory */
	struct candor_request requests[PLAY_BATCH_MAX];
};

struct play {
	struct fake_owner image; /* stopped: what every round begins with */
	const struct play_step *steps;
	size_t n;
	char **states; /* [n + 1], before each step and after the last */
	struct buf *answers; /* [n] all answers of a step, encoded */
	char *events; /* in the end, who did what */
};

/* A script with all that an engine does: it begins with a pool of some history. many: with rows and requests that are
 * written together; else each row is a request of its own, so that none is half done. */
void play_init(struct play *p, bool many);
void play_deinit(struct play *p);

/* One round; how many faults struck. */
uint64_t play_round(struct play *p, const struct fault *fault);

/* A round for every n, until one meets no fault; bounded, for every few of them. */
void play_every(enum fault_kind kind, enum fault_how how, bool lasting, bool many);

/* Faults by all of these so far. */
uint64_t play_injected(void);

/* For a program of such rounds: before and after all of them, and before each test, where one that failed may have left a
 * fault armed. */
int play_set_up(void **state);
int play_tear_down(void **state);
int play_reset(void **state);

/* A database with some history, stopped; the same each time. fake_deinit() when done. */
void play_make_image(struct fake_owner *f);

#endif
