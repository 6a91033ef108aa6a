/* arena.h - memory with a budget, freed all at once.
 *
 * A decoded message, and everything made for its answer, lives in one arena, so what a peer sends can never take more
 * than the budget. Each block remembers its size, so that a decoder can tell how long a string really was.
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
	bool starved; /* the system had no memory */
	bool exhausted; /* the budget was used up */
};

/* Allocates nothing yet. budget_bytes bounds what is allocated at any time. */
void arena_init(struct arena *a, size_t budget_bytes);

/* 8-byte aligned, not cleared; NULL when the budget is used up or there is no memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* The size that arena_alloc() was asked for. */
size_t arena_size(const void *block);

char *arena_strdup(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);

/* Frees everything in it but one small chunk, which is kept for the next message. */
void arena_reset(struct arena *a);

/* Frees everything. The arena may be used again. */
void arena_free(struct arena *a);

#endif
