/* wipe.h - overwriting a secret, also where the compiler sees that nobody reads it any more. */
#ifndef CANDOR_WIPE_H
#define CANDOR_WIPE_H

#include <stddef.h>
#include <string.h>

static inline void wipe(void *bytes, size_t n)
{
	memset(bytes, 0, n);
	__asm__ __volatile__("" : : "r"(bytes) : "memory"); /* for all the compiler knows, somebody reads it here */
}

#endif
