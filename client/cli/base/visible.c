#include "client/cli/base/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/base/unicode.h"
#include "lib/message.h"

enum { LONGEST = 12 /* of one character: \u{10FFFF} */ };

/* A mark that is shown on the character before it. */
static bool is_accent(uint32_t c)
{
	return c >= 0x300 && c <= 0x36f;
}

static size_t blanks(const char *text, size_t len)
{
	size_t n = 0;
	while (n < len && text[n] == ' ')
		n++;
	return n;
}

static bool is_escaped(const char *text, size_t at, size_t len, uint32_t c)
{
	if (c == ' ')
		return blanks(text, at) == at || at + blanks(text + at, len - at) == len;
	if (c == '\\')
		return at + 2 < len && (text[at + 1] == 'u' || text[at + 1] == 'x') && text[at + 2] == '{';
	return unicode_is_invisible(c);
}

static void show(const char *text, size_t len, bool with_accents, char *out, size_t size)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t at = 0;
	for (size_t i = 0; i < len;) {
		const size_t step = text_utf8(p + i, len - i);
		const uint32_t c = step ? unicode_code_point(text + i, step) : p[i];
		if (at + LONGEST + sizeof "..." > size) {
			memcpy(out + at, "...", sizeof "...");
			return;
		}
		if (step == 0) {
			at += (size_t)snprintf(out + at, LONGEST, "\\x{%02X}", (unsigned)c);
		} else if (is_escaped(text, i, len, c) || (with_accents && is_accent(c))) {
			at += (size_t)snprintf(out + at, LONGEST, "\\u{%X}", (unsigned)c);
		} else {
			memcpy(out + at, p + i, step);
			at += step;
		}
		i += step ? step : 1;
	}
	out[at] = '\0';
}

struct cli_visible cli_visible(const char *name)
{
	struct cli_visible out;
	show(name, strlen(name), false, out.s, sizeof out.s);
	return out;
}

struct cli_shown cli_shown(const char *text, size_t len)
{
	struct cli_shown out;
	const bool is_name = len <= CANDOR_NAME_MAX && !text_fault(text, len);
	show(text, len, is_name && !unicode_is_composed(text, len), out.s, sizeof out.s);
	return out;
}
