/* routes.h - which request, or which page, a method and a path ask for.
 *
 * The table is routes.def. A path is cut at each '/' and each segment decoded by itself, so a name may have any
 * character: '/' is written %2F. What the path and the query string say becomes fields of the request's message, as
 * protobuf bytes; those of a body may follow them. Pure. */
#ifndef CANDOR_HTTP_ROUTES_H
#define CANDOR_HTTP_ROUTES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/message.h"

enum route_method { ROUTE_GET, ROUTE_POST, ROUTE_PATCH, ROUTE_DELETE, ROUTE_METHODS };

enum route_page {
	ROUTE_NO_PAGE, /* a request of the protocol */
#define CANDOR_PAGE(PAGE, name, METHOD, path, TAKES, summary) ROUTE_##PAGE,
#include "daemon/http/routes.def"
};

/* Where those fields come from that the path does not give. */
enum route_source {
	ROUTE_FROM_NOTHING, /* there are none: neither query nor body */
	ROUTE_FROM_QUERY, /* no body */
	ROUTE_FROM_JSON, /* a body that is one JSON object; no query */
	ROUTE_FROM_ROWS, /* the same, or NDJSON: the rows of `rows` */
};

enum route_answer {
	ROUTE_GIVES_ONE, /* a document */
	ROUTE_GIVES_LIST, /* the same; or, where NDJSON is asked for, the rows of its list */
	ROUTE_GIVES_STREAM, /* the same; or server-sent events, where they are asked for */
	ROUTE_GIVES_ROW, /* of the answer's list the only row; not found where it was rejected */
	ROUTE_GIVES_PAGE, /* whatever the page is */
};

struct route {
	const char *name; /* of a page, or of a further route of a kind; see routes_name() */
	enum route_method method;
	const char *path; /* with a field's name in braces where a segment is a name: "/v1/pools/{pool}" */
	enum candor_request_type kind; /* UNKNOWN for a page */
	enum route_page page;
	enum route_source from;
	const char *rows; /* FROM_ROWS: the list */
	const char *sets; /* a yes-or-no field that is yes; NULL: none */
	const char *flag; /* of a page: its only parameter, which has no value; NULL: it has none */
	enum route_answer gives;
	const char *summary; /* for people */
};

enum { ROUTE_NAMES_MAX = 3, ROUTE_FAULT_BYTES = 400, ROUTE_ALLOW_BYTES = 64 };

/* All of them, in the order of routes.def. */
const struct route *routes_all(size_t *n);

/* The name of the operation: that of the kind of request ("post_reports") or the route's own ("get_item"). */
const char *routes_name(const struct route *r);

/* "GET" and so on. */
const char *routes_method(const struct route *r);

/* Why a kind of request has no route; NULL: it has one. */
const char *routes_socket_only(enum candor_request_type kind);

/* What was found. Texts point into the path. */
struct route_match {
	const struct route *route;
	struct {
		const ProtobufCFieldDescriptor *field;
		const char *raw; /* with its escapes, which are good */
		size_t len;
	} names[ROUTE_NAMES_MAX];
	size_t n_names;
	bool is_head; /* HEAD: as GET, without the body of the answer */
	/* Of a fault: a sentence; and for 405 what the path takes ("GET, HEAD, POST"), else "". */
	char fault[ROUTE_FAULT_BYTES];
	char allow[ROUTE_ALLOW_BYTES];
};

/* method: in capitals. path: of the request's target, what stands before "?", with its escapes. 0, or the status that
 * says what is wrong: 400 (the path cannot be read), 404 (there is no such path) or 405. */
unsigned routes_find(const char *method, const char *path, struct route_match *out);

/* Appends the fields that the path and the query give, as protobuf bytes of the request's message; of a page nothing.
 * query: what stands behind "?", "" where nothing does. 0; -ENOMEM; ERR_MALFORMED: fault[] is a sentence on the query.
 * On errors *out is as it was. */
MUST_CHECK int routes_pack(struct route_match *m, const char *query, struct buf *out);

/* The names of the fields that a body may not have, for the route gives them: how many. */
size_t routes_given(const struct route *r, const char *names[ROUTE_NAMES_MAX + 1]);

#endif
