/* Responses to and from bytes. The peer that sends one is a daemon, which may be hostile or broken too. */
#include <string.h>

#include "lib/wire/direct.h"

/* What a response needs beside the arena. A refusal needs no more: it can be said where there is no memory left. */
struct storage {
	Candor__V1__Response m;
	Candor__V1__Status status;
	union {
		ProtobufCMessage base;
#define CANDOR_ANSWER(NAME, field, Message, place) Candor__V1__##Message field;
#include CANDOR_REQUESTS_DEF
	} body;
};

/* ---- encoding ---- */

static int write(const struct candor_response *r, struct arena *a, struct storage *s)
{
	const struct wire_body *body = wire_answer_body(r->type);
	candor__v1__response__init(&s->m);
	s->m.id = r->id;
	if (r->code != CANDOR_OK) {
		s->m.status = &s->status;
		return wire_write(a, &wire_status, r, &s->status);
	}
	if (!body)
		return 0;
	s->m.body_case = (Candor__V1__Response__BodyCase)body->number;
	s->m.hello = &s->body.hello; /* all members of the oneof are pointers in one place */
	return wire_write(a, body->table, (const char *)r + body->place, &s->body);
}

int wire_response_to_message(const struct candor_response *r, struct arena *a, Candor__V1__Response **out)
{
	struct storage *s = arena_alloc(a, sizeof *s);
	if (!s)
		return wire_arena_error(a);
	*out = &s->m;
	return write(r, a, s);
}

int wire_encode_response(const struct candor_response *r, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	struct storage s;
	int done = wire_direct_pack(r, max_bytes, out);
	if (done)
		return done > 0 ? 0 : done;
	int err = write(r, scratch, &s);
	return err ? err : wire_append(&s.m.base, max_bytes, out);
}

/* ---- sizes ---- */

enum {
	TAG_BYTES = 1,
	LONG_TAG_BYTES = 2, /* of fields from 16 on */
	U32_BYTES = 5, /* at most, as the next */
	U64_BYTES = 10,
	REAL_BYTES = 8,
};

static size_t varint_bytes(uint64_t n)
{
	size_t bytes = 1;
	for (; n >= 0x80; n >>= 7)
		bytes++;
	return bytes;
}

/* A message or a text of that many bytes, as a field. */
static size_t field_bytes(size_t len)
{
	return TAG_BYTES + varint_bytes(len) + len;
}

size_t wire_rejected_bytes(const struct candor_rejected *r)
{
	return field_bytes(TAG_BYTES + varint_bytes(r->index) + TAG_BYTES + varint_bytes((uint32_t)r->code) +
			   field_bytes(strlen(r->message)));
}

size_t wire_item_report_bytes(const char *labeler)
{
	return field_bytes(field_bytes(strlen(labeler)) + 2 * (TAG_BYTES + REAL_BYTES)) + LONG_TAG_BYTES - TAG_BYTES;
}

size_t wire_item_bytes(const char *item, bool with_now)
{
	enum {
		REALS = 9,
		LATER_REALS = 6, /* forecast and its candidates, label, recheck */
		NOW_REALS = 10,
		U64S = 6, /* n, round, three times, block */
		FLAGS = 2,
		LIST_BYTES = U32_BYTES, /* the item's own length grows with its reports */
	};
	size_t now = with_now ? LONG_TAG_BYTES - TAG_BYTES + field_bytes(NOW_REALS * (TAG_BYTES + REAL_BYTES)) : 0;
	return LIST_BYTES + field_bytes(field_bytes(strlen(item)) + REALS * (TAG_BYTES + REAL_BYTES) +
					LATER_REALS * (LONG_TAG_BYTES + REAL_BYTES) + now +
					U64S * (LONG_TAG_BYTES + U64_BYTES) + FLAGS * (LONG_TAG_BYTES + 1));
}

/* Which row of an answer's table is the list that response.n counts. */
static const struct wire_row *page_of(const struct wire_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].kind == WIRE_ROWS && table->rows[i].plain_n == offsetof(struct candor_response, n))
			return &table->rows[i];
	return NULL;
}

/* What the answer takes without its rows. */
static int frame_of_page(const struct candor_response *r, struct arena *scratch, size_t *bytes)
{
	enum { CURSOR_BYTES = 128 };
	struct storage s;
	struct candor_response none = *r;
	none.n = 0;
	int err = write(&none, scratch, &s);
	if (err == 0)
		*bytes = protobuf_c_message_get_packed_size(&s.m.base) + U32_BYTES + CURSOR_BYTES;
	return err;
}

int wire_fit_page(const struct candor_response *r, size_t max_bytes, size_t *rows)
{
	enum { ROW_MAX = 2048 }; /* no row of a page is so long */
	const struct wire_row *page = page_of(wire_answer_body(r->type)->table);
	*rows = r->n;
	if (!page || r->n < max_bytes / ROW_MAX)
		return 0;
	struct arena scratch;
	arena_init(&scratch, 64 * 1024);
	const char *plain;
	memcpy(&plain, (const char *)r + page->plain, sizeof plain);
	size_t used = 0, i = 0;
	int err = frame_of_page(r, &scratch, &used);
	for (; i < r->n && err == 0; i++) {
		arena_reset(&scratch);
		ProtobufCMessage *m = arena_alloc(&scratch, page->of->descriptor->sizeof_message);
		err = m ? wire_write(&scratch, page->of, plain + i * page->of->plain_size, m)
			: wire_arena_error(&scratch);
		used += err ? 0 : field_bytes(protobuf_c_message_get_packed_size(m));
		if (used > max_bytes && i > 0)
			break;
	}
	arena_free(&scratch);
	*rows = i;
	return err;
}

/* ---- decoding ---- */

int wire_decode_response(struct arena *a, const uint8_t *data, size_t len, struct candor_response *out)
{
	*out = (struct candor_response){.message = "", .next = ""};
	ProtobufCAllocator allocator = wire_allocator(a);
	const Candor__V1__Response *m = candor__v1__response__unpack(&allocator, len, data);
	if (!m)
		return wire_unpack_error(a);
	struct wire_reader d = {.arena = a};
	out->id = m->id;
	if (m->status && m->status->code != CANDOR__V1__CODE__OK) {
		wire_read(&d, &wire_status, m->status, out);
		return d.err;
	}
	out->type = wire_answer_type((uint32_t)m->body_case);
	const struct wire_body *body = wire_answer_body(out->type);
	if (body)
		wire_read(&d, body->table, m->hello, (char *)out + body->place);
	return d.err;
}
