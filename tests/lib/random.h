/* random.h - repeatable chance for tests: the same seed gives the same run.
 *
 * 48 bits of state from the C library's erand48(): for drawing test cases, not for statistics or secrets. One thread
 * at a time; a copy of the struct goes on as its original would. */
#ifndef CANDOR_RANDOM_H
#define CANDOR_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	unsigned short state[3];
};

/* CANDOR_TEST_SEED from the environment, or `usual`. Prints it, so that a failed run can be repeated. */
uint64_t random_seed(uint64_t usual);

/* Seeds below 2^48 give different runs. */
void random_init(struct random *r, uint64_t seed);

double random_unit(struct random *r);                               /* [0, 1) */
double random_between(struct random *r, double low, double high);   /* evenly */
double random_scale(struct random *r, double low, double high);     /* evenly in the logarithm; 0 < low <= high */
uint64_t random_below(struct random *r, uint64_t n);                /* 0 to n-1; 0 < n <= 2^32 */
bool random_chance(struct random *r, double probability);
void random_bytes(struct random *r, void *out, size_t len);

#endif
