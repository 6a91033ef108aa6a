/* The mechanism, as the daemon runs it: every event goes through lib/pool. A class for each of its aggregates; they
 * differ in nothing else. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/scheme.h"
#include "lib/pool/settlement.h"

struct candor_scheme {
	struct scheme scheme;
	struct pool *pool;
	const char *const *names;
	uint32_t labelers;
	/* Of a block. */
	size_t block_cap;
	struct item **items; /* [block_cap] */
	struct pool_settled *settled; /* likewise */
	/* Of a step: as many as can report on an item. */
	struct settlement_labeler *stepped;
	uint32_t *who; /* 0, 1, 2, ... */
	uint32_t ids[]; /* [labelers] in the pool, NAMES_NONE until a labeler reports */
};

static struct candor_scheme *of(const struct scheme *s)
{
	return (struct candor_scheme *)(uintptr_t)s;
}

static void candor_free(struct scheme *s)
{
	struct candor_scheme *c = of(s);
	pool_free(c->pool);
	free(c->items);
	free(c->settled);
	free(c->stepped);
	free(c->who);
	free(c);
}

static int make(struct scheme **out, const struct scheme_options *o, const struct scheme_class *class)
{
	const uint32_t most = o->labelers < ITEM_REPORTS_MAX ? o->labelers : ITEM_REPORTS_MAX;
	/* No one here has a reason to make names collide. */
	static const uint8_t key[NAMES_KEY_BYTES] = {0};
	struct candor_settings settings = o->settings;
	struct candor_scheme *c = calloc(1, sizeof *c + o->labelers * sizeof *c->ids);
	if (!c)
		return -ENOMEM;
	c->scheme.class = class;
	c->names = o->names;
	c->labelers = o->labelers;
	memset(c->ids, 0xff, o->labelers * sizeof *c->ids); /* NAMES_NONE */
	if (class->signs)
		settings.signs = class->signs;
	c->stepped = malloc(most * sizeof *c->stepped);
	c->who = malloc(most * sizeof *c->who);
	int err = c->stepped && c->who ? pool_new(&c->pool, &settings, key) : -ENOMEM;
	if (err) {
		candor_free(&c->scheme);
		return err;
	}
	for (uint32_t i = 0; i < most; i++)
		c->who[i] = i;
	*out = &c->scheme;
	return 0;
}

/* ---- items ---- */

/* What a class forecasts, of all that the mechanism makes. */
static void pick(const struct scheme_class *class, const struct aggregate *a, double *forecasts)
{
	if (class == &scheme_candor) {
		forecasts[0] = a->mean;
		forecasts[1] = a->median;
	} else if (class == &scheme_now) {
		forecasts[0] = a->forecast;
		forecasts[1] = a->mean;
	} else if (class == &scheme_regression) {
		forecasts[0] = a->regression;
	} else if (class == &scheme_evidence) {
		forecasts[0] = a->evidence;
	} else if (class == &scheme_evidence_full) {
		forecasts[0] = a->evidence_full;
	} else {
		forecasts[0] = a->forecast;
	}
}

static int candor_close_item(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct candor_scheme *c = of(s);
	struct item *mine;
	char name[24];
	int len = snprintf(name, sizeof name, "%" PRIu64, item->number);
	int err = pool_add_item(c->pool, name, (size_t)len, &mine);
	for (size_t i = 0; i < item->n && err >= 0; i++) {
		const char *labeler = c->names[item->labelers[i]];
		struct pool_reported reported;
		err = pool_report(c->pool, mine, labeler, strlen(labeler), item->reports[i], 0, &reported);
		c->ids[item->labelers[i]] = reported.labeler;
	}
	if (err >= 0)
		err = pool_close(c->pool, mine);
	if (err < 0)
		return err;
	item->own = mine;
	pick(s->class, &mine->frozen->aggregate, forecasts);
	return 0;
}

static int candor_now(struct scheme *s, struct scheme_item *item, double *forecasts)
{
	struct aggregate a;
	int err = pool_item_now(of(s)->pool, item->own, &a, NULL);
	if (err == 0)
		pick(s->class, &a, forecasts);
	return err;
}

static void candor_forget(struct scheme *s, struct scheme_item *item)
{
	pool_drop_item(of(s)->pool, item->own);
	item->own = NULL;
}

static int reserve_block(struct candor_scheme *c, size_t n)
{
	if (n <= c->block_cap)
		return 0;
	struct item **items = realloc(c->items, n * sizeof *items);
	if (items)
		c->items = items;
	struct pool_settled *settled = realloc(c->settled, n * sizeof *settled);
	if (settled)
		c->settled = settled;
	if (!items || !settled)
		return -ENOMEM;
	c->block_cap = n;
	return 0;
}

static int candor_together(struct scheme *s, struct scheme_item *const *items, const double *outcomes, size_t n)
{
	struct candor_scheme *c = of(s);
	int err = reserve_block(c, n);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		c->items[i] = items[i]->own;
	err = pool_resolve_together(c->pool, c->items, outcomes, n, c->settled);
	for (size_t i = 0; i < n && err == 0; i++)
		candor_forget(s, items[i]);
	return err;
}

static int candor_resolve(struct scheme *s, struct scheme_item *item, double outcome)
{
	return candor_together(s, &item, &outcome, 1);
}

/* ---- weights ---- */

/* Divided by the entry weight: the mechanism is the same for any. */
static double candor_standing(const struct scheme *s, uint32_t labeler)
{
	const struct candor_scheme *c = of(s);
	uint32_t id = c->ids[labeler];
	return id == NAMES_NONE ? 1 : pool_weight(c->pool, id) / pool_entry(c->pool, id);
}

static void candor_say(const struct scheme *s, const struct scheme_item *item, double *parts)
{
	double total = 0;
	for (size_t i = 0; i < item->n; i++)
		total += parts[i] = candor_standing(s, item->labelers[i]);
	for (size_t i = 0; i < item->n; i++)
		parts[i] /= total;
}

static void candor_step(const struct scheme *s, size_t n, double *w, const double *reports, double outcome)
{
	const struct candor_scheme *c = of(s);
	const struct candor_settings *settings = pool_settings(c->pool);
	if (settings->scored > 0 && settings->scored < n)
		n = settings->scored;
	for (size_t i = 0; i < n; i++)
		c->stepped[i].before = w[i];
	struct settlement_item item = {.n = n, .p = reports, .who = c->who, .outcome = outcome};
	settlement_settle(&item, 1, c->stepped, n, pool_eta(c->pool), settings->wrong, settings->share);
	for (size_t i = 0; i < n; i++)
		w[i] = c->stepped[i].after;
}

/* ---- the classes ---- */

#define MECHANISM(its_make)                                                                                           \
	.mechanism = true, .make = its_make, .free = candor_free, .close = candor_close_item, .now = candor_now,      \
	.resolve = candor_resolve, .together = candor_together, .forget = candor_forget, .standing = candor_standing, \
	.step = candor_step

static int make_candor(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_candor);
}

const struct scheme_class scheme_candor = {
	.name = "candor",
	.forecasts = {"candor", "candor-med"},
	.say = candor_say,
	MECHANISM(make_candor),
};

static int make_forecast(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_forecast);
}

const struct scheme_class scheme_forecast = {
	.name = "forecast",
	.forecasts = {"forecast"},
	MECHANISM(make_forecast),
};

static int make_forecast_free(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_forecast_free);
}

const struct scheme_class scheme_forecast_free = {
	.name = "forecast-free",
	.forecasts = {"forecast-free"},
	.signs = CANDOR_FREE,
	MECHANISM(make_forecast_free),
};

static int make_now(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_now);
}

const struct scheme_class scheme_now = {
	.name = "now",
	.forecasts = {"now", "now-mean"},
	.late = true,
	MECHANISM(make_now),
};

static int make_regression(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_regression);
}

const struct scheme_class scheme_regression = {
	.name = "regression",
	.forecasts = {"regression"},
	MECHANISM(make_regression),
};

static int make_evidence(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_evidence);
}

const struct scheme_class scheme_evidence = {
	.name = "evidence",
	.forecasts = {"evidence"},
	MECHANISM(make_evidence),
};

static int make_evidence_full(struct scheme **out, const struct scheme_options *o)
{
	return make(out, o, &scheme_evidence_full);
}

const struct scheme_class scheme_evidence_full = {
	.name = "evidence_full",
	.forecasts = {"evidence_full"},
	MECHANISM(make_evidence_full),
};

/* ---- for all schemes ---- */

int scheme_forecasts(const struct scheme_class *class)
{
	int n = 0;
	while (n < SCHEME_FORECASTS_MAX && class->forecasts[n])
		n++;
	return n;
}

int scheme_post(struct scheme *s, struct scheme_item *const *items, const double *outcomes, size_t n)
{
	int err = 0;
	if (n > 1 && s->class->together)
		return s->class->together(s, items, outcomes, n);
	for (size_t i = 0; i < n && err == 0; i++)
		err = s->class->resolve(s, items[i], outcomes[i]);
	return err;
}

const struct pool *scheme_pool(const struct scheme *s)
{
	return s->class->mechanism ? of(s)->pool : NULL;
}
