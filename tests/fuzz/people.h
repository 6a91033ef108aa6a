/* people.h - who speaks in the conversations of a fuzz target, what each may do when one begins, and what they ask: out
 * of an input. */
#ifndef CANDOR_FUZZ_PEOPLE_H
#define CANDOR_FUZZ_PEOPLE_H

#include "tests/fuzz/fuzz.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/rights_model.h"

enum {
	ROWS_MAX = 7,
	NEXT_MAX = 4,
	GRANTS_EACH = 4,
	TOKENS = 3, /* that there always are */
};

static const char *const pools[] = {"p", "q", "chat", "none"};
static const char *const labelers[] = {"ann", "bob", "cat", "dan", "eve", "\xe6\x9d\x8e"};

/* ---- who is there ---- */

static const struct identity bases[] = {
	FAKE_OWNER,
	{.name = "uid:7", .is_known = true, .is_local = true, .n_groups = 1, .groups = {50}},
	{.name = "uid:9", .is_known = true, .is_local = true},
	{.name = "tcp:192.0.2.1:99"},
	{.name = "cert:CN=x", .is_known = true},
};

static const char *const principals[] = {"uid:7", "gid:50", "anonymous", "uid:9", "cert:CN=x", "gid:51"};

/* What somebody has when an input begins; that of the tokens stands last. */
static const struct candor_grant grants[] = {
	{"uid:7", "p", "", CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT},
	{"uid:7", "p", "a", CANDOR_RIGHT_REPORT},
	{"gid:50", "q", "", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_READ_OPEN},
	{"cert:CN=x", "chat", "", CANDOR_RIGHT_ADMIN},
	{"", "", "", CANDOR_RIGHT_ADMIN},
	{"", "p", "", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_READ},
	{"", "", "b", CANDOR_RIGHT_REPORT},
};
enum { GRANTS = sizeof grants / sizeof *grants };

/* ---- what is asked ---- */

/* What requests are made of beside the input. */
static struct {
	char next[NEXT_MAX][CANDOR_NAME_MAX + 1]; /* cursors of this input's answers */
	unsigned n_next;
	unsigned input; /* its number */
	uint64_t now_ms;
	const struct rights_model *rights; /* whose first tokens are those that there always are */
} eaten;

/* Up to n bytes as a name, good or bad. */
static const char *eat_raw(struct meal *m, struct arena *a, size_t n)
{
	struct meal raw = eat_bytes(m, n);
	char *name = arena_calloc(a, 1, raw.len + 1);
	require(name);
	if (raw.len > 0)
		memcpy(name, raw.data, raw.len);
	return name;
}

static const char *eat_name(struct meal *m, struct arena *a, const char *const *names, size_t n)
{
	unsigned which = eat_byte(m);
	return which < 224 ? names[which % n] : eat_raw(m, a, which % 16);
}

/* Each input has items of its own, or all would soon be resolved; now and then one of an input before. */
static const char *eat_item(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m), back = which >= 176 && which < 224 ? eat_byte(m) % 32 : 0;
	if (which >= 224)
		return eat_raw(m, a, which % 16);
	const char *name = arena_printf(a, "%u.%u", eaten.input - (back < eaten.input ? back : 0), which % 4);
	require(name);
	return name;
}

#define NAME(names) eat_name(m, a, names, sizeof(names) / sizeof *(names))

static double eat_value(struct meal *m)
{
	unsigned byte = eat_byte(m);
	double value = byte / 252.0; /* now and then above 1 */
	if (byte == 255) {
		struct meal raw = eat_bytes(m, sizeof value);
		if (raw.len == sizeof value)
			memcpy(&value, raw.data, raw.len);
	}
	return value;
}

/* Every other row has one, high and low by turns. */
static uint64_t eaten_sequence(size_t row)
{
	return row % 2 ? row * 5 % 8 + (row == 7 ? CANDOR_SEQUENCE_MAX : 0) : 0;
}

static void eat_rows(struct meal *m, struct arena *a, struct candor_request *r)
{
	struct candor_report *reports = arena_calloc(a, ROWS_MAX, sizeof *reports);
	struct candor_outcome *outcomes = arena_calloc(a, ROWS_MAX, sizeof *outcomes);
	const char **names = arena_calloc(a, ROWS_MAX, sizeof *names);
	require(reports && outcomes && names);
	r->n = eat_below(m, ROWS_MAX + 1);
	for (size_t i = 0; i < r->n; i++) {
		names[i] = eat_item(m, a);
		if (r->type == CANDOR_REQ_POST_REPORTS)
			reports[i] = (struct candor_report){names[i], NAME(labelers), eat_value(m), eaten_sequence(i)};
		else if (r->type == CANDOR_REQ_RESOLVE_ITEMS)
			outcomes[i] = (struct candor_outcome){names[i], eat_value(m)};
	}
	r->reports = r->type == CANDOR_REQ_POST_REPORTS ? reports : NULL;
	r->outcomes = r->type == CANDOR_REQ_RESOLVE_ITEMS ? outcomes : NULL;
	r->items = r->reports || r->outcomes ? NULL : names;
}

static const char *eat_cursor(struct meal *m, struct arena *a)
{
	const char *kept[NEXT_MAX + 1] = {""};
	for (size_t i = 0; i < NEXT_MAX; i++)
		kept[i + 1] = eaten.next[i];
	return NAME(kept);
}

/* One that there is, one that there is no more, or none. */
static const char *eat_token(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m);
	if (which < 96)
		return "";
	if (which >= 240)
		return eat_raw(m, a, which % 16 * 4);
	unsigned back = which % 8; /* the newest is often one of this input's */
	const struct model_token *tokens = eaten.rights->tokens;
	size_t i = which < 160 ? which % TOKENS : eaten.rights->n_tokens - 1 - back % eaten.rights->n_tokens;
	char *text = arena_strdup(a, tokens[i].secret);
	require(text);
	if (which >= 224)
		text[eat_byte(m) % (TOKEN_TEXT_BYTES - 1)] = (char)(1 + eat_byte(m) % 127);
	return text;
}

static const char *eat_token_name(struct meal *m, struct arena *a)
{
	unsigned which = eat_byte(m);
	if (which >= 240)
		return eat_raw(m, a, which % 16);
	if (which < 64)
		return eaten.rights->tokens[which % TOKENS].principal + strlen("token:");
	const char *name = arena_printf(a, "%u.%u", eaten.input, which % 3);
	require(name);
	return name;
}

static void eat_grant(struct meal *m, struct arena *a, struct candor_grant *g)
{
	static const char *const prefixes[] = {"", "", "a", "b", "\xe6"};
	*g = (struct candor_grant){.pool = eat_below(m, 3) ? NAME(pools) : "", .rights = eat_byte(m) % 65};
	g->prefix = g->rights == CANDOR_RIGHT_REPORT || g->rights > 61 ? NAME(prefixes) : "";
}

/* Of who may do what. */
static void eat_change(struct meal *m, struct arena *a, struct candor_request *r)
{
	struct candor_grant *g = arena_calloc(a, GRANTS_EACH, sizeof *g);
	require(g);
	r->grants = g;
	r->n = 1;
	if (r->type == CANDOR_REQ_CREATE_TOKEN) {
		unsigned life = eat_byte(m);
		r->name = eat_token_name(m, a);
		r->expires_at = life < 128 ? 0 : life == 255 ? 1 : eaten.now_ms + life % 32;
		r->n = eat_below(m, GRANTS_EACH);
		for (size_t i = 0; i < r->n; i++)
			eat_grant(m, a, &g[i]);
	} else if (r->type == CANDOR_REQ_REVOKE_TOKEN) {
		r->name = eat_token_name(m, a);
	} else {
		unsigned which = eat_byte(m);
		if (which < 64) {
			g[0] = grants[which % (GRANTS - TOKENS)]; /* one that stands, as a rule */
		} else {
			eat_grant(m, a, g);
			g->principal =
				which < 224 ? NAME(principals) : arena_printf(a, "token:%s", eat_token_name(m, a));
			require(g->principal);
		}
	}
}

/* A request as a client makes it, with now and then something that none would; id: one that is not yet used. */
static struct candor_request eat_request(struct meal *m, struct arena *a, uint64_t id)
{
	/* Those of which a campaign is made come more often than they would by chance. */
	unsigned type = eat_below(m, CANDOR_REQ_TYPES + 8);
	struct candor_request r = {.type = type < CANDOR_REQ_TYPES ? (enum candor_request_type)type
					   : type % 2              ? CANDOR_REQ_POST_REPORTS
								   : CANDOR_REQ_RESOLVE_ITEMS};
	/* Mostly one of its own: what is answered is then known. */
	r.id = eat_byte(m);
	r.id = r.id < 16 ? r.id : id;
	r.pool = NAME(pools);
	switch (r.type) {
	case CANDOR_REQ_HELLO:
		r.protocol = 1 + (eat_byte(m) >= 240);
		r.client = NAME(labelers);
		r.token = eat_token(m, a);
		break;
	case CANDOR_REQ_LIST_GRANTS:
	case CANDOR_REQ_LIST_TOKENS:
	case CANDOR_REQ_LIST_EVENTS:
		r.pool = eat_below(m, 2) ? r.pool : "";
		r.cursor = eat_cursor(m, a);
		r.limit = eat_byte(m) * 5u;
		break;
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_CREATE_TOKEN:
	case CANDOR_REQ_REVOKE_TOKEN: eat_change(m, a, &r); break;
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
		r.settings.rate = (enum candor_rate)eat_below(m, 5);
		r.settings.c = eat_value(m);
		r.settings.beta = eat_value(m);
		r.settings.eta = eat_value(m);
		r.settings.horizon = eat_byte(m);
		r.settings.share = eat_value(m);
		r.settings.entry = eat_value(m);
		break;
	case CANDOR_REQ_POST_REPORTS:
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_VOID_ITEMS:
	case CANDOR_REQ_QUERY_ITEMS:
		r.with_reports = eat_below(m, 2);
		eat_rows(m, a, &r);
		break;
	case CANDOR_REQ_PRUNE_POOL:
		r.round = eat_byte(m);
		r.file = NAME(labelers);
		r.state = r.digest = arena_calloc(a, 1, CANDOR_DIGEST_BYTES);
		break;
	default:
		r.cursor = eat_cursor(m, a);
		r.limit = eat_byte(m) * 5u;
		r.sort = (enum candor_sort)eat_below(m, 6);
		r.labeler = NAME(labelers);
		r.history = eat_below(m, 2);
	}
	return r;
}

#endif
