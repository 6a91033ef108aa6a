#include "lib/wire/json_pieces.h"

#include <errno.h>
#include <string.h>

typedef struct json_pieces_level level;

static level *top(struct json_pieces *p)
{
	return &p->levels[p->depth - 1];
}

/* ---- values ---- */

static enum scan_type type_on_wire(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM: return SCAN_VARINT;
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT: return SCAN_4_BYTES;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE: return SCAN_8_BYTES;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
	return SCAN_LENGTH;
}

static int64_t unzigzag(uint64_t n)
{
	return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

/* value: as on the wire; of text and bytes their length. */
static void put_value(struct json_out *j, const ProtobufCFieldDescriptor *f, uint64_t value, const uint8_t *data)
{
	const uint32_t half = (uint32_t)value;
	float small;
	double real;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SFIXED32: json_out_signed(j, (int32_t)half); break;
	case PROTOBUF_C_TYPE_SINT32: json_out_signed(j, (int32_t)unzigzag(half)); break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64: json_out_signed(j, (int64_t)value); break;
	case PROTOBUF_C_TYPE_SINT64: json_out_signed(j, unzigzag(value)); break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32: json_out_count(j, half); break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64: json_out_count(j, value); break;
	case PROTOBUF_C_TYPE_FLOAT:
		memcpy(&small, &half, sizeof small);
		json_out_real(j, (double)small);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		memcpy(&real, &value, sizeof real);
		json_out_real(j, real);
		break;
	case PROTOBUF_C_TYPE_BOOL: json_out_bool(j, value != 0); break;
	case PROTOBUF_C_TYPE_ENUM: json_out_enum(j, f->descriptor, (int)half); break;
	case PROTOBUF_C_TYPE_STRING: json_out_string(j, (const char *)data, value); break;
	case PROTOBUF_C_TYPE_BYTES: json_out_bytes(j, data, value); break;
	case PROTOBUF_C_TYPE_MESSAGE: break;
	}
}

/* ---- the walk ---- */

static const ProtobufCFieldDescriptor *first_list(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++)
		if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    type->fields[i].label == PROTOBUF_C_LABEL_REPEATED)
			return &type->fields[i];
	return NULL;
}

/* The field that is next in the bytes: 1 if it is this one, which then is taken; 0 if a later one is, or none. Those
 * that the type does not have are skipped. skips: others as well. */
static int take(level *l, uint32_t number, bool skips, struct scan_field *out)
{
	for (;; l->has_next = false) {
		int found = l->has_next ? 1 : scan_next(&l->at, l->end, &l->next);
		if (found <= 0)
			return found;
		l->has_next = l->next.number > number;
		if (l->has_next)
			return 0;
		if (l->next.number == number) {
			*out = l->next;
			return 1;
		}
		if (!skips && protobuf_c_message_descriptor_get_field(l->type, l->next.number))
			return ERR_MALFORMED;
	}
}

static int push(struct json_pieces *p, const ProtobufCMessageDescriptor *type, struct view bytes)
{
	if (p->depth == JSON_PIECES_LEVELS_MAX)
		return ERR_MALFORMED;
	json_out_open(&p->j, '{');
	p->levels[p->depth++] = (level){.type = type, .at = bytes.data, .end = bytes.data + bytes.len};
	return 0;
}

static int put_packed(struct json_out *j, const ProtobufCFieldDescriptor *f, const struct scan_field *found)
{
	const uint8_t *at = found->data, *end = at + found->value;
	uint64_t value;
	if (type_on_wire(f->type) == SCAN_8_BYTES) {
		if (found->value % sizeof value != 0)
			return ERR_MALFORMED;
		for (; at < end; at += sizeof value)
			put_value(j, f, scan_fixed64(at), NULL);
		return 0;
	}
	if (type_on_wire(f->type) != SCAN_VARINT)
		return ERR_MALFORMED;
	while (at < end) {
		if (!scan_varint(&at, end, &value))
			return ERR_MALFORMED;
		put_value(j, f, value, NULL);
	}
	return 0;
}

static int put_found(struct json_pieces *p, const ProtobufCFieldDescriptor *f, const struct scan_field *found)
{
	if (f->flags & PROTOBUF_C_FIELD_FLAG_PACKED)
		return found->type == SCAN_LENGTH ? put_packed(&p->j, f, found) : ERR_MALFORMED;
	if (found->type != type_on_wire(f->type))
		return ERR_MALFORMED;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return push(p, f->descriptor, scan_view(found));
	put_value(&p->j, f, found->value, found->data);
	return 0;
}

/* A field that is not in the bytes is there as 0, unless it can be absent. */
static bool can_be_absent(const ProtobufCFieldDescriptor *f)
{
	return f->type == PROTOBUF_C_TYPE_MESSAGE || f->label == PROTOBUF_C_LABEL_OPTIONAL ||
	       f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

static void end_line(struct json_pieces *p)
{
	if (!p->j.err)
		p->j.err = buf_append(p->j.out, "\n", 1);
}

static int end_message(struct json_pieces *p)
{
	struct scan_field found;
	int err = take(top(p), UINT32_MAX, false, &found);
	json_out_close(&p->j, '}');
	p->depth--;
	if (p->depth == (p->form != JSON_DOCUMENT))
		end_line(p);
	if (p->depth == 1 && p->form == JSON_ROW)
		p->depth = 0;
	return err;
}

/* Rows without what is around them. */
static bool is_around_rows(const struct json_pieces *p)
{
	return p->depth == 1 && p->form != JSON_DOCUMENT;
}

static int put_element(struct json_pieces *p, const ProtobufCFieldDescriptor *f, const struct scan_field *found)
{
	if (is_around_rows(p)) {
		p->j.follows = false;
		p->rows++;
	}
	return put_found(p, f, found);
}

static void end_list(struct json_pieces *p)
{
	level *l = top(p);
	l->in_list = false;
	l->field++;
	if (is_around_rows(p))
		p->depth = 0;
	else
		json_out_close(&p->j, ']');
}

/* Of the message that is on top: the next field, the next element of a list, or an end. */
static int step(struct json_pieces *p)
{
	level *l = top(p);
	struct scan_field found;
	if (l->field == l->type->n_fields)
		return end_message(p);
	const ProtobufCFieldDescriptor *f = &l->type->fields[l->field];
	if (f->label == PROTOBUF_C_LABEL_REPEATED && !l->in_list) {
		json_out_key(&p->j, f->name);
		json_out_open(&p->j, '[');
		l->in_list = true;
		return 0;
	}
	const int is_here = take(l, f->id, is_around_rows(p), &found);
	if (is_here < 0)
		return is_here;
	if (l->in_list && is_here)
		return put_element(p, f, &found);
	if (l->in_list) {
		end_list(p);
		return 0;
	}
	l->field++;
	if (!is_here && can_be_absent(f))
		return 0;
	json_out_key(&p->j, f->name);
	if (is_here)
		return put_found(p, f, &found);
	put_value(&p->j, f, 0, (const uint8_t *)"");
	return 0;
}

/* ---- the whole ---- */

void json_pieces_init(struct json_pieces *p, const ProtobufCMessageDescriptor *type, struct view bytes,
		      enum json_form form)
{
	const ProtobufCFieldDescriptor *list = first_list(type);
	*p = (struct json_pieces){.form = form};
	p->levels[0] = (level){.type = type, .at = bytes.data, .end = bytes.data + bytes.len};
	p->depth = 1;
	if (form != JSON_DOCUMENT) {
		p->levels[0].field = list ? (unsigned)(list - type->fields) : 0;
		p->levels[0].in_list = true;
		p->depth = list != NULL;
	}
}

int json_pieces_next(struct json_pieces *p, size_t want, struct buf *out)
{
	const size_t start = out->len;
	int err = 0;
	p->j.out = out;
	if (p->form == JSON_DOCUMENT && !p->is_begun)
		json_out_open(&p->j, '{');
	p->is_begun = true;
	while (p->depth > 0 && err == 0 && out->len - start < want) {
		err = step(p);
		if (err == 0)
			err = p->j.err;
	}
	return err ? err : p->depth > 0;
}

size_t json_count_rows(const ProtobufCMessageDescriptor *type, struct view bytes)
{
	const ProtobufCFieldDescriptor *list = first_list(type);
	const uint8_t *at = bytes.data, *end = at + bytes.len;
	struct scan_field found;
	size_t n = 0;
	while (list && scan_next(&at, end, &found) > 0)
		n += found.number == list->id;
	return n;
}

struct view json_find_text(const ProtobufCMessageDescriptor *type, struct view bytes, const char *name)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(type, name);
	const uint8_t *at = bytes.data, *end = at + bytes.len;
	struct view text = {(const uint8_t *)"", 0};
	struct scan_field found;
	while (f && f->type == PROTOBUF_C_TYPE_STRING && scan_next(&at, end, &found) > 0)
		if (found.number == f->id && found.type == SCAN_LENGTH)
			text = scan_view(&found);
	return text;
}
