/* candor info: what the daemon holds. */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/pages.h"
#include "client/cli/base/visible.h"

static void print_info(const struct candor_info *i, const char *principal)
{
	printf("version      candord %s, protocol %" PRIu32 "\n", i->version, i->protocol);
	printf("up           %s, since %s UTC\n", cli_duration(i->uptime_ms).s, cli_time(i->started_at).s);
	printf("you are      %s\n", cli_visible(principal).s);
	printf("writes       %s%s\n", i->read_only ? "refused: " : "accepted", i->read_only ? i->reason : "");
	if (i->connections)
		printf("connections  %s, including this one\n", cli_count(i->connections).s);
	printf("pools        %s\n", cli_count(i->pools).s);
	printf("labelers     %s\n", cli_count(i->labelers).s);
	printf("open items   %s\n", cli_count(i->open_items).s);
	printf("in memory    %s item%s, including open ones\n", cli_count(i->resident_items).s,
	       cli_plural(i->resident_items));
	printf("settlements  %s\n", cli_count(i->settlements).s);
	/* Figures of the whole daemon are not for everybody. */
	if (!i->connections)
		return;
	printf("reports      %s accepted since the database was created, including revisions\n",
	       cli_count(i->reports).s);
	printf("changes      %s on disk, %s commit%s since startup\n", cli_count(i->committed).s,
	       cli_count(i->commits).s, cli_plural(i->commits));
	printf("memory       %s in use, by its own count; the limit is %s\n", cli_bytes(i->memory_bytes).s,
	       cli_bytes(i->memory_limit).s);
	if (i->loop_turns)
		printf("loop         %.3g ms a turn at the median, %.3g ms at the 99th percentile, %.3g ms at most\n",
		       (double)i->loop_p50_us / 1000, (double)i->loop_p99_us / 1000, (double)i->loop_max_us / 1000);
	if (i->recent_commits)
		printf("commits      %.3g ms at the median, %.3g ms at the 99th percentile (%s in the last minute)\n",
		       (double)i->commit_p50_us / 1000, (double)i->commit_p99_us / 1000,
		       cli_count(i->recent_commits).s);
	printf("database     %s, and a write-ahead log of %s%s%s\n", cli_bytes(i->database_bytes).s,
	       cli_bytes(i->wal_bytes).s, i->database[0] ? ": " : "", i->database);
}

/* What an operator may publish: whoever has it can check later that history was not changed. j: a list that is open; or
 * NULL, and they are printed for people. */
static int show_heads(struct cli *c, struct json_out *j)
{
	const struct candor_request request = {.type = CANDOR_REQ_LIST_POOLS};
	struct cli_pages p;
	cli_pages_begin(&p, c, &request, NULL, UINT64_MAX);
	while (cli_pages_next(&p)) {
		for (size_t i = 0; i < p.response->n; i++) {
			struct cli_head head = cli_head(&p.response->pools[i]);
			if (head.s[0] && j)
				json_out_text(j, head.s);
			else if (head.s[0])
				printf("head         %s\n", head.s);
		}
	}
	return p.code;
}

static int print_info_document(struct cli *c, const struct candor_response *r)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	json_out_members(&d.j, cli_json_body(&d, r));
	cli_json_text(&d.j, "principal", candor_principal(c->daemon));
	cli_json_open(&d.j, "heads", '[');
	int code = show_heads(c, &d.j);
	json_out_close(&d.j, ']');
	json_out_close(&d.j, '}');
	if (code)
		cli_json_drop(&d);
	else
		cli_json_print(&d);
	return code;
}

static int run_info(struct cli *c, int argc, char **argv)
{
	const struct candor_response *response;
	const struct candor_request request = {.type = CANDOR_REQ_INFO};
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	cli_operands(c, argc, argv, 0, 0, "");
	int err = cli_call(c, &request, &response);
	if (err)
		return err;
	if (c->json)
		return print_info_document(c, response);
	print_info(&response->info, candor_principal(c->daemon));
	return show_heads(c, NULL);
}

CLI_COMMAND(info) = {
	.name = "info",
	.summary = "show the daemon's state, and each pool's head",
	.help = "usage: candor info\n\n"
		"Prints what the daemon holds over all pools, how long it has been running, which\n"
		"principal you are and whether it accepts writes; and each pool's head,\n"
		"POOL:ROUND:HASH, the hash over all of its settlements. Publish a head: later,\n"
		"`candord --verify --head HEAD` shows whether anything up to it was changed, removed\n"
		"or reordered.\n\n"
		"Example:\n"
		"  candor info --json | jq .read_only\n",
	.run = run_info,
};
