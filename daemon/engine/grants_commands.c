/* Who may do what: each request is held against the grants before anything else is done for it; and the requests that
 * change grants and tokens. docs/security.md has the table of requests and rights for people. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/engine/state.h"
#include "lib/base/log.h"
#include "lib/base/wipe.h"
#include "lib/rights.h"

enum { ANY_RIGHT = CANDOR_RIGHTS_ALL | GRANTS_REPORT_SOME, REFUSALS_LOGGED_MS = 1000 };

/* ---- what a request needs ---- */

/* One of these rights, in the pool that it names (in every pool where it names none), or anywhere. */
struct need {
	unsigned one_of;
	bool anywhere;
};

static const struct need needs[CANDOR_REQ_TYPES] = {
	[CANDOR_REQ_INFO] = {ANY_RIGHT, true},
	[CANDOR_REQ_LIST_POOLS] = {ANY_RIGHT, true},
	[CANDOR_REQ_GET_POOL] = {ANY_RIGHT, false},
	[CANDOR_REQ_CREATE_POOL] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_UPDATE_POOL] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_PRUNE_POOL] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_POST_REPORTS] = {CANDOR_RIGHT_REPORT | GRANTS_REPORT_SOME, false},
	[CANDOR_REQ_CLOSE_ITEMS] = {CANDOR_RIGHT_OUTCOME, false},
	[CANDOR_REQ_RESOLVE_ITEMS] = {CANDOR_RIGHT_OUTCOME, false},
	[CANDOR_REQ_VOID_ITEMS] = {CANDOR_RIGHT_OUTCOME, false},
	[CANDOR_REQ_QUERY_ITEMS] = {CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN, false},
	[CANDOR_REQ_LIST_ITEMS] = {CANDOR_RIGHT_READ | CANDOR_RIGHT_READ_OPEN, false},
	[CANDOR_REQ_LIST_LABELERS] = {CANDOR_RIGHT_INSPECT, false},
	[CANDOR_REQ_GET_LABELER] = {CANDOR_RIGHT_INSPECT, false},
	[CANDOR_REQ_LIST_GRANTS] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_ADD_GRANT] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_REMOVE_GRANT] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_CREATE_TOKEN] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_LIST_TOKENS] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_REVOKE_TOKEN] = {CANDOR_RIGHT_ADMIN, false},
	[CANDOR_REQ_LIST_EVENTS] = {CANDOR_RIGHT_ADMIN, false},
};

unsigned engine_rights(const struct engine *e, const struct call *call, const char *pool)
{
	return e->grants ? grants_rights(e->grants, call->identity, pool) : 0;
}

/* What is lacking; 0: nothing. */
static unsigned lacking(const struct engine *e, const struct call *call)
{
	const struct candor_request *r = &call->wire->request;
	const struct need *need = &needs[r->type];
	if (r->type == CANDOR_REQ_HELLO)
		return 0;
	unsigned has = engine_rights(e, call, need->anywhere ? NULL : r->pool ? r->pool : "");
	if (!(has & need->one_of))
		return need->one_of ? need->one_of : CANDOR_RIGHT_ADMIN;
	/* Who reported what with which weight tells more than the aggregate of it. */
	return r->with_reports ? CANDOR_RIGHT_INSPECT & ~has : 0;
}

bool engine_may(struct engine *e, const struct call *call)
{
	return e->grants && !grants_token_fault(e->grants, call->identity, e->ops.now_ms(e->owner)) &&
	       !lacking(e, call);
}

static void refuse_anonymous(struct call *call)
{
	engine_refuse(call, CANDOR_UNAUTHENTICATED,
		      "who is asking must be said first: with a token in hello (candor --token-file), or a client "
		      "certificate");
}

/* As a word that a shell takes for what it is; NULL: no memory. */
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
	bool any = lacks == ANY_RIGHT || (needs[r->type].anywhere && !in);
	/* Of several that would do, the least. */
	rights_format(lacks & -lacks, rights);
	if (!whom || !where)
		sentence = "the right to this is lacking; an admin may grant it";
	else if (any && in)
		sentence =
			arena_printf(call->arena,
				     "%s has no rights in pool '%s'; an admin grants them: candor grants add %s RIGHTS "
				     "--pool %s",
				     identity, in, whom, where);
	else if (any)
		sentence = arena_printf(call->arena,
					"%s has no rights here; an admin grants them: candor grants add %s RIGHTS",
					identity, whom);
	else if (in)
		sentence = arena_printf(
			call->arena,
			"%s lacks the right '%s' in pool '%s'; an admin grants it: candor grants add %s %s "
			"--pool %s%s",
			identity, rights, in, whom, rights, where,
			lacks & CANDOR_RIGHT_REPORT ? " --labelers PREFIX" : "");
	else
		sentence = arena_printf(
			call->arena,
			"%s lacks the right '%s' for all pools; an admin grants it: candor grants add %s %s", identity,
			rights, whom, rights);
	engine_refuse(call, CANDOR_PERMISSION_DENIED, sentence);
}

bool engine_authorize(struct engine *e, struct call *call)
{
	struct identity *identity = call->identity;
	const char *fault = identity->token ? grants_token_fault(e->grants, identity, e->ops.now_ms(e->owner)) : NULL;
	if (fault) {
		identity->is_refused = true;
		engine_refuse(call, CANDOR_UNAUTHENTICATED, fault);
		return false;
	}
	unsigned lacks = lacking(e, call);
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

/* ---- who is speaking ---- */

/* A line for each would let anybody fill the log. */
static void log_refusal(struct engine *e, const struct call *call)
{
	uint64_t now = e->ops.now_ms(e->owner);
	e->refusals++;
	if (now - e->refusals_logged_ms < REFUSALS_LOGGED_MS)
		return;
	log_warning("%s showed a token that is none here; %" PRIu64 " were shown since the last such line", call->peer,
		    e->refusals);
	e->refusals = 0;
	e->refusals_logged_ms = now;
}

/* Its connection ends, and whoever guesses pays for it. */
static enum engine_outcome refuse_token(struct engine *e, struct call *call, const char *sentence)
{
	call->identity->is_refused = true;
	log_refusal(e, call);
	return engine_charge(e, call, call->identity) ? engine_refuse(call, CANDOR_UNAUTHENTICATED, sentence)
						      : ENGINE_REPLIED;
}

static const struct token_row *find_token(struct engine *e, const char *text)
{
	uint8_t hash[TOKEN_HASH_BYTES];
	token_hash(text, hash);
	return grants_match(e->grants, hash);
}

enum engine_outcome engine_greet(struct engine *e, struct call *call)
{
	struct identity *identity = call->identity;
	const char *text = call->wire->request.token;
	if (text[0]) {
		if (identity->is_settled) {
			identity->is_refused = true;
			return engine_charge(e, call, identity)
				       ? engine_refuse(call, CANDOR_FAILED_PRECONDITION,
						       "a token must come before anything else is asked; connect anew")
				       : ENGINE_REPLIED;
		}
		/* It is looked for only once: that takes a while, and ends what was no token's connection. */
		const struct token_row *t = find_token(e, text);
		struct identity with = {.is_known = true, .is_local = identity->is_local, .token = t ? t->id : 0};
		const char *fault = t ? grants_token_fault(e->grants, &with, e->ops.now_ms(e->owner))
				      : "the token is none that counts here: it is not known, or revoked";
		if (fault)
			return refuse_token(e, call, fault);
		snprintf(with.name, sizeof with.name, "token:%s", t->name);
		/* Before it is charged: what comes behind a hello that is put off must not be somebody else's. */
		*identity = with;
		if (!engine_charge(e, call, identity))
			return ENGINE_REPLIED;
	}
	struct candor_response r = {
		.type = CANDOR_RES_WELCOME,
		.welcome = {CANDOR_PROTOCOL, "candord/" CANDOR_VERSION, e->limits.max_frame_bytes,
			    e->limits.max_in_flight, identity_principal(identity)},
	};
	return engine_reply(call, &r, 0);
}

/* ---- grants ---- */

void engine_add_event(struct engine *e, const struct call *call, uint64_t change, const char *action, const char *pool,
		      const char *subject, const char *detail)
{
	const struct event_row row = {
		.change = change,
		.at = e->ops.now_ms(e->owner),
		.by = call->peer,
		.pool = pool,
		.action = action,
		.subject = subject,
		.detail = detail,
	};
	if (!detail) {
		log_error("no memory for history: what is not yet on disk is refused");
		e->broken = true;
		return;
	}
	engine_add(e, CHANGE_EVENT, &row);
}

static void add_common_event(struct engine *e, const struct call *call, const char *action, const char *pool,
			     const char *subject, const char *detail)
{
	e->grants_changed = engine_next_common_change(e);
	engine_add_event(e, call, e->grants_changed, action, pool, subject, detail);
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
		snprintf(words.s, sizeof words.s, "%s, of labelers that begin with '%s'", text, prefix);
	else
		snprintf(words.s, sizeof words.s, "%s", text);
	return words;
}

/* Grants to a token that is none would wait for somebody to make one of that name. */
static bool is_no_token(const struct engine *e, const char *principal)
{
	if (strncmp(principal, "token:", 6) != 0)
		return false;
	const struct token_row *t = grants_find_token(e->grants, principal + 6);
	return !t || t->revoked_at;
}

/* Whoever has a pool to administer must not take the room that others need. */
static const char *room_fault(const struct engine *e, const struct call *call, const char *pool)
{
	enum { OF_A_POOL_MAX = 1024, RESERVED = 2048 };
	if (engine_rights(e, call, "") & CANDOR_RIGHT_ADMIN)
		return NULL;
	if (grants_count_in(e->grants, pool) >= OF_A_POOL_MAX)
		return "the pool has as many grants as it may; remove some";
	return grants_count(e->grants) >= GRANTS_MAX - RESERVED
		       ? "there are as many grants as the admins of single pools may make; an admin of all pools can "
			 "remove some"
		       : NULL;
}

enum engine_outcome engine_change_grant(struct engine *e, struct call *call)
{
	const struct candor_grant *g = call->wire->request.grants;
	bool add = call->wire->request.type == CANDOR_REQ_ADD_GRANT;
	struct grant_row row;
	if (add && is_no_token(e, g->principal))
		return engine_refuse(call, CANDOR_NOT_FOUND,
				     arena_printf(call->arena,
						  "there is no %s, or it is revoked; make it: candor token new",
						  g->principal));
	unsigned before = grants_standing(e->grants, g);
	const char *no_room = add && !before ? room_fault(e, call, g->pool) : NULL;
	if (no_room)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED, no_room);
	int changed = grants_change(e->grants, g, add, &row);
	if (changed == ERR_FULL)
		return engine_refuse(
			call, CANDOR_RESOURCE_EXHAUSTED,
			"there are as many grants as there may be, of that principal (256), of groups (128 of "
			"them) or in all (16,384); remove some");
	if (changed < 0)
		return engine_refuse_error(call, changed);
	if (changed) {
		add_common_event(e, call, add ? "grant" : "withdraw", g->pool, g->principal,
				 describe_grant(before ^ row.rights, g->prefix).s);
		engine_add(e, CHANGE_GRANT, &row);
	}
	return reply_changed(e, call, changed);
}

enum engine_outcome engine_list_grants(struct engine *e, struct call *call)
{
	const struct candor_request *request = &call->wire->request;
	uint64_t after = 0;
	if (request->cursor[0] && !engine_read_cursor(request->cursor, 'g', &after, 1))
		return engine_bad_cursor(call);
	struct candor_grant *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	if (!rows)
		return engine_refuse_error(call, -ENOMEM);
	struct candor_response r = {.type = CANDOR_RES_GRANTS, .grants = rows, .next = ""};
	const struct grant_row *g;
	for (; (g = grants_next(e->grants, after)) && r.n < request->limit; after = g->id)
		if (!request->pool[0] || !g->pool[0] || strcmp(g->pool, request->pool) == 0)
			rows[r.n++] = (struct candor_grant){g->principal, g->pool, g->prefix, g->rights};
	if (g && !(r.next = engine_write_cursor(call->arena, 'g', &after, 1)))
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

/* call: for history; NULL: they have not been there. */
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

/* For people; "" where it never does. */
static struct words describe_expiry(uint64_t at_ms)
{
	const time_t at = (time_t)(at_ms / 1000);
	struct words words = {""};
	struct tm utc;
	if (!at_ms)
		return words;
	/* A year of more digits than any calendar has. */
	if (!gmtime_r(&at, &utc) || !strftime(words.s, sizeof words.s, "expires %Y-%m-%dT%H:%M:%SZ", &utc))
		snprintf(words.s, sizeof words.s, "expires %" PRIu64 " ms after 1970", at_ms);
	return words;
}

static void write_token(struct engine *e, struct call *call, const struct token_row *t, const char *principal)
{
	engine_add(e, CHANGE_TOKEN, t);
	add_common_event(e, call, "token", "", principal, describe_expiry(t->expires_at).s);
	uint64_t after = 0;
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
		return engine_refuse(call, CANDOR_ALREADY_EXISTS,
				     arena_printf(call->arena,
						  "there is or was a token '%s', and a name is used once; take another",
						  request->name));
	if (request->expires_at && request->expires_at <= now)
		return engine_refuse(call, CANDOR_INVALID_ARGUMENT,
				     "expires_at is past; it must be a time to come, or 0 for never");
	if (grants_tokens(e->grants) == TOKENS_MAX)
		return engine_refuse(call, CANDOR_RESOURCE_EXHAUSTED,
				     "as many tokens were made as there may ever be; use certificates or users");
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
		return engine_bad_cursor(call);
	struct candor_token *rows = arena_alloc(call->arena, request->limit * sizeof *rows);
	if (!rows)
		return engine_refuse_error(call, -ENOMEM);
	struct candor_response r = {.type = CANDOR_RES_TOKENS, .tokens = rows, .next = ""};
	for (; after < grants_tokens(e->grants) && r.n < request->limit; after++)
		describe_token(grants_token(e->grants, after + 1), &rows[r.n++]);
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
		return engine_refuse(call, CANDOR_NOT_FOUND, arena_printf(call->arena, "there is no token '%s'", name));
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
