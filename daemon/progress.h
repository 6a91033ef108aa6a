/* progress.h - how far a long job is, for whoever waits for it.
 *
 * A bar where standard error is a terminal. Elsewhere a daemon logs a line every few seconds, and a tool, which scripts
 * run as well, says nothing; nor does a job that is done before that. One thread. */
#ifndef CANDOR_PROGRESS_H
#define CANDOR_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_TEXT_MAX = 160 };

struct progress {
	const char *doing; /* "recovering" */
	const char *unit; /* of what is counted: "rows" */
	bool is_logged; /* where there is no terminal */
	uint64_t began_ms, shown_ms;
};

/* Both texts must outlive it. */
void progress_begin(struct progress *p, const char *doing, const char *unit, bool is_logged);

/* May be called often. total: 0: unknown. */
void progress_show(struct progress *p, uint64_t done, uint64_t total);

/* Takes the bar away: at the end, and before anything is written to standard output. */
void progress_end(struct progress *p);

/* "recovering: 41 %, 1230000 of 3000000 rows", or how many where the total is unknown. */
void progress_text(const struct progress *p, uint64_t done, uint64_t total, char out[PROGRESS_TEXT_MAX]);

#endif
