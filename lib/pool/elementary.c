#include "lib/pool/elementary.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: a multiple of the first by a whole number below 2^20 is exact. */
static const double LN2_HI = 6.93147180369123816490e-01, LN2_LO = 1.90821492927058770002e-10;
static const double LOG2_E = 1.44269504088896338700;
static const double SQRT_HALF = 0.70710678118654752440;

double elementary_exp(double x)
{
	/* 1/k!, for the Taylor polynomial. */
	static const double terms[] = {
		1.0 / 87178291200.0,
		1.0 / 6227020800.0,
		1.0 / 479001600.0,
		1.0 / 39916800.0,
		1.0 / 3628800.0,
		1.0 / 362880.0,
		1.0 / 40320.0,
		1.0 / 5040.0,
		1.0 / 720.0,
		1.0 / 120.0,
		1.0 / 24.0,
		1.0 / 6.0,
		1.0 / 2.0,
		1.0,
		1.0,
	};
	if (x < -700)
		return 0;
	if (x == 0)
		return 1; /* as the polynomial gives, too */
	double k = floor(x * LOG2_E + 0.5);
	double r = (x - k * LN2_HI) - k * LN2_LO;
	double sum = terms[0];
	for (size_t i = 1; i < sizeof terms / sizeof *terms; i++)
		sum = sum * r + terms[i];
	return ldexp(sum, (int)k);
}

/* As frexp(): x = f * 2^e with f in [1/2, 1). */
static double split(double x, int *e)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	*e = (int)(bits >> 52) - 1022;
	bits = (bits & 0x000fffffffffffff) | 0x3fe0000000000000;
	memcpy(&x, &bits, sizeof bits);
	return x;
}

double elementary_ln(double x)
{
	/* 1/j for odd j, for the series of 2 artanh(t). */
	static const double terms[] = {
		1.0 / 23.0, 1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0,
		1.0 / 11.0, 1.0 / 9.0,  1.0 / 7.0,  1.0 / 5.0,  1.0 / 3.0,  1.0,
	};
	int e;
	double f = split(x, &e);
	if (f < SQRT_HALF) {
		f = 2 * f;
		e--;
	}
	double t = (f - 1) / (f + 1), u = t * t;
	double sum = terms[0];
	for (size_t i = 1; i < sizeof terms / sizeof *terms; i++)
		sum = sum * u + terms[i];
	return e * LN2_HI + (2 * t * sum + e * LN2_LO);
}
