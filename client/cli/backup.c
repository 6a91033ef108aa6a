/* candor backup: a copy of the running daemon's database.
 *
 * The daemon only says where its database is, and only on a Unix socket; the copy is made by `candord --backup`, run
 * here as the user who asked. So nobody can make the daemon write a file, and nobody gets a copy of what he could not
 * read anyway. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "json.h"
#include "number.h"
#include "progress.h"

extern char **environ;

enum { PATH_SIZE = 4096 };

struct done {
	uint64_t bytes, changes, reports;
	bool said;
};

/* The candord that came with this program, or else the one that the shell would run. */
static void find_candord(char *out, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", out, size - sizeof "candord");
	if (len > 0) {
		out[len] = 0;
		char *name = strrchr(out, '/') + 1;
		memcpy(name, "candord", sizeof "candord");
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, size, "candord");
}

/* Its standard output becomes *from. Ctrl-C is the child's business, which then removes what it has written. */
static int spawn(char *const *argv, pid_t *pid, FILE **from)
{
	int ends[2];
	if (pipe(ends) != 0)
		return errno;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t interrupt;
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	posix_spawn_file_actions_addclose(&actions, ends[1]);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attributes, &interrupt);
	signal(SIGINT, SIG_IGN);
	int err = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	*from = err ? NULL : fdopen(ends[0], "r");
	if (!err && !*from)
		cli_memory(NULL);
	if (err)
		close(ends[0]);
	return err;
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void follow(const struct cli *c, FILE *from, struct done *done)
{
	struct cli_progress p = {.started_ms = now_ms(), .unit = "kB"};
	char line[256];
	while (fgets(line, sizeof line, from)) {
		if (sscanf(line, "copied %" SCNu64 " %" SCNu64, &p.done, &p.total) == 2 && c->term.err_tty) {
			p.count = p.done / 1000;
			cli_progress_show(&p, now_ms(), c->term.utf8);
		}
		done->said = done->said || sscanf(line, "done %" SCNu64 " %" SCNu64 " %" SCNu64, &done->bytes,
						  &done->changes, &done->reports) == 3;
	}
	cli_progress_clear(&p);
}

/* Runs candord --backup to its end: what it came to, and an exit code. */
static int copy(const struct cli *c, const char *database, const char *file, const char *rate, struct done *done)
{
	char program[PATH_SIZE], db[PATH_SIZE + 8], to[PATH_SIZE + 16], at[64];
	char progress[] = "--progress";
	char *argv[] = {program, db, to, progress, rate ? at : NULL, NULL};
	FILE *from = NULL;
	pid_t pid;
	int status;
	find_candord(program, sizeof program);
	snprintf(db, sizeof db, "--db=%s", database);
	snprintf(to, sizeof to, "--backup=%s", file);
	snprintf(at, sizeof at, "--backup-rate=%s", rate ? rate : "");
	int err = spawn(argv, &pid, &from);
	if (err) {
		cli_error(c, "%s, which makes the copy, cannot be run: %s", program, strerror(err));
		return CLI_USAGE;
	}
	follow(c, from, done);
	fclose(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && done->said)
		return CLI_DONE;
	if (!WIFEXITED(status))
		cli_error(c, "%s was ended by a signal: there is no %s", program, file);
	return CLI_USAGE; /* what is wrong, candord has said */
}

static void print_done(const struct cli *c, const char *file, const struct done *done, uint64_t took_ms)
{
	if (c->json) {
		json_t *o = json_object();
		cli_json_put(o, "file", json_string(file));
		cli_json_put(o, "bytes", json_integer((json_int_t)done->bytes));
		cli_json_put(o, "changes", json_integer((json_int_t)done->changes));
		cli_json_put(o, "reports", json_integer((json_int_t)done->reports));
		cli_json_print(o);
		return;
	}
	printf("%s: %s with %s change%s, %s report%s accepted until then, in %s\n", file, cli_bytes(done->bytes).s,
	       cli_count(done->changes).s, cli_plural(done->changes), cli_count(done->reports).s,
	       cli_plural(done->reports), cli_duration(took_ms).s);
}

static int run_backup(struct cli *c, int argc, char **argv)
{
	static const struct option own[] = {{"rate", required_argument, NULL, 'r'}, {0}};
	const struct candor_request request = {.type = CANDOR_REQ_INFO};
	const struct candor_response *response;
	const char *rate = NULL;
	while (cli_option(c, argc, argv, own) != -1)
		rate = optarg;
	const char *file = cli_operands(c, argc, argv, 1, 1, "FILE")[0];
	if (!*file || strlen(file) >= PATH_SIZE - 16)
		cli_usage(c, "FILE is \"%s\"; it must be a path", file);
	if (rate && (!*rate || strlen(rate) > 32))
		cli_usage(c, "--rate is \"%s\"; it must be a number of bytes, with K, M or G behind it or not", rate);
	int err = cli_call(c, &request, &response);
	if (err)
		return err;
	const struct candor_info *info = &response->info;
	if (info->database[0] != '/' || strlen(info->database) >= PATH_SIZE) {
		cli_error(c,
			  "the daemon at %s does not say where its database is, which it does on Unix sockets only; "
			  "on its machine run `candord --backup FILE --db DATABASE`",
			  c->server);
		return CLI_REFUSED;
	}
	struct done done = {0};
	uint64_t began_ms = now_ms(), committed = info->committed;
	int code = copy(c, info->database, file, rate, &done);
	if (code)
		return code;
	print_done(c, file, &done, now_ms() - began_ms);
	/* A socket can lead to another machine, where the path means another file. */
	if (done.changes < committed) {
		cli_error(c, "%s is older than what the daemon has committed: it is a copy of another database", file);
		return CLI_USAGE;
	}
	return CLI_DONE;
}

const struct cli_command cli_backup = {
	.name = "backup",
	.summary = "a copy of the daemon's database, while it runs",
	.help = "usage: candor backup FILE [--rate BYTES]\n\n"
		"Asks the daemon, over its Unix socket, where its database is, and copies one\n"
		"moment of it to FILE, which must not exist: all that was acknowledged before is\n"
		"in it. The daemon goes on. You must be allowed to read the database: be its\n"
		"user, or root.\n\n"
		"FILE appears when it is whole and on the disk, never before. `candord --verify\n"
		"--deep --db FILE` checks it, `candord --restore FILE --db DATABASE` makes a\n"
		"database of it.\n\n"
		"Options:\n"
		"  --rate BYTES   a second, with K, M or G behind it or not; 0: no limit (64M)\n\n"
		"Example:\n"
		"  candor backup /backup/candor-$(date +%F).db\n",
	.run = run_backup,
};
