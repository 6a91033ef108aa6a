/* Requests to and from bytes. Whatever a peer can get wrong in a request is found here and in tables.c, but for what
 * depends on state: settings are checked when they are merged with those that stand, cursors where they are used. */
#include <string.h>

#include "lib/wire/direct.h"

/* Any member of the oneof. */
union body {
	ProtobufCMessage base;
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) Candor__V1__##Message field;
#include CANDOR_REQUESTS_DEF
};

/* ---- decoding ---- */

/* A request that is one row itself: a grant, and so it is about that grant's pool. */
static void read_only_row(struct wire_reader *d, const struct wire_table *table, const void *message)
{
	struct candor_request *r = &d->request->request;
	struct candor_grant *grant = arena_calloc(d->arena, 1, table->plain_size);
	if (!grant) {
		d->err = wire_arena_error(d->arena);
		return;
	}
	wire_read(d, table, message, grant);
	r->grants = grant;
	r->n = 1;
	r->pool = grant->pool;
}

int wire_request_from_message(struct arena *a, const Candor__V1__Request *m, struct wire_request *out)
{
	*out = (struct wire_request){0};
	out->request.id = m->id;
	out->request.type = wire_request_type((uint32_t)m->body_case);
	struct wire_reader d = {.arena = a, .request = out};
	const struct wire_body *body = wire_request_body(out->request.type);
	/* All members of the oneof are pointers in one place. */
	if (!body)
		wire_fault(&d, "request", "is of an unknown type");
	else if (body->table->list)
		read_only_row(&d, body->table, m->hello);
	else
		wire_read(&d, body->table, m->hello, &out->request);
	return d.err;
}

uint64_t wire_peek_id(const uint8_t *data, size_t len, bool *may_be_hello)
{
	enum { ID = 0x08, HELLO = 0x12 }; /* tags of fields */
	uint64_t id = 0;
	*may_be_hello = true;
	if (len == 0 || data[0] != ID)
		return 0;
	for (size_t i = 1; i < len && i <= 10; i++) {
		id |= (uint64_t)(data[i] & 0x7f) << (7 * (i - 1));
		if (data[i] & 0x80)
			continue;
		*may_be_hello = i + 1 == len || data[i + 1] == HELLO;
		return id;
	}
	return 0;
}

int wire_decode_request(struct arena *a, const uint8_t *data, size_t len, struct wire_request *out)
{
	Candor__V1__Request direct;
	union body body;
	int done = wire_direct_unpack(a, data, len, &direct, &body);
	if (done > 0)
		return wire_request_from_message(a, &direct, out);
	ProtobufCAllocator allocator = wire_allocator(a);
	const Candor__V1__Request *m = done ? NULL : candor__v1__request__unpack(&allocator, len, data);
	if (!m) {
		bool unused;
		*out = (struct wire_request){.request = {.id = wire_peek_id(data, len, &unused)}};
		return done ? done : wire_unpack_error(a);
	}
	return wire_request_from_message(a, m, out);
}

/* ---- encoding ---- */

/* A request without a body is allowed: what a daemon makes of it can be tested. */
static int write(const struct candor_request *r, struct arena *a, Candor__V1__Request *m, union body *storage)
{
	const struct wire_body *body = wire_request_body(r->type);
	candor__v1__request__init(m);
	m->id = r->id;
	if (!body)
		return 0;
	m->body_case = (Candor__V1__Request__BodyCase)body->number;
	m->hello = &storage->hello;
	return wire_write(a, body->table, body->table->list ? (const void *)r->grants : r, storage);
}

int wire_request_to_message(const struct candor_request *r, struct arena *a, Candor__V1__Request **out)
{
	struct {
		Candor__V1__Request m;
		union body body;
	} *storage = arena_alloc(a, sizeof *storage);
	if (!storage)
		return wire_arena_error(a);
	*out = &storage->m;
	return write(r, a, &storage->m, &storage->body);
}

int wire_encode_request(const struct candor_request *r, struct arena *scratch, size_t max_bytes, struct buf *out)
{
	Candor__V1__Request m;
	union body body;
	int err = write(r, scratch, &m, &body);
	return err ? err : wire_append(&m.base, max_bytes, out);
}
