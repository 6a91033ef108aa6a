#include "daemon/http/percent.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/text.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

/* The next byte, which is then taken; -1: a '%' without its digits. at < end. */
static int take(const char **at, const char *end, enum percent_plus plus)
{
	char c = *(*at)++;
	if (c == '+' && plus == PERCENT_BLANK)
		return ' ';
	if (c != '%')
		return (uint8_t)c;
	int high = end - *at >= 2 ? digit((*at)[0]) : -1, low = high >= 0 ? digit((*at)[1]) : -1;
	if (low < 0)
		return -1;
	*at += 2;
	return high << 4 | low;
}

static size_t length_by_first(uint8_t first)
{
	return first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Nothing in it has to be decoded. */
static bool is_bare(const char *raw, size_t len, enum percent_plus plus)
{
	return len == 0 || (!memchr(raw, '%', len) && (plus == PERCENT_PLUS || !memchr(raw, '+', len)));
}

const char *percent_fault(const char *raw, size_t len, enum percent_plus plus)
{
	static const char bad_escape[] =
		"has a \"%\" without two hexadecimal digits behind it; a \"%\" itself is written %25";
	if (is_bare(raw, len, plus) && !text_fault(raw, len))
		return NULL;
	for (const char *at = raw, *end = raw + len; at < end;) {
		uint8_t character[4] = {0};
		size_t n = 0, want = 1;
		while (n < want && at < end) {
			int byte = take(&at, end, plus);
			if (byte < 0)
				return bad_escape;
			character[n++] = (uint8_t)byte;
			want = length_by_first(character[0]);
		}
		if (character[0] == 0)
			return "contains a NUL (%00)";
		if (text_utf8(character, n) != n)
			return "is not valid UTF-8";
	}
	return NULL;
}

size_t percent_length(const char *raw, size_t len)
{
	size_t n = len;
	if (is_bare(raw, len, PERCENT_PLUS))
		return len;
	for (size_t i = 0; i < len; i++)
		n -= raw[i] == '%' ? 2 : 0;
	return n;
}

void percent_decode(const char *raw, size_t len, enum percent_plus plus, char *out)
{
	if (is_bare(raw, len, plus)) {
		memcpy(out, raw, len);
		return;
	}
	for (const char *at = raw, *end = raw + len; at < end;)
		*out++ = (char)take(&at, end, plus);
}

bool percent_is(const char *raw, size_t len, enum percent_plus plus, const char *text, size_t text_len)
{
	const char *at = raw, *end = raw + len;
	size_t i = 0;
	while (at < end && i < text_len) {
		if (take(&at, end, plus) != (uint8_t)text[i++])
			return false;
	}
	return at == end && i == text_len;
}
