/* The OpenAPI document: it has every route and every field, and what it says of values is what is checked. */
#include "tests/lib/unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "daemon/http/comments.h"
#include "daemon/http/openapi.h"
#include "daemon/http/operation.h"
#include "daemon/http/schema.h"
#include "lib/pool/mechanism.h"
#include "lib/wire/envelope.h"
#include "lib/wire/json_in.h"
#include "lib/wire/wire.h"

enum { MOST_BYTES = 200000 };

static void make_document(size_t piece, struct buf *out)
{
	struct body *b;
	int more;
	assert_int_equal(openapi_body(&b), 0);
	while ((more = body_next(b, piece, out)) == 1)
		assert_true(out->len < MOST_BYTES);
	assert_int_equal(more, 0);
	assert_true(body_bytes(b) > 0);
	body_free(b);
}

static int read_document(void **state)
{
	struct buf text = {0};
	json_error_t error;
	make_document(4096, &text);
	json_t *doc =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	if (!doc)
		print_error("%s at byte %d\n", error.text, error.position);
	buf_free(&text);
	*state = doc;
	return doc ? 0 : -1;
}

static int drop_document(void **state)
{
	json_decref(*state);
	return 0;
}

static json_t *at(json_t *doc, const char *a, const char *b, const char *c)
{
	json_t *value = json_object_get(json_object_get(json_object_get(doc, a), b), c);
	if (!value)
		fail_msg("the document has no %s, %s, %s", a, b, c);
	return value;
}

static void pieces_of_any_size_make_the_same_document(void **state)
{
	struct buf whole = {0}, pieces = {0};
	(void)state;
	make_document(MOST_BYTES, &whole);
	make_document(1, &pieces);
	assert_int_equal(whole.len, pieces.len);
	assert_memory_equal(whole.data, pieces.data, whole.len);
	assert_int_equal(whole.data[whole.len - 1], '\n');
	buf_free(&whole);
	buf_free(&pieces);
}

static void every_route_is_an_operation(void **state)
{
	static const char *const methods[] = {"get", "post", "patch", "delete"};
	size_t n, n_operations = 0;
	const struct route *all = routes_all(&n);
	for (size_t i = 0; i < n; i++) {
		json_t *operation = at(*state, "paths", all[i].path, methods[all[i].method]);
		assert_string_equal(json_string_value(json_object_get(operation, "operationId")), routes_name(&all[i]));
		assert_int_equal(json_object_get(operation, "requestBody") != NULL, operation_has_body(&all[i]));
	}
	const char *path;
	json_t *item;
	json_object_foreach(json_object_get(*state, "paths"), path, item) n_operations += json_object_size(item);
	assert_int_equal(n_operations, n);
}

static bool has_text(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

/* Except those that the path gives. */
static void every_field_of_a_message_has_a_schema(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (all[i].kind == CANDOR_REQ_UNKNOWN)
			continue;
		const ProtobufCMessageDescriptor *type = operation_answer(&all[i]);
		json_t *schema = at(*state, "components", "schemas", type->short_name);
		json_t *properties = json_object_get(schema, "properties");
		assert_int_equal(json_object_size(properties), type->n_fields);
		for (unsigned k = 0; k < type->n_fields; k++) {
			assert_non_null(json_object_get(properties, type->fields[k].name));
			bool optional = type->fields[k].flags & PROTOBUF_C_FIELD_FLAG_ONEOF ||
					(type->fields[k].type == PROTOBUF_C_TYPE_MESSAGE &&
					 type->fields[k].label != PROTOBUF_C_LABEL_REPEATED);
			assert_int_equal(has_text(json_object_get(schema, "required"), type->fields[k].name),
					 !optional);
		}
	}
	json_t *posted = at(*state, "components", "schemas", "PostReports");
	assert_null(json_object_get(json_object_get(posted, "properties"), "pool"));
	assert_non_null(json_object_get(json_object_get(posted, "properties"), "reports"));
}

static void check_refs(json_t *doc, json_t *value)
{
	const char *key;
	json_t *member;
	size_t i;
	json_object_foreach(value, key, member)
	{
		if (strcmp(key, "$ref") == 0) {
			char path[128], *save = NULL;
			snprintf(path, sizeof path, "%s", json_string_value(member));
			json_t *to = doc;
			for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save))
				to = *part == '#' ? to : json_object_get(to, part);
			if (!to)
				fail_msg("%s leads nowhere", json_string_value(member));
		}
		check_refs(doc, member);
	}
	json_array_foreach(value, i, member) check_refs(doc, member);
}

static void every_reference_leads_somewhere(void **state)
{
	check_refs(*state, *state);
}

static void what_the_proto_says_is_said(void **state)
{
	assert_string_equal(
		comment_of("Report", "value"),
		"the probability in [0, 1] that answer A is preferred (a plain choice is 1 or 0, a tie 0.5)");
	assert_string_equal(comment_of("GetPool", "") ? "something" : "nothing", "nothing");
	assert_string_equal(comment_of("ListPools", ""), "Pools in order of creation.");
	assert_string_equal(comment_of("Sort", "WEIGHT"), "heaviest first"); /* an enum within a message */
	assert_string_equal(comment_of("Item", "round"), "its number in settlement order, from 1"); /* optional */
	assert_string_equal(comment_of("Request", "add_grant"), "the grant's rights are added to the existing ones");
	assert_non_null(strstr(comment_of("Grant", "principal"), "written \\20"));
	assert_null(comment_of("Report", "item"));
	json_t *value = at(*state, "components", "schemas", "Item");
	value = json_object_get(json_object_get(value, "properties"), "round");
	assert_string_equal(json_string_value(json_object_get(value, "description")),
			    "its number in settlement order, from 1");
}

/* ---- limits ---- */

/* A good request that has the message, and where in it that is. */
static const struct sample {
	const char *message;
	enum candor_request_type kind;
	const char *json, *list; /* "": the request itself; else the first row of that list, or the part of that name */
} samples[] = {
	{"Report", CANDOR_REQ_POST_REPORTS,
	 "{\"pool\":\"p\",\"reports\":[{\"item\":\"i\",\"labeler\":\"l\",\"value\":1}]}", "reports"},
	{"Outcome", CANDOR_REQ_RESOLVE_ITEMS, "{\"pool\":\"p\",\"outcomes\":[{\"item\":\"i\",\"value\":1}]}",
	 "outcomes"},
	{"Settings", CANDOR_REQ_CREATE_POOL, "{\"pool\":\"p\",\"settings\":{}}", "settings"},
	{"CreatePool", CANDOR_REQ_CREATE_POOL, "{\"pool\":\"p\"}", ""},
	{"PostReports", CANDOR_REQ_POST_REPORTS, "{\"pool\":\"p\",\"reports\":[]}", ""},
	{"ResolveItems", CANDOR_REQ_RESOLVE_ITEMS, "{\"pool\":\"p\",\"outcomes\":[]}", ""},
	{"RecheckItems", CANDOR_REQ_RECHECK_ITEMS, "{\"pool\":\"p\",\"rechecks\":[]}", ""},
	{"CloseItems", CANDOR_REQ_CLOSE_ITEMS, "{\"pool\":\"p\",\"items\":[]}", ""},
	{"VoidItems", CANDOR_REQ_VOID_ITEMS, "{\"pool\":\"p\",\"items\":[]}", ""},
	{"QueryItems", CANDOR_REQ_QUERY_ITEMS, "{\"pool\":\"p\",\"items\":[]}", ""},
	{"Grant", CANDOR_REQ_ADD_GRANT, "{\"principal\":\"anonymous\",\"rights\":[\"report\"]}", ""},
	{"CreateToken", CANDOR_REQ_CREATE_TOKEN, "{\"name\":\"t\"}", ""},
	{"RevokeToken", CANDOR_REQ_REVOKE_TOKEN, "{\"name\":\"t\"}", ""},
	{"ListPools", CANDOR_REQ_LIST_POOLS, "{}", ""},
	{"ListGrants", CANDOR_REQ_LIST_GRANTS, "{}", ""},
	{"ListChanges", CANDOR_REQ_LIST_CHANGES, "{\"pool\":\"p\"}", ""},
	{"GetLabeler", CANDOR_REQ_GET_LABELER, "{\"pool\":\"p\",\"labeler\":\"l\",\"history\":true}", ""},
};

/* Whether the daemon takes it. */
static bool is_taken(enum candor_request_type kind, const json_t *request)
{
	struct arena arena;
	struct wire_request out;
	struct buf bytes = {0};
	struct json_in in;
	char *text = json_dumps(request, 0);
	arena_init(&arena, 1 << 24);
	json_in_init(&in, json_request_type(kind), 1 << 24, &bytes);
	int err = json_in_whole(&in, text, strlen(text));
	bool good = err == 0;
	if (good) {
		uint8_t head[WIRE_REQUEST_HEAD_MAX];
		struct frame f;
		struct view view;
		frame_init(&f, 1 << 24);
		assert_int_equal(frame_push(&f, head, wire_request_head(kind, 1, bytes.len, head)), 0);
		assert_int_equal(frame_push(&f, bytes.data, bytes.len), 0);
		assert_int_equal(frame_next(&f, &view), 1);
		assert_int_equal(wire_decode_request(&arena, view.data, view.len, &out), 0);
		assert_int_equal(out.request.type, kind);
		good = !out.fault && !(out.row_fault && out.row_fault[0]);
		if (good && kind == CANDOR_REQ_CREATE_POOL) {
			mechanism_defaults(&out.request.settings);
			good = !mechanism_settings_fault(&out.request.settings);
		}
		frame_free(&f);
	} else {
		assert_int_equal(err, ERR_MALFORMED);
	}
	json_in_free(&in);
	buf_free(&bytes);
	free(text);
	arena_free(&arena);
	return good;
}

static void expect(const struct sample *s, const struct schema_limit *l, json_t *value, bool good)
{
	json_t *request = json_loads(s->json, 0, NULL), *part = request;
	if (*s->list) {
		part = json_object_get(request, s->list);
		part = json_is_array(part) ? json_array_get(part, 0) : part;
	}
	assert_int_equal(json_object_set(part, l->field, value), 0);
	/* What else the value needs. */
	if (strcmp(l->field, "eta") == 0 && json_number_value(value) > 0)
		json_object_set_new(part, "rate", json_string("fixed"));
	if (strcmp(l->field, "horizon") == 0 && json_number_value(value) > 0)
		json_object_set_new(part, "rate", json_string("horizon"));
	if (is_taken(s->kind, request) != good) {
		char *text = json_dumps(value, JSON_ENCODE_ANY);
		print_error("%s.%s: %.60s should be %s\n", s->message, l->field, text, good ? "taken" : "refused");
		fail();
	}
	json_decref(request);
	json_decref(value);
}

static json_t *text_of(size_t len)
{
	char text[1024];
	memset(text, 'x', sizeof text);
	return json_stringn(text, len);
}

static json_t *list_of(const char *field, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, strcmp(field, "grants") == 0   ? json_pack("{s:[s]}", "rights", "report")
					    : strcmp(field, "rights") == 0 ? json_string("report")
									   : json_sprintf("i%zu", i));
	return list;
}

static void check_limit(const struct sample *s, const struct schema_limit *l)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(json_request_type(s->kind), l->field);
	bool is_list = f && f->label == PROTOBUF_C_LABEL_REPEATED && !*s->list;
	if (l->high > 0 && l->high == floor(l->high) && l->high > 1) {
		bool huge = l->high > 9e18;
		expect(s, l, json_integer(huge ? INT64_MAX : (json_int_t)l->high), true);
		expect(s, l, huge ? json_real(1e19) : json_integer((json_int_t)l->high + 1), false);
	} else if (l->high > 0) {
		expect(s, l, json_real(l->high), true);
		expect(s, l, json_real(l->high * 1.0000001), false);
		expect(s, l, json_real(-1e-9), false);
	}
	if (l->high > 0) {
		expect(s, l, json_integer((json_int_t)l->low), true);
		expect(s, l, json_integer((json_int_t)l->low - 1), false);
	}
	if (l->longest > 0) {
		expect(s, l, is_list ? list_of(l->field, l->longest) : text_of(l->longest), true);
		expect(s, l, is_list ? list_of(l->field, l->longest + 1) : text_of(l->longest + 1), false);
	}
	if (l->shortest > 0) {
		expect(s, l, is_list ? list_of(l->field, l->shortest) : text_of(l->shortest), true);
		expect(s, l, is_list ? list_of(l->field, l->shortest - 1) : text_of(l->shortest - 1), false);
	}
}

static void limits_are_those_that_are_checked(void **state)
{
	size_t n;
	const struct schema_limit *limits = schema_limits(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t found = 0;
		for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
			const ProtobufCMessageDescriptor *type = json_request_type(samples[k].kind);
			bool general = !limits[i].message[0] && !*samples[k].list &&
				       protobuf_c_message_descriptor_get_field_by_name(type, limits[i].field);
			bool named = strcmp(limits[i].message, samples[k].message) == 0;
			/* A row of its own takes the place of the general one. */
			for (size_t m = 0; general && m < n; m++)
				general = !(strcmp(limits[m].message, samples[k].message) == 0 &&
					    strcmp(limits[m].field, limits[i].field) == 0);
			if (!named && !general)
				continue;
			check_limit(&samples[k], &limits[i]);
			found++;
		}
		if (found == 0)
			fail_msg("no sample for %s.%s", limits[i].message, limits[i].field);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_make_the_same_document),
		cmocka_unit_test(every_route_is_an_operation),
		cmocka_unit_test(every_field_of_a_message_has_a_schema),
		cmocka_unit_test(every_reference_leads_somewhere),
		cmocka_unit_test(what_the_proto_says_is_said),
		cmocka_unit_test(limits_are_those_that_are_checked),
	};
	return cmocka_run_group_tests(tests, read_document, drop_document);
}
