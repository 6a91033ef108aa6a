/* candor feed: closed items in the order in which they were closed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"

/* SIGINT and SIGTERM are held back, so that what was printed always ends with the cursor to go on from; this waits for
 * one of them, or for the time to ask again. */
static bool told_to_stop(const sigset_t *signals, time_t seconds)
{
	const struct timespec wait = {.tv_sec = seconds};
	return sigtimedwait(signals, NULL, &wait) > 0;
}

static void print_page(const struct cli *c, const struct candor_response *r, struct cli_table *table)
{
	for (size_t i = 0; i < r->n; i++) {
		if (c->json)
			cli_json_print_line(cli_json_item(&r->items[i]));
		else
			cli_items_row(table, &r->items[i]);
	}
	if (table->n > 0)
		cli_table_print(table, &c->term, stdout);
	fflush(stdout);
}

/* *pages: how many were printed; behind the last one the cursor stands. */
static int follow_feed(struct cli *c, struct candor_request *request, char *cursor, uint64_t limit, bool follow,
		       uint64_t *pages)
{
	const struct candor_response *response;
	struct cli_table table;
	sigset_t signals;
	uint64_t shown = 0;
	int err = 0;
	*pages = 0;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (follow)
		sigprocmask(SIG_BLOCK, &signals, NULL);
	cli_items_init(&table);
	while (shown < limit) {
		uint64_t left = limit - shown;
		request->limit = left < CANDOR_PAGE_MAX ? (uint32_t)left : CANDOR_PAGE_MAX;
		err = cli_call(c, request, &response);
		if (err)
			break;
		print_page(c, response, &table);
		shown += response->n;
		(*pages)++;
		snprintf(cursor, CANDOR_NAME_MAX + 1, "%s", response->next);
		bool more = response->more && response->n > 0;
		if ((!more && !follow) || ferror(stdout))
			break;
		if (follow && told_to_stop(&signals, more ? 0 : 1))
			break;
	}
	cli_table_free(&table);
	return err;
}

static int run_feed(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"after", required_argument, NULL, 'a'},
					    {"limit", required_argument, NULL, 'l'},
					    {"follow", no_argument, NULL, 'f'},
					    {0}};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS, .cursor = cursor};
	uint64_t limit = UINT64_MAX;
	bool follow = false;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			follow = true;
		else if (opt == 'l')
			limit = cli_count_of(c, "--limit", optarg, 1, 1000000000);
		else if (strlen(optarg) < sizeof cursor)
			snprintf(cursor, sizeof cursor, "%s", optarg);
		else
			cli_usage(c, "--after is too long for a cursor");
	}
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];
	uint64_t pages;
	int err = follow_feed(c, &request, cursor, limit, follow, &pages);
	/* Also where a later page failed: what was printed ends with where to go on. */
	if (pages > 0 && c->json)
		cli_json_print_line(cli_memory(json_pack("{s:s}", "next", cursor)));
	else if (pages > 0)
		cli_note("To go on from here: --after %s", cursor);
	return err;
}

const struct cli_command cli_feed = {
	.name = "feed",
	.summary = "closed items in order of closing, and those to come",
	.help = "usage: candor feed POOL [--after CURSOR] [--limit N] [--follow]\n\n"
		"Prints closed items, the first that was closed first: what training consumes. At\n"
		"the end stands the cursor from which to go on, however much later: on stderr, or\n"
		"with --json as a last line {\"next\": CURSOR}.\n\n"
		"Options:\n"
		"  --after CURSOR   go on from there\n"
		"  --limit N        at most so many (all)\n"
		"  --follow         wait for more, until Ctrl-C\n\n"
		"Example:\n"
		"  candor feed birds --json --follow | ./train\n",
	.run = run_feed,
};
