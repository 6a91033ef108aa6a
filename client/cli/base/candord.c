#include "client/cli/base/candord.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { OPTIONS_MAX = 16 };

uint64_t cli_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void cli_check_file(const struct cli *c, const char *file)
{
	if (!*file || strlen(file) >= CLI_PATH_SIZE - 16)
		cli_usage(c, "FILE is \"%s\"; it must be a path", file);
}

int cli_ask_database(struct cli *c, const char *instead, char path[CLI_PATH_SIZE], uint64_t *committed)
{
	const struct candor_request request = {.type = CANDOR_REQ_INFO};
	const struct candor_response *response;
	int err = cli_call(c, &request, &response);
	if (err)
		return err;
	const struct candor_info *info = &response->info;
	if (info->database[0] != '/' || strlen(info->database) >= CLI_PATH_SIZE)
		return cli_fail(
			c, CLI_REFUSED, CANDOR_FAILED_PRECONDITION,
			"the daemon at %s tells where its database is only over its Unix socket; on its machine, run "
			"`%s`",
			c->server, instead);
	snprintf(path, CLI_PATH_SIZE, "%s", info->database);
	*committed = info->committed;
	return CLI_DONE;
}

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

int cli_run_candord(struct cli *c, char *const *options, const char *file, void (*on_line)(void *arg, const char *line),
		    void *arg)
{
	char program[CLI_PATH_SIZE], line[512];
	char *argv[OPTIONS_MAX] = {program};
	FILE *from = NULL;
	pid_t pid;
	int status;
	for (size_t n = 0; options[n]; n++) {
		require(n + 2 < OPTIONS_MAX);
		argv[n + 1] = options[n];
	}
	find_candord(program, sizeof program);
	int err = spawn(argv, &pid, &from);
	if (err)
		return cli_fail(c, CLI_USAGE, CANDOR_FAILED_PRECONDITION, "cannot run %s to write %s: %s", program,
				file, strerror(err));
	while (fgets(line, sizeof line, from))
		on_line(arg, line);
	fclose(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return CLI_DONE;
	if (!WIFEXITED(status))
		return cli_fail(c, CLI_USAGE, CANDOR_FAILED_PRECONDITION,
				"%s was killed by a signal; %s was not written", program, file);
	cli_keep_failure(c, CANDOR_FAILED_PRECONDITION, "candord could not write %s; see its message on standard error",
			 file);
	return CLI_USAGE;
}
