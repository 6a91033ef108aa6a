/* candor export: the aggregates of all closed items, for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"

/* Quoted where RFC 4180 asks for it; names have no line breaks. */
static void print_field(const char *text)
{
	if (!text[strcspn(text, ",\"")]) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void print_row(const struct candor_item *item)
{
	const double aggregates[] = {item->mean,         item->median, item->plain_mean,
				     item->plain_median, item->spread, item->ess};
	print_field(item->item);
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
	putchar('\n');
}

static int stream(struct cli *c, struct candor_request *request, char *cursor, bool jsonl)
{
	const struct candor_response *response;
	bool more = true, headed = jsonl;
	while (more && !ferror(stdout)) {
		int err = cli_call(c, request, &response);
		if (err)
			return err;
		if (!headed)
			puts("item,state,mean,median,plain_mean,plain_median,spread,ess,n,outcome,round,eta,"
			     "weighted_loss,opened_at,closed_at,ended_at");
		headed = true;
		for (size_t i = 0; i < response->n; i++) {
			if (jsonl)
				cli_json_print_line(cli_json_item(&response->items[i]));
			else
				print_row(&response->items[i]);
		}
		more = response->more && response->n > 0;
		snprintf(cursor, CANDOR_NAME_MAX + 1, "%s", response->next);
	}
	return CLI_DONE;
}

static int run_export(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {
		{"format", required_argument, NULL, 'f'}, {"after", required_argument, NULL, 'a'}, {0}};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS, .cursor = cursor, .limit = CANDOR_PAGE_MAX};
	const char *format = NULL;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 'f')
			format = optarg;
		else if (strlen(optarg) < sizeof cursor)
			snprintf(cursor, sizeof cursor, "%s", optarg);
		else
			cli_usage(c, "--after is too long for a cursor");
	}
	if (!format)
		format = c->json ? "jsonl" : "csv";
	if (strcmp(format, "csv") != 0 && strcmp(format, "jsonl") != 0)
		cli_usage(c, "--format is \"%s\"; it must be csv or jsonl", format);
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];
	return stream(c, &request, cursor, strcmp(format, "jsonl") == 0);
}

const struct cli_command cli_export = {
	.name = "export",
	.summary = "aggregates of all closed items, as CSV or JSON lines",
	.help = "usage: candor export POOL [--format csv|jsonl] [--after CURSOR]\n\n"
		"Writes every closed item with its frozen aggregates to stdout, the first that was\n"
		"closed first. Numbers have 17 significant digits, so they read back as the same\n"
		"numbers; times are milliseconds since 1970.\n\n"
		"Options:\n"
		"  --format csv     with a heading (the default)\n"
		"  --format jsonl   one JSON object a line (also with --json)\n"
		"  --after CURSOR   only what follows a cursor of `candor feed`\n\n"
		"Example:\n"
		"  candor export birds >birds.csv\n",
	.run = run_export,
};
