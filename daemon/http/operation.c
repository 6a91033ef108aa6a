#include "daemon/http/operation.h"

#include <stdio.h>
#include <string.h>

#include "daemon/http/comments.h"
#include "daemon/http/query.h"
#include "daemon/http/schema.h"
#include "lib/wire/wire.h"

/* ---- statuses ---- */

static const struct operation_problem problems[] = {
	{400, "Invalid", "The request is wrong; repeating it cannot help.", NULL},
	{401, "Unauthenticated", "Authentication is required, or the token is unknown, revoked or expired.",
	 "WWW-Authenticate"},
	{403, "Denied", "Known, but not allowed.", NULL},
	{404, "NotFound", "There is no such pool, item or labeler.", NULL},
	{409, "Conflict", "What there is forbids it: the state of the item or pool, or a name that is taken.", NULL},
	{413, "TooLarge", "The request is longer, or has more rows, than the daemon takes at once.", NULL},
	{415, "UnsupportedType", "The Content-Type is none that this request takes.", NULL},
	{429, "Limited", "A limit is reached; the request may pass later.", "Retry-After"},
	{503, "Unavailable", "Nothing was changed; the same request may pass later.", "Retry-After"},
};
enum { PROBLEMS = sizeof problems / sizeof *problems };

const struct operation_problem *operation_problems(size_t *n)
{
	*n = PROBLEMS;
	return problems;
}

bool operation_has_body(const struct route *r)
{
	return r->from == ROUTE_FROM_JSON || r->from == ROUTE_FROM_ROWS;
}

static bool may_answer(const struct route *r, unsigned status)
{
	switch (status) {
	case 404: return strchr(r->path, '{') != NULL;
	case 409: return r->method != ROUTE_GET && r->kind != CANDOR_REQ_UNKNOWN;
	case 413:
	case 415: return operation_has_body(r);
	case 401:
	case 403:
	case 429: return r->kind != CANDOR_REQ_UNKNOWN || r->page == ROUTE_METRICS || r->page == ROUTE_SESSION_BEGIN;
	case 400:
	case 503: return true;
	}
	return false;
}

static void put_ref(struct json_out *j, const char *where, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "#/components/%s/%s", where, name);
	json_out_open(j, '{');
	schema_text(j, "$ref", path);
	json_out_close(j, '}');
}

void operation_content(struct json_out *j, const char *type, const char *schema, const char *description)
{
	schema_open(j, type, '{');
	json_out_key(j, "schema");
	if (schema) {
		schema_ref(j, schema);
	} else {
		json_out_open(j, '{');
		schema_text(j, "type", "string");
		schema_text(j, "description", description);
		json_out_close(j, '}');
	}
	json_out_close(j, '}');
}

/* ---- parameters ---- */

static void put_path_parameter(struct json_out *j, const struct route *r, const char *name, size_t len)
{
	char text[64];
	snprintf(text, sizeof text, "%.*s", (int)len, name);
	json_out_open(j, '{');
	schema_text(j, "name", text);
	schema_text(j, "in", "path");
	json_out_key(j, "required");
	json_out_bool(j, true);
	schema_text(j, "description", "A name; each \"/\" in it is written %2F.");
	schema_open(j, "schema", '{');
	schema_text(j, "type", "string");
	json_out_key(j, "minLength");
	json_out_count(j, 1);
	json_out_key(j, "maxLength");
	json_out_count(j, r->kind == CANDOR_REQ_REVOKE_TOKEN ? CANDOR_TOKEN_NAME_MAX : CANDOR_NAME_MAX);
	json_out_close(j, '}');
	json_out_close(j, '}');
}

static void put_query_parameter(struct json_out *j, const ProtobufCMessageDescriptor *type,
				const ProtobufCFieldDescriptor *f)
{
	json_out_open(j, '{');
	schema_text(j, "name", f->name);
	schema_text(j, "in", "query");
	schema_text(j, "description", comment_of(type->short_name, f->name));
	schema_open(j, "schema", '{');
	schema_of_field(j, type, f);
	json_out_close(j, '}');
	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		schema_text(j, "style", "form");
		json_out_key(j, "explode");
		json_out_bool(j, false);
	}
	json_out_close(j, '}');
}

static bool is_given(const struct route *r, const char *field)
{
	const char *given[ROUTE_NAMES_MAX + 1];
	size_t n = routes_given(r, given);
	for (size_t i = 0; i < n; i++)
		if (strcmp(given[i], field) == 0)
			return true;
	return false;
}

static void put_flag(struct json_out *j, const char *name)
{
	json_out_open(j, '{');
	schema_text(j, "name", name);
	schema_text(j, "in", "query");
	json_out_key(j, "allowEmptyValue");
	json_out_bool(j, true);
	schema_open(j, "schema", '{');
	schema_text(j, "type", "boolean");
	json_out_key(j, "enum");
	json_out_open(j, '[');
	json_out_bool(j, true);
	json_out_close(j, ']');
	json_out_close(j, '}');
	json_out_close(j, '}');
}

static void put_last_event_id(struct json_out *j)
{
	json_out_open(j, '{');
	schema_text(j, "name", "Last-Event-ID");
	schema_text(j, "in", "header");
	schema_text(j, "description", "Of server-sent events: the cursor to continue from, instead of `cursor`.");
	schema_open(j, "schema", '{');
	schema_text(j, "type", "string");
	json_out_close(j, '}');
	json_out_close(j, '}');
}

static void put_parameters(struct json_out *j, const struct route *r)
{
	const ProtobufCMessageDescriptor *type = json_request_type(r->kind);
	schema_open(j, "parameters", '[');
	for (const char *at = r->path; (at = strchr(at, '{')); at++)
		put_path_parameter(j, r, at + 1, strcspn(at + 1, "}"));
	for (unsigned i = 0; type && r->from == ROUTE_FROM_QUERY && i < type->n_fields; i++)
		if (query_can_give(&type->fields[i]) && !is_given(r, type->fields[i].name))
			put_query_parameter(j, type, &type->fields[i]);
	if (r->flag)
		put_flag(j, r->flag);
	if (r->gives == ROUTE_GIVES_STREAM)
		put_last_event_id(j);
	json_out_close(j, ']');
}

/* ---- bodies ---- */

/* The message that a list of messages has as rows. */
static const ProtobufCMessageDescriptor *row_of(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    type->fields[i].label == PROTOBUF_C_LABEL_REPEATED)
			return type->fields[i].descriptor;
	return NULL;
}

static void put_request_body(struct json_out *j, const struct route *r)
{
	const ProtobufCMessageDescriptor *type = json_request_type(r->kind);
	char text[200];
	schema_open(j, "requestBody", '{');
	json_out_key(j, "required");
	json_out_bool(j, true);
	schema_open(j, "content", '{');
	operation_content(j, "application/json", type ? type->short_name : "SessionToken", NULL);
	if (r->from == ROUTE_FROM_ROWS) {
		const ProtobufCMessageDescriptor *row =
			protobuf_c_message_descriptor_get_field_by_name(type, r->rows)->descriptor;
		snprintf(text, sizeof text, "Any number of lines, each an object of the schema %s.", row->short_name);
		operation_content(j, "application/x-ndjson", NULL, text);
	}
	json_out_close(j, '}');
	json_out_close(j, '}');
}

const ProtobufCMessageDescriptor *operation_answer(const struct route *r)
{
	return json_answer_type(wire_answer_of(r->kind));
}

static void put_answer(struct json_out *j, const struct route *r)
{
	const ProtobufCMessageDescriptor *type = operation_answer(r), *row = row_of(type);
	char text[200];
	schema_open(j, "content", '{');
	operation_content(j, "application/json", r->gives == ROUTE_GIVES_ROW ? row->short_name : type->short_name,
			  NULL);
	if (r->gives == ROUTE_GIVES_LIST || r->gives == ROUTE_GIVES_STREAM) {
		snprintf(text, sizeof text,
			 "The rows alone, one a line, each an object of the schema %s. The header Candor-Next has the "
			 "cursor of the next page.",
			 row->short_name);
		operation_content(j, "application/x-ndjson", NULL, text);
	}
	if (r->gives == ROUTE_GIVES_STREAM) {
		snprintf(text, sizeof text,
			 "Server-sent events without end: `id` is a cursor, `data` an object of the schema %s.",
			 row->short_name);
		operation_content(j, "text/event-stream", NULL, text);
	}
	json_out_close(j, '}');
}

static void put_page(struct json_out *j, const struct route *r)
{
	switch (r->page) {
	case ROUTE_OPENAPI:
		schema_open(j, "content", '{');
		schema_open(j, "application/json", '{');
		schema_open(j, "schema", '{');
		schema_text(j, "type", "object");
		json_out_close(j, '}');
		json_out_close(j, '}');
		json_out_close(j, '}');
		break;
	case ROUTE_METRICS:
	case ROUTE_LIVEZ:
	case ROUTE_READYZ:
		schema_open(j, "content", '{');
		operation_content(j, "text/plain", NULL, NULL);
		json_out_close(j, '}');
		break;
	case ROUTE_SESSION_BEGIN:
	case ROUTE_SESSION_END: break;
	case ROUTE_NO_PAGE: put_answer(j, r); break;
	}
}

/* 204 where there is nothing to be said. */
static const char *good_status(const struct route *r)
{
	return r->page == ROUTE_SESSION_BEGIN || r->page == ROUTE_SESSION_END ? "204" : "200";
}

static void put_responses(struct json_out *j, const struct route *r)
{
	char status[8];
	schema_open(j, "responses", '{');
	schema_open(j, good_status(r), '{');
	schema_text(j, "description", "OK");
	put_page(j, r);
	json_out_close(j, '}');
	for (size_t i = 0; i < PROBLEMS; i++) {
		if (!may_answer(r, problems[i].status))
			continue;
		snprintf(status, sizeof status, "%u", problems[i].status);
		json_out_key(j, status);
		put_ref(j, "responses", problems[i].name);
	}
	json_out_key(j, "default");
	put_ref(j, "responses", "Problem");
	json_out_close(j, '}');
}

/* ---- operations ---- */

static void put_description(struct json_out *j, const struct route *r)
{
	const ProtobufCMessageDescriptor *type = json_request_type(r->kind);
	const char *of_field = type ? comment_of("Request", candor_request_name(r->kind)) : NULL;
	const char *of_message = type ? comment_of(type->short_name, "") : NULL;
	char text[1024];
	if (!of_field && !of_message)
		return;
	snprintf(text, sizeof text, "%s%s%s", of_message ? of_message : "", of_message && of_field ? " Here: " : "",
		 of_field ? of_field : "");
	schema_text(j, "description", text);
}

static bool needs_nobody(const struct route *r)
{
	return r->page != ROUTE_NO_PAGE && r->page != ROUTE_METRICS;
}

void operation_put(struct json_out *j, const struct route *r, const char *tag)
{
	static const char *const keys[ROUTE_METHODS] = {
		[ROUTE_GET] = "get", [ROUTE_POST] = "post", [ROUTE_PATCH] = "patch", [ROUTE_DELETE] = "delete"};
	schema_open(j, keys[r->method], '{');
	schema_text(j, "operationId", routes_name(r));
	schema_text(j, "summary", r->summary);
	put_description(j, r);
	schema_open(j, "tags", '[');
	json_out_text(j, tag);
	json_out_close(j, ']');
	if (needs_nobody(r)) {
		schema_open(j, "security", '[');
		json_out_close(j, ']');
	}
	put_parameters(j, r);
	if (operation_has_body(r))
		put_request_body(j, r);
	put_responses(j, r);
	json_out_close(j, '}');
}
