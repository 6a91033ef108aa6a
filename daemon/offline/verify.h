/* verify.h - does the state follow from the history?
 *
 * Offline: the weights that a daemon carries in memory are derived, and this is how anybody can check them. */
#ifndef CANDOR_VERIFY_H
#define CANDOR_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/crypto/chain.h"
#include "lib/base/err.h"

/* A settlement's hash as it was published: POOL:ROUND:HASH. */
struct verify_head {
	char pool[256];
	uint64_t round;
	uint8_t hash[CHAIN_BYTES];
};

/* Reads one from text. NULL, or what is wrong with it. */
const char *verify_read_head(const char *text, struct verify_head *out);

struct verify_job {
	const char *path;
	const char *called; /* the name to say, where it is not `path`; or NULL */
	bool deep; /* also what db/check.h does over the whole file */
	const struct verify_head *head; /* that history must contain; or NULL */
	const char *const *archives; /* [n_archives] files that are read together with it */
	size_t n_archives;
};

/* Replays the history of every pool in the database through the library, and compares, bit for bit, what comes out with
 * what was written: each settlement and its hash, each frozen aggregate, every weight, count and account. Says what it
 * finds on standard output. Of a pool with archives the replay begins with the first of those that were given, or else
 * at the state that was written down with the newest. A daemon may be using the database: one moment of it is looked
 * at. 0: all agrees; ERR_DAMAGED or ERR_HISTORY: not; or an error that kept it from looking, logged. */
MUST_CHECK int verify(const struct verify_job *job);

#endif
