/* json.h - messages as JSON, by their protobuf descriptors: what is added to the proto needs nothing here. json_in.h is
 * the way back, and json_pieces.h the same text from bytes.
 *
 * Names are those of the proto. Integers are numbers, 64-bit ones too, with all their digits. Enum values are words in
 * lower case, without the prefix that stands before UNSPECIFIED in their enum, and with "-" for "_" (RIGHT_READ_OPEN:
 * "read-open"); a value that the enum does not have is a number. Bytes are hexadecimal, in lower case. A real number
 * that JSON cannot express is null. A field that can be absent (optional, in a oneof, a message) is left out where it
 * is; all others are there whatever their value, lists as [] where they are empty.
 *
 * Writing appends to a buffer. Pure; any thread. LC_NUMERIC must be "C". */
#ifndef CANDOR_JSON_H
#define CANDOR_JSON_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/message.h"

/* ---- writing ---- */

/* All zero but `out`: a value to be written, on one line and without blanks. Calls come in the order of the text;
 * commas are put in. */
struct json_out {
	struct buf *out;
	unsigned depth;
	bool follows; /* a value stands before, in the same object or array */
	bool after_key;
	int err; /* -ENOMEM, and then nothing more was written: to be looked at once, at the end */
};

void json_out_open(struct json_out *j, char bracket); /* '{' or '[' */
void json_out_close(struct json_out *j, char bracket); /* '}' or ']' */
void json_out_key(struct json_out *j, const char *key); /* a word that needs no escapes */
void json_out_text(struct json_out *j, const char *text); /* what is not UTF-8 in it becomes U+FFFD */
void json_out_string(struct json_out *j, const char *text, size_t len); /* up to a NUL, if there is one */
void json_out_count(struct json_out *j, uint64_t n);
void json_out_signed(struct json_out *j, int64_t n);
void json_out_real(struct json_out *j, double x); /* 17 significant digits: it reads back as the same number */
void json_out_bool(struct json_out *j, bool yes);
void json_out_null(struct json_out *j);
void json_out_bytes(struct json_out *j, const uint8_t *data, size_t len); /* in hexadecimal */
void json_out_enum(struct json_out *j, const ProtobufCEnumDescriptor *type, int value);

/* An object; or only its members, into the object that is open. */
void json_out_message(struct json_out *j, const ProtobufCMessage *message);
void json_out_members(struct json_out *j, const ProtobufCMessage *message);

/* ---- answers ---- */

/* The body of an answer, which is no refusal, as a message that lives in the arena. 0, ERR_BUDGET or -ENOMEM;
 * ERR_MALFORMED where it has none. */
MUST_CHECK int json_body(const struct candor_response *r, struct arena *a, const ProtobufCMessage **out);

/* The word for a code, and a pool's settings. */
void json_out_code(struct json_out *j, enum candor_code code);
void json_out_settings(struct json_out *j, const struct candor_settings *s);

/* The message in a field; NULL where it is absent. */
const ProtobufCMessage *json_part(const ProtobufCMessage *message, const char *name);

/* The messages of its first list, which of an answer are its rows: how many. */
size_t json_rows(const ProtobufCMessage *message, const ProtobufCMessage *const **rows);

/* ---- for both ---- */

/* The messages of a kind of request, and of an answer; NULL for one that is none. */
const ProtobufCMessageDescriptor *json_request_type(enum candor_request_type type);
const ProtobufCMessageDescriptor *json_answer_type(enum candor_response_type type);

/* Longer than any word. */
enum { JSON_WORD_MAX = 64 };

/* The word for an enum's value: "" for one that it does not have. */
void json_word(const ProtobufCEnumDescriptor *type, int value, char out[JSON_WORD_MAX]);

/* Of one value of a repeated field, in memory. */
size_t json_size_of(ProtobufCType type);

#endif
