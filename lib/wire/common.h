/* common.h - what the two halves of wire share: memory for protobuf-c, text that came from a peer, framing. */
#ifndef CANDOR_WIRE_COMMON_H
#define CANDOR_WIRE_COMMON_H

#include "candor.pb-c.h"
#include "lib/wire/wire.h"

/* A ProtobufCAllocator over an arena: what it gives is never freed one by one. */
ProtobufCAllocator wire_allocator(struct arena *a);

/* The true length of a string that was unpacked into an arena: protobuf-c ends it with a NUL but lets a peer put
 * others before. */
size_t wire_text_len(const char *unpacked);

/* Appends `message` with its length before it; errors as wire_encode_request(). */
MUST_CHECK int wire_append(const ProtobufCMessage *message, size_t max_bytes, struct buf *out);

/* -ENOMEM or ERR_BUDGET, whichever the arena ran into. */
int wire_arena_error(const struct arena *a);

/* Why a message could not be unpacked: one of those, or ERR_MALFORMED. */
int wire_unpack_error(const struct arena *a);

/* What lies between plain structures and bytes, for other forms than bytes. Messages, and what they point to, live in
 * the arena or are the caller's. All text in a message that is read must be an arena's block of its own length, as
 * wire_text_len() wants it. Errors as of encoding and decoding. */
MUST_CHECK int wire_request_to_message(const struct candor_request *r, struct arena *a, Candor__V1__Request **out);
MUST_CHECK int wire_request_from_message(struct arena *a, const Candor__V1__Request *m, struct wire_request *out);
MUST_CHECK int wire_response_to_message(const struct candor_response *r, struct arena *a, Candor__V1__Response **out);

/* NULL reads as "". protobuf-c's strings are not const, and it does not write to them. */
static inline char *wire_text(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

#endif
