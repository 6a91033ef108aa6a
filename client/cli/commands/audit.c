/* candor audit: lists what affected results and rights. */
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "client/cli/base/table.h"
#include "lib/base/text.h"

enum { SHOWN = 100 };

static void add_row(struct cli_table *t, const struct candor_event *e)
{
	cli_table_cell(t, "%s", cli_time(e->at).s);
	cli_table_name(t, e->by);
	cli_table_cell(t, "%s", e->action);
	cli_table_name(t, e->pool[0] ? e->pool : "-");
	cli_table_name(t, e->subject[0] ? e->subject : "-");
	cli_table_name(t, e->detail);
}

static void list_events(struct cli_pages *p)
{
	static const struct cli_column columns[] = {
		{.title = "time (UTC)"},
		{.title = "who", .shrink = true, .middle = true},
		{.title = "what"},
		{.title = "pool", .shrink = true},
		{.title = "subject", .shrink = true, .middle = true},
		{.title = "detail", .shrink = true},
	};
	struct cli_table table;
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	while (cli_pages_next(p)) {
		if (p->cli->json)
			cli_json_lines(p->response);
		for (size_t i = 0; !p->cli->json && i < p->response->n; i++)
			add_row(&table, &p->response->events[i]);
		if (table.n > 0)
			cli_table_print(&table, &p->cli->term, stdout);
	}
	if (p->code == CLI_REFUSED && p->response->code == CANDOR_PERMISSION_DENIED && !p->request.pool)
		cli_note("--pool POOL lists the events of one pool.");
	cli_table_free(&table);
}

static int run_audit(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"pool", required_argument, NULL, 'p'},
					    {"limit", required_argument, NULL, 'l'},
					    {"all", no_argument, NULL, 'a'},
					    {0}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_EVENTS};
	struct cli_pages pages;
	uint64_t limit = SHOWN;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'p')
			request.pool = optarg;
		else
			limit = opt == 'a' ? UINT64_MAX : cli_count_of(c, "--limit", optarg, 1, 1000000000);
	}
	cli_operands(c, argc, argv, 0, 0, "");
	if (request.pool && name_fault(request.pool, strlen(request.pool)))
		cli_usage(c, "--pool %s", name_fault(request.pool, strlen(request.pool)));
	cli_pages_begin(&pages, c, &request, NULL, limit);
	list_events(&pages);
	fflush(stdout);
	if (!pages.code && !c->json && pages.n_rows == 0)
		cli_note("There are no events yet.");
	else if (!pages.code && !c->json && pages.more)
		cli_note("The newest %s; --all lists all", cli_count(pages.n_rows).s);
	return pages.code;
}

CLI_COMMAND(audit) = {
	.name = "audit",
	.summary = "list changes that affect results or rights, and who made them",
	.help = "usage: candor audit [--pool POOL] [--limit N | --all]\n\n"
		"Lists pool settings, outcomes, rechecks, voids, archives, grants and tokens, newest\n"
		"first, each with who did it: the principal, followed by the name the client program\n"
		"gave itself, which proves nothing. With --json, one object per line.\n\n"
		"Options:\n"
		"  --pool POOL   only this pool; needs admin rights only there\n"
		"  --limit N     how many (100)\n"
		"  --all         all of them\n\n"
		"Example:\n"
		"  candor audit --pool birds --all --json | jq 'select(.action == \"outcome\")'\n",
	.run = run_audit,
};
