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

void wire_settings_from_pb(const Candor__V1__Settings *from, struct candor_settings *to);
void wire_settings_to_pb(const struct candor_settings *from, Candor__V1__Settings *to);

/* lib/wire/rights.c. What a decoded grant holds stays where it was unpacked. How many of its rights are none. */
unsigned wire_grant_from_pb(const Candor__V1__Grant *m, struct candor_grant *g);
int wire_grants_to_pb(const struct candor_grant *grants, size_t n, struct arena *a, Candor__V1__Grant ***out);
void wire_token_to_pb(const struct candor_token *t, Candor__V1__Token *m);
int wire_tokens_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Tokens *m);
int wire_events_to_pb(const struct candor_response *r, struct arena *a, Candor__V1__Events *m);

/* NULL reads as "". protobuf-c's strings are not const, and it does not write to them. */
static inline char *wire_text(const char *text)
{
	return (char *)(uintptr_t)(text ? text : "");
}

#endif
