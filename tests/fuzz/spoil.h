/* spoil.h - messages for fuzz targets: out of the length that stands before them, and good ones that are spoiled. */
#ifndef CANDOR_FUZZ_SPOIL_H
#define CANDOR_FUZZ_SPOIL_H

#include "lib/base/buf.h"
#include "lib/wire/frame.h"
#include "tests/fuzz/fuzz.h"

/* What one encoder appended to an empty buffer, without its length. */
static inline struct meal fuzz_body(const struct buf *bytes)
{
	size_t len = bytes->len;
	uint8_t head[FRAME_HEAD_MAX];
	while (len + frame_head(len, head) != bytes->len)
		len--;
	return (struct meal){bytes->data + bytes->len - len, len};
}

/* Changes, adds, doubles and drops bytes as the input says, until it has no more or says so. */
static inline void fuzz_spoil(struct buf *b, struct meal *in)
{
	while (in->len > 0) {
		unsigned what = eat_below(in, 6);
		size_t at = b->len ? eat_u16(in) % b->len : 0, n = b->len - at;
		if (what == 0)
			return;
		if (what == 1 && b->len > 0) {
			b->data[at] = eat_byte(in);
		} else if (what == 2 && b->len > 0) {
			b->data[at] ^= (uint8_t)(1 << eat_below(in, 8));
		} else if (what == 3 && b->len > 0) {
			n = eat_byte(in) % (n + 1);
			memmove(b->data + at, b->data + at + n, b->len - at - n);
			b->len -= n;
		} else if (what == 4 && b->len > 0) {
			n = eat_byte(in) % (n + 1);
			require(buf_reserve(b, n));
			memmove(b->data + at + n, b->data + at, b->len - at);
			b->len += n;
		} else if (what == 5) {
			struct meal more = eat_bytes(in, eat_below(in, 24));
			if (more.len == 0)
				continue;
			require(buf_reserve(b, more.len));
			memmove(b->data + at + more.len, b->data + at, b->len - at);
			memcpy(b->data + at, more.data, more.len);
			b->len += more.len;
		}
	}
}

#endif
