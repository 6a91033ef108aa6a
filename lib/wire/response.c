/* Responses to and from bytes. */
#include <errno.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/wire/common.h"

/* ---- encoding ---- */

/* What says whether an optional field is there. */
#define IF(present, CASE) ((present) ? (CASE) : 0)

static void pool_to_pb(const struct candor_pool *p, Candor__V1__Pool *m, Candor__V1__Settings *settings,
		       Candor__V1__BestLabeler *best)
{
	candor__v1__pool__init(m);
	wire_settings_to_pb(&p->settings, settings);
	m->name = wire_text(p->name);
	m->settings = settings;
	m->created_at = p->created_at;
	m->labelers = p->labelers;
	m->open_items = p->open_items;
	m->closed_items = p->closed_items;
	m->resolved_items = p->resolved_items;
	m->void_items = p->void_items;
	m->round = p->round;
	m->epoch = p->epoch;
	m->eta = p->eta;
	m->scored = p->scored;
	m->t_eff = p->t_eff;
	m->total_weight = p->total_weight;
	m->mean_loss = p->mean_loss;
	m->median_loss = p->median_loss;
	m->plain_mean_loss = p->plain_mean_loss;
	m->plain_median_loss = p->plain_median_loss;
	m->_archived_case = IF(p->archived > 0, CANDOR__V1__POOL___ARCHIVED_ARCHIVED);
	m->archived = p->archived;
	m->_head_case = IF(p->head, CANDOR__V1__POOL___HEAD_HEAD);
	if (p->head)
		m->head = (ProtobufCBinaryData){CANDOR_HEAD_BYTES, (uint8_t *)(uintptr_t)p->head};
	if (!p->best)
		return;
	candor__v1__best_labeler__init(best);
	best->labeler = wire_text(p->best->labeler);
	best->scored = p->best->scored;
	best->own_loss = p->best->own_loss;
	best->mean_loss = p->best->mean_loss;
	best->regret = p->best->regret;
	best->settled_loss = p->best->settled_loss;
	best->bound = p->best->bound;
	m->best = best;
}

static void labeler_to_pb(const struct candor_labeler *l, Candor__V1__Labeler *m)
{
	candor__v1__labeler__init(m);
	m->name = wire_text(l->name);
	m->weight = l->weight;
	m->scored = l->scored;
	m->own_loss = l->own_loss;
	m->mean_loss = l->mean_loss;
	m->regret = l->regret;
	m->entry = l->entry;
}

static int item_to_pb(const struct candor_item *item, struct arena *a, Candor__V1__Item *m)
{
	candor__v1__item__init(m);
	m->item = wire_text(item->item);
	m->state = (Candor__V1__ItemState)item->state;
	m->mean = item->mean;
	m->median = item->median;
	m->plain_mean = item->plain_mean;
	m->plain_median = item->plain_median;
	m->spread = item->spread;
	m->ess = item->ess;
	m->n = item->n;
	bool resolved = item->state == CANDOR_RESOLVED;
	m->_outcome_case = IF(resolved, CANDOR__V1__ITEM___OUTCOME_OUTCOME);
	m->_round_case = IF(resolved, CANDOR__V1__ITEM___ROUND_ROUND);
	m->_eta_case = IF(resolved, CANDOR__V1__ITEM___ETA_ETA);
	m->_weighted_loss_case = IF(resolved, CANDOR__V1__ITEM___WEIGHTED_LOSS_WEIGHTED_LOSS);
	m->_closed_at_case = IF(item->closed_at, CANDOR__V1__ITEM___CLOSED_AT_CLOSED_AT);
	m->_ended_at_case = IF(item->ended_at, CANDOR__V1__ITEM___ENDED_AT_ENDED_AT);
	m->_archived_case = IF(item->archived, CANDOR__V1__ITEM___ARCHIVED_ARCHIVED);
	m->outcome = item->outcome;
	m->round = item->round;
	m->eta = item->eta;
	m->weighted_loss = item->weighted_loss;
	m->opened_at = item->opened_at;
	m->closed_at = item->closed_at;
	m->ended_at = item->ended_at;
	m->archived = item->archived;
	if (item->n_reports == 0)
		return 0;
	Candor__V1__ItemReport *rows = arena_alloc(a, item->n_reports * sizeof *rows);
	m->reports = arena_alloc(a, item->n_reports * sizeof *m->reports);
	if (!rows || !m->reports)
		return wire_arena_error(a);
	for (size_t i = 0; i < item->n_reports; i++) {
		candor__v1__item_report__init(&rows[i]);
		rows[i].labeler = wire_text(item->reports[i].labeler);
		rows[i].value = item->reports[i].value;
		rows[i].weight = item->reports[i].weight;
		m->reports[i] = &rows[i];
	}
	m->n_reports = item->n_reports;
	return 0;
}

static int rejected_to_pb(const struct candor_response *r, struct arena *a, size_t *n, Candor__V1__Rejected ***out)
{
	if (r->n_rejected == 0)
		return 0;
	Candor__V1__Rejected *rows = arena_alloc(a, r->n_rejected * sizeof *rows);
	*out = arena_alloc(a, r->n_rejected * sizeof **out);
	if (!rows || !*out)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n_rejected; i++) {
		candor__v1__rejected__init(&rows[i]);
		rows[i].index = r->rejected[i].index;
		rows[i].code = (Candor__V1__Code)r->rejected[i].code;
		rows[i].message = wire_text(r->rejected[i].message);
		(*out)[i] = &rows[i];
	}
	*n = r->n_rejected;
	return 0;
}

static int pools_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Pools *m)
{
	struct {
		Candor__V1__Pool pool;
		Candor__V1__Settings settings;
		Candor__V1__BestLabeler best;
	} *rows = arena_alloc(a, r->n * sizeof *rows);
	m->pools = arena_alloc(a, r->n * sizeof *m->pools);
	if (!rows || !m->pools)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		pool_to_pb(&r->pools[i], &rows[i].pool, &rows[i].settings, &rows[i].best);
		m->pools[i] = &rows[i].pool;
	}
	m->n_pools = r->n;
	m->next = wire_text(r->next);
	return 0;
}

static int items_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Items *m)
{
	Candor__V1__Item *rows = arena_alloc(a, r->n * sizeof *rows);
	m->items = arena_alloc(a, r->n * sizeof *m->items);
	int err = rows && m->items ? 0 : wire_arena_error(a);
	for (size_t i = 0; i < r->n && err == 0; i++) {
		err = item_to_pb(&r->items[i], a, &rows[i]);
		m->items[i] = &rows[i];
	}
	m->n_items = r->n;
	m->next = wire_text(r->next);
	m->more = r->more;
	return err ? err : rejected_to_pb(r, a, &m->n_rejected, &m->rejected);
}

static int labelers_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Labelers *m)
{
	Candor__V1__Labeler *rows = arena_alloc(a, r->n * sizeof *rows);
	m->labelers = arena_alloc(a, r->n * sizeof *m->labelers);
	if (!rows || !m->labelers)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		labeler_to_pb(&r->labelers[i], &rows[i]);
		m->labelers[i] = &rows[i];
	}
	m->n_labelers = r->n;
	m->next = wire_text(r->next);
	m->total = r->total;
	m->total_weight = r->total_weight;
	return 0;
}

static int history_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__LabelerDetail *m)
{
	Candor__V1__Settlement *rows = arena_alloc(a, r->n * sizeof *rows);
	m->history = arena_alloc(a, r->n * sizeof *m->history);
	if (!rows || !m->history)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		const struct candor_settlement *s = &r->history[i];
		candor__v1__settlement__init(&rows[i]);
		rows[i].round = s->round;
		rows[i].item = wire_text(s->item);
		rows[i].report = s->report;
		rows[i].outcome = s->outcome;
		rows[i].loss = s->loss;
		rows[i].weighted_loss = s->weighted_loss;
		rows[i].mean = s->mean;
		rows[i].eta = s->eta;
		rows[i].weight = s->weight;
		rows[i].epoch = s->epoch;
		rows[i].at = s->at;
		m->history[i] = &rows[i];
	}
	m->n_history = r->n;
	m->next = wire_text(r->next);
	return 0;
}

static void info_to_pb(const struct candor_info *i, Candor__V1__Info *m)
{
	m->version = wire_text(i->version);
	m->protocol = i->protocol;
	m->uptime_ms = i->uptime_ms;
	m->started_at = i->started_at;
	m->pools = i->pools;
	m->labelers = i->labelers;
	m->open_items = i->open_items;
	m->connections = i->connections;
	m->committed = i->committed;
	m->reports = i->reports;
	m->settlements = i->settlements;
	m->read_only = i->read_only;
	m->reason = wire_text(i->reason);
	m->database_bytes = i->database_bytes;
	m->commits = i->commits;
	m->memory_bytes = i->memory_bytes;
	m->memory_limit = i->memory_limit;
	m->resident_bytes = i->resident_bytes;
	m->resident_items = i->resident_items;
	m->database = wire_text(i->database);
}

int wire_encode_response(const struct candor_response *r, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	Candor__V1__Response m = CANDOR__V1__RESPONSE__INIT;
	Candor__V1__Status status = CANDOR__V1__STATUS__INIT;
	Candor__V1__Welcome welcome = CANDOR__V1__WELCOME__INIT;
	Candor__V1__Info info = CANDOR__V1__INFO__INIT;
	Candor__V1__Pool pool;
	Candor__V1__Settings settings;
	Candor__V1__BestLabeler best;
	Candor__V1__Pools pools = CANDOR__V1__POOLS__INIT;
	Candor__V1__BatchResult batch = CANDOR__V1__BATCH_RESULT__INIT;
	Candor__V1__Items items = CANDOR__V1__ITEMS__INIT;
	Candor__V1__Labelers labelers = CANDOR__V1__LABELERS__INIT;
	Candor__V1__LabelerDetail detail = CANDOR__V1__LABELER_DETAIL__INIT;
	Candor__V1__Labeler labeler;
	Candor__V1__Grants grants = CANDOR__V1__GRANTS__INIT;
	Candor__V1__NewToken new_token = CANDOR__V1__NEW_TOKEN__INIT;
	Candor__V1__Token token;
	Candor__V1__Tokens tokens = CANDOR__V1__TOKENS__INIT;
	Candor__V1__Events events = CANDOR__V1__EVENTS__INIT;
	int err = 0;

	m.id = r->id;
	if (r->code != CANDOR_OK) {
		status.code = (Candor__V1__Code)r->code;
		status.message = wire_text(r->message);
		status.retry_after_ms = r->retry_after_ms;
		m.status = &status;
		return wire_append(&m.base, max_bytes, out);
	}
#define USE(field, FIELD, body) (m.body_case = CANDOR__V1__RESPONSE__BODY_##FIELD, m.field = &body)
	switch (r->type) {
	case CANDOR_RES_NONE: break;
	case CANDOR_RES_WELCOME:
		welcome.protocol = r->welcome.protocol;
		welcome.server = wire_text(r->welcome.server);
		welcome.max_frame_bytes = r->welcome.max_frame_bytes;
		welcome.max_in_flight = r->welcome.max_in_flight;
		welcome.principal = wire_text(r->welcome.principal);
		USE(hello, HELLO, welcome);
		break;
	case CANDOR_RES_INFO:
		info_to_pb(&r->info, &info);
		USE(info, INFO, info);
		break;
	case CANDOR_RES_POOL:
		pool_to_pb(&r->pool, &pool, &settings, &best);
		USE(pool, POOL, pool);
		break;
	case CANDOR_RES_POOLS:
		err = pools_to_pb(r, scratch, &pools);
		USE(pools, POOLS, pools);
		break;
	case CANDOR_RES_BATCH:
		batch.accepted = r->batch.accepted;
		batch.duplicates = r->batch.duplicates;
		batch.revised = r->batch.revised;
		err = rejected_to_pb(r, scratch, &batch.n_rejected, &batch.rejected);
		USE(batch, BATCH, batch);
		break;
	case CANDOR_RES_ITEMS:
		err = items_to_pb(r, scratch, &items);
		USE(items, ITEMS, items);
		break;
	case CANDOR_RES_LABELERS:
		err = labelers_to_pb(r, scratch, &labelers);
		USE(labelers, LABELERS, labelers);
		break;
	case CANDOR_RES_LABELER:
		labeler_to_pb(&r->labeler, &labeler);
		detail.labeler = &labeler;
		detail.archived = r->archived;
		err = history_to_pb(r, scratch, &detail);
		USE(labeler, LABELER, detail);
		break;
	case CANDOR_RES_GRANTS:
		grants.n_grants = r->n;
		grants.next = wire_text(r->next);
		err = wire_grants_to_pb(r->grants, r->n, scratch, &grants.grants);
		USE(grants, GRANTS, grants);
		break;
	case CANDOR_RES_NEW_TOKEN:
		wire_token_to_pb(&r->token, &token);
		new_token.token = &token;
		new_token.secret = wire_text(r->secret);
		USE(new_token, NEW_TOKEN, new_token);
		break;
	case CANDOR_RES_TOKENS:
		err = wire_tokens_to_pb(r, scratch, &tokens);
		USE(tokens, TOKENS, tokens);
		break;
	case CANDOR_RES_EVENTS:
		err = wire_events_to_pb(r, scratch, &events);
		USE(events, EVENTS, events);
		break;
	}
#undef USE
	return err ? err : wire_append(&m.base, max_bytes, out);
}

/* ---- decoding: the peer is a daemon, which may be hostile or broken too ---- */

struct decoder {
	struct arena *arena;
	int err;
};

static const char *text(struct decoder *d, const char *unpacked)
{
	if (text_fault(unpacked, wire_text_len(unpacked)))
		d->err = ERR_MALFORMED;
	return unpacked;
}

/* A name, or a cursor, which a request could not carry back if it were longer. */
static const char *name(struct decoder *d, const char *unpacked)
{
	if (wire_text_len(unpacked) > CANDOR_NAME_MAX)
		d->err = ERR_MALFORMED;
	return text(d, unpacked);
}

static void *rows(struct decoder *d, size_t n, size_t size)
{
	void *block = arena_calloc(d->arena, n ? n : 1, size);
	if (!block && !d->err)
		d->err = wire_arena_error(d->arena);
	return block;
}

static void pool_from_pb(struct decoder *d, const Candor__V1__Pool *m, struct candor_pool *p)
{
	*p = (struct candor_pool){
		.name = name(d, m->name),
		.created_at = m->created_at,
		.labelers = m->labelers,
		.open_items = m->open_items,
		.closed_items = m->closed_items,
		.resolved_items = m->resolved_items,
		.void_items = m->void_items,
		.round = m->round,
		.epoch = m->epoch,
		.eta = m->eta,
		.scored = m->scored,
		.t_eff = m->t_eff,
		.archived = m->archived,
		.total_weight = m->total_weight,
		.mean_loss = m->mean_loss,
		.median_loss = m->median_loss,
		.plain_mean_loss = m->plain_mean_loss,
		.plain_median_loss = m->plain_median_loss,
		.head = m->head.len > 0 ? m->head.data : NULL,
	};
	if (m->head.len > 0 && m->head.len != CANDOR_HEAD_BYTES)
		d->err = ERR_MALFORMED;
	wire_settings_from_pb(m->settings, &p->settings);
	struct candor_best *best = m->best ? rows(d, 1, sizeof *best) : NULL;
	if (!best)
		return;
	*best = (struct candor_best){
		.labeler = name(d, m->best->labeler),
		.scored = m->best->scored,
		.own_loss = m->best->own_loss,
		.mean_loss = m->best->mean_loss,
		.regret = m->best->regret,
		.settled_loss = m->best->settled_loss,
		.bound = m->best->bound,
	};
	p->best = best;
}

static void labeler_from_pb(struct decoder *d, const Candor__V1__Labeler *m, struct candor_labeler *l)
{
	*l = (struct candor_labeler){
		.name = name(d, m->name),
		.weight = m->weight,
		.scored = m->scored,
		.own_loss = m->own_loss,
		.mean_loss = m->mean_loss,
		.regret = m->regret,
		.entry = m->entry,
	};
}

static void item_from_pb(struct decoder *d, const Candor__V1__Item *m, struct candor_item *item)
{
	if ((unsigned)m->state > CANDOR_VOID)
		d->err = ERR_MALFORMED;
	*item = (struct candor_item){
		.item = name(d, m->item),
		.state = (enum candor_item_state)m->state,
		.mean = m->mean,
		.median = m->median,
		.plain_mean = m->plain_mean,
		.plain_median = m->plain_median,
		.spread = m->spread,
		.ess = m->ess,
		.n = m->n,
		.outcome = m->outcome,
		.round = m->round,
		.eta = m->eta,
		.weighted_loss = m->weighted_loss,
		.opened_at = m->opened_at,
		.closed_at = m->closed_at,
		.ended_at = m->ended_at,
		.archived = m->archived,
	};
	struct candor_item_report *r = m->n_reports ? rows(d, m->n_reports, sizeof *r) : NULL;
	if (!r)
		return;
	for (size_t i = 0; i < m->n_reports; i++)
		r[i] = (struct candor_item_report){name(d, m->reports[i]->labeler), m->reports[i]->value,
						   m->reports[i]->weight};
	item->n_reports = m->n_reports;
	item->reports = r;
}

static void rejected_from_pb(struct decoder *d, Candor__V1__Rejected *const *m, size_t n, struct candor_response *out)
{
	struct candor_rejected *r = n ? rows(d, n, sizeof *r) : NULL;
	if (!r)
		return;
	for (size_t i = 0; i < n; i++)
		r[i] = (struct candor_rejected){m[i]->index, (enum candor_code)m[i]->code, text(d, m[i]->message)};
	out->n_rejected = n;
	out->rejected = r;
}

static void pools_from_pb(struct decoder *d, const Candor__V1__Pools *m, struct candor_response *out)
{
	struct candor_pool *p = rows(d, m->n_pools, sizeof *p);
	for (size_t i = 0; p && i < m->n_pools; i++)
		pool_from_pb(d, m->pools[i], &p[i]);
	out->n = m->n_pools;
	out->pools = p;
	out->next = name(d, m->next);
}

static void items_from_pb(struct decoder *d, const Candor__V1__Items *m, struct candor_response *out)
{
	struct candor_item *items = rows(d, m->n_items, sizeof *items);
	for (size_t i = 0; items && i < m->n_items; i++)
		item_from_pb(d, m->items[i], &items[i]);
	out->n = m->n_items;
	out->items = items;
	out->next = name(d, m->next);
	out->more = m->more;
	rejected_from_pb(d, m->rejected, m->n_rejected, out);
}

static void labelers_from_pb(struct decoder *d, const Candor__V1__Labelers *m, struct candor_response *out)
{
	struct candor_labeler *l = rows(d, m->n_labelers, sizeof *l);
	for (size_t i = 0; l && i < m->n_labelers; i++)
		labeler_from_pb(d, m->labelers[i], &l[i]);
	out->n = m->n_labelers;
	out->labelers = l;
	out->next = name(d, m->next);
	out->total = m->total;
	out->total_weight = m->total_weight;
}

static void detail_from_pb(struct decoder *d, const Candor__V1__LabelerDetail *m, struct candor_response *out)
{
	if (!m->labeler) {
		d->err = ERR_MALFORMED;
		return;
	}
	labeler_from_pb(d, m->labeler, &out->labeler);
	struct candor_settlement *s = rows(d, m->n_history, sizeof *s);
	for (size_t i = 0; s && i < m->n_history; i++) {
		const Candor__V1__Settlement *row = m->history[i];
		s[i] = (struct candor_settlement){
			.round = row->round,
			.item = name(d, row->item),
			.report = row->report,
			.outcome = row->outcome,
			.loss = row->loss,
			.weighted_loss = row->weighted_loss,
			.mean = row->mean,
			.eta = row->eta,
			.weight = row->weight,
			.epoch = row->epoch,
			.at = row->at,
		};
	}
	out->n = m->n_history;
	out->history = s;
	out->next = name(d, m->next);
	out->archived = m->archived;
}

static void info_from_pb(struct decoder *d, const Candor__V1__Info *m, struct candor_info *i)
{
	*i = (struct candor_info){
		.version = text(d, m->version),
		.protocol = m->protocol,
		.uptime_ms = m->uptime_ms,
		.started_at = m->started_at,
		.pools = m->pools,
		.labelers = m->labelers,
		.open_items = m->open_items,
		.connections = m->connections,
		.committed = m->committed,
		.reports = m->reports,
		.settlements = m->settlements,
		.read_only = m->read_only,
		.reason = text(d, m->reason),
		.database_bytes = m->database_bytes,
		.commits = m->commits,
		.memory_bytes = m->memory_bytes,
		.memory_limit = m->memory_limit,
		.resident_bytes = m->resident_bytes,
		.resident_items = m->resident_items,
		.database = text(d, m->database),
	};
}

static void grants_from_pb(struct decoder *d, const Candor__V1__Grants *m, struct candor_response *out)
{
	struct candor_grant *g = rows(d, m->n_grants, sizeof *g);
	for (size_t i = 0; g && i < m->n_grants; i++) {
		wire_grant_from_pb(m->grants[i], &g[i]);
		name(d, g[i].principal);
		name(d, g[i].pool);
		name(d, g[i].prefix);
	}
	out->n = m->n_grants;
	out->grants = g;
	out->next = name(d, m->next);
}

static void token_from_pb(struct decoder *d, const Candor__V1__Token *m, struct candor_token *t)
{
	*t = (struct candor_token){name(d, m->name), m->created_at, m->expires_at, m->revoked_at};
}

static void tokens_from_pb(struct decoder *d, const Candor__V1__Tokens *m, struct candor_response *out)
{
	struct candor_token *t = rows(d, m->n_tokens, sizeof *t);
	for (size_t i = 0; t && i < m->n_tokens; i++)
		token_from_pb(d, m->tokens[i], &t[i]);
	out->n = m->n_tokens;
	out->tokens = t;
	out->next = name(d, m->next);
}

static void new_token_from_pb(struct decoder *d, const Candor__V1__NewToken *m, struct candor_response *out)
{
	if (!m->token) {
		d->err = ERR_MALFORMED;
		return;
	}
	token_from_pb(d, m->token, &out->token);
	out->secret = name(d, m->secret);
}

static void events_from_pb(struct decoder *d, const Candor__V1__Events *m, struct candor_response *out)
{
	struct candor_event *e = rows(d, m->n_events, sizeof *e);
	for (size_t i = 0; e && i < m->n_events; i++) {
		const Candor__V1__Event *row = m->events[i];
		e[i] = (struct candor_event){
			.change = row->change,
			.at = row->at,
			.by = text(d, row->by),
			.pool = name(d, row->pool),
			.action = name(d, row->action),
			.subject = name(d, row->subject),
			.detail = text(d, row->detail),
		};
	}
	out->n = m->n_events;
	out->events = e;
	out->next = name(d, m->next);
}

static void body(struct decoder *d, const Candor__V1__Response *m, struct candor_response *out)
{
	switch (m->body_case) {
	case CANDOR__V1__RESPONSE__BODY_HELLO:
		out->type = CANDOR_RES_WELCOME;
		out->welcome = (struct candor_welcome){m->hello->protocol, text(d, m->hello->server),
						       m->hello->max_frame_bytes, m->hello->max_in_flight,
						       name(d, m->hello->principal)};
		break;
	case CANDOR__V1__RESPONSE__BODY_INFO:
		out->type = CANDOR_RES_INFO;
		info_from_pb(d, m->info, &out->info);
		break;
	case CANDOR__V1__RESPONSE__BODY_POOL:
		out->type = CANDOR_RES_POOL;
		pool_from_pb(d, m->pool, &out->pool);
		break;
	case CANDOR__V1__RESPONSE__BODY_POOLS:
		out->type = CANDOR_RES_POOLS;
		pools_from_pb(d, m->pools, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_BATCH:
		out->type = CANDOR_RES_BATCH;
		out->batch = (struct candor_batch){m->batch->accepted, m->batch->duplicates, m->batch->revised};
		rejected_from_pb(d, m->batch->rejected, m->batch->n_rejected, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_ITEMS:
		out->type = CANDOR_RES_ITEMS;
		items_from_pb(d, m->items, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_LABELERS:
		out->type = CANDOR_RES_LABELERS;
		labelers_from_pb(d, m->labelers, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_LABELER:
		out->type = CANDOR_RES_LABELER;
		detail_from_pb(d, m->labeler, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_GRANTS:
		out->type = CANDOR_RES_GRANTS;
		grants_from_pb(d, m->grants, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_NEW_TOKEN:
		out->type = CANDOR_RES_NEW_TOKEN;
		new_token_from_pb(d, m->new_token, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_TOKENS:
		out->type = CANDOR_RES_TOKENS;
		tokens_from_pb(d, m->tokens, out);
		break;
	case CANDOR__V1__RESPONSE__BODY_EVENTS:
		out->type = CANDOR_RES_EVENTS;
		events_from_pb(d, m->events, out);
		break;
	default: out->type = CANDOR_RES_NONE;
	}
}

int wire_decode_response(struct arena *a, const uint8_t *data, size_t len, struct candor_response *out)
{
	*out = (struct candor_response){.message = "", .next = ""};
	ProtobufCAllocator allocator = wire_allocator(a);
	const Candor__V1__Response *m = candor__v1__response__unpack(&allocator, len, data);
	if (!m)
		return wire_unpack_error(a);
	struct decoder d = {.arena = a};
	out->id = m->id;
	if (m->status && m->status->code != CANDOR__V1__CODE__OK) {
		out->code = (enum candor_code)m->status->code;
		out->message = text(&d, m->status->message);
		out->retry_after_ms = m->status->retry_after_ms;
		return d.err;
	}
	body(&d, m, out);
	return d.err;
}
