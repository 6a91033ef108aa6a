#include "tests/lib/pool_play.h"

#include <stdio.h>

#include "tests/lib/unit.h"

enum { PENDING = 12 };

void pool_play_init(struct pool_play *p, const char *pool, uint32_t labelers, uint64_t seed)
{
	*p = (struct pool_play){.pool = pool, .labelers = labelers};
	random_init(&p->random, seed, 0);
}

/* The outcomes of a few items, which hang together; where one of them cannot be resolved, none is. */
static void settle_together(struct pool_play *p, struct fake_owner *f, uint32_t last)
{
	enum { MOST = 4 };
	struct candor_outcome rows[MOST];
	char items[MOST][24];
	size_t n = 2 + random_below(&p->random, MOST - 1);
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i], sizeof items[i], "i%u", last + (uint32_t)i);
		rows[i] = (struct candor_outcome){items[i], random_chance(&p->random, 0.5)};
	}
	const struct candor_request r = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = p->pool, .together = true, .n = n, .outcomes = rows};
	p->blocks += fake_call(f, &r)->code == CANDOR_OK;
}

static void recheck(struct pool_play *p, struct fake_owner *f, const char *item)
{
	const struct candor_outcome row = {item, random_chance(&p->random, 0.7)};
	const struct candor_request r = {.type = CANDOR_REQ_RECHECK_ITEMS, .pool = p->pool, .n = 1, .outcomes = &row};
	p->rechecks += fake_call(f, &r)->batch.accepted;
}

static void set(struct pool_play *p, struct fake_owner *f)
{
	struct random *r = &p->random;
	struct candor_request q = {.type = CANDOR_REQ_UPDATE_POOL, .pool = p->pool};
	q.settings = (struct candor_settings){
		.c = random_between(r, 0.5, 2),
		.beta = random_between(r, 0.01, 0.5),
		.entry = random_between(r, 0.5, 2),
		.has_wrong = true,
		.wrong = random_chance(r, 0.5) ? random_between(r, 0, 0.3) : 0,
		.has_scored = true,
		.scored = (uint32_t)random_below(r, 5),
		.signs = random_chance(r, 0.5) ? CANDOR_FREE : CANDOR_POSITIVE,
	};
	assert_int_equal(fake_call(f, &q)->code, CANDOR_OK);
}

void pool_play_steps(struct pool_play *p, struct fake_owner *f, int steps)
{
	struct random *r = &p->random;
	for (int i = 0; i < steps; i++) {
		char item[24], labeler[24];
		uint32_t age = (uint32_t)random_below(r, PENDING);
		double what = random_unit(r);
		f->now_ms += random_below(r, 3);
		snprintf(item, sizeof item, "i%u", p->items > age ? p->items - age : 0);
		snprintf(labeler, sizeof labeler, "L%u", (uint32_t)random_below(r, p->labelers));
		if (what < 0.80)
			fake_post(f, p->pool, item, labeler, random_unit(r));
		else if (what < 0.87)
			fake_resolve(f, p->pool, item, random_chance(r, 0.5));
		else if (what < 0.90)
			settle_together(p, f, p->items > age ? p->items - age : 0);
		else if (what < 0.92)
			recheck(p, f, item);
		else if (what < 0.95)
			fake_close(f, p->pool, item);
		else if (what < 0.97)
			fake_void(f, p->pool, item);
		else if (what < 0.98)
			set(p, f);
		if (random_chance(r, 0.15))
			p->items++;
	}
}
