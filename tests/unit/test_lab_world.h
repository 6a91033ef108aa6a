/* test_lab_world.h - a world to draw from, and room for its draws. For the tests of the lab's worlds. */
#ifndef CANDOR_TEST_LAB_WORLD_H
#define CANDOR_TEST_LAB_WORLD_H

#include "tests/lib/unit.h"

#include "client/lab/world.h"

enum { MOST = 400 };

/* Bounds hold for next to every seed. */
static const double SIGMAS = 5.5;

/* A draw and room for it. */
struct scene {
	struct world_draw draw;
	uint32_t labelers[MOST];
	double beliefs[MOST], dice[MOST];
};

static inline const struct world_draw *next(struct world *w, struct scene *s)
{
	s->draw = (struct world_draw){.labelers = s->labelers, .beliefs = s->beliefs, .dice = s->dice};
	world_next(w, &s->draw);
	return &s->draw;
}

static inline struct world_options usual(uint64_t seed)
{
	return (struct world_options){
		.labelers = 8,
		.items = 1000,
		.per_item = 3,
		.skill_low = 0.5,
		.skill_high = 2,
		.base_rate = 0.5,
		.gap = 0.1,
		.period = 10,
		.known = 1,
		.seed = seed,
	};
}

static inline struct world *make(const struct world_options *o)
{
	struct world *w = NULL;
	require(world_fault(o) == NULL);
	require(o->labelers <= MOST);
	require(world_new(&w, o) == 0);
	return w;
}

static inline bool same_draw(const struct world_draw *a, const struct world_draw *b)
{
	return a->number == b->number && a->truth == b->truth && a->outcome == b->outcome && a->known == b->known &&
	       a->lot == b->lot && a->n == b->n && memcmp(a->labelers, b->labelers, a->n * sizeof *a->labelers) == 0 &&
	       memcmp(a->beliefs, b->beliefs, a->n * sizeof *a->beliefs) == 0 &&
	       memcmp(a->dice, b->dice, a->n * sizeof *a->dice) == 0;
}

#endif
