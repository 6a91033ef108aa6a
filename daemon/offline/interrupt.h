/* interrupt.h - the signals that end a long offline job (SIGINT, SIGTERM, SIGHUP).
 *
 * One that writes asks for them between two of its steps: they are blocked while it runs, so that it can remove what it
 * has begun. A write to an output that nobody reads any more fails and does not end the program. One that only reads
 * ends at once, wherever it is. One thread. */
#ifndef CANDOR_INTERRUPT_H
#define CANDOR_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct interrupt {
	sigset_t signals, before;
};

/* From here on the signals wait for interrupt_came(). */
void interrupt_begin(struct interrupt *i);

/* They do again what they did before. May be followed by interrupt_begin(). */
void interrupt_end(const struct interrupt *i);

/* Whether one of them has come since; takes it. */
bool interrupt_came(const struct interrupt *i);

/* Waits for so long, or until one of them comes: true. */
bool interrupt_wait(const struct interrupt *i, uint64_t ns);

/* ---- for jobs that change nothing ---- */

enum { INTERRUPT_SIGNALS = 3 };

struct interrupt_actions {
	struct sigaction before[INTERRUPT_SIGNALS];
};

/* From here on each of them ends the program with a sentence and exit status 1; one that was ignored still is. */
void interrupt_ends_program(struct interrupt_actions *a);

/* They do again what they did before. */
void interrupt_ends_nothing(const struct interrupt_actions *a);

#endif
