/* candor feed: closed items in the order in which they were closed; or all that happens to items. */
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

static void print_page(const struct cli_pages *p, struct cli_table *table)
{
	const struct cli *c = p->cli;
	const struct candor_response *r = p->response;
	if (c->json)
		cli_json_lines(r);
	for (size_t i = 0; !c->json && i < r->n; i++)
		cli_items_row(table, &r->items[i], p->request.with_now);
	if (table->n > 0)
		cli_table_print(table, &c->term, stdout);
	fflush(stdout);
}

/* Until there is no more, or, with follow, until it is told to stop. */
static void read_feed(struct cli_pages *p, bool follow)
{
	struct cli_table table;
	const bool waits = p->request.wait_ms > 0; /* where the daemon is asked */
	if (follow)
		block_stop();
	cli_items_init(&table, p->request.with_now);
	while (cli_pages_next(p)) {
		print_page(p, &table);
		if (follow && (p->n_rows >= p->limit || told_to_stop(p->more || waits ? 0 : 1000)))
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

/* What happens is told as soon as it has. Ctrl-C is heard between two answers, so none takes long. */
static void wait_for_changes(struct cli_pages *p)
{
	enum { WAIT_MS = 1000 };
	uint64_t timeout_ms = p->cli->timeout_ms;
	p->request.wait_ms = timeout_ms && timeout_ms < 2 * WAIT_MS ? timeout_ms / 2 : WAIT_MS;
	p->told_to_stop = told_to_stop;
}

static int run_feed(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {
		{"after", required_argument, NULL, 'a'}, {"limit", required_argument, NULL, 'l'},
		{"follow", no_argument, NULL, 'f'},      {"changes", no_argument, NULL, 'c'},
		{"now", no_argument, NULL, 'n'},         {0}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS};
	struct cli_pages pages;
	const char *after = NULL;
	uint64_t limit = UINT64_MAX;
	bool follow = false, changes = false;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			follow = true;
		else if (opt == 'c')
			changes = true;
		else if (opt == 'n')
			request.with_now = true;
		else if (opt == 'l')
			limit = cli_count_of(c, "--limit", optarg, 1, 1000000000);
		else
			after = optarg;
	}
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];
	if (changes && request.with_now)
		cli_usage(c, "--now does not go with --changes: a change is as it was");
	if (changes)
		request.type = CANDOR_REQ_LIST_CHANGES;
	cli_pages_begin(&pages, c, &request, after, limit);
	if (changes && follow)
		wait_for_changes(&pages);
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
	.summary = "print closed items in the order of closing, or all changes, and follow new ones",
	.help = "usage: candor feed POOL [--now | --changes] [--after CURSOR] [--limit N] [--follow]\n\n"
		"Prints closed items in the order of closing, as they are now: the input for training. At\n"
		"the end it prints the cursor to continue from, at any later time: on stderr, or with\n"
		"--json as the last line, {\"next\": CURSOR}.\n\n"
		"With --changes it prints what happened to items, in order: each was closed, and perhaps\n"
		"resolved or voided later, and is printed as it was right after that. So you learn what\n"
		"became of an item that you have used. With --json each line has its own \"cursor\": go on\n"
		"after the last line that you have dealt with, and you miss nothing, whatever was stopped\n"
		"or killed.\n\n"
		"Options:\n"
		"  --now            also the forecast as of now, of items without an outcome, and the\n"
		"                   label, the number to train on (see `candor query`)\n"
		"  --changes        what happened to items, instead of closed items as they are\n"
		"  --after CURSOR   continue from there; the two lists have different cursors\n"
		"  --limit N        at most this many (default: all)\n"
		"  --follow         wait for more, until Ctrl-C; with --changes also while the daemon is\n"
		"                   being restarted\n\n"
		"Example:\n"
		"  candor feed birds --json --follow | ./train\n"
		"  candor feed birds --changes --json --follow --after c1-2a\n",
	.run = run_feed,
};
