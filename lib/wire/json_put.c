#include "lib/wire/json_put.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/wire/json.h"

enum { SHOWN_BYTES = 40, WORDS_BYTES = 256 };

enum wire { VARINT = 0, BYTES_8 = 1, LENGTH = 2, BYTES_4 = 5 };

/* ---- bytes ---- */

static uint8_t *add_varint(uint8_t *to, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		*to++ = (uint8_t)(n | 0x80);
	*to++ = (uint8_t)n;
	return to;
}

static uint8_t *add_head(uint8_t *to, const ProtobufCFieldDescriptor *f, enum wire wire)
{
	return add_varint(to, (uint64_t)f->id << 3 | wire);
}

static void ends_at(struct buf *out, const uint8_t *end)
{
	out->len = (size_t)(end - out->data);
}

bool json_put_is_packed(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED && f->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
}

/* A field that is 0 is not written unless that says more than its absence. */
static bool is_needless(const ProtobufCFieldDescriptor *f, uint64_t value)
{
	return value == 0 && f->label == PROTOBUF_C_LABEL_NONE && !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static int write_number(struct buf *out, const ProtobufCFieldDescriptor *f, enum wire wire, uint64_t value)
{
	const size_t size = wire == BYTES_4 ? 4 : 8;
	if (is_needless(f, value))
		return 0;
	uint8_t *to = buf_reserve(out, JSON_HEAD_MAX);
	if (!to)
		return -ENOMEM;
	if (!json_put_is_packed(f))
		to = add_head(to, f, wire);
	if (wire == VARINT)
		to = add_varint(to, value);
	for (size_t i = 0; i < size && wire != VARINT; i++)
		*to++ = (uint8_t)(value >> 8 * i);
	ends_at(out, to);
	return 0;
}

/* Before a length is known it has one byte, which nearly always is enough. */
int json_put_begin(struct buf *out, const ProtobufCFieldDescriptor *f, size_t *start)
{
	uint8_t *to = buf_reserve(out, JSON_HEAD_MAX);
	if (!to)
		return -ENOMEM;
	ends_at(out, add_head(to, f, LENGTH) + 1);
	*start = out->len;
	return 0;
}

int json_put_end(struct buf *out, size_t start)
{
	uint8_t head[10];
	const size_t len = out->len - start, size = (size_t)(add_varint(head, len) - head);
	if (!buf_reserve(out, size))
		return -ENOMEM;
	uint8_t *at = out->data + start - 1;
	if (size > 1)
		memmove(at + size, at + 1, len);
	memcpy(at, head, size);
	out->len += size - 1;
	return 0;
}

/* ---- numbers ---- */

static const struct whole {
	uint8_t bits, wire;
	bool is_signed, is_zigzag;
} wholes[] = {
	[PROTOBUF_C_TYPE_INT32] = {32, VARINT, true, false},
	[PROTOBUF_C_TYPE_SINT32] = {32, VARINT, true, true},
	[PROTOBUF_C_TYPE_SFIXED32] = {32, BYTES_4, true, false},
	[PROTOBUF_C_TYPE_UINT32] = {32, VARINT, false, false},
	[PROTOBUF_C_TYPE_FIXED32] = {32, BYTES_4, false, false},
	[PROTOBUF_C_TYPE_INT64] = {64, VARINT, true, false},
	[PROTOBUF_C_TYPE_SINT64] = {64, VARINT, true, true},
	[PROTOBUF_C_TYPE_SFIXED64] = {64, BYTES_8, true, false},
	[PROTOBUF_C_TYPE_UINT64] = {64, VARINT, false, false},
	[PROTOBUF_C_TYPE_FIXED64] = {64, BYTES_8, false, false},
};

static int put_whole(struct buf *out, const ProtobufCFieldDescriptor *f, const struct json_number *n, char *fault)
{
	const struct whole *w = &wholes[f->type];
	const unsigned long long all = w->bits == 64 ? UINT64_MAX : UINT32_MAX, half = all / 2;
	bool fits = n->is_whole && n->magnitude <= all &&
		    (w->is_signed ? n->magnitude <= half + n->is_negative : !n->is_negative || n->magnitude == 0);
	if (!fits) {
		static const char format[] = "must be a whole number from %s%llu to %llu";
		snprintf(fault, JSON_SENTENCE_BYTES, format, w->is_signed ? "-" : "", w->is_signed ? half + 1 : 0,
			 w->is_signed ? half : all);
		return ERR_MALFORMED;
	}
	uint64_t value = n->is_negative ? -n->magnitude : n->magnitude; /* with its sign in all 64 bits */
	if (w->is_zigzag)
		value = value << 1 ^ (value >> 63 ? UINT64_MAX : 0);
	return write_number(out, f, w->wire, value);
}

int json_put_number(struct buf *out, const ProtobufCFieldDescriptor *f, const struct json_number *n,
		    char fault[JSON_SENTENCE_BYTES])
{
	const float small = (float)n->real;
	uint32_t small_bits;
	uint64_t bits;
	if (f->type != PROTOBUF_C_TYPE_FLOAT && f->type != PROTOBUF_C_TYPE_DOUBLE)
		return put_whole(out, f, n, fault);
	if (!isfinite(n->real)) {
		snprintf(fault, JSON_SENTENCE_BYTES, "is out of range; it must be a number below 1.8e308");
		return ERR_MALFORMED;
	}
	memcpy(&small_bits, &small, sizeof small_bits);
	memcpy(&bits, &n->real, sizeof bits);
	return f->type == PROTOBUF_C_TYPE_FLOAT ? write_number(out, f, BYTES_4, small_bits)
						: write_number(out, f, BYTES_8, bits);
}

int json_put_nan(struct buf *out, const ProtobufCFieldDescriptor *f)
{
	const double nan = NAN;
	uint64_t bits;
	memcpy(&bits, &nan, sizeof bits);
	return write_number(out, f, BYTES_8, bits);
}

int json_put_bool(struct buf *out, const ProtobufCFieldDescriptor *f, bool yes)
{
	return write_number(out, f, VARINT, yes);
}

/* ---- text ---- */

bool json_put_is_shown(const char *text, size_t len)
{
	return len <= SHOWN_BYTES && !text_fault(text, len);
}

static int put_string(struct buf *out, const ProtobufCFieldDescriptor *f, const uint8_t *text, size_t len)
{
	if (is_needless(f, len))
		return 0;
	uint8_t *to = buf_reserve(out, JSON_HEAD_MAX + len);
	if (!to)
		return -ENOMEM;
	to = add_varint(add_head(to, f, LENGTH), len);
	memmove(to, text, len);
	ends_at(out, to + len);
	return 0;
}

static int digit_of(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static int put_bytes(struct buf *out, const ProtobufCFieldDescriptor *f, uint8_t *text, size_t len, char *fault)
{
	bool is_good = len % 2 == 0;
	for (size_t i = 0; i < len && is_good; i += 2) {
		int high = digit_of(text[i]), low = digit_of(text[i + 1]);
		is_good = high >= 0 && low >= 0;
		text[i / 2] = (uint8_t)(high * 16 + low);
	}
	if (is_good)
		return put_string(out, f, text, len / 2);
	snprintf(fault, JSON_SENTENCE_BYTES, "must be bytes in hexadecimal, two digits per byte");
	return ERR_MALFORMED;
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

static int put_word(struct buf *out, const ProtobufCFieldDescriptor *f, const char *text, size_t len, char *fault)
{
	const ProtobufCEnumDescriptor *type = f->descriptor;
	char word[JSON_WORD_MAX], words[WORDS_BYTES];
	for (unsigned i = 0; i < type->n_values; i++) {
		json_word(type, type->values[i].value, word);
		if (strlen(word) == len && memcmp(word, text, len) == 0)
			return write_number(out, f, VARINT, (uint64_t)(int64_t)type->values[i].value);
	}
	list_words(type, words, sizeof words);
	if (json_put_is_shown(text, len))
		snprintf(fault, JSON_SENTENCE_BYTES, "must be %s, not \"%.*s\"", words, (int)len, text);
	else
		snprintf(fault, JSON_SENTENCE_BYTES, "must be %s", words);
	return ERR_MALFORMED;
}

int json_put_text(struct buf *out, const ProtobufCFieldDescriptor *f, uint8_t *text, size_t len,
		  char fault[JSON_SENTENCE_BYTES])
{
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return put_bytes(out, f, text, len, fault);
	if (f->type == PROTOBUF_C_TYPE_ENUM)
		return put_word(out, f, (const char *)text, len, fault);
	return put_string(out, f, text, len);
}
