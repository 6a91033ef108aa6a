/* schema.h - messages as JSON Schema (2020-12), by their descriptors and the comments of the proto: the parts of the
 * OpenAPI document that say what a message looks like as JSON. Pure. */
#ifndef CANDOR_HTTP_SCHEMA_H
#define CANDOR_HTTP_SCHEMA_H

#include "lib/wire/json.h"

enum { SCHEMA_MAX = 96 };

/* The messages and enumerations that some messages lead to, themselves included. All zero at first. */
struct schema_set {
	const ProtobufCMessageDescriptor *messages[SCHEMA_MAX];
	const ProtobufCEnumDescriptor *enums[SCHEMA_MAX];
	size_t n_messages, n_enums;
};

void schema_add(struct schema_set *s, const ProtobufCMessageDescriptor *type);
void schema_add_enums(struct schema_set *s, const ProtobufCMessageDescriptor *type); /* those of its fields alone */
bool schema_has(const struct schema_set *s, const ProtobufCMessageDescriptor *type);

/* {"$ref":...} to the schema of that name. */
void schema_ref(struct json_out *j, const char *name);

/* The members of a value's schema: of one field, whether it is given in JSON or as a parameter. */
void schema_of_field(struct json_out *j, const ProtobufCMessageDescriptor *of, const ProtobufCFieldDescriptor *f);

/* The schema of a message. is_request: as it is sent to the daemon, so only some fields must be there. skip[n_skip]:
 * fields that it does not have, for the path gives them. */
void schema_of_message(struct json_out *j, const ProtobufCMessageDescriptor *type, bool is_request,
		       const char *const *skip, size_t n_skip);
void schema_of_enum(struct json_out *j, const ProtobufCEnumDescriptor *type);

/* Members: a key with a text, nothing where the text is NULL; a key whose value is opened. */
void schema_text(struct json_out *j, const char *key, const char *text);
void schema_open(struct json_out *j, const char *key, char bracket);

/* What fields may hold, beside their types. It is what lib/wire/tables.c and lib/pool check, said
 * for readers; tests/unit/test_openapi.c holds one against the other. */
struct schema_limit {
	const char *message, *field; /* an empty message: each that has the field and no row of its own */
	double low, high; /* of numbers; both 0: whatever the type has */
	unsigned shortest, longest; /* bytes of text, rows of a list; 0: no limit */
	bool is_needed; /* in a request */
};
const struct schema_limit *schema_limits(size_t *n);

#endif
