#include "lib/pool/settlement.h"

#include "lib/base/err.h"

double settlement_score(double p, double y, double e)
{
	double z = 1 - y;
	return (1 - e) * ((p - y) * (p - y)) - e * ((p - z) * (p - z));
}

/* L of one item; adds to its labelers' sums of L - score. */
static void compare(struct settlement_item *item, struct settlement_labeler *labelers, double wrong)
{
	double total = 0, weighted = 0, score = 0;
	for (size_t i = 0; i < item->n; i++) {
		struct settlement_labeler *l = &labelers[item->who[i]];
		score = settlement_score(item->p[i], item->outcome, wrong);
		total += l->before;
		weighted += l->before * score;
		l->scored++;
	}
	/* A sole reporter is compared with itself alone. */
	item->weighted_loss = item->n > 1 ? weighted / total : score;
	for (size_t i = 0; i < item->n; i++)
		labelers[item->who[i]].gain += item->weighted_loss - settlement_score(item->p[i], item->outcome, wrong);
}

uint32_t settlement_settle(struct settlement_item *items, size_t n_items, struct settlement_labeler *labelers, size_t n,
			   double eta, double wrong, double share)
{
	require(n_items >= 1 && n >= 1);
	for (size_t i = 0; i < n; i++) {
		labelers[i].gain = 0;
		labelers[i].scored = 0;
	}
	for (size_t t = 0; t < n_items; t++)
		compare(&items[t], labelers, wrong);

	uint32_t most = 0;
	double total = 0;
	for (size_t i = 0; i < n; i++) {
		most = labelers[i].scored > most ? labelers[i].scored : most;
		total += labelers[i].before;
	}
	double floor = share * (total / (double)n);
	for (size_t i = 0; i < n; i++) {
		struct settlement_labeler *l = &labelers[i];
		if (n < SETTLEMENT_LABELERS_MIN) {
			l->gain = 0;
			l->step = l->after = l->before;
			continue;
		}
		if (most > 1)
			l->gain /= most;
		l->step = l->before * (1 + eta * l->gain);
		l->after = (1 - share) * l->step + floor;
	}
	return most;
}
