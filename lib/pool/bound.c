#include "lib/pool/bound.h"

#include "lib/pool/elementary.h"

double bound_of_first(double eta, double total_weight, double w)
{
	return elementary_ln(total_weight / w) / eta;
}

double bound_of_step(double eta, double g, double step, double after)
{
	double least = 1 + eta * g, share = step / after - 1;
	return eta * g * g / (2 * (least < 1 ? least : 1)) + (share > 0 ? share : 0) / eta;
}

void bound_settled(struct bound_totals *b, double eta, double total_weight)
{
	if (b->eta > 0)
		return;
	b->eta = eta;
	b->weight = total_weight;
}

static double grown_now(const struct bound_totals *b, double total_weight)
{
	return b->grown + (b->eta > 0 ? elementary_ln(total_weight / b->weight) / b->eta : 0);
}

void bound_next_stretch(struct bound_totals *b, double total_weight)
{
	*b = (struct bound_totals){.stretch = b->stretch + 1, .grown = grown_now(b, total_weight)};
}

double bound_now(const struct bound_totals *b, double total_weight, double limit, uint32_t last)
{
	return last == 0 ? 0 : limit + grown_now(b, total_weight);
}
