/* candor export: the aggregates of all closed items, for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"

/* A spreadsheet takes text that begins so for a formula, and does what it says, whoever named the item. Behind a ' it
 * is text; and so that one ' can be taken away again from every name that has it, one more stands before those that
 * begin with it themselves. */
static bool is_formula(const char *text)
{
	return *text && strchr("=+-@\t\r'", *text);
}

/* Quoted where RFC 4180 requires it; names have no line breaks. */
static void print_name(const char *text)
{
	bool quoted = text[strcspn(text, ",\"")];
	if (quoted)
		putchar('"');
	if (is_formula(text))
		putchar('\'');
	if (!quoted) {
		fputs(text, stdout);
		return;
	}
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

/* "" where it is absent. */
static void print_optional(bool is_there, double x)
{
	printf(",%s", is_there ? cli_exact(x).s : "");
}

static void print_row(const struct candor_item *item, bool with_now)
{
	const double aggregates[] = {item->mean,         item->median, item->plain_mean,
				     item->plain_median, item->spread, item->ess};
	print_name(item->item);
	printf(",%s", cli_state_name(item->state));
	for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++)
		printf(",%s", cli_exact(aggregates[i]).s);
	printf(",%" PRIu64, item->n);
	if (item->state == CANDOR_RESOLVED)
		printf(",%s,%" PRIu64 ",%s,%s", cli_exact(item->outcome).s, item->round, cli_exact(item->eta).s,
		       cli_exact(item->weighted_loss).s);
	else
		printf(",,,,");
	printf(",%" PRIu64 ",%" PRIu64 ",", item->opened_at, item->closed_at);
	if (item->ended_at)
		printf("%" PRIu64, item->ended_at);
	print_optional(item->ess != 0, item->forecast);
	print_optional(item->has_recheck, item->recheck);
	putchar(',');
	if (item->block)
		printf("%" PRIu64, item->block);
	if (with_now) {
		print_optional(item->now, item->now ? item->now->forecast : 0);
		print_optional(item->has_label, item->label);
	}
	putchar('\n');
}

static int stream(struct cli_pages *p, bool jsonl)
{
	while (cli_pages_next(p)) {
		if (!jsonl && p->n_pages == 1)
			printf("item,state,mean,median,plain_mean,plain_median,spread,ess,n,outcome,round,eta,"
			       "weighted_loss,opened_at,closed_at,ended_at,forecast,recheck,block%s\n",
			       p->request.with_now ? ",now,label" : "");
		if (jsonl)
			cli_json_lines(p->response);
		for (size_t i = 0; !jsonl && i < p->response->n; i++)
			print_row(&p->response->items[i], p->request.with_now);
	}
	return p->code;
}

static int run_export(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"format", required_argument, NULL, 'f'},
					    {"after", required_argument, NULL, 'a'},
					    {"now", no_argument, NULL, 'n'},
					    {0}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS};
	struct cli_pages pages;
	const char *format = NULL, *after = NULL;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			format = optarg;
		else if (opt == 'n')
			request.with_now = true;
		else
			after = optarg;
	}
	if (!format)
		format = c->json ? "jsonl" : "csv";
	if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0)
		cli_usage(c, "--format is \"%s\"; it must be csv or jsonl", format);
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];
	cli_pages_begin(&pages, c, &request, after, UINT64_MAX);
	return stream(&pages, strcmp(format, "jsonl") == 0);
}

CLI_COMMAND(export) = {
	.name = "export",
	.summary = "print the aggregates of all closed items, as CSV or JSON Lines",
	.help = "usage: candor export POOL [--now] [--format csv|jsonl] [--after CURSOR]\n\n"
		"Prints every closed item with its frozen aggregates, in the order of closing. Numbers\n"
		"have 17 significant digits, so that they read back as the same numbers; times are\n"
		"milliseconds since 1970. Items that were resolved together have the same block.\n\n"
		"In CSV a name that begins with one of = + - @ ' has one more ' before it, so that no\n"
		"spreadsheet takes it for a formula. JSON has names as they are.\n\n"
		"Options:\n"
		"  --now            also the forecast as of now, of items without an outcome, and the\n"
		"                   label, the number to train on (see `candor query`)\n"
		"  --format csv     with a header (the default)\n"
		"  --format jsonl   one JSON object per line (the default with --json)\n"
		"  --after CURSOR   only what follows a cursor of `candor feed`\n\n"
		"Example:\n"
		"  candor export birds >birds.csv\n",
	.run = run_export,
};
