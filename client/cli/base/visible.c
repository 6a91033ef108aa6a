#include "client/cli/base/visible.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/base/unicode.h"

enum { LONGEST = 12 /* of one character: \u{10FFFF} */ };

/* What is well-formed at p. */
static uint32_t code_point(const uint8_t *p, size_t len)
{
	uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static bool is_escaped(const char *name, size_t at, size_t len, uint32_t c)
{
	if (c == ' ')
		return name[strspn(name, " ")] == 0 || strspn(name, " ") > at || at + strspn(name + at, " ") == len;
	if (c == '\\')
		return (name[at + 1] == 'u' || name[at + 1] == 'x') && name[at + 2] == '{';
	return unicode_is_invisible(c);
}

struct cli_visible cli_visible(const char *name)
{
	struct cli_visible out = {""};
	const uint8_t *p = (const uint8_t *)name;
	size_t len = strlen(name), at = 0;
	for (size_t i = 0; i < len;) {
		const size_t step = text_utf8(p + i, len - i);
		const uint32_t c = step ? code_point(p + i, step) : p[i];
		if (at + LONGEST + sizeof "..." > sizeof out.s) {
			memcpy(out.s + at, "...", sizeof "...");
			break;
		}
		if (step == 0) {
			at += (size_t)snprintf(out.s + at, LONGEST, "\\x{%02X}", (unsigned)c);
		} else if (is_escaped(name, i, len, c)) {
			at += (size_t)snprintf(out.s + at, LONGEST, "\\u{%X}", (unsigned)c);
		} else {
			memcpy(out.s + at, p + i, step);
			at += step;
		}
		i += step ? step : 1;
	}
	return out;
}
