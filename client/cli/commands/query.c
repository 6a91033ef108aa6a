/* candor query: shows the state of items, and the reports on them. An answer has what fits in a message, so the daemon
 * is asked until everything is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"

enum {
	REPORTS_AT_A_TIME = 10000, /* with any names they fit in the longest answer that this program takes */
};

struct query {
	struct cli *cli;
	struct candor_request request;
	struct cli_table table;
	struct cli_json json;
	size_t shown;
	/* Of an item whose reports come in several answers, those that have come. */
	struct candor_item_report *reports;
	size_t n_reports, cap;
};

/* What the forecast is made of, which only those learn who may inspect. */
static void print_candidates(const struct candor_item *item)
{
	if (item->has_candidates)
		printf("  forecast of: plain_mean %.4f, mean %.4f, regression %.4f, evidence %.4f, "
		       "evidence_full %.4f\n",
		       item->plain_mean, item->mean, item->regression, item->evidence, item->evidence_full);
}

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

static void show(struct query *q, const struct candor_item *item)
{
	if (q->cli->json) {
		const struct candor_response r = {.type = CANDOR_RES_ITEMS, .n = 1, .items = item};
		cli_json_rows(&q->json, &r);
		return;
	}
	if (q->request.with_reports && q->shown++ > 0)
		putchar('\n');
	cli_items_row(&q->table, item, q->request.with_now);
	if (!q->request.with_reports)
		return;
	q->table.headed = false;
	cli_table_print(&q->table, &q->cli->term, stdout);
	print_candidates(item);
	print_reports(q->cli, item);
}

/* ---- reports that come in several answers ---- */

/* Adds an item's reports to those that came before, and lets it have all of them. */
static void keep_reports(struct query *q, struct candor_item *item)
{
	if (q->n_reports + item->n_reports > q->cap) {
		q->cap = 2 * q->cap + item->n_reports;
		q->reports = cli_memory(realloc(q->reports, q->cap * sizeof *q->reports));
	}
	for (size_t i = 0; i < item->n_reports; i++) {
		struct candor_item_report *to = &q->reports[q->n_reports++];
		*to = item->reports[i];
		to->labeler = cli_memory(strdup(to->labeler));
	}
	item->reports = q->reports;
	item->n_reports = q->n_reports;
}

static void forget_reports(struct query *q)
{
	for (size_t i = 0; i < q->n_reports; i++)
		free((void *)(uintptr_t)q->reports[i].labeler);
	q->n_reports = 0;
}

static void take_items(struct query *q, const struct candor_response *r)
{
	/* Between two answers the item may have become one that the daemon does not show. */
	if (r->n == 0 || strcmp(r->items[0].item, q->request.items[0]) != 0)
		forget_reports(q);
	for (size_t i = 0; i < r->n; i++) {
		struct candor_item item = r->items[i];
		bool has_more = i + 1 == r->n && r->reports_next > 0;
		if (has_more || q->n_reports > 0)
			keep_reports(q, &item);
		if (has_more)
			return;
		show(q, &item);
		forget_reports(q);
	}
}

/* ---- asking ---- */

static bool goes_on(const struct candor_request *asked, const struct candor_response *r)
{
	return r->rest < asked->n && (r->rest > 0 || r->reports_next > asked->reports_from);
}

/* Asks for the names, and as often as it takes to have everything about them. */
static int ask(struct query *q, const char *const *names, size_t n)
{
	struct candor_request *request = &q->request;
	int code = CLI_DONE;
	request->reports_from = 0;
	for (size_t done = 0; done < n;) {
		const struct candor_response *r;
		request->items = names + done;
		request->n = cli_items_at_a_time(names + done, n - done);
		int err = cli_call(q->cli, request, &r);
		if (err)
			return err;
		for (size_t i = 0; i < r->n_rejected; i++) {
			const struct candor_rejected *row = &r->rejected[i];
			cli_error(q->cli, "\"%s\": %s: %s",
				  row->index < request->n ? cli_visible(request->items[row->index]).s : "?",
				  candor_code_name(row->code), row->message);
			code = CLI_ROWS;
		}
		take_items(q, r);
		bool is_whole = r->rest == 0 && r->reports_next == 0;
		if (!is_whole && !goes_on(request, r))
			return cli_unreachable(q->cli, q->cli->daemon, CANDOR_ERR_PROTOCOL, "");
		done += is_whole ? request->n : r->rest;
		request->reports_from = r->reports_next;
	}
	return code;
}

static int run_query(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"reports", no_argument, NULL, 'r'}, {"now", no_argument, NULL, 'n'}, {0}};
	struct query q = {.cli = c, .request = {.type = CANDOR_REQ_QUERY_ITEMS}};
	int opt;
	while ((opt = cli_option(c, argc, argv, own)) != -1)
		*(opt == 'n' ? &q.request.with_now : &q.request.with_reports) = true;
	char **o = cli_operands(c, argc, argv, 2, argc, "POOL ITEM...");
	q.request.pool = o[0];
	q.request.reports_limit = q.request.with_reports ? REPORTS_AT_A_TIME : 0;
	cli_items_init(&q.table, q.request.with_now);
	cli_json_begin_list(&q.json, "items");
	int code = ask(&q, (const char *const *)(o + 1), (size_t)(argc - optind - 1));
	if (q.table.n > 0)
		cli_table_print(&q.table, &c->term, stdout);
	cli_json_end_list(&q.json, c->json && code <= CLI_ROWS);
	cli_table_free(&q.table);
	forget_reports(&q);
	free(q.reports);
	return code;
}

CLI_COMMAND(query) = {
	.name = "query",
	.summary = "show the state and aggregates of items",
	.help = "usage: candor query POOL ITEM... [--now] [--reports]\n\n"
		"Prints the state of items and their aggregates: the forecast, which makes the most of\n"
		"the reports; the mean, in which labelers count by their weights; the plain mean, in\n"
		"which they count alike; the weighted median; the spread; and the effective number of\n"
		"labelers (ess). They are current while an item is open, and frozen once it is closed.\n"
		"Behind an outcome a second verdict stands in parentheses.\n\n"
		"Options:\n"
		"  --now       also the forecast as of now, of items without an outcome; and the label,\n"
		"              which is the number to train on: the forecast of now, or the outcome,\n"
		"              weighed against the forecast where outcomes may be wrong\n"
		"  --reports   list each labeler's report and weight, and what the forecast is made of\n\n"
		"Example:\n"
		"  candor query birds photo-17 --reports\n",
	.run = run_query,
};
