#include "tests/lib/good.h"

#include <string.h>

#include "text.h"

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
			if (!good_name(row->item) || !good_name(row->labeler) || !(row->value >= 0 && row->value <= 1))
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

bool good_request(const struct wire_request *w)
{
	const struct candor_request *r = &w->request;
	if (w->fault)
		return good_text(w->fault);
	bool has_pool = r->type != CANDOR_REQ_HELLO && r->type != CANDOR_REQ_INFO && r->type != CANDOR_REQ_LIST_POOLS;
	bool good_own = r->type == CANDOR_REQ_GET_LABELER  ? good_name(r->labeler)
			: r->type == CANDOR_REQ_PRUNE_POOL ? good_name(r->file) && r->state && r->digest && r->round > 0
							   : true;
	return r->type >= CANDOR_REQ_HELLO && r->type <= CANDOR_REQ_PRUNE_POOL && (!has_pool || good_name(r->pool)) &&
	       good_own && r->limit <= CANDOR_PAGE_MAX && r->sort <= CANDOR_BY_NAME && good_rows(w);
}

/* A name, or none, or a cursor. */
static bool good_short(const char *text)
{
	return good_text(text) && strlen(text) <= CANDOR_NAME_MAX;
}

bool good_response(const struct candor_response *r)
{
	bool good = good_text(r->message) && good_short(r->next) && r->type <= CANDOR_RES_LABELER;
	if (r->type == CANDOR_RES_POOL)
		good = good && good_short(r->pool.name) && (!r->pool.best || good_short(r->pool.best->labeler));
	if (r->type == CANDOR_RES_LABELER)
		good = good && good_short(r->labeler.name);
	for (size_t i = 0; good && i < r->n_rejected; i++)
		good = good_text(r->rejected[i].message);
	for (size_t i = 0; good && i < r->n; i++) {
		if (r->type == CANDOR_RES_POOLS)
			good = good_short(r->pools[i].name);
		else if (r->type == CANDOR_RES_LABELERS)
			good = good_short(r->labelers[i].name);
		else if (r->type == CANDOR_RES_LABELER)
			good = good_short(r->history[i].item);
		else if (r->type == CANDOR_RES_ITEMS)
			good = good_short(r->items[i].name) && r->items[i].state <= CANDOR_VOID;
		for (size_t k = 0; good && r->type == CANDOR_RES_ITEMS && k < r->items[i].n_reports; k++)
			good = good_short(r->items[i].reports[k].labeler);
	}
	return good;
}
