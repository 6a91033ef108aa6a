/* aggregate.h - mean, median, spread and effective number of a set of weighted reports.
 * Pure; sums run in array order, so the same arrays give the same bits. */
#ifndef CANDOR_AGGREGATE_H
#define CANDOR_AGGREGATE_H

#include <stddef.h>

struct aggregate {
	double mean; /* (sum w p) / W */
	double median; /* the smallest p whose reporters with p_j <= p weigh at least W/2 */
	double plain_mean; /* both with all weights 1: plain averaging */
	double plain_median;
	double spread; /* sqrt(sum w (p - mean)^2 / W) */
	double ess; /* W^2 / sum w^2: effective number of labelers */
	size_t n;

	/* The forecast, and what it blends besides mean and plain_mean: forecast.h. aggregate_compute() leaves them
	 * alone. */
	double regression, evidence, evidence_full, forecast;
};

struct aggregate_cell {
	double p, w;
};

/* Over n >= 1 reports p[n] with weights w[n] > 0. scratch[n] is overwritten. */
void aggregate_compute(const double *p, const double *w, size_t n, struct aggregate_cell *scratch,
		       struct aggregate *out);

#endif
