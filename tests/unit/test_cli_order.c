/* A file is surveyed, and its rows come item by item, however they stand. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/cli/base/order.h"
#include "tests/lib/files.h"
#include "tests/lib/seed.h"

struct world {
	char dir[64], path[96];
	struct cli cli;
	struct cli_input input;
	struct cli_survey survey;
	struct cli_warnings warnings;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	files_new_dir(w->dir, sizeof w->dir);
	snprintf(w->path, sizeof w->path, "%s/rows.csv", w->dir);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	files_remove_dir(w->dir);
	free(w);
	return 0;
}

static int survey(struct world *w)
{
	w->warnings = (struct cli_warnings){0};
	assert_int_equal(cli_input_open(&w->input, w->path), 0);
	return cli_survey(&w->survey, &w->cli, &w->input, "rows", CLI_ROWS_AUTO, CLI_TAKES_OUTCOMES, &w->warnings);
}

static void forget(struct world *w)
{
	cli_survey_free(&w->survey);
	cli_input_close(&w->input);
}

/* What comes: "LINE item labeler report outcome;" or "LINE item=outcome;" a row, "LINE!;" a bad line, "fatal;" the end. */
static const char *rows_of(struct world *w, size_t most, unsigned *passes)
{
	static char out[1 << 16];
	struct cli_order order;
	struct cli_row row;
	size_t at = 0;
	int err;
	cli_order_init(&order, &w->survey, &w->input, most);
	for (;;) {
		const enum cli_rows_result result = cli_order_next(&order, &row, &err);
		const double progress = cli_order_progress(&order);
		assert_true(progress >= 0 && progress <= 1);
		if (result == CLI_ROWS_END)
			break;
		if (result == CLI_ROWS_ROW && !row.labeler)
			at += (size_t)snprintf(out + at, sizeof out - at, "%u %s=%g;", (unsigned)row.line, row.item,
					       row.outcome);
		else if (result == CLI_ROWS_ROW && row.has_outcome)
			at += (size_t)snprintf(out + at, sizeof out - at, "%u %s %s %g %g;", (unsigned)row.line,
					       row.item, row.labeler, row.report, row.outcome);
		else if (result == CLI_ROWS_ROW)
			at += (size_t)snprintf(out + at, sizeof out - at, "%u %s %s %g%s%s;", (unsigned)row.line,
					       row.item, row.labeler, row.report, row.block ? " of " : "",
					       row.block ? row.block : "");
		else if (result == CLI_ROWS_BAD)
			at += (size_t)snprintf(out + at, sizeof out - at, "%u!;", (unsigned)row.line);
		if (result == CLI_ROWS_FATAL) {
			at += (size_t)snprintf(out + at, sizeof out - at, "fatal;");
			break;
		}
	}
	out[at] = '\0';
	if (passes)
		*passes = order.passes;
	cli_order_free(&order);
	return out;
}

#define HEAD "item,labeler,report,outcome\n"

static void rows_that_stand_together_come_as_they_stand(void **state)
{
	struct world *w = *state;
	unsigned passes;
	files_write_text(w->path, HEAD "b,x,1,\nb,y,0,1\n?\na,x,0.5,\nc,z,0,0\n");
	assert_int_equal(survey(w), 0);
	assert_false(w->survey.is_apart);
	assert_string_equal(rows_of(w, 1, &passes), "2 b x 1;3 b y 0 1;4!;5 a x 0.5;6 c z 0 0;");
	assert_int_equal(passes, 0);
	forget(w);
}

static void rows_that_stand_apart_come_item_by_item(void **state)
{
	struct world *w = *state;
	unsigned passes;
	files_write_text(w->path, HEAD "b,x,1,\na,x,0,\n,,\nc,x,1,0\nb,y,0,1\na,y,1,\n?\nb,x,0.5,\nc,y,0,\n");
	assert_int_equal(survey(w), 0);
	assert_true(w->survey.is_apart);
	assert_int_equal(w->survey.apart_line, 6);
	/* Bad lines come before, once; items in the order of their first rows, in as many passes as it takes. */
	for (size_t most = 1; most <= 8; most++) {
		assert_string_equal(rows_of(w, most, &passes),
				    "4!;8!;2 b x 1;6 b y 0 1;9 b x 0.5;3 a x 0;7 a y 1;5 c x 1 0;10 c y 0;");
		assert_int_equal(passes, most < 4 ? 3 : most < 7 ? 2 : 1);
	}
	forget(w);
}

static void blocks_come_with_their_rows(void **state)
{
	struct world *w = *state;
	files_write_text(w->path, "item,labeler,report,block\na,x,1,one\nb,x,0,two\na,y,0.5,one\nc,x,1,\nb,y,1,two\n");
	assert_int_equal(survey(w), 0);
	assert_true(w->survey.is_apart);
	assert_int_equal(names_count(w->survey.blocks.all), 2);
	for (size_t most = 1; most < 6; most++)
		assert_string_equal(rows_of(w, most, NULL), "2 a x 1 of one;4 a y 0.5 of one;3 b x 0 of two;"
							    "6 b y 1 of two;5 c x 1;");
	forget(w);
}

static void outcomes_alone_may_stand_apart_too(void **state)
{
	struct world *w = *state;
	files_write_text(w->path, "{\"item\":\"a\",\"labeler\":\"x\",\"report\":1}\n{\"item\":\"b\",\"outcome\":0}\n"
				  "{\"item\":\"a\",\"outcome\":1}\n");
	assert_int_equal(survey(w), 0);
	assert_string_equal(rows_of(w, 100, NULL), "1 a x 1;3 a=1;2 b=0;");
	forget(w);
}

static void many_rows_in_any_order_come_as_a_stable_sort_has_them(void **state)
{
	enum { ROWS = 1500, ITEMS = 60 };
	struct world *w = *state;
	struct random r;
	static char want[1 << 16];
	uint32_t item[ROWS], first[ITEMS], n_first = 0;
	bool seen[ITEMS] = {false};
	seed_random(&r, 51);
	FILE *f = fopen(w->path, "w");
	assert_non_null(f);
	fputs("report,labeler,item\n", f);
	for (size_t i = 0; i < ROWS; i++) {
		item[i] = (uint32_t)random_below(&r, ITEMS);
		if (!seen[item[i]])
			first[n_first++] = item[i];
		seen[item[i]] = true;
		fprintf(f, "0.5,l%zu,i%u\n", i % 7, (unsigned)item[i]);
	}
	fclose(f);
	size_t at = 0;
	for (size_t k = 0; k < n_first; k++)
		for (size_t i = 0; i < ROWS; i++)
			if (item[i] == first[k])
				at += (size_t)snprintf(want + at, sizeof want - at, "%zu i%u l%zu 0.5;", i + 2,
						       (unsigned)first[k], i % 7);
	assert_int_equal(survey(w), 0);
	for (size_t most = 1; most < 4 * ROWS; most *= 3)
		assert_string_equal(rows_of(w, most, NULL), want);
	forget(w);
}

static void a_file_that_changes_meanwhile_is_told(void **state)
{
	struct world *w = *state;
	static const char *const others[] = {HEAD "a,x,1,\nb,x,1,\nb,y,1,\n", HEAD "a,x,1,\nb,x,1,\nc,y,1,\n",
					     HEAD "a,x,1,\nb,x,1,\na,z,1,\n", HEAD "a,x,1,\nb,x,1,\n,y,1,a\n"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		files_write_text(w->path, HEAD "a,x,1,\nb,x,1,\na,y,1,\n");
		assert_int_equal(survey(w), 0);
		files_write_text(w->path, others[i]);
		const char *rows = rows_of(w, 100, NULL);
		assert_non_null(strstr(rows, "fatal;"));
		assert_null(strstr(rows, " x "));
		forget(w);
	}
	/* What is added is not read. */
	files_write_text(w->path, HEAD "a,x,1,\n");
	assert_int_equal(survey(w), 0);
	files_write_text(w->path, HEAD "a,x,1,\nb,y,1,\n");
	assert_string_equal(rows_of(w, 100, NULL), "2 a x 1;");
	forget(w);
}

static void a_file_of_another_scale_is_refused_wherever_it_shows(void **state)
{
	struct world *w = *state;
	for (int at = 0; at < 300; at += 100) {
		FILE *f = fopen(w->path, "w");
		assert_non_null(f);
		fputs(HEAD, f);
		for (int i = 0; i < 250; i++)
			fprintf(f, "i%d,x,%d,1\n", i, i == at ? 2 : i % 2);
		fclose(f);
		assert_int_equal(survey(w), CLI_USAGE);
		assert_non_null(strstr(w->cli.failure, "report goes from 0 to 2"));
		forget(w);
	}
}

/* ---- names ---- */

static uint64_t warned(struct world *w, enum cli_warning kind, const char *names)
{
	char text[2048];
	size_t at = (size_t)snprintf(text, sizeof text, "item,labeler,report\n");
	char list[1024], *save;
	snprintf(list, sizeof list, "%s", names);
	for (char *name = strtok_r(list, "|", &save); name; name = strtok_r(NULL, "|", &save))
		at += (size_t)snprintf(text + at, sizeof text - at, "one,\"%s\",1\n", name);
	files_write_text(w->path, text);
	assert_int_equal(survey(w), 0);
	forget(w);
	return w->warnings.count[kind];
}

static void names_that_look_alike_are_warned_of(void **state)
{
	struct world *w = *state;
	static const char *const alike[] = {"ann|Ann",
					    "ann| ann",
					    "an n|ann",
					    "ann|ann\xe2\x80\x8b",
					    "jos\xc3\xa9|jose\xcc\x81",
					    "JOS\xc3\x89|jose\xcc\x81 ",
					    "a\xc2\xa0z|a z",
					    "\xef\xbc\xa1nn|ann",
					    "stra\xc3\x9f"
					    "e|STRASSE",
					    "\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0|\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0"};
	static const char *const different[] = {"ann|anne", "jos\xc3\xa9|jose", "a-b|a_b", "17|18",
						"17|17a",   "\xd0\xb0nn|bnn",   "1.5|15"};
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
		assert_int_equal(warned(w, CLI_NAMES_ALIKE, alike[i]), 1);
	for (size_t i = 0; i < sizeof different / sizeof *different; i++)
		assert_int_equal(warned(w, CLI_NAMES_ALIKE, different[i]), 0);
	assert_int_equal(warned(w, CLI_NAMES_ALIKE, "ann|Ann|ANN|bob|Bob|ann"), 3);
	assert_string_equal(w->warnings.example[CLI_NAMES_ALIKE], "labelers \"ann\" and \"Ann\"");
	warned(w, CLI_NAMES_ALIKE, "jos\xc3\xa9|jose\xcc\x81");
	assert_string_equal(w->warnings.example[CLI_NAMES_ALIKE], "labelers \"jos\xc3\xa9\" and \"jose\\u{301}\"");
}

static void names_with_something_invisible_are_warned_of(void **state)
{
	struct world *w = *state;
	assert_int_equal(warned(w, CLI_NAMES_INVISIBLE, "ann|a n n|jos\xc3\xa9"), 0);
	assert_int_equal(warned(w, CLI_NAMES_INVISIBLE,
				"ann | bob|c\xe2\x80\x8b|d\xc2\xad"
				"d|e\xc2\xa0"
				"e"),
			 5);
}

static void numbers_written_differently_are_warned_of(void **state)
{
	struct world *w = *state;
	static const char *const alike[] = {"17|17.0", "4.|4", "0.50|.5", "007|7", "+3|3", "-1.0|-1", "0|0.0"};
	static const char *const different[] = {"17|170",    "1|-1",
						"17.0.0|17", "123456789012345678|123456789012345679",
						"1e3|1000",  "12345678901234567.0|12345678901234567"};
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
		assert_int_equal(warned(w, CLI_NUMBERS_ALIKE, alike[i]), 1);
	for (size_t i = 0; i < sizeof different / sizeof *different; i++)
		assert_int_equal(warned(w, CLI_NUMBERS_ALIKE, different[i]), 0);
}

static void rounded_numbers_are_warned_of(void **state)
{
	struct world *w = *state;
	static const char *const rounded[] = {"1.23457E+17", "9.1e+20", "123456789012345000", "1234567890123450"};
	static const char *const exact[] = {"123456789012345678", "123456789012345", "1.5",   "e+17", "1.2E17",
					    "x1.2E+17",           "100000000000000", "1.E+17"};
	for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++)
		assert_int_equal(warned(w, CLI_NUMBERS_ROUNDED, rounded[i]), 1);
	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		assert_int_equal(warned(w, CLI_NUMBERS_ROUNDED, exact[i]), 0);
}

/* ---- what cannot be read twice ---- */

static void a_pipe_is_copied_where_there_is_space(void **state)
{
	struct world *w = *state;
	char fifo[96];
	snprintf(fifo, sizeof fifo, "%s/fifo", w->dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (int usable = 0; usable < 2; usable++) {
		setenv("TMPDIR", usable ? w->dir : "/nonexistent", 1);
		const pid_t child = fork();
		if (child == 0) {
			FILE *f = fopen(fifo, "w");
			for (int i = 0; f && i < 100000; i++)
				fprintf(f, "line %d\n", i);
			_exit(f ? fclose(f) : 1);
		}
		char bytes[8];
		const int err = cli_input_open(&w->input, fifo);
		if (!usable) {
			assert_int_equal(err, -ENOENT);
			assert_string_equal(w->input.copy_dir, "/nonexistent");
		} else {
			assert_int_equal(err, 0);
			assert_int_equal(w->input.size, 10 * 7 + 90 * 8 + 900 * 9 + 9000 * 10 + 90000 * 11);
			for (int again = 0; again < 2; again++) {
				assert_int_equal(cli_input_read(&w->input, bytes, 7), 7);
				assert_memory_equal(bytes, "line 0\n", 7);
				cli_input_rewind(&w->input);
			}
			cli_input_close(&w->input);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	/* Some files have a size only when they are read. */
	assert_int_equal(cli_input_open(&w->input, "/proc/self/stat"), 0);
	assert_true(w->input.size > 0);
	cli_input_close(&w->input);
	unsetenv("TMPDIR");
	unlink(fifo);
	/* The copy has no name. */
	assert_int_equal(rmdir(w->dir), 0);
	assert_int_equal(mkdir(w->dir, 0700), 0);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(rows_that_stand_together_come_as_they_stand),
		WORLD(rows_that_stand_apart_come_item_by_item),
		WORLD(blocks_come_with_their_rows),
		WORLD(outcomes_alone_may_stand_apart_too),
		WORLD(many_rows_in_any_order_come_as_a_stable_sort_has_them),
		WORLD(a_file_that_changes_meanwhile_is_told),
		WORLD(a_file_of_another_scale_is_refused_wherever_it_shows),
		WORLD(names_that_look_alike_are_warned_of),
		WORLD(names_with_something_invisible_are_warned_of),
		WORLD(numbers_written_differently_are_warned_of),
		WORLD(rounded_numbers_are_warned_of),
		WORLD(a_pipe_is_copied_where_there_is_space),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
