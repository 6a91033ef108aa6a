#include "daemon/engine/charge.h"

#include <inttypes.h>

#include "daemon/engine/items.h"
#include "daemon/engine/reply.h"

/* ---- rates ---- */

static const struct {
	const char *what, *setting;
} rates[QUOTA_RATES] = {
	[QUOTA_REQUESTS] = {"requests", "limit_requests"},
	[QUOTA_REPORTS] = {"reports", "limit_reports"},
	[QUOTA_BYTES] = {"bytes", "limit_bytes"},
};

static void refuse_rate(struct engine *e, struct call *call, const struct identity *payer, enum quota_rate rate,
			uint32_t wait_ms)
{
	const char *sentence =
		rate == QUOTA_RATES
			? arena_printf(call->arena, "too many active principals; retry in %" PRIu32 " ms", wait_ms)
			: arena_printf(call->arena,
				       "rate limit exceeded (%" PRIu64 " %s per second for %s, %s); retry in %" PRIu32
				       " ms",
				       quota_limits(e->quota)->rates[rate], rates[rate].what,
				       payer->is_known ? payer->name : "all anonymous peers together",
				       rates[rate].setting, wait_ms);
	struct candor_response r = {
		.code = CANDOR_RESOURCE_EXHAUSTED,
		.message = sentence ? sentence : "rate limit exceeded; retry later",
		.retry_after_ms = wait_ms,
	};
	engine_reply(call, &r, 0);
}

bool engine_charge(struct engine *e, struct call *call, const struct identity *payer)
{
	const struct candor_request *r = &call->wire->request;
	enum quota_rate rate;
	uint32_t wait_ms;
	if (!e->quota || payer->is_owner)
		return true;
	const uint64_t cost[QUOTA_RATES] = {
		[QUOTA_REQUESTS] = 1,
		[QUOTA_REPORTS] = r->type == CANDOR_REQ_POST_REPORTS ? r->n : 0,
		[QUOTA_BYTES] = call->bytes,
	};
	int passes = quota_take(e->quota, identity_principal(payer), cost, engine_elapsed_ms(e), &rate, &wait_ms);
	if (passes == 1)
		return true;
	engine_drop_load(call);
	e->figures.refused[REFUSED_RATE_LIMIT] += passes == 0;
	if (passes < 0)
		engine_refuse_error(call, passes);
	else
		refuse_rate(e, call, payer, rate, wait_ms);
	return false;
}

void engine_charge_refused(struct engine *e, const struct identity *identity, size_t bytes)
{
	enum quota_rate rate;
	uint32_t wait_ms;
	const uint64_t cost[QUOTA_RATES] = {[QUOTA_REQUESTS] = 1, [QUOTA_BYTES] = bytes};
	if (!e->quota || identity->is_owner)
		return;
	int passes = quota_take(e->quota, identity_principal(identity), cost, engine_elapsed_ms(e), &rate, &wait_ms);
	(void)passes; /* it is refused in any case */
}

uint32_t engine_wait_ms(const struct engine *e, const struct identity *identity)
{
	if (!e->quota || identity->is_owner)
		return 0;
	return quota_spent_ms(e->quota, identity_principal(identity), engine_elapsed_ms(e));
}

/* ---- open items ---- */

static bool counts_items(const struct engine *e)
{
	return e->quota && quota_limits(e->quota)->open_items;
}

int engine_may_open(struct engine *e, const struct call *call, uint32_t *opener)
{
	if (!counts_items(e))
		return 1;
	const char *principal = identity_principal(call->identity);
	int err = *opener == QUOTA_NOBODY ? quota_find(e->quota, principal, engine_elapsed_ms(e), opener) : 0;
	if (call->identity->is_owner)
		return 1;
	return err ? err : quota_may_open(e->quota, *opener);
}

const char *engine_say_open(const struct engine *e, const struct call *call)
{
	const char *said = arena_printf(
		call->arena,
		"limit of %" PRIu64 " open items reached for %s (limit_open_items): close, resolve or void some first",
		quota_limits(e->quota)->open_items, identity_principal(call->identity));
	return said ? said : "limit of open items reached (limit_open_items)";
}

void engine_item_opened(struct engine *e, struct item *item, uint32_t opener)
{
	item->own.opener = opener;
	if (e->quota)
		quota_opened(e->quota, opener);
}

void engine_item_closed(struct engine *e, struct item *item)
{
	if (e->quota)
		quota_closed(e->quota, item->own.opener);
	item->own.opener = QUOTA_NOBODY;
}

int engine_restore_opener(struct engine *e, struct item *item, const char *by)
{
	uint32_t opener;
	if (!counts_items(e) || !by[0])
		return 0;
	int err = quota_find(e->quota, by, engine_elapsed_ms(e), &opener);
	if (err)
		return err == ERR_FULL ? 0 : err; /* too many principals: the item counts for nobody */
	engine_item_opened(e, item, opener);
	return 0;
}
