/* Commands on grants and tokens: hello, which says whose token a connection speaks with, and those that change and list
 * them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/engine/access.h"
#include "daemon/engine/charge.h"
#include "daemon/engine/commands.h"
#include "daemon/engine/record.h"
#include "daemon/engine/reply.h"
#include "daemon/engine/waits.h"
#include "lib/base/log.h"
#include "lib/base/unicode.h"
#include "lib/base/wipe.h"
#include "lib/rights.h"

enum {
	REJECTION_LOGGED_MS = 1000,
	GRANT_WORK = 4, /* to find the next one, in steps */
};

/* ---- hello ---- */

/* At most one line a second: else anybody could fill the log. */
static void log_rejection(struct engine *e, const struct call *call)
{
	uint64_t now = engine_elapsed_ms(e);
	e->rejected_tokens++;
	e->figures.auth_failures++;
	if (now - e->rejection_logged_ms < REJECTION_LOGGED_MS)
		return;
	log_warning("%s presented an unknown token (%" PRIu64 " rejected since the last message)", call->peer,
		    e->rejected_tokens);
	e->rejected_tokens = 0;
	e->rejection_logged_ms = now;
}

/* The connection ends, and whoever guesses pays for it. */
static enum engine_outcome refuse_hello(struct engine *e, struct call *call, enum candor_code code,
					const char *sentence)
{
	call->identity->is_refused = true;
	return engine_charge(e, call, call->identity) ? engine_refuse(call, code, sentence) : ENGINE_REPLIED;
}

static const struct token_row *find_token(struct engine *e, const char *text)
{
	uint8_t hash[TOKEN_HASH_BYTES];
	token_hash(text, hash);
	return grants_match(e->grants, hash);
}

static enum engine_outcome welcome(struct engine *e, struct call *call)
{
	struct candor_response r = {
		.type = CANDOR_RES_WELCOME,
		.welcome = {CANDOR_PROTOCOL, "candord/" CANDOR_VERSION, e->limits.max_frame_bytes,
			    e->limits.max_in_flight, identity_principal(call->identity)},
	};
	return engine_reply(call, &r, 0);
}

enum engine_outcome engine_hello(struct engine *e, struct call *call)
{
	struct identity *identity = call->identity;
	const char *text = call->wire->request.token;
	if (!text[0])
		return welcome(e, call);
	if (identity->is_settled)
		return refuse_hello(e, call, CANDOR_FAILED_PRECONDITION,
				    "a token must come before any other request; open a new connection");
	/* It is looked for only once: that takes a while, and an unknown one ends the connection. */
	const struct token_row *t = find_token(e, text);
	struct identity with = {.is_known = true, .is_local = identity->is_local, .token = t ? t->id : 0};
	const char *fault =
		t ? grants_token_fault(e->grants, &with, e->ops.now_ms(e->owner)) : "unknown or revoked token";
	if (fault) {
		log_rejection(e, call);
		return refuse_hello(e, call, CANDOR_UNAUTHENTICATED, fault);
	}
	snprintf(with.name, sizeof with.name, "token:%s", t->name);
	/* Before it is charged: what comes after a hello that has to wait must not be taken for another peer's. */
	*identity = with;
	return engine_charge(e, call, identity) ? welcome(e, call) : ENGINE_REPLIED;
}

/* ---- grants ---- */

static void add_common_event(struct engine *e, const struct call *call, const char *action, const char *pool,
			     const char *subject, const char *detail)
{
	e->grants_changed = engine_next_common_change(e);
	engine_record_event(e, call, e->grants_changed, action, pool, subject, detail);
	/* Who may no longer be told waits no longer. */
	engine_wake_all(e);
}

static enum engine_outcome reply_changed(struct engine *e, struct call *call, bool changed)
{
	struct candor_response r = {.type = CANDOR_RES_BATCH, .batch = {.accepted = changed, .duplicates = !changed}};
	return engine_reply(call, &r, e->grants_changed);
}

struct words {
	char s[RIGHTS_TEXT_MAX + CANDOR_NAME_MAX + 40];
};

static struct words describe_grant(unsigned rights, const char *prefix)
{
	struct words words;
	char text[RIGHTS_TEXT_MAX];
	rights_format(rights, text);
	if (prefix[0])
		snprintf(words.s, sizeof words.s, "%s, for labelers whose names begin with '%s'", text, prefix);
	else
		snprintf(words.s, sizeof words.s, "%s", text);
	return words;
}

/* Grants to a token that does not exist would wait for somebody to create one of that name. */
static bool is_no_token(const struct engine *e, const char *principal)
{
	if (strncmp(principal, "token:", 6) != 0)
		return false;
	const struct token_row *t = grants_find_token(e->grants, principal + 6);
	return !t || t->revoked_at;
}

/* The admin of one pool must not use up the grants that others need. */
static const char *limit_fault(struct engine *e, const struct call *call, const char *pool)
{
	enum { OF_A_POOL_MAX = 1024, RESERVED = 2048 };
	if (engine_rights(e, call, "") & CANDOR_RIGHT_ADMIN)
		return NULL;
	e->work += grants_count(e->grants);
	if (grants_count_in(e->grants, pool) >= OF_A_POOL_MAX)
		return "limit of 1,024 grants for this pool reached; remove some first";
	return grants_count(e->grants) >= GRANTS_MAX - RESERVED
		       ? "limit of 14,336 grants reached; only an admin of all pools can add more, or remove some"
		       : NULL;
}

static enum engine_outcome change_grant(struct engine *e, struct call *call, bool add)
{
	const struct candor_grant *g = call->wire->request.grants;
	struct grant_row row;
	if (add && is_no_token(e, g->principal))
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena,
						  "%s does not exist or is revoked; create it: candor token new",
						  g->principal));
	unsigned before = grants_standing(e->grants, g);
	const char *at_limit = add && !before ? limit_fault(e, call, g->pool) : NULL;
	if (at_limit)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, at_limit);
	int changed = grants_change(e->grants, g, add, &row);
	if (changed == ERR_FULL)
		return engine_refuse(
			call, CANDOR_RESOURCE_EXHAUSTED,
			"limit of grants reached: 256 for one principal, 128 groups with grants, 16,384 in all; remove "
			"some first");
	if (changed < 0)
		return engine_refuse_error(call, changed);
	if (changed) {
		add_common_event(e, call, add ? "grant" : "withdraw", g->pool, g->principal,
				 describe_grant(before ^ row.rights, g->prefix).s);
		engine_add(e, CHANGE_GRANT, &row);
	}
	return reply_changed(e, call, changed);
}

enum engine_outcome engine_add_grant(struct engine *e, struct call *call)
{
	/* Two principals must never look the same. One that has grants already may get more. */
	const char *principal = call->wire->request.grants->principal;
	const char *fault = unicode_principal_fault(principal, strlen(principal));
	if (fault && !grants_of(e->grants, principal))
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, arena_printf(call->arena, "principal %s", fault));
	return change_grant(e, call, true);
}

enum engine_outcome engine_remove_grant(struct engine *e, struct call *call)
{
	return change_grant(e, call, false);
}

enum engine_outcome engine_list_grants(struct engine *e, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	uint64_t after = 0;
	if (request->cursor[0] && !engine_read_cursor(request->cursor, 'g', &after, 1))
		return engine_refuse_cursor(call);
	struct candor_grant *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	uint64_t *ids = arena_alloc(call->arena, request->limit * sizeof *ids);
	if (!rows || !ids)
		return engine_refuse_error(call, -ENOMEM);
	struct candor_response r = {.type = CANDOR_RES_GRANTS, .grants = rows, .next = ""};
	const struct grant_row *g;
	for (; (g = grants_next(e->grants, after)) && r.n < request->limit; after = g->id) {
		e->work += GRANT_WORK;
		if (request->pool[0] && g->pool[0] && strcmp(g->pool, request->pool) != 0)
			continue;
		ids[r.n] = g->id;
		rows[r.n++] = (struct candor_grant){g->principal, g->pool, g->prefix, g->rights};
	}
	bool is_short = engine_shorten(e, &r);
	if (is_short)
		after = ids[r.n - 1];
	if ((g || is_short) && !(r.next = engine_write_cursor(call->arena, 'g', &after, 1)))
		return engine_refuse_error(call, -ENOMEM);
	return engine_reply(call, &r, e->grants_changed);
}

/* ---- tokens ---- */

static void describe_token(const struct token_row *t, struct candor_token *out)
{
	*out = (struct candor_token){t->name, t->created_at, t->expires_at, t->revoked_at};
}

/* All of its grants, or none. */
static int add_grants(struct engine *e, const struct candor_request *request, const char *principal)
{
	int err = 0;
	for (size_t i = 0; i < request->n && err >= 0; i++) {
		struct candor_grant g = request->grants[i];
		struct grant_row row;
		g.principal = principal;
		err = grants_change(e->grants, &g, true, &row);
	}
	return err < 0 ? err : 0;
}

/* call: for history; NULL: they were never on disk. */
static void drop_grants(struct engine *e, const struct call *call, const char *principal)
{
	for (const struct grant_row *g; (g = grants_of(e->grants, principal));) {
		const struct candor_grant all = {g->principal, g->pool, g->prefix, g->rights};
		struct grant_row gone = {.id = g->id, .principal = "", .pool = "", .prefix = ""};
		if (call) {
			add_common_event(e, call, "withdraw", g->pool, principal,
					 describe_grant(g->rights, g->prefix).s);
			engine_add(e, CHANGE_GRANT, &gone);
		}
		require(grants_change(e->grants, &all, false, &gone) == 1);
	}
}

/* For people; "" if it never expires. */
static struct words describe_expiry(uint64_t at_ms)
{
	const time_t at = (time_t)(at_ms / 1000);
	struct words words = {""};
	struct tm utc;
	if (at_ms && gmtime_r(&at, &utc))
		(void)strftime(words.s, sizeof words.s, "expires %Y-%m-%dT%H:%M:%SZ", &utc);
	return words;
}

static void write_token(struct engine *e, struct call *call, const struct token_row *t, const char *principal)
{
	engine_add(e, CHANGE_TOKEN, t);
	add_common_event(e, call, "token", "", principal, describe_expiry(t->expires_at).s);
	uint64_t after = 0;
	e->work += GRANT_WORK * (uint64_t)grants_count(e->grants);
	for (const struct grant_row *g; (g = grants_next(e->grants, after)); after = g->id) {
		if (strcmp(g->principal, principal) != 0)
			continue;
		engine_add(e, CHANGE_GRANT, g);
		add_common_event(e, call, "grant", g->pool, principal, describe_grant(g->rights, g->prefix).s);
	}
}

enum engine_outcome engine_create_token(struct engine *e, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	uint64_t now = e->ops.now_ms(e->owner);
	if (grants_find_token(e->grants, request->name))
		return engine_refuse(
			call, CANDOR_ALREADY_EXISTS,
			arena_printf(call->arena,
				     "token '%s' exists or existed before, and names are not reused; choose another",
				     request->name));
	const char *fault = unicode_principal_fault(request->name, strlen(request->name));
	if (fault)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT, arena_printf(call->arena, "name %s", fault));
	if (request->expires_at && request->expires_at <= now)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT,
				     "expires_at is in the past; give a future time, or 0 for never");
	if (grants_tokens(e->grants) == TOKENS_MAX)
		return engine_refuse(
			call, CANDOR_RESOURCE_EXHAUSTED,
			"limit of 65,536 tokens reached, revoked ones included; use client certificates or local "
			"users");
	char secret[TOKEN_TEXT_BYTES];
	struct token_row row = {.id = grants_tokens(e->grants) + 1,
				.name = request->name,
				.created_at = now,
				.expires_at = request->expires_at};
	const char *principal = arena_printf(call->arena, "token:%s", request->name);
	int err = principal ? add_grants(e, request, principal) : -ENOMEM;
	token_make(secret);
	token_hash(secret, row.hash);
	if (err == 0)
		err = grants_add_token(e->grants, &row);
	if (err) {
		if (principal)
			drop_grants(e, NULL, principal);
		wipe(secret, sizeof secret);
		return engine_refuse_error(call, err);
	}
	write_token(e, call, &row, principal);
	struct candor_response r = {.type = CANDOR_RES_NEW_TOKEN, .secret = secret};
	describe_token(&row, &r.token);
	enum engine_outcome outcome = engine_reply(call, &r, e->grants_changed);
	wipe(secret, sizeof secret);
	return outcome;
}

enum engine_outcome engine_list_tokens(struct engine *e, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	uint64_t after = 0;
	if (request->cursor[0] && !engine_read_cursor(request->cursor, 't', &after, 1))
		return engine_refuse_cursor(call);
	const uint64_t before = after;
	struct candor_token *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	if (!rows)
		return engine_refuse_error(call, -ENOMEM);
	struct candor_response r = {.type = CANDOR_RES_TOKENS, .tokens = rows, .next = ""};
	for (; after < grants_tokens(e->grants) && r.n < request->limit; after++)
		describe_token(grants_token(e->grants, after + 1), &rows[r.n++]);
	e->work += r.n * ROW_WORK;
	if (engine_shorten(e, &r))
		after = before + r.n;
	if (after < grants_tokens(e->grants) && !(r.next = engine_write_cursor(call->arena, 't', &after, 1)))
		return engine_refuse_error(call, -ENOMEM);
	return engine_reply(call, &r, e->grants_changed);
}

enum engine_outcome engine_revoke_token(struct engine *e, struct call *call)
{
	const char *name = call->wire->request.name;
	struct token_row *t = grants_find_token(e->grants, name);
	const char *principal = arena_printf(call->arena, "token:%s", name);
	if (!t)
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena, "token '%s' does not exist", name));
	if (!principal)
		return engine_refuse_error(call, -ENOMEM);
	if (t->revoked_at)
		return reply_changed(e, call, false);
	drop_grants(e, call, principal);
	grants_revoke(t, e->ops.now_ms(e->owner));
	engine_add(e, CHANGE_TOKEN, t);
	add_common_event(e, call, "revoke", "", principal, "");
	return reply_changed(e, call, true);
}
