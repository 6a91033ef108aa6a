/* candor labelers: a pool's labelers and their weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "client/cli/base/table.h"

enum { SHOWN = 20 };

static const char *const sort_names[] = {"weight", "regret", "loss", "scored", "name"};
_Static_assert(sizeof sort_names / sizeof *sort_names == CANDOR_BY_NAME + 1, "a name for each order");

static enum candor_sort parse_sort(const struct cli *c, const char *text)
{
	for (int i = CANDOR_BY_WEIGHT; i <= CANDOR_BY_NAME; i++)
		if (strcmp(text, sort_names[i]) == 0)
			return (enum candor_sort)i;
	cli_usage(c, "--sort is \"%s\"; it must be weight, regret, loss, scored or name", text);
}

static void add_row(struct cli_table *t, const struct candor_labeler *l, double heaviest)
{
	cli_table_name(t, l->name);
	cli_table_cell(t, "%s", cli_weight(l->weight).s);
	cli_table_cell(t, "%.6f", heaviest > 0 ? l->weight / heaviest : 0);
	cli_table_cell(t, "%s", cli_count(l->scored).s);
	cli_table_cell(t, "%s", cli_mean(l->own_loss, l->scored).s);
	cli_table_cell(t, "%.3f", l->regret);
}

/* The weight that a full bar stands for. */
static int find_heaviest(struct cli *c, const char *pool, double *heaviest)
{
	const struct candor_request request = {
		.type = CANDOR_REQ_LIST_LABELERS, .pool = pool, .sort = CANDOR_BY_WEIGHT, .limit = 1};
	const struct candor_response *response;
	int err = cli_call(c, &request, &response);
	*heaviest = !err && response->n > 0 ? response->labelers[0].weight : 0;
	return err;
}

/* The document's list, or the table, page by page. */
static int list(struct cli_pages *p, struct cli_json *document, struct cli_table *table)
{
	double heaviest = 0;
	int err = p->cli->json ? 0 : find_heaviest(p->cli, p->request.pool, &heaviest);
	while (!err && cli_pages_next(p)) {
		if (p->cli->json)
			cli_json_rows(document, p->response);
		for (size_t i = 0; !p->cli->json && i < p->response->n; i++)
			add_row(table, &p->response->labelers[i], heaviest);
		if (table->n > 0)
			cli_table_print(table, &p->cli->term, stdout);
	}
	return err ? err : p->code;
}

static void print_footer(const struct cli_pages *p)
{
	const struct candor_response *r = p->response;
	if (r->total == 0) {
		cli_note("Nobody has reported in this pool yet.");
		return;
	}
	fflush(stdout);
	cli_note("%s of %s labeler%s by %s; total weight %s%s", cli_count(p->n_rows).s, cli_count(r->total).s,
		 cli_plural(r->total), sort_names[p->request.sort], cli_weight(r->total_weight).s,
		 p->n_rows < r->total ? "; --all lists all" : "");
}

/* The totals of the last page follow the rows. */
static void print_document(struct cli_json *d, const struct candor_response *r)
{
	json_out_close(&d->j, ']');
	cli_json_count(&d->j, "total", r->total);
	cli_json_real(&d->j, "total_weight", r->total_weight);
	json_out_close(&d->j, '}');
	cli_json_print(d);
}

static int run_labelers(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"sort", required_argument, NULL, 's'},
					    {"limit", required_argument, NULL, 'l'},
					    {"all", no_argument, NULL, 'a'},
					    {0}};
	static const struct cli_column columns[] = {{.title = "labeler", .shrink = true},
						    {.title = "weight", .right = true},
						    {.title = "", .bar = true},
						    {.title = "scored", .right = true},
						    {.title = "mean loss", .right = true},
						    {.title = "regret", .right = true}};
	struct candor_request request = {.type = CANDOR_REQ_LIST_LABELERS};
	uint64_t limit = SHOWN;
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1) {
		if (opt == 's')
			request.sort = parse_sort(c, optarg);
		else
			limit = opt == 'a' ? UINT64_MAX : cli_count_of(c, "--limit", optarg, 1, 1000000000);
	}
	request.pool = cli_operands(c, argc, argv, 1, 1, "POOL")[0];

	struct cli_pages pages;
	struct cli_json d;
	struct cli_table table;
	cli_pages_begin(&pages, c, &request, NULL, limit);
	cli_json_begin_list(&d, "labelers");
	cli_table_init(&table, columns, sizeof columns / sizeof *columns);
	int err = list(&pages, &d, &table);
	if (!err && c->json)
		print_document(&d, pages.response);
	else
		cli_json_drop(&d);
	if (!err && !c->json)
		print_footer(&pages);
	cli_table_free(&table);
	return err;
}

CLI_COMMAND(labelers) = {
	.name = "labelers",
	.summary = "list a pool's labelers and their weights",
	.help = "usage: candor labelers POOL [--sort ORDER] [--limit N | --all]\n\n"
		"Lists labelers with their weight (if all enter with 1, then 2.3 is 2.3 times the\n"
		"average), how many of their reports met an outcome, their mean loss on those (Brier\n"
		"loss: 0 is perfect, always saying 0.5 costs 0.25), and their regret: how much smaller\n"
		"the loss would have been if only they had counted, on the items they answered.\n\n"
		"Options:\n"
		"  --sort weight   heaviest first (the default)\n"
		"  --sort regret   largest regret first: who should have had more weight\n"
		"  --sort loss     smallest mean loss first\n"
		"  --sort scored   most scored reports first\n"
		"  --sort name     by name\n"
		"  --limit N       how many (20)\n"
		"  --all           all of them\n\n"
		"Example:\n"
		"  candor labelers birds --sort regret --limit 5\n",
	.run = run_labelers,
};
