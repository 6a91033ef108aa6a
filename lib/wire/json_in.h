/* json_in.h - a JSON object that arrives in pieces of any size, as the protobuf bytes of one message: the one reader of
 * JSON for messages.
 *
 * Names and values are as in json.h. What has arrived is written at once; all that is kept beside it is a value that
 * has not arrived whole, of at most JSON_VALUE_MAX bytes. Fields are written in the order in which they were given, as
 * protobuf allows. Fields that are unknown or given twice are errors, and so are null, text with a NUL, and messages
 * inside each other more than JSON_LEVELS_MAX deep. A report or outcome without a value gets no number for one, which
 * whoever checks it will reject. However the text is cut, what comes out is the same.
 *
 * Not a check of what is said: that a pool has such a name, or a page such a limit, is wire.h's business. Pure; any
 * thread. LC_NUMERIC must be "C". */
#ifndef CANDOR_JSON_IN_H
#define CANDOR_JSON_IN_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/buf.h"

enum {
	JSON_VALUE_MAX = 64 * 1024, /* bytes of a string or a number, as it stands in the text */
	JSON_LEVELS_MAX = 32,
	JSON_FAULT_BYTES = 1024,
};

/* A message that is being read. */
struct json_level {
	const ProtobufCMessageDescriptor *type;
	const ProtobufCFieldDescriptor *field; /* the one being read */
	uint64_t given; /* a bit for each field that was */
	size_t start, list_start; /* where its bytes, and those of a packed list, begin in `out` */
	size_t list_head; /* and what is before these */
	size_t index; /* of the element, in a list */
	bool in_list;
};

struct json_in {
	struct buf *out; /* the caller's */
	size_t max_bytes;
	const ProtobufCMessageDescriptor *type;
	const ProtobufCFieldDescriptor *rows; /* the list that it is a row of; NULL: none */
	uint64_t refused; /* a bit for each field that the text may not have */
	struct json_level levels[JSON_LEVELS_MAX];
	unsigned depth, state, token; /* enumerations of json_in.c */
	const ProtobufCMessageDescriptor *needed_type; /* whose fields that must be there these are */
	uint64_t needed;
	bool is_escaped; /* in a string, behind a backslash */
	struct buf text; /* of a value that has not arrived whole, */
	uint64_t text_at, at; /* which began at this byte; and bytes that were read */
	int err;
	char fault[JSON_FAULT_BYTES]; /* a sentence that names the path and what would be right, after ERR_MALFORMED:
				       * "reports[3].value: must be a number, not a string" */
};

/* The message is appended to *out, which then has at most max_bytes. The type has at most 64 fields. */
void json_in_init(struct json_in *in, const ProtobufCMessageDescriptor *type, size_t max_bytes, struct buf *out);
void json_in_free(struct json_in *in);

/* A field that the text may not have, for a path gives it. The type has it. Before any text. */
void json_in_refuse(struct json_in *in, const char *name);

/* Whether a field of a message must be given, for it has no default. */
bool json_in_needs(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f);

/* What the heap holds for it beside `in` itself and `out`. */
size_t json_in_bytes(const struct json_in *in);

/* All return 0; ERR_MALFORMED, and in->fault says why; ERR_TOO_BIG: the message is longer than max_bytes; or -ENOMEM.
 * After an error `in` is only good for json_in_free() (but see rows), and what `out` has got is of no use. */

/* What comes next of the text; and that this was all. */
MUST_CHECK int json_in_push(struct json_in *in, const void *bytes, size_t len);
MUST_CHECK int json_in_end(struct json_in *in);

/* All of it at once. */
MUST_CHECK int json_in_whole(struct json_in *in, const void *bytes, size_t len);

/* ---- rows ---- */

/* Instead of json_in_init(): the object is a row of a list of messages, and *out what has the list. */
void json_in_init_row(struct json_in *in, const ProtobufCFieldDescriptor *list, size_t max_bytes, struct buf *out);

/* After json_in_end() or an error: what follows is one more. */
void json_in_next_row(struct json_in *in);

/* Whether something other than blanks has arrived since. */
bool json_in_is_begun(const struct json_in *in);

#endif
