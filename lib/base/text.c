#include "lib/base/text.h"

#include <string.h>

/* Well-formed as Unicode table 3-7 has it. */
size_t text_utf8(const uint8_t *p, size_t left)
{
	static const struct {
		uint8_t first_lo, first_hi, second_lo, second_hi, len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (p[0] < forms[i].first_lo || p[0] > forms[i].first_hi)
			continue;
		if (left < forms[i].len || p[1] < forms[i].second_lo || p[1] > forms[i].second_hi)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

/* Whether all of eight bytes are from 0x20 to 0x7e, as nearly all text is. */
static bool is_plain(const uint8_t *p)
{
	const uint64_t each = 0x0101010101010101;
	uint64_t x;
	memcpy(&x, p, sizeof x);
	/* With no high bit set, none of these sums carries into its neighbour: the first sets a high bit for 0x7f, the
	 * second does so unless the byte is below 0x20. */
	uint64_t high = 0x80 * each;
	return !(x & high) && !((x + each) & high) && ((x + 0x60 * each) & high) == high;
}

/* U+0000 to U+001F and U+007F to U+009F; and those that end lines or change the direction of what follows on a
 * terminal: U+2028 to U+202E, U+2066 to U+2069. */
static bool is_control(const uint8_t *p, size_t step)
{
	if (step == 3 && p[0] == 0xe2)
		return (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

const char *text_fault(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	for (size_t i = 0; i < len;) {
		if (len - i >= 8 && is_plain(p + i)) {
			i += 8;
			continue;
		}
		/* The last eight include what is left. */
		if (len >= 8 && len - i < 8 && is_plain(p + len - 8))
			return NULL;
		if (p[i] >= 0x20 && p[i] < 0x7f) {
			i++;
			continue;
		}
		size_t step = text_utf8(p + i, len - i);
		if (step == 0)
			return "is not valid UTF-8";
		if (is_control(p + i, step))
			return "contains a control character";
		i += step;
	}
	return NULL;
}

const char *new_name_fault(const char *name)
{
	/* The first of them is U+061C, which is D8 9C; so plain text is passed over quickly. */
	for (const uint8_t *p = (const uint8_t *)name; *p; p++) {
		if (*p < 0xd8)
			continue;
		bool direction = (p[0] == 0xd8 && p[1] == 0x9c) ||
				 (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f)) ||
				 (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xaa && p[2] <= 0xaf);
		if (direction)
			return "contains a character that changes the direction of text";
		/* Those in the first plane, and the last two of each. */
		bool none = (p[0] == 0xef && p[1] == 0xb7 && p[2] >= 0x90 && p[2] <= 0xaf) ||
			    (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe) ||
			    (p[0] >= 0xf0 && (p[1] & 0x0f) == 0x0f && p[2] == 0xbf && p[3] >= 0xbe);
		if (none)
			return "contains a code point that is not a character";
	}
	return NULL;
}

const char *name_fault(const char *name, size_t len)
{
	if (len == 0)
		return "is empty; a name must be 1 to 255 bytes long";
	if (len > 255)
		return "is too long; a name must be 1 to 255 bytes long";
	return text_fault(name, len);
}

/* Reads the numbers at the form's 'd's, one for each run of them; all other characters must match. */
static bool read_form(const char *text, const char *form, unsigned *numbers)
{
	size_t n = 0;
	bool in_number = false;
	for (; *form; form++, text++) {
		if (*form != 'd') {
			if (*text != *form)
				return false;
			in_number = false;
			continue;
		}
		if (*text < '0' || *text > '9')
			return false;
		if (!in_number)
			numbers[n++] = 0;
		in_number = true;
		numbers[n - 1] = numbers[n - 1] * 10 + (unsigned)(*text - '0');
	}
	return !*text;
}

bool text_date(const char *text, uint64_t *ms)
{
	static const unsigned before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	unsigned t[6] = {0};
	if (!read_form(text, "dddd-dd-dd", t) && !read_form(text, "dddd-dd-ddTdd:dd:ddZ", t))
		return false;
	unsigned y = t[0], m = t[1], d = t[2];
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (y < 1970 || m < 1 || m > 12 || d < 1 || t[3] > 23 || t[4] > 59 || t[5] > 59)
		return false;
	unsigned days_of_month = (m == 12 ? 365 : before[m]) - before[m - 1] + (leap && m == 2);
	if (d > days_of_month)
		return false;
	/* Leap days from year 1 to the one before, less those before 1970. */
	uint64_t z = y - 1, days = (uint64_t)(y - 1970) * 365 + (z / 4 - z / 100 + z / 400) - 477;
	days += before[m - 1] + (leap && m > 2) + d - 1;
	*ms = ((days * 24 + t[3]) * 60 + t[4]) * 60000 + t[5] * UINT64_C(1000);
	return true;
}
