/* heap.h - how much of the heap a block takes, for those who account for their memory.
 *
 * An estimate that holds for the GNU C library: 8 bytes before each block, multiples of 16, at least 32. Free
 * space between blocks is not counted. */
#ifndef CANDOR_HEAP_H
#define CANDOR_HEAP_H

#include <stddef.h>

/* 0 for a block of 0 bytes: there is none. */
static inline size_t heap_bytes(size_t size)
{
	return size == 0 ? 0 : size <= 24 ? 32 : (size + 8 + 15) & ~(size_t)15;
}

#endif
