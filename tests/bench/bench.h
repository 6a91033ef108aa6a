/* bench.h - what the benches share: medians, how much to do, and how a figure is printed. */
#ifndef CANDOR_TESTS_BENCH_H
#define CANDOR_TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/clock.h"

static inline int bench_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Sorts x[n]. */
static inline double bench_median(double *x, size_t n)
{
	qsort(x, n, sizeof *x, bench_compare);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Sorts x[n], n > 0. */
static inline double bench_p99(double *x, size_t n)
{
	qsort(x, n, sizeof *x, bench_compare);
	return x[n * 99 / 100];
}

/* Runs that the median is taken of: BENCH_RUNS in the environment, else 5. */
static inline size_t bench_runs(void)
{
	const char *text = getenv("BENCH_RUNS");
	long n = text ? strtol(text, NULL, 10) : 5;
	return n >= 1 && n <= 50 ? (size_t)n : 5;
}

/* A number of things to do, from the environment, for shorter or longer runs. */
static inline size_t bench_size(const char *variable, size_t otherwise)
{
	const char *text = getenv(variable);
	long n = text ? strtol(text, NULL, 10) : 0;
	return n > 0 ? (size_t)n : otherwise;
}

/* One line: what, its rate, the limit's rate, their ratio as the median over pairs of runs. */
static inline void bench_print(const char *what, double rate, const char *limit, double limit_rate, double ratio)
{
	printf("%-42s %10.0f /s  %-30s %10.0f /s  ratio %.2f\n", what, rate, limit, limit_rate, ratio);
	fflush(stdout);
}

#endif
