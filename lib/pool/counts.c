#include "lib/pool/counts.h"

void counts_add(struct outcome_counts *c, double y, double said)
{
	c->n1 += y;
	c->n0 += 1 - y;
	c->a += y * said;
	c->b += (1 - y) * said;
}

double counts_true(double x, double other, double e)
{
	/* The formula gives the same for e = 0, but takes a division. */
	return e == 0 ? x : ((1 - e) * x - e * other) / (1 - 2 * e);
}

static double at_least_0(double x)
{
	return x > 0 ? x : 0;
}

static double part(double x, double of, double prior)
{
	of = at_least_0(of);
	x = at_least_0(x);
	return ((x < of ? x : of) + 2 * prior) / (of + 2);
}

struct counts_rates counts_rates(const struct outcome_counts *c, double e, struct counts_rates prior)
{
	return (struct counts_rates){
		part(counts_true(c->a, c->b, e), counts_true(c->n1, c->n0, e), prior.a),
		part(counts_true(c->b, c->a, e), counts_true(c->n0, c->n1, e), prior.b),
	};
}
