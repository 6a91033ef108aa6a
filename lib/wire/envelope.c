#include "lib/wire/envelope.h"

#include <string.h>

#include "candor.pb-c.h"
#include "lib/wire/fields.h"
#include "lib/wire/scan.h"

/* Of fields, in Request, Response and Status: tests/unit/test_envelope.c compares them with what the library packs. */
enum { ID = 1, STATUS = 2, STATUS_CODE = 1, STATUS_MESSAGE = 2, STATUS_RETRY_AFTER = 3 };

static uint8_t *add_varint(uint8_t *to, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		*to++ = (uint8_t)(n | 0x80);
	*to++ = (uint8_t)n;
	return to;
}

size_t wire_request_head(enum candor_request_type type, uint64_t id, size_t len, uint8_t out[WIRE_REQUEST_HEAD_MAX])
{
	const struct wire_body *body = wire_request_body(type);
	uint8_t inner[WIRE_REQUEST_HEAD_MAX], *to = inner;
	require(body);
	if (id > 0) {
		*to++ = ID << 3 | SCAN_VARINT;
		to = add_varint(to, id);
	}
	to = add_varint(to, (uint64_t)body->number << 3 | SCAN_LENGTH);
	to = add_varint(to, len);
	const size_t inner_len = (size_t)(to - inner), head = frame_head(inner_len + len, out);
	require(head + inner_len <= WIRE_REQUEST_HEAD_MAX);
	memcpy(out + head, inner, inner_len);
	return head + inner_len;
}

static int open_status(struct view status, struct wire_answer *out)
{
	const uint8_t *at = status.data, *end = at + status.len;
	struct scan_field f;
	int found;
	while ((found = scan_next(&at, end, &f)) > 0) {
		if (f.number == STATUS_CODE && f.type == SCAN_VARINT)
			out->code = (enum candor_code)(uint32_t)f.value;
		else if (f.number == STATUS_MESSAGE && f.type == SCAN_LENGTH)
			out->message = scan_view(&f);
		else if (f.number == STATUS_RETRY_AFTER && f.type == SCAN_VARINT)
			out->retry_after_ms = (uint32_t)f.value;
	}
	return found;
}

int wire_open_answer(struct view response, struct wire_answer *out)
{
	const uint8_t *at = response.data, *end = at + response.len;
	struct scan_field f;
	int found, err = 0;
	*out = (struct wire_answer){.message = {(const uint8_t *)"", 0}, .body = {(const uint8_t *)"", 0}};
	while ((found = scan_next(&at, end, &f)) > 0 && err == 0) {
		if (f.number == ID && f.type == SCAN_VARINT) {
			out->id = f.value;
		} else if (f.number == STATUS && f.type == SCAN_LENGTH) {
			err = open_status(scan_view(&f), out);
		} else if (f.type == SCAN_LENGTH && wire_answer_type(f.number) != CANDOR_RES_NONE) {
			out->type = wire_answer_type(f.number);
			out->body = scan_view(&f);
		}
	}
	return err ? err : found;
}
