/* Outcomes that come together, second verdicts, and what items are now, from the command line to the database. */
#include <stdlib.h>

#include "tests/lib/calls.h"
#include "tests/lib/campaign.h"
#include "tests/lib/command.h"

#define HEAD "item,labeler,report,outcome,block\n"

static void report(struct command *c, const char *pool, const char *item, double ann, double bob)
{
	struct candor *client = daemon_connect(&c->daemon);
	call_report(client, pool, item, "ann", ann);
	call_report(client, pool, item, "bob", bob);
	daemon_disconnect(&c->daemon, client);
}

static void create(struct command *c, const char *pool)
{
	assert_candor(c, 0, "pool", "create", pool);
}

/* All that pools and labelers have learned, as one text; the caller's. */
static char *state_of(struct command *c, const char *pool)
{
	assert_candor(c, 0, "labelers", pool, "--all", "--sort", "name", "--json");
	char *labelers = strdup(c->out);
	assert_candor(c, 0, "pool", "show", pool, "--json");
	json_t *o = command_document(c);
	static const char *const own[] = {"name", "created_at", "head"};
	for (size_t k = 0; k < sizeof own / sizeof *own; k++)
		json_object_del(o, own[k]);
	char *shown = json_dumps(o, JSON_SORT_KEYS | JSON_REAL_PRECISION(17)), *all;
	assert_true(asprintf(&all, "%s%s", labelers, shown) > 0);
	json_decref(o);
	free(labelers);
	free(shown);
	return all;
}

static void assert_same_state(struct command *c, const char *one, const char *other)
{
	char *a = state_of(c, one), *b = state_of(c, other);
	assert_string_equal(a, b);
	free(a);
	free(b);
}

/* ---- resolve ---- */

static void fill(struct command *c, const char *pool)
{
	create(c, pool);
	report(c, pool, "a", 0.9, 0.4);
	report(c, pool, "b", 0.2, 0.6);
	report(c, pool, "c", 0.7, 0.7);
}

static void pairs_are_resolved_in_their_order_and_together_at_once(void **state)
{
	struct command *c = *state;
	fill(c, "single");
	fill(c, "pairs");
	fill(c, "block");
	assert_candor(c, 0, "resolve", "single", "a", "1");
	assert_says(c->err, "resolved\n");
	assert_candor(c, 0, "resolve", "single", "b=0");
	assert_candor(c, 0, "resolve", "single", "c", "1");
	assert_candor(c, 0, "resolve", "pairs", "a=1", "b=0", "c=1");
	assert_says(c->err, "3 items resolved\n");
	assert_same_state(c, "single", "pairs");
	assert_candor(c, 0, "resolve", "block", "--together", "a=1", "b=0", "c=1");
	assert_says(c->err, "3 items resolved together\n");
	char *one = state_of(c, "single"), *block = state_of(c, "block");
	assert_string_not_equal(one, block);
	free(one);
	/* Again: nothing changes, whatever the order. */
	assert_candor(c, 0, "resolve", "block", "--together", "c=1", "a=1", "b=0", "--json");
	assert_number(c, "duplicates", 3);
	assert_number(c, "accepted", 0);
	char *again = state_of(c, "block");
	assert_string_equal(again, block);
	free(again);
	free(block);
	assert_candor(c, 0, "query", "block", "a", "b", "c", "--json");
	for (int i = 0; i < 3; i++) {
		char path[32];
		snprintf(path, sizeof path, "items.%d.block", i);
		assert_number(c, path, 1);
	}
	assert_candor(c, 0, "query", "single", "a", "--json");
	json_t *o = command_document(c);
	assert_null(command_at(o, "items.0.block"));
	json_decref(o);
	assert_candor(c, 0, "labeler", "block", "ann", "--history");
	assert_says(c->out, "block");
}

static void a_block_with_a_bad_row_changes_nothing(void **state)
{
	struct command *c = *state;
	fill(c, "p");
	report(c, "p", "void", 1, 1);
	assert_candor(c, 0, "void", "p", "void");
	char *before = state_of(c, "p");
	assert_candor(c, 3, "resolve", "p", "--together", "a=1", "none=0", "b=0");
	assert_says(c->err, "NOT_FOUND");
	assert_says(c->err, "none");
	assert_candor(c, 3, "resolve", "p", "--together", "a=1", "void=0");
	assert_says(c->err, "FAILED_PRECONDITION");
	assert_candor(c, 3, "resolve", "p", "--together", "a=1", "a=1");
	assert_says(c->err, "INVALID_ARGUMENT");
	char *after = state_of(c, "p");
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void outcomes_are_pairs_or_an_item_and_a_number(void **state)
{
	struct command *c = *state;
	create(c, "p");
	report(c, "p", "a=b", 1, 0);
	report(c, "p", "0", 1, 0);
	assert_candor(c, 2, "resolve", "p", "a");
	assert_says(c->err, "\"a\" is not of the form ITEM=Y");
	assert_candor(c, 2, "resolve", "p", "a", "b");
	assert_says(c->err, "Y is \"b\"");
	assert_candor(c, 2, "resolve", "p", "a=1", "b=2");
	assert_says(c->err, "the Y of \"b\" is \"2\"; it must be a number from 0 to 1");
	assert_candor(c, 2, "resolve", "p", "a=1", "b=1", "c");
	assert_candor(c, 2, "resolve", "p", "=1");
	/* A name may have a "=", and be a number. */
	assert_candor(c, 0, "resolve", "p", "a=b=1");
	assert_candor(c, 0, "resolve", "p", "0", "0");
	assert_candor(c, 0, "query", "p", "a=b", "0", "--json");
	assert_number(c, "items.0.outcome", 1);
	assert_number(c, "items.1.outcome", 0);
}

/* ---- imports ---- */

static void an_import_settles_blocks_as_resolve_does(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, HEAD "a,ann,0.9,1,w\na,bob,0.4,1,w\nx,ann,0.5,0,\nx,bob,0.8,0,\n"
				       "b,ann,0.2,0,w\nb,bob,0.6,0,w\ny,ann,0.3,,w\nc,ann,0.7,1,v\nc,bob,0.7,1,v\n");
	assert_candor(c, 0, "import", "file", c->file, "--json");
	assert_number(c, "blocks", 1);
	assert_number(c, "resolved", 4);
	assert_number(c, "closed", 1);
	create(c, "hand");
	report(c, "hand", "a", 0.9, 0.4);
	assert_candor(c, 0, "close", "hand", "a");
	report(c, "hand", "x", 0.5, 0.8);
	assert_candor(c, 0, "resolve", "hand", "x", "0");
	report(c, "hand", "b", 0.2, 0.6);
	assert_candor(c, 0, "close", "hand", "b");
	assert_candor(c, 0, "resolve", "hand", "--together", "a=1", "b=0");
	assert_candor(c, 0, "report", "hand", "y", "ann", "0.3");
	assert_candor(c, 0, "close", "hand", "y");
	report(c, "hand", "c", 0.7, 0.7);
	assert_candor(c, 0, "resolve", "hand", "c", "1");
	assert_same_state(c, "file", "hand");
	/* Again: nothing changes. */
	assert_candor(c, 0, "import", "file", c->file, "--json");
	assert_number(c, "blocks", 0);
	assert_number(c, "resolved", 0);
	assert_number(c, "rejected", 0);
	assert_same_state(c, "file", "hand");
}

static void a_block_that_cannot_be_settled_is_listed(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, HEAD "a,ann,0.9,1,w\nb,ann,0.2,0,w\nc,ann,0.7,1,v\nd,ann,0.7,1,v\n");
	assert_candor(c, 0, "import", "p", c->file, "--keep-open");
	assert_candor(c, 0, "resolve", "p", "b", "0");
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_says(c->err, "line 2: FAILED_PRECONDITION: block \"w\" with its 2 outcomes was not settled: ");
	assert_number(c, "blocks", 1);
	assert_number(c, "resolved", 2);
	assert_number(c, "rejected", 2);
	assert_candor(c, 0, "query", "p", "a", "c", "--json");
	json_t *o = command_document(c);
	assert_text_at(o, "items.0.state", "closed");
	assert_text_at(o, "items.1.state", "resolved");
	json_decref(o);
}

/* An export has the blocks, and an import of its outcomes settles as before. */
static void an_export_brings_its_blocks_along(void **state)
{
	struct command *c = *state;
	static char rows[COMMAND_TEXT_MAX];
	campaign_write_blocks(c->file, 60, 3);
	assert_candor(c, 0, "import", "one", c->file);
	assert_candor(c, 0, "import", "two", c->file, "--keep-open");
	assert_candor(c, 0, "export", "one");
	snprintf(rows, sizeof rows, "%s", c->out);
	files_write_text(c->file, rows);
	assert_candor(c, 0, "import", "two", c->file, "--format", "csv", "--json");
	assert_true(command_number(c, "blocks") > 0);
	const double resolved = command_number(c, "resolved");
	assert_candor(c, 0, "pool", "show", "one", "--json");
	assert_number(c, "resolved_items", resolved);
	assert_candor(c, 0, "pool", "show", "two", "--json");
	assert_number(c, "resolved_items", resolved);
}

/* ---- rechecks ---- */

static void rechecks_are_kept_and_tell_how_many_outcomes_are_wrong(void **state)
{
	struct command *c = *state;
	fill(c, "p");
	assert_candor(c, 0, "resolve", "p", "a=1", "b=0");
	char *before = state_of(c, "p");
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "rechecks   none");
	assert_candor(c, 0, "recheck", "p", "a", "1");
	assert_says(c->err, "rechecked\n");
	assert_candor(c, 0, "recheck", "p", "a", "1");
	assert_says(c->err, "unchanged\n");
	assert_candor(c, 1, "recheck", "p", "a=0", "c=1", "none=1", "b=1");
	assert_says(c->err, "\"a\": FAILED_PRECONDITION: ");
	assert_says(c->err, "\"c\": FAILED_PRECONDITION: ");
	assert_says(c->err, "\"none\": NOT_FOUND: ");
	assert_says(c->err, "1 item rechecked\n");
	assert_candor(c, 0, "query", "p", "a", "b", "c", "--json");
	assert_number(c, "items.0.recheck", 1);
	assert_number(c, "items.1.recheck", 1);
	assert_candor(c, 0, "query", "p", "b");
	assert_says(c->out, "0 (1)");
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_number(c, "rechecks.n", 2);
	assert_number(c, "rechecks.disagree", 1);
	assert_number(c, "rechecks.wrong", 0.5);
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "rechecks   2, 1 of which disagrees with the outcome\n");
	assert_says(c->out, "so 50 % of the outcomes are wrong, 95 % interval ");
	assert_says(c->out, "the setting wrong says 0 %, which is too low\n");
	/* They settle nothing. */
	char *after = state_of(c, "p"), *shown = strstr(after, "\"rechecks\"");
	assert_non_null(shown);
	assert_int_equal(strncmp(after, before, 200), 0);
	free(before);
	free(after);
	assert_candor(c, 0, "audit", "--pool", "p", "--all");
	assert_says(c->out, "recheck");
}

/* ---- settings, now and labels ---- */

static void settings_of_what_outcomes_are_can_be_set_and_unset(void **state)
{
	struct command *c = *state;
	assert_candor(c, 0, "pool", "create", "p", "--wrong", "0.1", "--scored", "3", "--signs", "free", "--json");
	assert_number(c, "settings.wrong", 0.1);
	assert_number(c, "settings.scored", 3);
	json_t *o = command_document(c);
	assert_text_at(o, "settings.signs", "free");
	json_decref(o);
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "wrong 0.1, scored 3, signs free\n");
	/* What is not given stays; 0 is a value. */
	assert_candor(c, 0, "pool", "set", "p", "--wrong", "0", "--json");
	assert_number(c, "settings.wrong", 0);
	assert_number(c, "settings.scored", 3);
	assert_candor(c, 0, "pool", "set", "p", "--scored", "0", "--signs", "positive");
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "wrong 0, scored all, signs positive\n");
	assert_candor(c, 2, "pool", "set", "p", "--wrong", "0.5");
	assert_candor(c, 2, "pool", "set", "p", "--scored", "-1");
	assert_candor(c, 2, "pool", "set", "p", "--signs", "both");
	assert_says(c->err, "--signs is \"both\"; it must be positive or free");
}

static void now_and_label_are_there_when_they_are_asked_for(void **state)
{
	struct command *c = *state;
	fill(c, "p");
	assert_candor(c, 0, "close", "p", "b");
	assert_candor(c, 0, "resolve", "p", "a", "1");
	assert_candor(c, 0, "query", "p", "a", "b", "c", "--json");
	json_t *o = command_document(c);
	assert_null(command_at(o, "items.1.now"));
	assert_null(command_at(o, "items.1.label"));
	json_decref(o);
	assert_candor(c, 0, "query", "p", "a", "b", "c", "--now", "--json");
	o = command_document(c);
	assert_null(command_at(o, "items.0.now"));
	assert_number(c, "items.0.label", 1);
	const double now = command_number(c, "items.1.now.forecast"), frozen = command_number(c, "items.1.forecast");
	assert_true(now != frozen); /* the pool has learned since */
	assert_number(c, "items.1.label", now);
	assert_number(c, "items.2.label", command_number(c, "items.2.now.forecast"));
	/* While it is open it is current. */
	assert_number(c, "items.2.forecast", command_number(c, "items.2.now.forecast"));
	assert_non_null(command_at(o, "items.1.now.evidence_full"));
	json_decref(o);
	assert_candor(c, 0, "query", "p", "b", "--now");
	assert_says(c->out, "now");
	assert_says(c->out, "label");
	assert_candor(c, 0, "feed", "p", "--now", "--json");
	json_t *lines = command_lines(c);
	assert_near(command_number_at(lines, "0.label"), now, 0);
	json_decref(lines);
	assert_candor(c, 2, "feed", "p", "--now", "--changes");
	assert_says(c->err, "--now does not go with --changes");

	assert_candor(c, 0, "export", "p", "--now");
	char *save, *line = strtok_r(c->out, "\n", &save);
	assert_says(line, ",forecast,recheck,block,now,label");
	line = strtok_r(NULL, "\n", &save); /* b */
	const char *label = strrchr(line, ',');
	assert_same_bits(strtod(label + 1, NULL), now);
	line = strtok_r(NULL, "\n", &save); /* a */
	assert_string_equal(strrchr(line, ','), ",1");
}

static void the_forecast_comes_first(void **state)
{
	struct command *c = *state;
	fill(c, "p");
	assert_candor(c, 0, "query", "p", "a", "--reports");
	char *forecast = strstr(c->out, "forecast"), *mean = strstr(c->out, " mean"),
	     *plain = strstr(c->out, "plain mean");
	assert_true(forecast && mean && plain && forecast < mean && mean < plain);
	assert_says(c->out, "forecast of: plain_mean 0.6500, mean 0.6500, regression ");
	assert_candor(c, 0, "resolve", "p", "a=1", "b=0");
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "\nforecast ");
	assert_says(c->out, "(the forecast is made of ");
	assert_says(c->out, "never exceeds it\n");
	assert_candor(c, 0, "labeler", "p", "ann");
	assert_says(c->out, "gain  ");
	assert_says(c->out, "never above its bound of ");
}

#define TOGETHER(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOGETHER(pairs_are_resolved_in_their_order_and_together_at_once),
		TOGETHER(a_block_with_a_bad_row_changes_nothing),
		TOGETHER(outcomes_are_pairs_or_an_item_and_a_number),
		TOGETHER(an_import_settles_blocks_as_resolve_does),
		TOGETHER(a_block_that_cannot_be_settled_is_listed),
		TOGETHER(an_export_brings_its_blocks_along),
		TOGETHER(rechecks_are_kept_and_tell_how_many_outcomes_are_wrong),
		TOGETHER(settings_of_what_outcomes_are_can_be_set_and_unset),
		TOGETHER(now_and_label_are_there_when_they_are_asked_for),
		TOGETHER(the_forecast_comes_first),
	};
	return cmocka_run_group_tests_name("together", tests, NULL, NULL);
}
