/* verify.h - does the state follow from the history? */
#ifndef CANDOR_VERIFY_H
#define CANDOR_VERIFY_H

#include "err.h"

/* Replays the history of every pool in the database through the library, and compares, bit for bit, what comes out with
 * what was written: each settlement, each frozen aggregate, every weight, count and account. Says what it finds on
 * standard output. A daemon may be using the database: one moment of it is looked at. 0: all agrees; ERR_DAMAGED or
 * ERR_HISTORY: not; or an error that kept it from looking, logged. */
MUST_CHECK int verify(const char *path);

/* The same, and what db_check.h does over the whole file. called: the name to say, where it is not that of the file; or
 * NULL. */
MUST_CHECK int verify_deep(const char *path, const char *called);

#endif
