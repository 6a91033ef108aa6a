/* progress.h - the progress of a long command, in one line on stderr that is rewritten again and again.
 * Only if stderr is a terminal; otherwise nothing. */
#ifndef CANDOR_CLI_PROGRESS_H
#define CANDOR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_progress {
	bool shown; /* a line is on the terminal */
	uint64_t started_ms;
	uint64_t done, total; /* bytes or steps, for the bar; total 0: unknown */
	uint64_t count; /* of what is counted, */
	const char *unit; /* ... "reports" */
	const char *last; /* what is still running, if that is worth saying; or NULL */
};

/* The current line: a bar, per cent and time left if the total is known; else only the count. */
void cli_progress_line(const struct cli_progress *p, uint64_t now_ms, bool utf8, char *out, size_t size);

void cli_progress_show(struct cli_progress *p, uint64_t now_ms, bool utf8);

/* The line shown while waiting for the daemon's rate limit. */
void cli_progress_wait(struct cli_progress *p, uint64_t ms);

/* Removes the line, before other messages or at the end. */
void cli_progress_clear(struct cli_progress *p);

#endif
