/* sized.h - structures that callers fill, of whichever version of candor.h they were compiled with. Not installed.
 *
 * Fields are added at the end. A program that is older than the library passes a smaller size, and what it does not
 * know reads as zero; of a newer program's structure the library can do without what is zero. */
#ifndef CANDOR_SIZED_H
#define CANDOR_SIZED_H

#include <stddef.h>

#include "lib/base/err.h"

/* Copies the `size` bytes of a caller's structure to the `known` bytes of the library's. 0, or ERR_NEWER where a field
 * is set that the library does not know. */
MUST_CHECK int sized_read(void *to, size_t known, const void *from, size_t size);

/* A later field must not come to lie where older programs have padding, of which they say nothing. */
#define SIZED_ENDS_WITH(type, last)                                                                           \
	_Static_assert(offsetof(struct type, last) + sizeof(((struct type *)0)->last) == sizeof(struct type), \
		       "struct " #type " must end with its last field, without padding: name it here")

#endif
