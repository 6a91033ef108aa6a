/* The command line as its users meet it: exit codes, JSON that programs can rely on, tables for files and terminals. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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

static void every_command_has_a_help_and_there_is_a_version(void **state)
{
	struct command *c = *state;
	static const char *const commands[] = {"ping",   "info",     "pool",     "report",  "close", "resolve",
					       "void",   "query",    "labelers", "labeler", "feed",  "import",
					       "export", "simulate", "evaluate", "grants",  "token", "audit"};
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

/* ---- JSON ---- */

/* Exactly these keys, separated by spaces; "?" behind one that may be missing. */
static void assert_keys(const json_t *o, const char *keys)
{
	char list[512], *save, *rest = list;
	size_t n = 0;
	assert_true(json_is_object(o));
	snprintf(list, sizeof list, "%s", keys);
	for (char *key; (key = strtok_r(rest, " ", &save)); rest = NULL) {
		size_t len = strlen(key);
		bool optional = key[len - 1] == '?';
		key[len - optional] = 0;
		if (json_object_get(o, key))
			n++;
		else if (!optional)
			print_error("there is no \"%s\"\n", key);
		assert_true(optional || json_object_get(o, key));
	}
	assert_int_equal(json_object_size(o), n);
}

static const char pool_keys[] = "name settings created_at labelers open_items closed_items resolved_items void_items "
				"round epoch eta scored t_eff total_weight mean_loss median_loss plain_mean_loss "
				"plain_median_loss head? best?";
static const char item_keys[] = "item state mean median plain_mean plain_median spread ess n opened_at closed_at? "
				"ended_at? outcome? round? eta? weighted_loss? reports?";
static const char labeler_keys[] = "name weight scored own_loss mean_loss regret entry";
static const char batch_keys[] = "accepted duplicates revised rejected";

static void check_document(struct command *c, const char *keys, const char *array, const char *row_keys)
{
	json_t *o = command_document(c), *row;
	size_t i;
	assert_keys(o, keys);
	if (array) {
		assert_true(json_array_size(json_object_get(o, array)) > 0);
		json_array_foreach(json_object_get(o, array), i, row) assert_keys(row, row_keys);
	}
	json_decref(o);
}

static void json_has_stable_keys_for_every_command(void **state)
{
	struct command *c = *state;
	command_fill(c);
	assert_candor(c, 0, "--json", "ping");
	check_document(c, "server protocol round_trip_ms", NULL, NULL);
	assert_candor(c, 0, "info", "--json");
	check_document(
		c,
		"version protocol uptime_ms started_at pools labelers open_items connections committed reports "
		"settlements read_only reason database_bytes commits memory_bytes memory_limit resident_bytes resident_items "
		"database principal heads",
		NULL, NULL);
	assert_candor(c, 0, "pool", "create", "q", "--share", "0.01", "--json");
	check_document(c, pool_keys, NULL, NULL);
	assert_candor(c, 0, "pool", "set", "q", "--c", "0.5", "--json");
	check_document(c, pool_keys, NULL, NULL);
	assert_candor(c, 0, "pool", "list", "--json");
	check_document(c, "pools", "pools", pool_keys);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	check_document(c, pool_keys, NULL, NULL);
	json_t *o = command_document(c);
	assert_keys(json_object_get(o, "settings"), "rate c beta eta horizon share entry");
	assert_keys(json_object_get(o, "best"), "labeler scored own_loss mean_loss regret settled_loss bound");
	json_decref(o);
	assert_candor(c, 0, "report", "p", "open", "bob", "0.5", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 1, "close", "p", "open", "never", "--json");
	check_document(c, batch_keys, "rejected", "index code message");
	assert_candor(c, 0, "resolve", "p", "open", "1", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 0, "void", "p", "c", "--json");
	check_document(c, batch_keys, NULL, NULL);
	assert_candor(c, 0, "query", "p", "a", "c", "void", "--reports", "--json");
	check_document(c, "items", "items", item_keys);
	assert_candor(c, 0, "labelers", "p", "--json");
	check_document(c, "total total_weight labelers", "labelers", labeler_keys);
	assert_candor(c, 0, "labeler", "p", "ann", "--json");
	check_document(c, labeler_keys, NULL, NULL);
	assert_candor(c, 1, "import", "p", c->file, "--json"); /* what was voided takes no reports */
	check_document(
		c,
		"pool created items accepted duplicates revised closed resolved rejected bad_lines skipped complete "
		"seconds",
		NULL, NULL);
}

static void json_lines_have_stable_keys(void **state)
{
	struct command *c = *state;
	json_t *all;
	command_fill(c);
	assert_candor(c, 0, "labeler", "p", "ann", "--history", "--json");
	all = command_lines(c);
	assert_int_equal(json_array_size(all), 1 + 2);
	assert_keys(json_array_get(all, 0), labeler_keys);
	for (size_t i = 1; i < 3; i++)
		assert_keys(json_array_get(all, i),
			    "round item report outcome loss weighted_loss mean eta weight epoch at");
	json_decref(all);
	assert_candor(c, 0, "feed", "p", "--json");
	all = command_lines(c);
	assert_int_equal(json_array_size(all), 3 + 1);
	for (size_t i = 0; i < 3; i++)
		assert_keys(json_array_get(all, i), item_keys);
	assert_keys(json_array_get(all, 3), "next");
	json_decref(all);
	assert_candor(c, 0, "export", "p", "--format", "jsonl");
	all = command_lines(c);
	assert_int_equal(json_array_size(all), 3);
	for (size_t i = 0; i < 3; i++)
		assert_keys(json_array_get(all, i), item_keys);
	json_decref(all);
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

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(wrong_usage_is_exit_code_2_and_points_to_the_help),
		CLI(every_command_has_a_help_and_there_is_a_version),
		CLI(rejected_rows_refusals_and_absent_daemons_have_exit_codes_of_their_own),
		CLI(json_has_stable_keys_for_every_command),
		CLI(json_lines_have_stable_keys),
		CLI(tables_in_a_file_are_plain_text),
		CLI(a_terminal_gets_colors_unless_no_color_is_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
