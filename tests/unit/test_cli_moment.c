/* Moments of time as people write them, and the columns that have them: block, time, known. */
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/base/moment.h"
#include "client/cli/base/rows.h"

static void assert_date(const char *text, double want)
{
	double got;
	assert_int_equal(cli_parse_moment(text, &got), CLI_MOMENT_DATE);
	if (got != want)
		fail_msg("\"%s\" is %.17g, not %.17g", text, got, want);
}

static void dates_are_seconds_since_1970(void **state)
{
	(void)state;
	assert_date("1970-01-01", 0);
	assert_date("1969-12-31", -86400);
	assert_date("2000-02-29", 951782400);
	assert_date("2026-11-30", 1795996800);
	assert_date("0001-01-01", -62135596800);
	assert_date("2026-11-30T18:45", 1796064300);
	assert_date("2026-11-30 18:45:01Z", 1796064301);
	assert_date("2026-11-30T18:45:01.5", 1796064301.5);
	assert_date("2026-11-30T18:45:01+01:00", 1796060701);
	assert_date("2026-11-30T18:45:01-0130", 1796069701);
}

static void numbers_are_themselves(void **state)
{
	double got;
	(void)state;
	assert_int_equal(cli_parse_moment("-17.5", &got), CLI_MOMENT_NUMBER);
	assert_true(got == -17.5);
	assert_int_equal(cli_parse_moment("20261130", &got), CLI_MOMENT_NUMBER);
	assert_true(got == 20261130);
}

static void other_text_is_no_moment(void **state)
{
	static const char *const bad[] = {"",
					  "soon",
					  "nan",
					  "inf",
					  "2026-11",
					  "2026-13-01",
					  "2026-00-01",
					  "2026-02-29",
					  "1900-02-29",
					  "2026-11-31",
					  "0000-01-01",
					  "26-11-30",
					  "2026-11-30T",
					  "2026-11-30T24:00",
					  "2026-11-30T18",
					  "2026-11-30T18:60",
					  "2026-11-30T18:45:",
					  "2026-11-30T18:45:00.",
					  "2026-11-30T18:45:00+1",
					  "2026-11-30T18:45:00ZZ",
					  "2026-11-30x",
					  "30.11.2026"};
	double got;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (cli_parse_moment(bad[i], &got) != CLI_MOMENT_NONE)
			fail_msg("\"%s\" was taken", bad[i]);
}

/* ---- in a file ---- */

/* What comes: "item block time known;" a row, "!;" a bad line, "fatal;" a file that cannot be read. */
static const char *read_file(const char *file, bool takes_moments, char *fault, size_t size)
{
	static char out[2048];
	struct cli_rows rows;
	struct cli_row row;
	size_t at = 0;
	out[0] = fault[0] = '\0';
	cli_rows_init(&rows, CLI_ROWS_AUTO);
	rows.takes_moments = takes_moments;
	cli_rows_push(&rows, file, strlen(file));
	cli_rows_end(&rows);
	for (;;) {
		const enum cli_rows_result result = cli_rows_next(&rows, &row);
		if (result == CLI_ROWS_END)
			break;
		if (result == CLI_ROWS_ROW)
			at += (size_t)snprintf(out + at, sizeof out - at, "%s %s %g %g;", row.item,
					       row.block ? row.block : "-", row.time, row.known);
		else
			at += (size_t)snprintf(out + at, sizeof out - at, result == CLI_ROWS_BAD ? "!;" : "fatal;");
		if (result != CLI_ROWS_ROW)
			snprintf(fault, size, "%s", rows.fault);
		if (result == CLI_ROWS_FATAL)
			break;
	}
	cli_rows_free(&rows);
	return out;
}

static void a_row_may_have_a_block_and_moments(void **state)
{
	char fault[512];
	(void)state;
	assert_string_equal(read_file("item,labeler,report,known,block,time\n"
				      "a,x,1,3,week 1,1\nb,x,1,,,\nc,x,1,4.5, , 2 \n",
				      true, fault, sizeof fault),
			    "a week 1 1 3;b - nan nan;c - 2 4.5;");
	assert_string_equal(
		read_file("{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"block\":\"w\",\"time\":\"1970-01-02\"}\n"
			  "{\"item\":\"b\",\"labeler\":\"x\",\"report\":1,\"block\":null,\"known\":null}\n",
			  true, fault, sizeof fault),
		"a w 86400 nan;b - nan nan;");
}

/* Where nobody asks for moments, these are columns like any other. */
static void moments_are_read_only_where_they_are_asked_for(void **state)
{
	char fault[512];
	(void)state;
	assert_string_equal(read_file("item,labeler,report,time,known,time\na,x,1,soon,2026-11-30,now\n", false, fault,
				      sizeof fault),
			    "a - nan nan;");
	assert_string_equal(read_file("{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"time\":[],\"known\":\"?\"}\n",
				      false, fault, sizeof fault),
			    "a - nan nan;");
}

static void what_is_no_block_or_moment_costs_its_row(void **state)
{
	char fault[512];
	(void)state;
	assert_string_equal(read_file("item,labeler,report,time\na,x,1,soon\n", true, fault, sizeof fault), "!;");
	assert_string_equal(fault, "time is \"soon\"; it must be a number, or a date such as 2026-11-30 or "
				   "2026-11-30T18:45:00Z, or empty");
	assert_string_equal(read_file("item,labeler,report,time,known\na,x,1,3,\nb,x,1,4,2026-11-30\nc,x,1,5,6\n", true,
				      fault, sizeof fault),
			    "a - 3 nan;!;c - 5 6;");
	assert_string_equal(fault,
			    "known is \"2026-11-30\", but the first moment in the file is a number; all must be of "
			    "one form");
	assert_string_equal(read_file("{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"known\":true}\n", true, fault,
				      sizeof fault),
			    "!;");
	assert_string_equal(fault, "known is true; it must be a number, or a date such as 2026-11-30 or "
				   "2026-11-30T18:45:00Z, or null");
	assert_string_equal(
		read_file("{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"block\":7}\n", false, fault, sizeof fault),
		"!;");
	assert_string_equal(fault, "block is the number 7; it must be a string");
	assert_string_equal(read_file("item,labeler,report,blocks\na,x,1,w\n", false, fault, sizeof fault), "fatal;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_seconds_since_1970),
		cmocka_unit_test(numbers_are_themselves),
		cmocka_unit_test(other_text_is_no_moment),
		cmocka_unit_test(a_row_may_have_a_block_and_moments),
		cmocka_unit_test(moments_are_read_only_where_they_are_asked_for),
		cmocka_unit_test(what_is_no_block_or_moment_costs_its_row),
	};
	return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
