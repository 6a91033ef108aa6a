#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sodium/randombytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn.h"
#include "log.h"
#include "store.h"
#include "text.h"

enum { READ_BYTES = 64 * 1024, BACKLOG = 511, DRAIN_MS = 10000 };

struct listener {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	};
	struct server *server;
	struct address address;
	bool made;
	bool waiting; /* libuv holds a connection that could not be taken, and accepts no other before it is */
};

struct server {
	const struct config *config;
	struct session_limits session_limits;
	struct conn_limits conn_limits;
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_timer_t tick;
	uv_signal_t sigterm, sigint;
	struct listener listeners[CONFIG_LISTEN_MAX];

	struct store *store;
	struct engine *engine;
	struct conn *conns, *dirty;
	uint64_t n_conns;
	uint64_t drain_until_ms; /* loop time; 0: not stopping */
	bool closing; /* everything is being closed */
	int result;
	char *read_buffer;
	char *database; /* its absolute path, once it is there */
};

/* ---- connections ---- */

uv_buf_t server_read_buffer(struct server *s)
{
	return uv_buf_init(s->read_buffer, READ_BYTES);
}

void server_mark_dirty(struct server *s, struct conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = s->dirty;
	s->dirty = c;
}

static void remove_dirty(struct server *s, const struct conn *c)
{
	struct conn **at = &s->dirty;
	while (*at != c)
		at = &(*at)->next_dirty;
	*at = c->next_dirty;
}

void server_conn_closed(struct server *s, struct conn *c)
{
	if (c->dirty)
		remove_dirty(s, c);
	*(c->before ? &c->before->after : &s->conns) = c->after;
	if (c->after)
		c->after->before = c->before;
	free(c);
	s->n_conns--;
	if (s->engine)
		engine_set_connections(s->engine, s->n_conns);
}

/* Who is at the other end, for history: the user of a Unix socket, the address of a TCP one. */
static void describe_peer(const struct conn *c, bool is_unix, char *out, size_t size)
{
	snprintf(out, size, "unknown");
	if (is_unix) {
		uv_os_fd_t fd;
		struct ucred who;
		socklen_t len = sizeof who;
		if (uv_fileno((const uv_handle_t *)&c->stream, &fd) == 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
			snprintf(out, size, "uid:%u", (unsigned)who.uid);
		return;
	}
	struct sockaddr_storage from;
	int len = sizeof from;
	char host[64];
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) == 0 &&
	    uv_ip_name((struct sockaddr *)&from, host, sizeof host) == 0)
		snprintf(out, size, "tcp:%s", host);
}

static void accept_one(struct server *s, struct listener *l)
{
	struct conn *c = calloc(1, sizeof *c);
	l->waiting = !c;
	if (!c)
		return; /* the next tick tries again */
	bool is_unix = l->address.is_unix;
	c->server = s;
	int err = is_unix ? uv_pipe_init(&s->loop, &c->pipe, 0) : uv_tcp_init(&s->loop, &c->tcp);
	if (err) {
		free(c);
		l->waiting = true;
		return;
	}
	c->stream.data = c;
	c->after = s->conns;
	if (s->conns)
		s->conns->before = c;
	s->conns = c;
	s->n_conns++;
	engine_set_connections(s->engine, s->n_conns);

	char peer[CANDOR_NAME_MAX + 1];
	err = uv_accept(&l->stream, &c->stream);
	if (err == 0 && !is_unix)
		err = uv_tcp_nodelay(&c->tcp, 1);
	if (err == 0) {
		describe_peer(c, is_unix, peer, sizeof peer);
		err = conn_start(c, s->engine, &s->session_limits, peer);
	}
	if (err)
		conn_close(c);
	else if (s->n_conns > s->config->max_connections)
		conn_refuse(c, CANDOR_RESOURCE_EXHAUSTED,
			    "the daemon has as many connections as it takes; try again later");
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = (struct listener *)stream->data;
	struct server *s = l->server;
	if (s->drain_until_ms)
		return;
	if (status < 0) {
		/* Mostly for want of descriptors: libuv refuses that connection and goes on. */
		log_warning("cannot accept a connection: %s", uv_strerror(status));
		return;
	}
	accept_one(s, l);
}

/* ---- the engine's owner ---- */

static void on_engine_commit(void *owner, const struct batch *batch)
{
	store_commit(((struct server *)owner)->store, batch);
}

static void on_engine_read(void *owner, struct read_job *job)
{
	store_read(((struct server *)owner)->store, job);
}

static uint64_t on_now_ms(void *owner)
{
	(void)owner;
	struct timeval now;
	gettimeofday(&now, NULL);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static uint64_t on_database_bytes(void *owner)
{
	return store_bytes(((struct server *)owner)->store);
}

static void on_relieved(void *owner)
{
	struct server *s = owner;
	for (struct conn *c = s->conns; c; c = c->after)
		if (!c->closing)
			session_resume(c->session);
}

static void begin_stop(struct server *s);

static void on_failed(void *owner, int err)
{
	struct server *s = owner;
	log_error("stopping: %s; what was acknowledged is on disk, see docs/operating.md on repair",
		  candor_strerror(err));
	s->result = err;
	begin_stop(s);
}

static void on_committed(void *arg, int err)
{
	engine_committed(((struct server *)arg)->engine, err);
}

/* ---- stopping ---- */

static void close_if_open(uv_handle_t *handle)
{
	if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_listeners(struct server *s)
{
	for (size_t i = 0; i < s->config->n_listen; i++) {
		struct listener *l = &s->listeners[i];
		/* libuv unlinks the socket of a pipe it has bound. */
		if (l->made)
			close_if_open(&l->handle);
	}
}

static void begin_stop(struct server *s)
{
	if (s->drain_until_ms)
		return;
	s->drain_until_ms = uv_now(&s->loop) + DRAIN_MS;
	close_listeners(s);
	for (struct conn *c = s->conns; c; c = c->after) {
		if (c->closing)
			continue;
		session_stop(c->session);
		server_mark_dirty(s, c);
	}
}

/* Nothing is in flight: what is left are handles, and the loop ends with the last of them. */
static void close_all(struct server *s)
{
	s->closing = true;
	close_listeners(s);
	engine_free(s->engine);
	s->engine = NULL;
	if (s->store)
		store_close(s->store, NULL, NULL);
	s->store = NULL;
	close_if_open((uv_handle_t *)&s->prepare);
	close_if_open((uv_handle_t *)&s->tick);
	close_if_open((uv_handle_t *)&s->sigterm);
	close_if_open((uv_handle_t *)&s->sigint);
}

/* Closes connections whose requests are all answered, or all of them when the time for that is over: then unsent
 * answers are lost, which a client takes as not knowing. */
static void go_on_stopping(struct server *s)
{
	bool late = uv_now(&s->loop) >= s->drain_until_ms;
	for (struct conn *c = s->conns; c; c = c->after)
		if (!c->closing && (late || conn_is_done(c)))
			conn_close(c);
	if (!s->conns && engine_is_idle(s->engine))
		close_all(s);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct server *s = handle->data;
	log_notice("%s: finishing what is in flight", signum == SIGTERM ? "SIGTERM" : "SIGINT");
	begin_stop(s);
}

/* ---- the loop's beat ---- */

/* Before the loop sleeps: answers leave together, and what was changed goes to the store. */
static void on_prepare(uv_prepare_t *handle)
{
	struct server *s = handle->data;
	if (s->closing)
		return;
	do {
		while (s->dirty) {
			struct conn *c = s->dirty;
			s->dirty = c->next_dirty;
			c->dirty = false;
			conn_flush(c);
		}
		engine_tick(s->engine);
	} while (s->dirty);
	if (s->drain_until_ms)
		go_on_stopping(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;
	if (s->closing)
		return;
	uint64_t now = uv_now(&s->loop);
	for (struct conn *c = s->conns, *after; c; c = after) {
		after = c->after;
		const char *why = c->closing ? NULL : conn_overdue(c, &s->conn_limits, now);
		if (why) {
			log_debug("closing a connection: %s", why);
			conn_close(c);
		}
	}
	for (size_t i = 0; i < s->config->n_listen && !s->drain_until_ms; i++)
		if (s->listeners[i].waiting)
			accept_one(s, &s->listeners[i]);
	engine_probe(s->engine);
}

/* ---- starting ---- */

/* A socket file that nobody listens on is left from a daemon that was killed: it is removed. One that somebody listens
 * on, and anything that is no socket, stays. */
static int remove_stale_socket(const char *path)
{
	struct stat st;
	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? -EADDRINUSE : -errno;
	close(fd);
	if (err != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

static int listen_unix(struct server *s, struct listener *l)
{
	int err = uv_pipe_init(&s->loop, &l->pipe, 0);
	if (err)
		return err;
	l->made = true;
	err = remove_stale_socket(l->address.path);
	if (err == 0)
		err = uv_pipe_bind(&l->pipe, l->address.path);
	return err ? err : uv_listen(&l->stream, BACKLOG, on_connection);
}

static int resolve(struct server *s, const struct address *a, struct sockaddr_storage *out)
{
	char port[8];
	snprintf(port, sizeof port, "%u", a->port);
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	uv_getaddrinfo_t request;
	int err = uv_getaddrinfo(&s->loop, &request, NULL, a->host, port, &hints);
	if (err)
		return err;
	memcpy(out, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
	uv_freeaddrinfo(request.addrinfo);
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
}

static int listen_tcp(struct server *s, struct listener *l)
{
	struct sockaddr_storage at;
	int err = resolve(s, &l->address, &at);
	if (err == 0)
		err = uv_tcp_init(&s->loop, &l->tcp);
	if (err)
		return err;
	l->made = true;
	if (!is_loopback(&at))
		log_warning("%s is not loopback: whoever reaches it may post outcomes, and all of it is unencrypted",
			    l->address.host);
	err = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&at, at.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0);
	if (err == 0)
		err = uv_listen(&l->stream, BACKLOG, on_connection);
	int len = sizeof at;
	/* Port 0 asks for any free one: say which. */
	if (err == 0)
		err = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&at, &len);
	if (err == 0)
		l->address.port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
								 : ((struct sockaddr_in *)&at)->sin_port);
	return err;
}

static int listen_all(struct server *s)
{
	for (size_t i = 0; i < s->config->n_listen; i++) {
		struct listener *l = &s->listeners[i];
		char text[ADDRESS_TEXT_MAX];
		l->server = s;
		l->address = s->config->listen[i];
		int err = l->address.is_unix ? listen_unix(s, l) : listen_tcp(s, l);
		l->stream.data = l;
		address_format(&l->address, text, sizeof text);
		if (err) {
			log_error("cannot listen on %s: %s", text, uv_strerror(err));
			return err;
		}
		log_notice("listening on %s", text);
	}
	return 0;
}

/* What is wrong has been logged; what to do about it stands last. */
static void say_unusable(const char *path, int err)
{
	if (err == ERR_DAMAGED || err == ERR_HISTORY)
		log_error("cannot use database %s: %s; `candord --verify --deep --db %s` says more; restore a backup "
			  "with `candord --restore`, see \"Repair\" in docs/operating.md",
			  path, candor_strerror(err), path);
	else if (err == ERR_SCHEMA)
		log_error("cannot use database %s: %s; name another file or use a newer candord; if this one has used "
			  "it before, it is damaged: see \"Repair\" in docs/operating.md",
			  path, candor_strerror(err));
	else if (err == ERR_DATABASE)
		log_error("cannot use database %s: %s; see \"Repair\" in docs/operating.md", path,
			  candor_strerror(err));
	else
		log_error("cannot use database %s: %s", path, candor_strerror(err));
}

static int start_engine(struct server *s)
{
	static const struct engine_ops ops = {
		.commit = on_engine_commit,
		.read = on_engine_read,
		.now_ms = on_now_ms,
		.database_bytes = on_database_bytes,
		.relieved = on_relieved,
		.failed = on_failed,
	};
	const struct config *config = s->config;
	struct engine_limits limits = {
		.batch_bytes = config->batch_bytes,
		.resident_items = (uint32_t)config->resident_items,
		.resident_reports = config->resident_reports,
		.max_frame_bytes = config->max_frame_bytes,
		.max_in_flight = (uint32_t)config->max_in_flight,
	};
	uint8_t key[NAMES_KEY_BYTES];
	randombytes_buf(key, sizeof key);
	uint64_t began = uv_hrtime();
	int err = store_open(&s->store, &s->loop, config->db, config->sync, on_committed, s);
	if (err == 0)
		s->database = realpath(config->db, NULL);
	/* A path that is no text cannot be told. */
	if (s->database && !text_fault(s->database, strlen(s->database)))
		limits.database = s->database;
	if (err == 0)
		err = engine_new(&s->engine, store_db(s->store), key, &limits, &ops, s);
	if (err)
		say_unusable(config->db, err);
	else
		log_notice("database %s: ready in %.3f s", config->db, (double)(uv_hrtime() - began) / 1e9);
	return err;
}

static int start_handles(struct server *s)
{
	int err;
	if ((err = uv_prepare_init(&s->loop, &s->prepare)) || (err = uv_timer_init(&s->loop, &s->tick)) ||
	    (err = uv_signal_init(&s->loop, &s->sigterm)) || (err = uv_signal_init(&s->loop, &s->sigint))) {
		log_error("cannot start: %s", candor_strerror(err));
		return err;
	}
	s->prepare.data = s->tick.data = s->sigterm.data = s->sigint.data = s;
	/* Often enough for the shortest time limit, and at least once a second for the rest. */
	uint64_t beat = 1000;
	if (s->conn_limits.frame_ms && s->conn_limits.frame_ms / 4 < beat)
		beat = s->conn_limits.frame_ms / 4 + 1;
	if (s->conn_limits.idle_ms && s->conn_limits.idle_ms / 4 < beat)
		beat = s->conn_limits.idle_ms / 4 + 1;
	if ((err = uv_prepare_start(&s->prepare, on_prepare)) ||
	    (err = uv_timer_start(&s->tick, on_tick, beat, beat)) ||
	    (err = uv_signal_start(&s->sigterm, on_signal, SIGTERM)) ||
	    (err = uv_signal_start(&s->sigint, on_signal, SIGINT)))
		log_error("cannot start: %s", candor_strerror(err));
	return err;
}

int server_run(const struct config *config)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s) {
		log_error("cannot start: %s", candor_strerror(-ENOMEM));
		return -ENOMEM;
	}
	s->config = config;
	s->session_limits = (struct session_limits){
		.max_frame_bytes = config->max_frame_bytes,
		.max_unpacked_bytes = config->max_unpacked_bytes,
		.max_in_flight = (uint32_t)config->max_in_flight,
		.max_unsent_bytes = config->max_unsent_bytes,
	};
	s->conn_limits = (struct conn_limits){config->idle_ms, config->frame_ms};
	s->read_buffer = malloc(READ_BYTES);
	int err = s->read_buffer ? uv_loop_init(&s->loop) : -ENOMEM;
	if (err) {
		log_error("cannot start: %s", candor_strerror(err));
		free(s->read_buffer);
		free(s);
		return err;
	}
	/* A peer that goes away while it is written to is an error of that write, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	err = start_engine(s);
	if (err == 0)
		err = start_handles(s);
	if (err == 0)
		err = listen_all(s);
	if (err == 0) {
		log_notice("candord " CANDOR_VERSION " is ready");
	} else {
		s->result = err;
		close_all(s);
	}
	uv_run(&s->loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&s->loop) == 0);
	int result = s->result;
	free(s->read_buffer);
	free(s->database);
	free(s);
	return result;
}
