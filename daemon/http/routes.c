#include "daemon/http/routes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/http/percent.h"
#include "daemon/http/query.h"
#include "lib/wire/json.h"
#include "lib/wire/put.h"
#include "lib/wire/wire.h"

/* ---- the table ---- */

#define ROUTE_QUERY ROUTE_FROM_QUERY, NULL
#define ROUTE_JSON ROUTE_FROM_JSON, NULL
#define ROUTE_ROWS(field) ROUTE_FROM_ROWS, #field
#define ROUTE_ONE ROUTE_GIVES_ONE
#define ROUTE_LIST ROUTE_GIVES_LIST
#define ROUTE_STREAM ROUTE_GIVES_STREAM
#define ROUTE_ROW ROUTE_GIVES_ROW
#define ROUTE_SETS(field) #field
#define ROUTE_SETS_NOTHING NULL
#define ROUTE_NOTHING ROUTE_FROM_NOTHING, NULL
#define ROUTE_FLAG(name) ROUTE_FROM_NOTHING, #name
#define ROUTE_TOKEN ROUTE_FROM_JSON, NULL

/* TAKES comes as two: from where, and which list or flag. */
#define FIELDS(METHOD, PATH, KIND, PAGE) \
	.method = ROUTE_##METHOD, .path = PATH, .kind = CANDOR_REQ_##KIND, .page = ROUTE_##PAGE
#define REQUEST_ROW(...) REQUEST_ROW_(__VA_ARGS__)
#define PAGE_ROW(...) PAGE_ROW_(__VA_ARGS__)
/* clang-format off */
#define REQUEST_ROW_(METHOD, PATH, KIND, FROM, ROWS, GIVES, SUMMARY) \
	{FIELDS(METHOD, PATH, KIND, NO_PAGE), .from = FROM, .rows = ROWS, .gives = GIVES, .summary = SUMMARY},
#define PAGE_ROW_(NAME, METHOD, PATH, PAGE, FROM, FLAG, SUMMARY) \
	{FIELDS(METHOD, PATH, UNKNOWN, PAGE), .name = NAME, .from = FROM, .flag = FLAG, \
	 .gives = ROUTE_GIVES_PAGE, .summary = SUMMARY},

static const struct route table[] = {
#define CANDOR_ROUTE(KIND, METHOD, path, TAKES, GIVES, summary) REQUEST_ROW(METHOD, path, KIND, TAKES, GIVES, summary)
#define CANDOR_ROUTE_ALSO(KIND, NAME, PATH, SETS, GIVES, SUMMARY) \
	{FIELDS(GET, PATH, KIND, NO_PAGE), .name = #NAME, .from = ROUTE_FROM_QUERY, .sets = SETS, .gives = GIVES, \
	 .summary = SUMMARY},
#define CANDOR_PAGE(PAGE, name, METHOD, path, TAKES, summary) PAGE_ROW(#name, METHOD, path, PAGE, TAKES, summary)
#include "daemon/http/routes.def"
};
/* clang-format on */
enum {
	TABLE = sizeof table / sizeof *table,
	SEGMENTS_MAX = 8, /* that one of them has, or fewer */
};

const struct route *routes_all(size_t *n)
{
	*n = TABLE;
	return table;
}

const char *routes_name(const struct route *r)
{
	return r->name ? r->name : candor_request_name(r->kind);
}

/* A kind that is forgotten does not compile, nor does one with two of these rows. */
const char *routes_socket_only(enum candor_request_type kind)
{
	switch (kind) {
/* clang-format off */
#define CANDOR_ROUTE(KIND, METHOD, path, TAKES, GIVES, summary) case CANDOR_REQ_##KIND: return NULL;
#define CANDOR_SOCKET_ONLY(KIND, reason) case CANDOR_REQ_##KIND: return reason;
#include "daemon/http/routes.def"
		/* clang-format on */
	case CANDOR_REQ_UNKNOWN: break;
	}
	return "there is no such kind of request";
}

static const char *method_text(enum route_method m)
{
	switch (m) {
	case ROUTE_GET: return "GET";
	case ROUTE_POST: return "POST";
	case ROUTE_PATCH: return "PATCH";
	case ROUTE_DELETE: return "DELETE";
	case ROUTE_METHODS: break;
	}
	return "";
}

const char *routes_method(const struct route *r)
{
	return method_text(r->method);
}

/* METHODS: none that a route has. */
static enum route_method method_of(const char *text)
{
	enum route_method m = ROUTE_GET;
	while (m < ROUTE_METHODS && strcmp(method_text(m), text) != 0)
		m++;
	return m;
}

/* ---- segments ---- */

struct segment {
	const char *text;
	size_t len;
};

/* The one that is next, from behind its '/'; *at goes to the next '/' or the end. False: there is none. */
static bool next_segment(const char **at, struct segment *s)
{
	if (**at != '/')
		return false;
	s->text = ++*at;
	*at = strchrnul(s->text, '/');
	s->len = (size_t)(*at - s->text);
	return true;
}

static bool is_name(struct segment pattern)
{
	return pattern.len > 0 && pattern.text[0] == '{';
}

static bool is_field(const ProtobufCFieldDescriptor *f, const char *name, size_t len)
{
	size_t plural = f->label == PROTOBUF_C_LABEL_REPEATED ? 1 : 0;
	return strlen(f->name) == len + plural && memcmp(f->name, name, len) == 0 && (!plural || f->name[len] == 's');
}

/* The field that a name in a path is. */
static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *type, struct segment name)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (is_field(&type->fields[i], name.text + 1, name.len - 2))
			return &type->fields[i];
	require(!"a name in a path is a field");
	return NULL;
}

static bool is_text(struct segment have, struct segment want)
{
	if (have.len == want.len)
		return memcmp(have.text, want.text, want.len) == 0;
	return have.len > want.len && percent_is(have.text, have.len, PERCENT_PLUS, want.text, want.len);
}

/* A path, cut: how many segments it has, and the first ones. */
struct path {
	struct segment segments[SEGMENTS_MAX];
	size_t n;
};

/* Whether the path is one of the route's. */
static bool fits(const struct route *r, const struct path *path)
{
	const char *pattern = r->path;
	struct segment want;
	size_t n = 0;
	for (; next_segment(&pattern, &want); n++)
		if (n == path->n || n == SEGMENTS_MAX || (!is_name(want) && !is_text(path->segments[n], want)))
			return false;
	return n == path->n;
}

/* ---- faults ---- */

static unsigned PRINTF_LIKE(3, 4) fail(struct route_match *m, unsigned status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(m->fault, sizeof m->fault, format, args);
	va_end(args);
	m->route = NULL;
	m->n_names = 0;
	return status;
}

static bool is_dots(struct segment s)
{
	return s.len > 0 && s.len <= 2 && strspn(s.text, ".") >= s.len;
}

/* 0, or the status of a path that no route can have. */
static unsigned cut_path(const char *text, struct path *path, struct route_match *m)
{
	struct segment s;
	bool has_empty = false, ends_empty = false;
	path->n = 0;
	if (*text != '/')
		return fail(m, 400, "the path does not begin with \"/\"");
	const char *wrong = percent_fault(text, strlen(text), PERCENT_PLUS);
	if (wrong)
		return fail(m, 400, "a segment of the path %s", wrong);
	for (const char *at = text; next_segment(&at, &s);) {
		if (is_dots(s))
			return fail(m, 400,
				    "the path has a segment \"%.*s\", which is not resolved; a name that is "
				    "so is written %s",
				    (int)s.len, s.text, s.len == 1 ? "%2E" : "%2E%2E");
		has_empty = has_empty || ends_empty;
		ends_empty = s.len == 0;
		if (path->n < SEGMENTS_MAX)
			path->segments[path->n] = s;
		path->n++;
	}
	if (has_empty)
		return fail(m, 404,
			    "there is no such path: it has an empty segment; a name has at least one byte, and "
			    "a \"/\" in it is written %%2F");
	if (ends_empty && text[1] != '\0')
		return fail(m, 404, "there is no such path: it ends with \"/\"; leave that out");
	return 0;
}

/* The names in a path that is one of the route's. */
static void take_names(const struct path *path, struct route_match *m)
{
	const ProtobufCMessageDescriptor *type = json_request_type(m->route->kind);
	const char *pattern = m->route->path;
	struct segment want;
	for (size_t i = 0; next_segment(&pattern, &want); i++) {
		if (!is_name(want))
			continue;
		require(type && m->n_names < ROUTE_NAMES_MAX);
		m->names[m->n_names].field = field_of(type, want);
		m->names[m->n_names].raw = path->segments[i].text;
		m->names[m->n_names++].len = path->segments[i].len;
	}
}

static void add_allowed(struct route_match *m, const char *method)
{
	size_t len = strlen(m->allow);
	snprintf(m->allow + len, sizeof m->allow - len, "%s%s", len ? ", " : "", method);
}

/* Nothing has that path with the method that was asked for: says what has it with another one. */
static unsigned find_other(const struct path *path, struct route_match *m)
{
	for (size_t i = 0; i < TABLE; i++) {
		if (!fits(&table[i], path))
			continue;
		add_allowed(m, routes_method(&table[i]));
		if (table[i].method == ROUTE_GET)
			add_allowed(m, "HEAD");
	}
	if (m->allow[0])
		return fail(m, 405, "this path does not take the method; it takes %s", m->allow);
	return fail(m, 404,
		    "there is no such path; GET /v1/openapi.json lists those that there are, and a "
		    "\"/\" in a name is written %%2F");
}

/* ---- for the door ---- */

unsigned routes_find(const char *method, const char *text, struct route_match *out)
{
	const bool is_head = strcmp(method, "HEAD") == 0;
	const enum route_method wanted = is_head ? ROUTE_GET : method_of(method);
	struct path path;
	*out = (struct route_match){.is_head = is_head};
	unsigned status = cut_path(text, &path, out);
	for (size_t i = 0; !status && i < TABLE && !out->route; i++)
		if (table[i].method == wanted && fits(&table[i], &path))
			out->route = &table[i];
	if (out->route)
		take_names(&path, out);
	return status || out->route ? status : find_other(&path, out);
}

size_t routes_given(const struct route *r, const char *names[ROUTE_NAMES_MAX + 1])
{
	const ProtobufCMessageDescriptor *type = json_request_type(r->kind);
	size_t n = 0;
	struct segment s;
	for (const char *at = r->path; type && next_segment(&at, &s);)
		if (is_name(s))
			names[n++] = field_of(type, s)->name;
	if (r->sets)
		names[n++] = r->sets;
	return n;
}

static int pack_path(const struct route_match *m, const ProtobufCMessageDescriptor *type, struct buf *out)
{
	for (size_t i = 0; i < m->n_names; i++) {
		size_t len = percent_length(m->names[i].raw, m->names[i].len);
		uint8_t *at = put_bytes(out, m->names[i].field->id, len);
		if (!at)
			return -ENOMEM;
		percent_decode(m->names[i].raw, m->names[i].len, PERCENT_PLUS, (char *)at);
	}
	if (!m->route->sets)
		return 0;
	return put_number(out, protobuf_c_message_descriptor_get_field_by_name(type, m->route->sets)->id, 1);
}

int routes_pack(struct route_match *m, const char *query, struct buf *out)
{
	const struct route *r = m->route;
	const ProtobufCMessageDescriptor *type = json_request_type(r->kind);
	const char *given[ROUTE_NAMES_MAX + 1];
	const size_t before = out->len, len = strlen(query);
	bool is_given;
	int err = type ? pack_path(m, type, out) : 0;
	if (!err && len == 0)
		return 0;
	if (!err && type && r->from == ROUTE_FROM_QUERY)
		err = query_pack(query, len, type, given, routes_given(r, given), out, m->fault, sizeof m->fault);
	else if (!err && r->from == ROUTE_FROM_NOTHING)
		err = query_flag(query, len, r->flag, &is_given, m->fault, sizeof m->fault);
	else if (!err) {
		snprintf(m->fault, sizeof m->fault, "this takes no parameters in its URL; its fields are in its body");
		err = ERR_MALFORMED;
	}
	if (err)
		out->len = before;
	return err;
}
