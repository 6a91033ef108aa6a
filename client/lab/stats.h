/* stats.h - summaries of several runs: quartiles, and the exponent of a power law. Pure. */
#ifndef CANDOR_LAB_STATS_H
#define CANDOR_LAB_STATS_H

#include <stddef.h>

struct quartiles {
	double low, median, high;
};

/* Of x[n], which it overwrites; NaN is ignored; interpolated between neighbours (Hyndman and Fan's type 7). All NaN
 * where there are no numbers. */
struct quartiles stats_quartiles(double *x, size_t n);

/* The k in y = a x^k that fits best: the slope of the least squares line of ln y on ln x, over the points where both
 * are positive. NaN where there are fewer than 3. */
double stats_exponent(const double *x, const double *y, size_t n);

/* The geometric mean of x[n], all positive. NaN where n is 0. */
double stats_geometric_mean(const double *x, size_t n);

#endif
