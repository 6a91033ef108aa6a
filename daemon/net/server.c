#include "daemon/net/server.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "daemon/db/store.h"
#include "daemon/engine/watch.h"
#include "daemon/history/upgrade.h"
#include "daemon/memory.h"
#include "daemon/net/conns.h"
#include "daemon/net/credentials.h"
#include "daemon/net/listen.h"
#include "daemon/net/pages.h"
#include "daemon/net/service.h"
#include "daemon/net/signals.h"
#include "daemon/net/unusable.h"
#include "daemon/progress.h"
#include "lib/base/buckets.h"
#include "lib/base/hash.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

enum {
	DRAIN_MS = 10000,
	COMMIT_BYTES = 512 * 1024, /* some thousand reports: writing them takes about as long as the fsync */
	FAULT_MAX = CONFIG_PATH_MAX + 256,
	LOOSE_BYTES = 16 * 1024 * 1024, /* that the program and the heap's gaps may take beside the account */
	SPARE_DESCRIPTORS = 40, /* for SQLite: a file, its log and its index for each reader */
};

#define YEAR_9999_S 253402300799ll /* the last second that has a name */

struct server {
	const struct config *config;
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_timer_t tick;
	uv_timer_t alarm; /* for when the engine wants to be called */
	uint64_t alarm_ms; /* as engine_wakes_at_ms() gave it; UINT64_MAX: it is not set */
	struct signals signals;
	uv_work_t no_work; /* for start_pool() */
	uv_idle_t idle; /* active while a session waits for a turn: the loop does not sleep then */
	/* How long the loop's turns took, in ns: from the end of one to that of the next, without the time in which the
	 * loop slept. */
	struct histogram turns;
	struct buckets lag; /* the same, for metrics */
	uint64_t turn_ended, slept;
	struct listeners listeners;
	struct conns conns;
	struct store *store;
	struct engine *engine;
	struct tls_context *tls; /* of new connections; NULL: they are plain */
	struct service service;
	struct pages pages; /* of HTTP */
	uint64_t began_at; /* ms since 1970 */
	struct progress progress; /* of reading the state */
	uint64_t drain_until_ms; /* loop time; 0: not stopping */
	uint64_t cut; /* connections that were closed before all answers were taken */
	bool closing; /* everything is being closed */
	int result;
	const char *why; /* it stops: a signal's name; NULL: see result */
	char *database; /* its absolute path, once it is there */
};

/* ---- connections ---- */

static void on_accept(void *arg, int fd, struct listener *from)
{
	struct server *s = arg;
	conns_accept(&s->conns, fd, &from->address, from->address.is_unix ? NULL : s->tls, &from->connections);
}

/* Over the Unix socket the owner is expected at any time, and who comes is seen only when it is accepted. */
static void accept_what_fits(struct server *s)
{
	listeners_allow(&s->listeners, !conns_are_full(&s->conns), conns_have_room_for_owner(&s->conns));
}

static void on_conns_changed(void *owner)
{
	struct server *s = owner;
	if (s->engine)
		engine_set_connections(s->engine, s->conns.n);
	accept_what_fits(s);
}

/* ---- the engine's owner ---- */

static void on_engine_commit(void *owner, const struct batch *batch)
{
	struct server *s = owner;
	service_commit_began(&s->service);
	store_commit(s->store, batch);
}

static void on_engine_read(void *owner, struct read_job *job)
{
	store_read(((struct server *)owner)->store, job);
}

static void on_engine_cancel(void *owner, struct read_job *job)
{
	store_cancel(((struct server *)owner)->store, job);
}

uint64_t server_time_ms(const struct timeval *clock)
{
	if (clock->tv_sec < 0 || (clock->tv_sec == 0 && clock->tv_usec < 1000))
		return 1;
	if (clock->tv_sec > YEAR_9999_S)
		return YEAR_9999_S * 1000ull;
	return (uint64_t)clock->tv_sec * 1000 + (uint64_t)clock->tv_usec / 1000;
}

static uint64_t on_now_ms(void *owner)
{
	(void)owner;
	struct timeval now;
	gettimeofday(&now, NULL);
	return server_time_ms(&now);
}

static uint64_t on_elapsed_ns(void *owner)
{
	(void)owner;
	return uv_hrtime();
}

static void on_disk(void *owner, uint64_t *database, uint64_t *wal)
{
	struct store_sizes sizes;
	store_look_at_files(((struct server *)owner)->store, &sizes);
	*database = sizes.database;
	*wal = sizes.wal;
}

static void on_memory(void *owner, uint64_t *elsewhere, uint64_t *resident)
{
	const struct server *s = owner;
	*elsewhere = db_memory() + conns_bytes(&s->conns);
	*resident = memory_resident();
}

static const struct histogram *on_loop(void *owner)
{
	return &((struct server *)owner)->turns;
}

/* The loop stands still meanwhile. A start is given up where the daemon is told to end. State that is rebuilt while it
 * serves has no bar: the log says what went before. */
static bool on_recovering(void *owner, uint64_t done, uint64_t total)
{
	struct server *s = owner;
	char text[PROGRESS_TEXT_MAX];
	progress_text(&s->progress, done, total, text);
	service_recovering(&s->service, text);
	if (s->engine)
		return true;
	progress_show(&s->progress, done, total);
	s->why = signals_waiting();
	return !s->why;
}

/* Before that, where the database is older. */
static bool on_upgrading(void *owner, uint64_t done, uint64_t total)
{
	struct server *s = owner;
	char text[PROGRESS_TEXT_MAX];
	progress_text(&s->progress, done, total, text);
	service_recovering(&s->service, text);
	progress_show(&s->progress, done, total);
	s->why = signals_waiting();
	return !s->why;
}

static int on_upgrade(void *arg, struct db *db)
{
	struct server *s = arg;
	const struct upgrade how = {
		.called = s->config->db,
		.option = UPGRADE_OPTION,
		.going_on = on_upgrading,
		.arg = s,
		.turn_ms = UPGRADE_TURN_MS,
	};
	progress_begin(&s->progress, "upgrading", "events", true);
	int err = upgrade_run(db, &how);
	progress_end(&s->progress);
	return err;
}

static void begin_stop(struct server *s, const char *why);

static void on_failed(void *owner, int err)
{
	struct server *s = owner;
	log_error("stopping: %s; acknowledged changes are on disk; see \"Repair\" in docs/operating.md",
		  candor_strerror(err));
	s->result = err;
	begin_stop(s, NULL);
}

static void on_committed(void *arg, int err)
{
	struct server *s = arg;
	service_commit_ended(&s->service);
	engine_committed(s->engine, err);
}

/* ---- stopping ---- */

static void close_if_open(uv_handle_t *handle)
{
	if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* why: a signal's name; NULL: for the error that is the result. */
static void begin_stop(struct server *s, const char *why)
{
	if (s->drain_until_ms)
		return;
	s->why = why;
	service_stopping(&s->service, why ? why : candor_strerror(s->result));
	s->drain_until_ms = uv_now(&s->loop) + DRAIN_MS;
	s->pages.stopping = true;
	signals_close(&s->signals);
	listeners_close(&s->listeners);
	if (s->engine)
		engine_quiesce(s->engine);
	conns_stop(&s->conns);
}

/* Nothing is in flight: only handles are left, and the loop ends with the last of them. */
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
	close_if_open((uv_handle_t *)&s->alarm);
	service_close(&s->service);
	signals_close(&s->signals);
}

/* Closes connections whose requests are all answered; when the time for that is over, all of them: then unsent answers
 * are lost, and clients cannot know the outcome. */
static void go_on_stopping(struct server *s)
{
	bool late = uv_now(&s->loop) >= s->drain_until_ms;
	if (late && !s->cut)
		s->cut = s->conns.n;
	conns_close(&s->conns, late);
	if (!s->conns.first && engine_is_idle(s->engine))
		close_all(s);
}

static void on_end(void *arg, const char *name)
{
	log_notice("%s: finishing requests in flight", name);
	begin_stop(arg, name);
}

/* ---- TLS ---- */

/* Open connections keep the certificates that they began with. */
static void on_reload(void *arg)
{
	struct server *s = arg;
	struct tls_context *fresh;
	char fault[FAULT_MAX];
	service_reloading(&s->service);
	if (credentials_load(s->config, &fresh, fault, sizeof fault)) {
		log_error("SIGHUP: certificates not reloaded: %s", fault);
		service_reloaded(&s->service, fault);
		return;
	}
	tls_context_free(s->tls);
	s->tls = fresh;
	log_notice(fresh ? "SIGHUP: certificates reloaded for new connections" : "SIGHUP: no certificates to reload");
	service_reloaded(&s->service, NULL);
}

/* ---- the loop's beat ---- */

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* exists so that the loop does not sleep */
}

static void count_turn(struct server *s)
{
	uint64_t now = uv_hrtime(), slept = uv_metrics_idle_time(&s->loop);
	uint64_t took = now - s->turn_ended, idle = slept - s->slept;
	uint64_t worked = took > idle ? took - idle : 0;
	if (s->turn_ended) {
		histogram_add(&s->turns, worked);
		buckets_add(&s->lag, buckets_of_time, worked);
	}
	s->turn_ended = now;
	s->slept = slept;
}

/* The loop wakes, and the engine is called before it sleeps. */
static void on_alarm(uv_timer_t *timer)
{
	((struct server *)timer->data)->alarm_ms = UINT64_MAX;
}

static void set_alarm(struct server *s)
{
	uint64_t at = engine_wakes_at_ms(s->engine), now = on_elapsed_ns(s) / 1000000;
	if (at == s->alarm_ms)
		return;
	s->alarm_ms = at;
	if (at == UINT64_MAX)
		uv_timer_stop(&s->alarm);
	else
		require(uv_timer_start(&s->alarm, on_alarm, at > now ? at - now : 0, 0) == 0);
}

/* Before the loop sleeps: answers leave together, and changes go to the store. One session with much to do has a turn;
 * then the loop looks for new input, so that small requests are served between large ones. */
static void on_prepare(uv_prepare_t *handle)
{
	struct server *s = handle->data;
	if (s->closing)
		return;
	conns_serve(&s->conns);
	count_turn(s);
	set_alarm(s);
	if (conns_are_due(&s->conns))
		uv_idle_start(&s->idle, on_idle);
	else
		uv_idle_stop(&s->idle);
	if (s->drain_until_ms)
		go_on_stopping(s);
}

/* Freed memory may lie between blocks in use: where the process takes much more than is accounted for, the heap returns
 * it to the system. */
static void check_heap(struct server *s)
{
	uint64_t elsewhere, resident;
	on_memory(s, &elsewhere, &resident);
	uint64_t account = engine_bytes(s->engine) + elsewhere, limit = s->config->memory_limit;
	if (resident > account + limit / 8 || (resident > limit && resident > account + LOOSE_BYTES))
		memory_give_back();
}

static void on_tick(uv_timer_t *timer)
{
	struct server *s = timer->data;
	if (s->closing)
		return;
	conns_tick(&s->conns);
	engine_watch_tick(s->engine);
	int moved = store_check(s->store);
	if (moved)
		engine_fail(s->engine, moved);
	engine_probe(s->engine);
	check_heap(s);
	service_serving(&s->service, s->conns.n, engine_pools(s->engine), engine_is_read_only(s->engine));
	/* The system may have descriptors again. */
	accept_what_fits(s);
}

/* ---- starting ---- */

static void on_make_salt(void *owner, uint8_t out[CHAIN_SALT_BYTES])
{
	(void)owner;
	chain_make_salt(out);
}

static int start_store(struct server *s)
{
	struct memory_shares shares;
	memory_share(s->config->memory_limit, &shares);
	const struct db_upgrader upgrader = {on_upgrade, s};
	int err = store_open(&s->store, &s->loop, s->config->db, s->config->sync, &upgrader,
			     &(struct store_memory){shares.database, shares.reads}, on_committed, s);
	if (s->why)
		log_notice("%s: the start is given up", s->why);
	else if (err)
		unusable_say(s->config->db, err);
	else
		s->database = realpath(s->config->db, NULL);
	return err;
}

static int start_engine(struct server *s)
{
	static const struct engine_ops ops = {
		.commit = on_engine_commit,
		.read = on_engine_read,
		.cancel = on_engine_cancel,
		.now_ms = on_now_ms,
		.make_salt = on_make_salt,
		.elapsed_ns = on_elapsed_ns,
		.disk = on_disk,
		.failed = on_failed,
		.recovering = on_recovering,
		.memory = on_memory,
		.loop = on_loop,
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
	uint8_t key[HASH_KEY_BYTES];
	hash_new_key(key);
	/* A path that is not valid text cannot be reported. */
	if (s->database && !text_fault(s->database, strlen(s->database)))
		limits.database = s->database;
	progress_begin(&s->progress, "recovering", "rows", true);
	int err = engine_new(&s->engine, store_db(s->store), key, &limits, &ops, s);
	progress_end(&s->progress);
	if (s->why)
		log_notice("%s: the start is given up", s->why);
	else if (err)
		unusable_say(config->db, err);
	return err;
}

static int start_handles(struct server *s)
{
	int err;
	if ((err = uv_prepare_init(&s->loop, &s->prepare)) || (err = uv_idle_init(&s->loop, &s->idle)) ||
	    (err = uv_timer_init(&s->loop, &s->tick)) || (err = uv_timer_init(&s->loop, &s->alarm))) {
		log_error("cannot start: %s", candor_strerror(err));
		return err;
	}
	s->alarm_ms = UINT64_MAX;
	s->prepare.data = s->tick.data = s->alarm.data = s;
	s->signals = (struct signals){.end = on_end, .reload = on_reload, .arg = s};
	if ((err = uv_prepare_start(&s->prepare, on_prepare)) ||
	    (err = uv_timer_start(&s->tick, on_tick, s->conns.beat_ms, s->conns.beat_ms)) ||
	    (err = signals_start(&s->signals, &s->loop)) || (err = service_start(&s->service, &s->loop)))
		log_error("cannot start: %s", candor_strerror(err));
	return err;
}

/* How many connections there are descriptors for, when everything else is open. */
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

static void on_no_work(uv_work_t *work)
{
	(void)work;
}

static void after_no_work(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
}

/* The threads of libuv's pool start with the first work, and take no signals if these are blocked then. */
static int start_pool(struct server *s)
{
	sigset_t before;
	char threads[16];
	snprintf(threads, sizeof threads, "%d", STORE_READERS);
	setenv("UV_THREADPOOL_SIZE", threads, 0);
	signals_block(&before);
	int err = uv_queue_work(&s->loop, &s->no_work, on_no_work, after_no_work);
	require(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return err;
}

/* What is wrong with the settings here and now is found before anything is made or changed. */
static int examine(const struct config *config, const char *to_be_made, struct tls_context **tls)
{
	char fault[FAULT_MAX];
	int err = credentials_load(config, tls, fault, sizeof fault);
	if (err) {
		log_error("cannot start: %s", fault);
		return err;
	}
	err = config_is_below(config->db, to_be_made) ? 0 : store_look(config->db);
	if (err)
		unusable_say(config->db, err);
	return err ? err : listeners_check(config, to_be_made);
}

int server_check(const struct config *config, const char *to_be_made)
{
	struct tls_context *tls = NULL;
	int err = examine(config, to_be_made, &tls);
	tls_context_free(tls);
	return err;
}

static void open_pages(struct server *s)
{
	s->pages = (struct pages){
		.config = s->config,
		.engine = s->engine,
		.store = s->store,
		.listeners = &s->listeners,
		.conns = &s->conns,
		.lag = &s->lag,
		.began_at = s->began_at,
		.now_ms = on_now_ms,
	};
	pages_init(&s->pages);
	s->conns.shared.session_limits.door_ops = &s->pages.ops;
}

/* Everything but the loop itself; what was begun is closed by close_all(). */
static int start(struct server *s)
{
	uint64_t began = uv_hrtime();
	int err = start_pool(s);
	if (err == 0)
		err = examine(s->config, NULL, &s->tls);
	/* From here on they wait for on_upgrading(), on_recovering(), or for their handles. */
	signals_block(NULL);
	if (err == 0)
		err = start_store(s);
	if (err == 0)
		err = start_engine(s);
	s->conns.shared.engine = s->engine;
	if (err == 0)
		open_pages(s);
	if (err == 0)
		err = start_handles(s);
	if (err == 0)
		log_notice("database %s: ready in %.3f s", s->config->db, (double)(uv_hrtime() - began) / 1e9);
	if (err == 0)
		conns_fit(&s->conns, count_descriptors());
	if (err == 0)
		err = listeners_open(&s->listeners, &s->loop, s->config, on_accept, s);
	return err;
}

static int server_new(struct server **out, const struct config *config)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->config = config;
	s->began_at = on_now_ms(s);
	int err = conns_init(&s->conns, &s->loop, config, on_conns_changed, s);
	if (err == 0)
		err = uv_loop_init(&s->loop);
	if (err) {
		conns_free(&s->conns);
		free(s);
		return err;
	}
	require(uv_loop_configure(&s->loop, UV_METRICS_IDLE_TIME) == 0);
	service_init(&s->service);
	*out = s;
	return 0;
}

/* The last line of a log. What a start could not do has been said. */
static void say_stopped(const struct server *s, bool started)
{
	char cut[96] = "";
	if (s->cut)
		snprintf(cut, sizeof cut, "; %llu connection%s closed before all answers were taken",
			 (unsigned long long)s->cut, s->cut == 1 ? " was" : "s were");
	if (started && s->result)
		log_error("stopped: %s%s", candor_strerror(s->result), cut);
	else if (s->why)
		log_notice("stopped: %s%s", s->why, cut);
}

/* The loop has run dry. */
static int server_free(struct server *s)
{
	int result = s->result;
	require(uv_loop_close(&s->loop) == 0);
	listeners_free(&s->listeners);
	conns_free(&s->conns);
	tls_context_free(s->tls);
	free(s->database);
	free(s);
	return result;
}

int server_run(const struct config *config)
{
	struct server *s;
	int err = server_new(&s, config);
	if (err) {
		log_error("cannot start: %s", candor_strerror(err));
		return err;
	}
	/* A peer that goes away while it is written to is an error of that write, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	s->result = start(s);
	bool started = s->result == 0;
	if (started) {
		log_notice("candord " CANDOR_VERSION " is ready");
		service_ready(&s->service);
	} else {
		service_stopping(&s->service, s->why ? s->why : candor_strerror(s->result));
		close_all(s);
	}
	uv_run(&s->loop, UV_RUN_DEFAULT);
	say_stopped(s, started);
	if (s->why && !started)
		s->result = 0; /* it was told to give up */
	return server_free(s);
}
