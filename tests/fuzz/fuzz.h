/* fuzz.h - what the fuzz targets share: libFuzzer's two entry points, and a way of eating an input.
 *
 * A target is one file. Built by clang with libFuzzer it is fed mutations of its corpus (`make fuzz`); linked with
 * replay.c it goes once through tests/fuzz/corpus/NAME, as one of the tests. What must hold is asked with require(),
 * which ends the process. An input alone decides what happens: no clock, no chance. */
#ifndef CANDOR_FUZZ_H
#define CANDOR_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What of the input has not been eaten. At its end there are zeros. */
struct meal {
	const uint8_t *data;
	size_t len;
};

static inline uint8_t eat_byte(struct meal *m)
{
	if (m->len == 0)
		return 0;
	m->len--;
	return *m->data++;
}

/* 0 to n - 1; n: 1 to 256. */
static inline unsigned eat_below(struct meal *m, unsigned n)
{
	return eat_byte(m) % n;
}

static inline uint16_t eat_u16(struct meal *m)
{
	uint16_t low = eat_byte(m);
	return (uint16_t)(low | eat_byte(m) << 8);
}

/* Up to n bytes, fewer at the end. */
static inline struct meal eat_bytes(struct meal *m, size_t n)
{
	struct meal piece = {m->data, n < m->len ? n : m->len};
	if (piece.len > 0) {
		m->data += piece.len;
		m->len -= piece.len;
	}
	return piece;
}

/* A copy in a block of just that size, so that the sanitizer sees a read beyond it; the caller frees it. */
static inline uint8_t *fuzz_exact(struct meal m)
{
	uint8_t *copy = calloc(1, m.len ? m.len : 1);
	require(copy);
	if (m.len > 0)
		memcpy(copy, m.data, m.len);
	return copy;
}

/* The same as a string. */
static inline char *fuzz_string(struct meal m)
{
	char *copy = malloc(m.len + 1);
	require(copy);
	if (m.len > 0)
		memcpy(copy, m.data, m.len);
	copy[m.len] = '\0';
	return copy;
}

#endif
