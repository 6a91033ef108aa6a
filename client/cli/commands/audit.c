/* candor audit: what was done that bears on results and rights. */
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"
#include "lib/base/text.h"

enum { SHOWN = 100 };

static void add_row(struct cli_table *t, const struct candor_event *e)
{
	cli_table_cell(t, "%s", cli_time(e->at).s);
	cli_table_cell(t, "%s", e->by);
	cli_table_cell(t, "%s", e->action);
	cli_table_cell(t, "%s", e->pool[0] ? e->pool : "-");
	cli_table_cell(t, "%s", e->subject[0] ? e->subject : "-");
	cli_table_cell(t, "%s", e->detail);
}

/* *more: older ones are there that were not asked for. */
static int list_events(struct cli *c, struct candor_request *request, uint64_t limit, uint64_t *shown, bool *more)
{
	static const struct cli_column columns[] = {
		{.title = "time (UTC)"},
		{.title = "who", .shrink = true, .middle = true},
		{.title = "what"},
		{.title = "pool", .shrink = true},
		{.title = "subject", .shrink = true, .middle = true},
		{.title = "detail", .shrink = true},
	};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	const struct candor_response *response;
	struct cli_table table;
	int err;
	request->cursor = cursor;
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	do {
		uint64_t left = limit - *shown;
		request->limit = left < CANDOR_PAGE_MAX ? (uint32_t)left : CANDOR_PAGE_MAX;
		err = cli_call(c, request, &response);
		if (err == CLI_REFUSED && response->code == CANDOR_PERMISSION_DENIED && !request->pool)
			cli_note("--pool POOL shows what was done in one pool.");
		if (err)
			break;
		for (size_t i = 0; i < response->n; i++) {
			if (c->json)
				cli_json_print_line(cli_json_event(&response->events[i]));
			else
				add_row(&table, &response->events[i]);
		}
		if (table.n > 0)
			cli_table_print(&table, &c->term, stdout);
		*shown += response->n;
		snprintf(cursor, sizeof cursor, "%s", response->next);
		*more = *cursor && response->n > 0;
	} while (*more && *shown < limit && !ferror(stdout));
	cli_table_free(&table);
	return err;
}

static int run_audit(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"pool", required_argument, NULL, 'p'},
					    {"limit", required_argument, NULL, 'l'},
					    {"all", no_argument, NULL, 'a'},
					    {0}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_EVENTS};
	uint64_t limit = SHOWN, shown = 0;
	bool more = false;
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
	int err = list_events(c, &request, limit, &shown, &more);
	fflush(stdout);
	if (!err && !c->json && shown == 0)
		cli_note("Nothing was done yet that bears on results or rights.");
	else if (!err && !c->json && more)
		cli_note("The newest %s; --all shows all", cli_count(shown).s);
	return err;
}

const struct cli_command cli_audit = {
	.name = "audit",
	.summary = "who did what that bears on results and rights",
	.help = "usage: candor audit [--pool POOL] [--limit N | --all]\n\n"
		"Lists settings of pools, outcomes, voids, archives, grants and tokens, the newest\n"
		"first, each with who did it: whose rights it was done with, and behind that what\n"
		"the program called itself, which proves nothing. With --json one object a line.\n\n"
		"Options:\n"
		"  --pool POOL   only of this pool; needs admin there alone\n"
		"  --limit N     how many (100)\n"
		"  --all         all of them\n\n"
		"Example:\n"
		"  candor audit --pool birds --all --json | jq 'select(.action == \"outcome\")'\n",
	.run = run_audit,
};
