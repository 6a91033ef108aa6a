/* Answers as messages, for those who know only the plain structures. */
#include <errno.h>

#include "lib/wire/common.h"
#include "lib/wire/fields.h"
#include "lib/wire/json.h"

int json_body(const struct candor_response *r, struct arena *a, const ProtobufCMessage **out)
{
	Candor__V1__Response *m = NULL;
	int err = wire_response_to_message(r, a, &m);
	/* All members of a oneof are pointers to messages here. */
	*out = !err && m->body_case ? &m->hello->base : NULL;
	return err ? err : *out ? 0 : ERR_MALFORMED;
}

const ProtobufCMessageDescriptor *json_request_type(enum candor_request_type type)
{
	const struct wire_body *body = wire_request_body(type);
	return body ? body->table->descriptor : NULL;
}

const ProtobufCMessageDescriptor *json_answer_type(enum candor_response_type type)
{
	const struct wire_body *body = wire_answer_body(type);
	return body ? body->table->descriptor : NULL;
}

void json_out_code(struct json_out *j, enum candor_code code)
{
	char word[JSON_WORD_MAX];
	json_word(&candor__v1__code__descriptor, (int)code, word);
	if (*word)
		json_out_text(j, word);
	else
		json_out_count(j, (uint64_t)code);
}

void json_out_settings(struct json_out *j, const struct candor_settings *s)
{
	Candor__V1__Settings m;
	require(wire_write(NULL, &wire_settings, s, &m) == 0); /* numbers alone: they need no memory */
	json_out_message(j, &m.base);
}

const ProtobufCMessage *json_part(const ProtobufCMessage *message, const char *name)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
	require(f && f->type == PROTOBUF_C_TYPE_MESSAGE && f->label != PROTOBUF_C_LABEL_REPEATED);
	return *(const ProtobufCMessage *const *)(const void *)((const char *)message + f->offset);
}

size_t json_rows(const ProtobufCMessage *message, const ProtobufCMessage *const **rows)
{
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];
		const char *base = (const char *)message;
		if (f->type != PROTOBUF_C_TYPE_MESSAGE || f->label != PROTOBUF_C_LABEL_REPEATED)
			continue;
		*rows = *(const ProtobufCMessage *const *const *)(const void *)(base + f->offset);
		return *(const size_t *)(const void *)(base + f->quantifier_offset);
	}
	*rows = NULL;
	return 0;
}
