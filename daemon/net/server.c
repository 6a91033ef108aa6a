#include "daemon/net/server.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sodium/randombytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon/net/conn.h"
#include "daemon/net/credentials.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "daemon/memory.h"
#include "daemon/net/listen.h"
#include "daemon/db/store.h"
#include "lib/base/text.h"

enum {
	READ_BYTES = 64 * 1024,
	DRAIN_MS = 10000,
	REFUSED_AT_A_TIME = 256, /* connections beyond max_connections that are being told so */
	COMMIT_BYTES = 512 * 1024, /* some thousand reports: as long as it takes to force a little to disk */
	FEW_CONNECTIONS = 256,
	KEPT_BYTES = 256 * 1024, /* of the buffers that all share */
	SEND_BUFFER_BYTES = 16 * 1024, /* for each above so many */
	FAULT_MAX = CONFIG_PATH_MAX + 256,
	SPARE_DESCRIPTORS = 40, /* for SQLite: a file, its log and its index for each reader */
};

struct server {
	const struct config *config;
	struct session_limits session_limits;
	struct conn_limits conn_limits;
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_timer_t tick;
	uv_signal_t sigterm, sigint, sighup;
	uv_idle_t idle; /* active while somebody waits for a turn: the loop does not sleep then */
	struct listeners listeners;

	struct store *store;
	struct engine *engine;
	struct conn *conns, *dirty;
	struct conn_queue waiting; /* for a turn */
	struct conn_queue held; /* for the next commit to begin, or for one to end, and then for a turn */
	struct session_room room;
	uint64_t n_conns, conns_max; /* at conns_max accepting pauses */
	uint64_t drain_until_ms; /* loop time; 0: not stopping */
	bool closing; /* everything is being closed */
	int result;
	struct tls_context *tls; /* of new connections; NULL: they are plain */
	char *read_buffer;
	struct buf plain, cipher;
	char *database; /* its absolute path, once it is there */
};

/* ---- connections ---- */

/* What is read must be kept until it is taken: where memory is short, less is read at a time. */
uv_buf_t server_read_buffer(struct server *s)
{
	enum { LEAST_BYTES = 2048 };
	size_t half = s->room.limit_bytes / 2, free_bytes = half > s->room.used_bytes ? half - s->room.used_bytes : 0;
	size_t size = free_bytes / 16 > READ_BYTES ? READ_BYTES : free_bytes / 16;
	return uv_buf_init(s->read_buffer, size > LEAST_BYTES ? (unsigned)size : LEAST_BYTES);
}

struct buf *server_plain_buffer(struct server *s)
{
	return &s->plain;
}

struct buf *server_cipher_buffer(struct server *s)
{
	return &s->cipher;
}

/* One large message is no reason to keep so much. */
static void trim_buffers(struct server *s)
{
	if (s->plain.cap > KEPT_BYTES)
		buf_free(&s->plain);
	if (s->cipher.cap > KEPT_BYTES)
		buf_free(&s->cipher);
}

void server_mark_dirty(struct server *s, struct conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = s->dirty;
	s->dirty = c;
}

static void append(struct conn_queue *q, struct conn *c)
{
	c->queue = q;
	c->next_waiting = NULL;
	c->before_waiting = q->last;
	*(q->last ? &q->last->next_waiting : &q->first) = c;
	q->last = c;
}

void server_end_wait(struct conn *c)
{
	struct conn_queue *q = c->queue;
	if (!q)
		return;
	*(c->before_waiting ? &c->before_waiting->next_waiting : &q->first) = c->next_waiting;
	*(c->next_waiting ? &c->next_waiting->before_waiting : &q->last) = c->before_waiting;
	c->queue = NULL;
}

void server_wait_turn(struct server *s, struct conn *c)
{
	if (!c->queue)
		append(session_is_held_back(c->session) ? &s->held : &s->waiting, c);
}

static bool may_release(const struct server *s)
{
	return s->held.first && !engine_is_busy(s->engine) && !engine_is_saturated(s->engine);
}

/* Nobody is held back any more: they have their turns after those who wait already. */
static void release_held(struct server *s)
{
	for (struct conn *c; may_release(s);) {
		c = s->held.first;
		server_end_wait(c);
		append(&s->waiting, c);
	}
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
	server_end_wait(c);
	*(c->before ? &c->before->after : &s->conns) = c->after;
	if (c->after)
		c->after->before = c->before;
	free(c);
	s->n_conns--;
	if (s->engine)
		engine_set_connections(s->engine, s->n_conns);
	if (s->n_conns < s->conns_max)
		listeners_resume(&s->listeners);
}

/* The user of a Unix socket, with his groups: a principal. */
static void describe_local(uv_os_fd_t fd, struct identity *out)
{
	struct ucred user;
	gid_t groups[WHO_GROUPS_MAX];
	socklen_t len = sizeof user, size = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &len) != 0)
		return;
	snprintf(out->name, sizeof out->name, "uid:%u", (unsigned)user.uid);
	out->is_known = true;
	out->is_owner = user.uid == 0 || user.uid == geteuid();
	out->groups[out->n_groups++] = user.gid;
	/* Whoever is in more groups than fit has the rights of the first one alone. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		return;
	for (size_t i = 0; i < size / sizeof *groups && out->n_groups < WHO_GROUPS_MAX; i++)
		out->groups[out->n_groups++] = groups[i];
}

/* Who is at the other end, as far as the socket tells: of a TCP one no more than the address. */
static void describe_peer(const struct conn *c, bool is_unix, struct identity *out)
{
	*out = (struct identity){.name = "unknown", .is_local = is_unix};
	uv_os_fd_t fd;
	if (is_unix) {
		if (uv_fileno((const uv_handle_t *)&c->stream, &fd) == 0)
			describe_local(fd, out);
		return;
	}
	struct sockaddr_storage from;
	int len = sizeof from;
	char host[64];
	if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&from, &len) == 0 &&
	    uv_ip_name((struct sockaddr *)&from, host, sizeof host) == 0)
		snprintf(out->name, sizeof out->name, "tcp:%s", host);
}

static const char *why_not_served(const struct server *s)
{
	if (s->n_conns > s->config->max_connections)
		return "the daemon has as many connections as it takes; try again later";
	/* Those who are there keep a little room to go on in. */
	if (s->room.used_bytes > s->room.limit_bytes / 16 * 15)
		return "the daemon has no memory for another connection; try again later";
	return NULL;
}

static void on_accept(void *arg, int fd, bool is_unix)
{
	struct server *s = arg;
	struct conn *c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return;
	}
	c->server = s;
	int err = is_unix ? uv_pipe_init(&s->loop, &c->pipe, 0) : uv_tcp_init(&s->loop, &c->tcp);
	if (err) {
		close(fd);
		free(c);
		return;
	}
	c->stream.data = c;
	c->after = s->conns;
	if (s->conns)
		s->conns->before = c;
	s->conns = c;
	s->n_conns++;
	engine_set_connections(s->engine, s->n_conns);
	if (s->n_conns >= s->conns_max)
		listeners_pause(&s->listeners);
	/* What peers do not take lies in the kernel first. For a few connections it may be what the kernel thinks best;
	 * ten thousand could hold gigabytes there. */
	const int little = SEND_BUFFER_BYTES;
	if (s->n_conns > FEW_CONNECTIONS)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little);

	struct identity peer;
	err = is_unix ? uv_pipe_open(&c->pipe, fd) : uv_tcp_open(&c->tcp, fd);
	if (err)
		close(fd);
	if (err == 0 && !is_unix)
		err = uv_tcp_nodelay(&c->tcp, 1);
	if (err == 0) {
		describe_peer(c, is_unix, &peer);
		err = conn_start(c, s->engine, &s->session_limits, &peer, is_unix ? NULL : s->tls);
	}
	const char *why = err ? NULL : why_not_served(s);
	if (err)
		conn_close(c);
	else if (why)
		conn_refuse(c, CANDOR_RESOURCE_EXHAUSTED, why);
}

/* ---- memory ---- */

/* The connections hold more than their share: those that hold the most are told so and let go, until what the others
 * hold is a little less than the share. What those hold that were told is on its way out; who has not taken the word
 * for a while loses it, if even with all this an eighth too much is held. */
static void make_room(struct server *s)
{
	enum { PATIENCE_MS = 10000 };
	static const char greedy[] = "the daemon's memory for connections is full, and this one holds much of it; send "
				     "less at a time and take the answers, or raise memory_limit";
	size_t goal = s->room.limit_bytes / 8 * 7, most = 0, held = 0;
	size_t fair = s->session_limits.base_bytes + (s->tls ? TLS_REST_BYTES : 0) +
		      s->room.limit_bytes / 4 / s->room.sessions;
	uint64_t refused = 0;
	for (struct conn *c = s->conns; c; c = c->after) {
		if (c->closing)
			continue;
		if (session_is_over(c->session)) {
			if (s->room.used_bytes > s->room.limit_bytes / 8 * 9 && c->refused_ms &&
			    uv_now(&s->loop) - c->refused_ms > PATIENCE_MS)
				conn_close(c);
			continue;
		}
		session_trim(c->session);
		size_t bytes = session_bytes(c->session);
		held += bytes;
		most = bytes > most ? bytes : most;
	}
	for (; held > goal && most > fair; most /= 2) {
		for (struct conn *c = s->conns; c && held > goal; c = c->after) {
			size_t bytes = c->closing || session_is_over(c->session) ? 0 : session_bytes(c->session);
			if (bytes < most / 2 || bytes < fair)
				continue;
			held -= bytes;
			refused++;
			conn_refuse(c, CANDOR_RESOURCE_EXHAUSTED, greedy);
		}
	}
	if (refused > 0)
		log_warning("memory for connections is full: %llu of them were refused", (unsigned long long)refused);
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

static void on_memory(void *owner, uint64_t *elsewhere, uint64_t *resident)
{
	const struct server *s = owner;
	*elsewhere = db_memory() + READ_BYTES + s->plain.cap + s->cipher.cap + s->room.used_bytes;
	*resident = memory_resident();
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

static void begin_stop(struct server *s)
{
	if (s->drain_until_ms)
		return;
	s->drain_until_ms = uv_now(&s->loop) + DRAIN_MS;
	listeners_close(&s->listeners);
	if (s->engine)
		engine_rest(s->engine);
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
	listeners_close(&s->listeners);
	engine_free(s->engine);
	s->engine = NULL;
	if (s->store)
		store_close(s->store);
	s->store = NULL;
	close_if_open((uv_handle_t *)&s->prepare);
	close_if_open((uv_handle_t *)&s->idle);
	close_if_open((uv_handle_t *)&s->tick);
	close_if_open((uv_handle_t *)&s->sigterm);
	close_if_open((uv_handle_t *)&s->sigint);
	close_if_open((uv_handle_t *)&s->sighup);
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

/* ---- TLS ---- */

/* Connections that are there go on with what they began with. */
static void on_sighup(uv_signal_t *handle, int signum)
{
	struct server *s = handle->data;
	struct tls_context *fresh;
	char fault[FAULT_MAX];
	(void)signum;
	if (credentials_load(s->config, &fresh, fault, sizeof fault)) {
		log_error("SIGHUP: TLS stays as it was: %s", fault);
		return;
	}
	tls_context_free(s->tls);
	s->tls = fresh;
	log_notice(fresh ? "SIGHUP: new connections get the certificates as they are now"
			 : "SIGHUP: there are no certificates to be read anew");
}

static int start_tls(struct server *s)
{
	char fault[FAULT_MAX];
	int err = credentials_load(s->config, &s->tls, fault, sizeof fault);
	if (err)
		log_error("cannot start: %s", fault);
	return err;
}

/* ---- the loop's beat ---- */

static void flush_all(struct server *s)
{
	do {
		while (s->dirty) {
			struct conn *c = s->dirty;
			s->dirty = c->next_dirty;
			c->dirty = false;
			conn_flush(c);
		}
		engine_tick(s->engine);
	} while (s->dirty);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* it is there so that the loop does not sleep */
}

/* Before the loop sleeps: answers leave together, and what was changed goes to the store. One of those who have much to
 * be done has a turn; then the loop looks who else has come, so that whoever wants little is served between. */
static void on_prepare(uv_prepare_t *handle)
{
	struct server *s = handle->data;
	if (s->closing)
		return;
	flush_all(s);
	release_held(s);
	struct conn *c = s->waiting.first;
	if (c) {
		server_end_wait(c);
		/* If it is held back by now, it goes to those who are. */
		session_resume(c->session);
		flush_all(s);
	}
	if (s->room.used_bytes > s->room.limit_bytes) {
		make_room(s);
		flush_all(s);
	}
	if (s->waiting.first || may_release(s))
		uv_idle_start(&s->idle, on_idle);
	else
		uv_idle_stop(&s->idle);
	if (s->drain_until_ms)
		go_on_stopping(s);
}

/* What was freed may lie between what is in use: where the process takes much more than is accounted for, the heap
 * gives it back. */
static void check_heap(struct server *s)
{
	uint64_t elsewhere, resident;
	on_memory(s, &elsewhere, &resident);
	if (resident > engine_bytes(s->engine) + elsewhere + s->config->memory_limit / 8)
		memory_give_back();
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;
	if (s->closing)
		return;
	uint64_t now = uv_now(&s->loop);
	for (struct conn *c = s->conns, *after; c; c = after) {
		after = c->after;
		if (c->closing)
			continue;
		session_trim(c->session);
		const char *why = conn_overdue(c, &s->conn_limits, now);
		if (why) {
			log_debug("closing a connection: %s", why);
			conn_close(c);
		}
	}
	engine_probe(s->engine);
	trim_buffers(s);
	check_heap(s);
	/* The system may have descriptors again. */
	if (s->n_conns < s->conns_max)
		listeners_resume(&s->listeners);
}

/* ---- starting ---- */

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
		.failed = on_failed,
		.memory = on_memory,
	};
	const struct config *config = s->config;
	struct memory_shares shares;
	memory_share(config->memory_limit, &shares);
	struct engine_limits limits = {
		.batch_bytes = config->batch_bytes,
		.commit_bytes = COMMIT_BYTES,
		.pools_bytes = shares.pools,
		.load_bytes = shares.load,
		.memory_bytes = config->memory_limit,
		.resident_items = (uint32_t)config->resident_items,
		.resident_reports = config->resident_reports,
		.max_frame_bytes = config->max_frame_bytes,
		.max_in_flight = (uint32_t)config->max_in_flight,
		.quota = {{config->limit_requests, config->limit_reports, config->limit_bytes},
			  config->limit_open_items},
	};
	uint8_t key[NAMES_KEY_BYTES];
	randombytes_buf(key, sizeof key);
	uint64_t began = uv_hrtime();
	int err = store_open(&s->store, &s->loop, config->db, config->sync, shares.database, on_committed, s);
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
	if ((err = uv_prepare_init(&s->loop, &s->prepare)) || (err = uv_idle_init(&s->loop, &s->idle)) ||
	    (err = uv_timer_init(&s->loop, &s->tick)) || (err = uv_signal_init(&s->loop, &s->sigterm)) ||
	    (err = uv_signal_init(&s->loop, &s->sigint)) || (err = uv_signal_init(&s->loop, &s->sighup))) {
		log_error("cannot start: %s", candor_strerror(err));
		return err;
	}
	s->prepare.data = s->tick.data = s->sigterm.data = s->sigint.data = s->sighup.data = s;
	/* Often enough for the shortest time limit, and at least once a second for the rest. */
	uint64_t beat = 1000;
	if (s->conn_limits.frame_ms && s->conn_limits.frame_ms / 4 < beat)
		beat = s->conn_limits.frame_ms / 4 + 1;
	if (s->conn_limits.idle_ms && s->conn_limits.idle_ms / 4 < beat)
		beat = s->conn_limits.idle_ms / 4 + 1;
	if ((err = uv_prepare_start(&s->prepare, on_prepare)) ||
	    (err = uv_timer_start(&s->tick, on_tick, beat, beat)) ||
	    (err = uv_signal_start(&s->sigterm, on_signal, SIGTERM)) ||
	    (err = uv_signal_start(&s->sigint, on_signal, SIGINT)) ||
	    (err = uv_signal_start(&s->sighup, on_sighup, SIGHUP)))
		log_error("cannot start: %s", candor_strerror(err));
	return err;
}

/* Connections that there are descriptors for, when all else is open. */
static uint64_t count_descriptors(void)
{
	struct rlimit limit;
	uint64_t open = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		open++;
	if (dir)
		closedir(dir);
	else
		open = SPARE_DESCRIPTORS;
	open += SPARE_DESCRIPTORS;
	return limit.rlim_cur > open ? limit.rlim_cur - open : 1;
}

static void set_conns_max(struct server *s)
{
	uint64_t most = count_descriptors();
	s->conns_max = s->config->max_connections + REFUSED_AT_A_TIME;
	if (s->conns_max > most)
		s->conns_max = most;
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
		.base_bytes = heap_bytes(sizeof(struct conn)), /* and what a channel takes, see conn.c */
		.room = &s->room,
	};
	struct memory_shares shares;
	memory_share(config->memory_limit, &shares);
	s->room.limit_bytes = shares.connections;
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
	err = start_tls(s);
	if (err == 0)
		err = start_engine(s);
	if (err == 0)
		err = start_handles(s);
	if (err == 0)
		set_conns_max(s);
	if (err == 0)
		err = listeners_open(&s->listeners, &s->loop, config, on_accept, s);
	if (err == 0) {
		log_notice("candord " CANDOR_VERSION " is ready");
	} else {
		s->result = err;
		close_all(s);
	}
	uv_run(&s->loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&s->loop) == 0);
	int result = s->result;
	session_room_free(&s->room);
	tls_context_free(s->tls);
	buf_free(&s->plain);
	buf_free(&s->cipher);
	free(s->read_buffer);
	free(s->database);
	free(s);
	return result;
}
