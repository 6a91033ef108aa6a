#include "tests/lib/good.h"

#include <string.h>

#include "lib/rights.h"
#include "lib/base/text.h"

static bool good_name(const char *name)
{
	return name && name_fault(name, strlen(name)) == NULL;
}

static bool good_text(const char *text)
{
	return text && text_fault(text, strlen(text)) == NULL;
}

static bool good_rows(const struct wire_request *w)
{
	const struct candor_request *r = &w->request;
	for (size_t i = 0; i < r->n; i++) {
		if (w->row_fault && w->row_fault[i]) {
			if (!good_text(w->row_fault[i]))
				return false;
		} else if (r->reports) {
			const struct candor_report *row = &r->reports[i];
			if (!good_name(row->item) || !good_name(row->labeler) ||
			    !(row->value >= 0 && row->value <= 1) || row->sequence > CANDOR_SEQUENCE_MAX)
				return false;
		} else if (r->grants) {
			const struct candor_grant *row = &r->grants[i];
			const char *identity = row->principal;
			bool own = r->type == CANDOR_REQ_CREATE_TOKEN;
			if ((own ? *identity != 0 : principal_fault(identity, strlen(identity)) != NULL) ||
			    grant_fault(row) || !(*row->pool == 0 || good_name(row->pool)) ||
			    !(*row->prefix == 0 || good_name(row->prefix)))
				return false;
		} else if (r->outcomes) {
			const struct candor_outcome *row = &r->outcomes[i];
			if (!good_name(row->item) || !(row->value >= 0 && row->value <= 1))
				return false;
		} else if (!good_name(r->items[i])) {
			return false;
		}
	}
	return true;
}

/* It has to; requests of grants and of events may. */
static bool names_pool(enum candor_request_type type)
{
	switch (type) {
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
	case CANDOR_REQ_GET_POOL:
	case CANDOR_REQ_POST_REPORTS:
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_RECHECK_ITEMS:
	case CANDOR_REQ_VOID_ITEMS:
	case CANDOR_REQ_QUERY_ITEMS:
	case CANDOR_REQ_LIST_LABELERS:
	case CANDOR_REQ_GET_LABELER:
	case CANDOR_REQ_LIST_ITEMS:
	case CANDOR_REQ_LIST_CHANGES:
	case CANDOR_REQ_PRUNE_POOL: return true;
	case CANDOR_REQ_UNKNOWN:
	case CANDOR_REQ_HELLO:
	case CANDOR_REQ_INFO:
	case CANDOR_REQ_LIST_POOLS:
	case CANDOR_REQ_LIST_GRANTS:
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_CREATE_TOKEN:
	case CANDOR_REQ_LIST_TOKENS:
	case CANDOR_REQ_REVOKE_TOKEN:
	case CANDOR_REQ_LIST_EVENTS: return false;
	}
	return false;
}

bool good_request(const struct wire_request *w)
{
	const struct candor_request *r = &w->request;
	if (w->fault)
		return good_text(w->fault);
	bool good_own = r->type == CANDOR_REQ_GET_LABELER  ? good_name(r->labeler)
			: r->type == CANDOR_REQ_PRUNE_POOL ? good_name(r->file) && r->state && r->digest && r->round > 0
			: r->type == CANDOR_REQ_CREATE_TOKEN || r->type == CANDOR_REQ_REVOKE_TOKEN
				? token_name_fault(r->name, strlen(r->name)) == NULL && r->n <= CANDOR_GRANTS_MAX
			: r->type == CANDOR_REQ_HELLO ? r->token && strlen(r->token) <= CANDOR_TOKEN_MAX
						      : true;
	return r->type >= CANDOR_REQ_HELLO && r->type < CANDOR_REQ_TYPES &&
	       (!names_pool(r->type) || good_name(r->pool)) && (!r->pool || *r->pool == 0 || good_name(r->pool)) &&
	       good_own && r->limit <= CANDOR_PAGE_MAX && r->wait_ms <= CANDOR_WAIT_MAX_MS &&
	       r->sort <= CANDOR_BY_NAME && good_rows(w);
}

/* A name, or none, or a cursor. */
static bool good_short(const char *text)
{
	return good_text(text) && strlen(text) <= CANDOR_NAME_MAX;
}

static bool good_event(const struct candor_event *e)
{
	return good_text(e->by) && good_short(e->pool) && good_short(e->action) && good_short(e->subject) &&
	       good_text(e->detail);
}

static bool good_row(const struct candor_response *r, size_t i)
{
	switch (r->type) {
	case CANDOR_RES_POOLS: return good_short(r->pools[i].name);
	case CANDOR_RES_LABELERS: return good_short(r->labelers[i].name);
	case CANDOR_RES_LABELER: return good_short(r->history[i].item);
	case CANDOR_RES_GRANTS:
		return good_short(r->grants[i].principal) && good_short(r->grants[i].pool) &&
		       good_short(r->grants[i].prefix);
	case CANDOR_RES_TOKENS: return good_short(r->tokens[i].name);
	case CANDOR_RES_EVENTS: return good_event(&r->events[i]);
	case CANDOR_RES_ITEMS:
		for (size_t k = 0; k < r->items[i].n_reports; k++)
			if (!good_short(r->items[i].reports[k].labeler))
				return false;
		return good_short(r->items[i].item) && r->items[i].state <= CANDOR_VOID &&
		       (!r->items[i].cursor || good_short(r->items[i].cursor));
	case CANDOR_RES_NONE:
	case CANDOR_RES_WELCOME:
	case CANDOR_RES_INFO:
	case CANDOR_RES_POOL:
	case CANDOR_RES_BATCH:
	case CANDOR_RES_NEW_TOKEN: return true; /* without such rows */
	}
	return false;
}

bool good_response(const struct candor_response *r)
{
	bool good = good_text(r->message) && good_short(r->next) && r->type < CANDOR_RES_TYPES;
	if (r->type == CANDOR_RES_POOL)
		good = good && good_short(r->pool.name) && (!r->pool.best || good_short(r->pool.best->labeler)) &&
		       (r->pool.n_blend == 0 || r->pool.n_blend == CANDOR_CANDIDATES);
	if (r->type == CANDOR_RES_LABELER)
		good = good && good_short(r->labeler.name);
	if (r->type == CANDOR_RES_WELCOME)
		good = good && good_short(r->welcome.principal);
	if (r->type == CANDOR_RES_NEW_TOKEN)
		good = good && good_short(r->token.name) && good_short(r->secret);
	for (size_t i = 0; good && i < r->n_rejected; i++)
		good = good_text(r->rejected[i].message);
	for (size_t i = 0; good && i < r->n; i++)
		good = good_row(r, i);
	return good;
}
