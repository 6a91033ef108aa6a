/* figures.h - what the engine counts of its own work, for info and for whoever watches the daemon.
 *
 * Since the start of the process: what a failed commit undoes stays counted. Counters only, cheap enough for every
 * request; who counts what stands beside each. One thread, the loop's. */
#ifndef CANDOR_FIGURES_H
#define CANDOR_FIGURES_H

#include "lib/base/buckets.h"
#include "lib/base/recent.h"
#include "lib/message.h"

/* What became of a report of a post: ROW(NAME, "label"). */
#define REPORT_RESULTS(ROW)         \
	ROW(ACCEPTED, "accepted")   \
	ROW(DUPLICATE, "duplicate") \
	ROW(REVISED, "revised")     \
	ROW(REJECTED, "rejected")

/* Why requests were refused that were as they should be. */
#define ENGINE_REFUSALS(ROW)          \
	ROW(RATE_LIMIT, "rate_limit") \
	ROW(READ_ONLY, "read_only")

#define RESULT_NAME(NAME, label) REPORT_##NAME,
#define REFUSAL_NAME(NAME, label) REFUSED_##NAME,
enum report_result { REPORT_RESULTS(RESULT_NAME) REPORT_RESULT_COUNT };
enum engine_refusal { ENGINE_REFUSALS(REFUSAL_NAME) ENGINE_REFUSAL_COUNT };

enum { FIGURES_CODES = CANDOR_UNAUTHENTICATED + 1 };

struct figures {
	/* Answers, by what was asked (UNKNOWN: what could not be read, or was refused before) and by their code; and
	 * how many nanoseconds each took. */
	uint64_t requests[CANDOR_REQ_TYPES][FIGURES_CODES];
	struct buckets durations[CANDOR_REQ_TYPES];
	uint64_t reports[REPORT_RESULT_COUNT];
	uint64_t refused[ENGINE_REFUSAL_COUNT];
	uint64_t auth_failures; /* hellos and requests with a token that is unknown, revoked or expired */
	/* Of commits that succeeded: nanoseconds from the batch's handing over until the loop knew that it is on disk;
	 * and changes in it. */
	struct buckets commit_durations, commit_rows;
	struct recent commits_lately; /* the same nanoseconds, of the last minute */
	uint64_t commits_failed; /* probes too */
};

#endif
