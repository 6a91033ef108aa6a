#include "daemon/engine/view.h"

#include "daemon/engine/engine.h"
#include "daemon/engine/state.h"

static uint64_t no_clock(void *owner)
{
	(void)owner;
	return 0;
}

int view_init(struct engine_view *v, struct db *db, const uint8_t *key)
{
	static const struct engine_ops ops = {.now_ms = no_clock, .elapsed_ns = no_clock};
	static const struct engine_limits limits = {0};
	return engine_new(&v->engine, db, key, &limits, &ops, NULL);
}

void view_deinit(struct engine_view *v)
{
	engine_free(v->engine);
	v->engine = NULL;
}

uint64_t view_pools(const struct engine_view *v)
{
	return v->engine->n_pools;
}

struct view_pool view_pool(const struct engine_view *v, uint64_t i)
{
	require(i < v->engine->n_pools);
	const struct engine_pool *c = v->engine->pools[i];
	return (struct view_pool){.id = c->id, .name = c->name, .pool = c->pool, .closes = c->closes};
}

bool view_has_pool(const struct engine_view *v, const char *name)
{
	return engine_find(v->engine, name) != NULL;
}

uint64_t view_reports(const struct engine_view *v)
{
	return v->engine->progress.reports;
}
