/* candor grants: who may do what. */
#include "grants.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "rights.h"
#include "table.h"
#include "text.h"

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
			cli_usage(
				c,
				"\"%s\" is no right; it must be report, outcome, read, read-open, inspect, admin, or a "
				"role: platform, auditor, trainer, operator",
				*names);
		g->rights |= these;
	}
	if (g->prefix[0] && g->rights != CANDOR_RIGHT_REPORT)
		cli_usage(c, "--labelers goes with the right to report alone; grant the others apart");
}

/* PRINCIPAL as the daemon knows it: names of users and groups are this machine's business. */
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
	if (fault)
		cli_usage(c, "PRINCIPAL %s", fault);
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
		len = append(text, len, " for labelers that begin with \"", g->prefix, "\"");
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
	/* Whoever may do everything may do the others too. */
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

/* ---- list ---- */

static void list_row(struct cli_table *t, const struct candor_grant *g)
{
	char names[RIGHTS_TEXT_MAX];
	const char *role = rights_role(g->rights);
	rights_format(g->rights, names);
	cli_table_cell(t, "%s", g->principal);
	cli_table_cell(t, "%s", g->pool[0] ? g->pool : "all");
	cli_table_cell(t, "%s", role ? role : names);
	cli_table_cell(t, "%s%s", g->prefix[0] ? g->prefix : "all", g->prefix[0] ? "..." : "");
}

static int list_grants(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"pool", required_argument, NULL, CLI_GRANT_POOL}, {0}};
	static const struct cli_column columns[] = {
		{.title = "principal", .shrink = true},
		{.title = "pool", .shrink = true},
		{.title = "rights"},
		{.title = "labelers", .shrink = true},
	};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	struct candor_request request = {.type = CANDOR_REQ_LIST_GRANTS, .cursor = cursor, .limit = CANDOR_PAGE_MAX};
	struct candor_grant only = {.pool = ""};
	const struct candor_response *response;
	struct cli_table table;
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;)
		cli_grant_option(c, opt, &only);
	cli_operands(c, argc, argv, 0, 0, "");
	request.pool = only.pool;
	json_t *grants = cli_memory(json_array());
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	int err;
	do {
		err = cli_call(c, &request, &response);
		if (err)
			break;
		for (size_t i = 0; i < response->n; i++) {
			if (c->json)
				cli_json_append(grants, cli_json_grant(&response->grants[i]));
			else
				list_row(&table, &response->grants[i]);
		}
		snprintf(cursor, sizeof cursor, "%s", response->next);
	} while (*cursor && response->n > 0);
	if (!err && c->json)
		cli_json_print(cli_memory(json_pack("{s:O}", "grants", grants)));
	else if (!err && table.n == 0)
		cli_note("Nothing is granted%s: only the daemon's own user and root may do anything.",
			 *only.pool ? " here" : " yet");
	else if (!err)
		cli_table_print(&table, &c->term, stdout);
	json_decref(grants);
	cli_table_free(&table);
	return err;
}

/* ---- add and remove ---- */

static void say_changed(const struct candor_grant *g, bool add, bool changed)
{
	struct cli_grant_text what = cli_grant_words(g);
	if (add)
		cli_note(changed ? "%s may now %s" : "%s could already %s", g->principal, what.s);
	else
		cli_note(changed ? "%s has no grant any more to %s" : "%s had no grant to %s", g->principal, what.s);
}

static void say_all_removed(const struct candor_grant *g, bool changed)
{
	struct cli_grant_text where = {""};
	append_place(&where, 0, g);
	cli_note(changed ? "%s has no grant any more%s" : "%s had no grant%s", g->principal, where.s);
}

static int change_grant(struct cli *c, int argc, char **argv, bool add)
{
	static const struct option own[] = {CLI_GRANT_OPTIONS, {0}};
	struct candor_grant grant = {.pool = "", .prefix = ""};
	struct candor_batch batch;
	char id[32];
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;)
		cli_grant_option(c, opt, &grant);
	char **o = cli_operands(c, argc, argv, add ? 2 : 1, argc, add ? "PRINCIPAL RIGHTS..." : "PRINCIPAL");
	grant.principal = parse_principal(c, o[0], id);
	if (o[1])
		cli_grant_rights(c, o + 1, &grant);
	else
		grant.rights = grant.prefix[0] ? CANDOR_RIGHT_REPORT : CANDOR_RIGHTS_ALL;
	const struct candor_request request = {
		.type = add ? CANDOR_REQ_ADD_GRANT : CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &grant};
	int err = cli_batch(c, &request, &grant.principal, &batch);
	if (!err && o[1])
		say_changed(&grant, add, batch.accepted > 0);
	else if (!err)
		say_all_removed(&grant, batch.accepted > 0);
	return err;
}

/* ---- which of them ---- */

static int run_grants(struct cli *c, int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	if (strcmp(verb, "list") == 0)
		return list_grants(c, argc - 1, argv + 1);
	if (strcmp(verb, "add") == 0)
		return change_grant(c, argc - 1, argv + 1, true);
	if (strcmp(verb, "remove") == 0)
		return change_grant(c, argc - 1, argv + 1, false);
	if (*verb == '-')
		cli_option(c, argc, argv, NULL);
	cli_usage(c, "list, add or remove%s%s%s", *verb ? "; not \"" : "?", verb, *verb ? "\"" : "");
}

const struct cli_command cli_grants = {
	.name = "grants",
	.summary = "list, add, remove: who may do what, in which pools",
	.help = "usage: candor grants list [--pool POOL]\n"
		"       candor grants add PRINCIPAL RIGHTS... [--pool POOL] [--labelers PREFIX]\n"
		"       candor grants remove PRINCIPAL [RIGHTS...] [--pool POOL] [--labelers PREFIX]\n\n"
		"The daemon's own user and root may do everything over its Unix socket. Everybody\n"
		"else may do what was granted, from the next request on. `remove` without RIGHTS\n"
		"takes all of that grant away.\n\n"
		"PRINCIPAL is one of\n"
		"  token:NAME           whoever shows that token: `candor token new` makes it\n"
		"  cert:SUBJECT         whoever shows a certificate with that subject, as RFC 2253\n"
		"                       writes it, each space as \\20\n"
		"  uid:N, gid:N         a user or group over the Unix socket\n"
		"  user:NAME, group:NAME\n"
		"                       the same, by their names on this machine\n"
		"  anonymous            whoever comes over TCP without a token or certificate\n\n"
		"RIGHTS are\n"
		"  report      post reports                       role: platform\n"
		"  outcome     close, resolve and void items      role: auditor\n"
		"  read        aggregates of items that are not open, and the feed\n"
		"                                                 role: trainer\n"
		"  read-open   the same, and of open items        role: operator, with inspect\n"
		"  inspect     labelers' weights and reports      role: operator, with read-open\n"
		"  admin       all of these, pools and their settings, grants, audit, tokens\n\n"
		"Options:\n"
		"  --pool POOL         in this pool (in all, also those to come)\n"
		"  --labelers PREFIX   to report only for labelers whose names begin so (for all)\n\n"
		"Example:\n"
		"  candor grants add user:ann operator --pool birds\n",
	.run = run_grants,
};
