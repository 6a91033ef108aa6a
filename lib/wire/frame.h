/* frame.h - cuts a byte stream into varint-length-delimited messages, and puts lengths before them.
 *
 * Not a codec: what is inside a message is wire.h's business. Pure: no I/O, no clock, no globals; any thread, one at a
 * time. A view from frame_next() dies at the next frame_push() or frame_free(). */
#ifndef CANDOR_FRAME_H
#define CANDOR_FRAME_H

#include "lib/base/buf.h"

enum { FRAME_HEAD_MAX = 5 }; /* bytes in the longest length prefix: messages stay below 2^32 */

struct frame {
	struct buf bytes;
	size_t start; /* bytes before it are consumed */
	size_t max_bytes; /* longest message accepted */
};

struct view {
	const uint8_t *data;
	size_t len;
};

/* max_bytes: 1 to 2^31. */
void frame_init(struct frame *f, size_t max_bytes);
void frame_free(struct frame *f);

/* Copies. 0 or -ENOMEM. */
MUST_CHECK int frame_push(struct frame *f, const void *bytes, size_t len);

/* 1: *message is the next whole message. 0: more bytes are needed. ERR_TOO_BIG: its length is above max_bytes, known
 * before its body arrives; ERR_MALFORMED: the length is no varint. After an error the stream cannot be read on. */
MUST_CHECK int frame_next(struct frame *f, struct view *message);

/* The same, and the message stays the next one. */
MUST_CHECK int frame_peek(const struct frame *f, struct view *message);

/* Overwrites a message that frame_next() gave, which held a secret. Before anything is pushed or trimmed. */
void frame_wipe(struct frame *f, struct view message);

/* Gives back memory that what is pending does not need: all of it where nothing is. Only between messages that were
 * taken: views die. */
void frame_trim(struct frame *f);

/* Bytes pushed and not yet taken: a message that has begun. */
size_t frame_pending(const struct frame *f);

/* The size of the first message in bytes[len] of whole messages, its prefix included; len > 0. */
size_t frame_span(const uint8_t *bytes, size_t len);

/* Writes the prefix of a message of `len` bytes (below 2^32) to out[FRAME_HEAD_MAX]; returns its size. */
size_t frame_head(size_t len, uint8_t *out);

#endif
