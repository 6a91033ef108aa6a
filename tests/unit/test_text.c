#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/base/text.h"

static const char NOT_UTF8[] = "is not valid UTF-8", CONTROL[] = "contains a control character";

/* From a block of just that size, so that a sanitizer sees a read beyond it. */
static const char *fault_of(const char *text, size_t len)
{
	char *exact = malloc(len ? len : 1);
	assert_non_null(exact);
	memcpy(exact, text, len);
	const char *fault = text_fault(exact, len);
	free(exact);
	return fault;
}

#define FAULT(literal) fault_of(literal, sizeof(literal) - 1)

static void text_without_faults_has_none(void **state)
{
	(void)state;
	assert_null(FAULT(""));
	assert_null(FAULT("anna 7 ~!"));
	assert_null(FAULT("\xc2\xa0\xc3\xa9\xdf\xbf"));
	assert_null(FAULT("\xe0\xa0\x80\xe6\x9d\x8e\xef\xbf\xbf"));
	assert_null(FAULT("\xf0\x90\x80\x80\xf0\x9f\x90\xa6\xf4\x8f\xbf\xbf"));
	assert_null(FAULT("\xed\x9f\xbf\xee\x80\x80"));
}

static size_t encode(uint32_t point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--, point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)((0xf00 >> len & 0xff) | point);
	return len;
}

static void every_code_point_is_text_but_controls_surrogates_and_what_is_beyond_unicode(void **state)
{
	(void)state;
	for (uint32_t point = 0; point < 0x200000; point++) {
		char text[4];
		size_t len = encode(point, text);
		bool turns = (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
		const char *want = point < 0x20 || (point >= 0x7f && point <= 0x9f) || turns  ? CONTROL
				   : (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff ? NOT_UTF8
											      : NULL;
		const char *got = text_fault(text, len);
		if (got != want && (!got || !want || strcmp(got, want) != 0))
			fail_msg("U+%04X: %s", point, got ? got : "no fault");
	}
}

/* Whether Unicode's table 3-7 has these bytes as a sequence; as bit arithmetic, not as that table. */
static bool is_shortest_form(const uint8_t *p, size_t len)
{
	uint32_t point = p[0] & (len == 2 ? 0x1f : len == 3 ? 0x0f : 0x07);
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const uint8_t mark[] = {0, 0, 0xc0, 0xe0, 0xf0}, mask[] = {0, 0, 0xe0, 0xf0, 0xf8};
	if ((p[0] & mask[len]) != mark[len])
		return false;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		point = point << 6 | (p[i] & 0x3f);
	}
	return point >= least[len] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

static void every_pair_and_triple_of_bytes_is_judged_as_unicode_s_table_says(void **state)
{
	(void)state;
	for (uint32_t n = 0x80 << 8; n < 1 << 16; n++) {
		const uint8_t p[] = {(uint8_t)(n >> 8), (uint8_t)n};
		bool control = p[0] == 0xc2 && p[1] < 0xa0;
		bool good = is_shortest_form(p, 2) && !control;
		assert_true((text_fault((const char *)p, 2) == NULL) == good);
	}
	for (uint32_t n = 0xe0 << 16; n < 1 << 24; n++) {
		const uint8_t p[] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
		if (text_fault((const char *)p, 3) == NULL && !is_shortest_form(p, 3))
			fail_msg("%02x %02x %02x", p[0], p[1], p[2]);
		bool turns = (n >= 0xe280a8 && n <= 0xe280ae) || (n >= 0xe281a6 && n <= 0xe281a9);
		if (is_shortest_form(p, 3))
			assert_int_equal(text_fault((const char *)p, 3) != NULL, turns);
	}
}

static void overlong_and_cut_sequences_are_not_utf8(void **state)
{
	(void)state;
	assert_string_equal(FAULT("\xc0\x80"), NOT_UTF8);
	assert_string_equal(FAULT("\xc0\xaf"), NOT_UTF8);
	assert_string_equal(FAULT("\xc1\xbf"), NOT_UTF8);
	assert_string_equal(FAULT("\xe0\x9f\xbf"), NOT_UTF8);
	assert_string_equal(FAULT("\xf0\x8f\xbf\xbf"), NOT_UTF8);
	assert_string_equal(FAULT("\xf4\x90\x80\x80"), NOT_UTF8);
	assert_string_equal(FAULT("\xf8\x88\x80\x80\x80"), NOT_UTF8);
	assert_string_equal(FAULT("\xfe"), NOT_UTF8);
	assert_string_equal(FAULT("\xff"), NOT_UTF8);
	assert_string_equal(FAULT("\x80"), NOT_UTF8);
	assert_string_equal(FAULT("a\xbf"), NOT_UTF8);
	assert_string_equal(FAULT("\xed\xa0\x80"), NOT_UTF8);
	assert_string_equal(FAULT("\xed\xbf\xbf"), NOT_UTF8);
	static const char whole[] = "\xc3\xa9\xe6\x9d\x8e\xf0\x9f\x90\xa6";
	static const bool ends[] = {true, false, true, false, false, true, false, false, false, true};
	for (size_t len = 0; len < sizeof whole; len++)
		assert_true((fault_of(whole, len) == NULL) == ends[len]);
}

static void controls_are_found_wherever_they_stand(void **state)
{
	(void)state;
	assert_string_equal(FAULT("\0"), CONTROL);
	assert_string_equal(FAULT("ab\0cd"), CONTROL);
	assert_string_equal(FAULT("abc\0"), CONTROL);
	assert_string_equal(FAULT("line\n"), CONTROL);
	assert_string_equal(FAULT("\tx"), CONTROL);
	assert_string_equal(FAULT("\x1b[31m"), CONTROL);
	assert_string_equal(FAULT("\x7f"), CONTROL);
	assert_string_equal(FAULT("\xc2\x80"), CONTROL);
	assert_string_equal(FAULT("x\xc2\x9by"), CONTROL);
	assert_string_equal(FAULT("\xc2\x9f"), CONTROL);
}

/* Plain text is passed over many bytes at a time. */
static void one_bad_byte_is_found_at_each_place_of_texts_of_each_length(void **state)
{
	char text[40];
	(void)state;
	for (size_t len = 1; len <= sizeof text; len++)
		for (size_t at = 0; at < len; at++) {
			memset(text, 'a', sizeof text);
			assert_null(text_fault(text, len));
			text[at] = '\n';
			assert_string_equal(text_fault(text, len), CONTROL);
			text[at] = '\xff';
			assert_non_null(text_fault(text, len));
			/* A character of two bytes, of which the second may be beyond the end. */
			text[at] = '\xc3';
			if (at + 1 < sizeof text)
				text[at + 1] = '\xa4';
			assert_int_equal(text_fault(text, len) == NULL, at + 1 < len);
		}
}

static void a_name_has_1_to_255_bytes_of_such_text(void **state)
{
	char name[256];
	(void)state;
	memset(name, 'n', sizeof name);
	assert_non_null(strstr(name_fault("", 0), "empty"));
	assert_null(name_fault(name, 1));
	assert_null(name_fault(name, 255));
	assert_non_null(strstr(name_fault(name, 256), "too long"));
	/* Bytes are counted, not characters; and a character may not be cut by the limit. */
	for (size_t i = 0; i < 254; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	assert_null(name_fault(name, 254));
	memcpy(name + 254, "\xc3\xa9", 2);
	assert_string_equal(name_fault(name, 255), NOT_UTF8);
	assert_non_null(strstr(name_fault(name, 256), "too long"));
	assert_string_equal(name_fault("a\0b", 3), CONTROL);
}

static void new_names_turn_no_text_around_and_have_only_characters(void **state)
{
	static const char *const good[] = {
		"",
		"a",
		"Ann Lee",
		" outer blanks ",
		"Ju\u0308rgen",
		"\u200b",
		"\u200c\u200d" /* joiners */,
		"\u0627\u0644\u0639",
		"\u05d0",
		"\u200a",
		"\u2010",
		"\u2069x" /* text_fault() has that */,
		"\u2070",
		"\u061b",
		"\u061d",
		"\ufdcf",
		"\ufdf0",
		"\ufffd",
		"\U0001F600",
		"\U0001fffd",
		"\U0010fffd",
		"\U0002f800",
	};
	static const char *const turning[] = {"\u061c", "\u200e", "\u200f", "\u206a", "\u206b",
					      "\u206c", "\u206d", "\u206e", "\u206f"};
	char name[16];
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (new_name_fault(good[i]))
			fail_msg("%s: %s", good[i], new_name_fault(good[i]));
	for (size_t i = 0; i < sizeof turning / sizeof *turning; i++) {
		snprintf(name, sizeof name, "ab%sc", turning[i]);
		assert_non_null(strstr(new_name_fault(name), "direction"));
	}
	for (uint32_t plane = 0; plane <= 16; plane++) {
		for (uint32_t last = 0xfffc; last <= 0xffff; last++) {
			name[encode(plane << 16 | last, name)] = 0;
			assert_int_equal(new_name_fault(name) != NULL, last >= 0xfffe);
		}
	}
	for (uint32_t c = 0xfdc0; c < 0xfe00; c++) {
		name[encode(c, name)] = 0;
		assert_int_equal(new_name_fault(name) != NULL, c >= 0xfdd0 && c <= 0xfdef);
	}
}

static void dates_are_days_or_seconds_of_the_calendar_in_utc(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
		{"1970-01-01", 0},
		{"1970-01-02", 86400000},
		{"1972-02-29", 68169600000},
		{"2000-02-29T23:59:59Z", 951868799000},
		{"2000-03-01", 951868800000},
		{"2026-11-25T15:30:00Z", 1795620600000},
		{"2100-03-01", 4107542400000},
		{"9999-12-31T23:59:59Z", 253402300799000},
	};
	static const char *const bad[] = {
		"",
		"2026",
		"2026-1-1",
		"2026-13-01",
		"2026-00-01",
		"2026-04-31",
		"2026-02-29",
		"2100-02-29",
		"1969-12-31",
		"2026-01-01T",
		"2026-01-01T24:00:00Z",
		"2026-01-01T12:60:00Z",
		"2026-01-01T12:00:60Z",
		"2026-01-01T12:00:00",
		"2026-01-01 12:00:00Z",
		"2026-01-01x",
		" 2026-01-01",
		"2026-01-01T12:00:00+01:00",
		"+026-01-01",
	};
	uint64_t ms;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(text_date(good[i].text, &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (text_date(bad[i], &ms))
			print_error("\"%s\" is taken\n", bad[i]);
		assert_false(text_date(bad[i], &ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_without_faults_has_none),
		cmocka_unit_test(every_code_point_is_text_but_controls_surrogates_and_what_is_beyond_unicode),
		cmocka_unit_test(every_pair_and_triple_of_bytes_is_judged_as_unicode_s_table_says),
		cmocka_unit_test(overlong_and_cut_sequences_are_not_utf8),
		cmocka_unit_test(controls_are_found_wherever_they_stand),
		cmocka_unit_test(one_bad_byte_is_found_at_each_place_of_texts_of_each_length),
		cmocka_unit_test(a_name_has_1_to_255_bytes_of_such_text),
		cmocka_unit_test(new_names_turn_no_text_around_and_have_only_characters),
		cmocka_unit_test(dates_are_days_or_seconds_of_the_calendar_in_utc),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
