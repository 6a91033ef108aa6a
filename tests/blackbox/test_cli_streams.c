/* What surrounds the programs: descriptors that are closed, readers that go away, outputs that are full, a home whose
 * path is too long. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/command.h"

/* ---- descriptors 0 to 2 ---- */

/* Starts a program of the build with those of the descriptors 0 to 2 closed whose bits are set. */
static pid_t start_closed(unsigned closed, const char *const *args)
{
	char program[512];
	daemon_program(args[0], program, sizeof program);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd <= 2; fd++) {
		if (closed & 1u << fd)
			close(fd);
		else
			dup2(null, fd);
	}
	close(null);
	execv(program, (char *const *)(uintptr_t)args);
	_exit(127);
}

static int run_closed(unsigned closed, const char *const *args)
{
	return daemon_wait_for(start_closed(closed, args));
}

static void a_daemon_without_descriptors_0_to_2_serves_and_ends_cleanly(void **state)
{
	struct daemon *d = *state;
	const char *const args[] = {"candord", "--listen", d->address, "--db", d->db, "--log-level", "error", NULL};
	for (unsigned closed = 1; closed < 8; closed++) {
		d->pid = start_closed(closed, args);
		daemon_await(d);
		const struct candor_request create = {.type = CANDOR_REQ_CREATE_POOL,
						      .pool = closed % 2 ? "odd" : "even"};
		const struct candor_response *r;
		assert_int_equal(candor_call(daemon_connect(d), &create, &r), 0);
		assert_int_equal(r->code, closed <= 2 ? CANDOR_OK : CANDOR_ALREADY_EXISTS);
		/* No log and no answer went where the database is. */
		assert_int_equal(daemon_stop(d), 0);
		assert_int_equal(daemon_verify(d), 0);
	}
}

static void a_command_without_descriptors_0_to_2_works_or_says_that_it_cannot_write(void **state)
{
	struct daemon *d = *state;
	daemon_start(d, NULL);
	const char *const ask[] = {"candor", "--server", d->address, "info", NULL};
	const char *const tell[] = {"candor", "--server", d->address, "report", "p", "a", "ann", "1", NULL};
	const char *const create[] = {"candor", "--server", d->address, "pool", "create", "p", "--json", NULL};
	assert_int_equal(daemon_run(create, NULL, "/dev/null", NULL), 0);
	for (unsigned closed = 1; closed < 8; closed++) {
		assert_int_equal(run_closed(closed, ask), closed & 2 ? 2 : 0);
		/* This one says what it did on standard error. */
		assert_int_equal(run_closed(closed, tell), 0);
	}
}

/* ---- a reader that goes away, a full output ---- */

/* Starts `candor ARG...` with its output in a pipe, of which the reading end is in *from. */
static pid_t start_into_pipe(const char *const *args, int *from)
{
	char program[512];
	int ends[2];
	daemon_program("candor", program, sizeof program);
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(program, (char *const *)(uintptr_t)args);
		_exit(127);
	}
	close(ends[1]);
	*from = ends[0];
	return pid;
}

static void a_feed_that_is_followed_ends_when_its_reader_has_gone(void **state)
{
	struct command *c = *state;
	char text[4096];
	int from, status;
	command_fill(c);
	for (int changes = 0; changes < 2; changes++) {
		/* Whatever the caller does with the signal. */
		signal(SIGPIPE, SIG_IGN);
		pid_t pid =
			start_into_pipe(ARGS("candor", "feed", "p", "--follow", changes ? "--changes" : NULL), &from);
		signal(SIGPIPE, SIG_DFL);
		assert_true(read(from, text, sizeof text) > 0);
		/* Nothing new comes. */
		close(from);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
	}
}

static void a_command_whose_output_is_full_says_so_and_fails(void **state)
{
	struct command *c = *state;
	char err[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "full", err);
	command_fill(c);
	const char *const *const commands[] = {
		ARGS("candor", "--help"),
		ARGS("candor", "--version"),
		ARGS("candor", "feed", "--help"),
		ARGS("candor", "ping"),
		ARGS("candor", "info", "--json"),
		ARGS("candor", "pool", "list"),
		ARGS("candor", "pool", "create", "q", "--json"),
		ARGS("candor", "feed", "p"),
		ARGS("candor", "export", "p"),
		ARGS("candor", "audit", "--json"),
		ARGS("candor", "token", "list", "--json"),
		ARGS("candor", "simulate", "--items", "10", "--labelers", "3"),
		ARGS("candord", "--help"),
		ARGS("candord", "--version"),
		ARGS("candord", "--check-config"),
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		const bool is_daemon = strcmp(commands[i][0], "candord") == 0;
		int status = daemon_run(commands[i], NULL, "/dev/full", err);
		if (status != (is_daemon ? 1 : 2))
			print_error("%s %s\n", commands[i][0], commands[i][1]);
		assert_int_equal(status, is_daemon ? 1 : 2);
		files_read_text(err, c->err, sizeof c->err);
		assert_says(c->err, "cannot write to standard output");
		assert_int_equal(unlink(err), 0);
	}
	/* What was refused stays refused; the same is said beside it. */
	assert_int_equal(daemon_run(ARGS("candor", "pool", "show", "none", "--json"), NULL, "/dev/full", err), 3);
	files_read_text(err, c->err, sizeof c->err);
	assert_says(c->err, "NOT_FOUND");
	assert_says(c->err, "cannot write to standard output");
	/* A verification that nobody can read has not been one. */
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_int_equal(daemon_run(ARGS("candord", "--verify", "--db", c->daemon.db), NULL, "/dev/full", NULL), 1);
}

/* ---- a home ---- */

static void a_home_whose_path_is_too_long_is_told_as_that(void **state)
{
	struct command *c = *state;
	static const char *const names[] = {"HOME", "XDG_STATE_HOME"};
	char home[6000] = "/";
	memset(home + 1, 'h', sizeof home - 2);
	unsetenv("CANDOR_SERVER");
	char *usual = strdup(getenv("HOME") ? getenv("HOME") : "/");
	assert_non_null(usual);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		/* Too long for a socket; too long for any path. */
		for (size_t len = 120; len < sizeof home; len += 5800) {
			home[len] = 0;
			setenv(names[i], home, 1);
			assert_candor(c, 2, "ping");
			assert_says(c->err, "too long");
			assert_says(c->err, "--server");
			assert_candor(c, 0, "--help");
			assert_says(c->out, "too long");
			assert_candord(c, 2, "--check-config");
			assert_says(c->err, "too long");
			assert_says(c->err, "--listen");
			home[len] = 'h';
		}
		unsetenv(names[i]);
	}
	setenv("HOME", usual, 1);
	free(usual);
}

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, daemon_set_up, daemon_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(a_daemon_without_descriptors_0_to_2_serves_and_ends_cleanly),
		ALONE(a_command_without_descriptors_0_to_2_works_or_says_that_it_cannot_write),
		CLI(a_feed_that_is_followed_ends_when_its_reader_has_gone),
		CLI(a_command_whose_output_is_full_says_so_and_fails),
		CLI(a_home_whose_path_is_too_long_is_told_as_that),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
