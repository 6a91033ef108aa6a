#include "daemon/engine/access.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/engine/reply.h"
#include "lib/rights.h"

unsigned engine_rights(const struct engine *e, const struct call *call, const char *pool)
{
	return e->grants ? grants_rights(e->grants, call->identity, pool) : 0;
}

static int by_id(const void *a, const void *b)
{
	const struct visible_pool *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

bool engine_visible_pools(struct engine *e, const struct call *call, struct visible_pools *out)
{
	*out = (struct visible_pools){.everywhere = engine_rights(e, call, "")};
	if (out->everywhere & CANDOR_RIGHT_ADMIN)
		return true;
	struct grants_place place = {0};
	size_t most = 0;
	while (grants_applying(e->grants, call->identity, &place))
		most++;
	e->work += 8 * most;
	if (!(out->pools = arena_alloc(call->arena, most * sizeof *out->pools)))
		return false;
	place = (struct grants_place){0};
	for (const struct grant_row *row; (row = grants_applying(e->grants, call->identity, &place));) {
		const struct engine_pool *c = row->pool[0] ? engine_find(e, row->pool) : NULL;
		if (c)
			out->pools[out->n++] = (struct visible_pool){c->id, grants_bits(row)};
	}
	qsort(out->pools, out->n, sizeof *out->pools, by_id);
	size_t n = 0;
	for (size_t i = 0; i < out->n; i++) {
		if (n > 0 && out->pools[n - 1].id == out->pools[i].id)
			out->pools[n - 1].rights |= out->pools[i].rights;
		else
			out->pools[n++] = out->pools[i];
	}
	out->n = n;
	return true;
}

/* The rights that the peer lacks; 0: none. */
static unsigned missing_rights(const struct engine *e, const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	const struct need *need = call->need;
	if (need->where == NEED_NOTHING)
		return 0;
	require(need->one_of);
	unsigned has = engine_rights(e, call, need->where == NEED_ANYWHERE ? NULL : r->pool ? r->pool : "");
	if (!(has & need->one_of))
		return need->one_of;
	if (r->commit)
		return WRITING_RIGHTS & has ? 0 : WRITING_RIGHTS;
	/* The reports and weights behind an aggregate tell more than the aggregate. */
	return r->with_reports ? CANDOR_RIGHT_INSPECT & ~has : 0;
}

bool engine_may(struct engine *e, const struct call *call)
{
	return e->grants && !grants_token_fault(e->grants, call->identity, e->ops.now_ms(e->owner)) &&
	       !missing_rights(e, call);
}

static void refuse_anonymous(struct call *call)
{
	engine_refuse(call, CANDOR_UNAUTHENTICATED,
		      "authentication required: send a token (candor --token-file; over HTTP: Authorization: Bearer "
		      "TOKEN), or use a client certificate");
}

/* Quoted for a shell where that is needed; NULL: no memory. */
static const char *shell_word(struct arena *a, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:._/@+=,-";
	if (text[strspn(text, plain)] == 0)
		return text;
	size_t quotes = 0;
	for (const char *p = text; (p = strchr(p, '\'')); p++)
		quotes++;
	char *word = arena_alloc(a, strlen(text) + 3 * quotes + 3), *to = word;
	if (!word)
		return NULL;
	*to++ = '\'';
	for (; *text; text++) {
		*to++ = *text;
		if (*text == '\'') {
			memcpy(to, "\\''", 3);
			to += 3;
		}
	}
	memcpy(to, "'", 2);
	return word;
}

static void refuse_denied(struct call *call, unsigned lacks)
{
	const struct candor_request *r = &call->wire->request;
	char rights[RIGHTS_TEXT_MAX];
	const char *identity = identity_principal(call->identity), *in = r->pool && r->pool[0] ? r->pool : NULL;
	const char *whom = shell_word(call->arena, identity), *where = in ? shell_word(call->arena, in) : "";
	const char *sentence = NULL;
	bool any = lacks == ANY_RIGHT || (call->need->where == NEED_ANYWHERE && !in && !r->commit);
	/* If several would do, name the least. */
	rights_format(lacks & -lacks, rights);
	if (!whom || !where)
		sentence = "permission denied; an admin can grant the right";
	else if (any && in)
		sentence = arena_printf(
			call->arena,
			"%s has no rights in pool '%s'; an admin can grant them: candor grants add %s RIGHTS "
			"--pool %s",
			identity, in, whom, where);
	else if (any)
		sentence = arena_printf(call->arena,
					"%s has no rights; an admin can grant them: candor grants add %s RIGHTS",
					identity, whom);
	else if (in)
		sentence = arena_printf(
			call->arena,
			"%s lacks the right '%s' in pool '%s'; an admin can grant it: candor grants add %s %s "
			"--pool %s%s",
			identity, rights, in, whom, rights, where,
			lacks & CANDOR_RIGHT_REPORT ? " --labelers PREFIX" : "");
	else
		sentence = arena_printf(
			call->arena,
			"%s lacks the right '%s' for all pools; an admin can grant it: candor grants add %s %s",
			identity, rights, whom, rights);
	engine_refuse(call, CANDOR_PERMISSION_DENIED, sentence);
}

bool engine_authorize(struct engine *e, struct call *call)
{
	struct identity *identity = call->identity;
	const char *fault = identity->token ? grants_token_fault(e->grants, identity, e->ops.now_ms(e->owner)) : NULL;
	if (fault) {
		e->figures.auth_failures++;
		identity->is_refused = true;
		engine_refuse(call, CANDOR_UNAUTHENTICATED, fault);
		return false;
	}
	unsigned lacks = missing_rights(e, call);
	if (!lacks) {
		identity->is_settled = identity->is_settled || call->wire->request.type != CANDOR_REQ_HELLO;
		return true;
	}
	if (identity->is_known)
		refuse_denied(call, lacks);
	else
		refuse_anonymous(call);
	return false;
}
