/* codec.h - what must hold of requests and of responses alike: decoding any bytes ends within its budget, and what it
 * calls good is good; what was decoded is encoded to bytes that decode to the same. The input is the bytes, or what is
 * done to those of a good message. */
#ifndef CANDOR_FUZZ_CODEC_H
#define CANDOR_FUZZ_CODEC_H

#include "tests/fuzz/spoil.h"
#include "lib/wire/wire.h"

/* A kind of message. `into` and `message` point to what wire decodes into. */
struct codec {
	int (*decode)(struct arena *a, const uint8_t *bytes, size_t len, void *into);
	int (*encode)(const void *message, struct arena *scratch, size_t max_bytes, struct buf *out);
	int (*encode_sample)(unsigned which, struct arena *scratch, struct buf *out);
	bool (*is_good)(const void *message);
	bool (*is_whole)(const void *message); /* nothing was wrong with any of it, so it can be encoded again */
	bool (*are_alike)(const void *a, const void *b); /* in their ids and numbers of rows */
};

enum { CODEC_BYTES = 1 << 24 };

static inline int codec_decode(const struct codec *c, struct arena *a, struct meal in, void *into)
{
	/* Nothing may point into the bytes afterwards. */
	uint8_t *exact = fuzz_exact(in);
	int err = c->decode(a, exact, in.len, into);
	memset(exact, 0xff, in.len);
	free(exact);
	require(err == 0 || err == ERR_MALFORMED || err == ERR_BUDGET);
	require(a->used_bytes <= a->budget_bytes);
	require(err || c->is_good(into));
	return err;
}

/* The bytes of a sample, spoiled; to be freed. */
static inline struct buf codec_spoiled(const struct codec *c, unsigned which, struct meal *in)
{
	struct arena scratch;
	struct buf bytes = {0};
	arena_init(&scratch, CODEC_BYTES);
	require(c->encode_sample(which, &scratch, &bytes) == 0);
	buf_consume(&bytes, bytes.len - fuzz_body(&bytes).len);
	fuzz_spoil(&bytes, in);
	arena_free(&scratch);
	return bytes;
}

static inline void codec_round(const struct codec *c, const void *message, void *again)
{
	struct arena a, scratch;
	struct buf once = {0}, twice = {0};
	arena_init(&a, CODEC_BYTES);
	arena_init(&scratch, CODEC_BYTES);
	require(c->encode(message, &scratch, CODEC_BYTES, &once) == 0);
	struct meal body = fuzz_body(&once);
	require(codec_decode(c, &a, body, again) == 0 && c->is_whole(again) && c->are_alike(message, again));
	require(c->encode(again, &scratch, CODEC_BYTES, &twice) == 0);
	require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	/* One byte less is too little, and then nothing is appended. */
	if (body.len > 0)
		require(c->encode(message, &scratch, body.len - 1, &twice) != 0 && once.len == twice.len);
	buf_free(&once);
	buf_free(&twice);
	arena_free(&a);
	arena_free(&scratch);
}

/* message, again: two of its kind, to work with. */
static inline void codec_feed(const struct codec *c, const uint8_t *data, size_t len, void *message, void *again)
{
	static const size_t budgets[] = {1 << 20, 1 << 16, 1 << 12};
	struct meal in = {data, len};
	struct arena a;
	struct buf bytes = {0};
	arena_init(&a, budgets[eat_below(&in, sizeof budgets / sizeof *budgets)]);
	unsigned which = eat_byte(&in);
	if (which < 128) {
		bytes = codec_spoiled(c, which, &in);
		in = (struct meal){bytes.data, bytes.len};
	}
	if (codec_decode(c, &a, in, message) == 0 && c->is_whole(message))
		codec_round(c, message, again);
	buf_free(&bytes);
	arena_free(&a);
}

#endif
