#include "daemon/http/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/http/cookie.h"
#include "daemon/http/openapi.h"
#include "lib/base/heap.h"
#include "lib/base/wipe.h"
#include "lib/wire/json_pieces.h"
#include "lib/wire/wire.h"

#define JSON_TYPE "application/json"
#define NDJSON_TYPE "application/x-ndjson"

enum { DRAINED_MAX = 64 * 1024 };

struct exchange *exchange_new(const struct door_limits *limits, const struct door_host *host, void *owner,
			      uint64_t *last_id, const struct head *head)
{
	struct exchange *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	x->limits = limits;
	x->host = host;
	x->owner = owner;
	x->last_id = last_id;
	x->head = head;
	x->is_complete = !head->has_body;
	x->is_drained = head->content_length <= DRAINED_MAX && !head->is_chunked && !head->expects_continue;
	x->answer.minor = head->minor;
	x->answer.is_head = head->method == METHOD_HEAD;
	x->answer.takes_gzip = gzip_is_accepted(head->fields[FIELD_ACCEPT_ENCODING]);
	x->answer.closes = !head->keeps_alive;
	return x;
}

static void end_reading(struct exchange *x)
{
	if (x->in)
		json_in_free(x->in);
	free(x->in);
	x->in = NULL;
}

static void drop_request(struct exchange *x)
{
	end_reading(x);
	upload_free(x->upload);
	x->upload = NULL;
	buf_free(&x->message);
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;
	drop_request(x);
	answer_free(&x->answer);
	events_free(x->events);
	if (x->token)
		wipe(x->token, strlen(x->token));
	free(x->token);
	free(x);
}

size_t exchange_bytes(const struct exchange *x)
{
	size_t reading = x->in ? heap_bytes(sizeof *x->in) + json_in_bytes(x->in) : 0;
	return heap_bytes(sizeof *x) + heap_bytes(x->message.cap) + reading + answer_bytes(&x->answer) +
	       events_bytes(x->events) + (x->upload ? upload_bytes(x->upload) : 0);
}

int exchange_refuse(struct exchange *x, const struct problem *p)
{
	drop_request(x);
	return answer_set_problem(&x->answer, p);
}

static int refuse(struct exchange *x, unsigned status, enum candor_code code, const char *detail)
{
	const struct problem p = {.status = status, .code = code, .detail = detail};
	return exchange_refuse(x, &p);
}

/* ---- the request ---- */

static bool has_media_type(const char *value, const char *type)
{
	size_t len = strlen(type);
	return value && strncasecmp(value, type, len) == 0 && (!value[len] || strchr("; \t", value[len]));
}

static bool takes_body(const struct exchange *x)
{
	return x->match.route->from == ROUTE_FROM_JSON || x->match.route->from == ROUTE_FROM_ROWS;
}

/* {"token"}: what becomes a cookie. No message of the protocol has this form. */
static const ProtobufCFieldDescriptor token_field = {
	.name = "token",
	.id = 1,
	.label = PROTOBUF_C_LABEL_NONE,
	.type = PROTOBUF_C_TYPE_STRING,
};
static const unsigned token_by_name[] = {0};
static const ProtobufCIntRange token_ranges[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor token_body = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "token",
	.short_name = "token",
	.n_fields = 1,
	.fields = &token_field,
	.fields_sorted_by_name = token_by_name,
	.n_field_ranges = 1,
	.field_ranges = token_ranges,
};

static int begin_reading(struct exchange *x)
{
	const char *names[ROUTE_NAMES_MAX + 1];
	x->in = malloc(sizeof *x->in);
	if (!x->in)
		return -ENOMEM;
	bool is_page = x->match.route->page != ROUTE_NO_PAGE;
	json_in_init(x->in, is_page ? &token_body : json_request_type(x->match.route->kind),
		     x->limits->max_frame_bytes - WIRE_REQUEST_HEAD_MAX, &x->message);
	for (size_t i = is_page ? 0 : routes_given(x->match.route, names); i-- > 0;)
		json_in_refuse(x->in, names[i]);
	return 0;
}

static int begin_upload(struct exchange *x)
{
	const struct upload_target target = {
		.host = x->host,
		.owner = x->owner,
		.last_id = x->last_id,
		.kind = x->match.route->kind,
		.max_frame_bytes = x->limits->max_frame_bytes,
	};
	return upload_new(&x->upload, &target, &x->message);
}

static int check_body(struct exchange *x)
{
	const struct head *h = x->head;
	const char *coding = h->fields[FIELD_CONTENT_ENCODING];
	if (!takes_body(x))
		return h->has_body ? refuse(x, 400, CANDOR_INVALID_ARGUMENT, "this request takes no body") : 0;
	if (h->has_body && coding && strcasecmp(coding, "identity") != 0)
		return refuse(x, 415, CANDOR_INVALID_ARGUMENT,
			      "the body must not be encoded: Content-Encoding is not taken");
	const char *type = h->fields[FIELD_CONTENT_TYPE];
	if (x->match.route->from == ROUTE_FROM_ROWS && has_media_type(type, NDJSON_TYPE))
		return begin_upload(x);
	if (h->has_body && !has_media_type(type, JSON_TYPE))
		return refuse(x, 415, CANDOR_INVALID_ARGUMENT,
			      x->match.route->from == ROUTE_FROM_ROWS
				      ? "Content-Type must be application/json or application/x-ndjson"
				      : "Content-Type must be application/json");
	return begin_reading(x);
}

int exchange_begin(struct exchange *x)
{
	const struct head *h = x->head;
	if (h->method == METHOD_OTHER)
		return refuse(x, 501, CANDOR_INVALID_ARGUMENT, "the method is not known");
	unsigned status = routes_find(method_name(h->method), h->path, &x->match);
	if (status) {
		const struct problem p = {
			.status = status,
			.code = status == 404 ? CANDOR_NOT_FOUND : CANDOR_INVALID_ARGUMENT,
			.detail = x->match.fault,
			.allow = x->match.allow[0] ? x->match.allow : NULL,
		};
		return exchange_refuse(x, &p);
	}
	int err = routes_pack(&x->match, h->query, &x->message);
	if (err == ERR_MALFORMED)
		return refuse(x, 400, CANDOR_INVALID_ARGUMENT, x->match.fault);
	return err ? err : check_body(x);
}

static int too_long(struct exchange *x)
{
	return refuse(x, 413, CANDOR_RESOURCE_EXHAUSTED,
		      "the request is longer than max_frame_bytes; send less at a time");
}

/* What came of reading a piece of the body. */
static int read_on(struct exchange *x, int err)
{
	char fault[JSON_FAULT_BYTES];
	if (err == ERR_TOO_BIG)
		return too_long(x);
	if (err != ERR_MALFORMED)
		return err;
	memcpy(fault, x->in->fault, sizeof fault); /* what reads the body is gone before the answer is made */
	return refuse(x, 400, CANDOR_INVALID_ARGUMENT, fault);
}

int exchange_take(struct exchange *x, const uint8_t *bytes, size_t len)
{
	if (exchange_has_answer(x))
		return 0;
	if (x->upload)
		return upload_take(x->upload, bytes, len);
	return x->in ? read_on(x, json_in_push(x->in, bytes, len)) : 0;
}

/* Its answer, if it is done. */
static int finish_upload(struct exchange *x)
{
	if (!upload_is_done(x->upload))
		return 0;
	int err = upload_finish(x->upload, &x->answer);
	drop_request(x);
	return err;
}

int exchange_break_off(struct exchange *x, const struct problem *p, bool unanswered)
{
	if (!x->upload)
		return exchange_refuse(x, p);
	upload_break_off(x->upload, p, unanswered);
	return finish_upload(x);
}

static int submit(struct exchange *x)
{
	uint8_t head[WIRE_REQUEST_HEAD_MAX];
	uint64_t id = ++*x->last_id;
	size_t n = wire_request_head(x->match.route->kind, id, x->message.len, head);
	if (n + x->message.len > x->limits->max_frame_bytes)
		return too_long(x);
	int err = x->host->submit(x->owner, head, n);
	if (!err && x->message.len > 0)
		err = x->host->submit(x->owner, x->message.data, x->message.len);
	buf_free(&x->message);
	x->id = id;
	return err;
}

static enum door_page page_of(enum route_page page)
{
	return page == ROUTE_LIVEZ ? DOOR_LIVEZ : page == ROUTE_READYZ ? DOOR_READYZ : DOOR_METRICS;
}

static int ask_page(struct exchange *x)
{
	const struct door_ops *ops = x->limits->ops;
	const char *accept = x->head->fields[FIELD_ACCEPT];
	const struct door_question q = {
		.query = x->head->query,
		.accept = accept ? accept : "",
		.who = x->host->who(x->owner),
	};
	struct door_page_answer a = {0};
	if (!ops || !ops->page)
		return refuse(x, 404, CANDOR_NOT_FOUND, "there is no such page here");
	int err = ops->page(ops->owner, page_of(x->match.route->page), &q, &a);
	if (err)
		return err;
	if (a.code != CANDOR_OK)
		return refuse(x, 0, a.code, a.sentence);
	answer_set(&x->answer, a.status, a.type, a.body);
	return 0;
}

/* What can be asked, for machines. */
static int describe(struct exchange *x)
{
	struct body *body;
	int err = openapi_body(&body);
	if (!err)
		answer_set(&x->answer, 200, JSON_TYPE, body);
	return err;
}

/* Or removes it. */
static int set_cookie(struct exchange *x, bool is_new)
{
	const struct door_ops *ops = x->limits->ops;
	if (!ops)
		return refuse(x, 404, CANDOR_NOT_FOUND, "there is no such page here");
	if (is_new && !x->token)
		return refuse(x, 400, CANDOR_INVALID_ARGUMENT, "token is missing");
	answer_set(&x->answer, 204, NULL, NULL);
	return is_new ? cookie_put(&ops->cookie_key, x->token, ops->now_ms(ops->owner), x->is_encrypted,
				   &x->answer.lines)
		      : cookie_put_end(x->is_encrypted, &x->answer.lines);
}

static int open_page(struct exchange *x)
{
	switch (x->match.route->page) {
	case ROUTE_METRICS:
	case ROUTE_LIVEZ:
	case ROUTE_READYZ: return ask_page(x);
	case ROUTE_OPENAPI: return describe(x);
	case ROUTE_SESSION_BEGIN: return set_cookie(x, true);
	case ROUTE_SESSION_END: return set_cookie(x, false);
	case ROUTE_NO_PAGE: break;
	}
	return refuse(x, 404, CANDOR_NOT_FOUND, "there is no such page here");
}

int exchange_hold(struct exchange *x, bool held)
{
	return x->upload ? upload_hold(x->upload, held) : 0;
}

const char *exchange_token(struct exchange *x, int *err)
{
	*err = 0;
	if (exchange_has_answer(x) || x->match.route->page != ROUTE_SESSION_BEGIN || !x->in)
		return x->token;
	*err = read_on(x, json_in_end(x->in));
	if (*err || exchange_has_answer(x))
		return NULL;
	/* Its tag and its length stand before it. */
	const uint8_t *at = x->message.data, *end = at + x->message.len;
	while (at < end && *++at & 0x80)
		;
	size_t len = at < end ? (size_t)(end - ++at) : 0;
	if (len == 0 || len > CANDOR_TOKEN_MAX)
		*err = refuse(x, 400, CANDOR_INVALID_ARGUMENT, "token is missing, or longer than 1024 bytes");
	else if (!(x->token = strndup((const char *)at, len)))
		*err = -ENOMEM;
	if (x->message.data)
		wipe(x->message.data, x->message.cap);
	end_reading(x);
	buf_free(&x->message);
	return x->token;
}

static bool wants_stream(const struct exchange *x)
{
	const char *accept = x->head->fields[FIELD_ACCEPT];
	return x->match.route->gives == ROUTE_GIVES_STREAM && x->head->method == METHOD_GET && accept &&
	       strcasestr(accept, EVENTS_TYPE);
}

int exchange_go_on(struct exchange *x)
{
	if (!x->events || x->id > 0 || events_have_text(x->events))
		return 0;
	int err = events_ask(x->events, &x->message);
	return err ? err : submit(x);
}

static int begin_stream(struct exchange *x)
{
	int err = events_new(&x->events, &x->message, x->head->fields[FIELD_LAST_EVENT_ID]);
	if (err == ERR_MALFORMED)
		return refuse(x, 400, CANDOR_INVALID_ARGUMENT, "Last-Event-ID must be the id of an event");
	return err ? err : exchange_go_on(x);
}

int exchange_go(struct exchange *x)
{
	if (x->upload) {
		int failed = upload_end(x->upload);
		return failed ? failed : finish_upload(x);
	}
	if (x->match.route->page != ROUTE_NO_PAGE)
		return open_page(x);
	int err = x->in ? read_on(x, json_in_end(x->in)) : 0;
	end_reading(x);
	if (!err && wants_stream(x))
		return begin_stream(x);
	return err || exchange_has_answer(x) ? err : submit(x);
}

void exchange_end_stream(struct exchange *x)
{
	if (x->events)
		events_end(x->events);
}

/* ---- the answer ---- */

/* An answer's message as JSON, as it is sent. */
struct document {
	struct body body;
	struct json_pieces pieces;
	struct buf frame; /* where the message is */
};

static int next_of_document(struct body *b, size_t want, struct buf *out)
{
	return json_pieces_next(&((struct document *)b)->pieces, want, out);
}

static void free_document(struct body *b)
{
	buf_free(&((struct document *)b)->frame);
	free(b);
}

static size_t bytes_of_document(const struct body *b)
{
	return heap_bytes(sizeof(struct document)) + heap_bytes(((const struct document *)b)->frame.cap);
}

/* Rows alone do not say where their list goes on, so the head does. Cursors are plain words. */
static int put_next(struct exchange *x, const struct wire_answer *a)
{
	const struct view next = json_find_text(json_answer_type(a->type), a->body, "next");
	return next.len == 0
		       ? 0
		       : buf_printf(&x->answer.lines, "Candor-Next: %.*s\r\n", (int)next.len, (const char *)next.data);
}

static int answer_document(struct exchange *x, const struct wire_answer *a, struct buf *frame, enum json_form form)
{
	struct document *d = form == JSON_ROWS && put_next(x, a) ? NULL : malloc(sizeof *d);
	if (!d)
		return -ENOMEM;
	*d = (struct document){
		.body = {.next = next_of_document, .free = free_document, .bytes = bytes_of_document},
		.frame = *frame,
	};
	*frame = (struct buf){0};
	json_pieces_init(&d->pieces, json_answer_type(a->type), a->body, form);
	answer_set(&x->answer, 200, form == JSON_ROWS ? NDJSON_TYPE : JSON_TYPE, &d->body);
	return 0;
}

/* sentence: its bytes, which nobody has checked. */
static int answer_problem(struct exchange *x, enum candor_code code, struct view sentence, uint32_t retry_after_ms)
{
	char detail[1024];
	size_t len = sentence.len < sizeof detail ? sentence.len : sizeof detail - 1;
	memcpy(detail, sentence.data, len);
	detail[len] = 0;
	const struct problem p = {.code = code, .detail = detail, .retry_after_ms = retry_after_ms};
	return exchange_refuse(x, &p);
}

struct view exchange_inside(const struct buf *frame)
{
	size_t head = 0;
	while (head < frame->len && frame->data[head] & 0x80)
		head++;
	return (struct view){frame->data + head + 1, frame->len - head - 1};
}

/* The only row of a list; or why it was rejected. */
static int answer_row(struct exchange *x, const struct wire_answer *a, struct buf *frame)
{
	struct arena arena;
	struct candor_response r;
	if (json_count_rows(json_answer_type(a->type), a->body) > 0)
		return answer_document(x, a, frame, JSON_ROW);
	arena_init(&arena, 64 * 1024);
	struct view response = exchange_inside(frame);
	int err = wire_decode_response(&arena, response.data, response.len, &r);
	if (!err && r.n_rejected > 0) {
		const struct problem p = {.code = r.rejected[0].code, .detail = r.rejected[0].message};
		err = exchange_refuse(x, &p);
	} else {
		err = refuse(x, 404, CANDOR_NOT_FOUND, "there is no such row");
	}
	arena_free(&arena);
	return err;
}

/* What happened goes on with the stream, which begins with the first answer. */
static int answer_events(struct exchange *x, const struct wire_answer *a, const struct buf *frame)
{
	struct body *body;
	x->id = 0;
	int err = events_take(x->events, a, exchange_inside(frame));
	if (err || exchange_has_answer(x) || (err = events_body(x->events, &body)))
		return err;
	x->answer.is_stream = true;
	answer_set(&x->answer, 200, EVENTS_TYPE, body);
	return 0;
}

/* Whether the client asks for that type and not for documents. A list of types in which neither stands asks for
 * anything. */
static bool wants_rows(const struct exchange *x)
{
	const char *accept = x->head->fields[FIELD_ACCEPT];
	const enum route_answer gives = x->match.route->gives;
	return (gives == ROUTE_GIVES_LIST || gives == ROUTE_GIVES_STREAM) && accept &&
	       strcasestr(accept, NDJSON_TYPE) && !strcasestr(accept, JSON_TYPE);
}

int exchange_answered(struct exchange *x, const struct wire_answer *a, struct buf *frame)
{
	if (x->upload && a->id > 0) {
		int mine = upload_answered(x->upload, a, frame);
		return mine < 0 ? mine : mine > 0 ? finish_upload(x) : 0;
	}
	if (x->events && (a->code == CANDOR_OK || exchange_has_answer(x)))
		return answer_events(x, a, frame);
	if (a->code != CANDOR_OK)
		return answer_problem(x, a->code, a->message, a->retry_after_ms);
	if (x->match.route->gives == ROUTE_GIVES_ROW)
		return answer_row(x, a, frame);
	return answer_document(x, a, frame, wants_rows(x) ? JSON_ROWS : JSON_DOCUMENT);
}
