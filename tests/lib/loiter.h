/* loiter.h - connections to a Unix socket that mean no good, in any protocol, from one thread beside the caller's.
 *
 * Of each ten, three ask without ever reading, three send a byte of their request a second, four send half of it and stop.
 * One that is ended stays away. Failures to set up end the program with a sentence. */
#ifndef CANDOR_TESTS_LOITER_H
#define CANDOR_TESTS_LOITER_H

#include <stddef.h>

struct loiter;

struct loiter_shape {
	const char *path; /* of the socket */
	size_t n;
	const void *hello; /* sent first, whole; the caller's, until loiter_stop() */
	size_t hello_bytes; /* 0: nothing is */
	const void *ask; /* likewise; two bytes at least */
	size_t ask_bytes;
};

/* Returns when all have connected, or were refused. */
struct loiter *loiter_start(const struct loiter_shape *shape);

/* Hangs up. How many were still connected. */
size_t loiter_stop(struct loiter *l);

#endif
