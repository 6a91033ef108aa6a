#include "tests/lib/rights_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANY = CANDOR_RIGHTS_ALL };

static_assert(CANDOR_RIGHTS_ALL == (1u << MODEL_RIGHTS) - 1, "a right that the model does not know");

void model_free(struct rights_model *m)
{
	for (size_t i = 0; i < m->n_keys; i++)
		free(m->keys[i].principal);
	free(m->keys);
}

/* ---- grants ---- */

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static struct model_key *find_key(const struct rights_model *m, const char *principal, const char *pool,
				  const char *prefix)
{
	for (size_t i = 0; i < m->n_keys; i++) {
		struct model_key *k = &m->keys[i];
		if (same(k->principal, principal) && same(k->pool, pool) && same(k->prefix, prefix))
			return k;
	}
	return NULL;
}

static struct model_key *make_key(struct rights_model *m, const char *principal, const char *pool, const char *prefix)
{
	struct model_key *k = find_key(m, principal, pool, prefix);
	if (k)
		return k;
	if (m->n_keys == m->keys_cap) {
		m->keys_cap = 2 * m->keys_cap + 16;
		require((m->keys = realloc(m->keys, m->keys_cap * sizeof *m->keys)));
	}
	size_t a = strlen(principal) + 1, b = strlen(pool) + 1, c = strlen(prefix) + 1;
	k = &m->keys[m->n_keys++];
	*k = (struct model_key){.principal = malloc(a + b + c)};
	require(k->principal);
	k->pool = memcpy(k->principal + a, pool, b);
	k->prefix = memcpy(k->pool + b, prefix, c);
	memcpy(k->principal, principal, a);
	for (int i = 0; i < MODEL_RIGHTS; i++)
		k->since[i] = UINT64_MAX;
	return k;
}

static bool is_possible(const struct model_key *k, int i)
{
	return k->on >> i & 1 || k->asked[i] > 0;
}

static void add_asked(struct rights_model *m, const char *principal, const struct candor_grant *g)
{
	struct model_key *k = make_key(m, principal, g->pool, g->prefix);
	for (int i = 0; i < MODEL_RIGHTS; i++)
		if (g->rights >> i & 1) {
			k->asked[i]++;
			k->until[i] = UINT64_MAX;
		}
	m->adds++;
	m->adding++;
}

/* What came of it: it does not stand, or it may, or it does. */
enum fate { FAILED, DOUBTFUL, STANDS };

static void add_ended(struct rights_model *m, const char *principal, const struct candor_grant *g, enum fate fate)
{
	struct model_key *k = find_key(m, principal, g->pool, g->prefix);
	require(k && m->adding > 0);
	m->adding--;
	for (int i = 0; i < MODEL_RIGHTS; i++) {
		if (!(g->rights >> i & 1))
			continue;
		k->asked[i]--;
		if (fate != FAILED)
			k->on |= 1u << i;
		if (fate == STANDS && k->since[i] == UINT64_MAX)
			k->since[i] = m->moment;
		if (!is_possible(k, i))
			k->until[i] = m->moment;
	}
}

static void doubt(struct model_key *k, unsigned rights)
{
	for (int i = 0; i < MODEL_RIGHTS; i++)
		if (rights >> i & 1)
			k->since[i] = UINT64_MAX;
}

static void key_removed(const struct rights_model *m, struct model_key *k, unsigned rights)
{
	for (int i = 0; i < MODEL_RIGHTS; i++)
		if (rights & k->on & 1u << i && k->asked[i] == 0) {
			k->on &= ~(1u << i);
			k->until[i] = m->moment;
		}
}

static void removed(const struct rights_model *m, const struct candor_grant *g)
{
	struct model_key *k = find_key(m, g->principal, g->pool, g->prefix);
	if (k)
		key_removed(m, k, g->rights);
}

/* ---- rights ---- */

/* Whom a request may have been for. */
struct somebody {
	const struct identity *identity;
	const struct model_token *token; /* NULL: the base */
};

static bool is_principal(const struct somebody *s, const char *principal)
{
	if (s->token)
		return same(s->token->principal, principal);
	if (same(principal, s->identity->is_known ? s->identity->name : "anonymous"))
		return true;
	for (uint32_t i = 0; i < s->identity->n_groups; i++)
		if (strncmp(principal, "gid:", 4) == 0 && strtoul(principal + 4, NULL, 10) == s->identity->groups[i])
			return true;
	return false;
}

/* Since the moment: at some time, or for certain all the time. */
struct when {
	uint64_t moment;
	bool certain;
};

static bool holds(const struct model_key *k, unsigned rights, const struct when *when)
{
	for (int i = 0; i < MODEL_RIGHTS; i++)
		if (rights >> i & 1 && (when->certain ? k->since[i] <= when->moment : k->until[i] >= when->moment))
			return true;
	return false;
}

/* One of the rights in a pool; in all, ""; anywhere, NULL. labeler: to report for this one; NULL: for all; "": for
 * any. */
static bool has(const struct rights_model *m, const struct somebody *s, unsigned rights, const char *pool,
		const char *labeler, struct when when)
{
	if (!s->token && s->identity->is_owner)
		return true;
	for (size_t i = 0; i < m->n_keys; i++) {
		const struct model_key *k = &m->keys[i];
		if (!is_principal(s, k->principal) || (pool && k->pool[0] && !same(k->pool, pool)))
			continue;
		if (!k->prefix[0] && holds(k, rights | CANDOR_RIGHT_ADMIN, &when))
			return true;
		bool covers = labeler && (!labeler[0] || strncmp(labeler, k->prefix, strlen(k->prefix)) == 0);
		if (k->prefix[0] && covers && rights & CANDOR_RIGHT_REPORT && holds(k, CANDOR_RIGHT_REPORT, &when))
			return true;
	}
	return false;
}

static bool is_alive(const struct somebody *s, uint64_t moment, uint64_t now_ms)
{
	const struct model_token *t = s->token;
	return !t || (t->until >= moment && !(t->expires_at && t->expires_at <= now_ms));
}

static bool may(const struct rights_model *m, const struct somebody *s, const struct model_ask *a, struct when when)
{
	const unsigned reads = CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN,
		       writes = CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_ADMIN;
	switch (a->type) {
	case CANDOR_REQ_HELLO: return true;
	case CANDOR_REQ_INFO: return has(m, s, a->commit ? writes : ANY, NULL, "", when);
	case CANDOR_REQ_LIST_POOLS: return has(m, s, ANY, NULL, "", when);
	case CANDOR_REQ_GET_POOL: return has(m, s, ANY, a->pool, "", when);
	case CANDOR_REQ_POST_REPORTS: return has(m, s, CANDOR_RIGHT_REPORT, a->pool, "", when);
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_RECHECK_ITEMS:
	case CANDOR_REQ_VOID_ITEMS: return has(m, s, CANDOR_RIGHT_OUTCOME, a->pool, NULL, when);
	case CANDOR_REQ_QUERY_ITEMS:
		if (a->with_reports && !has(m, s, CANDOR_RIGHT_INSPECT, a->pool, NULL, when))
			return false;
		return has(m, s, reads, a->pool, NULL, when);
	case CANDOR_REQ_LIST_CHANGES:
	case CANDOR_REQ_LIST_ITEMS: return has(m, s, reads, a->pool, NULL, when);
	case CANDOR_REQ_LIST_LABELERS:
	case CANDOR_REQ_GET_LABELER: return has(m, s, CANDOR_RIGHT_INSPECT, a->pool, NULL, when);
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
	case CANDOR_REQ_LIST_GRANTS:
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_LIST_EVENTS: return has(m, s, CANDOR_RIGHT_ADMIN, a->pool, NULL, when);
	case CANDOR_REQ_CREATE_TOKEN:
	case CANDOR_REQ_LIST_TOKENS:
	case CANDOR_REQ_REVOKE_TOKEN: return has(m, s, CANDOR_RIGHT_ADMIN, "", NULL, when);
	case CANDOR_REQ_PRUNE_POOL: return !s->token && s->identity->is_owner;
	case CANDOR_REQ_UNKNOWN: return false;
	}
	fprintf(stderr, "tests/lib/rights_model.c does not say who may do %s\n", candor_request_name(a->type));
	abort();
}

static struct somebody nth(const struct rights_model *m, const struct model_peer *p, unsigned i)
{
	return (struct somebody){&p->base, i ? &m->tokens[i - 1] : NULL};
}

/* Somebody whom the request may have been for may have done it. */
static bool is_allowed(const struct rights_model *m, const struct model_peer *p, const struct model_ask *a,
		       uint64_t ids)
{
	for (unsigned i = 0; i <= m->n_tokens; i++) {
		struct somebody s = nth(m, p, i);
		if (ids >> i & 1 && is_alive(&s, a->moment, a->now_ms) &&
		    may(m, &s, a, (struct when){a->moment, false}))
			return true;
	}
	return false;
}

/* The same of what an answer tells. */
static bool may_hear(const struct rights_model *m, const struct model_peer *p, const struct model_ask *a,
		     unsigned rights, const char *pool, const char *labeler)
{
	for (unsigned i = 0; i <= m->n_tokens; i++) {
		struct somebody s = nth(m, p, i);
		if (p->ids >> i & 1 && has(m, &s, rights, pool, labeler, (struct when){a->moment, false}))
			return true;
	}
	return false;
}

/* It is known whom the request was for, and that they had the right all the time. */
static bool is_certain(const struct rights_model *m, const struct model_peer *p, const struct model_ask *a,
		       uint64_t now_ms)
{
	if (p->ids & (p->ids - 1))
		return false;
	struct somebody s = nth(m, p, (unsigned)__builtin_ctzll(p->ids));
	const struct model_token *t = s.token;
	if (t && (t->doubted || (t->expires_at && t->expires_at <= now_ms)))
		return false;
	return may(m, &s, a, (struct when){a->moment, true});
}

/* ---- connections ---- */

void model_join(struct model_peer *p, const struct identity *base)
{
	*p = (struct model_peer){.base = *base, .ids = 1};
	arena_init(&p->arena, SIZE_MAX / 2);
}

static const char *token_principal(struct model_peer *p, const char *name)
{
	const char *principal = arena_printf(&p->arena, "token:%s", name);
	require(principal);
	return principal;
}

static bool is_removal(const struct model_ask *a)
{
	return !a->faulty && (a->type == CANDOR_REQ_REMOVE_GRANT || a->type == CANDOR_REQ_REVOKE_TOKEN);
}

/* It may have come to something or not, and nobody will say. */
static void give_up(struct rights_model *m, struct model_peer *p, const struct model_ask *a)
{
	for (size_t i = 0; i < a->n && a->grants && !a->faulty; i++) {
		const struct candor_grant *g = &a->grants[i];
		if (a->type == CANDOR_REQ_ADD_GRANT)
			add_ended(m, g->principal, g, DOUBTFUL);
		else if (a->type == CANDOR_REQ_CREATE_TOKEN)
			add_ended(m, token_principal(p, a->name), g, DOUBTFUL);
	}
	m->removing -= is_removal(a);
}

void model_leave(struct rights_model *m, struct model_peer *p)
{
	for (size_t i = p->first; i < p->n; i++)
		if (!p->asks[i].answered)
			give_up(m, p, &p->asks[i]);
	free(p->asks);
	arena_free(&p->arena);
	*p = (struct model_peer){0};
}

static const char *keep(struct model_peer *p, const char *text)
{
	const char *kept = arena_strdup(&p->arena, text ? text : "");
	require(kept);
	return kept;
}

static void keep_rows(struct model_peer *p, struct model_ask *a, const struct candor_request *r)
{
	if (r->type != CANDOR_REQ_POST_REPORTS && !r->grants)
		return;
	a->labelers = arena_calloc(&p->arena, r->n + 1, sizeof *a->labelers);
	a->grants = r->grants ? arena_calloc(&p->arena, r->n + 1, sizeof *a->grants) : NULL;
	require(a->labelers && (a->grants || !r->grants));
	a->n = r->n;
	for (size_t i = 0; i < r->n; i++) {
		if (r->reports)
			a->labelers[i] = keep(p, r->reports[i].labeler);
		if (r->grants)
			a->grants[i] =
				(struct candor_grant){keep(p, r->grants[i].principal), keep(p, r->grants[i].pool),
						      keep(p, r->grants[i].prefix), r->grants[i].rights};
	}
}

static int token_shown(const struct rights_model *m, const char *text)
{
	for (unsigned i = 0; i < m->n_tokens; i++)
		if (same(m->tokens[i].secret, text))
			return (int)i;
	return -1;
}

/* What may come of it from now on. */
static void expect_effects(struct rights_model *m, struct model_peer *p, const struct model_ask *a)
{
	const char *principal = a->type == CANDOR_REQ_CREATE_TOKEN || a->type == CANDOR_REQ_REVOKE_TOKEN
					? token_principal(p, a->name)
					: NULL;
	for (size_t i = 0; i < a->n && a->grants; i++) {
		const struct candor_grant *g = &a->grants[i];
		if (a->type == CANDOR_REQ_REMOVE_GRANT) {
			struct model_key *k = find_key(m, g->principal, g->pool, g->prefix);
			if (k)
				doubt(k, g->rights);
		} else {
			add_asked(m, principal ? principal : g->principal, g);
		}
	}
	m->rows += a->type == CANDOR_REQ_CREATE_TOKEN;
	m->removals += is_removal(a);
	m->removing += is_removal(a);
	if (a->type != CANDOR_REQ_REVOKE_TOKEN)
		return;
	for (size_t i = 0; i < m->n_keys; i++)
		if (same(m->keys[i].principal, principal))
			doubt(&m->keys[i], CANDOR_RIGHTS_ALL);
	for (unsigned i = 0; i < m->n_tokens; i++)
		if (same(m->tokens[i].principal, principal))
			m->tokens[i].doubted = true;
}

void model_push(struct rights_model *m, struct model_peer *p, const struct wire_request *w, uint64_t now_ms)
{
	if (p->n == p->cap) {
		p->cap = 2 * p->cap + 16;
		require((p->asks = realloc(p->asks, p->cap * sizeof *p->asks)));
	}
	struct model_ask *a = &p->asks[p->n++];
	*a = (struct model_ask){
		.moment = ++m->moment,
		.now_ms = now_ms,
		.adds = m->adds,
		.removals = m->removals,
		.alone = m->adding + m->removing == 0,
		.token = -1,
		.faulty = true,
	};
	if (w) {
		const struct candor_request *r = &w->request;
		a->id = r->id;
		a->type = r->type;
		a->faulty = w->fault;
		a->shows = r->type == CANDOR_REQ_HELLO && r->token[0];
	}
	for (size_t i = p->first; i + 1 < p->n; i++)
		if (!p->asks[i].answered && p->asks[i].id == a->id)
			p->asks[i].vague = a->vague = true;
	if (a->faulty)
		return;
	const struct candor_request *r = &w->request;
	a->pool = keep(p, r->pool);
	a->name = keep(p, r->name);
	a->expires_at = r->expires_at;
	a->with_reports = r->with_reports;
	a->commit = r->commit;
	keep_rows(p, a, r);
	if (r->type == CANDOR_REQ_HELLO) {
		a->token = a->shows ? token_shown(m, r->token) : -1;
	} else {
		p->has_asked = true;
	}
	expect_effects(m, p, a);
}

bool model_is_vain(const struct rights_model *m, const struct model_peer *p)
{
	const struct model_ask *a = &p->asks[p->n - 1];
	uint64_t ids = p->ids;
	for (size_t i = p->first; i < p->n; i++)
		if (p->asks[i].token >= 0)
			ids |= (uint64_t)2 << p->asks[i].token;
	return a->faulty || a->type == CANDOR_REQ_HELLO || !is_allowed(m, p, a, ids);
}

/* ---- answers ---- */

static void hear_rows(const struct rights_model *m, const struct model_peer *p, const struct model_ask *a,
		      const struct candor_response *r)
{
	size_t rejected = 0;
	for (size_t i = 0; i < a->n && a->type == CANDOR_REQ_POST_REPORTS; i++) {
		if (rejected < r->n_rejected && r->rejected[rejected].index == i)
			rejected++;
		else
			require(may_hear(m, p, a, CANDOR_RIGHT_REPORT, a->pool, a->labelers[i]));
	}
	for (size_t i = 0; i < r->n && r->type == CANDOR_RES_ITEMS; i++) {
		if (r->items[i].state == CANDOR_OPEN)
			require(a->type == CANDOR_REQ_QUERY_ITEMS &&
				may_hear(m, p, a, CANDOR_RIGHT_READ_OPEN, a->pool, NULL));
		require(r->items[i].n_reports == 0 ||
			(a->with_reports && may_hear(m, p, a, CANDOR_RIGHT_INSPECT, a->pool, NULL)));
	}
	for (size_t i = 0; i < r->n && r->type == CANDOR_RES_POOLS; i++)
		require(!r->pools[i].best && may_hear(m, p, a, ANY, r->pools[i].name, ""));
	for (size_t i = 0; i < r->n && r->type == CANDOR_RES_GRANTS; i++)
		require(!a->pool[0] || !r->grants[i].pool[0] || same(a->pool, r->grants[i].pool));
	for (size_t i = 0; i < r->n && r->type == CANDOR_RES_EVENTS; i++)
		require(!a->pool[0] || same(a->pool, r->events[i].pool));
}

static void hear_good(struct rights_model *m, struct model_peer *p, const struct model_ask *a,
		      const struct candor_response *r)
{
	require(!a->faulty && is_allowed(m, p, a, p->ids));
	p->has_been_served = true;
	if (r->type == CANDOR_RES_POOL) {
		require(same(r->pool.name, a->pool));
		require(!r->pool.best || may_hear(m, p, a, CANDOR_RIGHT_INSPECT, a->pool, NULL));
	}
	if (r->type == CANDOR_RES_INFO)
		require(!r->info.database[0] || p->base.is_local);
	hear_rows(m, p, a, r);
}

static void hear_effects(struct rights_model *m, struct model_peer *p, const struct model_ask *a,
			 const struct candor_response *r)
{
	bool good = r->code == CANDOR_OK, alone = a->alone && m->removals == a->removals + is_removal(a);
	const char *principal = a->type == CANDOR_REQ_CREATE_TOKEN || a->type == CANDOR_REQ_REVOKE_TOKEN
					? token_principal(p, a->name)
					: NULL;
	for (size_t i = 0; i < a->n && a->grants; i++) {
		const struct candor_grant *g = &a->grants[i];
		/* Whoever asks for the contrary while this is on its way leaves both open. */
		if (a->type != CANDOR_REQ_REMOVE_GRANT)
			add_ended(m, principal ? principal : g->principal, g,
				  !good   ? FAILED
				  : alone ? STANDS
					  : DOUBTFUL);
		else if (good && a->alone && a->adds == m->adds)
			removed(m, g);
	}
	m->removing -= is_removal(a);
	m->gone += is_removal(a) && good;
	m->rows -= a->type == CANDOR_REQ_CREATE_TOKEN && !good;
	for (size_t i = 0;
	     good && a->type == CANDOR_REQ_REVOKE_TOKEN && a->alone && a->adds == m->adds && i < m->n_keys; i++)
		if (same(m->keys[i].principal, principal))
			key_removed(m, &m->keys[i], CANDOR_RIGHTS_ALL);
	for (unsigned i = 0; good && a->type == CANDOR_REQ_REVOKE_TOKEN && i < m->n_tokens; i++)
		if (same(m->tokens[i].principal, principal) && m->tokens[i].until == UINT64_MAX)
			m->tokens[i].until = m->moment;
	if (r->type != CANDOR_RES_NEW_TOKEN)
		return;
	require(good && a->type == CANDOR_REQ_CREATE_TOKEN && same(r->token.name, a->name));
	require(strlen(r->secret) == TOKEN_TEXT_BYTES - 1 && token_shown(m, r->secret) < 0);
	if (m->n_tokens == MODEL_TOKENS_MAX)
		return;
	struct model_token *t = &m->tokens[m->n_tokens++];
	*t = (struct model_token){.expires_at = a->expires_at, .until = UINT64_MAX};
	memcpy(t->principal, principal, strlen(principal) + 1);
	memcpy(t->secret, r->secret, sizeof t->secret);
	t->doubted = true; /* somebody may have asked meanwhile */
}

static void hear_hello(struct rights_model *m, struct model_peer *p, const struct model_ask *a,
		       const struct candor_response *r, bool is_over, uint64_t now_ms)
{
	const struct model_token *t = a->token >= 0 ? &m->tokens[a->token] : NULL;
	struct somebody s = {&p->base, t};
	bool alive = t && is_alive(&s, a->moment, a->now_ms);
	uint64_t bit = t ? (uint64_t)2 << a->token : 0;
	if (a->shows && r->code == CANDOR_OK) {
		require(alive && !p->has_been_served && same(r->welcome.principal, t->principal));
		p->ids = bit;
	} else if (r->code == CANDOR_OK) {
		bool known = false;
		for (unsigned i = 0; i <= m->n_tokens; i++) {
			s = nth(m, p, i);
			known = known || (p->ids >> i & 1 && is_alive(&s, a->moment, a->now_ms) &&
					  is_principal(&s, r->welcome.principal) &&
					  strncmp(r->welcome.principal, "gid:", 4) != 0);
		}
		require(known);
	} else if (r->code == CANDOR_UNAUTHENTICATED) {
		/* Its own token, or the one that it had. */
		bool good = t && !t->doubted && !(t->expires_at && t->expires_at <= now_ms);
		require(is_over && (a->shows || p->ids != 1) && !(good && p->ids == 1));
		p->is_refused = true;
	} else if (r->code == CANDOR_RESOURCE_EXHAUSTED) {
		require(r->retry_after_ms > 0);
		p->ids |= alive ? bit : 0;
		bool good = t && !t->doubted && !t->expires_at && !p->has_asked;
		p->is_refused = p->is_refused || (is_over && a->shows && !good);
	} else {
		require(r->code == CANDOR_FAILED_PRECONDITION && a->shows && p->has_asked && is_over);
		p->is_refused = true;
	}
}

/* One of the requests with that id shows a token. */
static bool may_show(const struct model_peer *p, uint64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->asks[i].id == id && p->asks[i].shows)
			return true;
	return false;
}

void model_hear(struct rights_model *m, struct model_peer *p, const struct candor_response *r, bool is_over,
		uint64_t now_ms)
{
	while (p->first < p->n && p->asks[p->first].answered)
		p->first++;
	struct model_ask *a = NULL;
	for (size_t i = p->first; i < p->n && !a; i++)
		if (!p->asks[i].answered && p->asks[i].id == r->id)
			a = &p->asks[i];
	require(a);
	m->moment++;
	a->answered = true;
	p->n_answered++;
	require(r->retry_after_ms == 0 || (r->code == CANDOR_RESOURCE_EXHAUSTED && !(p->base.is_owner && p->ids == 1)));
	bool denied = r->code == CANDOR_PERMISSION_DENIED || r->code == CANDOR_UNAUTHENTICATED;
	if (a->vague) {
		/* Whatever it was. */
		p->ids |= a->token >= 0 ? (uint64_t)2 << a->token : 0;
		p->is_refused = p->is_refused || (is_over && (denied || r->retry_after_ms || may_show(p, r->id)));
		p->has_been_served = false;
		give_up(m, p, a);
		return;
	}
	if (a->faulty) {
		require(r->code != CANDOR_OK && !denied);
		/* What came behind it must not be done as another. */
		require(is_over || !a->shows);
		p->is_refused = p->is_refused || a->shows;
		return;
	}
	if (a->type == CANDOR_REQ_HELLO) {
		hear_hello(m, p, a, r, is_over, now_ms);
		return;
	}
	if (r->code == CANDOR_OK)
		hear_good(m, p, a, r);
	if (denied) {
		require(!is_certain(m, p, a, now_ms));
		if (r->code == CANDOR_UNAUTHENTICATED) {
			require(p->ids != 1 || !p->base.is_known);
			p->is_refused = p->is_refused || (is_over && p->ids != 1);
		}
	}
	hear_effects(m, p, a, r);
}

void model_go_on(struct rights_model *m, struct model_peer *p, uint64_t now_ms)
{
	m->moment++;
	for (size_t i = p->first; i < p->n; i++) {
		p->asks[i].moment = m->moment;
		p->asks[i].now_ms = now_ms;
	}
}

/* ---- at the end ---- */

static unsigned standing(const struct grants *g, const struct model_key *k)
{
	uint64_t after = 0;
	for (const struct grant_row *row; (row = grants_next(g, after)); after = row->id)
		if (same(row->principal, k->principal) && same(row->pool, k->pool) && same(row->prefix, k->prefix))
			return row->rights;
	return 0;
}

static void settle_key(struct rights_model *m, struct model_key *k, unsigned rights)
{
	for (int i = 0; i < MODEL_RIGHTS; i++) {
		bool stands = rights >> i & 1;
		require(k->asked[i] == 0);
		require(stands ? k->on >> i & 1 : k->since[i] == UINT64_MAX);
		k->since[i] = stands ? m->moment : UINT64_MAX;
		k->until[i] = stands ? UINT64_MAX : m->moment;
	}
	k->on = rights;
}

static void settle_token(struct rights_model *m, struct model_token *t, const struct grants *g)
{
	const struct token_row *row = NULL;
	for (uint64_t id = grants_tokens(g); id > 0 && !row; id--)
		if (same(grants_token(g, id)->name, t->principal + strlen("token:")))
			row = grants_token(g, id);
	require(row && row->expires_at == t->expires_at);
	require(row->revoked_at ? t->doubted : t->until == UINT64_MAX);
	t->doubted = row->revoked_at;
	if (row->revoked_at && t->until == UINT64_MAX)
		t->until = m->moment;
}

void model_settle(struct rights_model *m, const struct grants *g)
{
	uint64_t after = 0;
	m->moment++;
	for (const struct grant_row *row; (row = grants_next(g, after)); after = row->id)
		require(find_key(m, row->principal, row->pool, row->prefix));
	for (size_t i = 0; i < m->n_keys; i++) {
		settle_key(m, &m->keys[i], standing(g, &m->keys[i]));
		if (m->keys[i].on)
			continue;
		free(m->keys[i].principal);
		m->keys[i--] = m->keys[--m->n_keys];
	}
	for (unsigned i = 0; i < m->n_tokens; i++)
		settle_token(m, &m->tokens[i], g);
	require(grants_tokens(g) <= m->rows);
	m->rows = grants_tokens(g);
	m->moment++;
}
