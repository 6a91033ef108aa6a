#include "lib/wire/frame.h"

#include <string.h>

#include "lib/base/wipe.h"

void frame_init(struct frame *f, size_t max_bytes)
{
	*f = (struct frame){.max_bytes = max_bytes};
}

void frame_free(struct frame *f)
{
	buf_free(&f->bytes);
	f->start = 0;
}

int frame_push(struct frame *f, const void *bytes, size_t len)
{
	/* Consumed bytes are dropped here, once a push, and not once a message. */
	if (f->start > 0) {
		buf_consume(&f->bytes, f->start);
		f->start = 0;
		/* A connection that once sent a large frame does not keep its memory for ever. */
		if (f->bytes.len == 0 && f->bytes.cap > 1024 * 1024)
			buf_free(&f->bytes);
	}
	return buf_append(&f->bytes, bytes, len);
}

int frame_peek(const struct frame *f, struct view *message)
{
	size_t available = f->bytes.len - f->start;
	if (available == 0)
		return 0; /* the buffer may own nothing yet */
	const uint8_t *p = f->bytes.data + f->start;
	uint64_t len = 0;
	size_t head = 0;

	for (;;) {
		if (head == available)
			return 0;
		uint8_t byte = p[head];
		len |= (uint64_t)(byte & 0x7f) << (7 * head);
		head++;
		if (!(byte & 0x80))
			break;
		if (head == FRAME_HEAD_MAX)
			return ERR_MALFORMED;
	}
	if (len > f->max_bytes)
		return ERR_TOO_BIG;
	if (available - head < len)
		return 0;
	*message = (struct view){p + head, (size_t)len};
	return 1;
}

int frame_next(struct frame *f, struct view *message)
{
	int got = frame_peek(f, message);
	if (got == 1)
		f->start = (size_t)(message->data - f->bytes.data) + message->len;
	return got;
}

void frame_wipe(struct frame *f, struct view message)
{
	wipe(f->bytes.data + (message.data - f->bytes.data), message.len);
}

void frame_trim(struct frame *f)
{
	enum { WORTH_IT_BYTES = 1024 };
	struct buf rest = {0};
	size_t pending = frame_pending(f);
	if (pending == 0) {
		frame_free(f);
		return;
	}
	if (f->bytes.cap <= WORTH_IT_BYTES || f->bytes.cap / 4 <= pending ||
	    buf_append(&rest, f->bytes.data + f->start, pending))
		return; /* without memory to shrink into it stays as it is */
	frame_free(f);
	f->bytes = rest;
}

size_t frame_span(const uint8_t *bytes, size_t len)
{
	size_t body = 0, head = 0;
	do {
		require(head < len && head < FRAME_HEAD_MAX);
		body |= (size_t)(bytes[head] & 0x7f) << (7 * head);
	} while (bytes[head++] & 0x80);
	require(body <= len - head);
	return head + body;
}

size_t frame_pending(const struct frame *f)
{
	return f->bytes.len - f->start;
}

size_t frame_head(size_t len, uint8_t *out)
{
	require(len <= UINT32_MAX);
	size_t n = 0;
	while (len >= 0x80) {
		out[n++] = (uint8_t)(len | 0x80);
		len >>= 7;
	}
	out[n++] = (uint8_t)len;
	return n;
}
