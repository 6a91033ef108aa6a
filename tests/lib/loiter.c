#include "tests/lib/loiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/clock.h"

struct loiterer {
	int fd; /* -1: it was ended */
	size_t sent; /* of the hello, and then of the request that it is sending */
};

struct loiter {
	struct loiter_shape shape;
	struct loiterer *all;
	atomic_bool stop;
	pthread_t thread;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "loiter: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_one(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof to) || fcntl(fd, F_SETFL, O_NONBLOCK)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* False: it was ended. */
static bool send_some(struct loiterer *who, const void *bytes, size_t n)
{
	ssize_t sent = send(who->fd, bytes, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN) {
		close(who->fd);
		who->fd = -1;
		return false;
	}
	who->sent += sent > 0 ? (size_t)sent : 0;
	return sent > 0;
}

/* What is left of the request that it is sending, but at most n bytes. */
static bool send_ask(struct loiterer *who, const struct loiter_shape *s, size_t n)
{
	size_t at = (who->sent - s->hello_bytes) % s->ask_bytes;
	return send_some(who, (const char *)s->ask + at, n < s->ask_bytes - at ? n : s->ask_bytes - at);
}

static void act(struct loiterer *who, size_t index, const struct loiter_shape *s)
{
	enum { AT_ONCE = 64 };
	while (who->fd >= 0 && who->sent < s->hello_bytes)
		if (!send_some(who, (const char *)s->hello + who->sent, s->hello_bytes - who->sent))
			return;
	if (who->fd < 0)
		return;
	if (index % 10 < 3)
		for (int i = 0; i < AT_ONCE && send_ask(who, s, s->ask_bytes); i++)
			;
	else if (index % 10 < 6 && who->sent + 1 < s->hello_bytes + s->ask_bytes)
		send_ask(who, s, 1);
	else if (index % 10 >= 6 && who->sent < s->hello_bytes + s->ask_bytes / 2)
		send_ask(who, s, s->hello_bytes + s->ask_bytes / 2 - who->sent);
}

static void *run(void *arg)
{
	struct loiter *l = arg;
	while (!atomic_load(&l->stop)) {
		double began = clock_s();
		for (size_t i = 0; i < l->shape.n && !atomic_load(&l->stop); i++)
			if (l->all[i].fd >= 0)
				act(&l->all[i], i, &l->shape);
		while (!atomic_load(&l->stop) && clock_s() < began + 1)
			nap_ms(10);
	}
	return NULL;
}

struct loiter *loiter_start(const struct loiter_shape *shape)
{
	struct loiter *l = calloc(1, sizeof *l);
	if (!l || !(l->all = calloc(shape->n, sizeof *l->all)))
		fail("memory");
	l->shape = *shape;
	for (size_t i = 0; i < shape->n; i++)
		l->all[i].fd = connect_one(shape->path);
	if ((errno = pthread_create(&l->thread, NULL, run, l)))
		fail("thread");
	return l;
}

/* The other side has hung up, whatever it said before. */
static bool is_ended(int fd)
{
	char heard[4096];
	ssize_t n;
	while ((n = recv(fd, heard, sizeof heard, MSG_DONTWAIT)) > 0)
		;
	return n == 0 || errno != EAGAIN;
}

size_t loiter_stop(struct loiter *l)
{
	size_t held = 0;
	atomic_store(&l->stop, true);
	pthread_join(l->thread, NULL);
	for (size_t i = 0; i < l->shape.n; i++)
		if (l->all[i].fd >= 0) {
			held += !is_ended(l->all[i].fd);
			close(l->all[i].fd);
		}
	free(l->all);
	free(l);
	return held;
}
