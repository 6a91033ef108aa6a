/* The files that `candor evaluate` reads: every form that `candor import` reads, and what becomes of bad ones. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/random.h"
#include "tests/lib/command.h"

/* Two graded outcomes, one that is not known, three labelers. */
static const char small[] = "item,labeler,report,outcome\n"
			    "a,ann,1,0.9\na,bob,0.25,0.9\na,cat,0,0.9\n"
			    "b,ann,0.1,0.2\nb,bob,0.3,0.2\n"
			    "c,ann,0.3333333333333333,\nc,cat,0.7,\n"
			    "d,ann,0.8,1\nd,bob,0.4,1\n";

/* ---- forms ---- */

/* What evaluate says of a file, without the file's name. The caller's. */
static json_t *evaluated(struct command *c, const char *path, const char *input)
{
	assert_int_equal(command_run(c, input, ARGS("evaluate", path, "--json")), 0);
	assert_string_equal(c->err, "");
	json_t *o = command_document(c);
	json_object_del(json_array_get(json_object_get(o, "files"), 0), "file");
	return o;
}

static void csv_json_lines_and_standard_input_come_to_the_same(void **state)
{
	struct command *c = *state;
	char other[128];
	static const char *const forms[] = {
		/* A byte order mark, CRLF, other columns in another order, quoted names. */
		"\xef\xbb\xbfoutcome,note,report,labeler,item\r\n"
		"0.9,,1,\"ann\",a\r\n0.9,\"1, \"\"2\"\"\",0.25,bob,a\r\n,,0,cat,\"a\"\r\n"
		"\r\n"
		"0.2,,1e-1,ann,b\r\n0.2,,.3,bob,b\r\n"
		",,0.3333333333333333,ann,c\r\n,,0.70,cat,c\r\n"
		"1,,0.8,ann,d\r\n1,\"two\r\nlines\",0.4,bob,d",
		"{\"item\":\"a\",\"labeler\":\"ann\",\"report\":1}\n"
		"{\"item\":\"a\",\"labeler\":\"bob\",\"report\":0.25,\"outcome\":null}\n"
		"{\"item\":\"a\",\"labeler\":\"cat\",\"report\":0,\"outcome\":0.9}\n\n"
		"{\"outcome\":0.2,\"item\":\"b\",\"labeler\":\"ann\",\"report\":0.1,\"note\":[1]}\n"
		"{\"item\":\"b\",\"labeler\":\"b\\u006fb\",\"report\":0.3}\n"
		"{\"item\":\"c\",\"labeler\":\"ann\",\"report\":0.3333333333333333}\n"
		"{\"item\":\"c\",\"labeler\":\"cat\",\"report\":0.7}\n"
		"{\"item\":\"d\",\"labeler\":\"ann\",\"report\":0.8,\"outcome\":1}\n"
		"{\"item\":\"d\",\"labeler\":\"bob\",\"report\":0.4,\"outcome\":1}",
	};
	files_write_text(c->file, small);
	json_t *want = evaluated(c, c->file, NULL);
	snprintf(other, sizeof other, "%s-other", c->file);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		files_write_text(other, forms[i]);
		json_t *named = evaluated(c, other, NULL), *piped = evaluated(c, "-", other);
		assert_true(json_equal(named, want));
		assert_true(json_equal(piped, want));
		json_decref(named);
		json_decref(piped);
	}
	json_decref(want);
}

static void names_with_commas_quotes_and_other_scripts_stay_as_they_are(void **state)
{
	struct command *c = *state;
	files_write_text(c->file, "item,labeler,report,outcome\n"
				  "\"a, \"\"b\"\"\",\"Ann, \"\"the\"\" first\",1,1\n"
				  "\"a, \"\"b\"\"\",Zo\xc3\xab \xe5\xbc\xa0,0,1\n");
	assert_candor(c, 0, "evaluate", c->file, "--json");
	json_t *o = command_document(c);
	assert_text_at(o, "files.0.schemes.0.heaviest", "Ann, \"the\" first");
	assert_text_at(o, "files.0.schemes.0.lightest", "Zo\xc3\xab \xe5\xbc\xa0");
	json_decref(o);
	assert_candor(c, 0, "evaluate", c->file);
	assert_says(c->out, "heaviest Ann, \"the\" first (");
}

/* ---- files that are bad ---- */

static void bad_lines_are_listed_by_file_and_line_and_the_others_count(void **state)
{
	struct command *c = *state;
	static const char text[] = "item,labeler,report,outcome\n"
				   "a,ann,1,1\n"
				   "a,bob,high,1\n" /* 3 */
				   "a,cat,nan,1\n" /* 4 */
				   "a,dan\n" /* 5 */
				   "a,eve,0.5,0\n" /* 6: another outcome */
				   ",fay,0.5,1\n" /* 7 */
				   "a,g\xff,0.5,1\n" /* 8 */
				   "a,h\0l,0.5,1\n" /* 9 */
				   "b,ann,0,0\n"
				   "a,ann,0.3,1\n" /* 11: b stands between, and ann changes her mind */
				   "b,\"bo\"b,0,0\n" /* 12 */
				   "b,bob,1e999,0\n" /* 13 */
				   "b,cat,0x1p-1,0\n" /* 14 */
				   "b,dan,0.5,no\n" /* 15 */
				   "b,fay,0.25,0\n"
				   "b,eve,\"0.5,0\n"; /* 17: never closed */
	char words[128];
	files_write_bytes(c->file, text, sizeof text - 1);
	assert_candor(c, 1, "evaluate", c->file, "--json");
	for (int line = 1; line <= 17; line++) {
		bool bad = (line >= 3 && line <= 9) || (line >= 12 && line != 16);
		snprintf(words, sizeof words, "candor: %s: line %d: ", c->file, line);
		if (bad)
			assert_says(c->err, words);
		assert_true(bad == !!strstr(c->err, words));
	}
	assert_says(c->err, "the outcome differs");
	assert_number(c, "files.0.items", 2);
	assert_number(c, "files.0.known_outcomes", 2);
	assert_number(c, "files.0.reports", 3);
	assert_number(c, "files.0.labelers", 2);
	assert_number(c, "files.0.schemes.0.n", 2);
}

static void a_long_list_of_bad_lines_is_cut_off_and_counted(void **state)
{
	struct command *c = *state;
	char text[2048];
	size_t len = (size_t)snprintf(text, sizeof text, "%s", small), listed = 0;
	for (int i = 0; i < 23; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "d,l%d,%dth,1\n", i, i + 2);
	files_write_text(c->file, text);
	assert_candor(c, 1, "evaluate", c->file);
	for (const char *at = c->err; (at = strstr(at, ": line ")); at++)
		listed++;
	assert_int_equal(listed, 20);
	assert_says(c->err, "... and 3 more\n");
}

static void assert_refused(struct command *c, const char *path, const char *words)
{
	assert_candor(c, 2, "evaluate", path);
	assert_says(c->err, words);
	assert_string_equal(c->out, "");
	/* Nor is anything said of a good one beside it. */
	char good[256];
	snprintf(good, sizeof good, "%s-good", c->daemon.db);
	files_write_text(good, small);
	assert_candor(c, 2, "evaluate", good, path, "--json");
	assert_says(c->err, words);
	assert_true(strncmp(c->out, "{\"error\":", 9) == 0);
}

static void files_that_cannot_be_evaluated_are_refused_and_nothing_is_printed(void **state)
{
	struct command *c = *state;
	static const char *const bad[][2] = {
		{"", "the file is empty"},
		{"\n\r\n", "the file is empty"},
		{"\xef\xbb\xbf", "the file is empty"},
		{"item,worker,report\na,ann,1\n", "lacks the column \"labeler\""},
		{"item,labeler,report,item\na,ann,1,b\n", "names \"item\" twice"},
		{"item,labeler,report\na,ann,1\n", "no item has an outcome"},
		{"item,labeler,report,outcome\n", "no item has an outcome"},
		{"item,labeler,report,outcome\na,ann,1,\n", "no item has an outcome"},
		{"item,labeler,report,outcome\na,ann,2,1\n",
		 "report goes from 2 to 2; it must be a number from 0 to 1"},
		{"item,labeler,report,outcome\na,ann,two,1\n", "no item has an outcome"},
		{"[{\"item\":\"a\",\"labeler\":\"ann\",\"report\":1,\"outcome\":1}]\n", "JSON array"},
		{"{\"item\":\"a\"}\n", "no item has an outcome"},
		{"{\n", "no item has an outcome"},
		{"\"item,labeler,report\na,ann,1\n", "is never closed"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		files_write_text(c->file, bad[i][0]);
		assert_refused(c, c->file, bad[i][1]);
		assert_says(c->err, c->file);
	}
	assert_refused(c, "/nonexistent/answers.csv", "/nonexistent/answers.csv: No such file");
	assert_refused(c, c->daemon.dir, "Is a directory");
	assert_refused(c, "/proc/self/mem", "/proc/self/mem: ");
	assert_refused(c, "-", "standard input: the file is empty");
	if (geteuid() != 0) {
		files_write_text(c->file, small);
		assert_int_equal(chmod(c->file, 0), 0);
		assert_refused(c, c->file, "Permission denied");
	}
	assert_candor(c, 2, "evaluate");
	assert_says(c->err, "expected FILE");
}

static void large_files_of_anything_are_read_to_their_end(void **state)
{
	struct command *c = *state;
	enum { SIZE = 8 << 20 };
	static const char heading[] = "item,labeler,report,outcome\n", row[] = "z,zoe,0.5,1\n";
	char *bytes = calloc(1, SIZE);
	struct random r;
	assert_non_null(bytes);
	files_write_bytes(c->file, bytes, SIZE);
	assert_refused(c, c->file, "longer than 64 KiB");
	random_init(&r, 3, 0);
	random_bytes(&r, bytes, SIZE);
	files_write_bytes(c->file, bytes, SIZE);
	command_run(c, NULL, ARGS("evaluate", c->file));
	assert_string_equal(c->out, "");
	/* The same behind a heading, and one good row. A quote could be one that is never closed. */
	for (size_t i = 0; i < SIZE; i++)
		if (bytes[i] == '"')
			bytes[i] = 'q';
	memcpy(bytes, heading, sizeof heading - 1);
	memcpy(bytes + SIZE - sizeof row, "\n", 1);
	memcpy(bytes + SIZE - sizeof row + 1, row, sizeof row - 1);
	files_write_bytes(c->file, bytes, SIZE);
	assert_candor(c, 1, "evaluate", c->file, "--json");
	assert_says(c->err, "more\n");
	assert_number(c, "files.0.reports", 1);
	/* One line, and one open quote, of all the file. */
	memset(bytes + sizeof heading, 'a', SIZE - 2 * sizeof heading);
	files_write_bytes(c->file, bytes, SIZE);
	assert_candor(c, 1, "evaluate", c->file, "--json");
	bytes[sizeof heading - 1] = '"';
	files_write_bytes(c->file, bytes, SIZE);
	assert_candor(c, 2, "evaluate", c->file, "--json");
	assert_says(c->err, "line 2: bad quoting: the quote on this line is never closed");
	free(bytes);
}

static void the_name_of_a_file_need_not_be_utf_8(void **state)
{
	struct command *c = *state;
	char path[128], want[128];
	snprintf(path, sizeof path, "%s/caf\xe9.csv", c->daemon.dir);
	snprintf(want, sizeof want, "%s/caf\xef\xbf\xbd.csv", c->daemon.dir);
	files_write_text(path, small);
	assert_candor(c, 0, "evaluate", path, "--json");
	json_t *o = command_document(c);
	assert_text_at(o, "files.0.file", want);
	json_decref(o);
	assert_candor(c, 0, "evaluate", path, path);
}

#define EVALUATE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EVALUATE(csv_json_lines_and_standard_input_come_to_the_same),
		EVALUATE(names_with_commas_quotes_and_other_scripts_stay_as_they_are),
		EVALUATE(bad_lines_are_listed_by_file_and_line_and_the_others_count),
		EVALUATE(a_long_list_of_bad_lines_is_cut_off_and_counted),
		EVALUATE(files_that_cannot_be_evaluated_are_refused_and_nothing_is_printed),
		EVALUATE(large_files_of_anything_are_read_to_their_end),
		EVALUATE(the_name_of_a_file_need_not_be_utf_8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
