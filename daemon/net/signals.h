/* signals.h - SIGTERM and SIGINT, which end the daemon, and SIGHUP, which makes it reload.
 *
 * They are blocked in all threads until the process has ended: none interrupts anything, none is lost to a default
 * action, and however fast somebody sends them, the loop sees at most one in a turn. Once it is told to end, it looks
 * at none any more. The loop's thread only. */
#ifndef CANDOR_NET_SIGNALS_H
#define CANDOR_NET_SIGNALS_H

#include <signal.h>
#include <uv.h>

#include "lib/base/err.h"

struct signals {
	uv_poll_t poll;
	int fd; /* which they are read from */
	void (*end)(void *arg, const char *name); /* "SIGTERM" or "SIGINT", once */
	void (*reload)(void *arg);
	void *arg;
};

/* From here on they wait, also in threads that this one starts. before: the mask until now; may be NULL. */
void signals_block(sigset_t *before);

/* One that waits and ends the daemon: its name, or NULL. It goes on waiting. */
const char *signals_waiting(void);

/* They are blocked. `end`, `reload` and `arg` are set, all else is zero. Those that wait already are told, too. 0, or
 * an error; signals_close() after either. */
MUST_CHECK int signals_start(struct signals *s, uv_loop_t *loop);

/* No more are told: they wait for ever. May be called again, and where nothing was started (all zero). */
void signals_close(struct signals *s);

#endif
