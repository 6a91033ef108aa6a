/* seed.h - where the chance of a test begins: a number of its own, or the one that the environment names. */
#ifndef CANDOR_TESTS_SEED_H
#define CANDOR_TESTS_SEED_H

#include "lib/base/random.h"

/* CANDOR_TEST_SEED from the environment, or `usual`. Prints it, so that a failed run can be repeated. */
uint64_t seed_of_test(uint64_t usual);

/* The same, as a generator. */
void seed_random(struct random *r, uint64_t usual);

#endif
