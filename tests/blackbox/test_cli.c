/* The command line as its users meet it: exit codes, tables for files and terminals. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/command.h"

/* ---- exit codes ---- */

static void wrong_usage_is_exit_code_2_and_points_to_the_help(void **state)
{
	struct command *c = *state;
	assert_candor(c, 2, "frobnicate");
	assert_says(c->err, "frobnicate");
	assert_candor(c, 2, "pool");
	assert_candor(c, 2, "pool", "frobnicate");
	assert_candor(c, 2, "pool", "set", "p");
	assert_candor(c, 2, "pool", "create", "p", "--rate", "slow");
	assert_says(c->err, "--rate");
	assert_candor(c, 2, "report", "p", "a", "ann");
	assert_candor(c, 2, "report", "p", "a", "ann", "1.5");
	assert_says(c->err, "from 0 to 1");
	assert_candor(c, 2, "report", "p", "a", "ann", "nan");
	assert_candor(c, 2, "resolve", "p", "a", "yes");
	assert_candor(c, 2, "labelers", "p", "--limit", "0");
	assert_candor(c, 2, "labelers", "p", "--sort", "age");
	assert_candor(c, 2, "info", "extra");
	assert_candor(c, 2, "ping", "--frob");
	assert_says(c->err, "--frob");
	assert_candor(c, 2, "--server", "somewhere", "ping");
	assert_says(c->err, "somewhere");
	assert_candor(c, 2, "export", "p", "--format", "xml");
	assert_candor(c, 2, "import", "p", "/nonexistent/answers.csv");
	assert_says(c->err, "/nonexistent/answers.csv");
	assert_candor(c, 2, "import", "p", c->daemon.dir);
	/* Nothing of it reached the daemon, and what is wrong goes to stderr alone. */
	assert_string_equal(c->out, "");
	assert_candor(c, 0, "pool", "list", "--json");
	assert_null(strstr(c->out, "\"name\""));
}

static void what_is_abbreviated_or_misspelled_changes_nothing_and_names_what_was_meant(void **state)
{
	struct command *c = *state;
	static char before[COMMAND_TEXT_MAX];
	command_fill(c);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	snprintf(before, sizeof before, "%s", c->out);
	assert_candor(c, 2, "pool", "set", "p", "--sh", "0.3");
	assert_says(c->err, "unknown option --sh; did you mean --share?");
	assert_candor(c, 2, "pool", "set", "p", "--ent=2");
	assert_says(c->err, "did you mean --entry?");
	assert_candor(c, 2, "pool", "set", "p", "--s", "0.3");
	assert_candor(c, 2, "--serv", c->daemon.address, "ping");
	assert_says(c->err, "did you mean --server?");
	assert_candor(c, 2, "reprot", "p", "a", "ann", "1");
	assert_says(c->err, "did you mean report?");
	assert_candor(c, 2, "pool", "lst");
	assert_says(c->err, "did you mean list?");
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_string_equal(c->out, before);

	assert_candord(c, 2, "--max-frame", "8M", "--check-config");
	assert_says(c->err, "did you mean --max-frame-bytes?");
	assert_candord(c, 2, "--check");
	assert_says(c->err, "--check-config");
	files_write_text(c->file, "[candord]\nmax-frame-byte = 8M\n");
	assert_candord(c, 2, "--config", c->file, "--check-config");
	assert_says(c->err, "did you mean max_frame_bytes?");
}

static void every_command_has_a_help_and_there_is_a_version(void **state)
{
	struct command *c = *state;
	static const char *const commands[] = {
#define COMMAND(name) #name,
#include "client/cli/base/commands.def"
	};
	assert_candor(c, 0, "--help");
	assert_string_equal(c->err, "");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char entry[32];
		snprintf(entry, sizeof entry, "\n  %s ", commands[i]);
		assert_candor(c, 0, "--help");
		assert_says(c->out, entry);
		assert_candor(c, 0, commands[i], "--help");
		snprintf(entry, sizeof entry, "usage: candor %s", commands[i]);
		assert_says(c->out, entry);
		assert_says(c->out, "Example:");
	}
	assert_candor(c, 0, "--version");
	assert_says(c->out, "candor " CANDOR_VERSION);
}

static void rejected_rows_refusals_and_absent_daemons_have_exit_codes_of_their_own(void **state)
{
	struct command *c = *state;
	char nowhere[128];
	command_fill(c);
	assert_candor(c, 0, "ping");
	/* Some rows: 1. */
	assert_candor(c, 1, "close", "p", "open", "never");
	assert_says(c->err, "never");
	assert_candor(c, 1, "resolve", "p", "a", "0");
	assert_says(c->err, "FAILED_PRECONDITION");
	assert_candor(c, 0, "resolve", "p", "a", "1");
	assert_candor(c, 1, "report", "p", "a", "ann", "0");
	assert_candor(c, 1, "void", "p", "a");
	assert_candor(c, 1, "query", "p", "a", "never");
	assert_says(c->out, "resolved");
	/* The whole request: 3. */
	assert_candor(c, 3, "pool", "show", "q");
	assert_says(c->err, "NOT_FOUND");
	assert_candor(c, 3, "pool", "create", "p");
	assert_says(c->err, "ALREADY_EXISTS");
	assert_candor(c, 3, "pool", "create", "r", "--rate", "fixed");
	assert_says(c->err, "settings.eta");
	assert_candor(c, 3, "labeler", "p", "nobody");
	assert_candor(c, 3, "feed", "p", "--after", "nonsense");
	assert_candor(c, 3, "report", "q", "a", "ann", "1");
	/* No daemon: 4. */
	snprintf(nowhere, sizeof nowhere, "unix:%s/nowhere", c->daemon.dir);
	assert_candor(c, 4, "--server", nowhere, "ping");
	assert_says(c->err, nowhere);
	assert_candor(c, 4, "import", "p", c->file, "--server", nowhere);
	assert_candor(c, 4, "--server", "tcp:127.0.0.1:1", "info");
}

/* ---- tables ---- */

static void tables_in_a_file_are_plain_text(void **state)
{
	struct command *c = *state;
	command_fill(c);
	setenv("TERM", "xterm-256color", 1);
	const char *const *const commands[] = {
		ARGS("--help"),
		ARGS("ping"),
		ARGS("info"),
		ARGS("pool", "list"),
		ARGS("pool", "show", "p"),
		ARGS("labelers", "p"),
		ARGS("labeler", "p", "ann", "--history"),
		ARGS("feed", "p"),
		ARGS("export", "p"),
		ARGS("query", "p", "a", "--reports"),
		ARGS("query", "p", "never"),
		ARGS("pool", "show", "q"),
	};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		command_run(c, NULL, commands[i]);
		assert_true(*c->out || *c->err);
		assert_null(strchr(c->out, '\033'));
		assert_null(strchr(c->err, '\033'));
	}
}

/* What `candor pool show p` writes to a terminal. */
static void show_on_terminal(struct command *c)
{
	const char *const argv[] = {"candor", "pool", "show", "p", NULL};
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	char path[64];
	assert_int_equal(ptsname_r(master, path, sizeof path), 0);
	/* Held open, so that what was written stays to be read. */
	int terminal = open(path, O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(daemon_run(argv, NULL, path, c->err_path), 0);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	size_t len = 0;
	for (ssize_t n; (n = read(master, c->out + len, COMMAND_TEXT_MAX - 1 - len)) > 0; len += (size_t)n)
		;
	c->out[len] = 0;
	close(terminal);
	close(master);
	assert_says(c->out, "labelers");
}

static void a_terminal_gets_colors_unless_no_color_is_set(void **state)
{
	struct command *c = *state;
	command_fill(c);
	setenv("TERM", "xterm-256color", 1);
	unsetenv("NO_COLOR");
	show_on_terminal(c);
	assert_non_null(strchr(c->out, '\033'));
	setenv("NO_COLOR", "1", 1);
	show_on_terminal(c);
	assert_null(strchr(c->out, '\033'));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	show_on_terminal(c);
	assert_null(strchr(c->out, '\033'));
}

static void names_that_look_alike_can_be_told_apart_in_tables(void **state)
{
	struct command *c = *state;
	struct candor *client = daemon_connect(&c->daemon);
	/* A blank behind it, a zero-width space, a soft hyphen, a joiner; and what is seen as it is. */
	static const char *const names[] = {"ann",
					    "ann ",
					    "a\xe2\x80\x8bnn",
					    "an\xc2\xadn",
					    "\xe2\x80\x8d"
					    "ann",
					    "\\u{200B}ann",
					    "Jos\xc3\xa9 P",
					    "\xd9\x85\xd8\xb1"};
	static const char *const shown[] = {"ann",          "ann\\u{20}",        "a\\u{200B}nn",  "an\\u{AD}n",
					    "\\u{200D}ann", "\\u{5C}u{200B}ann", "Jos\xc3\xa9 P", "\xd9\x85\xd8\xb1"};
	enum { NAMES = sizeof names / sizeof *names };
	call_create_pool(client, "p\xe2\x80\x8b");
	call_create_pool(client, "p");
	for (size_t i = 0; i < NAMES; i++) {
		call_report(client, "p", names[i], names[i], 0.5);
		call_resolve(client, "p", names[i], 1);
	}
	const char *const *const commands[] = {ARGS("labelers", "p", "--all"), ARGS("feed", "p"),
					       ARGS("audit", "--all")};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		assert_int_equal(command_run(c, NULL, commands[i]), 0);
		for (size_t k = 0; k < NAMES; k++)
			assert_says(c->out, shown[k]);
		assert_null(strstr(c->out, "\xe2\x80\x8b"));
	}
	assert_candor(c, 0, "pool", "list");
	assert_says(c->out, "p\\u{200B} ");
	assert_candor(c, 0, "labeler", "p", names[2]);
	assert_says(c->out, "a\\u{200B}nn");
	assert_candor(c, 0, "query", "p", names[1], "--reports");
	assert_says(c->out, "ann\\u{20}");
	assert_candor(c, 1, "query", "p", "bob\xe2\x80\x8b");
	assert_says(c->err, "\"bob\\u{200B}\"");
	/* Programs get the bytes. */
	assert_candor(c, 0, "labeler", "p", names[2], "--json");
	assert_says(c->out, names[2]);
}

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(wrong_usage_is_exit_code_2_and_points_to_the_help),
		CLI(what_is_abbreviated_or_misspelled_changes_nothing_and_names_what_was_meant),
		CLI(every_command_has_a_help_and_there_is_a_version),
		CLI(rejected_rows_refusals_and_absent_daemons_have_exit_codes_of_their_own),
		CLI(tables_in_a_file_are_plain_text),
		CLI(a_terminal_gets_colors_unless_no_color_is_set),
		CLI(names_that_look_alike_can_be_told_apart_in_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
