#include "daemon/engine/reply.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sending ---- */

enum engine_outcome engine_reply(struct call *call, struct candor_response *r, uint64_t change)
{
	require(!call->load);
	r->id = call->wire->request.id;
	call->reply(call, r, change);
	return ENGINE_REPLIED;
}

bool engine_shorten(const struct engine *e, struct candor_response *r)
{
	size_t rows;
	/* Without memory for counting, the page stays what it is and is told to be too large. */
	if (wire_fit_page(r, e->limits.max_frame_bytes, &rows) || rows == r->n)
		return false;
	r->n = rows;
	return true;
}

enum engine_outcome engine_refuse(struct call *call, enum candor_code code, const char *sentence)
{
	struct candor_response r = {.code = code, .message = sentence ? sentence : "out of memory"};
	require(code != CANDOR_OK);
	return engine_reply(call, &r, 0);
}

enum engine_outcome engine_refuse_error(struct call *call, int err)
{
	if (err == -ENOMEM || err == ERR_FULL)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, candor_strerror(err));
	if (err == ERR_DISK_FULL)
		return engine_refuse(call, CANDOR_UNAVAILABLE,
				     "no space left on the daemon's disk; retry when space has been freed");
	if (err == ERR_BUSY)
		return engine_refuse(call, CANDOR_UNAVAILABLE,
				     "the daemon's database is locked by another program; retry later");
	if (err == -ECANCELED)
		return engine_refuse(call, CANDOR_UNAVAILABLE,
				     "the daemon is stopping: nothing was changed; retry later");
	return engine_refuse(call, CANDOR_INTERNAL, candor_strerror(err));
}

const char *engine_say_read_only(const struct engine *e)
{
	if (e->read_only == ERR_DISK_FULL)
		return "no space left for the database; free some on its disk, and writes are "
		       "accepted again by themselves";
	if (e->read_only == ERR_BUSY)
		return "the database is locked by another program; end that, and writes are "
		       "accepted again by themselves";
	return e->read_only ? candor_strerror(e->read_only) : "";
}

enum engine_outcome engine_refuse_large(struct call *call)
{
	return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer rows at a time");
}

enum engine_outcome engine_refuse_cursor(struct call *call)
{
	return engine_refuse(call, CANDOR_INVALID_ARGUMENT,
			     "invalid cursor: pass the `next` of an earlier answer to the same request, or leave it "
			     "empty");
}

const char *engine_say_memory_full(const struct engine *e, struct arena *a)
{
	const char *said = arena_printf(
		a,
		"the daemon's memory for labelers and open items is full (%zu MiB of memory_limit, which is %" PRIu64
		" MiB): close or resolve items, or raise memory_limit; other requests still work",
		e->limits.pools_bytes >> 20, e->limits.memory_bytes >> 20);
	return said ? said : "the daemon's memory is full";
}

/* ---- descriptions ---- */

/* The exact losses before and after a settlement reveal the item's aggregate and the weights of its reporters, and a
 * head tells who knows all about a settlement but its outcome whether they guess that right, if it has no salt: both
 * are for those who may see results. */
static void hide_results(struct candor_pool *p)
{
	p->mean_loss = p->median_loss = p->plain_mean_loss = p->plain_median_loss = p->forecast_loss = 0;
	p->head = NULL;
	p->rechecks = NULL;
}

void engine_describe_pool(const struct engine_pool *c, unsigned rights, struct candor_pool *out,
			  struct candor_rechecks *rechecks)
{
	static_assert(N_CANDIDATES == CANDOR_CANDIDATES, "in the order of proto/candor.proto");
	const struct pool_totals *t = pool_totals(c->pool);
	const struct recheck_estimate estimate = pool_rechecks(c->pool);
	*rechecks = (struct candor_rechecks){
		.n = estimate.n,
		.disagree = estimate.disagree,
		.wrong = estimate.wrong,
		.low = estimate.low,
		.high = estimate.high,
	};
	*out = (struct candor_pool){
		.name = c->name,
		.settings = *pool_settings(c->pool),
		.created_at = c->created_at,
		.labelers = pool_labelers(c->pool),
		.open_items = t->open,
		.closed_items = t->closed,
		.resolved_items = t->round,
		.void_items = t->voided,
		.round = t->round,
		.epoch = t->epoch,
		.eta = pool_eta(c->pool),
		.scored = t->scored,
		.t_eff = pool_t_eff(c->pool),
		.total_weight = t->total_weight,
		.mean_loss = t->mean_loss,
		.median_loss = t->median_loss,
		.plain_mean_loss = t->plain_mean_loss,
		.plain_median_loss = t->plain_median_loss,
		.forecast_loss = t->forecast_loss,
		.rechecks = rechecks,
		.archived = c->archive.last,
		.head = t->round > 0 ? c->head : NULL,
	};
	out->settings.has_wrong = out->settings.has_scored = true;
	/* What the candidates' records tell beside their losses is how labelers did. */
	if (rights & CANDOR_RIGHT_INSPECT) {
		out->n_blend = CANDOR_CANDIDATES;
		out->blend = t->track.blend;
	}
	if (!(rights & (CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN | CANDOR_RIGHT_INSPECT)))
		hide_results(out);
}

enum engine_outcome engine_reply_pool(struct call *call, const struct engine_pool *c, unsigned rights)
{
	struct candor_response r = {.type = CANDOR_RES_POOL};
	struct candor_rechecks rechecks;
	engine_describe_pool(c, rights, &r.pool, &rechecks);
	return engine_reply(call, &r, c->changed);
}

void engine_describe_labeler(const struct engine_pool *c, uint32_t id, struct candor_labeler *out)
{
	const struct labeler *l = pool_labeler(c->pool, id);
	*out = (struct candor_labeler){
		.name = pool_labeler_name(c->pool, id, NULL),
		.weight = pool_weight(c->pool, id),
		.scored = l->scored,
		.own_loss = l->own_loss,
		.mean_loss = l->mean_loss,
		.regret = pool_regret(c->pool, id),
		.entry = pool_entry(c->pool, id),
		.gain = l->gain,
		.bound = pool_bound(c->pool, id),
	};
}

void engine_describe_aggregate(const struct aggregate *a, unsigned rights, struct candor_item *out)
{
	out->mean = a->mean;
	out->median = a->median;
	out->plain_mean = a->plain_mean;
	out->plain_median = a->plain_median;
	out->spread = a->spread;
	out->ess = a->ess;
	out->forecast = a->forecast;
	/* They tell how labelers did before, without which they cannot be had from the reports. */
	out->has_candidates = rights & CANDOR_RIGHT_INSPECT;
	out->regression = a->regression;
	out->evidence = a->evidence;
	out->evidence_full = a->evidence_full;
}

void engine_describe_now(const struct aggregate *a, unsigned rights, struct candor_aggregates *out)
{
	*out = (struct candor_aggregates){
		.mean = a->mean,
		.median = a->median,
		.plain_mean = a->plain_mean,
		.plain_median = a->plain_median,
		.spread = a->spread,
		.ess = a->ess,
		.forecast = a->forecast,
		.has_candidates = rights & CANDOR_RIGHT_INSPECT,
		.regression = a->regression,
		.evidence = a->evidence,
		.evidence_full = a->evidence_full,
	};
}

void engine_describe_row(const struct item_row *row, unsigned rights, struct candor_item *out)
{
	*out = (struct candor_item){
		.item = row->name,
		.state = row->state,
		.n = row->aggregate.n,
		.outcome = row->outcome,
		.round = row->round,
		.eta = row->eta,
		.weighted_loss = row->weighted_loss,
		.opened_at = row->opened_at,
		.closed_at = row->close_number ? row->closed_at : 0,
		.ended_at = row->ended_at,
		.has_recheck = row->has_recheck,
		.recheck = row->recheck,
		.block = row->block,
	};
	/* One that was voided while it was open has none. */
	if (row->close_number)
		engine_describe_aggregate(&row->aggregate, rights, out);
}

/* ---- cursors ---- */

bool engine_read_cursor(const char *text, char letter, uint64_t *numbers, size_t n)
{
	if (*text++ != letter)
		return false;
	for (size_t i = 0; i < n; i++) {
		char *end;
		/* strtoull() would also take signs, spaces and 0x. */
		size_t digits = strspn(text, "0123456789abcdef");
		if (digits == 0)
			return false;
		errno = 0;
		numbers[i] = strtoull(text, &end, 16);
		if (errno || end != text + digits || *end != (i + 1 < n ? '-' : 0))
			return false;
		text = end + 1;
	}
	return true;
}

const char *engine_write_cursor(struct arena *a, char letter, const uint64_t *numbers, size_t n)
{
	char text[128];
	size_t len = 1;
	text[0] = letter;
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(text + len, sizeof text - len, i ? "-%" PRIx64 : "%" PRIx64, numbers[i]);
		require(len < sizeof text);
	}
	return arena_strdup(a, text);
}
