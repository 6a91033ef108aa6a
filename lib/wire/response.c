/* Responses to and from bytes. The peer that sends one is a daemon, which may be hostile or broken too. */
#include <string.h>

#include "lib/wire/common.h"
#include "lib/wire/fields.h"

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
	int err = write(r, scratch, &s);
	return err ? err : wire_append(&s.m.base, max_bytes, out);
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
