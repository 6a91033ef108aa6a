/* candor ping, candor info: is the daemon there, and what is it doing. */
#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"

static int run_ping(struct cli *c, int argc, char **argv)
{
	const struct candor_response *response;
	const struct candor_request hello = {
		.type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .client = "candor/" CANDOR_VERSION};
	while (cli_option(c, argc, argv, NULL) != -1)
		;
	cli_operands(c, argc, argv, 0, 0, "");

	/* The first exchange also connects; the second one is what a round trip takes. Nobody lacks the right to it. */
	int err = cli_call(c, &hello, &response);
	if (err)
		return err;
	uint64_t before_ns = uv_hrtime();
	err = cli_call(c, &hello, &response);
	if (err)
		return err;
	double ms = (double)(uv_hrtime() - before_ns) / 1e6;
	const struct candor_welcome *w = &response->welcome;
	if (c->json)
		cli_json_print(cli_memory(json_pack("{s:s, s:i, s:o}", "server", w->server, "protocol",
						    (int)w->protocol, "round_trip_ms", cli_json_real(ms))));
	else
		printf("%s at %s answers in %.3f ms\n", w->server, c->server, ms);
	return CLI_DONE;
}

const struct cli_command cli_ping = {
	.name = "ping",
	.summary = "is the daemon there, and how fast does it answer",
	.help = "usage: candor ping\n\n"
		"Prints the daemon's name and version, and how long one round trip takes.\n\n"
		"Example:\n"
		"  candor --server tcp:10.0.0.7:7432 ping\n",
	.run = run_ping,
};

static void print_info(const struct candor_info *i, const char *principal)
{
	printf("version      candord %s, protocol %" PRIu32 "\n", i->version, i->protocol);
	printf("up           %s, since %s UTC\n", cli_duration(i->uptime_ms).s, cli_time(i->started_at).s);
	printf("you are      %s\n", principal);
	printf("writes       %s%s\n", i->read_only ? "refused: " : "accepted", i->read_only ? i->reason : "");
	if (i->connections)
		printf("connections  %s, this one included\n", cli_count(i->connections).s);
	printf("pools        %s\n", cli_count(i->pools).s);
	printf("labelers     %s\n", cli_count(i->labelers).s);
	printf("open items   %s\n", cli_count(i->open_items).s);
	printf("in memory    %s item%s, open ones included\n", cli_count(i->resident_items).s,
	       cli_plural(i->resident_items));
	printf("settlements  %s\n", cli_count(i->settlements).s);
	/* What is of the whole daemon is not told to everybody. */
	if (!i->connections)
		return;
	printf("reports      %s accepted over the database's life, revisions included\n", cli_count(i->reports).s);
	printf("changes      %s on disk, %s commit%s since the start\n", cli_count(i->committed).s,
	       cli_count(i->commits).s, cli_plural(i->commits));
	printf("memory       %s by its own account, of %s at the most\n", cli_bytes(i->memory_bytes).s,
	       cli_bytes(i->memory_limit).s);
	printf("database     %s, without its write-ahead log%s%s\n", cli_bytes(i->database_bytes).s,
	       i->database[0] ? ": " : "", i->database);
}

/* What an operator may publish: whoever has it can check later that history was not changed. */
static int show_heads(struct cli *c, json_t *heads)
{
	char cursor[CANDOR_NAME_MAX + 1] = "";
	const struct candor_request request = {
		.type = CANDOR_REQ_LIST_POOLS, .cursor = cursor, .limit = CANDOR_PAGE_MAX};
	const struct candor_response *response;
	int err;
	do {
		err = cli_call(c, &request, &response);
		if (err)
			return err;
		for (size_t i = 0; i < response->n; i++) {
			struct cli_head head = cli_head(&response->pools[i]);
			if (!head.s[0])
				continue;
			if (c->json)
				json_array_append_new(heads, cli_memory(json_string(head.s)));
			else
				printf("head         %s\n", head.s);
		}
		snprintf(cursor, sizeof cursor, "%s", response->next);
	} while (*cursor && response->n > 0);
	return CLI_DONE;
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
	if (!c->json) {
		print_info(&response->info, candor_principal(c->daemon));
		return show_heads(c, NULL);
	}
	json_t *info = cli_json_info(&response->info), *heads = cli_memory(json_array());
	err = show_heads(c, heads);
	cli_json_put(info, "principal", cli_memory(json_string(candor_principal(c->daemon))));
	cli_json_put(info, "heads", heads);
	if (err)
		json_decref(info);
	else
		cli_json_print(info);
	return err;
}

const struct cli_command cli_info = {
	.name = "info",
	.summary = "what the daemon holds and does",
	.help = "usage: candor info\n\n"
		"Prints what the daemon holds over all pools, since when it runs, whose rights you\n"
		"have, and whether it accepts writes; and each pool's head, POOL:ROUND:HASH, the\n"
		"hash over all of its settlements. Publish it: later `candord --verify --head HEAD`\n"
		"shows whether anything up to it was changed, removed or put in another order.\n\n"
		"Example:\n"
		"  candor info --json | jq .read_only\n",
	.run = run_info,
};
