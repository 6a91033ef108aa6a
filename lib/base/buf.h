/* buf.h - a growing array of bytes.
 * All zero is an empty buffer. The caller owns the struct, the buffer its bytes, until buf_free(). */
#ifndef CANDOR_BUF_H
#define CANDOR_BUF_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/err.h"

struct buf {
	uint8_t *data;
	size_t len, cap;
};

/* buf_reserve() where there is too little space: it calls this. */
MUST_CHECK uint8_t *buf_grow(struct buf *b, size_t more);

/* Space for `more` bytes after len: a pointer to it, or NULL if there is no memory. Does not change len. */
MUST_CHECK static inline uint8_t *buf_reserve(struct buf *b, size_t more)
{
	return more <= b->cap - b->len ? b->data + b->len : buf_grow(b, more);
}

/* 0, or -ENOMEM and then b is unchanged. */
MUST_CHECK static inline int buf_append(struct buf *b, const void *bytes, size_t len)
{
	if (len == 0)
		return 0; /* there may be no bytes, nor memory yet */
	uint8_t *to = buf_reserve(b, len);
	if (!to)
		return -ENOMEM;
	memcpy(to, bytes, len);
	b->len += len;
	return 0;
}

MUST_CHECK int buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* Drops the first `n` bytes, n <= len. */
void buf_consume(struct buf *b, size_t n);

void buf_free(struct buf *b);

#endif
