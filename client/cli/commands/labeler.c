/* candor labeler: one labeler, and how its weight came about. */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"

enum { SHOWN = 20 };

static void print_summary(const struct cli *c, const struct candor_labeler *l)
{
	printf("labeler    %s%s%s\n", cli_bold(c->term.out_color), l->name, cli_plain(c->term.out_color));
	printf("weight     %s, entered with %s\n", cli_weight(l->weight).s, cli_weight(l->entry).s);
	printf("scored     %s report%s\n", cli_count(l->scored).s, cli_plural(l->scored));
	if (l->scored == 0)
		return;
	printf("mean loss  %s; the mean's on the same items %s\n", cli_mean(l->own_loss, l->scored).s,
	       cli_mean(l->mean_loss, l->scored).s);
	printf("regret     %.3f%s\n", l->regret, l->regret > 0 ? "" : " (the mean did better)");
}

static void add_row(struct cli_table *t, const struct candor_settlement *s)
{
	cli_table_cell(t, "%" PRIu64, s->round);
	cli_table_cell(t, "%s", s->item);
	cli_table_cell(t, "%.4g", s->report);
	cli_table_cell(t, "%.4g", s->outcome);
	cli_table_cell(t, "%.4f", s->loss);
	cli_table_cell(t, "%.4f", s->weighted_loss);
	cli_table_cell(t, "%s", cli_weight(s->weight).s);
	cli_table_cell(t, "%s", cli_time(s->at).s);
}

/* Prints a page; the summary comes before the first. */
static void print_page(const struct cli *c, const struct candor_response *r, bool first, bool history,
		       struct cli_table *table)
{
	if (c->json && first && !history)
		cli_json_print(cli_json_labeler(&r->labeler));
	else if (c->json && first)
		cli_json_print_line(cli_json_labeler(&r->labeler));
	else if (first)
		print_summary(c, &r->labeler);
	for (size_t i = 0; i < r->n; i++) {
		if (c->json)
			cli_json_print_line(cli_json_settlement(&r->history[i]));
		else
			add_row(table, &r->history[i]);
	}
	if (table->n == 0)
		return;
	if (first)
		putchar('\n');
	cli_table_print(table, &c->term, stdout);
}

static int show(struct cli *c, struct candor_request *request, uint64_t limit)
{
	static const struct cli_column columns[] = {
		{.title = "round", .right = true},  {.title = "item", .shrink = true},
		{.title = "report", .right = true}, {.title = "outcome", .right = true},
		{.title = "loss", .right = true},   {.title = "L", .right = true},
		{.title = "weight", .right = true}, {.title = "at (UTC)"}};
	char cursor[CANDOR_NAME_MAX + 1] = "";
	const struct candor_response *response;
	struct cli_table table;
	uint64_t shown = 0;
	int err;
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	request->cursor = cursor;
	do {
		bool first = !*cursor;
		uint64_t left = limit - shown;
		request->limit = left < CANDOR_PAGE_MAX ? (uint32_t)left : CANDOR_PAGE_MAX;
		err = cli_call(c, request, &response);
		if (err)
			break;
		print_page(c, response, first, request->history, &table);
		shown += response->n;
		snprintf(cursor, sizeof cursor, "%s", response->next);
	} while (*cursor && response->n > 0 && shown < limit);
	cli_table_free(&table);
	fflush(stdout);
	if (!err && *cursor && !c->json)
		cli_note("There are older ones; --all shows all.");
	if (!err && !*cursor && response->archived)
		cli_note("There are older ones in archives.");
	return err;
}

static int run_labeler(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"history", no_argument, NULL, 'y'},
					    {"limit", required_argument, NULL, 'l'},
					    {"all", no_argument, NULL, 'a'},
					    {0}};
	struct candor_request request = {.type = CANDOR_REQ_GET_LABELER};
	uint64_t limit = SHOWN;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		request.history = true;
		if (opt != 'y')
			limit = opt == 'a' ? UINT64_MAX : cli_count_of(c, "--limit", optarg, 1, 1000000000);
	}
	char **o = cli_operands(c, argc, argv, 2, 2, "POOL NAME");
	request.pool = o[0];
	request.labeler = o[1];
	return show(c, &request, limit);
}

const struct cli_command cli_labeler = {
	.name = "labeler",
	.summary = "one labeler, and how its weight came about",
	.help = "usage: candor labeler POOL NAME [--history] [--limit N | --all]\n\n"
		"Prints a labeler's weight, losses and regret; and with --history each settlement\n"
		"that changed its weight, the newest first: the labeler's loss on the item, L, the\n"
		"weighted mean loss of all who reported on it, and the weight afterwards. A loss\n"
		"below L gains weight.\n\n"
		"Options:\n"
		"  --history   with the settlements\n"
		"  --limit N   how many of them (20)\n"
		"  --all       all of them\n\n"
		"With --json --history each settlement is a line, after one for the labeler.\n\n"
		"Example:\n"
		"  candor labeler birds ann --history --limit 10\n",
	.run = run_labeler,
};
