#include "daemon/engine/watch.h"

#include "daemon/engine/survey.h"

enum candor_code engine_check_watcher(const struct engine *e, const struct identity *who, const char **sentence)
{
	*sentence = "the daemon is stopping; retry later";
	if (!e->grants)
		return CANDOR_UNAVAILABLE;
	*sentence = grants_token_fault(e->grants, who, e->ops.now_ms(e->owner));
	if (*sentence)
		return CANDOR_UNAUTHENTICATED;
	if (grants_rights(e->grants, who, "") & (CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_ADMIN))
		return CANDOR_OK;
	*sentence = "metrics require the right 'inspect' for all pools; an admin can grant it: candor grants add "
		    "PRINCIPAL inspect";
	if (who->is_known)
		return CANDOR_PERMISSION_DENIED;
	*sentence = "authentication required: send a token (Authorization: Bearer TOKEN), or use a client certificate";
	return CANDOR_UNAUTHENTICATED;
}

uint64_t engine_watched_pools(const struct engine *e)
{
	return e->n_pools;
}

uint64_t engine_activity(const struct engine *e, uint64_t i)
{
	require(i < e->n_pools);
	return e->pools[i]->activity;
}

void engine_watch_pool(const struct engine *e, uint64_t i, struct watched_pool *out)
{
	require(i < e->n_pools);
	const struct engine_pool *c = e->pools[i];
	const struct pool_totals *t = pool_totals(c->pool);
	struct surveyed s;
	*out = (struct watched_pool){
		.name = c->name,
		.labelers = pool_labelers(c->pool),
		.open = t->open,
		.closed = t->closed,
		.resolved = t->round,
		.voided = t->voided,
		.oldest_open_at = c->oldest_open ? c->oldest_open->own.opened_at : 0,
		.mean_loss = t->mean_loss,
		.median_loss = t->median_loss,
		.plain_mean_loss = t->plain_mean_loss,
		.plain_median_loss = t->plain_median_loss,
		.forecast_loss = t->forecast_loss,
		.has_weights = engine_surveyed(c, &s),
	};
	out->largest_share = s.largest_share;
	out->effective = s.effective;
	out->has_best = s.has_best;
	out->regret = s.regret;
	out->gain = s.gain;
	out->bound = s.bound;
}

void engine_watch_memory(const struct engine *e, struct watched_memory *out)
{
	*out = (struct watched_memory){
		.pools = e->pools_bytes,
		.rights = e->grants ? grants_bytes(e->grants) : 0,
		.quota = e->quota ? quota_bytes(e->quota) : 0,
		.loads = e->loads_bytes,
		.batches = e->batches[0].arena.used_bytes + e->batches[1].arena.used_bytes,
		.pools_max = e->limits.pools_bytes,
		.batch_max = engine_batch_max(e),
	};
}

void engine_watch_totals(const struct engine *e, struct watched_totals *out)
{
	*out = (struct watched_totals){e->n_pools, e->counts.labelers, e->counts.open_items};
}

int engine_read_only(const struct engine *e)
{
	return e->read_only;
}

void engine_watch_tick(struct engine *e)
{
	engine_survey(e);
}
