#include "tests/lib/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct history_shape history_random_shape(struct random *r)
{
	return (struct history_shape){
		.labelers = 1 + (uint32_t)random_scale(r, 1, 60),
		.pending = 1 + (uint32_t)random_below(r, 12),
		.resolves = random_scale(r, 0.02, 0.5),
		.closes = random_between(r, 0, 0.1),
		.voids = random_between(r, 0, 0.02),
		.updates = random_chance(r, 0.3) ? 0.003 : 0,
		.blocks = random_chance(r, 0.5) ? random_unit(r) : 0,
	};
}

struct candor_settings history_random_settings(struct random *r)
{
	static const double wrongs[] = {0, 0, 0.1, 0.3, 0.49};
	static const uint32_t scored[] = {0, 0, 1, 3, 1000};
	static const double shares[] = {0, 0, 0.001, 0.02, 0.5}, entries[] = {1, 1, 0.25, 3, 1e-3, 40};
	struct candor_settings s = {
		.rate = (enum candor_rate)(CANDOR_ANYTIME + random_below(r, 3)),
		.share = shares[random_below(r, sizeof shares / sizeof *shares)],
		.entry = entries[random_below(r, sizeof entries / sizeof *entries)],
		.wrong = wrongs[random_below(r, sizeof wrongs / sizeof *wrongs)],
		.scored = scored[random_below(r, sizeof scored / sizeof *scored)],
		.signs = random_chance(r, 0.3) ? CANDOR_FREE : CANDOR_POSITIVE,
	};
	if (s.rate == CANDOR_FIXED)
		s.eta = random_scale(r, 0.001, 0.5);
	else
		s.c = random_scale(r, 0.05, 3);
	if (s.rate == CANDOR_HORIZON)
		s.horizon = random_scale(r, 1, 1e4);
	if (s.rate == CANDOR_ANYTIME)
		s.beta = random_scale(r, 1e-4, 0.5);
	mechanism_defaults(&s);
	require(mechanism_settings_fault(&s) == NULL);
	return s;
}

struct candor_settings history_settings(enum candor_rate rate)
{
	struct candor_settings s = {.rate = rate};
	if (rate == CANDOR_FIXED)
		s.eta = 0.5;
	if (rate == CANDOR_HORIZON)
		s.horizon = 100;
	mechanism_defaults(&s);
	return s;
}

void history_init(struct history *h, const struct history_shape *shape, uint64_t seed)
{
	require(shape->pending >= 1 && shape->pending <= HISTORY_PENDING_MAX);
	*h = (struct history){.shape = *shape};
	random_init(&h->random, seed, 0);
	for (uint32_t i = 0; i < shape->pending; i++)
		h->items[i] = h->next_item++;
}

struct pool *history_pool(const struct candor_settings *settings)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {7};
	struct pool *p = NULL;
	require(pool_new(&p, settings, key) == 0);
	return p;
}

struct item *history_item(struct pool *p, const char *name)
{
	struct item *item = pool_find_item(p, name, strlen(name));
	if (!item)
		require(pool_add_item(p, name, strlen(name), &item) == 0);
	return item;
}

int history_report(struct pool *p, const char *item, const char *labeler, double value)
{
	struct pool_reported reported;
	int did = pool_report(p, history_item(p, item), labeler, strlen(labeler), value, 0, &reported);
	require(did >= 0);
	return did;
}

struct pool_settled history_resolve(struct pool *p, const char *item, double y)
{
	struct pool_settled settled;
	require(pool_resolve(p, history_item(p, item), y, &settled) == 0);
	return settled;
}

uint32_t history_labeler(const struct pool *p, const char *name)
{
	uint32_t id = pool_find_labeler(p, name, strlen(name));
	require(id != NAMES_NONE);
	return id;
}

double history_weight(const struct pool *p, const char *labeler)
{
	return pool_weight(p, history_labeler(p, labeler));
}

/* Labelers differ in kind by their number: good, fair, noise, liar, undecided. */
static double answer(struct random *r, uint32_t labeler, double truth)
{
	double noise = random_unit(r);
	switch (labeler % 5) {
	case 0: return 0.9 * truth + 0.1 * noise;
	case 1: return random_chance(r, 0.75) ? truth : 1 - truth;
	case 2: return noise;
	case 3: return 1 - truth;
	default: return 0.5;
	}
}

static double truth_of(uint32_t item)
{
	return item % 7 == 0 ? 0.3 : item % 3 == 0;
}

static void report_somehow(struct history *h, struct pool *p, uint32_t number, const char *name)
{
	/* As many as have joined, and one more while there are more to come. */
	uint32_t known = pool_labelers(p), among = known < h->shape.labelers ? known + 1 : known;
	uint32_t labeler = (uint32_t)random_below(&h->random, among);
	char labeler_name[HISTORY_NAME_SIZE];
	snprintf(labeler_name, sizeof labeler_name, "L%" PRIu32, labeler);
	history_report(p, name, labeler_name, answer(&h->random, labeler, truth_of(number)));
}

/* The item in the slot, and perhaps all others at hand. */
static void resolve_somehow(struct history *h, struct pool *p, uint32_t *first, struct history_did *did)
{
	double outcomes[HISTORY_PENDING_MAX];
	bool block = random_chance(&h->random, h->shape.blocks);
	for (uint32_t i = 0; i < h->shape.pending; i++) {
		uint32_t *slot = &h->items[(first - h->items + i) % h->shape.pending];
		char name[HISTORY_NAME_SIZE];
		size_t len = (size_t)snprintf(name, sizeof name, "i%" PRIu32, *slot);
		struct item *item = pool_find_item(p, name, len);
		if (!item || (i > 0 && !block))
			continue;
		outcomes[did->n_settled] = truth_of(*slot);
		did->resolved[did->n_settled++] = item;
		*slot = h->next_item++;
	}
	require(pool_resolve_together(p, did->resolved, outcomes, did->n_settled, did->settled) == 0);
	did->step = HISTORY_RESOLVED;
}

struct history_did history_step(struct history *h, struct pool *p)
{
	uint32_t *slot = &h->items[random_below(&h->random, h->shape.pending)];
	char name[HISTORY_NAME_SIZE];
	int len = snprintf(name, sizeof name, "i%" PRIu32, *slot);
	struct item *item = pool_find_item(p, name, (size_t)len);
	enum candor_item_state was = item ? item->state : CANDOR_STATE_UNSPECIFIED;
	const struct history_shape *s = &h->shape;
	struct history_did did = {.item = item};
	double dice = random_unit(&h->random);

	if ((dice -= s->updates) < 0) {
		struct candor_settings settings = history_random_settings(&h->random);
		require(pool_update(p, &settings) == 0);
		return (struct history_did){.step = HISTORY_UPDATED};
	}
	if ((dice -= s->voids) < 0 && item) {
		require(pool_void(p, item) == 0);
		did.step = HISTORY_VOIDED;
	} else if ((dice -= s->resolves) < 0 && item) {
		resolve_somehow(h, p, slot, &did);
	} else if ((dice -= s->closes) < 0 && was == CANDOR_OPEN) {
		require(pool_close(p, item) == 0);
		did.step = HISTORY_CLOSED;
	} else if (was == CANDOR_OPEN || was == CANDOR_STATE_UNSPECIFIED) {
		report_somehow(h, p, *slot, name);
		did.step = HISTORY_REPORTED;
		did.item = pool_find_item(p, name, (size_t)len);
	}
	if (did.step == HISTORY_VOIDED)
		*slot = h->next_item++;
	return did;
}

/* ---- comparing ---- */

static bool same_bits(const double *a, const double *b, size_t n)
{
	return memcmp(a, b, n * sizeof *a) == 0;
}

static bool same_settings(const struct candor_settings *a, const struct candor_settings *b)
{
	return a->rate == b->rate && a->c == b->c && a->beta == b->beta && a->eta == b->eta &&
	       a->horizon == b->horizon && a->share == b->share && a->entry == b->entry && a->wrong == b->wrong &&
	       a->scored == b->scored && a->signs == b->signs;
}

static bool same_totals(const struct pool_totals *a, const struct pool_totals *b)
{
	return a->round == b->round && a->scored == b->scored && a->open == b->open && a->closed == b->closed &&
	       a->voided == b->voided && a->epoch == b->epoch && same_bits(&a->total_weight, &b->total_weight, 1) &&
	       same_bits(&a->mean_loss, &b->mean_loss, 1) && same_bits(&a->median_loss, &b->median_loss, 1) &&
	       same_bits(&a->plain_mean_loss, &b->plain_mean_loss, 1) &&
	       same_bits(&a->plain_median_loss, &b->plain_median_loss, 1) &&
	       same_bits(&a->forecast_loss, &b->forecast_loss, 1) && a->bound.stretch == b->bound.stretch &&
	       same_bits(&a->bound.eta, &b->bound.eta, 1) && same_bits(&a->bound.weight, &b->bound.weight, 1) &&
	       same_bits(&a->bound.grown, &b->bound.grown, 1) && memcmp(&a->track, &b->track, sizeof a->track) == 0 &&
	       a->rechecks == b->rechecks && a->disagreed == b->disagreed;
}

static bool same_labeler(const struct pool *a, const struct pool *b, uint32_t id)
{
	const struct labeler *l = pool_labeler(a, id), *m = pool_labeler(b, id);
	double weights[] = {pool_weight(a, id), pool_weight(b, id)};
	return strcmp(pool_labeler_name(a, id, NULL), pool_labeler_name(b, id, NULL)) == 0 &&
	       same_bits(&l->weight, &m->weight, 1) && same_bits(&weights[0], &weights[1], 1) &&
	       same_bits(&l->own_loss, &m->own_loss, 1) && same_bits(&l->mean_loss, &m->mean_loss, 1) &&
	       same_bits(&l->gain, &m->gain, 1) && same_bits(&l->limit, &m->limit, 1) && l->stretch == m->stretch &&
	       memcmp(&l->track, &m->track, sizeof l->track) == 0 && l->scored == m->scored &&
	       l->last_round == m->last_round && l->epoch == m->epoch && pool_entry(a, id) == pool_entry(b, id);
}

static bool same_frozen(const struct item *a, const struct item *b)
{
	const struct frozen *f = a->frozen, *g = b->frozen;
	if (!f || !g)
		return f == g;
	const struct aggregate *x = &f->aggregate, *y = &g->aggregate;
	return x->n == y->n && same_bits(&x->mean, &y->mean, 1) && same_bits(&x->median, &y->median, 1) &&
	       same_bits(&x->plain_mean, &y->plain_mean, 1) && same_bits(&x->plain_median, &y->plain_median, 1) &&
	       same_bits(&x->spread, &y->spread, 1) && same_bits(&x->ess, &y->ess, 1) &&
	       same_bits(&x->regression, &y->regression, 1) && same_bits(&x->evidence, &y->evidence, 1) &&
	       same_bits(&x->evidence_full, &y->evidence_full, 1) && same_bits(&x->forecast, &y->forecast, 1) &&
	       f->closed_round == g->closed_round && f->round == g->round && f->block == g->block &&
	       f->has_recheck == g->has_recheck && same_bits(&f->recheck, &g->recheck, 1) &&
	       same_bits(&f->outcome, &g->outcome, 1) && same_bits(&f->eta, &g->eta, 1) &&
	       same_bits(&f->weighted_loss, &g->weighted_loss, 1) && same_bits(f->weights, g->weights, a->n);
}

static bool same_item(const struct item *a, const struct item *b)
{
	if (!a || !b)
		return a == b;
	if (a->n == 0 && b->n == 0)
		return a->state == b->state;
	return a->state == b->state && a->n == b->n && same_bits(a->values, b->values, a->n) &&
	       memcmp(item_labelers(a), item_labelers(b), a->n * sizeof(uint32_t)) == 0 && same_frozen(a, b);
}

const char *history_difference(const struct pool *a, const struct pool *b, uint32_t n)
{
	if (!same_settings(pool_settings(a), pool_settings(b)))
		return "settings";
	if (!same_totals(pool_totals(a), pool_totals(b)))
		return "totals";
	if (pool_labelers(a) != pool_labelers(b))
		return "number of labelers";
	for (uint32_t id = 0; id < pool_labelers(a); id++)
		if (!same_labeler(a, b, id))
			return "labelers";
	if (pool_items(a) != pool_items(b))
		return "number of items";
	for (uint32_t i = 0; i < n; i++) {
		char name[HISTORY_NAME_SIZE];
		size_t len = (size_t)snprintf(name, sizeof name, "i%" PRIu32, i);
		if (!same_item(pool_find_item(a, name, len), pool_find_item(b, name, len)))
			return "items";
	}
	return NULL;
}
