#include "lib/pool/aggregate.h"

#include <math.h>
#include <stdlib.h>

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

/* Sorts by p, then w: cells that compare equal are equal, so any sort gives the same array. */
static void sort_cells(struct aggregate_cell *c, size_t n)
{
	if (n > 48) {
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
