/* The command line against a daemon whose messages are as short as they can be set: what does not fit into one is told or
 * asked for again, and nothing is lost. */
#include "tests/lib/calls.h"
#include "tests/lib/command.h"

static void start(struct command *c)
{
	assert_int_equal(daemon_stop(&c->daemon), 0);
	daemon_start(&c->daemon, ARGS("--max-frame-bytes", "1K"));
}

static void rejected_items_that_are_not_listed_are_counted(void **state)
{
	struct command *c = *state;
	enum { UNKNOWN = 40 };
	static char names[UNKNOWN][16];
	const char *args[UNKNOWN + 4] = {"void", "p", "known"};
	command_fill(c);
	start(c);
	for (size_t i = 0; i < UNKNOWN; i++) {
		snprintf(names[i], sizeof names[i], "unknown-%u", (unsigned)i);
		args[3 + i] = names[i];
	}
	call_report(daemon_connect(&c->daemon), "p", "known", "ann", 1);
	assert_int_equal(command_run(c, NULL, args), 1);
	assert_non_null(strstr(c->err, "\"unknown-0\": NOT_FOUND"));
	assert_null(strstr(c->err, "\"unknown-39\""));
	const char *more = strstr(c->err, "... and ");
	unsigned n = 0;
	assert_true(more && sscanf(more, "... and %u more", &n) == 1 && n > 0 && n < UNKNOWN);
	for (size_t i = 0; i < UNKNOWN; i++) {
		char quoted[24];
		snprintf(quoted, sizeof quoted, "\"%s\"", names[i]);
		assert_int_equal(strstr(c->err, quoted) != NULL, i < UNKNOWN - n);
	}
	assert_non_null(strstr(c->err, "1 item withdrawn"));
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(rejected_items_that_are_not_listed_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
