/* Numbers, tables, bars and the progress line. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/base/cli.h"
#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"
#include "client/cli/base/table.h"
#include "tests/lib/unit.h"

/* ---- numbers ---- */

static void numbers_are_taken_only_as_a_whole(void **state)
{
	static const char *const good[] = {"0", "1", "0.5", ".5", "1e-3", "+1", "-0", "1E0", "0.10000000000000001"};
	static const char *const wrong[] = {"", " 1", "1 ", "1x", "x", "0x1", "inf", "nan", "1e999", "--1", "1e", "."};
	double x;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(cli_parse_real(good[i], &x));
	assert_true(x == 0.1);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(cli_parse_real(wrong[i], &x));
}

static void counts_are_digits_alone(void **state)
{
	uint64_t n;
	(void)state;
	assert_true(cli_parse_count("18446744073709551615", &n) && n == UINT64_MAX);
	assert_true(cli_parse_count("007", &n) && n == 7);
	assert_false(cli_parse_count("18446744073709551616", &n));
	assert_false(cli_parse_count("-1", &n));
	assert_false(cli_parse_count("+1", &n));
	assert_false(cli_parse_count("", &n));
	assert_false(cli_parse_count("1.0", &n));
	assert_false(cli_parse_count(" 1", &n));
}

static void numbers_read_well(void **state)
{
	(void)state;
	assert_string_equal(cli_count(0).s, "0");
	assert_string_equal(cli_count(999).s, "999");
	assert_string_equal(cli_count(1000).s, "1,000");
	assert_string_equal(cli_count(UINT64_MAX).s, "18,446,744,073,709,551,615");
	assert_string_equal(cli_weight(23.2405).s, "23.241");
	assert_string_equal(cli_weight(1.94e-7).s, "1.9e-07");
	assert_string_equal(cli_weight(0).s, "0.000");
	assert_string_equal(cli_weight(2.5e6).s, "2.5e+06");
	assert_string_equal(cli_bytes(999).s, "999 B");
	assert_string_equal(cli_bytes(1000).s, "1.0 kB");
	assert_string_equal(cli_bytes(999949).s, "999.9 kB");
	assert_string_equal(cli_bytes(999950).s, "1.0 MB");
	assert_string_equal(cli_bytes(UINT64_MAX).s, "18446.7 PB");
	assert_string_equal(cli_mean(1, 0).s, "-");
	assert_string_equal(cli_mean(1, 4).s, "0.250000");
	assert_string_equal(cli_plural(1), "");
	assert_string_equal(cli_plural(0), "s");
}

static void times_read_well(void **state)
{
	(void)state;
	assert_string_equal(cli_time(0).s, "-");
	assert_string_equal(cli_time(1795480256275).s, "2026-11-24 00:30:56");
	assert_string_equal(cli_time(UINT64_MAX).s, "-");
	assert_string_equal(cli_duration(4200).s, "4.2 s");
	assert_string_equal(cli_duration(60000).s, "1m 00s");
	assert_string_equal(cli_duration(3600000 + 5 * 60000).s, "1h 05m");
	assert_string_equal(cli_duration(UINT64_C(100) * 3600000).s, "4d 4h");
}

static void exact_numbers_read_back_the_same(void **state)
{
	const double numbers[] = {0.1, 1.0 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.0};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		double back = strtod(cli_exact(numbers[i]).s, NULL);
		assert_memory_equal(&back, &numbers[i], sizeof back);
	}
}

/* ---- bars and tables ---- */

static void bars_have_eighths_where_the_terminal_can_show_them(void **state)
{
	char bar[CLI_BAR_BYTES(8)];
	(void)state;
	cli_bar(bar, 1, 4, true);
	assert_string_equal(bar, "████");
	cli_bar(bar, 0.5 + 1.0 / 32, 4, true);
	assert_string_equal(bar, "██▏");
	cli_bar(bar, 1e-9, 4, true);
	assert_string_equal(bar, "▏");
	cli_bar(bar, 0.5, 4, false);
	assert_string_equal(bar, "##");
	cli_bar(bar, 1e-9, 4, false);
	assert_string_equal(bar, "#");
}

static void bars_are_clipped(void **state)
{
	char bar[CLI_BAR_BYTES(8)];
	(void)state;
	cli_bar(bar, 7, 8, true);
	assert_string_equal(bar, "████████");
	cli_bar(bar, 0, 8, true);
	assert_string_equal(bar, "");
	cli_bar(bar, -1, 8, true);
	assert_string_equal(bar, "");
	cli_bar(bar, strtod("nan", NULL), 8, true);
	assert_string_equal(bar, "");
}

static char *print_table(struct cli_table *t, const struct cli_term *term)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	cli_table_print(t, term, to);
	fclose(to);
	return text;
}

static void columns_are_aligned(void **state)
{
	static const struct cli_column columns[] = {{.title = "name"}, {.title = "n", .right = true}, {.title = "end"}};
	const struct cli_term term = {.width = 80};
	struct cli_table t;
	(void)state;
	cli_table_init(&t, columns, 3);
	cli_table_cell(&t, "a");
	cli_table_cell(&t, "%d", 7);
	cli_table_cell(&t, "x");
	cli_table_cell(&t, "longer");
	cli_table_cell(&t, "%d", 1234);
	cli_table_cell(&t, "y");
	char *text = print_table(&t, &term);
	assert_string_equal(text, "name       n  end\n"
				  "a          7  x\n"
				  "longer  1234  y\n");
	free(text);

	/* The next page keeps the widths and has no heading. */
	cli_table_cell(&t, "b");
	cli_table_cell(&t, "8");
	cli_table_cell(&t, "z");
	text = print_table(&t, &term);
	assert_string_equal(text, "b          8  z\n");
	free(text);
	cli_table_free(&t);
}

static void wide_characters_take_their_columns(void **state)
{
	static const struct cli_column columns[] = {{.title = "name"}, {.title = "n", .right = true}};
	const struct cli_term term = {.width = 80, .utf8 = true};
	struct cli_table t;
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip_because("there is no locale C.UTF-8");
	assert_int_equal(cli_width("日本"), 4);
	assert_int_equal(cli_width("e\xcc\x81"), 1);
	assert_int_equal(cli_prefix("日本", 3), 3);
	cli_table_init(&t, columns, 2);
	cli_table_cell(&t, "日本");
	cli_table_cell(&t, "1");
	cli_table_cell(&t, "abcdef");
	cli_table_cell(&t, "2");
	char *text = print_table(&t, &term);
	assert_string_equal(text, "name    n\n日本    1\nabcdef  2\n");
	free(text);
	cli_table_free(&t);
	setlocale(LC_CTYPE, "C");
	assert_int_equal(cli_width("é"), 1);
}

static void a_narrow_terminal_cuts_names_and_a_pipe_does_not(void **state)
{
	static const struct cli_column columns[] = {{.title = "name", .shrink = true}, {.title = "n", .right = true}};
	struct cli_term term = {.width = 20, .out_tty = true};
	(void)state;
	for (int pipe = 0; pipe < 2; pipe++) {
		struct cli_table t;
		term.out_tty = !pipe;
		cli_table_init(&t, columns, 2);
		cli_table_cell(&t, "a-name-of-26-letters-long-");
		cli_table_cell(&t, "1234");
		char *text = print_table(&t, &term);
		if (pipe)
			assert_non_null(strstr(text, "a-name-of-26-letters-long-  1234\n"));
		else
			assert_non_null(strstr(text, "\na-name-of-26-~  1234\n"));
		free(text);
		cli_table_free(&t);
	}
}

static void a_name_may_be_cut_in_its_middle(void **state)
{
	static const struct cli_column columns[] = {{.title = "name", .shrink = true, .middle = true},
						    {.title = "n", .shrink = true}};
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{"token:a-platform-with-a-long-name-1", "\ntoken:a-p~ng-name-1  another"},
		{"token:a-platform-with-a-long-name-2", "\ntoken:a-p~ng-name-2  another"},
		{"日本日本日本日本日本日本日本日本", "\n日本日本~日本日本    another"},
		{"short", "\nshort                another"},
	};
	const struct cli_term term = {.width = 40, .out_tty = true};
	struct cli_table t;
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip_because("there is no locale C.UTF-8");
	cli_table_init(&t, columns, 2);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cli_table_cell(&t, "%s", rows[i].name);
		cli_table_cell(&t, "another-name-of-30-letters---%zu", i);
	}
	char *text = print_table(&t, &term);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!strstr(text, rows[i].shown))
			fail_msg("%s is not shown in\n%s", rows[i].shown, text);
	/* Both columns have given way. */
	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		char one[256];
		snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
		assert_true(cli_width(one) <= term.width);
	}
	setlocale(LC_CTYPE, "C");
	free(text);
	cli_table_free(&t);
}

static void the_bar_takes_what_width_is_left(void **state)
{
	static const struct cli_column columns[] = {{.title = "n"}, {.title = "", .bar = true}, {.title = "m"}};
	struct cli_term term = {.width = 20};
	struct cli_table t;
	(void)state;
	cli_table_init(&t, columns, 3);
	cli_table_cell(&t, "a");
	cli_table_cell(&t, "1");
	cli_table_cell(&t, "z");
	char *text = print_table(&t, &term);
	assert_string_equal(text, "n                  m\na  ##############  z\n");
	free(text);
	cli_table_free(&t);
}

/* ---- progress ---- */

static void progress_with_a_known_end_has_a_bar_and_what_is_left(void **state)
{
	char line[256];
	struct cli_progress p = {.started_ms = 1000, .done = 250, .total = 1000, .count = 5000, .unit = "reports"};
	(void)state;
	cli_progress_line(&p, 11000, false, line, sizeof line);
	assert_string_equal(line, "[######                  ]  25%  5,000 reports, 500/s, 30.0 s left");
	p.last = "ds";
	cli_progress_line(&p, 11000, false, line, sizeof line);
	assert_string_equal(line, "[######                  ]  25%  5,000 reports, 500/s, 30.0 s left: ds");
}

static void progress_without_a_known_end_counts(void **state)
{
	char line[256];
	const struct cli_progress p = {.started_ms = 1000, .count = 5000, .unit = "reports"};
	(void)state;
	cli_progress_line(&p, 3000, true, line, sizeof line);
	assert_string_equal(line, "5,000 reports, 2,500/s, 2.0 s");
	cli_progress_line(&p, 1000, true, line, sizeof line);
}

/* ---- what is said when there is no daemon ---- */

static void why_it_cannot_be_reached_comes_with_what_helps(void **state)
{
	static const char *const running = "Is it running?", *const tls = "tls: instead of tcp:",
				 *const trusted = "certificate authorities";
	static const struct {
		const char *server, *ca, *fault, *says, *not ;
		int err;
	} rows[] = {
		{"unix:/s", NULL, "", running, "not allowed to open", -ENOENT},
		{"unix:/s", NULL, "", running, tls, CANDOR_ERR_CLOSED},
		{"unix:/s", NULL, "", "Your user is not allowed to open that socket: ", running, -EACCES},
		{"tcp:h:1", NULL, "", running, tls, -ECONNREFUSED},
		{"tcp:h:1", NULL, "", running, tls, -ETIMEDOUT},
		{"tcp:h:1", NULL, "", tls, running, CANDOR_ERR_CLOSED},
		{"tcp:h:1", NULL, "", tls, running, CANDOR_ERR_MALFORMED},
		{"tcp:h:1", NULL, "", tls, running, CANDOR_ERR_TOO_BIG},
		{"tcp:h:1", NULL, "", tls, running, -ECONNRESET},
		{"tls:h:1", NULL, "", running, tls, -ECONNRESET},
		{"tls:h:1", "my.pem", "unable to get local issuer certificate",
		 "Only the certificate authorities in my.pem are trusted (--ca or CANDOR_CA).", running,
		 CANDOR_ERR_TLS},
		{"tls:h:1", NULL, "self-signed certificate",
		 "Only this system's certificate authorities are trusted; --ca FILE", running, CANDOR_ERR_TLS},
		{"tls:h:1", "my.pem", "certificate has expired", "cannot connect to tls:h:1: certificate has expired\n",
		 trusted, CANDOR_ERR_TLS},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cli c = {.server = rows[i].server, .ca = rows[i].ca};
		char said[1024] = "";
		FILE *to = tmpfile();
		int saved = dup(STDERR_FILENO);
		assert_non_null(to);
		fflush(stderr);
		dup2(fileno(to), STDERR_FILENO);
		assert_int_equal(cli_unreachable(&c, false, rows[i].err, rows[i].fault), CLI_UNREACHABLE);
		fflush(stderr);
		dup2(saved, STDERR_FILENO);
		close(saved);
		assert_true(pread(fileno(to), said, sizeof said - 1, 0) > 0);
		fclose(to);
		if (!strstr(said, rows[i].says) || strstr(said, rows[i].not ))
			fail_msg("row %zu: %s", i, said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_taken_only_as_a_whole),
		cmocka_unit_test(counts_are_digits_alone),
		cmocka_unit_test(numbers_read_well),
		cmocka_unit_test(times_read_well),
		cmocka_unit_test(exact_numbers_read_back_the_same),
		cmocka_unit_test(bars_have_eighths_where_the_terminal_can_show_them),
		cmocka_unit_test(bars_are_clipped),
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(wide_characters_take_their_columns),
		cmocka_unit_test(a_narrow_terminal_cuts_names_and_a_pipe_does_not),
		cmocka_unit_test(a_name_may_be_cut_in_its_middle),
		cmocka_unit_test(the_bar_takes_what_width_is_left),
		cmocka_unit_test(progress_with_a_known_end_has_a_bar_and_what_is_left),
		cmocka_unit_test(progress_without_a_known_end_counts),
		cmocka_unit_test(why_it_cannot_be_reached_comes_with_what_helps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
