/* candor feed: closed items in the order in which they were closed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"
#include "client/cli/base/pages.h"

static void on_stop(int number)
{
	(void)number; /* interrupting the wait is all it is for */
}

/* SIGINT and SIGTERM are blocked but for the wait between two pages, so that the output always ends with the cursor to
 * continue from. */
static void block_stop(void)
{
	const struct sigaction action = {.sa_handler = on_stop};
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* Waits for one of the two, or for the time to ask again. */
static bool told_to_stop(uint64_t ms)
{
	sigset_t none;
	sigemptyset(&none);
	return !cli_pause(ms, &none);
}

static void print_page(const struct cli *c, const struct candor_response *r, struct cli_table *table)
{
	if (c->json)
		cli_json_lines(r);
	for (size_t i = 0; !c->json && i < r->n; i++)
		cli_items_row(table, &r->items[i]);
	if (table->n > 0)
		cli_table_print(table, &c->term, stdout);
	fflush(stdout);
}

/* Until there is no more, or, with follow, until it is told to stop. */
static void read_feed(struct cli_pages *p, bool follow)
{
	struct cli_table table;
	if (follow)
		block_stop();
	cli_items_init(&table);
	while (cli_pages_next(p)) {
		print_page(p->cli, p->response, &table);
		if (follow && (p->n_rows >= p->limit || told_to_stop(p->more ? 0 : 1000)))
			break;
		if (follow)
			cli_pages_again(p);
	}
	cli_table_free(&table);
}

static void print_cursor(const char *cursor)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	cli_json_text(&d.j, "next", cursor);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

static int run_feed(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"after", required_argument, NULL, 'a'},
					    {"limit", required_argument, NULL, 'l'},
					    {"follow", no_argument, NULL, 'f'},
					    {0}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS};
	struct cli_pages pages;
	const char *after = NULL;
	uint64_t limit = UINT64_MAX;
	bool follow = false;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			follow = true;
		else if (opt == 'l')
			limit = cli_count_of(c, "--limit", optarg, 1, 1000000000);
		else
			after = optarg;
	}
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];
	cli_pages_begin(&pages, c, &request, after, limit);
	read_feed(&pages, follow);
	/* Even if a later page failed: the output ends with where to continue. */
	if (pages.n_pages > 0 && c->json)
		print_cursor(pages.cursor);
	else if (pages.n_pages > 0)
		cli_note("To continue from here: --after %s", pages.cursor);
	return pages.code;
}

CLI_COMMAND(feed) = {
	.name = "feed",
	.summary = "print closed items in the order of closing, and follow new ones",
	.help = "usage: candor feed POOL [--after CURSOR] [--limit N] [--follow]\n\n"
		"Prints closed items in the order of closing: the input for training. At the end it\n"
		"prints the cursor to continue from, at any later time: on stderr, or with --json as\n"
		"the last line, {\"next\": CURSOR}.\n\n"
		"Options:\n"
		"  --after CURSOR   continue from there\n"
		"  --limit N        at most this many (default: all)\n"
		"  --follow         wait for more, until Ctrl-C\n\n"
		"Example:\n"
		"  candor feed birds --json --follow | ./train\n",
	.run = run_feed,
};
