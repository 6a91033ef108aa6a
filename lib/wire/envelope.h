/* envelope.h - requests and responses around bodies that are protobuf bytes already, or stay so. Pure; any thread. */
#ifndef CANDOR_WIRE_ENVELOPE_H
#define CANDOR_WIRE_ENVELOPE_H

#include "lib/message.h"
#include "lib/wire/frame.h"

/* Longer than what stands before a request's body in its frame. */
enum { WIRE_REQUEST_HEAD_MAX = 32 };

/* What stands before a body of `len` bytes (below 2^31) to make it the frame of a request, its length prefix included:
 * how many bytes of out. The type is one that there is. */
size_t wire_request_head(enum candor_request_type type, uint64_t id, size_t len, uint8_t out[WIRE_REQUEST_HEAD_MAX]);

/* A response without its length prefix. The views point into its bytes. */
struct wire_answer {
	uint64_t id;
	enum candor_code code; /* not OK: it is a refusal, and there is no body */
	struct view message; /* UTF-8; nobody has checked it */
	uint32_t retry_after_ms;
	enum candor_response_type type; /* NONE: there is no body of a type that is known */
	struct view body;
};

/* 0 or ERR_MALFORMED. The body is not looked into. */
MUST_CHECK int wire_open_answer(struct view response, struct wire_answer *out);

#endif
