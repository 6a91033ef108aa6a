/* wire.h - requests and responses as protobuf bytes, and all checking of what a peer may say.
 *
 * The only file beside the generated code that knows protobuf. Decoding never takes more memory than the arena's
 * budget; what it returns lives in the arena. Pure; any thread, one arena at a time. */
#ifndef CANDOR_WIRE_H
#define CANDOR_WIRE_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/message.h"

/* What a decoded request came to. */
struct wire_request {
	struct candor_request request;
	const char *fault; /* a sentence on what is wrong with the whole request; NULL: nothing */
	char *secret; /* request.token, where it is not empty: to be overwritten once nobody needs it */
	const char *const *row_fault; /* [request.n] likewise for each row, NULL where it is good; NULL: all are */
};

/* 0: *out is filled; request.id is valid and, where fault is NULL, so is everything else but the rows with a fault.
 * ERR_MALFORMED: no Request. ERR_BUDGET: the arena was too small (request.id is set where it could be read).
 * -ENOMEM. */
MUST_CHECK int wire_decode_request(struct arena *a, const uint8_t *data, size_t len, struct wire_request *out);

/* The id of a request that is not to be unpacked, where it stands first, as encoders put it; else 0. *may_be_hello:
 * what follows it is one, or is not known. */
uint64_t wire_peek_id(const uint8_t *data, size_t len, bool *may_be_hello);

/* 0, ERR_MALFORMED (also for text that is not UTF-8 and for an unknown item state), ERR_BUDGET or -ENOMEM. Codes that
 * this version does not know are passed on. */
MUST_CHECK int wire_decode_response(struct arena *a, const uint8_t *data, size_t len, struct candor_response *out);

/* Appends the message with its length before it. scratch is used meanwhile. 0, ERR_TOO_BIG (longer than max_bytes),
 * ERR_BUDGET or -ENOMEM, and then nothing was appended. */
MUST_CHECK int wire_encode_request(const struct candor_request *r, struct arena *scratch, size_t max_bytes,
				   struct buf *out);
MUST_CHECK int wire_encode_response(const struct candor_response *r, struct arena *scratch, size_t max_bytes,
				    struct buf *out);

/* How many bytes a row takes in the list of an answer, at most; an item without its reports, and with what it would be
 * now, or without. And what an answer takes
 * beside its rows, where it has no other text. */
size_t wire_rejected_bytes(const struct candor_rejected *r);
size_t wire_item_bytes(const char *item, bool with_now);
size_t wire_item_report_bytes(const char *labeler);
enum { WIRE_ANSWER_BYTES = 64 };

/* How many rows of a page fit into a message of so many bytes, with a cursor: all of them, or from the first one on as
 * many as there is room for, one at least. ERR_BUDGET or -ENOMEM. */
MUST_CHECK int wire_fit_page(const struct candor_response *r, size_t max_bytes, size_t *rows);

/* What answers a request where it is not refused; CANDOR_RES_NONE for a type that is none. */
enum candor_response_type wire_answer_of(enum candor_request_type type);

/* "post_reports" and the like, as in candor.proto; "unknown" for a type that is none. Static. */
const char *candor_request_name(enum candor_request_type type);

/* "INVALID_ARGUMENT" and the like; "code N" is never needed: unknown codes read as "UNKNOWN". Exported by
 * libcandor. */
__attribute__((visibility("default"))) const char *candor_code_name(enum candor_code code);

#endif
