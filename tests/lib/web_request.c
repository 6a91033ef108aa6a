#include "tests/lib/web_request.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "candor.pb-c.h"
#include "daemon/http/routes.h"
#include "lib/wire/frame.h"
#include "lib/wire/json.h"
#include "lib/wire/wire.h"
#include "tests/lib/asked.h"

enum { MOST = 1 << 24 };

static const struct route *route_of(enum candor_request_type type)
{
	size_t n;
	const struct route *all = routes_all(&n);
	for (size_t i = 0; i < n; i++)
		if (all[i].kind == type)
			return &all[i];
	require(!"the request has a route");
	return NULL;
}

/* The request's message as JSON. */
static json_t *document_of(const struct candor_request *r)
{
	struct arena arena;
	struct buf frame = {0}, text = {0};
	struct frame f;
	struct view view;
	struct json_out j = {.out = &text};
	struct candor_request copy = *r;
	copy.id = 1;
	arena_init(&arena, MOST);
	frame_init(&f, MOST);
	require(wire_encode_request(&copy, &arena, MOST, &frame) == 0);
	require(frame_push(&f, frame.data, frame.len) == 0 && frame_next(&f, &view) == 1);
	Candor__V1__Request *m = candor__v1__request__unpack(NULL, view.len, view.data);
	require(m && m->body_case);
	json_out_message(&j, &m->hello->base); /* all members of the oneof are pointers to messages */
	require(j.err == 0);
	json_t *doc = json_loadb((const char *)text.data, text.len, 0, NULL);
	require(doc);
	candor__v1__request__free_unpacked(m, NULL);
	frame_free(&f);
	buf_free(&frame);
	buf_free(&text);
	arena_free(&arena);
	return doc;
}

static void add_escaped(struct buf *out, const char *text)
{
	char *part = escaped(text, strlen(text));
	require(buf_printf(out, "%s", part) == 0);
	free(part);
}

static void add_parameter(struct buf *out, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t n = json_integer_value(value);
	bool is_list = json_is_array(value);
	if (!(is_list ? json_array_size(value) > 0 : json_is_true(value) || n || (text && *text)))
		return;
	require(buf_printf(out, "%c%s=", memchr(out->data, '?', out->len) ? '&' : '?', name) == 0);
	for (size_t i = 0; i < json_array_size(value); i++)
		require(buf_printf(out, "%s%s", i ? "," : "", json_string_value(json_array_get(value, i))) == 0);
	if (text)
		add_escaped(out, text);
	else if (!is_list)
		require(buf_printf(out, "%lld", json_is_true(value) ? 1LL : (long long)n) == 0);
}

/* The path with its names, which leave the document; where there is no body, all else of it as a query. */
static char *target_of(const struct route *r, json_t *doc)
{
	const char *given[ROUTE_NAMES_MAX + 1], *key;
	struct buf out = {0};
	json_t *value;
	size_t n = 0, n_given = routes_given(r, given);
	for (const char *at = r->path; *at; at++) {
		if (*at != '{') {
			require(buf_append(&out, at, 1) == 0);
			continue;
		}
		add_escaped(&out, json_string_value(json_object_get(doc, given[n++])));
		at = strchr(at, '}');
	}
	for (size_t i = 0; i < n_given; i++)
		json_object_del(doc, given[i]);
	if (r->from == ROUTE_FROM_QUERY)
		json_object_foreach(doc, key, value) add_parameter(&out, key, value);
	require(buf_append(&out, "", 1) == 0);
	return (char *)out.data;
}

void web_request_make(struct web_request *out, const struct candor_request *r)
{
	const struct route *route = route_of(r->type);
	json_t *doc = document_of(r);
	out->method = routes_method(route);
	out->target = target_of(route, doc);
	out->body = route->from == ROUTE_FROM_QUERY ? NULL : json_dumps(doc, JSON_REAL_PRECISION(17));
	json_decref(doc);
}

void web_request_free(struct web_request *q)
{
	free(q->target);
	free(q->body);
}
