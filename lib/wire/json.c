#include "lib/wire/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/wire/json_number.h"

/* ---- text as it grows ---- */

static void put(struct json_out *j, const void *bytes, size_t len)
{
	if (!j->err)
		j->err = buf_append(j->out, bytes, len);
}

/* What stands between a value, or a key, and what is before it. */
static void separate(struct json_out *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->follows)
		put(j, ",", 1);
	j->follows = true;
}

/* A value that needs no escapes. quote: "\"" around it, or "". behind: ":" of a key, or "". */
static void put_whole(struct json_out *j, const char *quote, const void *text, size_t len, const char *behind)
{
	uint8_t *to = j->err ? NULL : buf_reserve(j->out, len + 4);
	if (!to) {
		j->err = -ENOMEM;
		return;
	}
	if (j->follows && !j->after_key)
		*to++ = ',';
	if (*quote)
		*to++ = '"';
	memcpy(to, text, len);
	to += len;
	if (*quote)
		*to++ = '"';
	if (*behind)
		*to++ = ':';
	j->out->len = (size_t)(to - j->out->data);
	j->follows |= !j->after_key;
	j->after_key = *behind;
}

void json_out_open(struct json_out *j, char bracket)
{
	put_whole(j, "", &bracket, 1, "");
	j->depth++;
	j->follows = false;
}

void json_out_close(struct json_out *j, char bracket)
{
	require(j->depth > 0);
	j->depth--;
	put(j, &bracket, 1);
	j->follows = true;
}

static void escape(struct json_out *j, uint8_t c)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = c ? strchr(names, c) : NULL;
	char text[8];
	int len = at ? snprintf(text, sizeof text, "\\%c", letters[at - names])
		     : snprintf(text, sizeof text, "\\u%04X", (unsigned)c);
	put(j, text, (size_t)len);
}

static bool is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((uint8_t)text[i] < 0x20 || (uint8_t)text[i] >= 0x80 || text[i] == '"' || text[i] == '\\')
			return false;
	return true;
}

static void put_text(struct json_out *j, const char *text, size_t size)
{
	const uint8_t *p = (const uint8_t *)text, *from = p, *end = p + size;
	if (is_plain(text, size)) {
		put_whole(j, "\"", text, size, "");
		return;
	}
	separate(j);
	put(j, "\"", 1);
	while (p < end) {
		size_t len = text_utf8(p, (size_t)(end - p));
		if (len > 0 && *p >= 0x20 && *p != '"' && *p != '\\') {
			p += len;
			continue;
		}
		put(j, from, (size_t)(p - from));
		if (len == 0)
			put(j, "\xef\xbf\xbd", 3);
		else
			escape(j, *p);
		from = ++p;
	}
	put(j, from, (size_t)(p - from));
	put(j, "\"", 1);
}

void json_out_key(struct json_out *j, const char *key)
{
	put_whole(j, "\"", key, strlen(key), ":");
}

void json_out_text(struct json_out *j, const char *text)
{
	put_text(j, text, strlen(text));
}

void json_out_string(struct json_out *j, const char *text, size_t len)
{
	put_text(j, text, strnlen(text, len));
}

static void put_count(struct json_out *j, uint64_t n, bool is_negative)
{
	char text[24], *at = text + sizeof text;
	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (is_negative)
		*--at = '-';
	put_whole(j, "", at, (size_t)(text + sizeof text - at), "");
}

void json_out_count(struct json_out *j, uint64_t n)
{
	put_count(j, n, false);
}

void json_out_signed(struct json_out *j, int64_t n)
{
	put_count(j, n < 0 ? -(uint64_t)n : (uint64_t)n, n < 0);
}

static void put_word(struct json_out *j, const char *word)
{
	put_whole(j, "", word, strlen(word), "");
}

void json_out_bool(struct json_out *j, bool yes)
{
	put_word(j, yes ? "true" : "false");
}

void json_out_null(struct json_out *j)
{
	put_word(j, "null");
}

void json_out_real(struct json_out *j, double x)
{
	char text[JSON_NUMBER_MAX];
	if (!isfinite(x)) {
		json_out_null(j);
		return;
	}
	put_whole(j, "", text, json_number_write(x, text), "");
}

/* ---- enums ---- */

/* A value's name without the prefix that stands before UNSPECIFIED, the name of 0, if there is such a name. */
static const char *bare_name(const ProtobufCEnumDescriptor *type, const char *name)
{
	static const char none[] = "UNSPECIFIED";
	const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(type, 0);
	const size_t len = zero ? strlen(zero->name) : 0, suffix = sizeof none - 1;
	if (len < suffix || strcmp(zero->name + len - suffix, none) != 0)
		return name;
	return strncmp(name, zero->name, len - suffix) == 0 ? name + len - suffix : name;
}

void json_word(const ProtobufCEnumDescriptor *type, int value, char out[JSON_WORD_MAX])
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(type, value);
	const char *name = v ? bare_name(type, v->name) : "";
	size_t n = 0;
	require(strlen(name) < JSON_WORD_MAX);
	for (; name[n]; n++) {
		bool is_upper = name[n] >= 'A' && name[n] <= 'Z';
		out[n] = name[n] == '_' ? '-' : (char)(is_upper ? name[n] - 'A' + 'a' : name[n]);
	}
	out[n] = '\0';
}

/* ---- messages ---- */

static const void *member(const ProtobufCMessage *m, unsigned offset)
{
	return (const char *)m + offset;
}

static bool is_present(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)member(m, f->quantifier_offset) == f->id;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const ProtobufCMessage *const *)member(m, f->offset) != NULL;
	if (f->label != PROTOBUF_C_LABEL_OPTIONAL)
		return true;
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		const char *text = *(const char *const *)member(m, f->offset);
		return text && text != f->default_value;
	}
	return *(const protobuf_c_boolean *)member(m, f->quantifier_offset);
}

void json_out_enum(struct json_out *j, const ProtobufCEnumDescriptor *type, int value)
{
	char word[JSON_WORD_MAX];
	json_word(type, value, word);
	if (*word)
		json_out_text(j, word);
	else
		json_out_signed(j, value);
}

void json_out_bytes(struct json_out *j, const uint8_t *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	separate(j);
	put(j, "\"", 1);
	for (size_t i = 0; i < len; i++) {
		const char pair[] = {digits[data[i] >> 4], digits[data[i] & 15]};
		put(j, pair, sizeof pair);
	}
	put(j, "\"", 1);
}

static void put_field(struct json_out *j, const ProtobufCFieldDescriptor *f, const void *at)
{
	const ProtobufCBinaryData *bytes;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32: json_out_signed(j, *(const int32_t *)at); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: json_out_signed(j, *(const int64_t *)at); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: json_out_count(j, *(const uint32_t *)at); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: json_out_count(j, *(const uint64_t *)at); break;
	case PROTOBUF_C_TYPE_FLOAT: json_out_real(j, (double)*(const float *)at); break;
	case PROTOBUF_C_TYPE_DOUBLE: json_out_real(j, *(const double *)at); break;
	case PROTOBUF_C_TYPE_BOOL: json_out_bool(j, *(const protobuf_c_boolean *)at); break;
	case PROTOBUF_C_TYPE_ENUM: json_out_enum(j, f->descriptor, *(const int *)at); break;
	case PROTOBUF_C_TYPE_STRING: json_out_text(j, *(const char *const *)at ? *(const char *const *)at : ""); break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes = at;
		json_out_bytes(j, bytes->data, bytes->len);
		break;
	case PROTOBUF_C_TYPE_MESSAGE: json_out_message(j, *(const ProtobufCMessage *const *)at); break;
	}
}

size_t json_size_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: return sizeof(uint32_t);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: return sizeof(uint64_t);
	case PROTOBUF_C_TYPE_FLOAT: return sizeof(float);
	case PROTOBUF_C_TYPE_DOUBLE: return sizeof(double);
	case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM: return sizeof(int);
	case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
	case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_MESSAGE: return sizeof(ProtobufCMessage *);
	}
	return 0;
}

void json_out_members(struct json_out *j, const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		if (!is_present(m, f))
			continue;
		json_out_key(j, f->name);
		if (f->label != PROTOBUF_C_LABEL_REPEATED) {
			put_field(j, f, member(m, f->offset));
			continue;
		}
		const size_t n = *(const size_t *)member(m, f->quantifier_offset), size = json_size_of(f->type);
		const char *rows = *(const char *const *)member(m, f->offset);
		json_out_open(j, '[');
		for (size_t k = 0; k < n; k++)
			put_field(j, f, rows + k * size);
		json_out_close(j, ']');
	}
}

void json_out_message(struct json_out *j, const ProtobufCMessage *m)
{
	json_out_open(j, '{');
	json_out_members(j, m);
	json_out_close(j, '}');
}
