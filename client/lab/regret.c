#include "client/lab/regret.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int regret_init(struct regret *r, uint32_t labelers, int n_forecasts)
{
	*r = (struct regret){.labelers = labelers, .n_forecasts = n_forecasts};
	r->accounts = calloc(labelers, sizeof *r->accounts);
	return r->accounts ? 0 : -ENOMEM;
}

void regret_free(struct regret *r)
{
	free(r->accounts);
}

void regret_add(struct regret *r, const struct scheme_item *item, const double *forecasts, double truth)
{
	double losses[SCHEME_FORECASTS_MAX];
	for (int f = 0; f < r->n_forecasts; f++)
		losses[f] = mechanism_loss(forecasts[f], truth);
	for (size_t i = 0; i < item->n; i++) {
		struct regret_account *a = &r->accounts[item->labelers[i]];
		a->n++;
		a->own += mechanism_loss(item->reports[i], truth);
		for (int f = 0; f < r->n_forecasts; f++)
			a->forecasts[f] += losses[f];
	}
}

double regret_of(const struct regret *r, int forecast, uint32_t *best)
{
	double most = -INFINITY;
	uint32_t who = NAMES_NONE;
	for (uint32_t id = 0; id < r->labelers; id++) {
		const struct regret_account *a = &r->accounts[id];
		if (a->n > 0 && a->forecasts[forecast] - a->own > most) {
			most = a->forecasts[forecast] - a->own;
			who = id;
		}
	}
	if (best)
		*best = who;
	return most;
}
