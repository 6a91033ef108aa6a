#include "lib/wire/common.h"

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

void wire_settings_from_pb(const Candor__V1__Settings *from, struct candor_settings *to)
{
	*to = (struct candor_settings){0};
	if (!from)
		return;
	*to = (struct candor_settings){
		.rate = (enum candor_rate)from->rate,
		.c = from->c,
		.beta = from->beta,
		.eta = from->eta,
		.horizon = from->horizon,
		.share = from->share,
		.entry = from->entry,
	};
}

void wire_settings_to_pb(const struct candor_settings *from, Candor__V1__Settings *to)
{
	candor__v1__settings__init(to);
	to->rate = (Candor__V1__Rate)from->rate;
	to->c = from->c;
	to->beta = from->beta;
	to->eta = from->eta;
	to->horizon = from->horizon;
	to->share = from->share;
	to->entry = from->entry;
}

enum candor_response_type wire_answer_of(enum candor_request_type type)
{
	switch (type) {
	case CANDOR_REQ_UNKNOWN: break;
	case CANDOR_REQ_HELLO: return CANDOR_RES_WELCOME;
	case CANDOR_REQ_INFO: return CANDOR_RES_INFO;
	case CANDOR_REQ_CREATE_POOL:
	case CANDOR_REQ_UPDATE_POOL:
	case CANDOR_REQ_GET_POOL:
	case CANDOR_REQ_PRUNE_POOL: return CANDOR_RES_POOL;
	case CANDOR_REQ_LIST_POOLS: return CANDOR_RES_POOLS;
	case CANDOR_REQ_POST_REPORTS:
	case CANDOR_REQ_CLOSE_ITEMS:
	case CANDOR_REQ_RESOLVE_ITEMS:
	case CANDOR_REQ_VOID_ITEMS:
	case CANDOR_REQ_ADD_GRANT:
	case CANDOR_REQ_REMOVE_GRANT:
	case CANDOR_REQ_REVOKE_TOKEN: return CANDOR_RES_BATCH;
	case CANDOR_REQ_QUERY_ITEMS:
	case CANDOR_REQ_LIST_ITEMS: return CANDOR_RES_ITEMS;
	case CANDOR_REQ_LIST_LABELERS: return CANDOR_RES_LABELERS;
	case CANDOR_REQ_GET_LABELER: return CANDOR_RES_LABELER;
	case CANDOR_REQ_LIST_GRANTS: return CANDOR_RES_GRANTS;
	case CANDOR_REQ_CREATE_TOKEN: return CANDOR_RES_NEW_TOKEN;
	case CANDOR_REQ_LIST_TOKENS: return CANDOR_RES_TOKENS;
	case CANDOR_REQ_LIST_EVENTS: return CANDOR_RES_EVENTS;
	}
	return CANDOR_RES_NONE;
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
