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
		assert_true(rows.bytes.len - rows.start <= CLI_ROWS_BEGIN_MAX + piece + 1);
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

static void bad_quoting_costs_one_record(void **state)
{
	(void)state;
	check_csv(HEAD "a\"b,x,1,1\na,x,1,1\n", "2!;3 a x 1 1;");
	check_csv(HEAD "\"a\"b,x,1,1\na,x,1,1\n", "2!;3 a x 1 1;");
	check_csv(HEAD "\"a\" ,x,1,1\r\na,x,1,1\n", "2!;3 a x 1 1;");
	check_csv(HEAD "a,x,1\"\",\"1\n2\"\na,x,1,1\n", "2!;4 a x 1 1;");
}

/* Nobody can tell what is within quotes after them. */
static void a_quote_that_is_not_closed_reaches_to_the_end(void **state)
{
	(void)state;
	check_csv(HEAD "a,x,1,1\na,y,1,\"1\nb,x,0,0\nb,y,0,0", "2 a x 1 1;3!;");
	check_csv(HEAD "a,x,1,1\n\"a,x,1,1\na,x,1,1\nb,\"y\",1,1\nb,z,1,1\n", "2 a x 1 1;3!;");
	check_csv(HEAD "a,x,1,\"", "2!;");
}

/* However the record is wrong, what stands in its cells is never a row. */
static void nothing_within_a_bad_record_is_a_row(void **state)
{
	static const char *const beginnings[] = {"a,x,,",       ",x,1,",    "a,x,2,", "a,x,1,1,", "a\"b,x,1,",
						 "\"a\"b,x,1,", "a,x,one,", "",       "a\rb,x,1,"};
	(void)state;
	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		char file[256];
		snprintf(file, sizeof file, HEAD "a,y,1,0\n%s\"well\nb,x,0,1\n\"\"c\"\",x,0,1\r\n\"\nd,x,0,0\n",
			 beginnings[i]);
		check_csv(file, "2 a y 1 0;3!;7 d x 0 0;");
	}
}

static void lines_may_end_with_carriage_returns_alone(void **state)
{
	(void)state;
	check_csv("\r\ritem,labeler,report,outcome\r\ra,x,1,1\r\"b\rc\",x,0,0\rd,x,1,\"1\n2\"\re,x,0,0\r",
		  "5 a x 1 1;6!;8!;9 e x 0 0;");
	check_csv("item,labeler,report\ra,x,1\n\rb,x,1", "2!;3 b x 1;");
	/* They do so from the first line on, or never. */
	check_csv(HEAD "a,x,1,1\ra,y,1,1\nb,x,1,0\n", "2!;3 b x 1 0;");
	check_csv(HEAD "a,x,1,1\r\r\nb,x,1,0\r", "2 a x 1 1;3 b x 1 0;");
}

static void fields_may_be_separated_by_semicolons_or_tabs(void **state)
{
	(void)state;
	check_csv("item;labeler;report;outcome\na;x;0,25;1\na,b;y;.5;\n", "2 a x 0.25 1;3 a,b y 0.5;");
	check_csv("item\tlabeler\treport\na;b\t\"x, y\"\t0,5\n", "2 a;b x, y 0.5;");
	check_csv("note, long;\"item\";labeler;report\n,,;a;x;1\n", "2 a x 1;");
	check_csv("sep=;\r\nitem;labeler;report\r\na;x;0,5\r\n", "3 a x 0.5;");
	check_csv("sep=,\nitem,labeler,report\n,x,1\na,x,1\n", "3!;4 a x 1;");
	check_csv("SEP=|\ritem|labeler|report\ra|x|1", "3 a x 1;");
	check_csv("sep=x\nitemxlabelerxreport\n", "fatal;");
}

static void long_fields_that_nobody_uses_pass(void **state)
{
	enum { LONG = 300000 };
	char *file = malloc(LONG + 400);
	(void)state;
	size_t len = (size_t)snprintf(file, 200, "note,item,labeler,report\n\"");
	for (size_t i = 0; i < LONG; i++)
		file[len++] = "text, \na,mallory,1\n\n"[i % 21];
	len += (size_t)snprintf(file + len, 100, "\",a,x,0.5\nshort,b,y,1\n");
	char want[64];
	size_t lines = 1;
	for (size_t i = 0; i < len; i++)
		lines += file[i] == '\n';
	snprintf(want, sizeof want, "2 a x 0.5;%zu b y 1;", lines - 1);
	for (size_t piece = 1000; piece < 2 * LONG; piece = piece * 7 + 1)
		assert_string_equal(read_in_pieces(file, len, piece, CLI_ROWS_AUTO), want);
	free(file);
}

static void a_wrong_number_of_fields_is_bad(void **state)
{
	(void)state;
	check_csv(HEAD "a,x,1\na,x,1,1,1\na,y,1,1\n", "2!;3!;4 a y 1 1;");
}

static void bad_numbers_are_bad(void **state)
{
	static const char *const numbers[] = {
		"",   "x",       "1.5",  "-0.1", "0x1",  "inf",   "nan", "1 0", "1.0000000000000002",
		"1e", "\"0,5\"", "0.5%", "NA",   "true", "1e999", "-",   "."};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char file[128];
		snprintf(file, sizeof file, "item,labeler,report\na,x,%s\na,y,1e-3\n", numbers[i]);
		check_csv(file, "2!;3 a y 0.001;");
	}
	check_csv(HEAD "a,x,1,2\na,x,1,x\n", "2!;3!;");
}

static void numbers_of_all_usual_forms_are_taken(void **state)
{
	(void)state;
	check_csv(HEAD "a,x, 0.5,1 \na,y,1.,+1\nb,x,.25,-0\nb,y,1e-1,\t0.0 \nc,x,0001, \n",
		  "2 a x 0.5 1;3 a y 1 1;4 b x 0.25 0;5 b y 0.1 0;6 c x 1;");
}

static void names_of_columns_may_have_capitals_and_blanks(void **state)
{
	(void)state;
	check_csv(" Item,LABELER ,report\t,Outcome\na,x,1,0\n", "2 a x 1 0;");
	check_csv("item,labeler,report,outcome,Outcome \n", "fatal;");
}

static void a_column_that_may_be_meant_is_named(void **state)
{
	static const char *const meant[] = {"outcom", "out-come", "outcomes", "Out come", "outcome\xc2\xa0", "uotcome"};
	static const char *const others[] = {"notes", "result", "date", "reporter", "label", "items", "income"};
	(void)state;
	for (size_t i = 0; i < sizeof meant / sizeof *meant; i++) {
		char file[128];
		snprintf(file, sizeof file, "item,labeler,report,%s\na,x,1,1\n", meant[i]);
		check_csv(file, "fatal;");
		snprintf(file, sizeof file, "item,labeler,report,outcome,%s\na,x,1,1,0\n", meant[i]);
		check_csv(file, "2 a x 1 1;");
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char file[128];
		snprintf(file, sizeof file, "item,labeler,report,%s\na,x,1,1\n", others[i]);
		check_csv(file, "2 a x 1;");
	}
	check_csv("item,labeller,report\na,x,1\n", "fatal;");
}

/* What is wrong with a file, as it is told. */
static const char *fault_of(const char *file, size_t len)
{
	static char fault[512];
	struct cli_rows rows;
	struct cli_row row;
	enum cli_rows_result result;
	cli_rows_init(&rows, CLI_ROWS_AUTO);
	cli_rows_push(&rows, file, len);
	cli_rows_end(&rows);
	while ((result = cli_rows_next(&rows, &row)) == CLI_ROWS_ROW)
		;
	snprintf(fault, sizeof fault, "%s", result == CLI_ROWS_END ? "" : rows.fault);
	cli_rows_free(&rows);
	return fault;
}

static void faults_name_what_is_wrong(void **state)
{
	static const struct {
		const char *file, *words;
	} cases[] = {
		{"item,labeller,report\n", "has \"labeller\"; did you mean \"labeler\"?"},
		{"item,labeler,report,outcome\xc2\xa0\n", "has \"outcome\\u{A0}\"; did you mean \"outcome\"?"},
		{"item,worker,report,at\n", "lacks the column \"labeler\"; it also has \"worker\", \"at\";"},
		{"item|labeler|report\n", "commas, semicolons or tabs"},
		{"sep=:\nitem:labeler:report\n", "the first line is \"sep=:\""},
		{HEAD "a,x,\"0,5\",1\n", "decimal comma"},
		{HEAD "a,x,1,NA\n", "outcome is \"NA\"; it must be a number from 0 to 1, or empty"},
		{HEAD "a,x,\x1b[2J,1\n", "report is \"\\u{1B}[2J\""},
		{HEAD "a,x,1,\"1\nb,y,1,1\n", "the quote on this line is never closed"},
		{HEAD "a,x,1,1\n\"b\",y,1,\"1\n,2\" 3\n",
		 "text follows the closing quote of the field that begins on this line; nothing"},
		{HEAD "a,x\ry,1,1\n", "a carriage return within a line"},
		{"\x1f\x8b\x08", "compressed"},
		{"PK\x03\x04\x14", "spreadsheet"},
		{"\xff\xfei", "UTF-16"},
		{"SQLite format 3", "SQLite"},
		{"{\"Item\":\"a\",\"labeler\":\"x\",\"report\":1}", "has \"Item\", but no \"item\""},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"outcomes\":1}",
		 "has \"outcomes\", but no \"outcome\""},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"score\":-Infinity}", "\"score\" is -Infinity"},
		{"{\"item\":7,\"labeler\":\"x\",\"report\":1}", "item is the number 7; it must be a string"},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":\"1\"}",
		 "report is the string \"1\"; it must be a number"},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":1}\r{\"item\"", "not with a carriage return alone"},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,}", "\"}\" at byte 38"},
		{"{\"item\":\"a\",\"item\":\"b\"}", "\"item\" is given twice"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *fault = fault_of(cases[i].file, strlen(cases[i].file));
		if (!strstr(fault, cases[i].words))
			print_error("case %zu says \"%s\"\n", i, fault);
		assert_non_null(strstr(fault, cases[i].words));
	}
	assert_non_null(strstr(fault_of("i\0t\0e\0m\0", 8), "UTF-16"));
	assert_non_null(strstr(fault_of("\0i\0t\0e\0m", 8), "UTF-16"));
}

static void another_scale_is_seen(void **state)
{
	static const struct {
		const char *file, *words; /* NULL: none */
	} cases[] = {
		{HEAD "a,x,1,1\na,y,5,1\nb,x,3,0\n",
		 "report goes from 1 to 5; it must be a number from 0 to 1, and 2 rows are"},
		{HEAD "a,x,0.5,-1\nb,y,1,1\n", "outcome goes from -1 to 1"},
		{"{\"item\":\"a\",\"labeler\":\"x\",\"report\":70}\n", "report goes from 70 to 70"},
		{HEAD "a,x,1.0000000000000002,1\na,y,-1e-9,1\n", NULL},
		{HEAD "a,x,1,1\na,y,many,0\na,z,0.5,nan\n", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cli_rows rows;
		struct cli_row row;
		cli_rows_init(&rows, CLI_ROWS_AUTO);
		cli_rows_push(&rows, cases[i].file, strlen(cases[i].file));
		cli_rows_end(&rows);
		while (cli_rows_next(&rows, &row) != CLI_ROWS_END)
			;
		assert_int_equal(cli_rows_have_other_scale(&rows), cases[i].words != NULL);
		if (cases[i].words)
			assert_non_null(strstr(rows.fault, cases[i].words));
		cli_rows_free(&rows);
	}
}

static void what_nobody_uses_is_listed_once(void **state)
{
	static const char *const files[] = {
		"note,item,labeler,\"out of\",report,note\n,a,x,,1,\n",
		"{\"note\":1,\"item\":\"a\",\"labeler\":\"x\",\"report\":1}\n"
		"{\"note\":2,\"item\":\"b\",\"labeler\":\"x\",\"report\":1,\"out of\":{\"deeper\":1}}\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct cli_rows rows;
		struct cli_row row;
		cli_rows_init(&rows, CLI_ROWS_AUTO);
		cli_rows_push(&rows, files[i], strlen(files[i]));
		cli_rows_end(&rows);
		while (cli_rows_next(&rows, &row) != CLI_ROWS_END)
			;
		assert_int_equal(rows.ignored.n, 2);
		assert_memory_equal(rows.ignored.names.data, "note\0out of", 12);
		cli_rows_free(&rows);
	}
}

static void a_sequence_is_a_whole_number(void **state)
{
	struct cli_rows rows;
	struct cli_row row;
	static const char file[] = "item,labeler,report,Sequence\na,x,1,\na,x,1, 17 \na,x,1,9223372036854775807\n"
				   "a,x,1,0\na,x,1,1.0\na,x,1,9223372036854775808\na,x,1,-1\n";
	static const uint64_t want[] = {0, 17, INT64_MAX};
	(void)state;
	cli_rows_init(&rows, CLI_ROWS_AUTO);
	cli_rows_push(&rows, file, sizeof file - 1);
	cli_rows_end(&rows);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(cli_rows_next(&rows, &row), CLI_ROWS_ROW);
		assert_int_equal(row.sequence, want[i]);
	}
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(cli_rows_next(&rows, &row), CLI_ROWS_BAD);
	assert_int_equal(cli_rows_next(&rows, &row), CLI_ROWS_END);
	cli_rows_free(&rows);
}

static void bad_names_are_bad(void **state)
{
	char file[1024], name[300];
	(void)state;
	check_csv(HEAD ",x,1,1\na,,1,1\n\xff,x,1,1\na,\"x\ny\",1,1\na,\tx,1,1\na,x,1,1\n", "2!;3!;4!;5!;7!;8 a x 1 1;");
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

static void a_name_too_long_takes_bounded_memory(void **state)
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
			assert_string_equal(read_in_pieces(file, len, piece, CLI_ROWS_CSV),
					    quoted ? "2 a x 1 1;3!;" : "2 a x 1 1;3!;4 b x 0 0;");
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

static void valid_json_is_taken_whatever_stands_in_other_members(void **state)
{
	static const char *const others[] = {
		"18446744073709551615123456789",
		"-1e999",
		"1E-999",
		"0.1e+5",
		"-0",
		"\"nul \\u0000\"",
		"\"\\ud83d alone\"",
		"\"\\udc00\\ud800\"",
		"[[],{},[{\"report\":[]}],\"\\\\\\\"\"]",
		"{\"\":{\"item\":\"b\"}}",
		"true",
		"\"\xff not UTF-8\"",
		"[ 1 , 2\t]",
	};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char file[256];
		snprintf(file, sizeof file,
			 "{\"text\":%s,\"item\":\"a\",\"labeler\":\"x\",\"more\" : %s , \"report\":0.5}", others[i],
			 others[i]);
		check(file, CLI_ROWS_JSONL, "1 a x 0.5;");
	}
}

static void what_is_no_json_costs_one_line(void **state)
{
	static const char *const others[] = {
		"NaN",       "Infinity", "-",     "01",        "1.",       ".5",    "+1",         "1e",
		"0x1",       "1_000",    "tru",   "truee",     "'a'",      "\"a",   "\"\\x\"",    "\"\\u12g4\"",
		"\"\ttab\"", "[1,]",     "[1 2]", "{\"a\"}",   "{\"a\":}", "{a:1}", "{\"a\":1,}", "[}",
		"{]",        "",         "1}",    "undefined", "None",     "[",
	};
	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char file[256];
		snprintf(file, sizeof file, ROW("a", ",\"text\":%s") "\n" ROW("b", ""), others[i]);
		check(file, CLI_ROWS_JSONL, "1!;2 b x 0.5;");
	}
}

static void an_object_is_nested_to_a_limit(void **state)
{
	char file[4 * JSONL_DEPTH_MAX + 200];
	(void)state;
	for (int more = 0; more < 2; more++) {
		const int depth = JSONL_DEPTH_MAX - 1 + more;
		size_t len = (size_t)snprintf(file, 200, "{\"item\":\"a\",\"labeler\":\"x\",\"report\":0.5,\"text\":");
		for (int i = 0; i < depth; i++)
			file[len++] = '[';
		for (int i = 0; i < depth; i++)
			file[len++] = ']';
		len += (size_t)snprintf(file + len, 100, "}\n" ROW("b", ""));
		for (size_t piece = 1; piece < len; piece = piece * 3 + 1)
			assert_string_equal(read_in_pieces(file, len, piece, CLI_ROWS_JSONL),
					    more ? "1!;2 b x 0.5;" : "1 a x 0.5;2 b x 0.5;");
	}
}

static void a_name_of_half_a_character_is_bad(void **state)
{
	(void)state;
	check(ROW("a\\ud83d", "") "\n" ROW("b\\ud83d\\ude00", "") "\n" ROW("\\ude00", "") "\n" ROW("c\\u0000", ""),
	      CLI_ROWS_JSONL, "1!;2 b\xf0\x9f\x98\x80 x 0.5;3!;4!;");
}

static void a_long_name_in_json_takes_bounded_memory(void **state)
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
	memcpy(strstr(file, "{\"item\":\"n"), "{\"text\":", 8);
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
		cmocka_unit_test(bad_quoting_costs_one_record),
		cmocka_unit_test(a_quote_that_is_not_closed_reaches_to_the_end),
		cmocka_unit_test(nothing_within_a_bad_record_is_a_row),
		cmocka_unit_test(lines_may_end_with_carriage_returns_alone),
		cmocka_unit_test(fields_may_be_separated_by_semicolons_or_tabs),
		cmocka_unit_test(long_fields_that_nobody_uses_pass),
		cmocka_unit_test(a_wrong_number_of_fields_is_bad),
		cmocka_unit_test(bad_numbers_are_bad),
		cmocka_unit_test(numbers_of_all_usual_forms_are_taken),
		cmocka_unit_test(names_of_columns_may_have_capitals_and_blanks),
		cmocka_unit_test(a_column_that_may_be_meant_is_named),
		cmocka_unit_test(faults_name_what_is_wrong),
		cmocka_unit_test(another_scale_is_seen),
		cmocka_unit_test(what_nobody_uses_is_listed_once),
		cmocka_unit_test(a_sequence_is_a_whole_number),
		cmocka_unit_test(bad_names_are_bad),
		cmocka_unit_test(a_file_without_the_needed_columns_is_refused),
		cmocka_unit_test(a_name_too_long_takes_bounded_memory),
		cmocka_unit_test(json_lines_are_read),
		cmocka_unit_test(names_in_json_may_be_escaped),
		cmocka_unit_test(bad_json_lines_cost_one_line),
		cmocka_unit_test(a_json_array_is_refused_with_advice),
		cmocka_unit_test(valid_json_is_taken_whatever_stands_in_other_members),
		cmocka_unit_test(what_is_no_json_costs_one_line),
		cmocka_unit_test(an_object_is_nested_to_a_limit),
		cmocka_unit_test(a_name_of_half_a_character_is_bad),
		cmocka_unit_test(a_long_name_in_json_takes_bounded_memory),
		cmocka_unit_test(outcomes_may_stand_alone_where_they_are_wanted),
		cmocka_unit_test(bytes_read_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
