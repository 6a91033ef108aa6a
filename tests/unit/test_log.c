/* How log lines look in each format; and that whatever stands in a sentence stays one line and one value. */
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/text.h"

static const enum log_format formats[] = {LOG_TEXT, LOG_LOGFMT, LOG_JSON};

#define MS 1796059752007ull /* 2026-11-30T17:29:12.007Z */

static const char *render(enum log_format format, bool journal, enum log_level level, const char *sentence)
{
	static char out[LOG_RENDERED_MAX + 1];
	const struct log_style style = {.format = format, .for_journal = journal, .program = "candord"};
	size_t len = log_render(&style, level, MS, sentence, out);
	assert_true(len <= LOG_RENDERED_MAX);
	out[len] = 0;
	assert_int_equal(strlen(out), len);
	return out;
}

static void text_has_the_time_the_program_and_what_is_no_notice(void **state)
{
	(void)state;
	assert_string_equal(render(LOG_TEXT, false, LOG_NOTICE, "it is ready"),
			    "2026-11-30T17:29:12.007Z candord: it is ready\n");
	assert_string_equal(render(LOG_TEXT, false, LOG_ERROR, "no"), "2026-11-30T17:29:12.007Z candord: error: no\n");
	assert_string_equal(render(LOG_TEXT, false, LOG_WARNING, "hm"),
			    "2026-11-30T17:29:12.007Z candord: warning: hm\n");
	assert_string_equal(render(LOG_TEXT, false, LOG_DEBUG, "so"), "2026-11-30T17:29:12.007Z candord: debug: so\n");
}

static void logfmt_and_json_have_fields(void **state)
{
	(void)state;
	assert_string_equal(render(LOG_LOGFMT, false, LOG_WARNING, "say \"no\" \\ yes"),
			    "time=2026-11-30T17:29:12.007Z level=warning msg=\"say \\\"no\\\" \\\\ yes\"\n");
	assert_string_equal(
		render(LOG_JSON, false, LOG_WARNING, "say \"no\" \\ yes"),
		"{\"time\":\"2026-11-30T17:29:12.007Z\",\"level\":\"warning\",\"msg\":\"say \\\"no\\\" \\\\ yes\"}\n");
}

static void the_journal_gets_a_priority_and_no_time(void **state)
{
	(void)state;
	assert_string_equal(render(LOG_TEXT, true, LOG_ERROR, "no"), "<3>no\n");
	assert_string_equal(render(LOG_TEXT, true, LOG_WARNING, "hm"), "<4>hm\n");
	assert_string_equal(render(LOG_TEXT, true, LOG_NOTICE, "yes"), "<5>yes\n");
	assert_string_equal(render(LOG_TEXT, true, LOG_DEBUG, "so"), "<7>so\n");
	assert_string_equal(render(LOG_LOGFMT, true, LOG_ERROR, "no"), "<3>level=error msg=\"no\"\n");
	assert_string_equal(render(LOG_JSON, true, LOG_ERROR, "no"), "<3>{\"level\":\"error\",\"msg\":\"no\"}\n");
}

static void the_ends_of_time_can_be_written(void **state)
{
	(void)state;
	char out[LOG_RENDERED_MAX];
	const struct log_style style = {.format = LOG_LOGFMT};
	const struct {
		uint64_t ms;
		const char *text;
	} times[] = {
		{0, "time=1970-01-01T00:00:00.000Z "},
		{951782400999, "time=2000-02-29T00:00:00.999Z "},
		{253402300799999, "time=9999-12-31T23:59:59.999Z "},
	};
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		log_render(&style, LOG_NOTICE, times[i].ms, "x", out);
		assert_memory_equal(out, times[i].text, strlen(times[i].text));
	}
}

/* ---- hostile sentences ---- */

/* One line, without faults, that begins as an honest one does. */
static void assert_one_line(enum log_format format, bool journal, const char *sentence)
{
	char honest[LOG_RENDERED_MAX + 1];
	snprintf(honest, sizeof honest, "%s", render(format, journal, LOG_WARNING, ""));
	const char *line = render(format, journal, LOG_WARNING, sentence);
	size_t len = strlen(line), same = strlen(honest) - (format == LOG_JSON ? 3 : format == LOG_LOGFMT ? 2 : 1);
	assert_ptr_equal(strchr(line, '\n'), line + len - 1);
	assert_null(text_fault(line, len - 1));
	assert_memory_equal(line, honest, same);
}

static bool is_utf8(const char *sentence)
{
	size_t left = strlen(sentence), step = 1;
	for (const uint8_t *p = (const uint8_t *)sentence; left > 0 && step > 0; p += step, left -= step)
		step = text_utf8(p, left);
	return step > 0;
}

/* What a reader of the quoted string gets: without faults the sentence itself. */
static void assert_reads_back(enum log_format format, const char *sentence)
{
	char object[LOG_RENDERED_MAX + 16];
	const char *line = render(format, false, LOG_WARNING, sentence);
	if (format == LOG_LOGFMT)
		snprintf(object, sizeof object, "{\"msg\":%s}", strstr(line, " msg=") + 5);
	json_error_t why;
	json_t *read = json_loads(format == LOG_LOGFMT ? object : line, 0, &why);
	if (!read)
		fail_msg("%s: %s", why.text, line);
	assert_int_equal(json_object_size(read), format == LOG_LOGFMT ? 1 : 3);
	const char *msg = json_string_value(json_object_get(read, "msg"));
	assert_non_null(msg);
	/* Bytes that are no character are replaced. */
	if (is_utf8(sentence))
		assert_string_equal(msg, sentence);
	json_decref(read);
}

static void assert_harmless(const char *sentence)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const enum log_format format = formats[i];
		assert_one_line(format, false, sentence);
		assert_one_line(format, true, sentence);
		if (format != LOG_TEXT)
			assert_reads_back(format, sentence);
	}
}

static void a_name_cannot_forge_lines_or_fields(void **state)
{
	(void)state;
	static const char *const hostile[] = {
		"pool x\n2026-11-30T17:29:12.007Z candord: error: forged",
		"pool x\r\n<0>forged",
		"pool x\" level=error msg=\"forged",
		"pool x\",\"level\":\"error\",\"msg\":\"forged",
		"pool x\\",
		"pool x\\\" y",
		"\x1b[2J\x1b[31mred",
		"\x7f\x08\x08\x08",
		"next line \xc2\x85 and \xe2\x80\xa8 and \xe2\x80\xa9",
		"\xe2\x80\xae turned \xe2\x81\xa6 around",
		"cut in the middle \xf0\x9f\x90",
		"\xff\xfe\xc0\xaf\xed\xa0\x80",
		"\xf0\x9f\x90\xa6 \xe6\x9d\x8e stay as they are",
	};
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
		assert_harmless(hostile[i]);
	assert_string_equal(render(LOG_TEXT, true, LOG_ERROR, "a\nb\x1b \xe2\x80\xae \xff."),
			    "<3>a\\u{A}b\\u{1B} \\u{202E} \xef\xbf\xbd.\n");
	assert_string_equal(render(LOG_LOGFMT, true, LOG_ERROR, "a\nb\xc2\x85 \xe2\x80\xae \xff."),
			    "<3>level=error msg=\"a\\u000ab\\u0085 \\u202e \xef\xbf\xbd.\"\n");
}

static void no_two_bytes_break_a_line(void **state)
{
	(void)state;
	char sentence[8];
	for (unsigned a = 1; a < 256; a++)
		for (unsigned b = 1; b < 256; b++) {
			snprintf(sentence, sizeof sentence, "x%c%cy", (int)a, (int)b);
			assert_harmless(sentence);
		}
}

static void the_longest_sentence_fits_whatever_is_in_it(void **state)
{
	(void)state;
	static const char *const fills[] = {"\x01", "\"", "\\", "\xff", "\xc2\x80", "\xe2\x80\xae", "\xf0\x9f\x90\xa6"};
	char sentence[LOG_LINE_MAX];
	for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
		size_t len = strlen(fills[i]);
		for (size_t at = 0; at < sizeof sentence - 1; at++)
			sentence[at] = fills[i][at % len];
		sentence[sizeof sentence - 1] = 0;
		assert_harmless(sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_has_the_time_the_program_and_what_is_no_notice),
		cmocka_unit_test(logfmt_and_json_have_fields),
		cmocka_unit_test(the_journal_gets_a_priority_and_no_time),
		cmocka_unit_test(the_ends_of_time_can_be_written),
		cmocka_unit_test(a_name_cannot_forge_lines_or_fields),
		cmocka_unit_test(no_two_bytes_break_a_line),
		cmocka_unit_test(the_longest_sentence_fits_whatever_is_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
