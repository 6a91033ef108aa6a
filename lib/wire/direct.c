#include "lib/wire/direct.h"

#include <errno.h>

/* ---- reading ---- */

static void *unpack_one(struct arena *a, const struct wire_table *of, struct view bytes)
{
	if (!of)
		return direct_text(a, bytes);
	void *message = arena_alloc(a, of->descriptor->sizeof_message);
	return message && of->unpack(a, bytes.data, bytes.len, message) ? message : NULL;
}

/* Those that follow each other here. Were there others later, what is left would be one for the library. */
bool wire_direct_read_list(struct arena *a, const struct wire_row *row, uint8_t tag, const uint8_t **at,
			   const uint8_t *end, void *message)
{
	const struct wire_table *of = row->of;
	const uint8_t *p = *at;
	struct view bytes;
	size_t n = 0;
	for (; p < end && *p == tag; n++) {
		p++;
		if (!direct_bytes(&p, end, &bytes))
			return false;
		if (!a && of && !of->unpack(NULL, bytes.data, bytes.len, NULL))
			return false;
	}
	if (a) {
		void **all = arena_alloc(a, n * sizeof *all);
		if (!all)
			return false;
		p = *at;
		for (size_t i = 0; i < n; i++) {
			p++;
			if (!direct_bytes(&p, end, &bytes) || !(all[i] = unpack_one(a, of, bytes)))
				return false;
		}
		walk_point(message, row->message, all);
		memcpy(walk_to(message, row->message_n), &n, sizeof n);
	}
	*at = p;
	return true;
}

int wire_direct_unpack(struct arena *a, const uint8_t *data, size_t len, Candor__V1__Request *m, void *storage)
{
	enum { ID = 1 << 3 | DIRECT_VARINT };
	const uint8_t *at = data, *end = data + len;
	uint64_t id;
	struct view body;
	if (at == end || *at++ != ID || !direct_varint(&at, end, &id) || at == end)
		return 0;
	const uint8_t tag = *at++;
	const struct wire_body *b = wire_request_body(wire_request_type(tag >> 3));
	if (tag >= 0x80 || (tag & 7) != DIRECT_BYTES || !b || !b->table->unpack)
		return 0;
	if (!direct_bytes(&at, end, &body) || at != end || !b->table->unpack(NULL, body.data, body.len, NULL))
		return 0;
	candor__v1__request__init(m);
	m->id = id;
	m->body_case = (Candor__V1__Request__BodyCase)b->number;
	m->hello = storage; /* all members of the oneof are pointers in one place */
	return b->table->unpack(a, body.data, body.len, storage) ? 1 : wire_arena_error(a);
}

/* ---- writing ---- */

static size_t list(const struct wire_row *row, const void *plain, const char **rows)
{
	size_t n;
	memcpy(&n, walk_from(plain, row->plain_n), sizeof n);
	*rows = walk_pointer(plain, row->plain);
	return n;
}

size_t wire_direct_list_size(const struct wire_row *row, size_t tag_bytes, const void *plain, bool *unusual)
{
	const struct wire_table *of = row->of;
	const char *rows;
	size_t n = list(row, plain, &rows), size = n * tag_bytes;
	for (size_t i = 0; i < n; i++) {
		size_t len = of->size(rows + i * of->plain_size, unusual);
		size += direct_varint_bytes(len) + len;
	}
	return size;
}

uint8_t *wire_direct_write_list(const struct wire_row *row, uint64_t tag, const void *plain, uint8_t *at)
{
	const struct wire_table *of = row->of;
	const char *rows;
	for (size_t i = list(row, plain, &rows); i > 0; i--) {
		const uint8_t *end = at;
		at = of->pack(rows + (i - 1) * of->plain_size, at);
		at = direct_put_varint(tag, direct_put_varint((uint64_t)(end - at), at));
	}
	return at;
}

int wire_direct_pack(const struct candor_response *r, size_t max_bytes, struct buf *out)
{
	enum { ID = 1 << 3 | DIRECT_VARINT };
	const struct wire_body *body = wire_answer_body(r->type);
	if (r->code != CANDOR_OK || r->id == 0 || !body || !body->table->pack)
		return 0;
	const void *plain = (const char *)r + body->place;
	const uint64_t tag = body->number << 3 | DIRECT_BYTES;
	bool unusual = false;
	size_t inner = body->table->size(plain, &unusual);
	size_t len = 1 + direct_varint_bytes(r->id) + direct_varint_bytes(tag) + direct_varint_bytes(inner) + inner;
	if (unusual)
		return 0;
	if (len > max_bytes)
		return ERR_TOO_BIG;
	uint8_t *to = buf_reserve(out, FRAME_HEAD_MAX + len);
	if (!to)
		return -ENOMEM;
	size_t head = frame_head(len, to);
	uint8_t *at = body->table->pack(plain, to + head + len);
	at = direct_put_varint(tag, direct_put_varint(inner, at));
	at = direct_put_varint(r->id, at);
	*--at = ID;
	require(at == to + head);
	out->len += head + len;
	return 1;
}
