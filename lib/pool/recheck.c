#include "lib/pool/recheck.h"

#include <math.h>

double recheck_posterior(double f, double y, double e)
{
	if (e == 0)
		return y;
	return y * (f * (1 - e) / (f * (1 - e) + (1 - f) * e)) + (1 - y) * (f * e / (f * e + (1 - f) * (1 - e)));
}

double recheck_prior(double forecast)
{
	return forecast < 0.02 ? 0.02 : forecast > 0.98 ? 0.98 : forecast;
}

int recheck_agrees(double outcome, double recheck)
{
	if (outcome == 0.5 || recheck == 0.5)
		return -1;
	return (recheck > 0.5) == (outcome > 0.5);
}

/* The rate e of errors at which two verdicts differ that often: 2 e (1 - e). */
static double rate_of(double differ)
{
	double root = 1 - 2 * (differ > 0 ? differ : 0);
	return (1 - sqrt(root > 0 ? root : 0)) / 2;
}

struct recheck_estimate recheck_estimate(uint64_t count, uint64_t disagree)
{
	const double z = 1.959963984540054;
	if (count == 0)
		return (struct recheck_estimate){.high = 0.5};
	double n = (double)count, d = (double)disagree;
	double centre = d + z * z / 2, half = z * sqrt(d * (n - d) / n + z * z / 4);
	return (struct recheck_estimate){
		.n = count,
		.disagree = disagree,
		.wrong = rate_of(d / n),
		.low = rate_of((centre - half) / (n + z * z)),
		.high = rate_of((centre + half) / (n + z * z)),
	};
}
