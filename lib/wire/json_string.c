#include "lib/wire/json_string.h"

#include <string.h>

#include "lib/base/text.h"

struct reader {
	const uint8_t *at, *end;
	const char *fault;
};

const uint8_t *json_string_end(const uint8_t *at, const uint8_t *end, bool *is_escaped)
{
	const uint8_t *quote = NULL; /* the first one from `at` on, or the end */
	for (; at < end; at++) {
		if (*is_escaped) {
			*is_escaped = false;
			continue;
		}
		if (!quote || quote < at) {
			quote = memchr(at, '"', (size_t)(end - at));
			quote = quote ? quote : end;
		}
		const uint8_t *backslash = memchr(at, '\\', (size_t)(quote - at));
		if (!backslash)
			return quote < end ? quote + 1 : NULL;
		at = backslash;
		*is_escaped = true;
	}
	return NULL;
}

/* Always -1. */
static int refuse(struct reader *r, const char *what)
{
	r->fault = what;
	return -1;
}

static int encode(uint32_t code, uint8_t out[4])
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const uint8_t firsts[] = {0, 0xc0, 0xe0, 0xf0};
	out[0] = (uint8_t)(firsts[more] | code >> (6 * more));
	for (int i = 1; i <= more; i++)
		out[i] = (uint8_t)(0x80 | (code >> (6 * (more - i)) & 0x3f));
	return 1 + more;
}

static bool take_hex(struct reader *r, uint32_t *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, r->at++) {
		uint8_t c = r->at < r->end ? *r->at : 0;
		uint32_t digit = c >= '0' && c <= '9'                 ? c - '0'
				 : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
								      : 16;
		if (digit == 16)
			return refuse(r, "expected four hexadecimal digits after \\u") == 0;
		*code = *code << 4 | digit;
	}
	return true;
}

/* Behind \u: how many bytes it comes to, -1 for a fault. */
static int take_code(struct reader *r, uint8_t out[4])
{
	static const char unpaired[] = "unpaired surrogate in a string";
	uint32_t code, low;
	if (!take_hex(r, &code))
		return -1;
	if (code == 0)
		return refuse(r, "\\u0000 is not allowed in a string");
	if (code < 0xd800 || code > 0xdfff)
		return encode(code, out);
	if (code > 0xdbff || r->end - r->at < 2 || memcmp(r->at, "\\u", 2) != 0)
		return refuse(r, unpaired);
	r->at += 2;
	if (!take_hex(r, &low))
		return -1;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(r, unpaired);
	return encode(0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00)), out);
}

/* Behind the backslash, likewise. */
static int take_escape(struct reader *r, uint8_t out[4])
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	uint8_t c = r->at < r->end ? *r->at : 0;
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		r->at++;
		out[0] = (uint8_t)meant[letter - letters];
		return 1;
	}
	if (c != 'u')
		return refuse(r, "unknown escape in a string");
	r->at++;
	return take_code(r, out);
}

/* The next character: its bytes; 0 for the closing quote, -1 for a fault. */
static int take_character(struct reader *r, uint8_t out[4])
{
	if (r->at == r->end)
		return refuse(r, "unterminated string");
	if (*r->at == '"' || *r->at == '\\') {
		bool is_end = *r->at++ == '"';
		return is_end ? 0 : take_escape(r, out);
	}
	size_t len = text_utf8(r->at, (size_t)(r->end - r->at));
	if (len == 0 || *r->at < 0x20)
		return refuse(r, len ? "a control character in a string must be escaped" : "not valid UTF-8");
	memcpy(out, r->at, len);
	r->at += len;
	return (int)len;
}

static bool is_ordinary(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Text without escapes, as nearly all strings are. */
static bool is_bare(const uint8_t *text, size_t len)
{
	return !memchr(text, '\\', len) && !text_fault((const char *)text, len);
}

ssize_t json_string_read(const uint8_t *text, size_t len, uint8_t *out, struct json_string_fault *fault)
{
	struct reader r = {.at = text + 1, .end = text + len};
	uint8_t *to = out;
	if (len >= 2 && text[len - 1] == '"' && is_bare(text + 1, len - 2)) {
		memcpy(out, text + 1, len - 2);
		return (ssize_t)len - 2;
	}
	for (;;) {
		while (r.at < r.end && is_ordinary(*r.at))
			*to++ = *r.at++;
		int n = take_character(&r, to);
		if (n < 0) {
			*fault = (struct json_string_fault){r.fault, (size_t)(r.at - text)};
			return -1;
		}
		if (n == 0)
			return to - out;
		to += n;
	}
}
