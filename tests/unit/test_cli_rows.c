/* Reading reports and outcomes from CSV and JSON lines, in pieces of any size. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli/base/rows.h"

static bool takes_outcomes; /* while a file is read */

/* What a file reads as: "LINE item labeler report outcome;" a row, "LINE item=outcome;" one without a report, "LINE!;" a
 * bad line, "fatal;". */
static const char *read_in_pieces(const char *file, size_t len, size_t piece, enum cli_rows_format format)
{
	static char out[65536];
	struct cli_rows rows;
	struct cli_row row;
	size_t at = 0, end = 0;
	cli_rows_init(&rows, format);
	rows.takes_outcomes = takes_outcomes;
	for (;;) {
		enum cli_rows_result result = cli_rows_next(&rows, &row);
		char *to = out + end;
		size_t room = sizeof out - end;
		if (result == CLI_ROWS_ROW && !row.labeler && row.has_outcome)
			end += (size_t)snprintf(to, room, "%u %s=%g;", (unsigned)row.line, row.item, row.outcome);
		else if (result == CLI_ROWS_ROW && !row.labeler)
			end += (size_t)snprintf(to, room, "%u %s=;", (unsigned)row.line, row.item);
		else if (result == CLI_ROWS_ROW && row.has_outcome)
			end += (size_t)snprintf(to, room, "%u %s %s %g %g;", (unsigned)row.line, row.item, row.labeler,
						row.report, row.outcome);
		else if (result == CLI_ROWS_ROW)
			end += (size_t)snprintf(to, room, "%u %s %s %g;", (unsigned)row.line, row.item, row.labeler,
						row.report);
		else if (result == CLI_ROWS_BAD)
			end += (size_t)snprintf(to, room, "%u!;", (unsigned)row.line);
		else if (result == CLI_ROWS_FATAL)
			end += (size_t)snprintf(to, room, "fatal;");
		else if (result == CLI_ROWS_MORE && at < len) {
			size_t n = len - at < piece ? len - at : piece;
			cli_rows_push(&rows, file + at, n);
			at += n;
		} else if (result == CLI_ROWS_MORE) {
			assert_false(rows.ended);
			cli_rows_end(&rows);
		}
		if (result == CLI_ROWS_FATAL || result == CLI_ROWS_END)
			break;
		/* Nothing that has been read is kept. */
		assert_true(rows.bytes.len - rows.start <= CLI_ROW_MAX_BYTES + piece + 1);
	}
	cli_rows_free(&rows);
	out[end] = '\0';
	return out;
}

static void check(const char *file, enum cli_rows_format format, const char *want)
{
	size_t len = strlen(file);
	for (size_t piece = 1; piece <= len + 1; piece++)
		assert_string_equal(read_in_pieces(file, len, piece, format), want);
}

static void check_csv(const char *file, const char *want)
{
	check(file, CLI_ROWS_CSV, want);
	check(file, CLI_ROWS_AUTO, want);
}

#define HEAD "item,labeler,report,outcome\n"

static void rows_are_read_with_their_line_numbers(void **state)
{
	(void)state;
	check_csv(HEAD "a,x,0.5,1\na,y,1,\nb,x,0,0\n", "2 a x 0.5 1;3 a y 1;4 b x 0 0;");
}

static void the_last_line_needs_no_newline(void **state)
{
	(void)state;
	check_csv(HEAD "a,x,0.5,1", "2 a x 0.5 1;");
	check_csv(HEAD "a,x,0.5,", "2 a x 0.5;");
}

static void columns_stand_in_any_order_among_others(void **state)
{
	(void)state;
	check_csv("note,outcome,report,labeler,item\nhm,1,0.5,x,a\n,,0.25,y,a\n", "2 a x 0.5 1;3 a y 0.25;");
}

static void a_file_may_have_no_outcomes(void **state)
{
	(void)state;
	check_csv("report,item,labeler\n0.5,a,x\n", "2 a x 0.5;");
}

static void crlf_blank_lines_and_a_byte_order_mark_are_tolerated(void **state)
{
	(void)state;
	check_csv("\xef\xbb\xbf\r\nitem,labeler,report,outcome\r\n\r\na,x,0.5,1\r\n\n\r\na,y,1,\r\n",
		  "4 a x 0.5 1;7 a y 1;");
}

static void quoted_fields_may_hold_commas_quotes_and_lines(void **state)
{
	(void)state;
	check_csv("item,labeler,report,\"note\"\n"
		  "\"a,b\",\"x\"\"y\"\"\",\"0.5\",\"two\nlines, \"\"quoted\"\"\"\nc,z,1,\n",
		  "2 a,b x\"y\" 0.5;4 c z 1;");
	check_csv("item,labeler,report\r\n\"a\",\"x\",\"1\"\r\n", "2 a x 1;");
}

static void bad_quoting_costs_one_line(void **state)
{
	(void)state;
	check_csv(HEAD "a\"b,x,1,1\na,x,1,1\n", "2!;3 a x 1 1;");
	check_csv(HEAD "\"a\"b,x,1,1\na,x,1,1\n", "2!;3 a x 1 1;");
	check_csv(HEAD "\"a,x,1,1\na,x,1,1\nb,\"y\",1,1\n", "2!;3 a x 1 1;4 b y 1 1;");
	check_csv(HEAD "a,x,1,1\na,y,1,\"1\nb,x,0,0\nb,y,0,0", "2 a x 1 1;3!;4 b x 0 0;5 b y 0 0;");
}

static void a_wrong_number_of_fields_is_bad(void **state)
{
	(void)state;
	check_csv(HEAD "a,x,1\na,x,1,1,1\na,y,1,1\n", "2!;3!;4 a y 1 1;");
}

static void bad_numbers_are_bad(void **state)
{
	static const char *const numbers[] = {"",    "x",  "1.5", "-0.1", "0x1", "inf",
					      "nan", " 1", "1 ",  "1e",   "1,5", "0.5%"};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char file[128];
		snprintf(file, sizeof file, "item,labeler,report\na,x,%s\na,y,1e-3\n", numbers[i]);
		check_csv(file, "2!;3 a y 0.001;");
	}
	check_csv(HEAD "a,x,1,2\na,x,1,x\n", "2!;3!;");
}

static void bad_names_are_bad(void **state)
{
	char file[1024], name[300];
	(void)state;
	check_csv(HEAD ",x,1,1\na,,1,1\n\xff,x,1,1\na,\"x\ny\",1,1\na,\tx,1,1\na,x,1,1\n",
		  "2!;3!;4!;5!;6!;7!;8 a x 1 1;");
	memset(name, 'n', 256);
	name[256] = '\0';
	snprintf(file, sizeof file, HEAD "%s,x,1,1\n%s,x,1,1\n", name, name + 1);
	snprintf(name, sizeof name, "2!;3 %.255s x 1 1;", file + strlen(HEAD));
	check_csv(file, name);
	const char with_nul[] = HEAD "a\0b,x,1,1\na,x,1\0,1\na,x,1,1\n";
	assert_string_equal(read_in_pieces(with_nul, sizeof with_nul - 1, 7, CLI_ROWS_CSV), "2!;3!;4 a x 1 1;");
}

static void a_file_without_the_needed_columns_is_refused(void **state)
{
	(void)state;
	check_csv("", "fatal;");
	check_csv("\n\n", "fatal;");
	check_csv("item,labeler\na,x\n", "fatal;");
	check_csv("a,x,1,1\n", "fatal;");
	check_csv("item,labeler,report,report\n", "fatal;");
	check_csv("item,labeler,\"report\n", "fatal;");
	check_csv("item,labeler,rep\"ort\n", "fatal;");
}

static void a_line_too_long_is_skipped_in_bounded_memory(void **state)
{
	size_t long_bytes = 1000000, len = 0;
	char *file = malloc(long_bytes + 200);
	(void)state;
	for (int quoted = 0; quoted < 2; quoted++) {
		len = (size_t)snprintf(file, 200, HEAD "a,x,1,1\n%s", quoted ? "\"" : "");
		memset(file + len, 'n', long_bytes);
		len += long_bytes;
		len += (size_t)snprintf(file + len, 100, "\nb,x,0,0\n");
		for (size_t piece = 1000; piece < 2000000; piece = piece * 7 + 1)
			assert_string_equal(read_in_pieces(file, len, piece, CLI_ROWS_CSV), "2 a x 1 1;3!;4 b x 0 0;");
	}
	free(file);
}

/* ---- JSON lines ---- */

#define ROW(item, more) "{\"item\":\"" item "\",\"labeler\":\"x\",\"report\":0.5" more "}"

static void json_lines_are_read(void **state)
{
	static const char file[] =
		ROW("a", ",\"outcome\":1") "\n\r\n" ROW("b", ",\"outcome\":null") "\r\n" ROW("c", "");
	(void)state;
	check(file, CLI_ROWS_JSONL, "1 a x 0.5 1;3 b x 0.5;4 c x 0.5;");
	check(file, CLI_ROWS_AUTO, "1 a x 0.5 1;3 b x 0.5;4 c x 0.5;");
	check("\xef\xbb\xbf \n" ROW("a", ""), CLI_ROWS_AUTO, "2 a x 0.5;");
}

static void names_in_json_may_be_escaped(void **state)
{
	(void)state;
	check(ROW("caf\\u00e9 \\\"q\\\"", ""), CLI_ROWS_JSONL, "1 café \"q\" x 0.5;");
}

static void bad_json_lines_cost_one_line(void **state)
{
	static const char *const lines[] = {"{",
					    "[]",
					    "1",
					    "\"x\"",
					    "{}",
					    "x",
					    ROW("", ""),
					    ROW("a\\u0007", ""),
					    ROW("a", ",\"outcome\":1.5"),
					    ROW("a", ",\"outcome\":\"1\""),
					    ROW("a", ",\"report\":1"),
					    "{\"item\":1,\"labeler\":\"x\",\"report\":1}",
					    "{\"item\":\"a\",\"labeler\":\"x\",\"report\":\"1\"}",
					    "{\"item\":\"a\",\"labeler\":\"x\"}",
					    "{\"item\":\"a\",\"labeler\":\"x\",\"report\":true}",
					    ROW("a", "") ROW("b", "")};
	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char file[256];
		snprintf(file, sizeof file, ROW("a", "") "\n%s\n" ROW("b", ""), lines[i]);
		check(file, CLI_ROWS_JSONL, "1 a x 0.5;2!;3 b x 0.5;");
	}
}

static void a_json_array_is_refused_with_advice(void **state)
{
	(void)state;
	check("[" ROW("a", "") "]", CLI_ROWS_AUTO, "fatal;");
	check(" \n[", CLI_ROWS_JSONL, "fatal;");
}

static void a_json_line_too_long_is_skipped(void **state)
{
	size_t len = 300000;
	char *file = malloc(len);
	(void)state;
	size_t at = (size_t)snprintf(file, 200, ROW("a", "") "\n{\"item\":\"");
	memset(file + at, 'n', 200000);
	at += 200000;
	at += (size_t)snprintf(file + at, 200, "\"}\n" ROW("b", ""));
	for (size_t piece = 1000; piece < 400000; piece = piece * 7 + 1)
		assert_string_equal(read_in_pieces(file, at, piece, CLI_ROWS_JSONL), "1 a x 0.5;2!;3 b x 0.5;");
	free(file);
}

static void outcomes_may_stand_alone_where_they_are_wanted(void **state)
{
	static const char csv[] = "outcome,item,note\n1,a,\n,b,hm\n0.25,c,\n2,d,\n1,,\n";
	static const char json[] = "{\"item\":\"a\",\"outcome\":1}\n{\"item\":\"b\",\"outcome\":null}\n"
				   "{\"item\":\"c\"}\n{\"item\":\"c\",\"labeler\":\"x\",\"outcome\":1}\n"
				   "{\"item\":\"c\",\"report\":1,\"outcome\":1}\n{\"outcome\":1}\n" ROW("d", "") "\n";
	(void)state;
	check_csv(csv, "fatal;");
	check(json, CLI_ROWS_AUTO, "1!;2!;3!;4!;5!;6!;7 d x 0.5;");
	takes_outcomes = true;
	check_csv(csv, "2 a=1;3 b=;4 c=0.25;5!;6!;");
	check(json, CLI_ROWS_AUTO, "1 a=1;2 b=;3!;4!;5!;6!;7 d x 0.5;");
	check_csv("item,outcome,report\na,1,1\n", "fatal;");
	check_csv("item,outcome,labeler\na,1,x\n", "fatal;");
	check_csv("outcome\n1\n", "fatal;");
	check_csv("item\na\n", "fatal;");
	check_csv(HEAD "a,x,0.5,1\n", "2 a x 0.5 1;");
	takes_outcomes = false;
}

static void bytes_read_are_counted(void **state)
{
	static const char file[] = "\xef\xbb\xbf" HEAD "a,x,1,1\n\"bad\n";
	struct cli_rows rows;
	struct cli_row row;
	(void)state;
	cli_rows_init(&rows, CLI_ROWS_CSV);
	cli_rows_push(&rows, file, sizeof file - 1);
	cli_rows_end(&rows);
	while (cli_rows_next(&rows, &row) != CLI_ROWS_END)
		;
	assert_int_equal(rows.read_bytes, sizeof file - 1);
	cli_rows_free(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_read_with_their_line_numbers),
		cmocka_unit_test(the_last_line_needs_no_newline),
		cmocka_unit_test(columns_stand_in_any_order_among_others),
		cmocka_unit_test(a_file_may_have_no_outcomes),
		cmocka_unit_test(crlf_blank_lines_and_a_byte_order_mark_are_tolerated),
		cmocka_unit_test(quoted_fields_may_hold_commas_quotes_and_lines),
		cmocka_unit_test(bad_quoting_costs_one_line),
		cmocka_unit_test(a_wrong_number_of_fields_is_bad),
		cmocka_unit_test(bad_numbers_are_bad),
		cmocka_unit_test(bad_names_are_bad),
		cmocka_unit_test(a_file_without_the_needed_columns_is_refused),
		cmocka_unit_test(a_line_too_long_is_skipped_in_bounded_memory),
		cmocka_unit_test(json_lines_are_read),
		cmocka_unit_test(names_in_json_may_be_escaped),
		cmocka_unit_test(bad_json_lines_cost_one_line),
		cmocka_unit_test(a_json_array_is_refused_with_advice),
		cmocka_unit_test(a_json_line_too_long_is_skipped),
		cmocka_unit_test(outcomes_may_stand_alone_where_they_are_wanted),
		cmocka_unit_test(bytes_read_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
