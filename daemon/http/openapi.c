#include "daemon/http/openapi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/problem.h"
#include "daemon/http/operation.h"
#include "daemon/http/schema.h"
#include "lib/base/heap.h"
#include "lib/wire/wire.h"

struct openapi {
	struct body body;
	struct json_out json;
	struct schema_set sent, said; /* in requests; in answers and not in requests */
	size_t part; /* the next one */
};

/* ---- the parts of the document ---- */

static const struct {
	const char *name, *begin, *description;
} tags[] = {
	/* The first whose beginning fits. */
	{"labelers", "/v1/pools/{pool}/labelers", "Who reports, and what their reports weigh."},
	{"items", "/v1/pools/{pool}/", "Reports, outcomes, and the items that they are about."},
	{"pools", "/v1/pools", "Pools and their settings."},
	{"daemon", "/v1/info", "The daemon itself."},
	{"daemon", "/v1/openapi.json", NULL},
	{"rights", "/v1/", "Who may do what, and who changed what."},
	{"daemon", "/", NULL},
};

static const char *tag_of(const struct route *r)
{
	size_t i = 0;
	while (strncmp(r->path, tags[i].begin, strlen(tags[i].begin)) != 0)
		i++;
	return tags[i].name;
}

static void put_security(struct json_out *j, const char *scheme)
{
	json_out_open(j, '{');
	if (*scheme) {
		schema_open(j, scheme, '[');
		json_out_close(j, ']');
	}
	json_out_close(j, '}');
}

static void put_head(struct json_out *j)
{
	json_out_open(j, '{');
	schema_text(j, "openapi", "3.1.0");
	schema_open(j, "info", '{');
	schema_text(j, "title", "candor");
	schema_text(j, "version", CANDOR_VERSION);
	schema_text(j, "summary", "Weighs labelers by how well their reports predict outcomes.");
	schema_text(j, "description",
		    "Names are UTF-8, 1 to 255 bytes. Times are milliseconds since 1970. Probabilities, outcomes and "
		    "losses are from 0 to 1. Fields of a request that are unknown are errors; answers may get more "
		    "fields.");
	schema_open(j, "license", '{');
	schema_text(j, "name", "MIT");
	schema_text(j, "identifier", "MIT");
	json_out_close(j, '}');
	json_out_close(j, '}');
	schema_open(j, "servers", '[');
	json_out_open(j, '{');
	schema_text(j, "url", "/");
	json_out_close(j, '}');
	json_out_close(j, ']');
	schema_open(j, "security", '[');
	put_security(j, "token");
	put_security(j, "cookie");
	put_security(j, "certificate");
	put_security(j, ""); /* whatever is granted to anonymous, or to the peer of a Unix socket */
	json_out_close(j, ']');
	schema_open(j, "tags", '[');
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		if (!tags[i].description)
			continue;
		json_out_open(j, '{');
		schema_text(j, "name", tags[i].name);
		schema_text(j, "description", tags[i].description);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
	json_out_key(j, "paths");
	json_out_open(j, '{');
}

/* All methods of the path of this route, if it is the first of that path. */
static void put_path(struct json_out *j, const struct route *all, size_t n, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(all[i].path, all[at].path) == 0)
			return;
	schema_open(j, all[at].path, '{');
	for (size_t i = at; i < n; i++)
		if (strcmp(all[i].path, all[at].path) == 0)
			operation_put(j, &all[i], tag_of(&all[i]));
	json_out_close(j, '}');
}

static void put_problem_response(struct json_out *j, const char *name, const char *description, const char *header)
{
	schema_open(j, name, '{');
	schema_text(j, "description", description);
	if (header) {
		schema_open(j, "headers", '{');
		schema_open(j, header, '{');
		schema_open(j, "schema", '{');
		schema_text(j, "type", strcmp(header, "Retry-After") == 0 ? "integer" : "string");
		json_out_close(j, '}');
		json_out_close(j, '}');
		json_out_close(j, '}');
	}
	schema_open(j, "content", '{');
	operation_content(j, PROBLEM_TYPE, "Problem", NULL);
	json_out_close(j, '}');
	json_out_close(j, '}');
}

static void put_scheme(struct json_out *j, const char *name, const char *type, const char *scheme,
		       const char *description)
{
	schema_open(j, name, '{');
	schema_text(j, "type", type);
	schema_text(j, "scheme", scheme);
	if (strcmp(type, "apiKey") == 0) {
		schema_text(j, "in", "cookie");
		schema_text(j, "name", "candor_session");
	}
	schema_text(j, "description", description);
	json_out_close(j, '}');
}

static void put_components(struct json_out *j)
{
	json_out_close(j, '}'); /* paths */
	schema_open(j, "components", '{');
	schema_open(j, "securitySchemes", '{');
	put_scheme(j, "token", "http", "bearer", "A token of candord's, as `candor token create` prints it.");
	put_scheme(j, "cookie", "apiKey", NULL, "What POST /v1/session sets; for browsers.");
	put_scheme(j, "certificate", "mutualTLS", NULL, "A client certificate that candord's client_ca vouches for.");
	json_out_close(j, '}');
	schema_open(j, "responses", '{');
	size_t n;
	const struct operation_problem *problems = operation_problems(&n);
	for (size_t i = 0; i < n; i++)
		put_problem_response(j, problems[i].name, problems[i].description, problems[i].header);
	put_problem_response(j, "Problem", "Any other problem; `code` and `detail` say what.", NULL);
	json_out_close(j, '}');
	schema_open(j, "schemas", '{');
}

static void put_property(struct json_out *j, const char *name, const char *type, const char *description)
{
	schema_open(j, name, '{');
	schema_text(j, "type", type);
	schema_text(j, "description", description);
	json_out_close(j, '}');
}

/* What is no message of the protocol. */
static void put_own_schemas(struct json_out *j)
{
	static const enum candor_code codes[] = {
		CANDOR_INVALID_ARGUMENT,  CANDOR_NOT_FOUND,          CANDOR_ALREADY_EXISTS,
		CANDOR_PERMISSION_DENIED, CANDOR_RESOURCE_EXHAUSTED, CANDOR_FAILED_PRECONDITION,
		CANDOR_INTERNAL,          CANDOR_UNAVAILABLE,        CANDOR_UNAUTHENTICATED};
	schema_open(j, "Problem", '{');
	schema_text(j, "type", "object");
	schema_text(j, "description", "Why a request was not carried out, as RFC 9457 has it.");
	schema_open(j, "properties", '{');
	put_property(j, "type", "string", NULL);
	put_property(j, "title", "string", "The status in words.");
	put_property(j, "status", "integer", NULL);
	schema_open(j, "code", '{');
	schema_text(j, "type", "string");
	schema_open(j, "enum", '[');
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		json_out_text(j, candor_code_name(codes[i]));
	json_out_close(j, ']');
	json_out_close(j, '}');
	put_property(j, "detail", "string", "A sentence for people: what is wrong, and what would be right.");
	put_property(j, "retry_after_ms", "integer", "Of a rate: when to repeat the request.");
	put_property(j, "lines_recorded", "integer",
		     "Of lines: up to this one all is recorded; repeat those behind it.");
	put_property(j, "accepted", "integer", "Of lines: what those that were recorded came to, as in BatchResult.");
	put_property(j, "duplicates", "integer", NULL);
	put_property(j, "revised", "integer", NULL);
	json_out_close(j, '}');
	schema_open(j, "required", '[');
	json_out_text(j, "title");
	json_out_text(j, "status");
	json_out_text(j, "code");
	json_out_close(j, ']');
	json_out_close(j, '}');
	schema_open(j, "SessionToken", '{');
	schema_text(j, "type", "object");
	schema_open(j, "properties", '{');
	put_property(j, "token", "string", "A token of candord's.");
	json_out_close(j, '}');
	schema_open(j, "required", '[');
	json_out_text(j, "token");
	json_out_close(j, ']');
	json_out_key(j, "additionalProperties");
	json_out_bool(j, false);
	json_out_close(j, '}');
}

/* Of a request with a body: its message, without what the path gives. */
static void put_sent_schema(struct json_out *j, const ProtobufCMessageDescriptor *type)
{
	const char *given[ROUTE_NAMES_MAX + 1];
	size_t n, n_given = 0;
	const struct route *all = routes_all(&n);
	for (size_t i = 0; i < n; i++)
		if (operation_has_body(&all[i]) && json_request_type(all[i].kind) == type)
			n_given = routes_given(&all[i], given);
	json_out_key(j, type->short_name);
	schema_of_message(j, type, true, given, n_given);
}

static void put_enums(struct json_out *j, const struct schema_set *s, const struct schema_set *but)
{
	for (size_t i = 0; i < s->n_enums; i++) {
		bool again = false;
		for (size_t k = 0; but && k < but->n_enums; k++)
			again = again || but->enums[k] == s->enums[i];
		if (again)
			continue;
		json_out_key(j, s->enums[i]->short_name);
		schema_of_enum(j, s->enums[i]);
	}
}

static void put_end(struct openapi *o)
{
	struct json_out *j = &o->json;
	put_enums(j, &o->sent, NULL);
	put_enums(j, &o->said, &o->sent);
	put_own_schemas(j);
	json_out_close(j, '}');
	json_out_close(j, '}');
	json_out_close(j, '}');
	if (!j->err)
		j->err = buf_append(j->out, "\n", 1);
}

/* One part after the other: the head; each path; what all use; each message; the rest. False: that was the last. */
static bool put_part(struct openapi *o)
{
	size_t n, at = o->part++;
	const struct route *all = routes_all(&n);
	if (at == 0)
		put_head(&o->json);
	else if (at <= n)
		put_path(&o->json, all, n, at - 1);
	else if (at == n + 1)
		put_components(&o->json);
	else if (at - n - 2 < o->sent.n_messages)
		put_sent_schema(&o->json, o->sent.messages[at - n - 2]);
	else if (at - n - 2 - o->sent.n_messages < o->said.n_messages) {
		const ProtobufCMessageDescriptor *type = o->said.messages[at - n - 2 - o->sent.n_messages];
		if (!schema_has(&o->sent, type)) {
			json_out_key(&o->json, type->short_name);
			schema_of_message(&o->json, type, false, NULL, 0);
		}
	} else {
		put_end(o);
		return false;
	}
	return true;
}

/* ---- the body ---- */

static int on_next(struct body *b, size_t want, struct buf *out)
{
	struct openapi *o = (struct openapi *)b;
	const size_t before = out->len;
	bool more = true;
	o->json.out = out;
	while (more && !o->json.err && out->len - before < want)
		more = put_part(o);
	o->json.out = NULL;
	return o->json.err ? o->json.err : more;
}

static void on_free(struct body *b)
{
	free(b);
}

static size_t on_bytes(const struct body *b)
{
	(void)b;
	return heap_bytes(sizeof(struct openapi));
}

int openapi_body(struct body **out)
{
	size_t n;
	const struct route *all = routes_all(&n);
	struct openapi *o = calloc(1, sizeof *o);
	if (!o)
		return -ENOMEM;
	o->body = (struct body){.next = on_next, .free = on_free, .bytes = on_bytes};
	for (size_t i = 0; i < n; i++) {
		if (all[i].kind == CANDOR_REQ_UNKNOWN)
			continue;
		if (operation_has_body(&all[i]))
			schema_add(&o->sent, json_request_type(all[i].kind));
		schema_add(&o->said, operation_answer(&all[i]));
		/* Words that are parameters. */
		if (all[i].from == ROUTE_FROM_QUERY)
			schema_add_enums(&o->said, json_request_type(all[i].kind));
	}
	*out = &o->body;
	return 0;
}
