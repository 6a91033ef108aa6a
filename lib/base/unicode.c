#include "lib/base/unicode.h"

#include <stdbool.h>
#include <string.h>

#include <utf8proc.h>

#include "lib/base/err.h"
#include "lib/base/text.h"

enum { NAME_MAX_BYTES = 255, CODEPOINTS_MAX = 20 * NAME_MAX_BYTES /* no character has a longer decomposition */ };

/* Nothing to see, whatever Unicode calls them: the blank of Braille. */
enum { BRAILLE_BLANK = 0x2800 };

uint32_t unicode_code_point(const char *text, size_t len)
{
	utf8proc_int32_t c;
	require(utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &c) == (utf8proc_ssize_t)len);
	return (uint32_t)c;
}

bool unicode_is_invisible(uint32_t c)
{
	const utf8proc_property_t *p = utf8proc_get_property((utf8proc_int32_t)c);
	switch (p->category) {
	case UTF8PROC_CATEGORY_CC:
	case UTF8PROC_CATEGORY_CF:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP: return true;
	case UTF8PROC_CATEGORY_ZS: return c != ' ';
	default: return p->ignorable || c == BRAILLE_BLANK;
	}
}

/* In NFC: how many bytes it has then, in out[]. */
static size_t compose(const char *name, size_t len, utf8proc_int32_t out[CODEPOINTS_MAX])
{
	const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	require(len <= NAME_MAX_BYTES);
	utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)len, out,
						CODEPOINTS_MAX - 1, options);
	require(n >= 0 && n < CODEPOINTS_MAX);
	n = utf8proc_reencode(out, n, options); /* in place, as bytes */
	require(n >= 0);
	return (size_t)n;
}

bool unicode_is_composed(const char *name, size_t len)
{
	utf8proc_int32_t composed[CODEPOINTS_MAX];
	size_t n = compose(name, len, composed);
	return n == len && memcmp(composed, name, len) == 0;
}

_Static_assert(UNICODE_SKELETON_MAX >= 4 * CODEPOINTS_MAX, "four bytes for each code point");

size_t unicode_skeleton(const char *name, size_t len, char out[UNICODE_SKELETON_MAX])
{
	utf8proc_int32_t points[CODEPOINTS_MAX];
	const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD;
	require(len <= NAME_MAX_BYTES);
	utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)name, (utf8proc_ssize_t)len, points,
						CODEPOINTS_MAX, options);
	require(n >= 0 && n <= CODEPOINTS_MAX);
	/* What cannot be seen goes before composing: it would keep apart what belongs together. */
	utf8proc_ssize_t kept = 0;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		if (points[i] != ' ' && !unicode_is_invisible((uint32_t)points[i]))
			points[kept++] = points[i];
	n = utf8proc_normalize_utf32(points, kept, options);
	require(n >= 0);
	size_t bytes = 0;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		bytes += (size_t)utf8proc_encode_char(points[i], (utf8proc_uint8_t *)out + bytes);
	return bytes;
}

const char *unicode_principal_fault(const char *name, size_t len)
{
	for (size_t i = 0; i < len;) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n =
			utf8proc_iterate((const utf8proc_uint8_t *)name + i, (utf8proc_ssize_t)(len - i), &c);
		require(n > 0);
		i += (size_t)n;
		if (unicode_is_invisible((uint32_t)c))
			return "contains an invisible character; use visible characters only";
	}
	if (len > 0 && (name[0] == ' ' || name[len - 1] == ' '))
		return "must not begin or end with a space";
	if (!unicode_is_composed(name, len))
		return "must be in Unicode normalization form C (NFC)";
	return new_name_fault(name);
}
