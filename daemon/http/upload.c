#include "daemon/http/upload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/heap.h"
#include "lib/wire/json_lines.h"
#include "lib/wire/json.h"
#include "lib/wire/wire.h"

enum {
	ROWS_MAX = 512, /* of a request */
	ROW_BYTES = 2 * 1024, /* more than a good row has */
	PIECE_BYTES = 14 * 1024, /* which with one more row is small, as sessions count */
	UNDER_WAY_MAX = 16,
	LISTED_MAX = 1000, /* rows that were rejected */
};

/* A request. Lines with a fault have no row, so each row has the number of its line. */
struct piece {
	struct piece *next;
	uint64_t id;
	uint64_t last_line_before, index_before;
	size_t n;
	uint32_t lines[ROWS_MAX], indexes[ROWS_MAX]; /* less those before */
};

struct rejected {
	uint64_t line, index;
	enum candor_code code;
	char *sentence;
};

struct upload {
	struct upload_target target;
	struct json_lines reader;
	struct buf fields; /* of each request */
	struct buf rows; /* of the next one */
	size_t rows_max;
	struct piece *filling; /* NULL: it has no row */
	struct piece *first, **last; /* under way, in order */
	size_t under_way;
	struct buf waiting; /* what is not read yet */
	bool is_held, has_ended, is_read;
	uint64_t index; /* of the next row; those that are none count as well */
	uint64_t accepted, duplicates, revised, n_rejected;
	struct rejected *rejected; /* [LISTED_MAX] */
	size_t n_listed, listed_bytes;
	/* Of the first request that was refused. */
	enum candor_code code;
	uint32_t retry_after_ms;
	unsigned status; /* 0: that of the code */
	uint64_t recorded; /* up to this line */
	char sentence[512];
};

int upload_new(struct upload **out, const struct upload_target *target, struct buf *fields)
{
	struct upload *u = calloc(1, sizeof *u);
	if (!u)
		return -ENOMEM;
	u->target = *target;
	u->fields = *fields;
	*fields = (struct buf){0};
	u->last = &u->first;
	size_t room = target->max_frame_bytes - WIRE_REQUEST_HEAD_MAX;
	u->rows_max = room > u->fields.len ? room - u->fields.len : 0;
	if (u->rows_max > PIECE_BYTES + ROW_BYTES)
		u->rows_max = PIECE_BYTES + ROW_BYTES;
	json_lines_init(&u->reader, json_request_type(target->kind), u->rows_max, &u->rows);
	*out = u;
	return 0;
}

void upload_free(struct upload *u)
{
	if (!u)
		return;
	while (u->first) {
		struct piece *p = u->first;
		u->first = p->next;
		free(p);
	}
	free(u->filling);
	for (size_t i = 0; i < u->n_listed; i++)
		free(u->rejected[i].sentence);
	free(u->rejected);
	json_lines_free(&u->reader);
	buf_free(&u->fields);
	buf_free(&u->rows);
	buf_free(&u->waiting);
	free(u);
}

/* ---- rows ---- */

static int reject(struct upload *u, uint64_t line, uint64_t index, enum candor_code code, const char *sentence)
{
	u->n_rejected++;
	if (u->n_listed == LISTED_MAX)
		return 0;
	if (!u->rejected && !(u->rejected = malloc(LISTED_MAX * sizeof *u->rejected)))
		return -ENOMEM;
	char *copy = strdup(sentence);
	if (!copy)
		return -ENOMEM;
	u->rejected[u->n_listed++] = (struct rejected){line, index, code, copy};
	u->listed_bytes += heap_bytes(strlen(sentence) + 1);
	return 0;
}

static int send(struct upload *u)
{
	uint8_t head[WIRE_REQUEST_HEAD_MAX];
	const struct upload_target *t = &u->target;
	struct piece *p = u->filling;
	if (!p)
		return 0;
	size_t n = wire_request_head(t->kind, ++*t->last_id, u->fields.len + u->rows.len, head);
	int err = t->host->submit(t->owner, head, n);
	if (!err)
		err = t->host->submit(t->owner, u->fields.data, u->fields.len);
	if (!err)
		err = t->host->submit(t->owner, u->rows.data, u->rows.len);
	u->rows.len = 0;
	p->id = *t->last_id;
	*u->last = p;
	u->last = &p->next;
	u->under_way++;
	u->filling = NULL;
	return err;
}

static int add_row(struct upload *u)
{
	struct piece *p = u->filling;
	if (!p) {
		if (!(p = malloc(sizeof *p)))
			return -ENOMEM;
		p->next = NULL;
		p->n = 0;
		p->last_line_before = u->reader.line - 1;
		p->index_before = u->index;
		u->filling = p;
	}
	p->lines[p->n] = (uint32_t)(u->reader.line - p->last_line_before);
	p->indexes[p->n++] = (uint32_t)(u->index++ - p->index_before);
	/* Lines without a row are not counted against it. */
	bool is_far = u->reader.line - p->last_line_before > UINT32_MAX / 2;
	bool is_full = p->n == ROWS_MAX || is_far || u->rows_max - u->rows.len < ROW_BYTES;
	return is_full ? send(u) : 0;
}

/* What reading a line came to. */
static int take_line(struct upload *u, int got)
{
	if (got == 1)
		return add_row(u);
	if (got == ERR_MALFORMED)
		return reject(u, u->reader.line, u->index++, CANDOR_INVALID_ARGUMENT, u->reader.in.fault);
	if (got == ERR_TOO_BIG)
		return reject(u, u->reader.line, u->index++, CANDOR_RESOURCE_EXHAUSTED,
			      "the row is longer than max_frame_bytes");
	return got;
}

static bool may_send(const struct upload *u)
{
	return !u->is_held && u->code == CANDOR_OK && u->under_way < UNDER_WAY_MAX;
}

static int read_on(struct upload *u, const uint8_t **bytes, size_t *len)
{
	int err = 0;
	while (!err && *len > 0 && may_send(u))
		err = take_line(u, json_lines_next(&u->reader, bytes, len));
	return err;
}

/* As far as is possible now. */
static int go_on(struct upload *u)
{
	const uint8_t *at = u->waiting.data;
	size_t left = u->waiting.len;
	int err = read_on(u, &at, &left);
	if (left == 0)
		buf_free(&u->waiting);
	else
		buf_consume(&u->waiting, u->waiting.len - left);
	if (err || !u->has_ended || u->is_read || left > 0 || !may_send(u))
		return err;
	u->is_read = true;
	err = take_line(u, json_lines_end(&u->reader));
	return err ? err : send(u);
}

int upload_take(struct upload *u, const uint8_t *bytes, size_t len)
{
	int err = u->waiting.len == 0 ? read_on(u, &bytes, &len) : 0;
	if (err || len == 0 || u->code != CANDOR_OK)
		return err;
	return buf_append(&u->waiting, bytes, len);
}

int upload_end(struct upload *u)
{
	u->has_ended = true;
	return go_on(u);
}

int upload_hold(struct upload *u, bool held)
{
	u->is_held = held;
	return go_on(u);
}

bool upload_is_full(const struct upload *u)
{
	return u->waiting.len > 0 || !may_send(u);
}

bool upload_waits(const struct upload *u)
{
	return u->under_way > 0;
}

/* ---- answers ---- */

static int add_counts(struct upload *u, const struct piece *p, const struct candor_response *r)
{
	int err = 0;
	u->accepted += r->batch.accepted;
	u->duplicates += r->batch.duplicates;
	u->revised += r->batch.revised;
	u->n_rejected += r->batch.rejected_omitted;
	for (size_t i = 0; i < r->n_rejected && !err; i++) {
		size_t row = r->rejected[i].index;
		if (row < p->n)
			err = reject(u, p->last_line_before + p->lines[row], p->index_before + p->indexes[row],
				     r->rejected[i].code, r->rejected[i].message);
	}
	return err;
}

/* Sends nothing further. */
static void refuse(struct upload *u, const struct piece *p, const struct wire_answer *a)
{
	if (u->code != CANDOR_OK && u->recorded <= p->last_line_before)
		return;
	size_t len = a->message.len < sizeof u->sentence ? a->message.len : sizeof u->sentence - 1;
	u->code = a->code;
	u->status = 0;
	u->retry_after_ms = a->retry_after_ms;
	u->recorded = p->last_line_before;
	memcpy(u->sentence, a->message.data, len);
	u->sentence[len] = 0;
	buf_free(&u->waiting);
}

static struct view inside(const struct buf *frame)
{
	size_t head = 0;
	while (head < frame->len && frame->data[head] & 0x80)
		head++;
	return (struct view){frame->data + head + 1, frame->len - head - 1};
}

static struct piece *take_piece(struct upload *u, uint64_t id)
{
	for (struct piece **at = &u->first; *at; at = &(*at)->next) {
		struct piece *p = *at;
		if (p->id != id)
			continue;
		*at = p->next;
		if (u->last == &p->next)
			u->last = at;
		u->under_way--;
		return p;
	}
	return NULL;
}

int upload_answered(struct upload *u, const struct wire_answer *a, const struct buf *frame)
{
	struct arena arena;
	struct candor_response r;
	struct piece *p = take_piece(u, a->id);
	if (!p)
		return 0;
	struct view response = inside(frame);
	int err = 0;
	arena_init(&arena, SIZE_MAX / 2); /* of what this daemon made of some rows */
	if (a->code != CANDOR_OK)
		refuse(u, p, a);
	else if (!(err = wire_decode_response(&arena, response.data, response.len, &r)))
		err = add_counts(u, p, &r);
	arena_free(&arena);
	free(p);
	if (!err)
		err = go_on(u);
	return err ? err : 1;
}

void upload_break_off(struct upload *u, const struct problem *p, bool unanswered)
{
	if (u->code == CANDOR_OK) {
		u->code = p->code;
		u->status = p->status;
		u->recorded = u->filling ? u->filling->last_line_before : u->reader.line - u->reader.in_line;
		snprintf(u->sentence, sizeof u->sentence, "%s", p->detail);
		buf_free(&u->waiting);
	}
	if (unanswered && u->first && u->first->last_line_before < u->recorded)
		u->recorded = u->first->last_line_before;
	while (unanswered && u->first)
		free(take_piece(u, u->first->id));
}

bool upload_is_done(const struct upload *u)
{
	return u->under_way == 0 && (u->is_read || u->code != CANDOR_OK);
}

/* ---- its own answer ---- */

static int by_line(const void *a, const void *b)
{
	const struct rejected *x = a, *y = b;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int put_counts(const struct upload *u, struct buf *out)
{
	return buf_printf(out, "\"accepted\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"revised\":%" PRIu64, u->accepted,
			  u->duplicates, u->revised);
}

static int finish_good(struct upload *u, struct answer *a)
{
	struct buf text = {0};
	struct body *body = NULL;
	struct json_out j = {.out = &text};
	json_out_open(&j, '{');
	if (!j.err)
		j.err = put_counts(u, &text);
	j.follows = true;
	json_out_key(&j, "rejected");
	json_out_open(&j, '[');
	if (u->n_listed > 0)
		qsort(u->rejected, u->n_listed, sizeof *u->rejected, by_line);
	for (const struct rejected *r = u->rejected; r && r < u->rejected + u->n_listed; r++) {
		json_out_open(&j, '{');
		json_out_key(&j, "index");
		json_out_count(&j, r->index);
		json_out_key(&j, "line");
		json_out_count(&j, r->line);
		json_out_key(&j, "code");
		json_out_code(&j, r->code);
		json_out_key(&j, "message");
		json_out_text(&j, r->sentence);
		json_out_close(&j, '}');
	}
	json_out_close(&j, ']');
	if (u->n_rejected > u->n_listed) {
		json_out_key(&j, "rejected_omitted");
		json_out_count(&j, u->n_rejected - u->n_listed);
	}
	json_out_close(&j, '}');
	int err = j.err ? j.err : buf_append(&text, "\n", 1);
	if (!err && !(err = body_of_bytes(&body, &text)))
		answer_set(a, 200, "application/json", body);
	buf_free(&text);
	return err;
}

static int finish_bad(struct upload *u, struct answer *a)
{
	char detail[sizeof u->sentence + 128];
	struct buf members = {0};
	int err = buf_printf(&members, "\"lines_recorded\":%" PRIu64 ",", u->recorded);
	if (!err)
		err = put_counts(u, &members);
	if (!err)
		err = buf_append(&members, "", 1);
	if (u->recorded > 0)
		snprintf(detail, sizeof detail, "%s; lines 1 to %" PRIu64 " were recorded: repeat from line %" PRIu64,
			 u->sentence, u->recorded, u->recorded + 1);
	else
		snprintf(detail, sizeof detail, "%s", u->sentence);
	const struct problem p = {
		.status = u->status,
		.code = u->code,
		.detail = detail,
		.retry_after_ms = u->retry_after_ms,
		.members = (const char *)members.data,
	};
	if (!err)
		err = answer_set_problem(a, &p);
	buf_free(&members);
	return err;
}

int upload_finish(struct upload *u, struct answer *a)
{
	return u->code == CANDOR_OK ? finish_good(u, a) : finish_bad(u, a);
}

size_t upload_bytes(const struct upload *u)
{
	size_t pieces = u->under_way + (u->filling != NULL);
	return heap_bytes(sizeof *u) + json_in_bytes(&u->reader.in) + heap_bytes(u->fields.cap) +
	       heap_bytes(u->rows.cap) + heap_bytes(u->waiting.cap) + pieces * heap_bytes(sizeof(struct piece)) +
	       (u->rejected ? heap_bytes(LISTED_MAX * sizeof *u->rejected) : 0) + u->listed_bytes;
}
