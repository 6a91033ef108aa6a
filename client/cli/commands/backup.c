/* candor backup: copies the database of a running daemon.
 *
 * The daemon only says where its database is, and only on a Unix socket; the copy is made by `candord --backup`, run
 * here as the user who asked. So nobody can make the daemon write a file, and nobody gets a copy of what they could not
 * read anyway. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/base/candord.h"
#include "client/cli/base/cli.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"

struct done {
	uint64_t bytes, changes, reports;
	bool said;
};

struct copying {
	const struct cli *c;
	struct cli_progress progress;
	struct done done;
};

static void on_line(void *arg, const char *line)
{
	struct copying *p = arg;
	struct done *done = &p->done;
	if (sscanf(line, "copied %" SCNu64 " %" SCNu64, &p->progress.done, &p->progress.total) == 2 &&
	    p->c->term.err_tty) {
		p->progress.count = p->progress.done / 1000;
		cli_progress_show(&p->progress, cli_now_ms(), p->c->term.utf8);
	}
	done->said = done->said || sscanf(line, "done %" SCNu64 " %" SCNu64 " %" SCNu64, &done->bytes, &done->changes,
					  &done->reports) == 3;
}

/* Runs candord --backup: *done is its result. An exit code. */
static int copy(struct cli *c, const char *database, const char *file, const char *rate, struct done *done)
{
	char db[CLI_PATH_SIZE + 8], to[CLI_PATH_SIZE + 16], at[64], progress[] = "--progress";
	char *const options[] = {db, to, progress, rate ? at : NULL, NULL};
	struct copying p = {.c = c, .progress = {.started_ms = cli_now_ms(), .unit = "kB"}};
	snprintf(db, sizeof db, "--db=%s", database);
	snprintf(to, sizeof to, "--backup=%s", file);
	snprintf(at, sizeof at, "--backup-rate=%s", rate ? rate : "");
	int code = cli_run_candord(c, options, file, on_line, &p);
	cli_progress_clear(&p.progress);
	*done = p.done;
	if (code || done->said)
		return code;
	return cli_fail(c, CLI_USAGE, CANDOR_INTERNAL, "candord did not report what it wrote to %s", file);
}

static void print_document(struct cli *c, const char *file, const struct done *done)
{
	struct cli_json d;
	cli_json_begin(&d);
	json_out_open(&d.j, '{');
	cli_json_text(&d.j, "file", file);
	cli_json_count(&d.j, "bytes", done->bytes);
	cli_json_count(&d.j, "changes", done->changes);
	cli_json_count(&d.j, "reports", done->reports);
	cli_put_failure(c, &d.j);
	json_out_close(&d.j, '}');
	cli_json_print(&d);
}

static void print_done(const char *file, const struct done *done, uint64_t took_ms)
{
	printf("%s: %s with %s change%s and %s report%s, copied in %s\n", file, cli_bytes(done->bytes).s,
	       cli_count(done->changes).s, cli_plural(done->changes), cli_count(done->reports).s,
	       cli_plural(done->reports), cli_duration(took_ms).s);
}

static int run_backup(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"rate", required_argument, NULL, 'r'}, {0}};
	char database[CLI_PATH_SIZE];
	const char *rate = NULL;
	uint64_t committed;
	while (cli_option(c, argc, argv, own) != -1)
		rate = optarg;
	const char *file = cli_operands(c, argc, argv, 1, 1, "FILE")[0];
	cli_check_file(c, file);
	if (rate && (!*rate || strlen(rate) > 32))
		cli_usage(c, "--rate is \"%s\"; it must be a number of bytes, optionally followed by K, M or G", rate);
	int code = cli_ask_database(c, "candord --backup FILE --db DATABASE", database, &committed);
	if (code)
		return code;
	struct done done = {0};
	uint64_t began_ms = cli_now_ms();
	code = copy(c, database, file, rate, &done);
	if (code)
		return code;
	if (!c->json)
		print_done(file, &done, cli_now_ms() - began_ms);
	/* A socket can lead to another machine, where the path means another file. */
	if (done.changes < committed)
		code = cli_fail(c, CLI_USAGE, CANDOR_FAILED_PRECONDITION,
				"%s is older than the daemon's last commit, so it is a copy of another database", file);
	if (c->json)
		print_document(c, file, &done);
	return code;
}

CLI_COMMAND(backup) = {
	.name = "backup",
	.summary = "copy the database while the daemon runs",
	.help = "usage: candor backup FILE [--rate BYTES]\n\n"
		"Asks the daemon, over its Unix socket, where its database is, and copies a snapshot\n"
		"of it to FILE, which must not exist. Everything acknowledged before that is in it.\n"
		"The daemon keeps running. You need permission to read the database: run this as the\n"
		"daemon's user, or as root.\n\n"
		"FILE appears only when it is complete and on disk. `candord --verify --deep --db\n"
		"FILE` checks it; `candord --restore FILE --db DATABASE` turns it into a database.\n\n"
		"Options:\n"
		"  --rate BYTES   per second, optionally with K, M or G; 0: no limit (64M)\n\n"
		"Example:\n"
		"  candor backup /backup/candor-$(date +%F).db\n",
	.run = run_backup,
};
