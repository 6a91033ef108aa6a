#include "daemon/offline/interrupt.h"

#include <termios.h>
#include <time.h>
#include <unistd.h>

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

/* ---- for jobs that change nothing ---- */

static const int signals[INTERRUPT_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

/* Does nothing that must not be done in the middle of anything. */
static void on_signal(int signum)
{
	static const char sentence[] = "candord: interrupted; nothing was changed\n";
	struct termios terminal;
	(void)signum;
	/* A bar may be there. */
	if (tcgetattr(STDERR_FILENO, &terminal) == 0)
		(void)!write(STDERR_FILENO, "\r\033[K", 4);
	(void)!write(STDERR_FILENO, sentence, sizeof sentence - 1);
	_exit(1);
}

void interrupt_ends_program(struct interrupt_actions *a)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < INTERRUPT_SIGNALS; i++) {
		sigaction(signals[i], NULL, &a->before[i]);
		if (a->before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

void interrupt_ends_nothing(const struct interrupt_actions *a)
{
	for (size_t i = 0; i < INTERRUPT_SIGNALS; i++)
		sigaction(signals[i], &a->before[i], NULL);
}
