/* progress.h - how far a long command is, in one line on stderr that is written over again and again.
 * Only where stderr is a terminal; silence otherwise. */
#ifndef CANDOR_CLI_PROGRESS_H
#define CANDOR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_progress {
	bool shown; /* a line stands on the terminal */
	uint64_t started_ms;
	uint64_t done, total; /* bytes, steps: whatever the bar is of; total 0: not known */
	uint64_t count; /* of what is counted, */
	const char *unit; /* ... "reports" */
	const char *last; /* what still goes on, where that is worth saying; or NULL */
};

/* The line for a moment: a bar, per cent and time left where the total is known; else the count alone. */
void cli_progress_line(const struct cli_progress *p, uint64_t now_ms, bool utf8, char *out, size_t size);

void cli_progress_show(struct cli_progress *p, uint64_t now_ms, bool utf8);

/* A line that stands while the daemon's limits on rates leave nothing to do but wait. */
void cli_progress_wait(struct cli_progress *p, uint64_t ms);

/* Takes the line away, before other words or at the end. */
void cli_progress_clear(struct cli_progress *p);

#endif
