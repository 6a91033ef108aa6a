#include "lib/base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CHUNK_BYTES = 2 * 1024, KEPT_CHUNK_BYTES = 16 * 1024, LARGEST_STEP_BYTES = 1024 * 1024 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t size; /* of the whole chunk */
	uint8_t bytes[];
};

void arena_init(struct arena *a, size_t budget_bytes)
{
	*a = (struct arena){.budget_bytes = budget_bytes};
}

/* Chunks double from FIRST_CHUNK_BYTES to LARGEST_STEP_BYTES; a larger block gets a chunk of its own size. */
static bool add_chunk(struct arena *a, size_t need)
{
	size_t size = a->chunks ? a->chunks->size * 2 : FIRST_CHUNK_BYTES;
	if (size > LARGEST_STEP_BYTES)
		size = LARGEST_STEP_BYTES;
	if (size < need + sizeof(struct arena_chunk))
		size = need + sizeof(struct arena_chunk);
	if (size > a->budget_bytes - a->used_bytes) {
		size = need + sizeof(struct arena_chunk);
		if (size > a->budget_bytes - a->used_bytes) {
			a->exhausted = true;
			return false;
		}
	}
	struct arena_chunk *c = malloc(size);
	if (!c) {
		a->starved = true;
		return false;
	}
	c->older = a->chunks;
	c->size = size;
	a->chunks = c;
	a->used_bytes += size;
	a->next = c->bytes;
	a->end = (uint8_t *)c + size;
	return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 4)
		return NULL;
	size_t need = sizeof(uint64_t) + ((size + 7) & ~(size_t)7);
	if (need > (size_t)(a->end - a->next) && !add_chunk(a, need))
		return NULL;
	uint64_t *head = (uint64_t *)(void *)a->next;
	*head = size;
	a->next += need;
	return head + 1;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	void *block = arena_alloc(a, total);
	return block ? memset(block, 0, total) : NULL;
}

size_t arena_size(const void *block)
{
	return ((const uint64_t *)block)[-1];
}

char *arena_strdup(struct arena *a, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_alloc(a, size);
	return copy ? memcpy(copy, text, size) : NULL;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *text = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *keep = NULL;
	for (struct arena_chunk *c = a->chunks, *older; c; c = older) {
		older = c->older;
		if (!keep && c->size <= KEPT_CHUNK_BYTES)
			keep = c;
		else
			free(c);
	}
	if (keep)
		keep->older = NULL;
	a->chunks = keep;
	a->used_bytes = keep ? keep->size : 0;
	a->next = keep ? keep->bytes : NULL;
	a->end = keep ? (uint8_t *)keep + keep->size : NULL;
	a->exhausted = a->starved = false;
}

void arena_free(struct arena *a)
{
	for (struct arena_chunk *c = a->chunks, *older; c; c = older) {
		older = c->older;
		free(c);
	}
	arena_init(a, a->budget_bytes);
}
