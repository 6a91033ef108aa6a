#include "frame.h"

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

int frame_next(struct frame *f, struct view *message)
{
	const uint8_t *p = f->bytes.data + f->start;
	size_t available = f->bytes.len - f->start;
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
	f->start += head + (size_t)len;
	return 1;
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
