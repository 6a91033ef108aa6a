/* candor close, resolve, recheck, void: what happens to items once they have reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/items.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"
#include "client/cli/base/visible.h"

/* ---- close, void ---- */

static int end_items(struct cli *c, int argc, char **argv, enum candor_request_type type, const char *done)
{
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	char **o = cli_operands(c, argc, argv, 2, argc, "POOL ITEM...");
	const char *const *items = (const char *const *)(o + 1);
	size_t n = (size_t)(argc - optind - 1);
	struct cli_batches batches = {0};
	int failed = CLI_DONE;
	for (size_t i = 0; i < n && !failed; i += cli_items_at_a_time(items + i, n - i)) {
		const struct candor_request request = {
			.type = type, .pool = o[0], .n = cli_items_at_a_time(items + i, n - i), .items = items + i};
		failed = cli_batches_add(c, &batches, &request, items + i);
	}
	const struct candor_batch batch = batches.sum;
	if (failed) {
		if (batch.accepted > 0)
			cli_note("%s item%s %s before that", cli_count(batch.accepted).s, cli_plural(batch.accepted),
				 done);
		return failed;
	}
	int err = cli_batches_end(c, &batches);
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

/* ---- resolve, recheck ---- */

/* What outcomes were given: one as ITEM Y, or any number as ITEM=Y. */
struct outcomes {
	struct candor_outcome *rows; /* [n] */
	const char **names; /* [n] of their items */
	size_t n;
};

/* "ITEM=Y": names may have a "=" too, so the last one counts. */
static void take_pair(const struct cli *c, char *pair, struct candor_outcome *out)
{
	char *equals = strrchr(pair, '=');
	double y;
	if (!equals || equals == pair)
		cli_usage(c, "\"%s\" is not of the form ITEM=Y", pair);
	*equals = '\0';
	if (!cli_parse_real(equals + 1, &y) || !(y >= 0 && y <= 1))
		cli_usage(c, "the Y of \"%s\" is \"%s\"; it must be a number from 0 to 1", pair, equals + 1);
	*out = (struct candor_outcome){.item = pair, .value = y};
}

static void take_outcomes(const struct cli *c, int argc, char **argv, struct outcomes *out)
{
	char **o = cli_operands(c, argc, argv, 2, argc, "POOL ITEM Y, or POOL ITEM=Y...") + 1;
	size_t n = (size_t)(argc - optind - 1);
	double y;
	*out = (struct outcomes){.n = n, .rows = cli_memory(calloc(n, sizeof *out->rows))};
	out->names = cli_memory(calloc(n, sizeof *out->names));
	if (n == 2 && (cli_parse_real(o[1], &y) || !strchr(o[1], '='))) {
		out->n = 1;
		out->rows[0] = (struct candor_outcome){.item = o[0], .value = cli_real(c, "Y", o[1], 0, 1)};
	}
	for (size_t i = 0; i < out->n; i++) {
		if (!out->rows[i].item)
			take_pair(c, o[i], &out->rows[i]);
		out->names[i] = out->rows[i].item;
	}
}

static void free_outcomes(struct outcomes *out)
{
	free(out->rows);
	free(out->names);
}

/* In as many requests as it takes, or in one. */
static int send_outcomes(struct cli *c, const struct candor_request *request, const struct outcomes *all,
			 struct candor_batch *sum)
{
	struct cli_batches batches = {0};
	size_t at_a_time;
	int failed = CLI_DONE;
	for (size_t i = 0; i < all->n && !failed; i += at_a_time) {
		struct candor_request part = *request;
		at_a_time = request->together ? all->n : cli_outcomes_at_a_time(all->names + i, all->n - i);
		part.n = at_a_time;
		part.outcomes = all->rows + i;
		failed = cli_batches_add(c, &batches, &part, all->names + i);
	}
	*sum = batches.sum;
	return failed ? failed : cli_batches_end(c, &batches);
}

/* done: what was done to an item. */
static int post_outcomes(struct cli *c, int argc, char **argv, struct candor_request *request, const char *done)
{
	struct outcomes all;
	struct candor_batch sum;
	take_outcomes(c, argc, argv, &all);
	request->pool = argv[optind];
	int code = send_outcomes(c, request, &all, &sum);
	if (all.n == 1 && code == CLI_DONE)
		cli_note("%s", sum.duplicates ? "unchanged" : done);
	else if (all.n > 1 && (code <= CLI_ROWS || sum.accepted > 0))
		cli_note("%s item%s %s%s", cli_count(sum.accepted).s, cli_plural(sum.accepted), done,
			 code > CLI_ROWS ? " before that" : "");
	if (all.n > 1 && sum.duplicates > 0)
		cli_note("%s unchanged", cli_count(sum.duplicates).s);
	free_outcomes(&all);
	return code;
}

static int run_resolve(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"together", no_argument, NULL, 't'}, {0}};
	struct candor_request request = {.type = CANDOR_REQ_RESOLVE_ITEMS};
	while (cli_option(c, argc, argv, own) != -1)
		request.together = true;
	return post_outcomes(c, argc, argv, &request, request.together ? "resolved together" : "resolved");
}

static int run_recheck(struct cli *c, int argc, char **argv)
{
	struct candor_request request = {.type = CANDOR_REQ_RECHECK_ITEMS};
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	return post_outcomes(c, argc, argv, &request, "rechecked");
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
	.summary = "post outcomes, which settle the labelers' weights",
	.help = "usage: candor resolve POOL ITEM Y\n"
		"       candor resolve POOL [--together] ITEM=Y...\n\n"
		"Sets the outcome of each ITEM to its Y, the truth from 0 to 1. Open items are closed\n"
		"first. The weights of everybody who reported on them are settled; this cannot be\n"
		"undone.\n\n"
		"Without --together each outcome is settled by itself, in the order given, and one that\n"
		"is rejected does not hold back the others. Outcomes that hang together (one season, one\n"
		"conversation, one audit session) teach less than as many independent ones: --together\n"
		"settles them as one block, all of them or none.\n\n"
		"Options:\n"
		"  --together   settle these items as one block\n\n"
		"Example:\n"
		"  candor resolve birds photo-17 1\n"
		"  candor resolve birds --together photo-18=1 photo-19=0 photo-20=0.5\n",
	.run = run_resolve,
};

CLI_COMMAND(recheck) = {
	.name = "recheck",
	.summary = "record second verdicts on resolved items, which tell how many outcomes are wrong",
	.help = "usage: candor recheck POOL ITEM Y\n"
		"       candor recheck POOL ITEM=Y...\n\n"
		"Records a second verdict Y, from 0 to 1, on each resolved ITEM, beside its outcome. It\n"
		"settles nothing, and there is one per item. `candor pool show` tells what the rechecks\n"
		"say of the part of the outcomes that are wrong, to be compared with the setting wrong.\n\n"
		"Draw the items at random, and let whoever rechecks them not see the first verdict: 200\n"
		"rechecks tell a part of 0.1 to about 0.03 either way.\n\n"
		"Example:\n"
		"  candor recheck birds photo-17 0\n",
	.run = run_recheck,
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
