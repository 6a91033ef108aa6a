/* json_lines.h - a text that arrives in pieces of any size and has an object in each line (NDJSON), as rows of a
 * message's list in protobuf bytes.
 *
 * A line with a fault is one without a row, and costs no other. Lines with nothing but blanks are none. Pure; any
 * thread. LC_NUMERIC must be "C". */
#ifndef CANDOR_JSON_LINES_H
#define CANDOR_JSON_LINES_H

#include "lib/wire/json_in.h"

struct json_lines {
	struct json_in in; /* in.fault: of a line */
	uint64_t line; /* the number of the line that was read last, from 1; blank ones count */
	size_t start; /* where its row begins in the buffer */
	bool in_line; /* its end has not arrived yet, */
	bool is_skipping; /* and what has was wrong */
};

/* Rows of the first list of messages that the type has are appended to *out, which has at most max_bytes. What stands
 * beside the list is the caller's to append. */
void json_lines_init(struct json_lines *l, const ProtobufCMessageDescriptor *type, size_t max_bytes, struct buf *out);
void json_lines_free(struct json_lines *l);

/* Reads on from *bytes, which then begins behind what was read.
 * 1: a row was appended. Before the next call the caller may take out all that *out has.
 * 0: all was read; perhaps a part of a row was appended, and the rest is in the bytes that follow.
 * ERR_MALFORMED, and l->in.fault is a sentence on line l->line; ERR_TOO_BIG: *out has no room for it. Nothing of the
 * line is in *out, and the next call goes on behind it. -ENOMEM: the end. */
MUST_CHECK int json_lines_next(struct json_lines *l, const uint8_t **bytes, size_t *len);

/* The text is over: 1 if there was a last line without a line break, 0 if there was none, or an error. */
MUST_CHECK int json_lines_end(struct json_lines *l);

#endif
