/* mob.h - peers that all send the same, again and again, as fast as it is taken, from one thread beside the caller's.
 *
 * What they are told is thrown away, or never read. Those whose connection ends come again. Failures to set up end the
 * program with a sentence. */
#ifndef CANDOR_TESTS_MOB_H
#define CANDOR_TESTS_MOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/crypto/token.h"

struct mob;

struct mob_shape {
	const char *address; /* "tcp:", or "tls:" for bytes that are no request */
	size_t n;
	const char (*secrets)[TOKEN_TEXT_BYTES]; /* tokens that they greet with, in turn */
	size_t n_secrets; /* 0: they greet nobody */
	const void *ask; /* what they send; the caller's, until mob_stop() */
	size_t ask_bytes;
	bool once; /* they send it once in a connection */
	bool deaf; /* they read nothing */
};

struct mob_count {
	uint64_t heard_bytes;
	uint64_t ended; /* connections, by the daemon */
};

/* Returns when all have begun to connect. */
struct mob *mob_start(const struct mob_shape *shape);

/* Hangs up. */
void mob_stop(struct mob *m, struct mob_count *out);

#endif
