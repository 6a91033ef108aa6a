/* counts.h - outcomes and reports counted by outcome, and the rates that they tell where some outcomes are wrong.
 *
 * Counts are of outcomes as posted. If each outcome is the opposite of the truth with probability e, a count x and its
 * counterpart x' mix: read through that, x* = ((1-e) x - e x') / (1 - 2e). So a change of e needs no conversion.
 * Pure. */
#ifndef CANDOR_COUNTS_H
#define CANDOR_COUNTS_H

/* All zero at first. */
struct outcome_counts {
	double n1, n0; /* outcomes for A, for B */
	double a, b; /* reports that said A where the outcome was A, where it was B */
};

/* How often A is said where A is right, and where B is: in (0, 1). */
struct counts_rates {
	double a, b;
};

/* A report that said A (1), B (0) or neither (1/2), and the outcome y in [0, 1]. */
static inline void counts_add(struct outcome_counts *c, double y, double said)
{
	c->n1 += y;
	c->n0 += 1 - y;
	c->a += y * said;
	c->b += (1 - y) * said;
}

/* A count read through flips of probability e in [0, 0.49]; `other` is its counterpart. May be negative. */
static inline double counts_true(double x, double other, double e)
{
	/* The formula gives the same for e = 0, but takes a division. */
	return e == 0 ? x : ((1 - e) * x - e * other) / (1 - 2 * e);
}

/* x out of `of`, with two more that the prior tells. */
static inline double counts_part(double x, double of, double prior)
{
	of = of > 0 ? of : 0;
	x = x > 0 ? x : 0;
	return ((x < of ? x : of) + 2 * prior) / (of + 2);
}

/* The rates, drawn towards the prior ones by two reports for each. Inline: closing asks once for each report. */
static inline struct counts_rates counts_rates(const struct outcome_counts *c, double e, struct counts_rates prior)
{
	return (struct counts_rates){
		counts_part(counts_true(c->a, c->b, e), counts_true(c->n1, c->n0, e), prior.a),
		counts_part(counts_true(c->b, c->a, e), counts_true(c->n0, c->n1, e), prior.b),
	};
}

#endif
