/* candor close, resolve, void, query: change the state of items, and show it. */
#include <stdio.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"

/* ---- close, resolve, void ---- */

static int end_items(struct cli *c, int argc, char **argv, enum candor_request_type type, const char *done)
{
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	char **o = cli_operands(c, argc, argv, 2, argc, "POOL ITEM...");
	const char *const *items = (const char *const *)(o + 1);
	struct candor_request request = {.type = type, .pool = o[0], .n = (size_t)(argc - optind - 1), .items = items};
	struct candor_batch batch;
	int err = cli_batch(c, &request, items, &batch);
	if (err != CLI_DONE && err != CLI_ROWS)
		return err;
	cli_note("%s item%s %s", cli_count(batch.accepted).s, cli_plural(batch.accepted), done);
	if (batch.duplicates > 0)
		cli_note("%s unchanged", cli_count(batch.duplicates).s);
	return err;
}

static int run_close(struct cli *c, int argc, char **argv)
{
	return end_items(c, argc, argv, CANDOR_REQ_CLOSE_ITEMS, "closed");
}

static int run_void(struct cli *c, int argc, char **argv)
{
	return end_items(c, argc, argv, CANDOR_REQ_VOID_ITEMS, "withdrawn");
}

static int run_resolve(struct cli *c, int argc, char **argv)
{
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	char **o = cli_operands(c, argc, argv, 3, 3, "POOL ITEM Y");
	const char *const item = o[1];
	struct candor_outcome outcome = {.item = item, .value = cli_real(c, "Y", o[2], 0, 1)};
	struct candor_request request = {.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = o[0], .n = 1, .outcomes = &outcome};
	struct candor_batch batch;
	int err = cli_batch(c, &request, &item, &batch);
	if (!err)
		cli_note("%s", batch.duplicates ? "unchanged" : "resolved");
	return err;
}

CLI_COMMAND(close) = {
	.name = "close",
	.summary = "end reporting on items and freeze their aggregates",
	.help = "usage: candor close POOL ITEM...\n\n"
		"Ends reporting on these items. Their aggregates are frozen and appear in the feed.\n\n"
		"Example:\n"
		"  candor close birds photo-17 photo-18\n",
	.run = run_close,
};

CLI_COMMAND(resolve) = {
	.name = "resolve",
	.summary = "post an item's outcome, which settles its labelers' weights",
	.help = "usage: candor resolve POOL ITEM Y\n\n"
		"Sets the outcome of ITEM to Y, the truth from 0 to 1. An open item is closed first.\n"
		"The weights of everybody who reported on it are settled; this cannot be undone.\n\n"
		"Example:\n"
		"  candor resolve birds photo-17 1\n",
	.run = run_resolve,
};

CLI_COMMAND(void) = {
	.name = "void",
	.summary = "withdraw items: nothing is ever settled on them",
	.help = "usage: candor void POOL ITEM...\n\n"
		"Withdraws open or closed items. Nothing is ever settled on them.\n\n"
		"Example:\n"
		"  candor void birds photo-19\n",
	.run = run_void,
};

/* ---- query ---- */

static void print_reports(const struct cli *c, const struct candor_item *item)
{
	static const struct cli_column columns[] = {{.title = "  labeler", .shrink = true},
						    {.title = "report", .right = true},
						    {.title = "weight", .right = true}};
	struct cli_table table;
	if (item->archived) {
		printf("  %s report%s, in an archive\n", cli_count(item->n).s, cli_plural(item->n));
		return;
	}
	cli_table_init(&table, columns, 3);
	for (size_t i = 0; i < item->n_reports; i++) {
		cli_table_cell(&table, "  %s", cli_visible(item->reports[i].labeler).s);
		cli_table_cell(&table, "%.4f", item->reports[i].value);
		cli_table_cell(&table, "%s", item->reports[i].weight ? cli_weight(item->reports[i].weight).s : "-");
	}
	cli_table_print(&table, &c->term, stdout);
	cli_table_free(&table);
}

static void print_items(const struct cli *c, const struct candor_response *r, bool reports)
{
	struct cli_table table;
	cli_items_init(&table);
	for (size_t i = 0; i < r->n; i++) {
		cli_items_row(&table, &r->items[i]);
		if (reports) {
			table.headed = false;
			cli_table_print(&table, &c->term, stdout);
			print_reports(c, &r->items[i]);
			if (i + 1 < r->n)
				putchar('\n');
		}
	}
	if (table.n > 0)
		cli_table_print(&table, &c->term, stdout);
	cli_table_free(&table);
}

/* One page of at most CANDOR_PAGE_MAX items; with --json they are collected in one document. */
static int query_page(struct cli *c, const struct candor_request *request, struct cli_json *items)
{
	const struct candor_response *response;
	int err = cli_call(c, request, &response);
	if (err)
		return err;
	for (size_t i = 0; i < response->n_rejected; i++) {
		const struct candor_rejected *r = &response->rejected[i];
		cli_error(c, "\"%s\": %s: %s", r->index < request->n ? cli_visible(request->items[r->index]).s : "?",
			  candor_code_name(r->code), r->message);
	}
	if (c->json)
		cli_json_rows(items, response);
	else
		print_items(c, response, request->with_reports);
	return response->n_rejected > 0 ? CLI_ROWS : CLI_DONE;
}

static int run_query(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"reports", no_argument, NULL, 'r'}, {0}};
	struct candor_request request = {.type = CANDOR_REQ_QUERY_ITEMS};
	while (cli_option(c, argc, argv, own) != -1)
		request.with_reports = true;
	char **o = cli_operands(c, argc, argv, 2, argc, "POOL ITEM...");
	size_t n = (size_t)(argc - optind - 1);
	struct cli_json items;
	int code = CLI_DONE;
	request.pool = o[0];
	cli_json_begin_list(&items, "items");
	for (size_t done = 0; done < n && code <= CLI_ROWS; done += request.n) {
		request.items = (const char *const *)(o + 1 + done);
		request.n = n - done < CANDOR_PAGE_MAX ? n - done : CANDOR_PAGE_MAX;
		int page = query_page(c, &request, &items);
		code = page > code ? page : code;
	}
	cli_json_end_list(&items, c->json && code <= CLI_ROWS);
	return code;
}

CLI_COMMAND(query) = {
	.name = "query",
	.summary = "show the state and aggregates of items",
	.help = "usage: candor query POOL ITEM... [--reports]\n\n"
		"Prints the state of items and their aggregates: the weighted mean and median, the\n"
		"plain mean, the spread, and the effective number of labelers (ess). They are current\n"
		"while an item is open, and frozen once it is closed.\n\n"
		"Options:\n"
		"  --reports   list each labeler's report and weight\n\n"
		"Example:\n"
		"  candor query birds photo-17 --reports\n",
	.run = run_query,
};
