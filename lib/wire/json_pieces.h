/* json_pieces.h - a message's protobuf bytes as the text that json_out_message() makes of it, in pieces: without
 * unpacking it, and without more memory for a long message than for a short one.
 *
 * The bytes are as an encoder writes them: fields in the order of their numbers, each once unless it is a list, lists
 * of numbers packed; others are ERR_MALFORMED. Unknown fields are skipped. Hostile bytes do no harm. Pure; any thread.
 * LC_NUMERIC must be "C". */
#ifndef CANDOR_JSON_PIECES_H
#define CANDOR_JSON_PIECES_H

#include "lib/wire/frame.h"
#include "lib/wire/json.h"
#include "lib/wire/scan.h"

enum json_form {
	JSON_DOCUMENT, /* the whole message, on one line */
	JSON_ROWS, /* the messages of its first list, each on a line; nothing where it has none */
	JSON_ROW, /* the first of them alone */
};

enum { JSON_PIECES_LEVELS_MAX = 8 }; /* of messages inside each other */

struct json_pieces {
	struct json_out j;
	enum json_form form;
	bool is_begun;
	uint64_t rows; /* of rows: how many were begun */
	unsigned depth; /* 0: it is done */
	struct json_pieces_level {
		const ProtobufCMessageDescriptor *type;
		const uint8_t *at, *end;
		struct scan_field next; /* what stands before `at`, and no field has taken yet */
		bool has_next;
		unsigned field; /* the one that is next, by its index */
		bool in_list; /* of that field */
	} levels[JSON_PIECES_LEVELS_MAX];
};

/* The bytes must stay as they are until the last piece. */
void json_pieces_init(struct json_pieces *p, const ProtobufCMessageDescriptor *type, struct view bytes,
		      enum json_form form);

/* Appends about `want` bytes, at least 1: no more than `want` and one value with its name. 1: there is more; 0: that
 * was the end, a line break with it; ERR_MALFORMED, with a part of the text appended; -ENOMEM. */
MUST_CHECK int json_pieces_next(struct json_pieces *p, size_t want, struct buf *out);

/* How many messages the first list of a message has, by its bytes: 0 also for bytes that are none. */
size_t json_count_rows(const ProtobufCMessageDescriptor *type, struct view bytes);

/* Likewise a field of text, by its name; empty where it is absent or the type has none. */
struct view json_find_text(const ProtobufCMessageDescriptor *type, struct view bytes, const char *name);

#endif
