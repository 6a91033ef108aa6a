#include "client/lab/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int dataset_init(struct dataset *d)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {0};
	*d = (struct dataset){0};
	int err = names_new(&d->labeler_names, key);
	if (err == 0)
		err = names_new(&d->item_names, key);
	if (err)
		dataset_free(d);
	return err;
}

void dataset_free(struct dataset *d)
{
	names_free(d->labeler_names);
	names_free(d->item_names);
	free(d->labelers);
	free(d->first);
	free(d->outcomes);
	free(d->reporters);
	free(d->reports);
	free(d->places);
	*d = (struct dataset){0};
}

static int reserve(struct dataset *d)
{
	if (names_count(d->labeler_names) == d->labelers_cap) {
		uint64_t cap = 2 * d->labelers_cap + 64;
		uint64_t *places = realloc(d->places, cap * sizeof *places);
		if (!places)
			return -ENOMEM;
		memset(places + d->labelers_cap, 0, (cap - d->labelers_cap) * sizeof *places);
		d->places = places;
		d->labelers_cap = cap;
	}
	if (d->n_items + 1 >= d->items_cap) {
		uint64_t cap = 2 * d->items_cap + 256;
		uint64_t *first = realloc(d->first, cap * sizeof *first);
		if (first)
			d->first = first;
		double *outcomes = realloc(d->outcomes, cap * sizeof *outcomes);
		if (outcomes)
			d->outcomes = outcomes;
		if (!first || !outcomes)
			return -ENOMEM;
		d->items_cap = cap;
	}
	if (d->n_reports == d->reports_cap) {
		uint64_t cap = 2 * d->reports_cap + 1024;
		uint32_t *reporters = realloc(d->reporters, cap * sizeof *reporters);
		if (reporters)
			d->reporters = reporters;
		double *reports = realloc(d->reports, cap * sizeof *reports);
		if (reports)
			d->reports = reports;
		if (!reporters || !reports)
			return -ENOMEM;
		d->reports_cap = cap;
	}
	return 0;
}

/* Whether a labeler has reported on the last item: a place before the item's first report belongs to another item. */
static bool has_reported(const struct dataset *d, uint32_t who)
{
	return who != NAMES_NONE && d->places[who] > d->first[d->n_items - 1];
}

/* Whether a row may come next; changes nothing. 0 or an error. *begins: it is the first row of a new item. */
static int check(const struct dataset *d, const char *item, const char *labeler, double outcome, bool *begins)
{
	uint32_t id = names_find(d->item_names, item, strlen(item));
	*begins = id == NAMES_NONE;
	if (*begins)
		return 0;
	if (id + 1 != d->n_items)
		return ERR_STATE;
	double known = d->outcomes[id];
	if (!isnan(outcome) && !isnan(known) && known != outcome)
		return ERR_CONFLICT;
	if (d->n_reports - d->first[id] < ITEM_REPORTS_MAX)
		return 0;
	/* A full item still accepts revisions. */
	return has_reported(d, names_find(d->labeler_names, labeler, strlen(labeler))) ? 0 : ERR_FULL;
}

static void put_report(struct dataset *d, uint32_t who, double report)
{
	if (!has_reported(d, who)) {
		d->reporters[d->n_reports++] = who;
		d->places[who] = d->n_reports;
	}
	d->reports[d->places[who] - 1] = report;
}

int dataset_add(struct dataset *d, const char *item, const char *labeler, double report, double outcome)
{
	bool begins;
	uint32_t who, id;
	int err = check(d, item, labeler, outcome, &begins);
	if (err == 0)
		err = reserve(d);
	if (err == 0)
		err = names_put(d->labeler_names, labeler, strlen(labeler), &who);
	if (err >= 0 && begins)
		err = names_put(d->item_names, item, strlen(item), &id);
	if (err < 0)
		return err;
	if (begins) {
		d->first[d->n_items] = d->n_reports;
		d->outcomes[d->n_items++] = NAN;
	}
	if (!isnan(outcome) && isnan(d->outcomes[d->n_items - 1])) {
		d->outcomes[d->n_items - 1] = outcome;
		d->n_known++;
	}
	put_report(d, who, report);
	return 0;
}

int dataset_finish(struct dataset *d)
{
	int err = reserve(d);
	d->n_labelers = names_count(d->labeler_names);
	d->labelers = calloc(d->n_labelers + 1, sizeof *d->labelers);
	if (err || !d->labelers)
		return -ENOMEM;
	d->first[d->n_items] = d->n_reports;
	for (uint32_t id = 0; id < d->n_labelers; id++)
		d->labelers[id] = names_text(d->labeler_names, id, NULL);
	return 0;
}

double dataset_t_eff(const struct dataset *d)
{
	uint64_t scored = 0;
	for (uint64_t i = 0; i < d->n_items; i++)
		if (!isnan(d->outcomes[i]))
			scored += d->first[i + 1] - d->first[i];
	return d->n_labelers ? (double)scored / d->n_labelers : 0;
}

/* ---- replaying ---- */

static int replay_item(struct scheme *s, struct scheme_item *item, double outcome, struct regret *r, struct replay *out)
{
	double forecasts[SCHEME_FORECASTS_MAX];
	int err = s->class->close(s, item, forecasts);
	if (err)
		return err;
	if (isnan(outcome)) {
		s->class->forget(s, item);
		return 0;
	}
	for (int f = 0; f < r->n_forecasts; f++)
		score_add(&out->scores[f], forecasts[f], outcome);
	regret_add(r, item, forecasts, outcome);
	return s->class->resolve(s, item, outcome);
}

static void conclude(const struct scheme *s, const struct dataset *d, const struct regret *r, struct replay *out)
{
	const struct pool *p = scheme_pool(s);
	for (uint32_t id = 0; p && id < d->n_labelers; id++) {
		double w = pool_weight(p, pool_find_labeler(p, d->labelers[id], strlen(d->labelers[id])));
		if (out->heaviest == NAMES_NONE || w > out->heaviest_weight) {
			out->heaviest = id;
			out->heaviest_weight = w;
		}
		if (out->lightest == NAMES_NONE || w < out->lightest_weight) {
			out->lightest = id;
			out->lightest_weight = w;
		}
	}
	if (out->heaviest_weight == out->lightest_weight)
		out->heaviest = out->lightest = NAMES_NONE;
	for (int f = 0; f < r->n_forecasts; f++) {
		out->regret[f] = regret_of(r, f, &out->best[f]);
		if (out->best[f] != NAMES_NONE) {
			const struct regret_account *a = &r->accounts[out->best[f]];
			out->best_loss[f] = a->own / (double)a->n;
		}
	}
}

int dataset_replay(const struct dataset *d, const uint32_t *order, const struct scheme_class *class,
		   const struct candor_settings *settings, atomic_uint_fast64_t *done, struct replay *out)
{
	const struct scheme_options options = {.settings = *settings, .labelers = d->n_labelers, .names = d->labelers};
	struct scheme *s = NULL;
	struct regret r;
	*out = (struct replay){.heaviest = NAMES_NONE, .lightest = NAMES_NONE};
	int err = regret_init(&r, d->n_labelers, scheme_forecasts(class));
	if (err == 0)
		err = class->make(&s, &options);
	for (uint64_t i = 0; i < d->n_items && err == 0; i++) {
		uint64_t k = order ? order[i] : i;
		struct scheme_item item = {
			.number = i,
			.n = d->first[k + 1] - d->first[k],
			.labelers = d->reporters + d->first[k],
			.reports = d->reports + d->first[k],
		};
		err = replay_item(s, &item, d->outcomes[k], &r, out);
		if (done)
			atomic_fetch_add_explicit(done, 1, memory_order_relaxed);
	}
	if (err == 0)
		conclude(s, d, &r, out);
	if (s)
		class->free(s);
	regret_free(&r);
	return err;
}
