#include "lib/wire/put.h"

#include <errno.h>

enum { VARINT_BYTES = 10 };

/* How the value behind a tag is written. */
enum { AS_VARINT = 0, AS_BYTES = 2 };

static uint8_t *put_varint(uint64_t x, uint8_t *at)
{
	for (; x >= 0x80; x >>= 7)
		*at++ = (uint8_t)(x | 0x80);
	*at++ = (uint8_t)x;
	return at;
}

int put_number(struct buf *b, uint32_t number, uint64_t x)
{
	uint8_t *start = buf_reserve(b, 2 * VARINT_BYTES);
	if (!start)
		return -ENOMEM;
	uint8_t *end = put_varint(x, put_varint((uint64_t)number << 3 | AS_VARINT, start));
	b->len += (size_t)(end - start);
	return 0;
}

uint8_t *put_bytes(struct buf *b, uint32_t number, size_t len)
{
	uint8_t *start = buf_reserve(b, 2 * VARINT_BYTES + len);
	if (!start)
		return NULL;
	uint8_t *at = put_varint(len, put_varint((uint64_t)number << 3 | AS_BYTES, start));
	b->len += (size_t)(at - start) + len;
	return at;
}
