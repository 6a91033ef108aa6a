/* Files in and out of the command line: imports that go wrong or are taken up again, feeds, exports. */
#include <stdlib.h>

#include "tests/lib/calls.h"
#include "tests/lib/command.h"
#include "tests/lib/seed.h"

/* ---- import ---- */

static void bad_lines_are_reported_by_number_and_the_others_go_in(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "a,ann,1,1\n"
				  "a,bob,more,1\n" /* 3: no number */
				  "a,cat,0.5,1\n"
				  "a,dan\n" /* 5: too few fields */
				  "a,eve,0.5,0\n" /* 6: another outcome */
				  ",fay,0.5,1\n" /* 7: no item */
				  "a,gil,high,1\n" /* 8: no number */
				  "b,ann,0,0\n"
				  "b,bob,\"0,0\n"); /* 10: a quote that is not closed */
	assert_candor(c, 1, "import", "p", c->file, "--json");
	static const char *const bad[] = {"line 3:", "line 5:", "line 6:", "line 7:", "line 8:", "line 10:"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_says(c->err, bad[i]);
	static const char *const good[] = {"line 1:", "line 2:", "line 4:", "line 9:"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_null(strstr(c->err, good[i]));
	assert_number(c, "bad_lines", 6);
	assert_number(c, "accepted", 3);
	assert_number(c, "resolved", 2);
	assert_candor(c, 0, "query", "p", "a", "b", "--json");
	assert_number(c, "items.0.n", 2);
	assert_number(c, "items.1.n", 1);
}

static void rows_that_the_daemon_rejects_are_reported_by_number_too(void **state)
{
	struct command *c = *state;
	command_fill(c);
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "a,ann,1,1\n"
				  "a,dan,1,1\n" /* 3: a is resolved */
				  "b,ann,0.1,1\n" /* 4: b has the outcome 0 */
				  "d,ann,1,1\n");
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_says(c->err, "line 3: FAILED_PRECONDITION");
	assert_says(c->err, "line 4: FAILED_PRECONDITION");
	assert_number(c, "rejected", 2);
	assert_number(c, "duplicates", 2);
	assert_number(c, "accepted", 1);
}

static void files_without_usable_rows_change_nothing(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,worker,report\na,ann,1\n");
	assert_candor(c, 2, "import", "p", c->file);
	assert_says(c->err, "labeler");
	files_write_text(c->file, "[{\"item\":\"a\",\"labeler\":\"ann\",\"report\":1}]\n");
	assert_candor(c, 2, "import", "p", c->file);
	files_write_text(c->file, "item,labeler,report\n");
	command_run(c, NULL, ARGS("import", "p", c->file));
	assert_candor(c, 3, "pool", "show", "p"); /* a pool is made only when there is a row for it */
}

static void json_lines_csv_and_standard_input_come_to_the_same(void **state)
{
	struct command *c = *state;
	static char csv_list[COMMAND_TEXT_MAX];
	char jsonl[128];
	command_fill(c);
	assert_candor(c, 0, "labelers", "p", "--json");
	snprintf(csv_list, sizeof csv_list, "%s", c->out);
	snprintf(jsonl, sizeof jsonl, "%s.jsonl", c->file);
	files_write_text(jsonl,
			 "{\"item\":\"a\",\"labeler\":\"ann\",\"report\":1,\"outcome\":1}\n"
			 "{\"item\":\"a\",\"labeler\":\"bob\",\"report\":0.25}\n"
			 "\n"
			 "{\"item\":\"a\",\"labeler\":\"cat\",\"report\":0,\"outcome\":null}\n"
			 "{\"item\":\"b\",\"labeler\":\"ann\",\"report\":0.1,\"outcome\":0,\"note\":\"\\u00fc\"}\n"
			 "{\"item\":\"b\",\"labeler\":\"bob\",\"report\":0.3,\"outcome\":0}\n"
			 "{\"item\":\"c\",\"labeler\":\"ann\",\"report\":0.3333333333333333}\n"
			 "{\"item\":\"c\",\"labeler\":\"cat\",\"report\":0.7}\n");
	const char *const *const ways[] = {
		ARGS("import", "by-name", jsonl),
		ARGS("import", "by-look", "-"),
		ARGS("import", "by-word", "-", "--format", "jsonl"),
		ARGS("import", "csv", "-"),
	};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(command_run(c, i == 3 ? c->file : jsonl, ways[i]), 0);
		assert_candor(c, 0, "labelers", ways[i][1], "--json");
		assert_string_equal(c->out, csv_list);
	}
	assert_candor(c, 2, "import", "wrong", jsonl, "--format", "csv");
}

static void an_import_leaves_items_open_when_told_and_ends_them_when_repeated(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome\na,ann,1,1\na,bob,0,1\nb,ann,1,\n");
	assert_candor(c, 0, "import", "p", c->file, "--keep-open", "--json");
	assert_number(c, "accepted", 3);
	assert_number(c, "closed", 0);
	assert_number(c, "resolved", 0);
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_number(c, "open_items", 2);
	assert_candor(c, 0, "report", "p", "a", "bob", "0.5");
	assert_candor(c, 0, "import", "p", c->file, "--json");
	assert_number(c, "duplicates", 2);
	assert_number(c, "revised", 1);
	assert_number(c, "closed", 1);
	assert_number(c, "resolved", 1);
	assert_candor(c, 0, "import", "p", c->file, "--json");
	assert_number(c, "duplicates", 3);
	assert_number(c, "closed", 0);
	assert_number(c, "resolved", 0);
}

enum { CAMPAIGN_ITEMS = 300 };

/* The first items of a campaign with ten labelers, and so many rows of the item after them. */
static void write_campaign(const char *path, size_t items, size_t more)
{
	struct random r;
	random_init(&r, 50, 0);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "item,labeler,report,outcome\n");
	for (size_t i = 0; i < items + (more > 0); i++) {
		double y = random_chance(&r, 0.5) ? random_unit(&r) : 1;
		bool known = random_chance(&r, 0.8);
		for (size_t l = 0; l < 10; l++) {
			double p = random_unit(&r);
			bool answers = l == 0 || random_chance(&r, 0.6);
			if (!answers || (i == items && more == 0))
				continue;
			more -= i == items;
			fprintf(file, known ? "\"item, %zu\",%zu,%.17g,%.17g\n" : "\"item, %zu\",%zu,%.17g,\n", i, l, p,
				y);
		}
	}
	assert_int_equal(fclose(file), 0);
}

static void an_import_that_was_broken_off_and_repeated_comes_to_the_same(void **state)
{
	struct command *c = *state;
	static char want[COMMAND_TEXT_MAX];
	write_campaign(c->file, CAMPAIGN_ITEMS, 0);
	assert_candor(c, 0, "import", "whole", c->file);
	assert_candor(c, 0, "labelers", "whole", "--all", "--json");
	snprintf(want, sizeof want, "%s", c->out);
	/* What an import leaves behind when its connection ends: whole items, and one of which not all is there. */
	write_campaign(c->file, 120, 0);
	assert_candor(c, 0, "import", "parts", c->file);
	write_campaign(c->file, 120, 3);
	assert_candor(c, 0, "import", "parts", c->file, "--keep-open", "--json");
	assert_number(c, "accepted", 3);
	write_campaign(c->file, CAMPAIGN_ITEMS, 0);
	assert_candor(c, 0, "import", "parts", c->file);
	assert_candor(c, 0, "labelers", "parts", "--all", "--json");
	assert_string_equal(c->out, want);
}

/* ---- what trainers take ---- */

/* The names on the feed behind a cursor; then the cursor is the one to go on from. */
static size_t feed(struct command *c, char *cursor, size_t size, const char *limit, char (*names)[32], size_t most)
{
	const char *const *args = *cursor ? ARGS("feed", "p", "--json", "--limit", limit, "--after", cursor)
					  : ARGS("feed", "p", "--json", "--limit", limit);
	assert_int_equal(command_run(c, NULL, args), 0);
	json_t *all = command_lines(c);
	size_t n = json_array_size(all) - 1;
	assert_true(n <= most);
	for (size_t i = 0; i < n; i++)
		snprintf(names[i], sizeof names[i], "%s",
			 json_string_value(json_object_get(json_array_get(all, i), "item")));
	snprintf(cursor, size, "%s", json_string_value(json_object_get(json_array_get(all, n), "next")));
	json_decref(all);
	return n;
}

static void a_feed_in_parts_and_an_export_give_each_closed_item_once_in_order(void **state)
{
	enum { ITEMS = CAMPAIGN_ITEMS };
	struct command *c = *state;
	static char names[ITEMS + 1][32];
	char cursor[256] = "", middle[256];
	write_campaign(c->file, CAMPAIGN_ITEMS, 0);
	assert_candor(c, 0, "import", "p", c->file);
	size_t n = feed(c, cursor, sizeof cursor, "7", names, ITEMS);
	assert_int_equal(n, 7);
	n += feed(c, cursor, sizeof cursor, "113", names + n, ITEMS - n);
	assert_int_equal(n, 120);
	snprintf(middle, sizeof middle, "%s", cursor);
	n += feed(c, cursor, sizeof cursor, "1000000", names + n, ITEMS - n);
	assert_int_equal(n, ITEMS);
	for (size_t i = 0; i < ITEMS; i++) {
		char want[32];
		snprintf(want, sizeof want, "item, %zu", i);
		assert_string_equal(names[i], want);
	}
	/* At the end there is nothing, until there is. */
	assert_int_equal(feed(c, cursor, sizeof cursor, "10", names, 10), 0);
	assert_candor(c, 0, "report", "p", "late", "0", "1");
	assert_candor(c, 0, "close", "p", "late");
	assert_int_equal(feed(c, cursor, sizeof cursor, "10", names, 10), 1);
	assert_string_equal(names[0], "late");

	assert_candor(c, 0, "export", "p", "--format", "jsonl", "--after", middle);
	json_t *all = command_lines(c);
	assert_int_equal(json_array_size(all), ITEMS + 1 - 120);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "item")), "item, 120");
	json_decref(all);
	/* Without --json the cursor stands on stderr. */
	assert_candor(c, 0, "feed", "p", "--limit", "120");
	assert_says(c->err, middle);
}

static void numbers_of_an_export_read_back_as_the_same_numbers(void **state)
{
	struct command *c = *state;
	write_campaign(c->file, CAMPAIGN_ITEMS, 0);
	assert_candor(c, 0, "import", "p", c->file);
	assert_candor(c, 0, "export", "p");
	char *save, *line = strtok_r(c->out, "\n", &save);
	assert_string_equal(
		line, "item,state,mean,median,plain_mean,plain_median,spread,ess,n,outcome,round,eta,weighted_loss,"
		      "opened_at,closed_at,ended_at,forecast,recheck,block");
	struct candor *client = daemon_connect(&c->daemon);
	const struct candor_response *r;
	const struct candor_request request = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 1000};
	assert_int_equal(candor_call(client, &request, &r), 0);
	assert_int_equal(r->n, CAMPAIGN_ITEMS);
	for (size_t i = 0; i < r->n; i++) {
		const struct candor_item *item = &r->items[i];
		const double want[] = {item->mean,   item->median, item->plain_mean, item->plain_median,
				       item->spread, item->ess,    (double)item->n};
		assert_non_null(line = strtok_r(NULL, "\n", &save));
		/* "NAME",STATE,NUMBERS */
		char *at = strstr(line, "\",");
		assert_non_null(at);
		assert_int_equal(strncmp(line + 1, item->item, strlen(item->item)), 0);
		at = strchr(at + 2, ',');
		for (size_t k = 0; k < sizeof want / sizeof *want; k++)
			assert_same_bits(strtod(at + 1, &at), want[k]);
		if (item->state != CANDOR_RESOLVED)
			continue;
		assert_same_bits(strtod(at + 1, &at), item->outcome);
		assert_same_bits(strtod(at + 1, &at), (double)item->round);
		assert_same_bits(strtod(at + 1, &at), item->eta);
		assert_same_bits(strtod(at + 1, &at), item->weighted_loss);
	}
	assert_null(strtok_r(NULL, "\n", &save));
}

static void an_export_for_spreadsheets_has_no_formulas(void **state)
{
	struct command *c = *state;
	static const struct {
		const char *name, *cell;
	} items[] = {
		{"=1+2", "'=1+2"}, {"+1", "'+1"},   {"-1", "'-1"},
		{"@sum", "'@sum"}, {"'=x", "''=x"}, {"=cmd(\"a\",1)", "\"'=cmd(\"\"a\"\",1)\""},
		{"a=b", "a=b"},    {"1-2", "1-2"},
	};
	enum { ITEMS = sizeof items / sizeof *items };
	struct candor *client = daemon_connect(&c->daemon);
	call_create_pool(client, "p");
	for (size_t i = 0; i < ITEMS; i++) {
		call_report(client, "p", items[i].name, "ann", 0.25);
		call_on_item(client, CANDOR_REQ_CLOSE_ITEMS, "p", items[i].name);
	}
	assert_candor(c, 0, "export", "p");
	char *save, *line = strtok_r(c->out, "\n", &save);
	for (size_t i = 0; i < ITEMS; i++) {
		size_t len = strlen(items[i].cell);
		assert_non_null(line = strtok_r(NULL, "\n", &save));
		assert_int_equal(strncmp(line, items[i].cell, len), 0);
		/* Numbers are numbers. */
		assert_int_equal(strncmp(line + len, ",closed,0.25,", 13), 0);
	}
	assert_null(strtok_r(NULL, "\n", &save));
	/* For programs they are what they are. */
	assert_candor(c, 0, "export", "p", "--format", "jsonl");
	json_t *all = command_lines(c);
	for (size_t i = 0; i < ITEMS; i++)
		assert_text_at(json_array_get(all, i), "item", items[i].name);
	json_decref(all);
}

#define CLI(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLI(bad_lines_are_reported_by_number_and_the_others_go_in),
		CLI(rows_that_the_daemon_rejects_are_reported_by_number_too),
		CLI(files_without_usable_rows_change_nothing),
		CLI(json_lines_csv_and_standard_input_come_to_the_same),
		CLI(an_import_leaves_items_open_when_told_and_ends_them_when_repeated),
		CLI(an_import_that_was_broken_off_and_repeated_comes_to_the_same),
		CLI(a_feed_in_parts_and_an_export_give_each_closed_item_once_in_order),
		CLI(numbers_of_an_export_read_back_as_the_same_numbers),
		CLI(an_export_for_spreadsheets_has_no_formulas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
