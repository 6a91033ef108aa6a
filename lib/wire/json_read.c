/* JSON to messages: one pass over the text, and each value straight to its place. */
#include "lib/wire/json.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/similar.h"
#include "lib/base/text.h"

enum { DEPTH_MAX = 32, PATH_BYTES = 512, SHOWN_BYTES = 40, NUMBER_BYTES = 128, FIELDS_MAX = 256 };

struct reader {
	const uint8_t *start, *at, *end;
	struct arena *arena;
	const char *fault; /* NULL: none so far */
	int err;
};

/* Where in the message a value is. */
struct place {
	const struct place *up; /* NULL: the outermost object */
	const char *name; /* of the field; NULL: an element of the list above */
	size_t index;
	unsigned depth; /* of messages */
};

/* ---- faults ---- */

static bool no_memory(struct reader *r)
{
	r->err = r->arena->exhausted ? ERR_BUDGET : -ENOMEM;
	return false;
}

static void *take_memory(struct reader *r, size_t size)
{
	void *block = arena_alloc(r->arena, size);
	if (!block)
		no_memory(r);
	return block;
}

static size_t path_of(const struct place *p, char *out, size_t size)
{
	size_t len = p->up ? path_of(p->up, out, size) : 0;
	if (len >= size || !p->up)
		return len;
	if (p->name)
		return len + (size_t)snprintf(out + len, size - len, "%s%s", len ? "." : "", p->name);
	return len + (size_t)snprintf(out + len, size - len, "[%zu]", p->index);
}

/* Always false. p: NULL where the text is not JSON. */
static bool PRINTF_LIKE(3, 4) complain(struct reader *r, const struct place *p, const char *format, ...)
{
	char path[PATH_BYTES] = "", sentence[PATH_BYTES];
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	if (p)
		path_of(p, path, sizeof path);
	r->fault = arena_printf(r->arena, "%s%s%s", path, *path ? ": " : "", sentence);
	r->err = ERR_MALFORMED;
	return r->fault ? false : no_memory(r);
}

static bool not_json(struct reader *r, const char *what)
{
	return complain(r, NULL, "not valid JSON at byte %zu: %s", (size_t)(r->at - r->start), what);
}

/* ---- what comes next ---- */

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

/* Whether this character is next, which is then taken. */
static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->at == r->end || *r->at != (uint8_t)c)
		return false;
	r->at++;
	return true;
}

static bool has_word(const struct reader *r, const char *word)
{
	return (size_t)(r->end - r->at) >= strlen(word) && memcmp(r->at, word, strlen(word)) == 0;
}

/* With an article, for sentences; NULL where no value begins. */
static const char *kind_of_next(struct reader *r)
{
	skip_blanks(r);
	if (r->at == r->end)
		return NULL;
	switch (*r->at) {
	case '{': return "an object";
	case '[': return "a list";
	case '"': return "a string";
	case 't': return has_word(r, "true") ? "true" : NULL;
	case 'f': return has_word(r, "false") ? "false" : NULL;
	case 'n': return has_word(r, "null") ? "null" : NULL;
	case '-': return "a number";
	default: return *r->at >= '0' && *r->at <= '9' ? "a number" : NULL;
	}
}

/* Whether a value of the kind that is wanted is next. */
static bool is_next(struct reader *r, const struct place *p, const char *wanted)
{
	const char *kind = kind_of_next(r);
	if (!kind)
		return not_json(r, r->at == r->end ? "unexpected end" : "expected a value");
	return strcmp(kind, wanted) == 0 || complain(r, p, "must be %s, not %s", wanted, kind);
}

/* ---- strings ---- */

static size_t encode(uint32_t code, uint8_t out[4])
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const uint8_t firsts[] = {0, 0xc0, 0xe0, 0xf0};
	out[0] = (uint8_t)(firsts[more] | code >> (6 * more));
	for (size_t i = 1; i <= more; i++)
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
			return not_json(r, "expected four hexadecimal digits after \\u");
		*code = *code << 4 | digit;
	}
	return true;
}

/* Behind the backslash: how many bytes it comes to, -1 for a fault. */
static int take_escape(struct reader *r, uint8_t out[4])
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	uint32_t code, low;
	uint8_t c = r->at < r->end ? *r->at : 0;
	const char *letter = c ? strchr(letters, c) : NULL;
	if (letter) {
		r->at++;
		out[0] = (uint8_t)meant[letter - letters];
		return 1;
	}
	if (c != 'u') {
		not_json(r, "unknown escape in a string");
		return -1;
	}
	r->at++;
	if (!take_hex(r, &code))
		return -1;
	if (code == 0) {
		not_json(r, "\\u0000 is not allowed in a string");
		return -1;
	}
	if (code < 0xd800 || code > 0xdfff)
		return (int)encode(code, out);
	if (code > 0xdbff || !has_word(r, "\\u")) {
		not_json(r, "unpaired surrogate in a string");
		return -1;
	}
	r->at += 2;
	if (!take_hex(r, &low))
		return -1;
	if (low < 0xdc00 || low > 0xdfff) {
		not_json(r, "unpaired surrogate in a string");
		return -1;
	}
	return (int)encode(0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00)), out);
}

/* The next character of a string: its bytes; 0 for the closing quote, -1 for a fault. */
static int take_character(struct reader *r, uint8_t out[4])
{
	if (r->at == r->end) {
		not_json(r, "unterminated string");
		return -1;
	}
	if (*r->at == '"' || *r->at == '\\') {
		bool is_end = *r->at++ == '"';
		return is_end ? 0 : take_escape(r, out);
	}
	size_t len = text_utf8(r->at, (size_t)(r->end - r->at));
	if (len == 0 || *r->at < 0x20) {
		not_json(r, len ? "a control character in a string must be escaped" : "not valid UTF-8");
		return -1;
	}
	memcpy(out, r->at, len);
	r->at += len;
	return (int)len;
}

/* The string that is next: its whole length, or -1. As much as `size` has room for goes to `out`, with a NUL. */
static ssize_t take_string(struct reader *r, char *out, size_t size)
{
	uint8_t bytes[4];
	size_t len = 0, kept = 0;
	int n;
	r->at++;
	while ((n = take_character(r, bytes)) > 0) {
		if (kept == len && len + (size_t)n < size) {
			memcpy(out + len, bytes, (size_t)n);
			kept += (size_t)n;
		}
		len += (size_t)n;
	}
	if (size > 0)
		out[kept] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

/* Into a block of just its size. */
static char *take_text(struct reader *r)
{
	const uint8_t *from = r->at;
	ssize_t len = take_string(r, NULL, 0);
	char *text = len < 0 ? NULL : take_memory(r, (size_t)len + 1);
	if (!text)
		return NULL;
	r->at = from;
	(void)take_string(r, text, (size_t)len + 1);
	return text;
}

/* What is shown of a text that is wrong: a short one that a terminal can bear, or nothing. */
static const char *shown(const char *text)
{
	size_t len = strlen(text);
	return len <= SHOWN_BYTES && !text_fault(text, len) ? text : NULL;
}

static bool read_bytes(struct reader *r, const struct place *p, ProtobufCBinaryData *out)
{
	static const char digits[] = "0123456789abcdef";
	if (!is_next(r, p, "a string"))
		return false;
	char *text = take_text(r);
	if (!text)
		return false;
	size_t len = strlen(text);
	uint8_t *data = take_memory(r, len / 2 + 1);
	if (!data)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digit = strchr(digits, text[i] >= 'A' && text[i] <= 'F' ? text[i] - 'A' + 'a' : text[i]);
		if (!digit || len % 2)
			return complain(r, p, "must be bytes in hexadecimal, two digits per byte");
		data[i / 2] = (uint8_t)((i % 2 ? data[i / 2] << 4 : 0) | (digit - digits));
	}
	*out = (ProtobufCBinaryData){.len = len / 2, .data = data};
	return true;
}

/* The words of an enum: "weight, regret or loss". */
static void list_words(const ProtobufCEnumDescriptor *type, char *out, size_t size)
{
	char word[JSON_WORD_MAX];
	size_t len = 0;
	*out = '\0';
	for (unsigned i = 0; i < type->n_values && len < size; i++) {
		json_word(type, type->values[i].value, word);
		len += (size_t)snprintf(out + len, size - len, "%s%s",
					i == 0                   ? ""
					: i + 1 < type->n_values ? ", "
								 : " or ",
					word);
	}
}

static bool read_enum(struct reader *r, const struct place *p, const ProtobufCEnumDescriptor *type, int *out)
{
	char text[JSON_WORD_MAX], word[JSON_WORD_MAX], words[PATH_BYTES / 2];
	if (!is_next(r, p, "a string"))
		return false;
	ssize_t len = take_string(r, text, sizeof text);
	if (len < 0)
		return false;
	for (unsigned i = 0; i < type->n_values; i++) {
		*out = type->values[i].value;
		json_word(type, *out, word);
		if (len < JSON_WORD_MAX && strcmp(text, word) == 0)
			return true;
	}
	list_words(type, words, sizeof words);
	return shown(text) && len < JSON_WORD_MAX ? complain(r, p, "must be %s, not \"%s\"", words, text)
						  : complain(r, p, "must be %s", words);
}

/* ---- numbers ---- */

struct number {
	bool is_whole, is_negative; /* is_whole: `magnitude` is exact */
	uint64_t magnitude;
	double real;
};

/* 2^53: from here on not every whole number is a double. */
static const double EXACT_MAX = 9007199254740992.0;

/* How many digits are at `*at`, which goes behind them. */
static size_t digits(const char **at)
{
	size_t n = strspn(*at, "0123456789");
	*at += n;
	return n;
}

/* Whether the whole text is a number as JSON writes one. *is_real: with a point or an exponent. */
static bool is_number(const char *text, bool *is_real)
{
	const char *at = text + (*text == '-');
	if (*at == '0' ? (at++, false) : digits(&at) == 0)
		return false;
	*is_real = *at != '\0';
	if (*at == '.' && (at++, digits(&at) == 0))
		return false;
	if ((*at | 32) == 'e') {
		at++;
		at += *at == '+' || *at == '-';
		if (digits(&at) == 0)
			return false;
	}
	return *at == '\0';
}

static bool take_number(struct reader *r, const struct place *p, struct number *out)
{
	char text[NUMBER_BYTES];
	size_t len = 0, left = (size_t)(r->end - r->at);
	bool is_real;
	while (len < left && r->at[len] && strchr("0123456789+-.eE", r->at[len]))
		len++;
	if (len >= sizeof text)
		return complain(r, p, "is too long for a number; the limit is %d characters", NUMBER_BYTES - 1);
	memcpy(text, r->at, len);
	text[len] = '\0';
	if (!is_number(text, &is_real))
		return not_json(r, "not a valid JSON number");
	r->at += len;
	*out = (struct number){.is_negative = *text == '-', .real = strtod(text, NULL)};
	if (is_real) {
		double size = fabs(out->real);
		out->is_whole = size <= EXACT_MAX && size == floor(size);
		out->magnitude = out->is_whole ? (uint64_t)size : 0;
		return true;
	}
	errno = 0;
	out->magnitude = strtoull(text + out->is_negative, NULL, 10);
	out->is_whole = errno == 0;
	return true;
}

/* bits: 32 or 64. Where to write it is the caller's business. */
static bool read_whole(struct reader *r, const struct place *p, bool is_signed, unsigned bits, uint64_t *out)
{
	const uint64_t all = bits == 64 ? UINT64_MAX : UINT32_MAX, half = all / 2;
	struct number n;
	if (!is_next(r, p, "a number") || !take_number(r, p, &n))
		return false;
	bool fits = n.is_whole &&
		    (is_signed ? n.magnitude <= half + n.is_negative : !n.is_negative || n.magnitude == 0) &&
		    n.magnitude <= all;
	if (!fits && is_signed)
		return complain(r, p, "must be a whole number from -%llu to %llu", (unsigned long long)half + 1,
				(unsigned long long)half);
	if (!fits)
		return complain(r, p, "must be a whole number from 0 to %llu", (unsigned long long)all);
	*out = n.is_negative ? -n.magnitude : n.magnitude;
	return true;
}

static bool read_real(struct reader *r, const struct place *p, double *out)
{
	struct number n;
	if (!is_next(r, p, "a number") || !take_number(r, p, &n))
		return false;
	*out = n.real;
	return isfinite(n.real) || complain(r, p, "is out of range; it must be a number below 1.8e308");
}

static bool read_bool(struct reader *r, const struct place *p, protobuf_c_boolean *out)
{
	const char *kind = kind_of_next(r);
	*out = kind && strcmp(kind, "true") == 0;
	if (!kind || (!*out && strcmp(kind, "false") != 0))
		return is_next(r, p, "true or false");
	r->at += strlen(kind);
	return true;
}

/* ---- messages ---- */

static bool read_message(struct reader *r, const struct place *p, const ProtobufCMessageDescriptor *type,
			 ProtobufCMessage *m);

static bool read_inner(struct reader *r, const struct place *p, const ProtobufCMessageDescriptor *type,
		       ProtobufCMessage **out)
{
	if (p->depth >= DEPTH_MAX)
		return complain(r, p, "is nested too deeply; the limit is %d levels", DEPTH_MAX);
	*out = take_memory(r, type->sizeof_message);
	return *out && read_message(r, p, type, *out);
}

/* to: where the field, or the element of its list, is in memory. */
static bool read_value(struct reader *r, const struct place *p, const ProtobufCFieldDescriptor *f, void *to)
{
	uint64_t n = 0;
	double x = 0;
	bool good = false;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		good = read_whole(r, p, f->type != PROTOBUF_C_TYPE_UINT32 && f->type != PROTOBUF_C_TYPE_FIXED32, 32,
				  &n);
		*(uint32_t *)to = (uint32_t)n;
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		good = read_whole(r, p, f->type != PROTOBUF_C_TYPE_UINT64 && f->type != PROTOBUF_C_TYPE_FIXED64, 64,
				  &n);
		*(uint64_t *)to = n;
		break;
	case PROTOBUF_C_TYPE_FLOAT:
		good = read_real(r, p, &x);
		*(float *)to = (float)x;
		break;
	case PROTOBUF_C_TYPE_DOUBLE: good = read_real(r, p, to); break;
	case PROTOBUF_C_TYPE_BOOL: good = read_bool(r, p, to); break;
	case PROTOBUF_C_TYPE_ENUM: good = read_enum(r, p, f->descriptor, to); break;
	case PROTOBUF_C_TYPE_STRING: good = is_next(r, p, "a string") && (*(char **)to = take_text(r)); break;
	case PROTOBUF_C_TYPE_BYTES: good = read_bytes(r, p, to); break;
	case PROTOBUF_C_TYPE_MESSAGE: good = read_inner(r, p, f->descriptor, to); break;
	}
	return good;
}

static bool read_list(struct reader *r, const struct place *p, const ProtobufCFieldDescriptor *f, size_t *n,
		      char **rows)
{
	const size_t size = json_size_of(f->type);
	size_t cap = 0;
	*n = 0;
	*rows = NULL;
	if (!is_next(r, p, "a list"))
		return false;
	r->at++;
	if (take(r, ']'))
		return true;
	do {
		const struct place element = {.up = p, .index = *n, .depth = p->depth};
		if (*n == cap) {
			cap = cap ? 2 * cap : 8;
			char *grown = take_memory(r, cap * size);
			if (!grown)
				return false;
			if (*n > 0)
				memcpy(grown, *rows, *n * size);
			*rows = grown;
		}
		if (!read_value(r, &element, f, *rows + *n * size))
			return false;
		++*n;
	} while (take(r, ','));
	return take(r, ']') || not_json(r, "expected \",\" or \"]\"");
}

static bool read_field(struct reader *r, const struct place *p, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m)
{
	char *base = (char *)m, *quantifier = base + f->quantifier_offset;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return read_list(r, p, f, (size_t *)(void *)quantifier, (char **)(void *)(base + f->offset));
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t *chosen = (uint32_t *)(void *)quantifier;
		if (*chosen)
			return complain(r, p, "cannot be given together with %s",
					protobuf_c_message_descriptor_get_field(m->descriptor, *chosen)->name);
		*chosen = f->id;
	} else if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->type != PROTOBUF_C_TYPE_STRING &&
		   f->type != PROTOBUF_C_TYPE_MESSAGE) {
		*(protobuf_c_boolean *)quantifier = true;
	}
	return read_value(r, p, f, base + f->offset);
}

static bool unknown_field(struct reader *r, const struct place *p, const ProtobufCMessageDescriptor *type,
			  const char *name)
{
	struct similar near = {.word = name};
	const struct place at = {.up = p, .name = name};
	char hint[64];
	if (!shown(name) || !*name)
		return complain(r, p, "has an unknown field");
	for (unsigned i = 0; i < type->n_fields; i++)
		similar_try(&near, type->fields[i].name);
	return complain(r, &at, "unknown field%s", similar_hint(&near, "", hint, sizeof hint));
}

/* The members of an object, from behind its brace. */
static bool read_members(struct reader *r, const struct place *p, const ProtobufCMessageDescriptor *type,
			 ProtobufCMessage *m)
{
	uint64_t given[FIELDS_MAX / 64] = {0};
	char name[JSON_WORD_MAX];
	require(type->n_fields <= FIELDS_MAX);
	if (take(r, '}'))
		return true;
	do {
		skip_blanks(r);
		if (r->at == r->end || *r->at != '"')
			return not_json(r, "expected a field name");
		ssize_t len = take_string(r, name, sizeof name);
		if (len < 0)
			return false;
		const ProtobufCFieldDescriptor *f =
			len < JSON_WORD_MAX ? protobuf_c_message_descriptor_get_field_by_name(type, name) : NULL;
		if (!f)
			return unknown_field(r, p, type, len < JSON_WORD_MAX ? name : "");
		const size_t i = (size_t)(f - type->fields);
		const struct place at = {.up = p, .name = f->name, .depth = p->depth + 1};
		if (given[i / 64] & UINT64_C(1) << i % 64)
			return complain(r, &at, "is given twice");
		given[i / 64] |= UINT64_C(1) << i % 64;
		if (!take(r, ':'))
			return not_json(r, "expected \":\"");
		if (!read_field(r, &at, f, m))
			return false;
	} while (take(r, ','));
	return take(r, '}') || not_json(r, "expected \",\" or \"}\"");
}

static bool read_message(struct reader *r, const struct place *p, const ProtobufCMessageDescriptor *type,
			 ProtobufCMessage *m)
{
	protobuf_c_message_init(type, m);
	if (!is_next(r, p, "an object"))
		return false;
	r->at++;
	return read_members(r, p, type, m);
}

int json_read(const char *text, size_t len, const ProtobufCMessageDescriptor *type, struct arena *a,
	      ProtobufCMessage **out, const char **fault)
{
	const uint8_t *start = (const uint8_t *)text;
	const struct place top = {.up = NULL};
	struct reader r = {.start = start, .at = start, .end = start + len, .arena = a};
	*out = NULL;
	if (read_inner(&r, &top, type, out)) {
		skip_blanks(&r);
		if (r.at < r.end)
			not_json(&r, "unexpected text after the object");
	}
	*fault = r.fault;
	return r.err;
}
