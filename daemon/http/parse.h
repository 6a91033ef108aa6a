/* parse.h - cuts the bytes of an HTTP/1 connection into requests: a head, the bytes of a body, the end.
 *
 * llhttp does the grammar, and is included nowhere else. What it lets pass and a proxy might read otherwise is
 * refused here: bare CR or LF, folded lines, control characters, two lengths, a coding other than chunked, extensions
 * and trailers of chunks, targets that are no path, a Host that is missing or given twice. After a fault nothing more
 * can be read from the connection. At rest, between two requests, it holds no memory beside itself.
 *
 * Pure: no I/O, no clock. */
#ifndef CANDOR_HTTP_PARSE_H
#define CANDOR_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

enum {
	PARSE_LINE_MAX = 8 * 1024, /* bytes of the request line */
	PARSE_HEADERS_MAX = 16 * 1024, /* of all header lines together */
	PARSE_FIELDS_MAX = 64,
};

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER, /* a word that no route has */
	METHOD_COUNT,
};

/* "GET"; "" for OTHER. */
const char *method_name(enum method m);

/* The header fields that candord reads. */
enum field {
	FIELD_ACCEPT,
	FIELD_ACCEPT_ENCODING,
	FIELD_AUTHORIZATION,
	FIELD_CONNECTION,
	FIELD_CONTENT_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_TYPE,
	FIELD_COOKIE,
	FIELD_EXPECT,
	FIELD_HOST,
	FIELD_LAST_EVENT_ID,
	FIELD_ORIGIN,
	FIELD_SEC_FETCH_SITE,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_USER_AGENT,
	FIELD_COUNT,
};

/* What a request says before its body. Texts are NUL-terminated, as they were sent, and live until parse_reset(). */
struct head {
	enum method method;
	unsigned minor; /* HTTP/1.minor: 0 or 1 */
	const char *path; /* with its escapes; begins with "/" */
	const char *query; /* what follows "?"; "" where nothing does */
	const char
		*fields[FIELD_COUNT]; /* without blanks around; lists that were given in several lines are joined with
					    ", "; NULL: absent */
	bool keeps_alive; /* another request may follow */
	bool has_body; /* its length is not 0 */
	bool is_chunked;
	uint64_t content_length; /* 0 where it is chunked */
	bool expects_continue; /* the client waits for a word before it sends the body */
};

struct parse;

enum parse_event {
	PARSE_MORE, /* all bytes are taken, and more are needed */
	PARSE_HEAD, /* the head is complete: parse_head() */
	PARSE_BODY, /* some of the body */
	PARSE_END, /* the request is complete; parse_reset() begins the next */
	PARSE_FAULT, /* parse_fault() says what is wrong */
};

/* 0 or -ENOMEM. */
MUST_CHECK int parse_new(struct parse **out);
void parse_free(struct parse *p); /* NULL is allowed */

/* Takes bytes up to the next event: *used of them. For PARSE_BODY *piece and *piece_len are some of the bytes. */
enum parse_event parse_next(struct parse *p, const void *bytes, size_t len, size_t *used, const uint8_t **piece,
			    size_t *piece_len);

const struct head *parse_head(const struct parse *p);

/* What is wrong: the status of the answer (400, 413, 414, 431, 501 or 505; 503 where there is no memory), and a
 * sentence. Static. */
unsigned parse_fault(const struct parse *p, const char **sentence);

/* Some of a request has come, and the rest has not. */
bool parse_has_begun(const struct parse *p);

/* Nothing has come, not even an empty line: it is as a new one. */
bool parse_is_new(const struct parse *p);

/* Behind a piece of the body: parse_next() may have something to say without further bytes. */
bool parse_goes_on(const struct parse *p);

/* After PARSE_END. */
void parse_reset(struct parse *p);

/* Memory, itself included. */
size_t parse_bytes(const struct parse *p);

#endif
