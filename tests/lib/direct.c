#include "tests/lib/direct.h"

#include <string.h>

#include "lib/wire/direct.h"

enum { BYTES = 1 << 24 };

union body {
	ProtobufCMessage base;
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) Candor__V1__##Message field;
#include CANDOR_REQUESTS_DEF
};

/* ---- unpacking ---- */

static bool same_messages(const ProtobufCMessage *a, const ProtobufCMessage *b);

static bool same_text(const char *a, const char *b)
{
	size_t len = wire_text_len(a);
	return len == wire_text_len(b) && memcmp(a, b, len) == 0;
}

/* One value, at `a` and at `b`, of the types that are in the messages concerned. */
static bool same_values(const ProtobufCFieldDescriptor *f, const void *a, const void *b)
{
	const void *const *x = a, *const *y = b;
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING: return same_text(*x, *y);
	case PROTOBUF_C_TYPE_MESSAGE: return same_messages(*x, *y);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_DOUBLE: return memcmp(a, b, sizeof(uint64_t)) == 0;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_BOOL: return memcmp(a, b, sizeof(uint32_t)) == 0;
	default: return false;
	}
}

static bool same_fields(const ProtobufCFieldDescriptor *f, const char *a, const char *b)
{
	const void *x = a + f->offset, *y = b + f->offset;
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		size_t n = *(const size_t *)(const void *)(a + f->quantifier_offset);
		const void *const *all = *(const void *const *const *)x, *const *others =
										 *(const void *const *const *)y;
		if (n != *(const size_t *)(const void *)(b + f->quantifier_offset))
			return false;
		for (size_t i = 0; i < n; i++)
			if (!same_values(f, &all[i], &others[i]))
				return false;
		return true;
	}
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t there = *(const uint32_t *)(const void *)(a + f->quantifier_offset);
		if (there != *(const uint32_t *)(const void *)(b + f->quantifier_offset))
			return false;
		if (there != f->id)
			return true;
	}
	return same_values(f, x, y);
}

static bool same_messages(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a->descriptor != b->descriptor || a->n_unknown_fields || b->n_unknown_fields)
		return false;
	for (unsigned i = 0; i < a->descriptor->n_fields; i++)
		if (!same_fields(&a->descriptor->fields[i], (const char *)a, (const char *)b))
			return false;
	return true;
}

enum direct_result direct_unpacks(const uint8_t *data, size_t len)
{
	struct arena a, b;
	Candor__V1__Request m;
	union body body;
	arena_init(&a, BYTES);
	arena_init(&b, BYTES);
	enum direct_result result = DIRECT_DIFFERS;
	int done = wire_direct_unpack(&a, data, len, &m, &body);
	if (done == 0) {
		result = a.used_bytes == 0 ? DIRECT_LEFT : DIRECT_DIFFERS;
	} else if (done == 1) {
		ProtobufCAllocator allocator = wire_allocator(&b);
		const Candor__V1__Request *other = candor__v1__request__unpack(&allocator, len, data);
		if (other && same_messages(&m.base, &other->base) && a.used_bytes <= b.used_bytes)
			result = DIRECT_ALIKE;
	}
	arena_free(&a);
	arena_free(&b);
	return result;
}

/* ---- packing ---- */

enum direct_result direct_packs(const struct candor_response *r)
{
	static const uint8_t before[] = "what stands before";
	struct buf ours = {0}, theirs = {0}, none = {0};
	struct arena a;
	Candor__V1__Response *m;
	enum direct_result result = DIRECT_DIFFERS;
	arena_init(&a, BYTES);
	if (buf_append(&ours, before, sizeof before) || buf_append(&theirs, before, sizeof before))
		goto out;
	int done = wire_direct_pack(r, BYTES, &ours);
	if (done == 0)
		result = ours.len == sizeof before ? DIRECT_LEFT : DIRECT_DIFFERS;
	if (done != 1 || wire_response_to_message(r, &a, &m) || wire_append(&m->base, BYTES, &theirs))
		goto out;
	size_t len = protobuf_c_message_get_packed_size(&m->base);
	if (ours.len == theirs.len && memcmp(ours.data, theirs.data, ours.len) == 0 &&
	    wire_direct_pack(r, len - 1, &none) == ERR_TOO_BIG && none.len == 0 && wire_direct_pack(r, len, &none) == 1)
		result = DIRECT_ALIKE;
out:
	buf_free(&ours);
	buf_free(&theirs);
	buf_free(&none);
	arena_free(&a);
	return result;
}

/* ---- tables ---- */

bool direct_table_is_right(const struct wire_table *table)
{
	const ProtobufCMessageDescriptor *of = table->descriptor;
	if (!table->unpack && !table->pack)
		return true;
	if ((table->pack != NULL) != (table->size != NULL) || table->n != of->n_fields)
		return false;
	for (size_t i = 0; i < table->n; i++) {
		const struct wire_row *row = &table->rows[i];
		if (of->fields[i].id != i + 1 || of->fields[i].offset != row->message)
			return false;
		if ((row->kind == WIRE_ROWS || row->kind == WIRE_LINK) &&
		    ((table->unpack && !row->of->unpack) || (table->pack && !row->of->pack)))
			return false;
		if (table->unpack && i + 1 > DIRECT_NUMBER_MAX)
			return false;
	}
	return true;
}
