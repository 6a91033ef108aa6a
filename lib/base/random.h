/* random.h - reproducible random numbers: the same seed gives the same numbers on every machine.
 *
 * ChaCha20 (libsodium's randombytes_buf_deterministic) under a key made of the seed and the number of a stream,
 * so that streams of one seed are independent. For simulations and tests, not for secrets: seeds are
 * short. One thread at a time; a copy of the struct continues as the original would. */
#ifndef CANDOR_RANDOM_H
#define CANDOR_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANDOM_BLOCK = 128 };

struct random {
	uint64_t seed, stream, block;
	uint64_t numbers[RANDOM_BLOCK]; /* of the current block */
	uint32_t used;
	bool has_spare;
	double spare; /* the second of a pair of normal numbers */
};

void random_init(struct random *r, uint64_t seed, uint64_t stream);

uint64_t random_bits(struct random *r);
double random_unit(struct random *r); /* [0, 1), in steps of 2^-53 */
double random_between(struct random *r, double low, double high); /* uniform */
double random_scale(struct random *r, double low, double high); /* uniform in the logarithm; 0 < low <= high */
uint64_t random_below(struct random *r, uint64_t n); /* 0 to n-1; 0 < n <= 2^32 */
bool random_chance(struct random *r, double probability);
double random_normal(struct random *r); /* mean 0, variance 1 */
void random_bytes(struct random *r, void *out, size_t len);

/* Puts array[n] into a random order. */
void random_shuffle(struct random *r, uint32_t *array, size_t n);

#endif
