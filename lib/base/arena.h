/* arena.h - memory with a budget, given back all at once.
 *
 * A decoded message, and all that is worked out for its answer, lives in one arena. What a peer sends can thus never
 * take more than the budget. Each block remembers its size, so that a decoder can tell how long a string really was.
 * One thread at a time. */
#ifndef CANDOR_ARENA_H
#define CANDOR_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
	uint8_t *next, *end; /* free part of the newest chunk */
	size_t used_bytes; /* taken from the system, over all chunks */
	size_t budget_bytes;
	bool starved; /* the system said no */
	bool exhausted; /* the budget, not the system, said no */
};

/* Takes nothing yet. budget_bytes bounds what is taken from the system at any time. */
void arena_init(struct arena *a, size_t budget_bytes);

/* 8-byte aligned, not cleared; NULL when the budget or the system has no more. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* The size that arena_alloc() was asked for. */
size_t arena_size(const void *block);

char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

/* Everything in it dies; one small chunk is kept for the next message. */
void arena_reset(struct arena *a);

/* Everything dies and nothing is kept. The arena may be used again. */
void arena_free(struct arena *a);

#endif
