/* candor labeler: one labeler, and how its weight came about. */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"

enum { SHOWN = 20 };

static void print_summary(const struct cli *c, const struct candor_labeler *l)
{
	printf("labeler    %s%s%s\n", cli_bold(c->term.out_color), cli_visible(l->name).s,
	       cli_plain(c->term.out_color));
	printf("weight     %s, entry weight %s\n", cli_weight(l->weight).s, cli_weight(l->entry).s);
	printf("scored     %s report%s\n", cli_count(l->scored).s, cli_plural(l->scored));
	if (l->scored == 0)
		return;
	printf("mean loss  %s; the mean's on the same items %s\n", cli_mean(l->own_loss, l->scored).s,
	       cli_mean(l->mean_loss, l->scored).s);
	printf("regret     %.3f%s\n", l->regret, l->regret > 0 ? "" : " (the mean did better)");
	printf("gain       %.3f, never above its bound of %.3f\n", l->gain, l->bound);
}

static void add_row(struct cli_table *t, const struct candor_settlement *s)
{
	cli_table_cell(t, "%" PRIu64, s->round);
	cli_table_name(t, s->item);
	cli_table_cell(t, "%.4g", s->report);
	cli_table_cell(t, "%.4g", s->outcome);
	cli_table_cell(t, "%.4f", s->loss);
	cli_table_cell(t, "%.4f", s->weighted_loss);
	cli_table_cell(t, "%s", cli_weight(s->weight).s);
	if (s->block)
		cli_table_cell(t, "%" PRIu64, s->block);
	else
		cli_table_cell(t, "-");
	cli_table_cell(t, "%s", cli_time(s->at).s);
}

/* Prints a page; the summary comes before the first. */
static void print_page(const struct cli *c, const struct candor_response *r, bool first, struct cli_table *table)
{
	if (c->json && first)
		cli_json_part(r, "labeler");
	else if (first)
		print_summary(c, &r->labeler);
	if (c->json)
		cli_json_lines(r);
	for (size_t i = 0; !c->json && i < r->n; i++)
		add_row(table, &r->history[i]);
	if (table->n == 0)
		return;
	if (first)
		putchar('\n');
	cli_table_print(table, &c->term, stdout);
}

static int show(struct cli *c, const struct candor_request *request, uint64_t limit)
{
	static const struct cli_column columns[] = {{.title = "round", .right = true},
						    {.title = "item", .shrink = true},
						    {.title = "report", .right = true},
						    {.title = "outcome", .right = true},
						    {.title = "loss", .right = true},
						    {.title = "L", .right = true},
						    {.title = "weight", .right = true},
						    {.title = "block", .right = true},
						    {.title = "at (UTC)"}};
	struct cli_pages p;
	struct cli_table table;
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	cli_pages_begin(&p, c, request, NULL, limit);
	while (cli_pages_next(&p))
		print_page(c, p.response, p.n_pages == 1, &table);
	cli_table_free(&table);
	fflush(stdout);
	if (!p.code && *p.cursor && !c->json)
		cli_note("There are older settlements; --all lists all.");
	if (!p.code && !*p.cursor && p.response->archived)
		cli_note("There are older settlements in archives.");
	return p.code;
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

CLI_COMMAND(labeler) = {
	.name = "labeler",
	.summary = "show one labeler, and how their weight came about",
	.help = "usage: candor labeler POOL NAME [--history] [--limit N | --all]\n\n"
		"Prints a labeler's weight, losses and regret, and their gain: the sum of what moved the\n"
		"weight, with the bound that the mechanism puts on it. --history adds each settlement\n"
		"that changed the weight, newest first: the labeler's loss on the item; L, the weighted\n"
		"mean loss of everybody scored on it; and the weight afterwards. A loss below L gains\n"
		"weight. Items that were resolved together, which is one settlement, have the same block.\n\n"
		"Options:\n"
		"  --history   list the settlements\n"
		"  --limit N   how many of them (20)\n"
		"  --all       all of them\n\n"
		"With --json --history, each settlement is one line, after a line for the labeler.\n\n"
		"Example:\n"
		"  candor labeler birds ann --history --limit 10\n",
	.run = run_labeler,
};
