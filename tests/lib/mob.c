#include "tests/lib/mob.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/message.h"
#include "lib/wire/wire.h"
#include "tests/lib/clock.h"

enum { EVENTS = 256, BUFFER_BYTES = 256 * 1024, PIECE_BYTES = 256 * 1024 };

#define COME_AGAIN_S 0.2

struct member {
	int fd; /* -1: none just now */
	const struct buf *hello;
	size_t at; /* how much of hello and ask it has sent */
	bool is_done; /* it has nothing more to send */
};

struct mob {
	struct mob_shape shape;
	struct sockaddr_in to;
	struct buf *hellos;
	struct member *members;
	int epoll;
	pthread_t thread;
	atomic_bool stop;
	struct mob_count count;
	char buffer[BUFFER_BYTES];
};

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "mob: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void listen_for(const struct mob *m, struct member *p, int how)
{
	struct epoll_event e = {.data.ptr = p};
	e.events = EPOLLRDHUP | (m->shape.deaf ? 0 : EPOLLIN) | (p->is_done ? 0 : EPOLLOUT);
	if (epoll_ctl(m->epoll, how, p->fd, &e) != 0)
		give_up("epoll");
}

/* False: not just now. */
static bool come(const struct mob *m, struct member *p)
{
	p->at = 0;
	p->is_done = p->hello->len + m->shape.ask_bytes == 0;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		give_up("socket");
	if (connect(p->fd, (const struct sockaddr *)&m->to, sizeof m->to) != 0 && errno != EINPROGRESS) {
		close(p->fd);
		p->fd = -1;
		return false;
	}
	listen_for(m, p, EPOLL_CTL_ADD);
	return true;
}

static void say(struct mob *m, struct member *p)
{
	size_t head = p->hello->len, all = head + m->shape.ask_bytes;
	for (size_t left = PIECE_BYTES; left > 0 && !p->is_done;) {
		bool greets = p->at < head;
		const char *bytes =
			greets ? (const char *)p->hello->data + p->at : (const char *)m->shape.ask + (p->at - head);
		size_t len = greets ? head - p->at : all - p->at;
		ssize_t n = send(p->fd, bytes, len < left ? len : left, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* for now, or for ever: then reading will tell */
		p->at += (size_t)n;
		left -= (size_t)n;
		if (p->at < all)
			continue;
		if (m->shape.once || m->shape.ask_bytes == 0) {
			p->is_done = true;
			listen_for(m, p, EPOLL_CTL_MOD);
		} else {
			p->at = head;
		}
	}
}

/* False: the connection has ended. */
static bool hear(struct mob *m, const struct member *p)
{
	ssize_t n = recv(p->fd, m->buffer, sizeof m->buffer, 0);
	if (n > 0)
		m->count.heard_bytes += (uint64_t)n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void *run(void *arg)
{
	struct mob *m = arg;
	struct epoll_event events[EVENTS];
	double come_at = clock_s() + COME_AGAIN_S;
	while (!m->stop) {
		int n = epoll_wait(m->epoll, events, EVENTS, 20);
		for (int i = 0; i < n; i++) {
			struct member *p = events[i].data.ptr;
			bool is_over = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) && m->shape.deaf;
			if (!is_over && !m->shape.deaf && (events[i].events & ~(uint32_t)EPOLLOUT))
				is_over = !hear(m, p);
			if (is_over) {
				m->count.ended++;
				close(p->fd);
				p->fd = -1;
			} else if (events[i].events & EPOLLOUT) {
				say(m, p);
			}
		}
		if (clock_s() < come_at)
			continue;
		for (size_t i = 0; i < m->shape.n; i++)
			if (m->members[i].fd < 0 && !come(m, &m->members[i]))
				break;
		come_at = clock_s() + COME_AGAIN_S;
	}
	return NULL;
}

static void write_hello(struct buf *out, const char *secret)
{
	const struct candor_request r = {
		.id = 1, .type = CANDOR_REQ_HELLO, .protocol = CANDOR_PROTOCOL, .token = secret};
	struct arena scratch;
	arena_init(&scratch, (size_t)1 << 20);
	if (wire_encode_request(&r, &scratch, (size_t)1 << 20, out))
		give_up("encode");
	arena_free(&scratch);
}

struct mob *mob_start(const struct mob_shape *shape)
{
	static const struct buf nothing = {0};
	struct mob *m = calloc(1, sizeof *m);
	struct address a;
	const char *why;
	if (!m)
		give_up("memory");
	m->shape = *shape;
	m->members = calloc(shape->n, sizeof *m->members);
	m->hellos = calloc(shape->n_secrets + 1, sizeof *m->hellos);
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!m->members || !m->hellos || m->epoll < 0)
		give_up("memory");
	if (address_parse(shape->address, &a, &why) || a.is_unix || inet_pton(AF_INET, a.host, &m->to.sin_addr) != 1)
		give_up(shape->address);
	m->to.sin_family = AF_INET;
	m->to.sin_port = htons(a.port);
	for (size_t i = 0; i < shape->n_secrets; i++)
		write_hello(&m->hellos[i], shape->secrets[i]);
	for (size_t i = 0; i < shape->n; i++) {
		m->members[i].hello = shape->n_secrets > 0 ? &m->hellos[i % shape->n_secrets] : &nothing;
		come(m, &m->members[i]);
	}
	if (pthread_create(&m->thread, NULL, run, m) != 0)
		give_up("thread");
	return m;
}

void mob_stop(struct mob *m, struct mob_count *out)
{
	m->stop = true;
	pthread_join(m->thread, NULL);
	for (size_t i = 0; i < m->shape.n; i++)
		if (m->members[i].fd >= 0)
			close(m->members[i].fd);
	for (size_t i = 0; i < m->shape.n_secrets; i++)
		buf_free(&m->hellos[i]);
	close(m->epoll);
	*out = m->count;
	free(m->hellos);
	free(m->members);
	free(m);
}
