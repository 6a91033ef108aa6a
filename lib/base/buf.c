#include "lib/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A first large piece is often the only one, and gets what it needs; what grows from small pieces doubles. */
static size_t grown_cap(size_t cap, size_t need)
{
	enum { LEAST = 256, PAGE = 4096 };
	if (cap == 0 && need >= PAGE)
		return (need + PAGE - 1) / PAGE * PAGE;
	if (cap == 0)
		cap = LEAST;
	while (cap < need)
		cap *= 2;
	return cap;
}

uint8_t *buf_grow(struct buf *b, size_t more)
{
	if (more > SIZE_MAX / 2 - b->len)
		return NULL;
	size_t cap = grown_cap(b->cap, b->len + more);
	uint8_t *grown = realloc(b->data, cap);
	if (!grown)
		return NULL;
	b->data = grown;
	b->cap = cap;
	return b->data + b->len;
}

int buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	uint8_t *to = buf_reserve(b, (size_t)len + 1);
	if (!to)
		return -ENOMEM;
	va_start(args, format);
	vsnprintf((char *)to, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	require(n <= b->len);
	if (n == 0)
		return; /* the buffer may have no memory yet */
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
