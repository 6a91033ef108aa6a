#include "client/lab/stats.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double at_part(const double *x, size_t n, double part)
{
	double place = part * (double)(n - 1);
	size_t k = (size_t)place;
	return k + 1 < n ? x[k] + (place - (double)k) * (x[k + 1] - x[k]) : x[k];
}

struct quartiles stats_quartiles(double *x, size_t n)
{
	size_t numbers = 0;
	for (size_t i = 0; i < n; i++)
		if (!isnan(x[i]))
			x[numbers++] = x[i];
	n = numbers;
	if (n == 0)
		return (struct quartiles){NAN, NAN, NAN};
	qsort(x, n, sizeof *x, ascending);
	return (struct quartiles){at_part(x, n, 0.25), at_part(x, n, 0.5), at_part(x, n, 0.75)};
}

double stats_exponent(const double *x, const double *y, size_t n)
{
	double count = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
	for (size_t i = 0; i < n; i++) {
		if (!(x[i] > 0 && y[i] > 0))
			continue;
		double lx = log(x[i]), ly = log(y[i]);
		count++;
		sx += lx;
		sy += ly;
		sxx += lx * lx;
		sxy += lx * ly;
	}
	return count < 3 ? NAN : (count * sxy - sx * sy) / (count * sxx - sx * sx);
}

double stats_geometric_mean(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += log(x[i]);
	return exp(sum / (double)n);
}
