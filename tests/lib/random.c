#include "tests/lib/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t random_seed(uint64_t usual)
{
	const char *text = getenv("CANDOR_TEST_SEED");
	uint64_t seed = text && *text ? strtoull(text, NULL, 10) : usual;
	printf("# seed %" PRIu64 " (CANDOR_TEST_SEED sets another)\n", seed);
	return seed;
}

void random_init(struct random *r, uint64_t seed)
{
	for (size_t i = 0; i < 3; i++)
		r->state[i] = (unsigned short)(seed >> (16 * i));
	/* Near seeds give near first numbers. */
	for (int i = 0; i < 16; i++)
		random_unit(r);
}

double random_unit(struct random *r)
{
	return erand48(r->state);
}

double random_between(struct random *r, double low, double high)
{
	return low + (high - low) * random_unit(r);
}

double random_scale(struct random *r, double low, double high)
{
	return exp(random_between(r, log(low), log(high)));
}

uint64_t random_below(struct random *r, uint64_t n)
{
	return (uint64_t)(random_unit(r) * (double)n);
}

bool random_chance(struct random *r, double probability)
{
	return random_unit(r) < probability;
}

void random_bytes(struct random *r, void *out, size_t len)
{
	uint8_t *bytes = out;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_below(r, 256);
}
