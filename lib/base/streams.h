/* streams.h - standard input, output and error of a program, at its start and at its end.
 *
 * The one file of lib/ that opens something: whatever a program opens first takes a descriptor that its caller
 * closed, and what is written to standard output would go there. For main(). */
#ifndef CANDOR_STREAMS_H
#define CANDOR_STREAMS_H

#include "lib/base/err.h"

/* Puts something on those of the descriptors 0 to 2 that are closed; using it fails as it would have failed. To be
 * called before anything is opened. 0 or -errno. */
MUST_CHECK int streams_hold(void);

/* Writes out what standard output still holds, and closes it. 0; or -errno: not all that was printed arrived; or 1: it
 * did not, and an earlier write knew why. */
MUST_CHECK int streams_finish(void);

#endif
