/* candor grants: who may do what. */
#include "client/cli/commands/grants.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "lib/rights.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"
#include "lib/base/text.h"

enum { REST_SHOWN = 10 };

/* ---- what is given on the command line ---- */

static const char *checked_name(const struct cli *c, const char *what, const char *text)
{
	const char *fault = name_fault(text, strlen(text));
	if (fault)
		cli_usage(c, "%s %s", what, fault);
	return text;
}

bool cli_grant_option(const struct cli *c, int opt, struct candor_grant *g)
{
	if (opt == CLI_GRANT_POOL)
		g->pool = checked_name(c, "--pool", optarg);
	else if (opt == CLI_GRANT_LABELERS)
		g->prefix = checked_name(c, "--labelers", optarg);
	else
		return false;
	return true;
}

void cli_grant_rights(const struct cli *c, char *const *names, struct candor_grant *g)
{
	g->rights = 0;
	for (; *names; names++) {
		unsigned these;
		if (!rights_parse(*names, &these))
			cli_usage(c,
				  "\"%s\" is not a right; it must be report, outcome, read, read-open, inspect, "
				  "admin, or a "
				  "role: platform, auditor, trainer, operator",
				  *names);
		g->rights |= these;
	}
	if (g->prefix[0] && g->rights != CANDOR_RIGHT_REPORT)
		cli_usage(c, "--labelers works only with the right to report; grant other rights separately");
}

/* PRINCIPAL as the daemon knows it: names of users and groups are resolved on this machine. */
static const char *parse_principal(const struct cli *c, const char *text, char id[32])
{
	const char *principal = text;
	if (strncmp(text, "user:", 5) == 0) {
		const struct passwd *user = getpwnam(text + 5);
		if (!user)
			cli_usage(c, "there is no user \"%s\" on this machine", text + 5);
		snprintf(id, 32, "uid:%" PRIu32, (uint32_t)user->pw_uid);
		principal = id;
	} else if (strncmp(text, "group:", 6) == 0) {
		const struct group *group = getgrnam(text + 6);
		if (!group)
			cli_usage(c, "there is no group \"%s\" on this machine", text + 6);
		snprintf(id, 32, "gid:%" PRIu32, (uint32_t)group->gr_gid);
		principal = id;
	}
	const char *fault = principal_fault(principal, strlen(principal));
	if (fault && text_fault(text, strlen(text)))
		cli_usage(c, "PRINCIPAL %s", fault);
	if (fault)
		cli_usage(c, "\"%s\" %s%s", text, fault,
			  strchr(text, ':') ? "" : ", or user:NAME or group:NAME on this machine");
	return principal;
}

/* ---- words ---- */

static size_t append(struct cli_grant_text *text, size_t len, const char *before, const char *what, const char *after)
{
	return len + (size_t)snprintf(text->s + len, sizeof text->s - len, "%s%s%s", before, what, after);
}

static void append_place(struct cli_grant_text *text, size_t len, const struct candor_grant *g)
{
	if (g->prefix[0])
		len = append(text, len, " for labelers whose names begin with \"", g->prefix, "\"");
	if (g->pool[0])
		append(text, len, " in pool \"", g->pool, "\"");
	else
		append(text, len, " in all pools", "", "");
}

struct cli_grant_text cli_grant_words(const struct candor_grant *g)
{
	/* In the order of the bits. */
	static const char *const words[] = {"report",          "post outcomes",    "read closed items",
					    "read open items", "inspect labelers", "do everything"};
	_Static_assert(1u << sizeof words / sizeof *words == CANDOR_RIGHTS_ALL + 1, "a phrase for each right");
	/* admin includes all others. */
	unsigned rights = g->rights & CANDOR_RIGHT_ADMIN ? CANDOR_RIGHT_ADMIN : g->rights;
	struct cli_grant_text text = {""};
	size_t len = 0;
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
		if (!(rights & (1u << i)))
			continue;
		rights &= ~(1u << i);
		len = append(&text, len, len == 0 ? "" : rights ? ", " : " and ", words[i], "");
	}
	append_place(&text, len, g);
	return text;
}

const char *cli_grant_doubt(struct cli *c, const struct candor_grant *g)
{
	const struct candor_request request = {.type = CANDOR_REQ_GET_POOL, .pool = g->pool};
	const struct candor_response *response;
	bool is_missing = g->pool[0] && cli_ask(c, &request, &response) == 0 && response->code == CANDOR_NOT_FOUND;
	return is_missing ? " (there is no such pool yet)" : "";
}

/* ---- what there is ---- */

typedef void take_grants(void *arg, const struct candor_response *page);

/* All grants, or those that count in a pool. quietly: a refusal is not reported. 0 or an exit code. */
static int read_grants(struct cli *c, const char *pool, bool quietly, take_grants *take, void *arg)
{
	const struct candor_request request = {.type = CANDOR_REQ_LIST_GRANTS, .pool = pool};
	struct cli_pages p;
	cli_pages_begin(&p, c, &request, NULL, UINT64_MAX);
	p.is_quiet = quietly;
	while (cli_pages_next(&p))
		take(arg, p.response);
	if (p.code == CLI_REFUSED && !quietly && p.response->code == CANDOR_PERMISSION_DENIED && !*pool)
		cli_note("--pool POOL lists the grants of one pool.");
	return p.code;
}

/* Copies of one principal's grants. */
struct holdings {
	const char *principal, *pool; /* pool: only those in it; "": all */
	struct candor_grant *grants;
	size_t n, cap;
};

static void take_holding(struct holdings *h, const struct candor_grant *g)
{
	if (strcmp(g->principal, h->principal) != 0 || (*h->pool && strcmp(g->pool, h->pool) != 0))
		return;
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 16;
		h->grants = cli_memory(realloc(h->grants, h->cap * sizeof *h->grants));
	}
	h->grants[h->n++] = (struct candor_grant){.principal = h->principal,
						  .pool = cli_memory(strdup(g->pool)),
						  .prefix = cli_memory(strdup(g->prefix)),
						  .rights = g->rights};
}

static void take_holdings(void *arg, const struct candor_response *page)
{
	for (size_t i = 0; i < page->n; i++)
		take_holding(arg, &page->grants[i]);
}

static void forget_holdings(struct holdings *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free((char *)(uintptr_t)h->grants[i].pool);
		free((char *)(uintptr_t)h->grants[i].prefix);
	}
	free(h->grants);
}

/* ---- list ---- */

static void list_row(struct cli_table *t, const struct candor_grant *g)
{
	char names[RIGHTS_TEXT_MAX];
	const char *role = rights_role(g->rights);
	rights_format(g->rights, names);
	cli_table_name(t, g->principal);
	cli_table_name(t, g->pool[0] ? g->pool : "all");
	cli_table_cell(t, "%s", role ? role : names);
	cli_table_cell(t, "%s%s", g->prefix[0] ? cli_visible(g->prefix).s : "all", g->prefix[0] ? "..." : "");
}

struct listing {
	bool json;
	struct cli_json document;
	struct cli_table table;
};

static void list_page(void *arg, const struct candor_response *page)
{
	struct listing *l = arg;
	if (l->json)
		cli_json_rows(&l->document, page);
	for (size_t i = 0; !l->json && i < page->n; i++)
		list_row(&l->table, &page->grants[i]);
}

static int list_grants(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"pool", required_argument, NULL, CLI_GRANT_POOL}, {0}};
	static const struct cli_column columns[] = {
		{.title = "principal", .shrink = true, .middle = true},
		{.title = "pool", .shrink = true},
		{.title = "rights"},
		{.title = "labelers", .shrink = true},
	};
	struct candor_grant only = {.pool = ""};
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;)
		cli_grant_option(c, opt, &only);
	cli_operands(c, argc, argv, 0, 0, "");
	struct listing l = {.json = c->json};
	cli_json_begin_list(&l.document, "grants");
	cli_table_init(&l.table, columns, sizeof columns / sizeof *columns);
	int err = read_grants(c, only.pool, false, list_page, &l);
	cli_json_end_list(&l.document, c->json && !err);
	if (!err && !c->json && l.table.n == 0)
		cli_note("There are no grants%s: only the daemon's own user and root have any rights.",
			 *only.pool ? " here" : " yet");
	else if (!err && !c->json)
		cli_table_print(&l.table, &c->term, stdout);
	cli_table_free(&l.table);
	return err;
}

/* ---- add and remove ---- */

static void say_added(struct cli *c, const struct candor_grant *g, bool changed)
{
	cli_note("%s %s %s%s", g->principal, changed ? "may now" : "may already", cli_grant_words(g).s,
		 cli_grant_doubt(c, g));
}

/* all: the whole grant, not only some of its rights. */
static void say_removed(const struct candor_grant *g, bool all, bool changed)
{
	if (!all)
		cli_note("%s %s to %s", g->principal, changed ? "no longer has a grant" : "had no grant",
			 cli_grant_words(g).s);
	else
		cli_note("%s %s%s%s%s%s%s%s", g->principal, changed ? "no longer has a grant" : "has no grant",
			 g->prefix[0] ? " for labelers whose names begin with \"" : "", g->prefix,
			 g->prefix[0] ? "\"" : "", g->pool[0] ? " in pool \"" : " for all pools", g->pool,
			 g->pool[0] ? "\"" : "");
}

/* What a principal may still do, as far as the caller may know. It lists rights, not roles: those can be removed. */
static void say_rest(struct cli *c, const char *principal, const char *pool)
{
	struct holdings rest = {.principal = principal, .pool = ""};
	char names[RIGHTS_TEXT_MAX];
	if (read_grants(c, "", true, take_holdings, &rest) == CLI_REFUSED && *pool)
		(void)read_grants(c, pool, true, take_holdings, &rest);
	for (size_t i = 0; i < rest.n && i < REST_SHOWN; i++) {
		const struct candor_grant *g = &rest.grants[i];
		rights_format(g->rights, names);
		cli_note("%s still has: %s%s%s%s in %s%s", principal, names, g->prefix[0] ? " for " : "", g->prefix,
			 g->prefix[0] ? "..." : "", g->pool[0] ? "pool " : "all pools", g->pool);
	}
	if (rest.n > REST_SHOWN)
		cli_note("... and %s more", cli_count(rest.n - REST_SHOWN).s);
	forget_holdings(&rest);
}

/* A prefix is possible only with the right to report. */
static unsigned whole(const struct candor_grant *g)
{
	return g->prefix[0] ? CANDOR_RIGHT_REPORT : CANDOR_RIGHTS_ALL;
}

/* Includes what was removed before an error. */
static void print_removed(struct cli *c, const struct candor_response *sum)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	json_out_members(&d.j, cli_json_body(&d, sum));
	cli_put_failure(c, &d.j);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

static int remove_all(struct cli *c, const struct candor_grant *of)
{
	struct holdings h = {.principal = of->principal, .pool = of->pool};
	struct candor_response sum = {.type = CANDOR_RES_BATCH};
	const struct candor_response *response;
	int err = read_grants(c, of->pool, false, take_holdings, &h);
	for (size_t i = 0; i < h.n && !err; i++) {
		struct candor_grant g = h.grants[i];
		const struct candor_request request = {.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &g};
		g.rights = whole(&g);
		err = cli_call(c, &request, &response);
		if (err)
			break;
		sum.batch.accepted += response->batch.accepted;
		say_removed(&h.grants[i], false, true);
	}
	if (!err && h.n == 0)
		cli_note("%s has no grant%s%s%s", of->principal, of->pool[0] ? " in pool \"" : "", of->pool,
			 of->pool[0] ? "\"" : "");
	if (c->json && (!err || sum.batch.accepted > 0))
		print_removed(c, &sum);
	if (!err)
		say_rest(c, of->principal, of->pool);
	forget_holdings(&h);
	return err ? err : sum.batch.accepted > 0 ? CLI_DONE : CLI_ROWS;
}

static int add_grant(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {CLI_GRANT_OPTIONS, {0}};
	struct candor_grant grant = {.pool = "", .prefix = ""};
	struct candor_batch batch;
	char id[32];
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;)
		cli_grant_option(c, opt, &grant);
	char **o = cli_operands(c, argc, argv, 2, argc, "PRINCIPAL RIGHTS...");
	grant.principal = parse_principal(c, o[0], id);
	cli_grant_rights(c, o + 1, &grant);
	const struct candor_request request = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant};
	int err = cli_batch(c, &request, &grant.principal, &batch);
	if (!err)
		say_added(c, &grant, batch.accepted > 0);
	return err;
}

static int remove_grant(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {CLI_GRANT_OPTIONS, {"all", no_argument, NULL, 'a'}, {0}};
	struct candor_grant grant = {.pool = "", .prefix = ""};
	struct candor_batch batch;
	bool all = false;
	char id[32];
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;)
		all |= !cli_grant_option(c, opt, &grant);
	char **o = cli_operands(c, argc, argv, 1, argc, "PRINCIPAL");
	grant.principal = parse_principal(c, o[0], id);
	if (all && (o[1] || grant.prefix[0]))
		cli_usage(c, "--all removes every grant; it cannot be combined with rights or --labelers");
	if (all)
		return remove_all(c, &grant);
	if (o[1])
		cli_grant_rights(c, o + 1, &grant);
	else
		grant.rights = whole(&grant);
	const struct candor_request request = {.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &grant};
	int err = cli_batch(c, &request, &grant.principal, &batch);
	if (err)
		return err;
	say_removed(&grant, !o[1], batch.accepted > 0);
	say_rest(c, grant.principal, grant.pool);
	return batch.accepted > 0 ? CLI_DONE : CLI_ROWS;
}

/* ---- which of them ---- */

static int run_grants(struct cli *c, int argc, char **argv)
{
	static const struct cli_verb verbs[] = {
		{"list", list_grants}, {"add", add_grant}, {"remove", remove_grant}, {0}};
	return cli_run_verb(c, argc, argv, verbs, "list, add or remove");
}

CLI_COMMAND(grants) = {
	.name = "grants",
	.summary = "list, add and remove grants: who may do what, in which pools",
	.help = "usage: candor grants list [--pool POOL]\n"
		"       candor grants add PRINCIPAL RIGHTS... [--pool POOL] [--labelers PREFIX]\n"
		"       candor grants remove PRINCIPAL [RIGHTS...] [--pool POOL] [--labelers PREFIX]\n"
		"       candor grants remove PRINCIPAL --all [--pool POOL]\n\n"
		"The daemon's own user and root may do everything over its Unix socket. Everybody\n"
		"else may do what they were granted, from their next request on. A principal\n"
		"has one grant for each pool and prefix, and one for all pools: `remove` takes rights\n"
		"from one of them (all rights, if no RIGHTS are given), and says what is left. Exit\n"
		"code 1: there was nothing to remove.\n\n"
		"PRINCIPAL is one of\n"
		"  token:NAME           anyone with that token: `candor token new` creates it\n"
		"  cert:SUBJECT         anyone with a certificate with that subject, written as in\n"
		"                       RFC 2253, each space as \\20\n"
		"  uid:N, gid:N         a user or group over the Unix socket\n"
		"  user:NAME, group:NAME\n"
		"                       the same, by their names on this machine\n"
		"  anonymous            anyone connecting over TCP without token or certificate\n\n"
		"RIGHTS are\n"
		"  report      post reports                       role: platform\n"
		"  outcome     close, resolve and void items      role: auditor\n"
		"  read        aggregates of items that are not open, and the feed\n"
		"                                                 role: trainer\n"
		"  read-open   the same, and of open items        role: operator, with inspect\n"
		"  inspect     labelers' weights and reports      role: operator, with read-open\n"
		"  admin       all of these, pools and their settings, grants, audit, tokens\n\n"
		"Options:\n"
		"  --pool POOL         in this pool only (default: in all, including future ones)\n"
		"  --labelers PREFIX   report only for labelers whose names begin with PREFIX\n"
		"  --all               remove every grant of PRINCIPAL; with --pool, those in POOL\n\n"
		"Example:\n"
		"  candor grants add user:ann operator --pool birds\n",
	.run = run_grants,
};
