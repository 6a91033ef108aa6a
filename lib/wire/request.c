/* Requests to and from bytes. Whatever a peer can get wrong in a request is found here, but for what depends on state:
 * settings are checked when they are merged with those that stand, cursors where they are used. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lib/rights.h"
#include "lib/base/text.h"
#include "lib/base/wipe.h"
#include "lib/wire/common.h"

/* ---- decoding ---- */

struct decoder {
	struct arena *arena;
	struct wire_request *out;
	const char **row_fault;
	const char *last_field, *last_what,
		*last_sentence; /* of the row fault before: many rows tend to have the same */
	int err;
};

static void fault(struct decoder *d, const char *field, const char *what)
{
	if (d->out->fault || d->err)
		return;
	d->out->fault = arena_printf(d->arena, "%s %s", field, what);
	if (!d->out->fault)
		d->err = wire_arena_error(d->arena);
}

/* A fault of row i; the array of them is made when the first one turns up. */
static void row_fault(struct decoder *d, size_t i, const char *field, const char *what)
{
	if (d->err)
		return;
	if (!d->row_fault)
		d->row_fault = arena_calloc(d->arena, d->out->request.n, sizeof *d->row_fault);
	if (field != d->last_field || what != d->last_what) {
		d->last_sentence = arena_printf(d->arena, "%s %s", field, what);
		d->last_field = field;
		d->last_what = what;
	}
	if (d->row_fault)
		d->row_fault[i] = d->last_sentence;
	if (!d->row_fault || !d->last_sentence)
		d->err = wire_arena_error(d->arena);
	d->out->row_fault = d->row_fault;
}

static const char *name(struct decoder *d, const char *field, const char *unpacked)
{
	const char *what = name_fault(unpacked, wire_text_len(unpacked));
	if (what)
		fault(d, field, what);
	return unpacked;
}

/* A probability or an outcome. */
static const char *unit_fault(double x)
{
	if (isnan(x))
		return "is not a number; it must be from 0 to 1";
	return x >= 0 && x <= 1 ? NULL : "is out of range; it must be from 0 to 1";
}

static void reports(struct decoder *d, const Candor__V1__PostReports *m)
{
	struct candor_report *rows = arena_alloc(d->arena, m->n_reports * sizeof *rows);
	if (!rows) {
		d->err = wire_arena_error(d->arena);
		return;
	}
	d->out->request.n = m->n_reports;
	d->out->request.reports = rows;
	for (size_t i = 0; i < m->n_reports && !d->err; i++) {
		const Candor__V1__Report *r = m->reports[i];
		const char *what;
		rows[i] = (struct candor_report){r->item, r->labeler, r->value};
		if ((what = name_fault(r->item, wire_text_len(r->item))))
			row_fault(d, i, "item", what);
		else if ((what = name_fault(r->labeler, wire_text_len(r->labeler))))
			row_fault(d, i, "labeler", what);
		else if ((what = unit_fault(r->value)))
			row_fault(d, i, "value", what);
	}
}

static void outcomes(struct decoder *d, const Candor__V1__ResolveItems *m)
{
	struct candor_outcome *rows = arena_alloc(d->arena, m->n_outcomes * sizeof *rows);
	if (!rows) {
		d->err = wire_arena_error(d->arena);
		return;
	}
	d->out->request.n = m->n_outcomes;
	d->out->request.outcomes = rows;
	for (size_t i = 0; i < m->n_outcomes && !d->err; i++) {
		const Candor__V1__Outcome *o = m->outcomes[i];
		const char *what;
		rows[i] = (struct candor_outcome){o->item, o->value};
		if ((what = name_fault(o->item, wire_text_len(o->item))))
			row_fault(d, i, "item", what);
		else if ((what = unit_fault(o->value)))
			row_fault(d, i, "value", what);
	}
}

static void items(struct decoder *d, char **names, size_t n)
{
	d->out->request.n = n;
	d->out->request.items = (const char *const *)names;
	for (size_t i = 0; i < n && !d->err; i++) {
		const char *what = name_fault(names[i], wire_text_len(names[i]));
		if (what)
			row_fault(d, i, "item", what);
	}
}

static void page(struct decoder *d, const char *cursor, uint32_t limit)
{
	if (wire_text_len(cursor) > CANDOR_NAME_MAX)
		fault(d, "cursor", "is too long; it must be empty or what `next` of an earlier answer said");
	if (limit > CANDOR_PAGE_MAX)
		fault(d, "limit", "is too large; it must be from 1 to 1000, or 0 for 100");
	d->out->request.cursor = cursor;
	d->out->request.limit = limit ? limit : CANDOR_PAGE_DEFAULT;
}

/* The text of a token; not "" where some was sent, though it could not be one. */
static const char *token(struct decoder *d, ProtobufCBinaryData bytes)
{
	const char *what = NULL;
	if (bytes.len > CANDOR_TOKEN_MAX)
		what = "is too long; it has at most 1024 bytes";
	else if (bytes.len > 0 && memchr(bytes.data, 0, bytes.len))
		what = "has a zero byte in it; it is text, as the daemon gave it out";
	size_t len = what ? 1 : bytes.len;
	char *text = arena_alloc(d->arena, len + 1);
	if (what)
		fault(d, "token", what);
	if (!text) {
		d->err = wire_arena_error(d->arena);
		return "";
	}
	memcpy(text, what ? (const void *)"?" : bytes.len ? bytes.data : (const void *)"", len);
	text[len] = 0;
	if (bytes.len)
		wipe(bytes.data, bytes.len);
	d->out->secret = len ? text : NULL;
	return text;
}

static void hello(struct decoder *d, const Candor__V1__Hello *m)
{
	d->out->request.protocol = m->protocol;
	d->out->request.client = m->client;
	if (m->protocol != CANDOR_PROTOCOL)
		fault(d, "protocol", "is not one this daemon speaks; it must be 1");
	const char *what = wire_text_len(m->client) ? name_fault(m->client, wire_text_len(m->client)) : NULL;
	if (what)
		fault(d, "client", what);
	d->out->request.token = token(d, m->token);
}

static const uint8_t *digest(struct decoder *d, const char *field, ProtobufCBinaryData bytes)
{
	if (bytes.len != CANDOR_DIGEST_BYTES)
		fault(d, field, "is no digest; it must have 32 bytes");
	return bytes.data;
}

static void prune(struct decoder *d, const Candor__V1__PrunePool *m)
{
	struct candor_request *r = &d->out->request;
	r->pool = name(d, "pool", m->pool);
	r->round = m->round;
	r->state = digest(d, "state", m->state);
	r->digest = digest(d, "digest", m->digest);
	r->file = name(d, "file", m->file);
	if (m->round == 0)
		fault(d, "round", "is missing; it must be the last one that goes");
}

/* Empty: of all pools. */
static const char *pool_or_all(struct decoder *d, const char *unpacked)
{
	return wire_text_len(unpacked) ? name(d, "pool", unpacked) : unpacked;
}

/* with_principal: else it is to be empty. */
static void grant(struct decoder *d, const Candor__V1__Grant *m, bool with_principal, struct candor_grant *g)
{
	const char *what;
	unsigned unknown = wire_grant_from_pb(m, g);
	pool_or_all(d, m->pool);
	if (with_principal && (what = principal_fault(m->principal, wire_text_len(m->principal))))
		fault(d, "principal", what);
	if (!with_principal && wire_text_len(m->principal))
		fault(d, "principal", "is given; it must be empty, for it is the new token");
	if (wire_text_len(m->prefix) && (what = name_fault(m->prefix, wire_text_len(m->prefix))))
		fault(d, "prefix", what);
	if (unknown)
		fault(d, "rights", "name one that this daemon does not know");
	else if ((what = grant_fault(g)))
		fault(d, "grant", what);
}

static void one_grant(struct decoder *d, const Candor__V1__Grant *m)
{
	struct candor_grant *g = arena_alloc(d->arena, sizeof *g);
	if (!g) {
		d->err = wire_arena_error(d->arena);
		return;
	}
	grant(d, m, true, g);
	d->out->request.pool = g->pool;
	d->out->request.grants = g;
	d->out->request.n = 1;
}

static const char *token_name(struct decoder *d, const char *unpacked)
{
	const char *what = token_name_fault(unpacked, wire_text_len(unpacked));
	if (what)
		fault(d, "name", what);
	return unpacked;
}

static void create_token(struct decoder *d, const Candor__V1__CreateToken *m)
{
	struct candor_request *r = &d->out->request;
	r->name = token_name(d, m->name);
	r->expires_at = m->expires_at;
	if (m->n_grants > CANDOR_GRANTS_MAX) {
		fault(d, "grants", "are too many; a token comes with at most 100");
		return;
	}
	struct candor_grant *grants = arena_alloc(d->arena, m->n_grants * sizeof *grants);
	if (!grants) {
		d->err = wire_arena_error(d->arena);
		return;
	}
	for (size_t i = 0; i < m->n_grants; i++)
		grant(d, m->grants[i], false, &grants[i]);
	r->grants = grants;
	r->n = m->n_grants;
}

static void body(struct decoder *d, const Candor__V1__Request *m)
{
	struct candor_request *r = &d->out->request;
	switch (m->body_case) {
	case CANDOR__V1__REQUEST__BODY_HELLO:
		r->type = CANDOR_REQ_HELLO;
		hello(d, m->hello);
		break;
	case CANDOR__V1__REQUEST__BODY_INFO: r->type = CANDOR_REQ_INFO; break;
	case CANDOR__V1__REQUEST__BODY_CREATE_POOL:
		r->type = CANDOR_REQ_CREATE_POOL;
		r->pool = name(d, "pool", m->create_pool->pool);
		wire_settings_from_pb(m->create_pool->settings, &r->settings);
		break;
	case CANDOR__V1__REQUEST__BODY_UPDATE_POOL:
		r->type = CANDOR_REQ_UPDATE_POOL;
		r->pool = name(d, "pool", m->update_pool->pool);
		wire_settings_from_pb(m->update_pool->settings, &r->settings);
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_POOLS:
		r->type = CANDOR_REQ_LIST_POOLS;
		page(d, m->list_pools->cursor, m->list_pools->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_GET_POOL:
		r->type = CANDOR_REQ_GET_POOL;
		r->pool = name(d, "pool", m->get_pool->pool);
		break;
	case CANDOR__V1__REQUEST__BODY_POST_REPORTS:
		r->type = CANDOR_REQ_POST_REPORTS;
		r->pool = name(d, "pool", m->post_reports->pool);
		reports(d, m->post_reports);
		break;
	case CANDOR__V1__REQUEST__BODY_CLOSE_ITEMS:
		r->type = CANDOR_REQ_CLOSE_ITEMS;
		r->pool = name(d, "pool", m->close_items->pool);
		items(d, m->close_items->items, m->close_items->n_items);
		break;
	case CANDOR__V1__REQUEST__BODY_RESOLVE_ITEMS:
		r->type = CANDOR_REQ_RESOLVE_ITEMS;
		r->pool = name(d, "pool", m->resolve_items->pool);
		outcomes(d, m->resolve_items);
		break;
	case CANDOR__V1__REQUEST__BODY_VOID_ITEMS:
		r->type = CANDOR_REQ_VOID_ITEMS;
		r->pool = name(d, "pool", m->void_items->pool);
		items(d, m->void_items->items, m->void_items->n_items);
		break;
	case CANDOR__V1__REQUEST__BODY_QUERY_ITEMS:
		r->type = CANDOR_REQ_QUERY_ITEMS;
		r->pool = name(d, "pool", m->query_items->pool);
		items(d, m->query_items->items, m->query_items->n_items);
		if (m->query_items->n_items > CANDOR_PAGE_MAX)
			fault(d, "items", "are too many; a query takes at most 1000");
		r->with_reports = m->query_items->reports;
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_LABELERS:
		r->type = CANDOR_REQ_LIST_LABELERS;
		r->pool = name(d, "pool", m->list_labelers->pool);
		r->sort = (enum candor_sort)m->list_labelers->sort;
		if ((unsigned)m->list_labelers->sort > CANDOR_BY_NAME)
			fault(d, "sort", "is unknown; it must be WEIGHT, REGRET, LOSS, SCORED or NAME");
		page(d, m->list_labelers->cursor, m->list_labelers->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_GET_LABELER:
		r->type = CANDOR_REQ_GET_LABELER;
		r->pool = name(d, "pool", m->get_labeler->pool);
		r->labeler = name(d, "labeler", m->get_labeler->labeler);
		r->history = m->get_labeler->history;
		page(d, m->get_labeler->cursor, m->get_labeler->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_ITEMS:
		r->type = CANDOR_REQ_LIST_ITEMS;
		r->pool = name(d, "pool", m->list_items->pool);
		page(d, m->list_items->cursor, m->list_items->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_PRUNE_POOL:
		r->type = CANDOR_REQ_PRUNE_POOL;
		prune(d, m->prune_pool);
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_GRANTS:
		r->type = CANDOR_REQ_LIST_GRANTS;
		r->pool = pool_or_all(d, m->list_grants->pool);
		page(d, m->list_grants->cursor, m->list_grants->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_ADD_GRANT:
		r->type = CANDOR_REQ_ADD_GRANT;
		one_grant(d, m->add_grant);
		break;
	case CANDOR__V1__REQUEST__BODY_REMOVE_GRANT:
		r->type = CANDOR_REQ_REMOVE_GRANT;
		one_grant(d, m->remove_grant);
		break;
	case CANDOR__V1__REQUEST__BODY_CREATE_TOKEN:
		r->type = CANDOR_REQ_CREATE_TOKEN;
		create_token(d, m->create_token);
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_TOKENS:
		r->type = CANDOR_REQ_LIST_TOKENS;
		page(d, m->list_tokens->cursor, m->list_tokens->limit);
		break;
	case CANDOR__V1__REQUEST__BODY_REVOKE_TOKEN:
		r->type = CANDOR_REQ_REVOKE_TOKEN;
		r->name = token_name(d, m->revoke_token->name);
		break;
	case CANDOR__V1__REQUEST__BODY_LIST_EVENTS:
		r->type = CANDOR_REQ_LIST_EVENTS;
		r->pool = pool_or_all(d, m->list_events->pool);
		page(d, m->list_events->cursor, m->list_events->limit);
		break;
	default: fault(d, "request", "is of no kind that this daemon knows");
	}
}

uint64_t wire_peek_id(const uint8_t *data, size_t len, bool *may_be_hello)
{
	enum { ID = 0x08, HELLO = 0x12 }; /* tags of fields */
	uint64_t id = 0;
	*may_be_hello = true;
	if (len == 0 || data[0] != ID)
		return 0;
	for (size_t i = 1; i < len && i <= 10; i++) {
		id |= (uint64_t)(data[i] & 0x7f) << (7 * (i - 1));
		if (data[i] & 0x80)
			continue;
		*may_be_hello = i + 1 == len || data[i + 1] == HELLO;
		return id;
	}
	return 0;
}

int wire_decode_request(struct arena *a, const uint8_t *data, size_t len, struct wire_request *out)
{
	*out = (struct wire_request){0};
	ProtobufCAllocator allocator = wire_allocator(a);
	const Candor__V1__Request *m = candor__v1__request__unpack(&allocator, len, data);
	if (!m) {
		bool unused;
		out->request.id = wire_peek_id(data, len, &unused);
		return wire_unpack_error(a);
	}
	struct decoder d = {.arena = a, .out = out};
	out->request.id = m->id;
	body(&d, m);
	return d.err;
}

/* ---- encoding ---- */

static int encode_reports(const struct candor_request *r, struct arena *a, Candor__V1__PostReports *m)
{
	Candor__V1__Report *rows = arena_alloc(a, r->n * sizeof *rows);
	m->reports = arena_alloc(a, r->n * sizeof *m->reports);
	if (!rows || !m->reports)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		candor__v1__report__init(&rows[i]);
		rows[i].item = wire_text(r->reports[i].item);
		rows[i].labeler = wire_text(r->reports[i].labeler);
		rows[i].value = r->reports[i].value;
		m->reports[i] = &rows[i];
	}
	m->n_reports = r->n;
	return 0;
}

static int encode_outcomes(const struct candor_request *r, struct arena *a, Candor__V1__ResolveItems *m)
{
	Candor__V1__Outcome *rows = arena_alloc(a, r->n * sizeof *rows);
	m->outcomes = arena_alloc(a, r->n * sizeof *m->outcomes);
	if (!rows || !m->outcomes)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		candor__v1__outcome__init(&rows[i]);
		rows[i].item = wire_text(r->outcomes[i].item);
		rows[i].value = r->outcomes[i].value;
		m->outcomes[i] = &rows[i];
	}
	m->n_outcomes = r->n;
	return 0;
}

static ProtobufCBinaryData encode_digest(const uint8_t *digest)
{
	return (ProtobufCBinaryData){digest ? CANDOR_DIGEST_BYTES : 0, (uint8_t *)(uintptr_t)digest};
}

/* protobuf-c only reads the names, so the caller's array serves as it is. */
#define ITEMS(m, r) ((m).n_items = (r)->n, (m).items = (char **)(uintptr_t)(r)->items)

int wire_encode_request(const struct candor_request *r, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	Candor__V1__Request m = CANDOR__V1__REQUEST__INIT;
	Candor__V1__Settings settings;
	/* One body is used; all are small and none allocates. */
	Candor__V1__Hello hello = CANDOR__V1__HELLO__INIT;
	Candor__V1__InfoRequest info = CANDOR__V1__INFO_REQUEST__INIT;
	Candor__V1__CreatePool create_pool = CANDOR__V1__CREATE_POOL__INIT;
	Candor__V1__UpdatePool update_pool = CANDOR__V1__UPDATE_POOL__INIT;
	Candor__V1__ListPools list_pools = CANDOR__V1__LIST_POOLS__INIT;
	Candor__V1__GetPool get_pool = CANDOR__V1__GET_POOL__INIT;
	Candor__V1__PostReports post_reports = CANDOR__V1__POST_REPORTS__INIT;
	Candor__V1__CloseItems close_items = CANDOR__V1__CLOSE_ITEMS__INIT;
	Candor__V1__ResolveItems resolve_items = CANDOR__V1__RESOLVE_ITEMS__INIT;
	Candor__V1__VoidItems void_items = CANDOR__V1__VOID_ITEMS__INIT;
	Candor__V1__QueryItems query_items = CANDOR__V1__QUERY_ITEMS__INIT;
	Candor__V1__ListLabelers list_labelers = CANDOR__V1__LIST_LABELERS__INIT;
	Candor__V1__GetLabeler get_labeler = CANDOR__V1__GET_LABELER__INIT;
	Candor__V1__ListItems list_items = CANDOR__V1__LIST_ITEMS__INIT;
	Candor__V1__PrunePool prune_pool = CANDOR__V1__PRUNE_POOL__INIT;
	Candor__V1__ListGrants list_grants = CANDOR__V1__LIST_GRANTS__INIT;
	Candor__V1__CreateToken create_token = CANDOR__V1__CREATE_TOKEN__INIT;
	Candor__V1__ListTokens list_tokens = CANDOR__V1__LIST_TOKENS__INIT;
	Candor__V1__RevokeToken revoke_token = CANDOR__V1__REVOKE_TOKEN__INIT;
	Candor__V1__ListEvents list_events = CANDOR__V1__LIST_EVENTS__INIT;
	Candor__V1__Grant **grants;
	int err = 0;

#define USE(field, FIELD) (m.body_case = CANDOR__V1__REQUEST__BODY_##FIELD, m.field = &field)
	m.id = r->id;
	wire_settings_to_pb(&r->settings, &settings);
	switch (r->type) {
	case CANDOR_REQ_HELLO:
		hello.protocol = r->protocol;
		hello.client = wire_text(r->client);
		hello.token.data = (uint8_t *)wire_text(r->token);
		hello.token.len = strlen(wire_text(r->token));
		USE(hello, HELLO);
		break;
	case CANDOR_REQ_INFO: USE(info, INFO); break;
	case CANDOR_REQ_CREATE_POOL:
		create_pool.pool = wire_text(r->pool);
		create_pool.settings = &settings;
		USE(create_pool, CREATE_POOL);
		break;
	case CANDOR_REQ_UPDATE_POOL:
		update_pool.pool = wire_text(r->pool);
		update_pool.settings = &settings;
		USE(update_pool, UPDATE_POOL);
		break;
	case CANDOR_REQ_LIST_POOLS:
		list_pools.cursor = wire_text(r->cursor);
		list_pools.limit = r->limit;
		USE(list_pools, LIST_POOLS);
		break;
	case CANDOR_REQ_GET_POOL:
		get_pool.pool = wire_text(r->pool);
		USE(get_pool, GET_POOL);
		break;
	case CANDOR_REQ_POST_REPORTS:
		post_reports.pool = wire_text(r->pool);
		err = encode_reports(r, scratch, &post_reports);
		USE(post_reports, POST_REPORTS);
		break;
	case CANDOR_REQ_CLOSE_ITEMS:
		close_items.pool = wire_text(r->pool);
		ITEMS(close_items, r);
		USE(close_items, CLOSE_ITEMS);
		break;
	case CANDOR_REQ_RESOLVE_ITEMS:
		resolve_items.pool = wire_text(r->pool);
		err = encode_outcomes(r, scratch, &resolve_items);
		USE(resolve_items, RESOLVE_ITEMS);
		break;
	case CANDOR_REQ_VOID_ITEMS:
		void_items.pool = wire_text(r->pool);
		ITEMS(void_items, r);
		USE(void_items, VOID_ITEMS);
		break;
	case CANDOR_REQ_QUERY_ITEMS:
		query_items.pool = wire_text(r->pool);
		ITEMS(query_items, r);
		query_items.reports = r->with_reports;
		USE(query_items, QUERY_ITEMS);
		break;
	case CANDOR_REQ_LIST_LABELERS:
		list_labelers.pool = wire_text(r->pool);
		list_labelers.sort = (Candor__V1__ListLabelers__Sort)r->sort;
		list_labelers.cursor = wire_text(r->cursor);
		list_labelers.limit = r->limit;
		USE(list_labelers, LIST_LABELERS);
		break;
	case CANDOR_REQ_GET_LABELER:
		get_labeler.pool = wire_text(r->pool);
		get_labeler.labeler = wire_text(r->labeler);
		get_labeler.history = r->history;
		get_labeler.cursor = wire_text(r->cursor);
		get_labeler.limit = r->limit;
		USE(get_labeler, GET_LABELER);
		break;
	case CANDOR_REQ_LIST_ITEMS:
		list_items.pool = wire_text(r->pool);
		list_items.cursor = wire_text(r->cursor);
		list_items.limit = r->limit;
		USE(list_items, LIST_ITEMS);
		break;
	case CANDOR_REQ_PRUNE_POOL:
		prune_pool.pool = wire_text(r->pool);
		prune_pool.round = r->round;
		prune_pool.state = encode_digest(r->state);
		prune_pool.digest = encode_digest(r->digest);
		prune_pool.file = wire_text(r->file);
		USE(prune_pool, PRUNE_POOL);
		break;
	case CANDOR_REQ_LIST_GRANTS:
		list_grants.pool = wire_text(r->pool);
		list_grants.cursor = wire_text(r->cursor);
		list_grants.limit = r->limit;
		USE(list_grants, LIST_GRANTS);
		break;
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
		err = wire_grants_to_pb(r->grants, 1, scratch, &grants);
		if (err)
			break;
		m.body_case = r->type == CANDOR_REQ_ADD_GRANT ? CANDOR__V1__REQUEST__BODY_ADD_GRANT
							      : CANDOR__V1__REQUEST__BODY_REMOVE_GRANT;
		m.add_grant = grants[0];
		break;
	case CANDOR_REQ_CREATE_TOKEN:
		create_token.name = wire_text(r->name);
		create_token.expires_at = r->expires_at;
		create_token.n_grants = r->n;
		err = wire_grants_to_pb(r->grants, r->n, scratch, &create_token.grants);
		USE(create_token, CREATE_TOKEN);
		break;
	case CANDOR_REQ_LIST_TOKENS:
		list_tokens.cursor = wire_text(r->cursor);
		list_tokens.limit = r->limit;
		USE(list_tokens, LIST_TOKENS);
		break;
	case CANDOR_REQ_REVOKE_TOKEN:
		revoke_token.name = wire_text(r->name);
		USE(revoke_token, REVOKE_TOKEN);
		break;
	case CANDOR_REQ_LIST_EVENTS:
		list_events.pool = wire_text(r->pool);
		list_events.cursor = wire_text(r->cursor);
		list_events.limit = r->limit;
		USE(list_events, LIST_EVENTS);
		break;
	case CANDOR_REQ_UNKNOWN: break; /* a request without a body: what a daemon makes of it can be tested */
	}
#undef USE
	return err ? err : wire_append(&m.base, max_bytes, out);
}
