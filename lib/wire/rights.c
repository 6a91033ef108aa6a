/* Grants, tokens and events to and from bytes: of requests and of responses. */
#include <errno.h>
#include <string.h>

#include "lib/rights.h"
#include "lib/wire/common.h"

enum { RIGHTS = 6 };

static unsigned right_bit(Candor__V1__Right right)
{
	return right >= CANDOR__V1__RIGHT__RIGHT_REPORT && right <= CANDOR__V1__RIGHT__RIGHT_ADMIN ? 1u << (right - 1)
												   : 0;
}

unsigned wire_grant_from_pb(const Candor__V1__Grant *m, struct candor_grant *g)
{
	unsigned unknown = 0;
	*g = (struct candor_grant){.principal = m->principal, .pool = m->pool, .prefix = m->prefix};
	for (size_t i = 0; i < m->n_rights; i++) {
		unsigned bit = right_bit(m->rights[i]);
		g->rights |= bit;
		unknown += !bit;
	}
	return unknown;
}

int wire_grants_to_pb(const struct candor_grant *grants, size_t n, struct arena *a, Candor__V1__Grant ***out)
{
	struct {
		Candor__V1__Grant grant;
		Candor__V1__Right rights[RIGHTS];
	} *rows = arena_alloc(a, n * sizeof *rows);
	*out = arena_alloc(a, n * sizeof **out);
	if (!rows || !*out)
		return wire_arena_error(a);
	for (size_t i = 0; i < n; i++) {
		Candor__V1__Grant *m = &rows[i].grant;
		candor__v1__grant__init(m);
		m->principal = wire_text(grants[i].principal);
		m->pool = wire_text(grants[i].pool);
		m->prefix = wire_text(grants[i].prefix);
		m->rights = rows[i].rights;
		for (int right = 1; right <= RIGHTS; right++)
			if (grants[i].rights & (1u << (right - 1)))
				m->rights[m->n_rights++] = (Candor__V1__Right)right;
		(*out)[i] = m;
	}
	return 0;
}

void wire_token_to_pb(const struct candor_token *t, Candor__V1__Token *m)
{
	candor__v1__token__init(m);
	m->name = wire_text(t->name);
	m->created_at = t->created_at;
	m->expires_at = t->expires_at;
	m->revoked_at = t->revoked_at;
}

int wire_tokens_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Tokens *m)
{
	Candor__V1__Token *rows = arena_alloc(a, r->n * sizeof *rows);
	m->tokens = arena_alloc(a, r->n * sizeof *m->tokens);
	if (!rows || !m->tokens)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		wire_token_to_pb(&r->tokens[i], &rows[i]);
		m->tokens[i] = &rows[i];
	}
	m->n_tokens = r->n;
	m->next = wire_text(r->next);
	return 0;
}

int wire_events_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Events *m)
{
	Candor__V1__Event *rows = arena_alloc(a, r->n * sizeof *rows);
	m->events = arena_alloc(a, r->n * sizeof *m->events);
	if (!rows || !m->events)
		return wire_arena_error(a);
	for (size_t i = 0; i < r->n; i++) {
		const struct candor_event *e = &r->events[i];
		candor__v1__event__init(&rows[i]);
		rows[i].change = e->change;
		rows[i].at = e->at;
		rows[i].by = wire_text(e->by);
		rows[i].pool = wire_text(e->pool);
		rows[i].action = wire_text(e->action);
		rows[i].subject = wire_text(e->subject);
		rows[i].detail = wire_text(e->detail);
		m->events[i] = &rows[i];
	}
	m->n_events = r->n;
	m->next = wire_text(r->next);
	return 0;
}
