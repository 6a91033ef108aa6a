#include "daemon/http/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/heap.h"

void answer_set(struct answer *a, unsigned status, const char *type, struct body *body)
{
	a->status = status;
	a->type = type;
	a->body = body;
}

int answer_set_problem(struct answer *a, const struct problem *p)
{
	struct buf text = {0};
	struct body *body = NULL;
	body_free(a->body);
	a->body = NULL;
	a->lines.len = 0;
	int err = problem_body(p, &text);
	if (!err)
		err = problem_headers(p, &a->lines);
	if (!err)
		err = body_of_bytes(&body, &text);
	buf_free(&text);
	if (!err)
		answer_set(a, p->status ? p->status : problem_status(p->code), PROBLEM_TYPE, body);
	return err;
}

void answer_free(struct answer *a)
{
	body_free(a->body);
	gzip_free(a->gzip);
	buf_free(&a->lines);
	*a = (struct answer){0};
}

size_t answer_bytes(const struct answer *a)
{
	return heap_bytes(a->lines.cap) + body_bytes(a->body) + gzip_bytes(a->gzip);
}

static int put_line(struct buf *out, const char *name, const char *value)
{
	const size_t name_len = strlen(name), value_len = strlen(value), len = name_len + value_len + 2;
	uint8_t *to = buf_reserve(out, len);
	if (!to)
		return -ENOMEM;
	memcpy(to, name, name_len);
	memcpy(to + name_len, value, value_len);
	memcpy(to + len - 2, "\r\n", 2);
	out->len += len;
	return 0;
}

/* The last `n` digits of x. */
static void write_digits(char *to, size_t n, unsigned x)
{
	for (; n > 0; x /= 10)
		to[--n] = (char)('0' + x % 10);
}

static int put_status(unsigned status, struct buf *out)
{
	char start[] = "HTTP/1.1 ___ ";
	write_digits(start + 9, 3, status);
	return put_line(out, start, problem_reason(status));
}

/* As RFC 9110 has it, in whatever language the machine speaks. */
static int put_date(uint64_t now_ms, struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char date[] = "___, __ ___ ____ __:__:__ GMT";
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm t;
	if (now_ms == 0 || !gmtime_r(&seconds, &t))
		return 0;
	memcpy(date, days + 3 * t.tm_wday, 3);
	write_digits(date + 5, 2, (unsigned)t.tm_mday);
	memcpy(date + 8, months + 3 * t.tm_mon, 3);
	write_digits(date + 12, 4, (unsigned)t.tm_year + 1900);
	write_digits(date + 17, 2, (unsigned)t.tm_hour);
	write_digits(date + 20, 2, (unsigned)t.tm_min);
	write_digits(date + 23, 2, (unsigned)t.tm_sec);
	return put_line(out, "Date: ", date);
}

static int put_length(size_t len, struct buf *out)
{
	char text[24] = "", *at = text + sizeof text - 1;
	do
		*--at = (char)('0' + len % 10);
	while ((len /= 10) > 0);
	return put_line(out, "Content-Length: ", at);
}

/* len: of the body; SIZE_MAX: it is not known. */
static int put_head(struct answer *a, size_t len, uint64_t now_ms, struct buf *out)
{
	static const char rest[] = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n";
	a->is_chunked = len == SIZE_MAX && a->minor > 0;
	a->closes = a->closes || (len == SIZE_MAX && a->minor == 0);
	int err = put_status(a->status, out);
	if (!err)
		err = put_date(now_ms, out);
	if (!err && a->type)
		err = put_line(out, "Content-Type: ", a->type);
	if (!err && a->gzip)
		err = put_line(out, "Content-Encoding: ", "gzip");
	if (!err && a->is_chunked)
		err = put_line(out, "Transfer-Encoding: ", "chunked");
	else if (!err && len != SIZE_MAX && a->status != 204)
		err = put_length(len, out);
	if (!err)
		err = buf_append(out, a->lines.data, a->lines.len);
	if (!err && (a->closes || a->minor == 0))
		err = put_line(out, "Connection: ", a->closes ? "close" : "keep-alive");
	return err ? err : buf_append(out, rest, sizeof rest - 1);
}

/* The next of the body. 1: there is more. */
static int make_piece(struct answer *a, struct buf *out)
{
	size_t before = out->len;
	int more = body_next(a->body, ANSWER_PIECE_BYTES, out);
	a->work += out->len - before;
	return more;
}

static int compress(struct answer *a, const struct buf *plain, bool more, struct buf *out)
{
	enum { COST = 4 }; /* to what it takes to make them */
	a->work += COST * plain->len;
	return gzip_add(a->gzip, plain->data, plain->len, !more, out);
}

/* The same as it is sent. */
static int next_piece(struct answer *a, struct buf *out)
{
	struct buf plain = {0};
	if (!a->gzip)
		return make_piece(a, out);
	int more = make_piece(a, &plain);
	int err = more < 0 ? more : compress(a, &plain, more, out);
	buf_free(&plain);
	return err ? err : more;
}

/* In a chunk, where there are chunks. 1: there is more. */
static int put_piece(struct answer *a, struct buf *out)
{
	enum { DIGITS = 8, HEAD = DIGITS + 2 };
	char head[16];
	size_t start = out->len;
	if (!a->is_chunked)
		return next_piece(a, out);
	int err = buf_append(out, "00000000\r\n", HEAD);
	int more = err ? err : next_piece(a, out);
	if (more < 0)
		return more;
	size_t len = out->len - start - HEAD;
	if (len == 0) {
		out->len = start;
		return more;
	}
	snprintf(head, sizeof head, "%08x\r\n", (unsigned)len);
	memcpy(out->data + start, head, HEAD);
	err = buf_append(out, "\r\n", 2);
	return err ? err : more;
}

static int end(struct answer *a, struct buf *out)
{
	a->is_done = true;
	body_free(a->body);
	a->body = NULL;
	return a->is_chunked && !a->is_head ? buf_append(out, "0\r\n\r\n", 5) : 0;
}

/* The first piece, compressed where that is worth it. 1: there is more. */
static int first_piece(struct answer *a, struct buf *out)
{
	struct buf plain = {0};
	int more = a->body ? make_piece(a, &plain) : 0, err = more < 0 ? more : 0;
	bool worth_it = a->takes_gzip && !a->is_stream && (more || plain.len > ANSWER_GZIP_BYTES);
	if (!err && worth_it)
		err = gzip_new(&a->gzip);
	if (!err && worth_it)
		err = compress(a, &plain, more, out);
	if (worth_it || err) {
		buf_free(&plain);
		return err ? err : more;
	}
	*out = plain;
	return more;
}

static int begin(struct answer *a, uint64_t now_ms, struct buf *out)
{
	struct buf first = {0};
	int more = first_piece(a, &first);
	int err = more < 0 ? more : put_head(a, more || a->is_stream ? SIZE_MAX : first.len, now_ms, out);
	a->has_begun = true;
	if (!err && !a->is_head && first.len > 0) {
		err = a->is_chunked ? buf_printf(out, "%zx\r\n", first.len) : 0;
		if (!err)
			err = buf_append(out, first.data, first.len);
		if (!err && a->is_chunked)
			err = buf_append(out, "\r\n", 2);
	}
	buf_free(&first);
	if (err)
		return err;
	return more > 0 && !a->is_head ? 0 : end(a, out);
}

int answer_next(struct answer *a, uint64_t now_ms, struct buf *out)
{
	if (!a->has_begun)
		return begin(a, now_ms, out);
	int more = put_piece(a, out);
	return more < 0 ? more : more > 0 ? 0 : end(a, out);
}
