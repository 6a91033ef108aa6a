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

/* Each labeler's name, once, in the order of arrival, and the items in the order in which they were named. */
static void all_reports_of_items_are_shown(void **state)
{
	struct command *c = *state;
	enum { LABELERS = 700, AT_A_TIME = 20 };
	static char names[LABELERS][64];
	static struct candor_report rows[LABELERS];
	static const char *const items[] = {"large", "none", "small", "closed"};
	command_fill(c);
	start(c);
	struct candor *good = daemon_connect(&c->daemon);
	for (size_t i = 0; i < LABELERS; i++) {
		snprintf(names[i], sizeof names[i], "labeler-%u-%.*s", (unsigned)i, (int)(i % 20),
			 "--------------------");
		rows[i] = (struct candor_report){.item = "large", .labeler = names[i], .value = (double)i / LABELERS};
	}
	for (size_t i = 0; i < LABELERS; i += AT_A_TIME)
		call_ok(good,
			(struct candor_request){
				.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = AT_A_TIME, .reports = rows + i});
	call_report(good, "p", "small", "ann", 0.5);
	for (size_t i = 0; i < 30; i++)
		call_report(good, "p", "closed", names[i], 0.25);
	call_on_item(good, CANDOR_REQ_CLOSE_ITEMS, "p", "closed");

	assert_candor(c, 1, "query", "p", items[0], items[1], items[2], items[3], "--reports", "--json");
	assert_non_null(strstr(c->err, "\"none\": NOT_FOUND"));
	json_t *document = command_document(c);
	const json_t *list = command_at(document, "items");
	assert_int_equal(json_array_size(list), 3);
	for (size_t i = 0; i < 3; i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = i == 0 ? "large" : i == 1 ? "small" : "closed";
		const json_t *reports = command_at(item, "reports");
		size_t n = i == 0 ? LABELERS : i == 1 ? 1 : 30;
		assert_string_equal(json_string_value(command_at(item, "item")), name);
		assert_int_equal(command_number_at(item, "n"), n);
		assert_int_equal(json_array_size(reports), n);
		for (size_t k = 0; k < n; k++) {
			const json_t *report = json_array_get(reports, k);
			assert_string_equal(json_string_value(command_at(report, "labeler")),
					    i == 1 ? "ann" : names[k]);
			assert_true(command_number_at(report, "value") == (i == 0   ? rows[k].value
									   : i == 1 ? 0.5
										    : 0.25));
		}
	}
	json_decref(document);

	/* For people likewise: an item's row once, then its reports. */
	assert_candor(c, 0, "query", "p", "large", "small", "--reports");
	const char *at = strstr(c->out, "large");
	assert_non_null(at);
	assert_null(strstr(at + 1, "large"));
	for (size_t i = 0; i < LABELERS; i++) {
		char word[80];
		snprintf(word, sizeof word, " %.60s ", names[i]);
		at = strstr(at, word);
		assert_non_null(at);
	}
	assert_non_null(strstr(at, "small"));
}

/* A report on each of n items, whose names are also put into args. */
static void report_items(struct candor *good, char (*names)[32], const char **args, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "item-%u", (unsigned)i);
		call_report(good, "p", names[i], "ann", 0.5);
		args[i] = names[i];
	}
}

/* More names than fit into one request, and more rows than into one answer, are one table. */
static void many_items_are_one_table(void **state)
{
	struct command *c = *state;
	enum { ITEMS = 120 };
	static char names[ITEMS][32];
	const char *args[ITEMS + 3] = {"query", "p"};
	command_fill(c);
	start(c);
	struct candor *good = daemon_connect(&c->daemon);
	report_items(good, names, args + 2, ITEMS);
	assert_int_equal(command_run(c, NULL, args), 0);
	const char *at = strstr(c->out, "median");
	assert_non_null(at);
	assert_null(strstr(at + 1, "median"));
	for (size_t i = 0; i < ITEMS; i++) {
		at = strstr(at, names[i]);
		assert_non_null(at);
	}
}

/* Rows with names as long as can be, so that a few fill a message: each listing gives all of them. */
static void every_listing_goes_on_in_short_pages(void **state)
{
	struct command *c = *state;
	enum { ROWS = 12, LONG = 180 };
	static char names[ROWS][LONG + 16], long_pool[LONG + 1];
	command_fill(c);
	start(c);
	struct candor *good = daemon_connect(&c->daemon);
	memset(long_pool, 'p', LONG);
	call_create_pool(good, long_pool);
	for (size_t i = 0; i < ROWS; i++) {
		int len = snprintf(names[i], sizeof names[i], "%02u", (unsigned)i);
		memset(names[i] + len, 'x', LONG);
		call_create_pool(good, names[i]);
		for (size_t k = 0; k < ROWS; k++)
			call_report(good, long_pool, names[i], k <= i ? names[k] : names[i], 0.5);
		call_resolve(good, long_pool, names[i], 1);
		call_ok(good, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = names[i]});
		const struct candor_grant grant = {names[i], long_pool, "", CANDOR_RIGHT_READ};
		char principal[LONG + 32];
		struct candor_grant own = grant;
		snprintf(principal, sizeof principal, "token:%.*s", LONG + 2, names[i]);
		own.principal = principal;
		call_ok(good, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &own});
	}
	const struct {
		const char *const *args;
		const char *key;
		size_t least;
	} listings[] = {
		{ARGS("pool", "list", "--json"), "name", ROWS + 1},
		{ARGS("labelers", long_pool, "--all", "--json"), "name", ROWS},
		{ARGS("labelers", long_pool, "--all", "--sort", "name", "--json"), "name", ROWS},
		{ARGS("feed", long_pool, "--json"), "item", ROWS},
		{ARGS("labeler", long_pool, names[0], "--history", "--all", "--json"), "item", ROWS},
		{ARGS("grants", "list", "--json"), "principal", ROWS},
		{ARGS("token", "list", "--json"), "name", ROWS},
		{ARGS("audit", "--all", "--json"), "subject", 3 * ROWS},
		{ARGS("audit", "--pool", long_pool, "--all", "--json"), "subject", 2 * ROWS},
	};
	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++) {
		int code = command_run(c, NULL, listings[i].args);
		if (code != 0)
			print_error("%s: %s\n", listings[i].args[0], c->err);
		assert_int_equal(code, 0);
		for (size_t k = 0; k < ROWS; k++) {
			if (!strstr(c->out, names[k]))
				print_error("%s lacks %.2s\n", listings[i].args[0], names[k]);
			assert_non_null(strstr(c->out, names[k]));
		}
		char key[32];
		size_t n = 0;
		snprintf(key, sizeof key, "\"%s\":", listings[i].key);
		for (const char *at = c->out; (at = strstr(at, key)); at++)
			n++;
		if (n < listings[i].least)
			print_error("%s: %zu\n", listings[i].args[0], n);
		assert_true(n >= listings[i].least);
	}
}

/* More names than fit into one request are several, and one result. */
static void many_items_are_closed_and_withdrawn(void **state)
{
	struct command *c = *state;
	enum { ITEMS = 150 };
	static char names[ITEMS][32];
	const char *args[ITEMS + 5] = {"close", "p", [ITEMS + 2] = "unknown"};
	command_fill(c);
	start(c);
	struct candor *good = daemon_connect(&c->daemon);
	report_items(good, names, args + 2, ITEMS);
	assert_int_equal(command_run(c, NULL, args), 1);
	assert_non_null(strstr(c->err, "150 items closed"));
	assert_non_null(strstr(c->err, "\"unknown\": NOT_FOUND"));
	args[0] = "void";
	args[ITEMS + 3] = "--json";
	assert_int_equal(command_run(c, NULL, args), 1);
	json_t *document = command_document(c);
	assert_int_equal(command_number_at(document, "accepted"), ITEMS);
	const json_t *rejected = command_at(document, "rejected");
	assert_int_equal(json_array_size(rejected), 1);
	assert_int_equal(command_number_at(json_array_get(rejected, 0), "index"), ITEMS);
	json_decref(document);
}

#define SMALL(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(rejected_items_that_are_not_listed_are_counted),
		SMALL(all_reports_of_items_are_shown),
		SMALL(many_items_are_one_table),
		SMALL(every_listing_goes_on_in_short_pages),
		SMALL(many_items_are_closed_and_withdrawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
