/* candor report: one labeler's report on one item. */
#include "client/cli/base/cli.h"

static int run_report(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"sequence", required_argument, NULL, 's'}, {0}};
	uint64_t sequence = 0;
	while (cli_option(c, argc, argv, own) != -1)
		sequence = cli_count_of(c, "--sequence", optarg, 1, CANDOR_SEQUENCE_MAX);
	char **o = cli_operands(c, argc, argv, 4, 4, "POOL ITEM LABELER P");
	const char *const item = o[1];
	const struct candor_report report = {
		.item = item,
		.labeler = o[2],
		.value = cli_real(c, "P", o[3], 0, 1),
		.sequence = sequence,
	};
	struct candor_request request = {.type = CANDOR_REQ_POST_REPORTS, .pool = o[0], .n = 1, .reports = &report};
	struct candor_batch batch;
	int err = cli_batch(c, &request, &item, &batch);
	if (!err)
		cli_note("%s", batch.revised ? "revised" : batch.duplicates ? "unchanged" : "accepted");
	return err;
}

CLI_COMMAND(report) = {
	.name = "report",
	.summary = "post one labeler's report on one item",
	.help = "usage: candor report POOL ITEM LABELER P [--sequence N]\n\n"
		"Posts LABELER's probability P, from 0 to 1, that answer A of ITEM is preferred\n"
		"(a plain choice is 1 or 0, a tie 0.5). Items and labelers are created by\n"
		"their first report. While an item is open, a labeler may report again; the last\n"
		"report counts.\n\n"
		"Options:\n"
		"  --sequence N     from 1: nothing changes if a report with this sequence or a higher\n"
		"                   one was posted before\n\n"
		"Example:\n"
		"  candor report birds photo-17 ann 0.8\n",
	.run = run_report,
};
