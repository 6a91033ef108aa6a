/* candor ping: what waits for a daemon; and the lines of README.md that begin with one, pasted at once. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/clock.h"
#include "tests/lib/command.h"

static void waiting_ends_when_the_daemon_is_ready(void **state)
{
	struct command *c = *state;
	setenv("CANDOR_SERVER", c->daemon.address, 1);
	/* Nobody is there yet. */
	pid_t pid = daemon_begin(ARGS("candor", "ping", "--wait", "60", "--write"), NULL, c->out_path, c->err_path);
	nap_ms(100);
	daemon_start(&c->daemon, NULL);
	assert_int_equal(daemon_wait_for(pid), 0);
	files_read_text(c->out_path, c->out, sizeof c->out);
	files_read_text(c->err_path, c->err, sizeof c->err);
	assert_says(c->out, "answers in");
	assert_says(c->out, "and commits in");
	assert_string_equal(c->err, "");
	assert_candor(c, 0, "ping", "--write");
	assert_candor(c, 0, "ping", "--wait", "0");

	/* Where one was, and left its socket behind. */
	daemon_kill(&c->daemon);
	pid = daemon_begin(ARGS("candor", "ping", "--wait", "60"), NULL, c->out_path, c->err_path);
	nap_ms(100);
	daemon_start(&c->daemon, NULL);
	assert_int_equal(daemon_wait_for(pid), 0);
}

static void waiting_ends_when_the_time_is_over_or_it_is_no_use(void **state)
{
	struct command *c = *state;
	char file[DAEMON_PATH_MAX], address[128];
	setenv("CANDOR_SERVER", c->daemon.address, 1);
	assert_candor(c, 4, "ping", "--wait", "0.2");
	assert_says(c->err, "cannot reach candord");
	assert_candor(c, 2, "ping", "--wait", "soon");
	assert_candor(c, 2, "ping", "--wait", "-1");
	/* A host that has no address will not get one; nor does a file that is not there become a token. */
	assert_candor(c, 4, "--server", "tcp:no-such-host.invalid:1", "ping", "--wait", "60");
	daemon_path(&c->daemon, "no-token", file);
	assert_candor(c, 2, "ping", "--wait", "60", "--token-file", file);
	/* What is refused stays refused. */
	daemon_start(&c->daemon, NULL);
	files_write_text(file, "candor_0000000000000000000000000000000000000000000000000000000000000000\n");
	assert_int_equal(chmod(file, 0600), 0);
	command_run(c, NULL, ARGS("ping", "--wait", "60", "--token-file", file));
	assert_says(c->err, "oken");
	snprintf(address, sizeof address, "unix:%s/none/there", c->daemon.dir);
	assert_candor(c, 4, "--server", address, "ping", "--wait", "0.1");
}

/* The lines of the part of README.md with that heading which are indented; those that build are left out. */
static void take_lines(const char *heading, char *out, size_t size)
{
	static char text[1 << 16];
	size_t len = 0;
	files_read_text("README.md", text, sizeof text);
	char *part = strstr(text, heading);
	assert_non_null(part);
	char *end = strstr(part + 1, "\n## ");
	assert_non_null(end);
	*end = 0;
	for (char *save, *line = strtok_r(part, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "    ", 4) == 0 && !strstr(line, "make") && !strstr(line, "PATH="))
			len += (size_t)snprintf(out + len, size - len, "%s\n", line + 4);
	assert_true(len > 0 && len < size);
}

static void the_five_minutes_of_the_readme_can_be_pasted_at_once(void **state)
{
	struct command *c = *state;
	static char script[1 << 14];
	char program[512], lines[1 << 13], *real, out[4096];
	int ends[2];
	daemon_program("candor", program, sizeof program);
	real = realpath(program, NULL);
	assert_non_null(real);
	*strrchr(real, '/') = 0;
	take_lines("\n## A campaign in five minutes", lines, sizeof lines);
	snprintf(script, sizeof script,
		 "set -e\ncd '%s'\nexport HOME=$PWD PATH='%s':$PATH\nunset XDG_STATE_HOME CANDOR_SERVER\n"
		 "trap 'kill %%1' EXIT\n%strap - EXIT\nkill %%1\nwait %%1\necho and it has ended\n",
		 c->daemon.dir, real, lines);
	free(real);
	files_write_text(c->file, script);
	/* All of it is there before the first command runs, as from a terminal. */
	assert_int_equal(pipe(ends), 0);
	assert_true(strlen(script) < 1 << 16);
	assert_int_equal(write(ends[1], script, strlen(script)), strlen(script));
	close(ends[1]);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int to = open(c->out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(ends[0], STDIN_FILENO);
		dup2(to, STDOUT_FILENO);
		dup2(to, STDERR_FILENO);
		close(ends[0]);
		close(to);
		execlp("bash", "bash", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	int status = daemon_wait_for(pid);
	files_read_text(c->out_path, c->out, sizeof c->out);
	if (status == 127) {
		print_message("SKIPPED: there is no bash\n");
		return;
	}
	if (status)
		print_error("%s", c->out);
	assert_int_equal(status, 0);
	assert_says(c->out, "answers in");
	assert_says(c->out, "and it has ended");
	snprintf(out, sizeof out, "%s/preferences.csv", c->daemon.dir);
	files_read_text(out, c->out, sizeof c->out);
	assert_says(c->out, "q4,resolved,");
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(waiting_ends_when_the_daemon_is_ready),
		ALONE(waiting_ends_when_the_time_is_over_or_it_is_no_use),
		ALONE(the_five_minutes_of_the_readme_can_be_pasted_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
