/* Files that people have, imported into a real daemon: what is in them goes in as it stands, what is not does not, and
 * what may be a mistake is said. */
#include <stdlib.h>

#include "tests/lib/calls.h"
#include "tests/lib/command.h"
#include "tests/lib/seed.h"

#define HEAD "item,labeler,report,outcome\n"

static void assert_nothing(struct command *c, const char *pool)
{
	assert_candor(c, 3, "pool", "show", pool);
}

/* Two pools have the same labelers with the same weights and losses, and the same aggregates. */
static void assert_same_pools(struct command *c, const char *one, const char *other)
{
	json_t *labelers[2], *pools[2];
	const char *const names[] = {one, other};
	for (size_t i = 0; i < 2; i++) {
		assert_candor(c, 0, "labelers", names[i], "--limit", "1000", "--sort", "name", "--json");
		labelers[i] = command_document(c);
		assert_candor(c, 0, "pool", "show", names[i], "--json");
		pools[i] = command_document(c);
		static const char *const own[] = {"name", "created_at", "epoch", "head"};
		for (size_t k = 0; k < sizeof own / sizeof *own; k++)
			json_object_del(pools[i], own[k]);
	}
	assert_true(json_equal(pools[0], pools[1]));
	assert_true(json_equal(labelers[0], labelers[1]));
	for (size_t i = 0; i < 2; i++) {
		json_decref(labelers[i]);
		json_decref(pools[i]);
	}
}

/* ---- what is in a file ---- */

struct campaign_row {
	unsigned item, labeler;
	double report;
	int outcome; /* -1: not known */
};

enum { ROWS = 400, ITEMS = 40, LABELERS = 12 };

/* Each pair of an item and a labeler at most once, item by item. */
static size_t make_rows(struct random *r, struct campaign_row *rows)
{
	size_t n = 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		const int outcome = (int)random_below(r, 3) - 1;
		for (unsigned l = 0; l < LABELERS && n < ROWS; l++)
			if (random_chance(r, 0.7))
				rows[n++] = (struct campaign_row){i, l, (double)random_below(r, 1001) / 1000, outcome};
	}
	return n;
}

static void put_row(FILE *f, const struct campaign_row *row, char separator, const char *comment)
{
	fprintf(f, "i%u%cl%u%c%.3f%c", row->item, separator, row->labeler, separator, row->report, separator);
	if (row->outcome >= 0)
		fprintf(f, "%d", row->outcome);
	if (comment)
		fprintf(f, "%c%s", separator, comment);
}

static void write_plain(const char *path, const struct campaign_row *rows, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(HEAD, f);
	for (size_t i = 0; i < n; i++) {
		put_row(f, &rows[i], ',', NULL);
		fputc('\n', f);
	}
	fclose(f);
}

/* A cell in quotes with things in it that are none outside: rows, quotes, line ends of all kinds. */
static void make_comment(struct random *r, char separator, char *out, size_t size)
{
	static const char *const parts[] = {
		"i1%cl1%c0%c1\n", "\n", "\r\n", "\r", "%c%c%c", "\"\"", "\"\"\n\"\"", "text", "i2%cl2%c1%c0%c\"\"\r\n"};
	size_t at = 1;
	out[0] = '"';
	for (uint64_t n = random_below(r, 8); n > 0; n--)
		for (const char *p = parts[random_below(r, sizeof parts / sizeof *parts)]; *p && at + 3 < size; p++) {
			const bool is_separator = p[0] == '%';
			p += is_separator;
			out[at++] = is_separator ? separator : *p;
		}
	out[at++] = '"';
	out[at] = '\0';
}

/* The same rows among cells of text and bad rows, with any separator and line end. How many are bad. */
static uint64_t write_wild(struct random *r, const char *path, const struct campaign_row *rows, size_t n)
{
	const char separator = ",;\t"[random_below(r, 3)];
	static const char *const ends[] = {"\n", "\r\n"};
	const char *end = ends[random_below(r, 2)];
	char comment[256];
	uint64_t bad = 0;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	if (random_chance(r, 0.5))
		fputs("\xef\xbb\xbf", f);
	fprintf(f, "Item%clabeler%creport %coutcome%cwhat they say%s", separator, separator, separator, separator, end);
	for (size_t i = 0; i < n; i++) {
		if (random_chance(r, 0.2)) {
			static const char *const spoiled[] = {"i%u%cl%u%chigh%c1%c", "i%u%cl%u%c%c%c",
							      "i%u%cl%u\"x%c1%c1%c", "i%u%cl%u%c1%c1%c1%c"};
			make_comment(r, separator, comment, sizeof comment);
			fprintf(f, spoiled[random_below(r, 4)], rows[i].item, separator, rows[i].labeler, separator,
				separator, separator, separator);
			fprintf(f, "%s%s", comment, end);
			bad++;
		}
		make_comment(r, separator, comment, sizeof comment);
		put_row(f, &rows[i], separator, comment);
		fputs(random_chance(r, 0.1) ? end : "", f);
		fputs(end, f);
	}
	fclose(f);
	return bad;
}

static void rows_go_in_as_they_stand_and_nothing_else(void **state)
{
	struct command *c = *state;
	static struct campaign_row rows[ROWS];
	struct random r;
	seed_random(&r, 71);
	for (int round = 0; round < 6; round++) {
		char plain[32], wild[32];
		const size_t n = make_rows(&r, rows);
		snprintf(plain, sizeof plain, "plain-%d", round);
		snprintf(wild, sizeof wild, "wild-%d", round);
		write_plain(c->file, rows, n);
		assert_candor(c, 0, "import", plain, c->file);
		const uint64_t bad = write_wild(&r, c->file, rows, n);
		assert_candor(c, bad > 0 ? 1 : 0, "import", wild, c->file, "--json");
		assert_number(c, "bad_lines", (double)bad);
		assert_number(c, "accepted", (double)n);
		assert_number(c, "rejected", 0);
		assert_same_pools(c, plain, wild);
	}
}

static void rows_in_any_order_end_no_item_before_all_of_it_is_in(void **state)
{
	struct command *c = *state;
	static struct campaign_row rows[ROWS], grouped[ROWS];
	struct random r;
	seed_random(&r, 72);
	const size_t n = make_rows(&r, rows);
	for (size_t i = n - 1; i > 0; i--) {
		const size_t k = random_below(&r, i + 1);
		const struct campaign_row row = rows[i];
		rows[i] = rows[k];
		rows[k] = row;
	}
	/* In the order of the items' first rows. */
	size_t at = 0;
	bool done[ITEMS] = {false};
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i; k < n && !done[rows[i].item]; k++)
			if (rows[k].item == rows[i].item)
				grouped[at++] = rows[k];
		done[rows[i].item] = true;
	}
	assert_int_equal(at, n);
	write_plain(c->file, grouped, n);
	assert_candor(c, 0, "import", "grouped", c->file, "--json");
	json_t *o = command_document(c);
	assert_true(json_is_false(json_object_get(o, "regrouped")));
	json_decref(o);
	write_plain(c->file, rows, n);
	assert_candor(c, 0, "import", "apart", c->file, "--json");
	o = command_document(c);
	assert_true(json_is_true(json_object_get(o, "regrouped")));
	json_decref(o);
	assert_says(c->err, "do not stand together");
	assert_number(c, "accepted", (double)n);
	assert_number(c, "rejected", 0);
	assert_same_pools(c, "grouped", "apart");
	/* Through a pipe, too. */
	assert_int_equal(command_run(c, c->file, ARGS("import", "piped", "-")), 0);
	assert_same_pools(c, "grouped", "piped");
	/* Again: everything is there. */
	assert_candor(c, 0, "import", "apart", c->file, "--json");
	assert_number(c, "duplicates", (double)n);
	assert_number(c, "accepted", 0);
}

/* ---- files that are refused before anything is sent ---- */

static void files_that_may_be_misread_are_refused_as_a_whole(void **state)
{
	struct command *c = *state;
	static const char *const files[][2] = {
		{HEAD "a,ann,3,\nb,ann,7,\nc,bob,1,\n", "report goes from 1 to 7; it must be a number from 0 to 1"},
		{HEAD "a,ann,1,1\nb,ann,0,-1\n", "outcome goes from -1 to 1"},
		{"item;labeler;report\na;ann;50\nb;ann;100\n", "report goes from 50 to 100"},
		{"{\"item\":\"a\",\"labeler\":\"ann\",\"report\":1,\"outcome\":2}\n", "outcome goes from 2 to 2"},
		{"item,labeler,report,Out_come\na,ann,1,1\n", "has \"Out_come\"; did you mean \"outcome\"?"},
		{"item,labeler,report,sequnce\na,ann,1,1\n", "has \"sequnce\"; did you mean \"sequence\"?"},
		{"item,labeler,report,outcome,OUTCOME\na,ann,1,1,0\n", "names \"outcome\" twice"},
		{"item:labeler:report\na:ann:1\n", "commas, semicolons or tabs"},
		{"PK\x03\x04 and so on, as spreadsheets are", "spreadsheet"},
		{"\xff\xfe is the beginning of a file", "UTF-16"},
		{"\x1f\x8b\x08 is another one", "compressed"},
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		files_write_text(c->file, files[i][0]);
		assert_candor(c, 2, "import", "p", c->file, "--json");
		assert_says(c->err, files[i][1]);
		command_failed(c, "invalid-argument", files[i][1]);
		assert_nothing(c, "p");
	}
}

static void bad_objects_cost_themselves_alone(void **state)
{
	struct command *c = *state;
	files_write_text(c->file,
			 "{\"item\":\"a\",\"labeler\":\"ann\",\"report\":0.5,\"Outcome\":1}\n"
			 "{\"item\":\"b\",\"labeler\":\"ann\",\"report\":0.5,\"trace\":18446744073709551616}\n"
			 "{\"item\":\"c\",\"labeler\":\"ann\",\"report\":NaN}\n"
			 "{\"item\":\"d\",\"labeler\":\"ann\",\"report\":0.5,\"text\":\"\\u0000\",\"outcome\":null}\n");
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_says(c->err, "line 1: the object has \"Outcome\", but no \"outcome\"");
	assert_says(c->err, "line 3: not valid JSON: \"report\" is NaN");
	assert_number(c, "bad_lines", 2);
	assert_number(c, "closed", 2);
	json_t *o = command_document(c);
	assert_text_at(o, "ignored.0", "trace");
	assert_text_at(o, "ignored.1", "text");
	json_decref(o);
}

static void a_pipe_that_cannot_be_copied_is_told(void **state)
{
	struct command *c = *state;
	char nowhere[160];
	snprintf(nowhere, sizeof nowhere, "%s/nowhere", c->daemon.dir);
	const char *before = getenv("TMPDIR");
	char *saved = before ? strdup(before) : NULL;
	setenv("TMPDIR", nowhere, 1);
	assert_candor(c, 2, "import", "p", "/dev/null", "--json");
	if (saved)
		setenv("TMPDIR", saved, 1);
	else
		unsetenv("TMPDIR");
	free(saved);
	assert_says(c->err, "cannot copy /dev/null to ");
	assert_says(c->err, "TMPDIR");
	command_failed(c, "not-found", nowhere);
	assert_candor(c, 2, "import", "p", "/dev/null");
	assert_says(c->err, "the file is empty");
}

/* ---- what may be a mistake ---- */

static void assert_warned(struct command *c, size_t i, const char *kind, double count, const char *words)
{
	char path[32];
	json_t *o = command_document(c);
	snprintf(path, sizeof path, "warnings.%zu.kind", i);
	assert_text_at(o, path, kind);
	snprintf(path, sizeof path, "warnings.%zu.count", i);
	assert_near(command_number_at(o, path), count, 0);
	snprintf(path, sizeof path, "warnings.%zu.message", i);
	assert_says(json_string_value(command_at(o, path)), words);
	assert_says(c->err, words);
	json_decref(o);
}

static void each_kind_of_mistake_is_warned_of_once(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, HEAD "q1,ann,1,\nq1,Ann,1,\nq1,bob ,1,\nq2,5,0,\nq2,5.0,0,\nq2,6,0,\nq2,6.00,1,\n"
				       "8.80012E+12,ann,1,\nq4,cat,0.1,\nq4,cat,0.2,\nq4,cat,0.2,\nq4,cat,0.3,1\n");
	assert_candor(c, 0, "import", "p", c->file, "--json");
	assert_warned(c, 0, "names-alike", 1, "labelers \"ann\" and \"Ann\"");
	assert_warned(c, 1, "names-invisible", 1, "labeler \"bob\\u{20}\"");
	assert_warned(c, 2, "numbers-alike", 2, "labelers \"5\" and \"5.0\"");
	assert_warned(c, 3, "numbers-rounded", 1, "item \"8.80012E+12\"");
	assert_warned(c, 4, "several-answers", 2, "\"cat\" on \"q4\", lines 10 and 11");
	assert_number(c, "without_outcome", 11);
	assert_says(c->err, "11 rows have no outcome");
	/* The next day. */
	files_write_text(c->file, HEAD "q1,ann,1,\nq1,dan,1,\nq4,dan,1,1\nq5,dan,1,\n");
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_warned(c, 0, "ended-before", 2, "first: line 3");
	assert_says(c->err, "--keep-open");
	assert_number(c, "rejected", 2);
	assert_number(c, "accepted", 1);
}

static void a_file_without_mistakes_is_not_warned_of(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, HEAD "q1,ann,1,1\nq1,bob,1.0,1\nq2,ann,0,0\nq1-b,ann,0,0\n");
	assert_candor(c, 0, "import", "p", c->file, "--json");
	assert_null(strstr(c->err, "warning"));
	assert_null(strstr(c->err, "ignored"));
	assert_null(strstr(c->err, "outcome"));
}

static void an_item_takes_so_many_reports_and_the_limit_is_named(void **state)
{
	struct command *c = *state;
	enum { MOST = 65535, MORE = 3 };
	FILE *f = fopen(c->file, "w");
	assert_non_null(f);
	fputs("item,labeler,report\n", f);
	for (int i = 0; i < MOST + MORE; i++)
		fprintf(f, "a,l%d,0.5\n", i);
	fclose(f);
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_number(c, "accepted", MOST);
	assert_number(c, "rejected", MORE);
	assert_says(c->err, "line 65537: RESOURCE_EXHAUSTED");
	assert_says(c->err, "65,535");
}

static void a_report_with_a_sequence_replaces_those_before_it_in_any_order(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,sequence\na,ann,0.3,3\na,ann,0.1,1\na,ann,0.2,2\na,bob,0.5,\n");
	assert_candor(c, 0, "import", "p", c->file, "--json", "--keep-open");
	assert_null(strstr(c->err, "warning"));
	assert_number(c, "accepted", 2);
	assert_number(c, "duplicates", 2);
	assert_candor(c, 0, "query", "p", "a", "--reports", "--json");
	assert_number(c, "items.0.reports.0.value", 0.3);
}

static void what_an_export_has_of_items_without_an_outcome_is_nothing_to_resolve(void **state)
{
	struct command *c = *state;
	command_fill(c);
	assert_candor(c, 0, "export", "p", "--format", "jsonl");
	files_write_text(c->file, c->out);
	assert_candor(c, 1, "import", "p", c->file, "--json");
	assert_number(c, "resolved", 0);
}

/* ---- small frames ---- */

static void start_small(struct command *c, const char *size)
{
	assert_int_equal(daemon_stop(&c->daemon), 0);
	daemon_start(&c->daemon, ARGS("--max-frame-bytes", size));
}

/* The longest names there are, each another. */
static const char *long_name(char *out, char letter, unsigned i)
{
	memset(out, letter, 255);
	out[snprintf(out, 255, "%c%u", letter, i)] = '-';
	out[255] = '\0';
	return out;
}

static void an_import_works_at_any_length_of_frames(void **state)
{
	struct command *c = *state;
	static const char *const sizes[] = {"1K", "1500", "3K", "64K"};
	char item[256], labeler[256];
	FILE *f = fopen(c->file, "w");
	assert_non_null(f);
	fputs("item,labeler,report\n", f);
	for (unsigned i = 0; i < 600; i++)
		fprintf(f, "%s,%s,0.5\n", i % 3 ? "short" : long_name(item, 'i', i / 3),
			i % 2 ? long_name(labeler, 'l', i) : "ann");
	for (unsigned i = 0; i < 600; i++)
		fprintf(f, "x%u,l%u,0.5\n", i / 5, i % 5);
	fclose(f);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char pool[256];
		start_small(c, sizes[i]);
		assert_candor(c, 0, "import", long_name(pool, 'p', (unsigned)i), c->file, "--json");
		assert_number(c, "rejected", 0);
		assert_number(c, "accepted", 200 + 1 + 200 + 600);
	}
}

/* The reasons name the principal and the labeler, so that an answer has room for two or three. */
static void each_rejected_row_is_found_though_answers_are_short(void **state)
{
	struct command *c = *state;
	enum { ROUNDS = 100 };
	char token[160], labeler[256], name[CANDOR_TOKEN_NAME_MAX + 1];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	start_small(c, "1K");
	struct candor *owner = daemon_connect(&c->daemon);
	call_create_pool(owner, "p");
	snprintf(token, sizeof token, "%s/token", c->daemon.dir);
	assert_candor(c, 0, "token", "new", name, "report", "--pool", "p", "--labelers", "me/", "--out", token);
	FILE *f = fopen(c->file, "w");
	assert_non_null(f);
	fputs("item,labeler,report\n", f);
	for (unsigned i = 0; i < ROUNDS; i++)
		for (char letter = 'k'; letter <= 'm'; letter++)
			fprintf(f, "a,%.120s,0.5\na,me/%c,%g\n", long_name(labeler, letter, i), letter,
				(i + 1) / 1000.0);
	fclose(f);
	assert_candor(c, 1, "--token-file", token, "import", "p", c->file, "--json", "--keep-open");
	assert_number(c, "rejected", 3 * ROUNDS);
	assert_number(c, "accepted", 3);
	assert_number(c, "revised", 3 * (ROUNDS - 1));
	assert_number(c, "duplicates", 0);
	unsigned line, listed = 0;
	for (const char *at = c->err; (at = strstr(at, "candor: line ")); at++, listed++) {
		assert_int_equal(sscanf(at, "candor: line %u: PERMISSION_DENIED", &line), 1);
		assert_int_equal(line % 2, 0);
	}
	assert_int_equal(listed, 20);
	assert_says(c->err, "... and 280 more");
	/* What was sent again to find them has undone nothing. */
	struct candor_request query = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .with_reports = true};
	query.items = (const char *const[]){"a"};
	const struct candor_response *r = call_ok(owner, query);
	assert_int_equal(r->items[0].n_reports, 3);
	for (size_t i = 0; i < 3; i++)
		assert_near(r->items[0].reports[i].value, ROUNDS / 1000.0, 0);
}

#define IMPORT(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IMPORT(rows_go_in_as_they_stand_and_nothing_else),
		IMPORT(rows_in_any_order_end_no_item_before_all_of_it_is_in),
		IMPORT(files_that_may_be_misread_are_refused_as_a_whole),
		IMPORT(bad_objects_cost_themselves_alone),
		IMPORT(a_pipe_that_cannot_be_copied_is_told),
		IMPORT(each_kind_of_mistake_is_warned_of_once),
		IMPORT(a_file_without_mistakes_is_not_warned_of),
		IMPORT(an_item_takes_so_many_reports_and_the_limit_is_named),
		IMPORT(a_report_with_a_sequence_replaces_those_before_it_in_any_order),
		IMPORT(what_an_export_has_of_items_without_an_outcome_is_nothing_to_resolve),
		IMPORT(an_import_works_at_any_length_of_frames),
		IMPORT(each_rejected_row_is_found_though_answers_are_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
