/* pool_play.h - random events in a pool of an engine: reports, closings, outcomes one by one and together, second
 * verdicts, items that are withdrawn, changes of settings. They depend on the seed alone. For cmocka tests. */
#ifndef CANDOR_TESTS_POOL_PLAY_H
#define CANDOR_TESTS_POOL_PLAY_H

#include "lib/base/random.h"
#include "tests/lib/fake_owner.h"

struct pool_play {
	const char *pool;
	struct random random;
	uint32_t items, labelers; /* "i0", "i1", ...; "L0" and so on */
	uint64_t blocks, rechecks; /* that were accepted */
};

void pool_play_init(struct pool_play *p, const char *pool, uint32_t labelers, uint64_t seed);

/* Steps of it; the clock goes on now and then. */
void pool_play_steps(struct pool_play *p, struct fake_owner *f, int steps);

#endif
