#include "tests/lib/crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/wire/frame.h"
#include "lib/wire/wire.h"
#include "tests/lib/clock.h"

enum kind { DEAF, DRIP, HALF, HEAVY, PIPELINE, FLOOD };
enum { FLOOD_ROWS = 250, FLOOD_ITEMS = 200000, BUFFER_BYTES = 64 * 1024, PIECE_BYTES = 16 * 1024 };

struct member {
	int fd;
	enum kind kind;
	struct frame in;
	struct buf out; /* to be sent, from `at` on */
	size_t at;
	uint64_t asked, answers;
	bool ended, refused; /* by the daemon; what it said last was RESOURCE_EXHAUSTED */
};

struct crowd {
	struct crowd_shape shape;
	const char *pool;
	struct member *members;
	size_t n;
	int epoll;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint done; /* pipelines */
	uint64_t next_item;
	struct crowd_count count;
	char buffer[BUFFER_BYTES];
};

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(99);
}

/* ---- what they say ---- */

static void append(struct buf *out, const struct candor_request *r)
{
	struct arena scratch;
	arena_init(&scratch, (size_t)1 << 26);
	if (wire_encode_request(r, &scratch, (size_t)1 << 24, out))
		give_up("encode");
	arena_free(&scratch);
}

static void append_flood(struct crowd *c, struct buf *out, uint64_t id)
{
	static char items[FLOOD_ROWS][32], labelers[FLOOD_ROWS][32];
	static struct candor_report rows[FLOOD_ROWS];
	for (size_t i = 0; i < FLOOD_ROWS; i++, c->next_item++) {
		snprintf(items[i], sizeof items[i], "flood-%llu", (unsigned long long)(c->next_item % FLOOD_ITEMS));
		snprintf(labelers[i], sizeof labelers[i], "flooder-%llu",
			 (unsigned long long)(c->next_item / FLOOD_ITEMS));
		rows[i] = (struct candor_report){items[i], labelers[i], 0.5};
	}
	append(out,
	       &(struct candor_request){
		       .id = id, .type = CANDOR_REQ_POST_REPORTS, .pool = c->pool, .n = FLOOD_ROWS, .reports = rows});
}

/* More to be sent, where the member has more to say. */
static void refill(struct crowd *c, struct member *m)
{
	static const char *const unknown[] = {"nobody reported on this", "nor on that", "nor on this one", "nor that"};
	m->out.len = m->at = 0;
	if (m->kind == FLOOD)
		append_flood(c, &m->out, ++m->asked);
	while (m->kind == DEAF && m->out.len < PIECE_BYTES)
		append(&m->out, &(struct candor_request){.id = ++m->asked,
							 .type = CANDOR_REQ_QUERY_ITEMS,
							 .pool = c->pool,
							 .n = 4,
							 .items = unknown});
	while (m->kind == PIPELINE && m->out.len < PIECE_BYTES && m->asked < c->shape.pipelined)
		append(&m->out, &(struct candor_request){
					.id = ++m->asked, .type = CANDOR_REQ_GET_POOL, .pool = c->shape.quiet_pool});
}

/* It sends one frame, and not all of it. */
static bool is_frame(const struct member *m)
{
	return m->kind == DRIP || m->kind == HALF || m->kind == HEAVY;
}

static void begin(struct crowd *c, struct member *m)
{
	uint8_t head[FRAME_HEAD_MAX];
	if (!is_frame(m)) {
		refill(c, m);
		return;
	}
	/* A drip's frame is longer than it lives. */
	size_t len = m->kind == HALF ? c->shape.half_bytes : m->kind == HEAVY ? c->shape.heavy_bytes : 3600;
	uint8_t *to;
	if (buf_append(&m->out, head, frame_head(2 * len, head)) || !(to = buf_reserve(&m->out, len)))
		give_up("memory");
	memset(to, 'x', len);
	m->out.len += len;
}

static void send_some(struct crowd *c, struct member *m, size_t most)
{
	while (!m->ended && m->at < m->out.len && most > 0) {
		size_t len = m->out.len - m->at < most ? m->out.len - m->at : most;
		ssize_t n = send(m->fd, m->out.data + m->at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return; /* for now, or for ever: then reading will tell */
		m->at += (size_t)n;
		most -= (size_t)n;
		if (m->at == m->out.len && !is_frame(m))
			refill(c, m);
	}
}

/* ---- what they hear ---- */

static void hear(struct crowd *c, struct member *m, const struct candor_response *r)
{
	c->count.answers++;
	m->answers++;
	m->refused = r->code == CANDOR_RESOURCE_EXHAUSTED;
	for (size_t i = 0; m->kind == FLOOD && i < r->n_rejected; i++)
		c->count.rows_refused += r->rejected[i].code == CANDOR_RESOURCE_EXHAUSTED;
	if (m->kind == PIPELINE) {
		c->count.pipelined_answers += r->code == CANDOR_OK && r->pool.name[0];
		if (m->answers == c->shape.pipelined)
			atomic_fetch_add(&c->done, 1);
	}
}

/* Bytes read; 0 where there is nothing for now. */
static size_t receive(struct crowd *c, struct member *m)
{
	struct arena scratch;
	struct view body;
	ssize_t n = recv(m->fd, c->buffer, sizeof c->buffer, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		m->ended = true;
		epoll_ctl(c->epoll, EPOLL_CTL_DEL, m->fd, NULL);
		return 0;
	}
	if (frame_push(&m->in, c->buffer, (size_t)n))
		give_up("memory");
	arena_init(&scratch, (size_t)1 << 26);
	for (int got; (got = frame_next(&m->in, &body)) != 0;) {
		struct candor_response r;
		if (got < 0 || wire_decode_response(&scratch, body.data, body.len, &r))
			give_up("an answer that is none");
		hear(c, m, &r);
		arena_reset(&scratch);
	}
	arena_free(&scratch);
	frame_trim(&m->in);
	return (size_t)n;
}

/* ---- life ---- */

static void *run(void *arg)
{
	enum { EVENTS = 256, TURN_BYTES = 256 * 1024, DRIP_GROUPS = 50 };
	struct crowd *c = arg;
	struct epoll_event events[EVENTS];
	double next_drip = clock_s();
	size_t group = 0;
	while (!atomic_load(&c->stop)) {
		int n = epoll_wait(c->epoll, events, EVENTS, 10);
		for (int i = 0; i < n; i++) {
			struct member *m = events[i].data.ptr;
			if (m->kind != DEAF && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
				receive(c, m);
			if ((events[i].events & EPOLLOUT) && m->kind != DRIP)
				send_some(c, m, TURN_BYTES);
			struct epoll_event want = {.data.ptr = m, .events = m->kind == DEAF ? 0 : EPOLLIN};
			/* Nothing is left to be said: the socket's being free is no news any more. */
			if (!m->ended && m->at < m->out.len && m->kind != DRIP)
				want.events |= EPOLLOUT;
			if (!m->ended && m->kind == DEAF && (events[i].events & (EPOLLHUP | EPOLLERR)))
				epoll_ctl(c->epoll, EPOLL_CTL_DEL, m->fd, NULL);
			else if (!m->ended)
				epoll_ctl(c->epoll, EPOLL_CTL_MOD, m->fd, &want);
		}
		if (clock_s() < next_drip)
			continue;
		/* A byte a second each, but not all at once. */
		next_drip += 1.0 / DRIP_GROUPS;
		group = (group + 1) % DRIP_GROUPS;
		for (size_t i = group; i < c->n; i += DRIP_GROUPS)
			if (c->members[i].kind == DRIP)
				send_some(c, &c->members[i], 1);
	}
	return NULL;
}

static void join(struct crowd *c, const struct sockaddr_un *to, enum kind kind)
{
	struct member *m = &c->members[c->n++];
	*m = (struct member){.kind = kind, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (m->fd < 0 || connect(m->fd, (const struct sockaddr *)to, sizeof *to) != 0)
		give_up("connect");
	frame_init(&m->in, (size_t)1 << 24);
	begin(c, m);
	struct epoll_event want = {.data.ptr = m,
				   .events = (kind == DEAF ? 0 : EPOLLIN) | (kind == DRIP ? 0 : EPOLLOUT)};
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, m->fd, &want) != 0)
		give_up("epoll");
}

struct crowd *crowd_start(const char *address, const char *pool, const struct crowd_shape *shape)
{
	struct crowd *c = calloc(1, sizeof *c);
	struct address a;
	const char *why;
	const unsigned many[] = {shape->deaf,    shape->drips,     shape->halves,
				 shape->heavies, shape->pipelines, shape->floods};
	size_t n = 0;
	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		n += many[i];
	if (!c || !(c->members = calloc(n + 1, sizeof *c->members)) || (c->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		give_up("memory");
	if (address_parse(address, &a, &why))
		give_up(why);
	c->shape = *shape;
	c->pool = pool;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof to.sun_path, "%s", a.path);
	for (size_t kind = 0; kind < sizeof many / sizeof *many; kind++)
		for (unsigned i = 0; i < many[kind]; i++)
			join(c, &to, (enum kind)kind);
	if (pthread_create(&c->thread, NULL, run, c))
		give_up("thread");
	return c;
}

int crowd_pipelines_done(const struct crowd *c)
{
	return atomic_load(&c->done) == c->shape.pipelines;
}

void crowd_stop(struct crowd *c, struct crowd_count *out)
{
	/* What the deaf are sent when they begin to listen makes room for more: there is an end to looking at it. */
	enum { PASSES = 20 };
	atomic_store(&c->stop, true);
	pthread_join(c->thread, NULL);
	for (int pass = 0; pass < PASSES; pass++) {
		for (size_t i = 0; i < c->n; i++)
			for (int k = 0; k < 16 && !c->members[i].ended && receive(c, &c->members[i]) > 0; k++)
				;
		nap_ms(20);
	}
	for (size_t i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];
		static const char *const kinds[] = {"deaf one", "drip", "half", "heavy one", "pipeline", "flood"};
		if (m->ended && (!m->refused || m->kind == PIPELINE))
			fprintf(stderr, "# a %s was ended %s, after %llu answers\n", kinds[m->kind],
				m->refused ? "with RESOURCE_EXHAUSTED" : "without a word of why",
				(unsigned long long)m->answers);
		*(!m->ended ? &c->count.held : m->refused ? &c->count.refused : &c->count.silent) += 1;
		close(m->fd);
		frame_free(&m->in);
		buf_free(&m->out);
	}
	*out = c->count;
	close(c->epoll);
	free(c->members);
	free(c);
}
