#include "daemon/http/query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/http/percent.h"
#include "lib/base/similar.h"
#include "lib/base/text.h"
#include "lib/wire/json.h"
#include "lib/wire/put.h"

enum { WORD_BYTES = 64, LIST_BYTES = 256, FIELDS_MAX = 64 };

/* One parameter, as it stands. */
struct parameter {
	const char *name, *value;
	size_t name_len, value_len;
	bool has_value;
};

struct reader {
	const char *at, *end;
	char *fault;
	size_t size;
};

static int PRINTF_LIKE(2, 3) complain(struct reader *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->fault, r->size, format, args);
	va_end(args);
	return ERR_MALFORMED;
}

/* 1, 0 at the end, or ERR_MALFORMED. Nothing between two '&' is nothing. */
static int next(struct reader *r, struct parameter *p)
{
	while (r->at < r->end && *r->at == '&')
		r->at++;
	if (r->at == r->end)
		return 0;
	const char *end = memchr(r->at, '&', (size_t)(r->end - r->at));
	end = end ? end : r->end;
	const char *equals = memchr(r->at, '=', (size_t)(end - r->at));
	p->name = r->at;
	p->has_value = equals != NULL;
	p->value = equals ? equals + 1 : end;
	p->name_len = (size_t)((equals ? equals : end) - p->name);
	p->value_len = (size_t)(end - p->value);
	r->at = end;
	const char *wrong = percent_fault(p->name, p->name_len, PERCENT_BLANK);
	if (wrong)
		return complain(r, "the name of a parameter %s", wrong);
	return 1;
}

/* A copy, decoded, that can be shown to people; "" for one that is too long or cannot. */
static const char *shown(const char *raw, size_t len, char out[WORD_BYTES])
{
	size_t n = percent_length(raw, len);
	*out = '\0';
	if (n >= WORD_BYTES)
		return out;
	percent_decode(raw, len, PERCENT_BLANK, out);
	out[n] = '\0';
	if (text_fault(out, n) || strchr(out, '"'))
		*out = '\0';
	return out;
}

/* ---- what there is ---- */

bool query_can_give(const ProtobufCFieldDescriptor *f)
{
	if (f->type == PROTOBUF_C_TYPE_ENUM)
		return true;
	return f->label != PROTOBUF_C_LABEL_REPEATED &&
	       (f->type == PROTOBUF_C_TYPE_UINT32 || f->type == PROTOBUF_C_TYPE_UINT64 ||
		f->type == PROTOBUF_C_TYPE_BOOL || f->type == PROTOBUF_C_TYPE_STRING);
}

static bool is_skipped(const char *name, const char *const *skip, size_t n_skip)
{
	for (size_t i = 0; i < n_skip; i++)
		if (strcmp(name, skip[i]) == 0)
			return true;
	return false;
}

/* "a, b and c" grows by a word. */
static void add_word(char *list, size_t size, const char *word, bool is_first, bool is_last, const char *last)
{
	size_t len = strlen(list);
	snprintf(list + len, size - len, "%s%s", is_first ? "" : is_last ? last : ", ", word);
}

static int unknown(struct reader *r, const struct parameter *p, const ProtobufCMessageDescriptor *type,
		   const char *const *skip, size_t n_skip)
{
	char name[WORD_BYTES], hint[WORD_BYTES + 32], list[LIST_BYTES] = "";
	struct similar near = {.word = shown(p->name, p->name_len, name)};
	const char *names[FIELDS_MAX];
	size_t n = 0;
	for (unsigned i = 0; i < type->n_fields && n < FIELDS_MAX; i++)
		if (query_can_give(&type->fields[i]) && !is_skipped(type->fields[i].name, skip, n_skip))
			names[n++] = type->fields[i].name;
	for (size_t i = 0; i < n; i++) {
		similar_try(&near, names[i]);
		add_word(list, sizeof list, names[i], i == 0, i + 1 == n, " and ");
	}
	for (size_t i = 0; i < n_skip; i++)
		if (strcmp(name, skip[i]) == 0)
			return complain(r, "parameter \"%s\" is given by the path", name);
	if (n == 0)
		return complain(r, "unknown parameter \"%s\"; this takes none", name);
	return complain(r, "unknown parameter \"%s\"%s; this takes %s", name,
			*name ? similar_hint(&near, "", hint, sizeof hint) : "", list);
}

/* ---- values ---- */

static bool read_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > 9 || *out > (max - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return len > 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int put_count(struct reader *r, const ProtobufCFieldDescriptor *f, const char *text, size_t len, struct buf *out)
{
	const uint64_t max = f->type == PROTOBUF_C_TYPE_UINT64 ? UINT64_MAX : UINT32_MAX;
	uint64_t x;
	if (!read_number(text, len, max, &x))
		return complain(r, "parameter %s: must be a whole number from 0 to %llu", f->name,
				(unsigned long long)max);
	return put_number(out, f->id, x);
}

static int put_bool(struct reader *r, const ProtobufCFieldDescriptor *f, const char *text, size_t len, struct buf *out)
{
	bool yes = is_word(text, len, "true") || is_word(text, len, "1");
	if (!yes && !is_word(text, len, "false") && !is_word(text, len, "0"))
		return complain(r, "parameter %s: must be true or false", f->name);
	return put_number(out, f->id, yes);
}

static int put_word(struct reader *r, const ProtobufCFieldDescriptor *f, const char *text, size_t len, struct buf *out)
{
	const ProtobufCEnumDescriptor *type = f->descriptor;
	char word[JSON_WORD_MAX], list[LIST_BYTES] = "";
	for (unsigned i = 0; i < type->n_values; i++) {
		json_word(type, type->values[i].value, word);
		if (is_word(text, len, word))
			return put_number(out, f->id, (uint64_t)type->values[i].value);
		add_word(list, sizeof list, word, i == 0, i + 1 == type->n_values, " or ");
	}
	return complain(r, "parameter %s: must be %s", f->name, list);
}

static int put_words(struct reader *r, const ProtobufCFieldDescriptor *f, const char *text, size_t len, struct buf *out)
{
	int err = 0;
	for (const char *end = text + len; !err && text <= end;) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma ? comma : end;
		err = put_word(r, f, text, (size_t)(stop - text), out);
		text = stop + 1;
	}
	return err;
}

static int put_value(struct reader *r, const ProtobufCFieldDescriptor *f, const struct parameter *p, struct buf *out)
{
	char text[LIST_BYTES];
	size_t len = percent_length(p->value, p->value_len);
	const char *wrong = percent_fault(p->value, p->value_len, PERCENT_BLANK);
	if (wrong)
		return complain(r, "parameter %s: %s", f->name, wrong);
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		uint8_t *at = put_bytes(out, f->id, len);
		if (!at)
			return -ENOMEM;
		percent_decode(p->value, p->value_len, PERCENT_BLANK, (char *)at);
		return 0;
	}
	/* All others are short. What is too long for them is as wrong as nothing. */
	len = len < sizeof text ? len : 0;
	if (len > 0)
		percent_decode(p->value, p->value_len, PERCENT_BLANK, text);
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return put_bool(r, f, text, len, out);
	if (f->type != PROTOBUF_C_TYPE_ENUM)
		return put_count(r, f, text, len, out);
	return f->label == PROTOBUF_C_LABEL_REPEATED ? put_words(r, f, text, len, out) : put_word(r, f, text, len, out);
}

/* ---- the whole of it ---- */

static const ProtobufCFieldDescriptor *field_of(const struct parameter *p, const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &type->fields[i];
		if (percent_is(p->name, p->name_len, PERCENT_BLANK, f->name, strlen(f->name)))
			return f;
	}
	return NULL;
}

int query_pack(const char *query, size_t len, const ProtobufCMessageDescriptor *type, const char *const *skip,
	       size_t n_skip, struct buf *out, char *fault, size_t size)
{
	struct reader r = {query, query + len, fault, size};
	struct parameter p;
	const size_t before = out->len;
	uint64_t given = 0;
	int err;
	require(type->n_fields <= FIELDS_MAX);
	while ((err = next(&r, &p)) == 1) {
		const ProtobufCFieldDescriptor *f = field_of(&p, type);
		uint64_t bit = f ? UINT64_C(1) << (f - type->fields) : 0;
		if (!f || !query_can_give(f) || is_skipped(f->name, skip, n_skip))
			err = unknown(&r, &p, type, skip, n_skip);
		else if (given & bit)
			err = complain(&r, "parameter %s: is given twice", f->name);
		else if (!p.has_value)
			err = complain(&r, "parameter %s: has no value; write %s=...", f->name, f->name);
		else
			err = put_value(&r, f, &p, out);
		if (err)
			break;
		given |= bit;
	}
	if (err)
		out->len = before;
	return err;
}

int query_flag(const char *query, size_t len, const char *flag, bool *given, char *fault, size_t size)
{
	struct reader r = {query, query + len, fault, size};
	struct parameter p;
	char name[WORD_BYTES];
	int err;
	*given = false;
	while ((err = next(&r, &p)) == 1) {
		if (!flag)
			return complain(&r, "unknown parameter \"%s\"; this takes none",
					shown(p.name, p.name_len, name));
		if (!percent_is(p.name, p.name_len, PERCENT_BLANK, flag, strlen(flag)))
			return complain(&r, "unknown parameter \"%s\"; this takes %s", shown(p.name, p.name_len, name),
					flag);
		if (*given)
			return complain(&r, "parameter %s: is given twice", flag);
		if (p.value_len > 0 && !is_word(p.value, p.value_len, "1") && !is_word(p.value, p.value_len, "true"))
			return complain(&r, "parameter %s: takes no value", flag);
		*given = true;
	}
	return err;
}
