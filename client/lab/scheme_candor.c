/* The mechanism, as the daemon runs it: every event goes through lib/pool. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/scheme.h"

struct candor_scheme {
	struct scheme scheme;
	struct pool *pool;
	const char *const *names;
	uint32_t labelers;
	uint32_t ids[]; /* [labelers] in the pool, NAMES_NONE until a labeler reports */
};

static struct candor_scheme *of(const struct scheme *s)
{
	return (struct candor_scheme *)(uintptr_t)s;
}

static int candor_make(struct scheme **out, const struct scheme_options *o)
{
	/* No one here has a reason to make names collide. */
	static const uint8_t key[NAMES_KEY_BYTES] = {0};
	struct candor_scheme *c = malloc(sizeof *c + o->labelers * sizeof *c->ids);
	if (!c)
		return -ENOMEM;
	c->scheme.class = &scheme_candor;
	c->names = o->names;
	c->labelers = o->labelers;
	memset(c->ids, 0xff, o->labelers * sizeof *c->ids); /* NAMES_NONE */
	int err = pool_new(&c->pool, &o->settings, key);
	if (err) {
		free(c);
		return err;
	}
	*out = &c->scheme;
	return 0;
}

static void candor_free(struct scheme *s)
{
	pool_free(of(s)->pool);
	free(of(s));
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
	forecasts[0] = mine->frozen->aggregate.mean;
	forecasts[1] = mine->frozen->aggregate.median;
	return 0;
}

static void candor_forget(struct scheme *s, struct scheme_item *item)
{
	pool_drop_item(of(s)->pool, item->own);
}

static int candor_resolve(struct scheme *s, struct scheme_item *item, double outcome)
{
	struct pool_settled settled;
	int err = pool_resolve(of(s)->pool, item->own, outcome, &settled);
	if (err == 0)
		candor_forget(s, item);
	return err;
}

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
	const struct pool *p = of(s)->pool;
	mechanism_settle(n, w, reports, outcome, pool_eta(p), pool_settings(p)->share);
}

const struct scheme_class scheme_candor = {
	.name = "candor",
	.forecasts = {"candor", "candor-med"},
	.make = candor_make,
	.free = candor_free,
	.close = candor_close_item,
	.resolve = candor_resolve,
	.forget = candor_forget,
	.standing = candor_standing,
	.say = candor_say,
	.step = candor_step,
};

int scheme_forecasts(const struct scheme_class *class)
{
	int n = 0;
	while (n < SCHEME_FORECASTS_MAX && class->forecasts[n])
		n++;
	return n;
}

const struct pool *scheme_pool(const struct scheme *s)
{
	return s->class == &scheme_candor ? of(s)->pool : NULL;
}
