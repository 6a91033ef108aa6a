/* candor close, resolve, void: change the state of items. */
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
