/* walk.h - the loops of wire_read() and wire_write(), inline: where the table is known when they are compiled, as in
 * tables.c, what comes out is a plain sequence of assignments. For fields.c and tables.c only. */
#ifndef CANDOR_WIRE_WALK_H
#define CANDOR_WIRE_WALK_H

#include <string.h>

#include "lib/wire/common.h"
#include "lib/wire/fields.h"

#define WALK static inline __attribute__((always_inline))

/* lib/wire/fields.c: the kinds that are more than an assignment. */
void wire_read_other(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain);
MUST_CHECK int wire_write_other(struct arena *a, const struct wire_row *row, const void *plain, void *message);
void wire_row_fault(struct wire_reader *d, const struct wire_row *row, const char *what);

/* ---- what is where ---- */

WALK const void *walk_from(const void *structure, uint16_t offset)
{
	return (const char *)structure + offset;
}

WALK void *walk_to(void *structure, uint16_t offset)
{
	return (char *)structure + offset;
}

/* Any pointer: they are all alike in memory. */
WALK void *walk_pointer(const void *structure, uint16_t offset)
{
	void *p;
	memcpy(&p, walk_from(structure, offset), sizeof p);
	return p;
}

WALK void walk_point(void *structure, uint16_t offset, const void *at)
{
	memcpy(walk_to(structure, offset), &at, sizeof at);
}

/* Whether an optional field has something to say. */
WALK bool walk_is_present(const struct wire_row *row, const void *plain)
{
	const void *from = walk_from(plain, row->plain);
	static const char zero[sizeof(uint64_t)];
	if (row->flag)
		return *(const bool *)walk_from(plain, row->flag);
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32: return memcmp(from, zero, sizeof(uint32_t)) != 0;
	case WIRE_BOOL: return *(const bool *)from;
	case WIRE_U64:
	case WIRE_REAL:
	case WIRE_TEXT:
	case WIRE_HASH: return memcmp(from, zero, sizeof zero) != 0;
	case WIRE_LIMIT:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: break; /* never optional */
	}
	return true;
}

/* ---- reading ---- */

/* Whether an optional field was sent. */
WALK bool walk_is_given(const struct wire_row *row, const void *message)
{
	uint32_t number;
	memcpy(&number, walk_from(message, row->message_case), sizeof number);
	return number == row->number;
}

/* Whether it was sent as 0, which it may not be. */
WALK bool walk_is_empty(const struct wire_row *row, const void *message, const void *plain)
{
	return row->zero_fault && walk_is_given(row, message) && !walk_is_present(row, plain);
}

WALK void walk_read_field(struct wire_reader *d, const struct wire_row *row, const void *message, void *plain)
{
	const void *from = walk_from(message, row->message);
	void *to = walk_to(plain, row->plain);
	const char *what = NULL;
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32: memcpy(to, from, sizeof(uint32_t)); break;
	case WIRE_U64: memcpy(to, from, sizeof(uint64_t)); break;
	case WIRE_REAL: memcpy(to, from, sizeof(double)); break;
	case WIRE_BOOL: *(bool *)to = *(const protobuf_c_boolean *)from != 0; break;
	case WIRE_TEXT:
		memcpy(to, from, sizeof(char *));
		if (row->number && !*(char *const *)from)
			return;
		what = row->text_fault(*(char *const *)from, wire_text_len(*(char *const *)from));
		break;
	case WIRE_LIMIT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: wire_read_other(d, row, message, plain); return;
	}
	/* Several may have one flag. */
	if (row->flag && walk_is_given(row, message))
		*(bool *)walk_to(plain, row->flag) = true;
	if (row->value_fault)
		what = row->value_fault(to);
	if (walk_is_empty(row, message, plain))
		what = row->zero_fault;
	if (what)
		wire_row_fault(d, row, what);
}

WALK void walk_read(struct wire_reader *d, const struct wire_table *table, const void *message, void *plain)
{
#pragma GCC unroll 32
	for (size_t i = 0; i < table->n; i++)
		walk_read_field(d, &table->rows[i], message, plain);
	const char *what = table->fault ? table->fault(plain) : NULL;
	if (what)
		wire_fault(d, table->subject, what);
}

/* ---- writing ---- */

WALK int walk_write_field(struct arena *a, const struct wire_row *row, const void *plain, void *message)
{
	const void *from = walk_from(plain, row->plain);
	void *to = walk_to(message, row->message);
	switch ((enum wire_kind)row->kind) {
	case WIRE_U32: memcpy(to, from, sizeof(uint32_t)); break;
	case WIRE_U64: memcpy(to, from, sizeof(uint64_t)); break;
	case WIRE_REAL: memcpy(to, from, sizeof(double)); break;
	case WIRE_BOOL: *(protobuf_c_boolean *)to = *(const bool *)from; break;
	case WIRE_TEXT: walk_point(message, row->message, wire_text(walk_pointer(plain, row->plain))); break;
	case WIRE_LIMIT:
	case WIRE_HASH:
	case WIRE_SECRET:
	case WIRE_RIGHTS:
	case WIRE_REALS:
	case WIRE_PART:
	case WIRE_LINK:
	case WIRE_ROWS:
	case WIRE_TEXTS: return wire_write_other(a, row, plain, message);
	}
	return 0;
}

WALK int walk_write(struct arena *a, const struct wire_table *table, const void *plain, void *message)
{
	table->descriptor->message_init(message);
#pragma GCC unroll 32
	for (size_t i = 0; i < table->n; i++) {
		const struct wire_row *row = &table->rows[i];
		int err = walk_write_field(a, row, plain, message);
		if (err)
			return err;
		if (row->number && (row->is_present ? row->is_present(plain) : walk_is_present(row, plain)))
			memcpy(walk_to(message, row->message_case), &(const uint32_t){row->number}, sizeof(uint32_t));
	}
	return 0;
}

#endif
