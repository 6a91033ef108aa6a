#include "lib/pool/mechanism.h"

#include <math.h>

#include "lib/base/err.h"

static bool within(double x, double lo, double hi)
{
	return x >= lo && x <= hi; /* false for NaN */
}

void mechanism_defaults(struct candor_settings *s)
{
	if (s->rate == CANDOR_RATE_UNSPECIFIED)
		s->rate = CANDOR_ANYTIME;
	if (s->c == 0 && s->rate != CANDOR_FIXED)
		s->c = 1;
	if (s->beta == 0 && s->rate == CANDOR_ANYTIME)
		s->beta = 0.01;
	if (s->share == 0)
		s->share = 1e-9;
	if (s->entry == 0)
		s->entry = 1;
	if (s->signs == CANDOR_SIGNS_UNSPECIFIED)
		s->signs = CANDOR_POSITIVE;
	s->wrong += 0.0; /* -0 is 0 */
	s->has_wrong = s->has_scored = false;
}

const char *mechanism_settings_fault(const struct candor_settings *s)
{
	if (s->rate < CANDOR_ANYTIME || s->rate > CANDOR_FIXED)
		return "settings.rate must be ANYTIME, HORIZON or FIXED";
	if (s->rate == CANDOR_FIXED) {
		if (!within(s->eta, 1e-9, 0.5))
			return "settings.eta must be from 1e-9 to 0.5 if the rate is FIXED";
		if (s->c != 0)
			return "settings.c does not apply to the rate FIXED";
	} else {
		if (!within(s->c, 1e-9, 100))
			return "settings.c must be from 1e-9 to 100";
		if (s->eta != 0)
			return "settings.eta applies only to the rate FIXED";
	}
	if (s->rate == CANDOR_HORIZON) {
		if (!within(s->horizon, 1, 1e15))
			return "settings.horizon must be from 1 to 1e15 if the rate is HORIZON";
	} else if (s->horizon != 0) {
		return "settings.horizon applies only to the rate HORIZON";
	}
	if (s->rate == CANDOR_ANYTIME) {
		if (!within(s->beta, 1e-9, 0.5))
			return "settings.beta must be from 1e-9 to 0.5";
	} else if (s->beta != 0) {
		return "settings.beta applies only to the rate ANYTIME";
	}
	if (!within(s->share, 1e-9, 0.5))
		return "settings.share must be from 1e-9 to 0.5";
	if (!within(s->entry, 1e-6, 1e6))
		return "settings.entry must be from 1e-6 to 1e6";
	if (!within(s->wrong, 0, 0.49))
		return "settings.wrong must be from 0 to 0.49";
	if (s->signs < CANDOR_POSITIVE || s->signs > CANDOR_FREE)
		return "settings.signs must be POSITIVE or FREE";
	return NULL;
}

double mechanism_eta(const struct candor_settings *s, uint64_t labelers, unsigned epoch)
{
	double n = labelers < 2 ? 2 : (double)labelers, eta = s->eta;
	if (s->rate == CANDOR_ANYTIME)
		eta = s->c * sqrt(log(n / s->beta) / ldexp(1, (int)epoch));
	else if (s->rate == CANDOR_HORIZON)
		eta = s->c * sqrt(log(n) / s->horizon);
	return eta < 0.5 ? eta : 0.5;
}

unsigned mechanism_epoch(const struct candor_settings *s, unsigned epoch, uint64_t scored, uint64_t labelers)
{
	if (s->rate != CANDOR_ANYTIME || labelers == 0)
		return epoch;
	/* In integers, so that T_eff = 2^k is hit exactly. */
	while (epoch < EPOCH_MAX && scored >> (epoch + 1) >= labelers)
		epoch++;
	return epoch;
}

double mechanism_reset(double w, double entry, double beta, unsigned resets)
{
	if (resets == 0)
		return w;
	double keep = 1;
	for (unsigned i = 0; i < resets; i++)
		keep *= 1 - beta;
	return entry + keep * (w - entry);
}

double mechanism_loss(double p, double y)
{
	return (p - y) * (p - y);
}
