#include "daemon/http/schema.h"

#include <stdio.h>
#include <string.h>

#include "daemon/http/comments.h"
#include "lib/wire/json_in.h"

/* ---- which there are ---- */

bool schema_has(const struct schema_set *s, const ProtobufCMessageDescriptor *type)
{
	for (size_t i = 0; i < s->n_messages; i++)
		if (s->messages[i] == type)
			return true;
	return false;
}

static void add_enum(struct schema_set *s, const ProtobufCEnumDescriptor *type)
{
	for (size_t i = 0; i < s->n_enums; i++)
		if (s->enums[i] == type)
			return;
	require(s->n_enums < SCHEMA_MAX);
	s->enums[s->n_enums++] = type;
}

void schema_add_enums(struct schema_set *s, const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_ENUM)
			add_enum(s, type->fields[i].descriptor);
}

void schema_add(struct schema_set *s, const ProtobufCMessageDescriptor *type)
{
	if (schema_has(s, type))
		return;
	require(s->n_messages < SCHEMA_MAX);
	s->messages[s->n_messages++] = type;
	schema_add_enums(s, type);
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			schema_add(s, type->fields[i].descriptor);
}

/* ---- what fields may hold ---- */

static const struct schema_limit limits[] = {
	{"Report", "item", .shortest = 1, .longest = CANDOR_NAME_MAX, .is_needed = true},
	{"Report", "labeler", .shortest = 1, .longest = CANDOR_NAME_MAX, .is_needed = true},
	{"Report", "value", .high = 1},
	{"Report", "sequence", .low = 1, .high = 9223372036854775807.0},
	{"Outcome", "item", .shortest = 1, .longest = CANDOR_NAME_MAX, .is_needed = true},
	{"Outcome", "value", .high = 1},
	{"Settings", "c", .high = 100},
	{"Settings", "beta", .high = 0.5},
	{"Settings", "eta", .high = 0.5},
	{"Settings", "horizon", .high = 1e15},
	{"Settings", "share", .high = 0.5},
	{"Settings", "entry", .high = 1e6},
	{"Settings", "wrong", .high = 0.49},
	{"CreatePool", "pool", .shortest = 1, .longest = CANDOR_NAME_MAX, .is_needed = true},
	{"PostReports", "reports", .is_needed = true},
	{"ResolveItems", "outcomes", .is_needed = true},
	{"RecheckItems", "rechecks", .is_needed = true},
	{"CloseItems", "items", .is_needed = true},
	{"VoidItems", "items", .is_needed = true},
	{"QueryItems", "items", .longest = CANDOR_PAGE_MAX, .is_needed = true},
	{"Grant", "prefix", .longest = CANDOR_NAME_MAX},
	{"Grant", "pool", .longest = CANDOR_NAME_MAX},
	{"Grant", "rights", .shortest = 1, .is_needed = true},
	{"CreateToken", "name", .shortest = 1, .longest = CANDOR_TOKEN_NAME_MAX, .is_needed = true},
	{"CreateToken", "expires_at", .high = (double)CANDOR_TIME_MAX},
	{"CreateToken", "grants", .longest = CANDOR_GRANTS_MAX},
	{"RevokeToken", "name", .shortest = 1, .longest = CANDOR_TOKEN_NAME_MAX},
	{"ListChanges", "wait_ms", .high = CANDOR_WAIT_MAX_MS},
	{"", "limit", .high = CANDOR_PAGE_MAX},
	{"", "cursor", .longest = CANDOR_NAME_MAX},
	{"", "pool", .longest = CANDOR_NAME_MAX},
	{"", "labeler", .shortest = 1, .longest = CANDOR_NAME_MAX},
};

enum { LIMITS = sizeof limits / sizeof *limits };

const struct schema_limit *schema_limits(size_t *n)
{
	*n = LIMITS;
	return limits;
}

static const struct schema_limit *limit_of(const ProtobufCMessageDescriptor *type, const char *field)
{
	static const struct schema_limit none = {0};
	for (size_t i = 0; i < LIMITS; i++)
		if (strcmp(limits[i].field, field) == 0 &&
		    (!limits[i].message[0] || strcmp(limits[i].message, type->short_name) == 0))
			return &limits[i];
	return &none;
}

/* ---- text ---- */

void schema_text(struct json_out *j, const char *key, const char *text)
{
	if (!text)
		return;
	json_out_key(j, key);
	json_out_text(j, text);
}

void schema_open(struct json_out *j, const char *key, char bracket)
{
	json_out_key(j, key);
	json_out_open(j, bracket);
}

static void put_count(struct json_out *j, const char *key, uint64_t n)
{
	json_out_key(j, key);
	json_out_count(j, n);
}

void schema_ref(struct json_out *j, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "#/components/schemas/%s", name);
	json_out_open(j, '{');
	schema_text(j, "$ref", path);
	json_out_close(j, '}');
}

/* As a member. */
static void put_ref(struct json_out *j, const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "#/components/schemas/%s", name);
	schema_text(j, "$ref", path);
}

/* ---- values ---- */

static void put_whole(struct json_out *j, const char *format, uint64_t most, const struct schema_limit *l)
{
	schema_text(j, "type", "integer");
	schema_text(j, "format", format);
	put_count(j, "minimum", (uint64_t)l->low);
	/* 2^63 - 1, which is no double, is the only limit of that size. */
	bool is_signed = l->high >= 9223372036854775807.0;
	put_count(j, "maximum", is_signed ? (uint64_t)INT64_MAX : l->high > 0 ? (uint64_t)l->high : most);
}

static void put_real(struct json_out *j, const struct schema_limit *l)
{
	schema_text(j, "type", "number");
	schema_text(j, "format", "double");
	if (l->high > 0) {
		json_out_key(j, "minimum");
		json_out_real(j, l->low);
		json_out_key(j, "maximum");
		json_out_real(j, l->high);
	}
}

static void put_string(struct json_out *j, const struct schema_limit *l)
{
	schema_text(j, "type", "string");
	if (l->shortest > 0)
		put_count(j, "minLength", l->shortest);
	if (l->longest > 0)
		put_count(j, "maxLength", l->longest);
}

/* The members of the schema of one value: of a list, of one of its rows. */
static void put_value(struct json_out *j, const ProtobufCFieldDescriptor *f, const struct schema_limit *l)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: put_whole(j, "uint32", UINT32_MAX, l); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: put_whole(j, "uint64", UINT64_MAX, l); break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64: schema_text(j, "type", "integer"); break;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE: put_real(j, l); break;
	case PROTOBUF_C_TYPE_BOOL: schema_text(j, "type", "boolean"); break;
	case PROTOBUF_C_TYPE_STRING: put_string(j, l); break;
	case PROTOBUF_C_TYPE_BYTES:
		schema_text(j, "type", "string");
		schema_text(j, "pattern", "^([0-9a-f]{2})*$");
		break;
	case PROTOBUF_C_TYPE_ENUM: put_ref(j, ((const ProtobufCEnumDescriptor *)f->descriptor)->short_name); break;
	case PROTOBUF_C_TYPE_MESSAGE:
		put_ref(j, ((const ProtobufCMessageDescriptor *)f->descriptor)->short_name);
		break;
	}
}

void schema_of_field(struct json_out *j, const ProtobufCMessageDescriptor *of, const ProtobufCFieldDescriptor *f)
{
	const struct schema_limit *l = limit_of(of, f->name);
	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		put_value(j, f, l);
		return;
	}
	static const struct schema_limit name = {.shortest = 1, .longest = CANDOR_NAME_MAX}, any = {0};
	schema_text(j, "type", "array");
	json_out_key(j, "items");
	json_out_open(j, '{');
	put_value(j, f, f->type == PROTOBUF_C_TYPE_STRING ? &name : &any);
	json_out_close(j, '}');
	if (l->shortest > 0)
		put_count(j, "minItems", l->shortest);
	if (l->longest > 0)
		put_count(j, "maxItems", l->longest);
}

/* ---- messages ---- */

static bool is_skipped(const char *name, const char *const *skip, size_t n_skip)
{
	for (size_t i = 0; i < n_skip; i++)
		if (strcmp(skip[i], name) == 0)
			return true;
	return false;
}

/* In an answer all are there but those that lib/wire/json.h leaves out where they are absent. */
static bool is_needed(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *f, bool is_request)
{
	if (is_request)
		return limit_of(type, f->name)->is_needed || json_in_needs(type, f);
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return true;
	return f->type != PROTOBUF_C_TYPE_MESSAGE && !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

static void put_needed(struct json_out *j, const ProtobufCMessageDescriptor *type, bool is_request,
		       const char *const *skip, size_t n_skip)
{
	bool any = false;
	for (unsigned i = 0; i < type->n_fields; i++) {
		const char *name = type->fields[i].name;
		if (is_skipped(name, skip, n_skip) || !is_needed(type, &type->fields[i], is_request))
			continue;
		if (!any) {
			json_out_key(j, "required");
			json_out_open(j, '[');
		}
		json_out_text(j, name);
		any = true;
	}
	if (any)
		json_out_close(j, ']');
}

/* What the door adds to a row of a request that came as lines. */
static void put_line(struct json_out *j)
{
	static const struct schema_limit any = {.low = 1};
	schema_open(j, "line", '{');
	put_whole(j, "uint64", UINT64_MAX, &any);
	schema_text(j, "description", "of rows that came as lines: which one it was, from 1");
	json_out_close(j, '}');
}

void schema_of_message(struct json_out *j, const ProtobufCMessageDescriptor *type, bool is_request,
		       const char *const *skip, size_t n_skip)
{
	json_out_open(j, '{');
	schema_text(j, "type", "object");
	schema_text(j, "description", comment_of(type->short_name, ""));
	json_out_key(j, "properties");
	json_out_open(j, '{');
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &type->fields[i];
		if (is_skipped(f->name, skip, n_skip))
			continue;
		json_out_key(j, f->name);
		json_out_open(j, '{');
		schema_of_field(j, type, f);
		schema_text(j, "description", comment_of(type->short_name, f->name));
		json_out_close(j, '}');
	}
	if (strcmp(type->short_name, "Rejected") == 0)
		put_line(j);
	json_out_close(j, '}');
	put_needed(j, type, is_request, skip, n_skip);
	if (is_request) {
		json_out_key(j, "additionalProperties");
		json_out_bool(j, false);
	}
	json_out_close(j, '}');
}

/* "report: post reports. read-open: ..." */
static void put_meanings(struct json_out *j, const ProtobufCEnumDescriptor *type)
{
	char text[1024] = "", word[JSON_WORD_MAX];
	size_t len = 0;
	const char *whole = comment_of(type->short_name, "");
	if (whole)
		len += (size_t)snprintf(text, sizeof text, "%s", whole);
	for (unsigned i = 0; i < type->n_values && len < sizeof text; i++) {
		const char *said = comment_of(type->short_name, type->values[i].name);
		json_word(type, type->values[i].value, word);
		if (said)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s`%s`: %s.", len ? " " : "", word,
						said);
	}
	if (*text)
		schema_text(j, "description", text);
}

void schema_of_enum(struct json_out *j, const ProtobufCEnumDescriptor *type)
{
	char word[JSON_WORD_MAX];
	json_out_open(j, '{');
	schema_text(j, "type", "string");
	json_out_key(j, "enum");
	json_out_open(j, '[');
	for (unsigned i = 0; i < type->n_values; i++) {
		json_word(type, type->values[i].value, word);
		json_out_text(j, word);
	}
	json_out_close(j, ']');
	put_meanings(j, type);
	json_out_close(j, '}');
}
