#include "lib/base/random.h"

#include <math.h>
#include <sodium.h>

#include "lib/base/err.h"

void random_init(struct random *r, uint64_t seed, uint64_t stream)
{
	/* Picks the fastest ChaCha20 of this processor; without it the stream is the same. */
	require(sodium_init() >= 0);
	*r = (struct random){.seed = seed, .stream = stream, .used = RANDOM_BLOCK};
}

static void put_number(uint8_t *to, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(x >> (8 * i));
}

static uint64_t get_number(const uint8_t *from)
{
	uint64_t x = 0;
	for (int i = 0; i < 8; i++)
		x |= (uint64_t)from[i] << (8 * i);
	return x;
}

static void next_block(struct random *r)
{
	uint8_t key[randombytes_SEEDBYTES] = {0}, bytes[sizeof r->numbers];
	put_number(key, r->seed);
	put_number(key + 8, r->stream);
	put_number(key + 16, r->block++);
	randombytes_buf_deterministic(bytes, sizeof bytes, key);
	for (size_t i = 0; i < RANDOM_BLOCK; i++)
		r->numbers[i] = get_number(bytes + 8 * i);
	r->used = 0;
}

uint64_t random_bits(struct random *r)
{
	if (r->used == RANDOM_BLOCK)
		next_block(r);
	return r->numbers[r->used++];
}

double random_unit(struct random *r)
{
	return (double)(random_bits(r) >> 11) * 0x1p-53;
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
	/* Deviates from uniform by at most n / 2^32, which no simulation can see. */
	return (random_bits(r) >> 32) * n >> 32;
}

bool random_chance(struct random *r, double probability)
{
	return random_unit(r) < probability;
}

/* Marsaglia's polar method, which gives two numbers at a time. */
double random_normal(struct random *r)
{
	double x, y, s;
	if (r->has_spare) {
		r->has_spare = false;
		return r->spare;
	}
	do {
		x = random_between(r, -1, 1);
		y = random_between(r, -1, 1);
		s = x * x + y * y;
	} while (s >= 1 || s == 0);
	double scale = sqrt(-2 * log(s) / s);
	r->spare = y * scale;
	r->has_spare = true;
	return x * scale;
}

void random_bytes(struct random *r, void *out, size_t len)
{
	uint8_t *bytes = out;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_bits(r);
}

void random_shuffle(struct random *r, uint32_t *array, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below(r, i);
		uint32_t moved = array[i - 1];
		array[i - 1] = array[k];
		array[k] = moved;
	}
}
