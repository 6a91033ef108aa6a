/* direct.h - between bytes and structures without protobuf-c, for the messages that come by the hundred thousand.
 *
 * What wire_direct_unpack() reads and wire_direct_pack() writes is what the library would read and write, to the
 * last byte: only ordinary messages are taken, and all others are left to it. What was read is checked elsewhere, in
 * fields.h. The loops are inline and run along the tables, so that a new field is a row there and nothing here: the
 * rows of a table that has them compiled in stand in the order of the fields' numbers, which are 1, 2, 3 and so on
 * (tests/unit/test_wire_tables.c checks that). For direct.c, tables.c, request.c and response.c only. Pure; any
 * thread. */
#ifndef CANDOR_WIRE_DIRECT_H
#define CANDOR_WIRE_DIRECT_H

#include <endian.h>

#include "lib/wire/frame.h"
#include "lib/wire/walk.h"

/* Unpacks a request into *m, with its body in *storage, which is large enough for any; what they point to is in the
 * arena. 1: done. 0: it is one for the library, and nothing was taken from the arena. ERR_BUDGET or -ENOMEM. */
MUST_CHECK int wire_direct_unpack(struct arena *a, const uint8_t *data, size_t len, Candor__V1__Request *m,
				  void *storage);

/* Appends an answer with its length before it. 1: done. 0: it is one for the library. Errors as wire_append(). */
MUST_CHECK int wire_direct_pack(const struct candor_response *r, size_t max_bytes, struct buf *out);

/* ---- for the loops: direct.c has what is not inline ---- */

/* Ordinary messages have no field that takes more than one byte for its number and type where they are read. */
enum { DIRECT_NUMBER_MAX = 15, DIRECT_VARINT = 0, DIRECT_64_BITS = 1, DIRECT_BYTES = 2 };

bool wire_direct_read_list(struct arena *a, const struct wire_row *row, uint8_t tag, const uint8_t **at,
			   const uint8_t *end, void *message);
size_t wire_direct_list_size(const struct wire_row *row, size_t tag_bytes, const void *plain, bool *unusual);
uint8_t *wire_direct_write_list(const struct wire_row *row, uint64_t tag, const void *plain, uint8_t *at);

/* ---- reading ---- */

/* One of up to nine bytes, and no more of them than it takes. */
WALK bool direct_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t x = 0;
	for (unsigned shift = 0; shift < 63 && *at < end; shift += 7) {
		uint8_t byte = *(*at)++;
		x |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*out = x;
		return byte || shift == 0;
	}
	return false;
}

/* A length, and as many bytes. */
WALK bool direct_bytes(const uint8_t **at, const uint8_t *end, struct view *out)
{
	uint64_t len;
	if (!direct_varint(at, end, &len) || len > (size_t)(end - *at))
		return false;
	*out = (struct view){*at, len};
	*at += len;
	return true;
}

/* As the library keeps text: a block of its own, with a NUL. */
WALK char *direct_text(struct arena *a, struct view text)
{
	char *copy = arena_alloc(a, text.len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = 0;
	return copy;
}

WALK unsigned direct_type(const struct wire_row *row)
{
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32:
	case WIRE_U64:
	case WIRE_BOOL:
	case WIRE_LIMIT:
	case WIRE_RIGHTS: return DIRECT_VARINT;
	case WIRE_REAL: return DIRECT_64_BITS;
	case WIRE_TEXT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: break;
	}
	return DIRECT_BYTES;
}

/* What follows the field's number and type. */
WALK bool direct_read_value(struct arena *a, const struct wire_row *row, const uint8_t **at, const uint8_t *end,
			    void *message)
{
	void *to = a ? walk_to(message, row->message) : NULL;
	struct view text;
	uint64_t x;
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32:
		if (!direct_varint(at, end, &x) || x > UINT32_MAX)
			return false;
		if (a)
			memcpy(to, &(const uint32_t){(uint32_t)x}, sizeof(uint32_t));
		return true;
	case WIRE_U64:
		if (!direct_varint(at, end, &x))
			return false;
		if (a)
			memcpy(to, &x, sizeof x);
		return true;
	case WIRE_BOOL:
		if (!direct_varint(at, end, &x) || x > 1)
			return false;
		if (a)
			*(protobuf_c_boolean *)to = x == 1;
		return true;
	case WIRE_REAL:
		if (end - *at < (ptrdiff_t)sizeof x)
			return false;
		memcpy(&x, *at, sizeof x);
		x = le64toh(x);
		*at += sizeof x;
		if (a)
			memcpy(to, &x, sizeof x);
		return true;
	case WIRE_TEXT:
		if (!direct_bytes(at, end, &text))
			return false;
		if (a)
			walk_point(message, row->message, direct_text(a, text));
		return !a || walk_pointer(message, row->message);
	case WIRE_LIMIT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: break;
	}
	return false;
}

WALK bool direct_read_field(struct arena *a, const struct wire_row *row, size_t number, const uint8_t **at,
			    const uint8_t *end, void *message)
{
	const uint8_t tag = (uint8_t)(number << 3 | direct_type(row));
	if (number > DIRECT_NUMBER_MAX || *at == end || **at != tag)
		return true;
	if (row->kind == WIRE_ROWS || row->kind == WIRE_TEXTS)
		return wire_direct_read_list(a, row, tag, at, end, message);
	++*at;
	if (a && row->number)
		memcpy(walk_to(message, row->message_case), &(const uint32_t){row->number}, sizeof(uint32_t));
	return direct_read_value(a, row, at, end, message);
}

/* Fields in the order of their numbers, each at most once. Without an arena it is only looked at, and there need be no
 * message; false: it is one for the library. With one, of bytes that were looked at: false: there is no memory. */
WALK bool direct_read(struct arena *a, const struct wire_table *table, const uint8_t *data, size_t len, void *message)
{
	const uint8_t *at = data, *end = data + len;
	if (a)
		table->descriptor->message_init(message);
#pragma GCC unroll 32
	for (size_t i = 0; i < table->n; i++)
		if (!direct_read_field(a, &table->rows[i], i + 1, &at, end, message))
			return false;
	return at == end;
}

/* ---- writing: sizes first, and then from the end, so that each length is known when it is written ---- */

WALK size_t direct_varint_bytes(uint64_t x)
{
	return (70 - (size_t)__builtin_clzll(x | 1)) / 7;
}

WALK uint8_t *direct_put_varint(uint64_t x, uint8_t *end)
{
	uint8_t *start = end - direct_varint_bytes(x), *at = start;
	for (; x >= 0x80; x >>= 7)
		*at++ = (uint8_t)(x | 0x80);
	*at = (uint8_t)x;
	return start;
}

WALK uint64_t direct_number(const struct wire_row *row, const void *plain)
{
	uint64_t x = 0;
	uint32_t small;
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32: memcpy(&small, walk_from(plain, row->plain), sizeof small); return small;
	case WIRE_U64:
	case WIRE_REAL: memcpy(&x, walk_from(plain, row->plain), sizeof x); return x;
	case WIRE_BOOL: return *(const bool *)walk_from(plain, row->plain);
	case WIRE_TEXT:
	case WIRE_LIMIT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: break;
	}
	return x;
}

/* Whether the field stands among the bytes: as always in proto3, not where it is zero, which -0.0 is too. */
WALK bool direct_is_sent(const struct wire_row *row, const void *plain)
{
	if (row->number)
		return row->is_present ? row->is_present(plain) : walk_is_present(row, plain);
	if (row->kind == WIRE_TEXT)
		return *wire_text(walk_pointer(plain, row->plain));
	if (row->kind == WIRE_LINK)
		return walk_pointer(plain, row->plain);
	uint64_t bits = direct_number(row, plain);
	return row->kind == WIRE_REAL ? bits << 1 != 0 : bits != 0;
}

WALK size_t direct_field_size(const struct wire_row *row, size_t number, const void *plain, bool *unusual)
{
	size_t tag_bytes = number > DIRECT_NUMBER_MAX ? 2 : 1, len;
	if (row->kind == WIRE_ROWS)
		return wire_direct_list_size(row, tag_bytes, plain, unusual);
	if (!direct_is_sent(row, plain))
		return 0;
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32:
		/* An enumeration is a number with a sign. */
		*unusual |= direct_number(row, plain) > INT32_MAX;
		return tag_bytes + direct_varint_bytes(direct_number(row, plain));
	case WIRE_U64:
	case WIRE_BOOL: return tag_bytes + direct_varint_bytes(direct_number(row, plain));
	case WIRE_REAL: return tag_bytes + sizeof(double);
	case WIRE_TEXT:
		len = strlen(walk_pointer(plain, row->plain));
		return tag_bytes + direct_varint_bytes(len) + len;
	case WIRE_LINK:
		len = row->of->size(walk_pointer(plain, row->plain), unusual);
		return tag_bytes + direct_varint_bytes(len) + len;
	case WIRE_LIMIT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_ROWS:
	case WIRE_TEXTS: break;
	}
	*unusual = true;
	return 0;
}

WALK size_t direct_size(const struct wire_table *table, const void *plain, bool *unusual)
{
	size_t size = 0;
#pragma GCC unroll 32
	for (size_t i = 0; i < table->n; i++)
		size += direct_field_size(&table->rows[i], i + 1, plain, unusual);
	return size;
}

/* Before `at`; returns where it begins. */
WALK uint8_t *direct_write_field(const struct wire_row *row, size_t number, const void *plain, uint8_t *at)
{
	const uint64_t tag = number << 3 | direct_type(row);
	if (row->kind == WIRE_ROWS)
		return wire_direct_write_list(row, tag, plain, at);
	if (!direct_is_sent(row, plain))
		return at;
	if (row->kind == WIRE_TEXT) {
		const char *text = walk_pointer(plain, row->plain);
		size_t len = strlen(text);
		at = direct_put_varint(len, memcpy(at - len, text, len));
	} else if (row->kind == WIRE_LINK) {
		const uint8_t *end = at;
		at = row->of->pack(walk_pointer(plain, row->plain), at);
		at = direct_put_varint((uint64_t)(end - at), at);
	} else if (row->kind == WIRE_REAL) {
		const uint64_t bits = htole64(direct_number(row, plain));
		at = memcpy(at - sizeof bits, &bits, sizeof bits);
	} else {
		at = direct_put_varint(direct_number(row, plain), at);
	}
	return direct_put_varint(tag, at);
}

WALK uint8_t *direct_write(const struct wire_table *table, const void *plain, uint8_t *end)
{
#pragma GCC unroll 32
	for (size_t i = table->n; i > 0; i--)
		end = direct_write_field(&table->rows[i - 1], i, plain, end);
	return end;
}

/* ---- tables that have these compiled in ---- */

/* The walk along one table, compiled for it, which is then a FAST_REQUEST_TABLE or a FAST_ANSWER_TABLE. */
#define FAST(name)                                                                       \
	static const struct wire_table name;                                             \
	static void read_##name(struct wire_reader *d, const void *message, void *plain) \
	{                                                                                \
		walk_read(d, &name, message, plain);                                     \
	}                                                                                \
	static int write_##name(struct arena *a, const void *plain, void *message)       \
	{                                                                                \
		return walk_write(a, &name, plain, message);                             \
	}
#define FAST_REQUEST(name)                                                                         \
	FAST(name)                                                                                 \
	static bool unpack_##name(struct arena *a, const uint8_t *data, size_t len, void *message) \
	{                                                                                          \
		return direct_read(a, &name, data, len, message);                                  \
	}
#define FAST_ANSWER(name)                                            \
	FAST(name)                                                   \
	static size_t size_##name(const void *plain, bool *unusual)  \
	{                                                            \
		return direct_size(&name, plain, unusual);           \
	}                                                            \
	static uint8_t *pack_##name(const void *plain, uint8_t *end) \
	{                                                            \
		return direct_write(&name, plain, end);              \
	}
#define FAST_REQUEST_TABLE(name, SNAKE, tag) \
	TABLE(name, SNAKE, tag, .read = read_##name, .write = write_##name, .unpack = unpack_##name)
#define FAST_ANSWER_TABLE(name, SNAKE, tag) \
	TABLE(name, SNAKE, tag, .read = read_##name, .write = write_##name, .size = size_##name, .pack = pack_##name)

#endif
