#include "daemon/offline/interrupt.h"

#include <time.h>

enum { LOOK_NS = 50 * 1000 * 1000 }; /* a signal that comes meanwhile is noticed so much later */

void interrupt_begin(struct interrupt *i)
{
	sigemptyset(&i->signals);
	sigaddset(&i->signals, SIGINT);
	sigaddset(&i->signals, SIGTERM);
	sigaddset(&i->signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &i->signals, &i->before);
	signal(SIGPIPE, SIG_IGN);
}

void interrupt_end(const struct interrupt *i)
{
	sigprocmask(SIG_SETMASK, &i->before, NULL);
}

bool interrupt_came(const struct interrupt *i)
{
	sigset_t pending;
	int signum;
	sigpending(&pending);
	if (!sigismember(&pending, SIGINT) && !sigismember(&pending, SIGTERM) && !sigismember(&pending, SIGHUP))
		return false;
	/* Does not wait: one is there. */
	return sigwait(&i->signals, &signum) == 0;
}

bool interrupt_wait(const struct interrupt *i, uint64_t ns)
{
	while (!interrupt_came(i)) {
		const struct timespec t = {.tv_nsec = ns < LOOK_NS ? (long)ns : LOOK_NS};
		if (ns == 0)
			return false;
		nanosleep(&t, NULL);
		ns -= ns < LOOK_NS ? ns : LOOK_NS;
	}
	return true;
}
