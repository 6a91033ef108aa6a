#include "lib/wire/json_lines.h"

#include <string.h>

void json_lines_init(struct json_lines *l, const ProtobufCMessageDescriptor *type, size_t max_bytes, struct buf *out)
{
	const ProtobufCFieldDescriptor *list = type->fields, *end = list + type->n_fields;
	while (list < end && (list->label != PROTOBUF_C_LABEL_REPEATED || list->type != PROTOBUF_C_TYPE_MESSAGE))
		list++;
	require(list < end);
	json_in_init_row(&l->in, list, max_bytes, out);
	l->line = 0;
	l->in_line = l->is_skipping = false;
}

void json_lines_free(struct json_lines *l)
{
	json_in_free(&l->in);
}

static void begin_line(struct json_lines *l)
{
	json_in_next_row(&l->in);
	l->line++;
	l->start = l->in.out->len;
	l->in_line = true;
	l->is_skipping = false;
}

/* Returns err. */
static int refuse_line(struct json_lines *l, int err)
{
	l->in.out->len = l->start;
	l->is_skipping = true;
	return err;
}

static int end_line(struct json_lines *l)
{
	l->in_line = false;
	if (l->is_skipping || !json_in_is_begun(&l->in))
		return 0;
	int err = json_in_end(&l->in);
	return err ? refuse_line(l, err) : 1;
}

int json_lines_next(struct json_lines *l, const uint8_t **bytes, size_t *len)
{
	while (*len > 0) {
		const uint8_t *from = *bytes, *end = memchr(from, '\n', *len);
		const size_t n = end ? (size_t)(end - from) : *len;
		if (!l->in_line)
			begin_line(l);
		*bytes += n + (end != NULL);
		*len -= n + (end != NULL);
		int err = l->is_skipping ? 0 : json_in_push(&l->in, from, n);
		if (err)
			refuse_line(l, err);
		int done = end ? end_line(l) : 0;
		if (err || done)
			return err ? err : done;
	}
	return 0;
}

int json_lines_end(struct json_lines *l)
{
	return l->in_line ? end_line(l) : 0;
}
