#include "daemon/engine/item_page.h"

#include <errno.h>

#include "daemon/engine/reply.h"

int item_page_begin(const struct engine *e, struct call *call, struct item_page *p)
{
	const struct candor_request *r = &call->wire->request;
	*p = (struct item_page){
		.request = r,
		.arena = call->arena,
		.room_bytes = e->limits.max_frame_bytes - WIRE_ANSWER_BYTES,
		.reports_left = r->reports_limit ? r->reports_limit : UINT32_MAX,
		.items = arena_alloc(call->arena, r->n * sizeof *p->items),
		.rejected = arena_alloc(call->arena, r->n * sizeof *p->rejected),
	};
	return p->items && p->rejected ? 0 : -ENOMEM;
}

/* From this report of the i-th item on nothing has room. */
static int end(struct item_page *p, size_t i, uint32_t report)
{
	p->rest = (uint32_t)i;
	p->reports_next = report;
	return 0;
}

int item_page_reject(struct item_page *p, size_t i, enum candor_code code, const char *why)
{
	const struct candor_rejected row = {(uint32_t)i, code, why};
	size_t bytes = wire_rejected_bytes(&row);
	if (bytes > p->room_bytes)
		return end(p, i, 0);
	p->room_bytes -= bytes;
	p->rejected[p->n_rejected++] = row;
	return 1;
}

/* All but its reports. weights: where they are, or NULL where there are none; NULL: they are not wanted. */
static int describe(const struct item_page *p, struct engine_pool *c, struct item *item, const char *name,
		    const double **weights, struct candor_item *out)
{
	struct aggregate aggregate = {0};
	bool archived = engine_is_archived(c, item);
	if (weights)
		*weights = NULL;
	*out = (struct candor_item){
		.item = name,
		.state = item->state,
		.archived = archived,
		.n = archived ? item->frozen->aggregate.n : item->n,
		.opened_at = item->own.opened_at,
		.closed_at = item->own.close_number ? item->own.closed_at : 0,
		.ended_at = item->own.ended_at,
	};
	/* Voided while open, it has reports and neither aggregates nor weights. */
	if (item->state == CANDOR_VOID && !item->frozen)
		return 0;
	int err = 0;
	if (archived)
		aggregate = item->frozen->aggregate;
	else
		err = pool_item_aggregate(c->pool, item, &aggregate, weights);
	if (err)
		return err;
	engine_describe_aggregate(&aggregate, p->rights, out);
	if (item->state == CANDOR_RESOLVED) {
		out->outcome = item->frozen->outcome;
		out->round = item->frozen->round;
		out->eta = item->frozen->eta;
		out->weighted_loss = item->frozen->weighted_loss;
		out->block = item->frozen->block;
		out->has_recheck = item->frozen->has_recheck;
		out->recheck = item->frozen->recheck;
	}
	return 0;
}

/* What the item is at this moment, and the number to train on. */
static int describe_now(const struct item_page *p, struct engine_pool *c, struct item *item, struct candor_item *out)
{
	struct aggregate aggregate;
	if (item->state == CANDOR_VOID)
		return 0;
	int err = pool_item_label(c->pool, item, &out->label);
	out->has_label = err == 0;
	if (err || item->state == CANDOR_RESOLVED)
		return err;
	struct candor_aggregates *now = arena_alloc(p->arena, sizeof *now);
	err = now ? pool_item_now(c->pool, item, &aggregate, NULL) : -ENOMEM;
	if (err)
		return err;
	engine_describe_now(&aggregate, p->rights, now);
	out->now = now;
	return 0;
}

/* How many of an item's reports have room, from that one on. */
static uint32_t count_reports(struct item_page *p, const struct engine_pool *c, const struct item *item, uint32_t from)
{
	const uint32_t *labelers = item_labelers(item);
	uint32_t i = from;
	for (; i < item->n && i - from < p->reports_left; i++) {
		size_t bytes = wire_item_report_bytes(pool_labeler_name(c->pool, labelers[i], NULL));
		if (bytes > p->room_bytes)
			break;
		p->room_bytes -= bytes;
	}
	return i - from;
}

static int describe_reports(const struct item_page *p, const struct engine_pool *c, const struct item *item,
			    const double *weights, uint32_t from, uint32_t n, struct candor_item *out)
{
	struct candor_item_report *rows = arena_alloc(p->arena, n * sizeof *rows);
	if (!rows)
		return -ENOMEM;
	const uint32_t *labelers = item_labelers(item);
	for (uint32_t i = 0; i < n; i++)
		rows[i] = (struct candor_item_report){
			.labeler = pool_labeler_name(c->pool, labelers[from + i], NULL),
			.value = item->values[from + i],
			.weight = weights ? weights[from + i] : 0,
		};
	out->n_reports = n;
	out->reports = rows;
	return 0;
}

int item_page_add(struct item_page *p, struct engine_pool *c, size_t i, struct item *item)
{
	struct candor_item *out = &p->items[p->n];
	const char *name = p->request->items[i];
	uint32_t n = p->request->with_reports && !engine_is_archived(c, item) ? item->n : 0;
	uint32_t from = i > 0 ? 0 : p->request->reports_from < n ? p->request->reports_from : n;
	size_t bytes = wire_item_bytes(name, p->request->with_now);
	if (bytes > p->room_bytes)
		return end(p, i, 0);
	p->room_bytes -= bytes;
	uint32_t have = from < n ? count_reports(p, c, item, from) : 0;
	if (have == 0 && from < n && p->n + p->n_rejected > 0)
		return end(p, i, 0);
	const double *weights = NULL;
	int err = describe(p, c, item, name, have > 0 ? &weights : NULL, out);
	if (err == 0 && have > 0)
		err = describe_reports(p, c, item, weights, from, have, out);
	/* Last, for the weights above live only until they are gathered anew. */
	if (err == 0 && p->request->with_now)
		err = describe_now(p, c, item, out);
	if (err)
		return err;
	p->n++;
	p->reports_left -= have;
	return from + have < n ? end(p, i, from + have) : 1;
}

void item_page_put(const struct item_page *p, struct candor_response *r)
{
	r->type = CANDOR_RES_ITEMS;
	r->n = p->n;
	r->items = p->items;
	r->n_rejected = p->n_rejected;
	r->rejected = p->rejected;
	r->rest = p->rest;
	r->reports_next = p->reports_next;
}
