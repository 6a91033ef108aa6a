#include "tests/lib/seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t seed_of_test(uint64_t usual)
{
	const char *text = getenv("CANDOR_TEST_SEED");
	uint64_t seed = text && *text ? strtoull(text, NULL, 10) : usual;
	printf("# seed %" PRIu64 " (CANDOR_TEST_SEED sets another)\n", seed);
	return seed;
}

void seed_random(struct random *r, uint64_t usual)
{
	random_init(r, seed_of_test(usual), 0);
}
