#include "lib/wire/common.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/wire/frame.h"

static void *allocate(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void release(void *arena, void *block)
{
	(void)arena;
	(void)block;
}

ProtobufCAllocator wire_allocator(struct arena *a)
{
	return (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = a};
}

size_t wire_text_len(const char *unpacked)
{
	return unpacked == (const char *)protobuf_c_empty_string ? 0 : arena_size(unpacked) - 1;
}

int wire_append(const ProtobufCMessage *message, size_t max_bytes, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	if (len > max_bytes)
		return ERR_TOO_BIG;
	uint8_t *to = buf_reserve(out, FRAME_HEAD_MAX + len);
	if (!to)
		return -ENOMEM;
	size_t head = frame_head(len, to);
	protobuf_c_message_pack(message, to + head);
	out->len += head + len;
	return 0;
}

int wire_arena_error(const struct arena *a)
{
	return a->exhausted ? ERR_BUDGET : -ENOMEM;
}

int wire_unpack_error(const struct arena *a)
{
	return a->exhausted || a->starved ? wire_arena_error(a) : ERR_MALFORMED;
}

enum candor_response_type wire_answer_of(enum candor_request_type type)
{
	static const uint8_t answers[] = {
		[CANDOR_REQ_UNKNOWN] = CANDOR_RES_NONE,
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) [CANDOR_REQ_##NAME] = CANDOR_RES_##ANSWER,
#include CANDOR_REQUESTS_DEF
	};
	static_assert(sizeof answers / sizeof *answers == CANDOR_REQ_TYPES, "each request has an answer");
	return (unsigned)type < CANDOR_REQ_TYPES ? (enum candor_response_type)answers[type] : CANDOR_RES_NONE;
}

const char *candor_request_name(enum candor_request_type type)
{
	static const char *const names[] = {
		[CANDOR_REQ_UNKNOWN] = "unknown",
#define CANDOR_REQUEST(NAME, field, Message, ANSWER) [CANDOR_REQ_##NAME] = #field,
#include CANDOR_REQUESTS_DEF
	};
	static_assert(sizeof names / sizeof *names == CANDOR_REQ_TYPES, "each request has a name");
	return names[(unsigned)type < CANDOR_REQ_TYPES ? type : CANDOR_REQ_UNKNOWN];
}

const char *candor_code_name(enum candor_code code)
{
	switch (code) {
	case CANDOR_OK: return "OK";
	case CANDOR_INVALID_ARGUMENT: return "INVALID_ARGUMENT";
	case CANDOR_NOT_FOUND: return "NOT_FOUND";
	case CANDOR_ALREADY_EXISTS: return "ALREADY_EXISTS";
	case CANDOR_PERMISSION_DENIED: return "PERMISSION_DENIED";
	case CANDOR_RESOURCE_EXHAUSTED: return "RESOURCE_EXHAUSTED";
	case CANDOR_FAILED_PRECONDITION: return "FAILED_PRECONDITION";
	case CANDOR_INTERNAL: return "INTERNAL";
	case CANDOR_UNAVAILABLE: return "UNAVAILABLE";
	case CANDOR_UNAUTHENTICATED: return "UNAUTHENTICATED";
	}
	return "UNKNOWN";
}
