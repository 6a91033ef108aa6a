/* candor prune: moves old resolved items from the daemon's database to an archive.
 *
 * `candord --make-archive`, run here as the user who asked, writes the file; then the daemon is told of it, computes
 * the same state by itself, and removes what is in the file. See candord.h for why the daemon does not write it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/base/candord.h"
#include "lib/crypto/chain.h"
#include "lib/crypto/digest.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"
#include "lib/base/text.h"

enum { ANSWER_MS = 3600 * 1000 }; /* the daemon replays everything it removes before it answers */

struct pruning {
	struct cli *c;
	struct cli_progress progress;
	bool said, nothing;
	uint64_t first, last, reports, bytes;
	uint8_t digest[DIGEST_BYTES], state[DIGEST_BYTES];
};

static void on_line(void *arg, const char *line)
{
	struct pruning *p = arg;
	struct cli_progress *progress = &p->progress;
	char digest[CHAIN_HEX], state[CHAIN_HEX];
	bool replayed = sscanf(line, "replayed %" SCNu64 " %" SCNu64, &progress->done, &progress->total) == 2;
	if (replayed || sscanf(line, "packed %" SCNu64 " %" SCNu64, &progress->done, &progress->total) == 2) {
		progress->unit = replayed ? "items" : "kB";
		progress->count = replayed ? progress->done : progress->done / 1000;
		if (p->c->term.err_tty)
			cli_progress_show(progress, cli_now_ms(), p->c->term.utf8);
	}
	if (strcmp(line, "nothing\n") == 0)
		p->said = p->nothing = true;
	if (sscanf(line, "done %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %64s %64s", &p->first, &p->last,
		   &p->reports, &p->bytes, digest, state) == 6)
		p->said = chain_read_hex(digest, p->digest) && chain_read_hex(state, p->state);
}

static int write_archive(struct pruning *p, const char *pool, const char *before, const char *database,
			 const char *file, bool dry_run)
{
	char db[CLI_PATH_SIZE + 8], to[CLI_PATH_SIZE + 24], name[CANDOR_NAME_MAX + 16], date[64];
	char progress[] = "--progress", dry[] = "--dry-run";
	char *const options[] = {db, to, name, date, progress, dry_run ? dry : NULL, NULL};
	snprintf(db, sizeof db, "--db=%s", database);
	snprintf(to, sizeof to, "--make-archive=%s", file);
	snprintf(name, sizeof name, "--pool=%s", pool);
	snprintf(date, sizeof date, "--before=%s", before);
	p->progress.started_ms = cli_now_ms();
	int code = cli_run_candord(p->c, options, file, on_line, p);
	cli_progress_clear(&p->progress);
	if (code == CLI_DONE && !p->said)
		return cli_fail(p->c, CLI_USAGE, CANDOR_INTERNAL, "candord did not report what it wrote to %s", file);
	return code;
}

static void print_document(const struct pruning *p, const char *file, bool dry_run)
{
	const uint64_t items = p->nothing ? 0 : p->last - p->first + 1;
	struct cli_json d;
	char digest[CHAIN_HEX];
	chain_hex(p->digest, digest);
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	cli_json_count(&d.j, "items", items);
	cli_json_count(&d.j, "reports", p->reports);
	if (items > 0) {
		cli_json_count(&d.j, "first", p->first);
		cli_json_count(&d.j, "last", p->last);
	}
	if (items > 0 && !dry_run) {
		cli_json_text(&d.j, "file", file);
		cli_json_count(&d.j, "bytes", p->bytes);
		cli_json_text(&d.j, "digest", digest);
	}
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

static void print(const struct pruning *p, const char *file, bool dry_run)
{
	if (p->nothing)
		printf("nothing to prune: everything resolved before that date is already archived\n");
	else if (dry_run)
		printf("would archive rounds %s to %s, with %s report%s\n", cli_count(p->first).s, cli_count(p->last).s,
		       cli_count(p->reports).s, cli_plural(p->reports));
	else
		printf("%s: rounds %s to %s, with %s report%s, in %s; the daemon is now removing them\n", file,
		       cli_count(p->first).s, cli_count(p->last).s, cli_count(p->reports).s, cli_plural(p->reports),
		       cli_bytes(p->bytes).s);
}

/* Nothing is removed before this. */
static int tell_daemon(struct cli *c, const struct pruning *p, const char *pool, const char *file, const char *name)
{
	const struct candor_request request = {
		.type = CANDOR_REQ_PRUNE_POOL,
		.pool = pool,
		.round = p->last,
		.state = p->state,
		.digest = p->digest,
		.file = name,
	};
	const struct candor_response *response;
	int code = cli_call(c, &request, &response);
	if (code == CLI_REFUSED)
		cli_note("%s is complete, but the daemon did not accept it: nothing was removed, and you "
			 "can delete the file",
			 file);
	else if (code)
		cli_note("%s is complete, but it is unknown whether the daemon accepted it: keep it until "
			 "`candor pool show %s` shows which rounds are archived",
			 file, pool);
	return code;
}

static int run_prune(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {
		{"before", required_argument, NULL, 'b'}, {"dry-run", no_argument, NULL, 'n'}, {0}};
	char database[CLI_PATH_SIZE];
	const char *before = NULL;
	bool dry_run = false;
	uint64_t ms, committed;
	for (int opt; (opt = cli_option(c, argc, argv, own)) != -1;) {
		if (opt == 'b')
			before = optarg;
		else
			dry_run = true;
	}
	char **operands = cli_operands(c, argc, argv, 2, 2, "POOL FILE");
	const char *pool = operands[0], *file = operands[1];
	const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
	cli_check_file(c, file);
	if (!before)
		cli_usage(c, "--before DATE is missing");
	if (!text_date(before, &ms) || ms == 0)
		cli_usage(c, "--before is \"%s\"; it must be a date like 2026-01-31 or 2026-01-31T12:00:00Z, in UTC",
			  before);
	if (name_fault(pool, strlen(pool)))
		cli_usage(c, "POOL %s", name_fault(pool, strlen(pool)));
	if (name_fault(name, strlen(name)))
		cli_usage(c, "the name of FILE %s", name_fault(name, strlen(name)));
	if (!c->timeout_ms)
		c->timeout_ms = ANSWER_MS;

	int code = cli_ask_database(c, "candord --make-archive FILE --pool POOL --before DATE --db DATABASE", database,
				    &committed);
	struct pruning p = {.c = c};
	if (code == CLI_DONE)
		code = write_archive(&p, pool, before, database, file, dry_run);
	if (code == CLI_DONE && !p.nothing && !dry_run)
		code = tell_daemon(c, &p, pool, file, name);
	if (code == CLI_DONE && c->json)
		print_document(&p, file, dry_run);
	else if (code == CLI_DONE)
		print(&p, file, dry_run);
	return code;
}

CLI_COMMAND(prune) = {
	.name = "prune",
	.summary = "move old resolved items from the database to an archive",
	.help = "usage: candor prune POOL FILE --before DATE [--dry-run]\n\n"
		"Moves the items of a pool that were resolved before DATE, with their reports, to\n"
		"FILE, which must not exist. Weights, losses and the feed do not change; each item\n"
		"keeps its name, outcome and aggregates. `candord --verify --db DATABASE --archive\n"
		"FILE` replays both together. Keep FILE: its contents exist nowhere else.\n\n"
		"Items are moved in the order in which they were resolved, up to the first\n"
		"not resolved before DATE. A candord run by your user writes FILE; then the daemon\n"
		"computes the same state by itself, and removes the items only if both agree. You\n"
		"need permission to read the database: run this as the daemon's user, or as root.\n\n"
		"Options:\n"
		"  --before DATE   like 2026-01-31 or 2026-01-31T12:00:00Z, in UTC\n"
		"  --dry-run       only print what would be archived\n\n"
		"Example:\n"
		"  candor prune chat /archive/chat-2026.gz --before 2026-07-01\n",
	.run = run_prune,
};
