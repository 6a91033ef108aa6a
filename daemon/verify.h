/* verify.h - does the state follow from the history? */
#ifndef CANDOR_VERIFY_H
#define CANDOR_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct verification {
	const char *path; /* the database */
	const char *called; /* the name to say, where it is not that of the file; or NULL */
	bool deep; /* also what db_check.h does over the whole file */
	const char *const *archives; /* [n_archives] files that are read together with it */
	size_t n_archives;
};

/* Replays the history of every pool in the database through the library, and compares, bit for bit, what comes out with
 * what was written: each settlement, each frozen aggregate, every weight, count and account. Of a pool with archives
 * the replay begins with the first that was given, from which on all must be given, or else at the state that was
 * written down with the newest. Says what it finds on standard output. A daemon may be using the database: one moment
 * of it is looked at. 0: all agrees; ERR_DAMAGED or ERR_HISTORY: not; or an error that kept it from looking, logged. */
MUST_CHECK int verify_with(const struct verification *v);

/* That, of a database alone. */
MUST_CHECK int verify(const char *path);

#endif
