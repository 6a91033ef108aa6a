/* json_put.h - values as JSON has them, as fields of a protobuf message. For json_in.c. Pure; any thread.
 *
 * All append to `out` and return 0; ERR_MALFORMED, and `fault` is a sentence on what would be right; or -ENOMEM. */
#ifndef CANDOR_JSON_PUT_H
#define CANDOR_JSON_PUT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/wire/json_number.h"

enum {
	JSON_HEAD_MAX = 20, /* bytes of a field's number and a length */
	JSON_SENTENCE_BYTES = 512,
};

MUST_CHECK int json_put_number(struct buf *out, const ProtobufCFieldDescriptor *f, const struct json_number *n,
			       char fault[JSON_SENTENCE_BYTES]);
/* No number, in a field of type double. */
MUST_CHECK int json_put_nan(struct buf *out, const ProtobufCFieldDescriptor *f);
MUST_CHECK int json_put_bool(struct buf *out, const ProtobufCFieldDescriptor *f, bool yes);

/* What a string says, in a field of strings, bytes or an enum. `text` may be in the memory that is reserved behind what
 * `out` has, from JSON_HEAD_MAX bytes on; it is overwritten. */
MUST_CHECK int json_put_text(struct buf *out, const ProtobufCFieldDescriptor *f, uint8_t *text, size_t len,
			     char fault[JSON_SENTENCE_BYTES]);

/* A field that is a message or a packed list: *start is where it begins. Then what it consists of, and its end. */
MUST_CHECK int json_put_begin(struct buf *out, const ProtobufCFieldDescriptor *f, size_t *start);
MUST_CHECK int json_put_end(struct buf *out, size_t start);

/* Whether all elements stand in one field. */
bool json_put_is_packed(const ProtobufCFieldDescriptor *f);

/* Whether a text that is wrong is fit to be shown: it is short, and a terminal can bear it. */
bool json_put_is_shown(const char *text, size_t len);

#endif
