/* trace.h - replays a trace of the mechanism through a pool and checks what the trace says must come out.
 *
 * The format is the one docs/mechanism.md ends with: one event a line, and after `->` what is expected of it, as
 * key=number in any order and any choice. Blank lines and `#` comments are passed over, spaces at the ends and CRLF
 * too; each `pool` line starts a new pool.
 *
 * A number holds if it is within 1e-9 of what is expected, relative to that. Near zero a floor takes over, for what
 * rounding must be granted there: 1e-12 for aggregates and losses; for a regret, which is the difference of two sums,
 * 1e-12 of those; for a weight, which a soft reset computes as a difference from its entry weight, 1e-15 of that.
 * NaN equals nothing.
 *
 * Pure but for the streams, which stay the caller's. */
#ifndef CANDOR_TRACE_H
#define CANDOR_TRACE_H

#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"

struct trace_counts {
	uint64_t expectations; /* that were compared with a number of the pool's */
	uint64_t failed;       /* those that did not hold, events that the pool refused */
	uint64_t unknown;      /* keys that its event does not have, which are passed over */
	uint64_t malformed;    /* lines that are no event */
};

/* Reads `in` to its end. values: NULL, or where all that events came to is written, to the last bit: LINE KEY VALUE.
 * Each failure and each malformed line is one line of `messages`: NAME:LINE: what, got, wanted. A trace that expects
 * nothing at all is a failure: it could not fail. 0 if the trace could be read, whatever it came to; else negative.
 * */
MUST_CHECK int trace_check(FILE *in, const char *name, FILE *messages, FILE *values, struct trace_counts *out);

#endif
