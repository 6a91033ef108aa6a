#include "daemon/http/events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/problem.h"
#include "lib/base/arena.h"
#include "lib/base/heap.h"
#include "lib/base/text.h"
#include "lib/wire/json.h"
#include "lib/wire/put.h"
#include "lib/wire/wire.h"

struct events {
	struct buf fields; /* of each request */
	char cursor[CANDOR_NAME_MAX + 1]; /* of the next one; "": that among the fields */
	bool has_asked; /* once; from then on it waits for what happens */
	struct buf text; /* to be sent */
	bool has_ended;
};

/* As the message has it. */
static uint32_t number_of(const char *field)
{
	const ProtobufCMessageDescriptor *type = json_request_type(CANDOR_REQ_LIST_CHANGES);
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(type, field);
	require(f);
	return f->id;
}

int events_new(struct events **out, struct buf *fields, const char *after)
{
	size_t len = after ? strlen(after) : 0;
	if (len > CANDOR_NAME_MAX || (after && text_fault(after, len)))
		return ERR_MALFORMED;
	struct events *e = calloc(1, sizeof *e);
	if (!e)
		return -ENOMEM;
	e->fields = *fields;
	*fields = (struct buf){0};
	memcpy(e->cursor, after ? after : "", len);
	*out = e;
	return 0;
}

void events_free(struct events *e)
{
	if (!e)
		return;
	buf_free(&e->fields);
	buf_free(&e->text);
	free(e);
}

int events_ask(struct events *e, struct buf *message)
{
	/* Of a field that is given twice the last one counts. The first page comes at once: a client waits for the
	 * head. */
	size_t len = strlen(e->cursor);
	int err = e->fields.len > 0 ? buf_append(message, e->fields.data, e->fields.len) : 0;
	uint8_t *to = !err && len > 0 ? put_bytes(message, number_of("cursor"), len) : NULL;
	if (err || (len > 0 && !to))
		return -ENOMEM;
	if (to)
		memcpy(to, e->cursor, len);
	err = put_number(message, number_of("limit"), EVENTS_ROWS);
	if (!err)
		err = put_number(message, number_of("wait_ms"), e->has_asked ? EVENTS_WAIT_MS : 0);
	e->has_asked = true;
	return err;
}

/* ---- what is sent ---- */

static int put_row(struct events *e, const struct candor_item *item, const ProtobufCMessage *row)
{
	/* Clients tell events apart by what happened: the state that the item has since. */
	static const char *const kinds[] = {
		[CANDOR_STATE_UNSPECIFIED] = "change", [CANDOR_OPEN] = "open", [CANDOR_CLOSED] = "closed",
		[CANDOR_RESOLVED] = "resolved",        [CANDOR_VOID] = "void",
	};
	struct json_out j = {.out = &e->text};
	int err =
		buf_printf(&e->text, "id: %s\nevent: %s\ndata: ", item->cursor ? item->cursor : "", kinds[item->state]);
	if (err)
		return err;
	json_out_message(&j, row);
	return j.err ? j.err : buf_append(&e->text, "\n\n", 2);
}

static int put_page(struct events *e, const struct candor_response *r, struct arena *a)
{
	const ProtobufCMessage *body, *const *rows;
	int err = json_body(r, a, &body);
	if (err)
		return err;
	size_t n = json_rows(body, &rows);
	for (size_t i = 0; i < n && i < r->n && !err; i++)
		err = put_row(e, &r->items[i], rows[i]);
	if (!err && n == 0)
		err = buf_append(&e->text, ":\n\n", 3); /* so that a connection that is dead is noticed */
	if (r->next && strlen(r->next) < sizeof e->cursor)
		memcpy(e->cursor, r->next, strlen(r->next) + 1);
	return err;
}

static int put_refusal(struct events *e, const struct wire_answer *a, struct arena *arena)
{
	char *detail = arena_printf(arena, "%.*s", (int)a->message.len, (const char *)a->message.data);
	const struct problem p = {.code = a->code, .detail = detail, .retry_after_ms = a->retry_after_ms};
	int err = buf_printf(&e->text, "event: error\ndata: ");
	if (!err)
		err = problem_body(&p, &e->text);
	e->has_ended = true;
	return err ? err : buf_append(&e->text, "\n", 1);
}

int events_take(struct events *e, const struct wire_answer *a, struct view response)
{
	struct arena arena;
	struct candor_response r;
	int err;
	arena_init(&arena, SIZE_MAX / 2); /* of a page that this daemon made */
	if (a->code != CANDOR_OK) {
		err = put_refusal(e, a, &arena);
	} else {
		err = wire_decode_response(&arena, response.data, response.len, &r);
		if (!err)
			err = put_page(e, &r, &arena);
	}
	arena_free(&arena);
	return err;
}

struct events_body {
	struct body body;
	struct events *of;
};

static int next_text(struct body *b, size_t want, struct buf *out)
{
	struct events *e = ((struct events_body *)b)->of;
	(void)want; /* a page is no longer than a piece, as a rule */
	int err = e->text.len > 0 ? buf_append(out, e->text.data, e->text.len) : 0;
	buf_free(&e->text);
	return err ? err : !e->has_ended;
}

static void free_body(struct body *b)
{
	free(b);
}

static size_t bytes_of_body(const struct body *b)
{
	(void)b;
	return heap_bytes(sizeof(struct events_body));
}

int events_body(struct events *e, struct body **out)
{
	struct events_body *b = malloc(sizeof *b);
	if (!b)
		return -ENOMEM;
	*b = (struct events_body){.body = {.next = next_text, .free = free_body, .bytes = bytes_of_body}, .of = e};
	*out = &b->body;
	return 0;
}

bool events_have_text(const struct events *e)
{
	return e->text.len > 0 || e->has_ended;
}

void events_end(struct events *e)
{
	e->has_ended = true;
}

bool events_have_ended(const struct events *e)
{
	return e->has_ended;
}

size_t events_bytes(const struct events *e)
{
	return e ? heap_bytes(sizeof *e) + heap_bytes(e->fields.cap) + heap_bytes(e->text.cap) : 0;
}
