#include "daemon/net/signals.h"

#include <errno.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *all)
{
	sigemptyset(all);
	sigaddset(all, SIGTERM);
	sigaddset(all, SIGINT);
	sigaddset(all, SIGHUP);
}

void signals_block(sigset_t *before)
{
	sigset_t all;
	fill(&all);
	require(pthread_sigmask(SIG_BLOCK, &all, before) == 0);
}

const char *signals_waiting(void)
{
	sigset_t pending;
	sigemptyset(&pending);
	sigpending(&pending);
	return sigismember(&pending, SIGTERM) ? "SIGTERM" : sigismember(&pending, SIGINT) ? "SIGINT" : NULL;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct signals *s = poll->data;
	struct signalfd_siginfo taken;
	/* However often SIGHUP comes, what ends the daemon does not stand behind it. */
	const char *name = signals_waiting();
	(void)status;
	(void)events;
	if (!name) {
		if (read(s->fd, &taken, sizeof taken) != sizeof taken)
			return;
		if (taken.ssi_signo == SIGHUP) {
			s->reload(s->arg);
			return;
		}
		name = taken.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT"; /* it came just now */
	}
	signals_close(s);
	s->end(s->arg, name);
}

int signals_start(struct signals *s, uv_loop_t *loop)
{
	sigset_t all;
	fill(&all);
	s->fd = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	int err = uv_poll_init(loop, &s->poll, s->fd);
	if (err) {
		close(s->fd);
		return err;
	}
	s->poll.data = s;
	return uv_poll_start(&s->poll, UV_READABLE, on_readable);
}

static void on_closed(uv_handle_t *handle)
{
	close(((const struct signals *)handle->data)->fd);
}

void signals_close(struct signals *s)
{
	uv_handle_t *handle = (uv_handle_t *)&s->poll;
	if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle))
		uv_close(handle, on_closed);
}
