#include "daemon/engine/survey.h"

static bool is_due(const struct engine_pool *c)
{
	return c->surveyed.version != pool_version(c->pool) || c->surveyed.labelers != pool_labelers(c->pool);
}

/* Looks at up to *steps labelers of the pool that it is at. True: that was all of them. */
static bool look_at_some(const struct engine_pool *c, struct survey *s, uint32_t *steps)
{
	uint32_t labelers = pool_labelers(c->pool);
	for (; s->next<labelers && * steps> 0; s->next++, --*steps) {
		double weight = pool_weight(c->pool, s->next);
		s->sum += weight;
		s->squares += weight * weight;
		s->largest = weight > s->largest ? weight : s->largest;
		if (pool_labeler(c->pool, s->next)->scored > 0 &&
		    (s->best == NAMES_NONE || pool_regret(c->pool, s->next) > pool_regret(c->pool, s->best)))
			s->best = s->next;
	}
	return s->next == labelers;
}

static void keep(struct engine_pool *c, const struct survey *s)
{
	bool has_best = s->best != NAMES_NONE;
	c->surveyed = (struct surveyed){
		/* What was settled meanwhile is looked at again. */
		.version = s->version,
		.labelers = s->next,
		.largest_share = s->sum > 0 ? s->largest / s->sum : 0,
		.effective = s->squares > 0 ? s->sum * s->sum / s->squares : 0,
		.has_best = has_best,
		.regret = has_best ? pool_regret(c->pool, s->best) : 0,
		.gain = has_best ? pool_labeler(c->pool, s->best)->gain : 0,
		.bound = has_best ? pool_bound(c->pool, s->best) : 0,
	};
}

void engine_survey(struct engine *e)
{
	struct survey *s = &e->survey;
	uint32_t steps = SURVEY_STEPS;
	for (uint64_t looked_at = 0; looked_at < e->n_pools && steps > 0; looked_at++) {
		if (s->pool >= e->n_pools)
			s->pool = 0;
		struct engine_pool *c = e->pools[s->pool];
		if (!s->begun && is_due(c)) {
			*s = (struct survey){.pool = s->pool, .begun = true, .best = NAMES_NONE};
			s->version = pool_version(c->pool);
		}
		if (s->begun && !look_at_some(c, s, &steps))
			return;
		if (s->begun)
			keep(c, s);
		s->begun = false;
		s->next = 0;
		s->pool++;
		steps -= steps > 0;
	}
}

bool engine_surveyed(const struct engine_pool *c, struct surveyed *out)
{
	*out = c->surveyed;
	return c->surveyed.labelers > 0;
}
