/* candor labelers: who has how much say in a pool. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"

enum { SHOWN = 20 };

static const char *const sort_names[] = {"weight", "regret", "loss", "scored", "name"};

static enum candor_sort parse_sort(const struct cli *c, const char *text)
{
	for (int i = CANDOR_BY_WEIGHT; i <= CANDOR_BY_NAME; i++)
		if (strcmp(text, sort_names[i]) == 0)
			return (enum candor_sort)i;
	cli_usage(c, "--sort is \"%s\"; it must be weight, regret, loss, scored or name", text);
}

static void add_row(struct cli_table *t, const struct candor_labeler *l, double heaviest)
{
	cli_table_cell(t, "%s", l->name);
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

struct listing {
	struct cli_table table;
	json_t *rows;
	uint64_t shown, total;
	double total_weight;
};

static int list(struct cli *c, struct candor_request *request, uint64_t limit, struct listing *l)
{
	char cursor[CANDOR_NAME_MAX + 1] = "";
	const struct candor_response *response;
	double heaviest = 0;
	int err = c->json ? 0 : find_heaviest(c, request->pool, &heaviest);
	request->cursor = cursor;
	do {
		uint64_t left = limit - l->shown;
		request->limit = left < CANDOR_PAGE_MAX ? (uint32_t)left : CANDOR_PAGE_MAX;
		err = err ? err : cli_call(c, request, &response);
		if (err)
			return err;
		for (size_t i = 0; i < response->n; i++) {
			if (c->json)
				json_array_append_new(l->rows, cli_json_labeler(&response->labelers[i]));
			else
				add_row(&l->table, &response->labelers[i], heaviest);
		}
		if (l->table.n > 0)
			cli_table_print(&l->table, &c->term, stdout);
		l->shown += response->n;
		l->total = response->total;
		l->total_weight = response->total_weight;
		snprintf(cursor, sizeof cursor, "%s", response->next);
	} while (*cursor && response->n > 0 && l->shown < limit);
	return 0;
}

static void print_footer(const struct candor_request *request, const struct listing *l)
{
	if (l->total == 0) {
		cli_note("Nobody has reported in this pool yet.");
		return;
	}
	fflush(stdout);
	cli_note("%s of %s labeler%s by %s; all together weigh %s%s", cli_count(l->shown).s, cli_count(l->total).s,
		 cli_plural(l->total), sort_names[request->sort], cli_weight(l->total_weight).s,
		 l->shown < l->total ? "; --all shows all" : "");
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

	struct listing l = {.rows = cli_memory(json_array())};
	cli_table_init(&l.table, columns, sizeof columns / sizeof *columns);
	int err = list(c, &request, limit, &l);
	if (!err && c->json)
		cli_json_print(cli_memory(json_pack("{s:o, s:o, s:O}", "total", cli_json_count(l.total), "total_weight",
						    cli_json_real(l.total_weight), "labelers", l.rows)));
	else if (!err)
		print_footer(&request, &l);
	json_decref(l.rows);
	cli_table_free(&l.table);
	return err;
}

const struct cli_command cli_labelers = {
	.name = "labelers",
	.summary = "who has how much say in a pool",
	.help = "usage: candor labelers POOL [--sort ORDER] [--limit N | --all]\n\n"
		"Lists labelers with their weight (where all enter with 1, 2.3 is 2.3 times the\n"
		"average say), how many of their reports met an outcome, their mean loss on those\n"
		"(Brier: 0 is perfect, always saying 0.5 costs 0.25), and their regret: by how much\n"
		"the loss would be smaller, had they alone been listened to on what they answered.\n\n"
		"Options:\n"
		"  --sort weight   heaviest first (the default)\n"
		"  --sort regret   largest regret first: whom we should have listened to more\n"
		"  --sort loss     smallest mean loss first\n"
		"  --sort scored   most scored reports first\n"
		"  --sort name     by name\n"
		"  --limit N       how many (20)\n"
		"  --all           all of them\n\n"
		"Example:\n"
		"  candor labelers birds --sort regret --limit 5\n",
	.run = run_labelers,
};
