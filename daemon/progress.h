/* progress.h - how far a long job is, for whoever waits for it.
 *
 * A bar where standard error is a terminal, else a line in the log every few seconds; a job that is done before that
 * says nothing. One thread. */
#ifndef CANDOR_PROGRESS_H
#define CANDOR_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

enum { PROGRESS_TEXT_MAX = 160 };

struct progress {
	const char *doing; /* "recovering" */
	const char *unit; /* of what is counted: "rows" */
	uint64_t began_ms, shown_ms;
};

/* Both texts must outlive it. */
void progress_begin(struct progress *p, const char *doing, const char *unit);

/* May be called often. total: 0: unknown. */
void progress_show(struct progress *p, uint64_t done, uint64_t total);

/* Takes the bar away. */
void progress_end(struct progress *p);

/* "recovering: 41 %, 1230000 of 3000000 rows", or how many where the total is unknown. */
void progress_text(const struct progress *p, uint64_t done, uint64_t total, char out[PROGRESS_TEXT_MAX]);

#endif
