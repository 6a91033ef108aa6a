#include "lib/pool/aggregate.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"

/* Sums of weights that should be exactly half fall a little short of it in floating point. */
static const double HALF = 0.5 * (1 - 1e-12);

static int by_p(const void *a, const void *b)
{
	const struct aggregate_cell *x = a, *y = b;
	if (x->p != y->p)
		return x->p > y->p ? 1 : -1;
	return (x->w > y->w) - (x->w < y->w);
}

/* As an integer that is ordered as the number is, which is not negative. */
static uint64_t key_of(double x)
{
	uint64_t bits;
	x += 0.0; /* -0 is 0 */
	memcpy(&bits, &x, sizeof bits);
	return bits;
}

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

/* One pass of a radix sort, by a digit of p or w: from -> to. False: it is the same in all, and nothing was done. */
static bool sort_by_digit(const struct aggregate_cell *from, struct aggregate_cell *to, size_t n, bool by_w,
			  unsigned shift)
{
	uint32_t starts[DIGITS] = {0};
	for (size_t i = 0; i < n; i++)
		starts[key_of(by_w ? from[i].w : from[i].p) >> shift & (DIGITS - 1)]++;
	if (starts[key_of(by_w ? from[0].w : from[0].p) >> shift & (DIGITS - 1)] == n)
		return false;
	uint32_t sum = 0;
	for (size_t i = 0; i < DIGITS; i++) {
		uint32_t count = starts[i];
		starts[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[starts[key_of(by_w ? from[i].w : from[i].p) >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

/* Twelve passes at most: a comparing sort of 65,535 cells takes ten times as long. False: no memory. */
static bool sort_many(struct aggregate_cell *c, size_t n)
{
	struct aggregate_cell *other = malloc(n * sizeof *other), *from = c, *to = other;
	if (!other)
		return false;
	for (int key = 0; key < 2; key++) {
		for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
			if (!sort_by_digit(from, to, n, key == 0, shift))
				continue;
			struct aggregate_cell *was = from;
			from = to;
			to = was;
		}
	}
	if (from != c)
		memcpy(c, from, n * sizeof *c);
	free(other);
	return true;
}

/* Sorts by p, then w: cells that compare equal are equal, so any sort gives the same array. */
static void sort_cells(struct aggregate_cell *c, size_t n)
{
	enum { FEW = 48, MANY = 4096 };
	if (n >= MANY && sort_many(c, n))
		return;
	if (n > FEW) {
		qsort(c, n, sizeof *c, by_p);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct aggregate_cell cell = c[i];
		size_t k = i;
		for (; k > 0 && by_p(&c[k - 1], &cell) > 0; k--)
			c[k] = c[k - 1];
		c[k] = cell;
	}
}

void aggregate_compute(const double *p, const double *w, size_t n, struct aggregate_cell *scratch,
		       struct aggregate *out)
{
	require(n >= 1);
	double total = 0, weighted = 0, squares = 0, plain = 0;
	for (size_t i = 0; i < n; i++) {
		total += w[i];
		weighted += w[i] * p[i];
		squares += w[i] * w[i];
		plain += p[i];
		scratch[i] = (struct aggregate_cell){p[i], w[i]};
	}
	double mean = weighted / total, variance = 0;
	for (size_t i = 0; i < n; i++)
		variance += w[i] * (p[i] - mean) * (p[i] - mean);

	sort_cells(scratch, n);
	double sum = 0;
	size_t at = 0;
	while (at < n - 1 && (sum += scratch[at].w) < HALF * total)
		at++;

	*out = (struct aggregate){
		.mean = mean,
		.median = scratch[at].p,
		.plain_mean = plain / (double)n,
		.plain_median = scratch[(n + 1) / 2 - 1].p,
		.spread = sqrt(variance / total),
		.ess = total * total / squares,
		.n = n,
	};
}
