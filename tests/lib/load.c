#include "tests/lib/load.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "lib/base/err.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"

enum { IN_FLIGHT_MAX = 32, FREEZE_MS = 2000 };

/* ---- the daemon ---- */

static void clear_log(const struct load *l)
{
	char path[DAEMON_PATH_MAX];
	daemon_path(&l->daemon, "log", path);
	remove(path);
}

/* argv[] and what it points to; a start in three keeps few closed items in memory, so that old ones come from disk. */
static const char *const *options(struct load *l, const char *out[8], char number[16])
{
	size_t n = 0;
	out[n++] = "--listen";
	out[n++] = "tcp:127.0.0.1:0";
	l->resident_items = random_below(&l->random, 3) == 0 ? 20 : 0;
	if (l->resident_items > 0) {
		snprintf(number, 16, "%u", l->resident_items);
		out[n++] = "--resident-items";
		out[n++] = number;
	}
	out[n] = NULL;
	return out;
}

void load_start(struct load *l)
{
	const char *all[8];
	char number[16];
	clear_log(l);
	daemon_start(&l->daemon, options(l, all, number));
	require(*l->daemon.tcp);
}

void load_kill_start(struct load *l)
{
	char log[DAEMON_PATH_MAX];
	daemon_path(&l->daemon, "log", log);
	const char *const argv[] = {"candord",         "--listen", l->daemon.address, "--listen",
				    "tcp:127.0.0.1:0", "--db",     l->daemon.db,      NULL};
	l->daemon.pid = daemon_spawn(argv, log);
	nap_ms(random_between(&l->random, 0, 25));
	daemon_kill(&l->daemon);
	l->kills++;
	l->starts_killed++;
}

void load_init(struct load *l, uint64_t seed)
{
	*l = (struct load){0};
	random_init(&l->random, seed, 0);
	daemon_init(&l->daemon);
	load_start(l);
	struct candor *c = daemon_connect(&l->daemon);
	for (uint32_t i = 0; i < WITNESS_SHARED_POOLS; i++) {
		char pool[24];
		witness_pool_name(0, i, pool);
		call_create_pool(c, pool);
	}
	daemon_disconnect(&l->daemon, c);
	allow_token(l->daemon.address, "load", CANDOR_RIGHT_ADMIN, l->token);
	for (unsigned i = 0; i < LOAD_CLIENTS; i++)
		witness_init(&l->witnesses[i], i, seed);
}

void load_free(struct load *l)
{
	if (l->backup)
		load_end_backup(l);
	if (l->daemon.pid)
		daemon_kill(&l->daemon);
	for (unsigned i = 0; i < LOAD_CLIENTS; i++)
		witness_free(&l->witnesses[i]);
	if (l->wrong > 0 && getenv("CANDOR_TEST_KEEP"))
		fprintf(stderr, "kept: %s\n", l->daemon.dir);
	else
		daemon_deinit(&l->daemon);
}

/* ---- clients ---- */

struct run;

struct worker {
	struct run *run;
	struct witness *witness;
	struct candor_client *client; /* NULL: gone */
	size_t in_flight, most;
	uv_timer_t pace;
	bool failed;
};

struct run {
	uv_loop_t loop;
	struct worker workers[LOAD_CLIENTS];
	uv_timer_t ender;
	size_t working; /* that have a client */
	bool paced, ended; /* ended: nothing more is asked */
};

struct asked {
	struct worker *worker;
	size_t index;
};

static void ask_more(struct worker *w);

/* The last answer is in, of a connection that failed or of a run that has ended. */
static void close_if_done(struct worker *w)
{
	if (!w->client || w->in_flight > 0 || !(w->failed || w->run->ended))
		return;
	candor_client_close(w->client, NULL, NULL);
	w->client = NULL;
	uv_close((uv_handle_t *)&w->pace, NULL);
	if (--w->run->working == 0 && !uv_is_closing((uv_handle_t *)&w->run->ender))
		uv_close((uv_handle_t *)&w->run->ender, NULL);
}

static void on_answer(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	struct asked *asked = arg;
	struct worker *w = asked->worker;
	(void)client;
	witness_hear(w->witness, asked->index, status, r);
	free(asked);
	w->in_flight--;
	w->failed = w->failed || status || r->code == CANDOR_UNAVAILABLE;
	if (!w->run->paced)
		ask_more(w);
	close_if_done(w);
}

static void ask_one(struct worker *w)
{
	struct candor_request r;
	struct asked *asked = malloc(sizeof *asked);
	require(asked);
	*asked = (struct asked){w, witness_ask(w->witness, &r)};
	require(candor_client_send(w->client, &r, on_answer, asked) == 0);
	w->in_flight++;
}

static void ask_more(struct worker *w)
{
	while (w->client && !w->failed && !w->run->ended && w->in_flight < w->most)
		ask_one(w);
}

static void on_pace(uv_timer_t *timer)
{
	struct worker *w = timer->data;
	if (w->client && !w->failed && !w->run->ended && w->in_flight < w->most)
		ask_one(w);
	close_if_done(w);
}

static void on_end(uv_timer_t *timer)
{
	struct run *run = timer->data;
	run->ended = true;
	for (size_t i = 0; i < LOAD_CLIENTS; i++)
		close_if_done(&run->workers[i]);
}

static void begin(struct load *l, struct run *run, size_t i, uint64_t pace_ms)
{
	struct worker *w = &run->workers[i];
	*w = (struct worker){.run = run, .witness = &l->witnesses[i]};
	w->most = 1 + random_below(&l->random, IN_FLIGHT_MAX);
	const struct candor_options with_token = {.token = l->token};
	require(candor_client_new(&w->client, &run->loop, i % 2 ? l->daemon.tcp : l->daemon.address,
				  i % 2 ? &with_token : NULL) == 0);
	uv_timer_init(&run->loop, &w->pace);
	w->pace.data = w;
	if (pace_ms > 0)
		uv_timer_start(&w->pace, on_pace, 0, pace_ms);
	else
		ask_more(w);
}

/* ---- the end, on a thread of its own ---- */

struct end {
	pid_t pid;
	enum load_end how;
	double ms, more_ms;
};

static void end_daemon(void *arg)
{
	const struct end *end = arg;
	nap_ms(end->ms);
	if (end->how == LOAD_KILL) {
		kill(end->pid, SIGKILL);
	} else if (end->how == LOAD_STOP_AND_KILL) {
		kill(end->pid, SIGTERM);
		nap_ms(end->more_ms);
		kill(end->pid, SIGKILL);
	} else if (end->how == LOAD_FREEZE) {
		kill(end->pid, SIGSTOP);
		nap_ms(end->more_ms);
		kill(end->pid, SIGCONT);
	}
}

static void count_end(struct load *l, enum load_end how)
{
	if (how == LOAD_DRAIN || how == LOAD_FREEZE)
		return;
	l->kills++;
	l->stops_killed += how == LOAD_STOP_AND_KILL;
	daemon_kill(&l->daemon);
}

void load_run(struct load *l, enum load_end how, double ms, uint64_t pace_ms)
{
	struct run run = {.paced = pace_ms > 0, .working = LOAD_CLIENTS};
	struct end end = {l->daemon.pid, how, ms, random_between(&l->random, 0, 5)};
	uv_thread_t thread;
	require(uv_loop_init(&run.loop) == 0);
	/* Whoever is killed needs no end of questions. The clients of one who stood still go on for a while. */
	uv_timer_init(&run.loop, &run.ender);
	run.ender.data = &run;
	if (how == LOAD_FREEZE)
		end.more_ms = FREEZE_MS;
	uv_timer_start(&run.ender, on_end, (uint64_t)(ms + (how == LOAD_DRAIN ? 0 : end.more_ms + 100)), 0);
	for (size_t i = 0; i < LOAD_CLIENTS; i++)
		begin(l, &run, i, pace_ms);
	require(uv_thread_create(&thread, end_daemon, &end) == 0);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&run.loop) == 0);
	uv_thread_join(&thread);
	count_end(l, how);
}

/* ---- checking ---- */

static uint64_t differ(const char *pool, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return 0;
	fprintf(stderr, "  %s: %" PRIu64 " %s, not %" PRIu64 "\n", pool, got, what, want);
	return got > want ? got - want : want - got;
}

/* A pool that n witnesses work in. */
static uint64_t check_pool(struct candor *c, const char *name, uint32_t number, const struct witness *const *of,
			   size_t n)
{
	uint64_t labelers = 0, items[CANDOR_VOID + 1] = {0}, scored = 0;
	uint32_t most = 0;
	for (size_t k = 0; k < n; k++)
		most = of[k]->labelers > most ? of[k]->labelers : most;
	for (uint32_t i = 0; i < most; i++) {
		bool joined = false;
		for (size_t k = 0; k < n; k++)
			joined = joined || of[k]->pools[number].joined[i];
		labelers += joined;
	}
	for (size_t k = 0; k < n; k++) {
		for (int state = CANDOR_OPEN; state <= CANDOR_VOID; state++)
			items[state] += of[k]->pools[number].items[state];
		scored += of[k]->pools[number].scored;
	}
	const struct candor_pool p = *call_get_pool(c, name);
	return differ(name, "labelers", p.labelers, labelers) + differ(name, "open", p.open_items, items[CANDOR_OPEN]) +
	       differ(name, "closed", p.closed_items, items[CANDOR_CLOSED]) +
	       differ(name, "resolved", p.resolved_items, items[CANDOR_RESOLVED]) +
	       differ(name, "void", p.void_items, items[CANDOR_VOID]) + differ(name, "scored", p.scored, scored);
}

static uint64_t check_pools(const struct load *l, struct candor *c)
{
	const struct witness *all[LOAD_CLIENTS];
	uint64_t wrong = 0;
	char name[24];
	for (size_t i = 0; i < LOAD_CLIENTS; i++)
		all[i] = &l->witnesses[i];
	for (uint32_t pool = 0; pool < WITNESS_POOLS_MAX; pool++) {
		witness_pool_name(0, pool, name);
		if (pool < WITNESS_SHARED_POOLS)
			wrong += check_pool(c, name, pool, all, LOAD_CLIENTS);
		for (unsigned i = 0; pool >= WITNESS_SHARED_POOLS && i < LOAD_CLIENTS; i++) {
			if (!all[i]->pools[pool].exists)
				continue;
			witness_pool_name(i, pool, name);
			wrong += check_pool(c, name, pool, &all[i], 1);
		}
	}
	return wrong;
}

static uint64_t check_info(struct load *l, struct candor *c, uint64_t reports_before)
{
	uint64_t reports = 0, spare = 0, settlements = 0;
	for (size_t i = 0; i < LOAD_CLIENTS; i++) {
		reports += l->witnesses[i].reports;
		spare += l->witnesses[i].reports_spare;
		settlements += l->witnesses[i].settlements;
	}
	const struct candor_info info = *call_info(c);
	uint64_t more = reports - reports_before, got = info.reports - l->reports;
	l->reports = info.reports;
	uint64_t wrong = differ("the daemon", "settlements", info.settlements, settlements);
	if (got < more || got > more + spare) {
		fprintf(stderr, "  the daemon has taken %" PRIu64 " reports since the last check, not %" PRIu64, got,
			more);
		fprintf(stderr, spare ? " to %" PRIu64 "\n" : "\n", more + spare);
		wrong += got < more ? more - got : got - more - spare;
	}
	return wrong;
}

uint64_t load_check(struct load *l, bool everything)
{
	struct candor *c = daemon_connect(&l->daemon);
	uint64_t wrong = 0, reports_before = 0;
	for (size_t i = 0; i < LOAD_CLIENTS; i++) {
		reports_before += l->witnesses[i].reports;
		wrong += witness_check(&l->witnesses[i], c, everything);
	}
	if (wrong == 0)
		wrong = check_pools(l, c) + check_info(l, c, reports_before);
	daemon_disconnect(&l->daemon, c);
	l->checks++;
	l->wrong += wrong;
	return wrong;
}

/* ---- files ---- */

static void show(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		fprintf(stderr, "  | %s", line);
	if (f)
		fclose(f);
}

int load_verify(struct load *l, const char *file, bool deep)
{
	char out[DAEMON_PATH_MAX];
	daemon_path(&l->daemon, "verify", out);
	const char *const argv[] = {"candord", "--verify", "--db", file, deep ? "--deep" : NULL, NULL};
	int status = daemon_run(argv, NULL, out, NULL);
	if (status)
		show(out);
	l->verified++;
	return status;
}

static void copy_path(const struct load *l, char out[DAEMON_PATH_MAX])
{
	daemon_path(&l->daemon, "copy.db", out);
}

void load_begin_backup(struct load *l)
{
	char copy[96], log[DAEMON_PATH_MAX];
	copy_path(l, copy);
	daemon_path(&l->daemon, "backup-words", log);
	const char *const argv[] = {
		"candor", "--server", l->daemon.address, "backup", copy, "--rate", l->backups % 2 ? "8M" : "64K", NULL};
	l->backup = daemon_spawn(argv, log);
	l->slow_backup = l->backups++ % 2 == 0;
}

bool load_end_backup(struct load *l)
{
	char copy[96];
	int status;
	copy_path(l, copy);
	if (l->slow_backup)
		kill(l->backup, SIGTERM);
	require(waitpid(l->backup, &status, 0) == l->backup);
	l->backup = 0;
	bool said_so = WIFEXITED(status) && WEXITSTATUS(status) == 0, is_there = access(copy, F_OK) == 0;
	if (said_so && !is_there)
		fprintf(stderr, "  candor backup ended well, and there is no copy\n");
	bool good = is_there ? load_verify(l, copy, true) == 0 : !said_so;
	l->whole_backups += is_there && good;
	if (good)
		remove(copy);
	return good;
}

/* ---- rounds ---- */

uint64_t load_round(struct load *l, double ms, uint64_t pace_ms, bool deep)
{
	uint64_t wrong = 0;
	/* In turns, so that few rounds have all of it too. */
	uint64_t round = ++l->rounds;
	if (round % 12 == 2)
		load_begin_backup(l);
	load_run(l, round % 8 == 5 ? LOAD_STOP_AND_KILL : LOAD_KILL, ms, pace_ms);
	for (bool more = round % 8 == 3; more; more = random_chance(&l->random, 0.3))
		load_kill_start(l);
	/* Before it is started again, and so with the log as it was left; or while it runs. */
	bool before = deep && random_chance(&l->random, 0.5);
	if (before)
		wrong += load_verify(l, l->daemon.db, true) != 0;
	load_start(l);
	wrong += load_check(l, deep);
	if (deep && !before)
		wrong += load_verify(l, l->daemon.db, true) != 0;
	/* It outlived three daemons. */
	if (l->backup && round % 12 == 5)
		wrong += !load_end_backup(l);
	return wrong;
}

struct load_counts load_counts(const struct load *l)
{
	struct load_counts sum = {0};
	for (size_t i = 0; i < LOAD_CLIENTS; i++) {
		const struct witness *w = &l->witnesses[i];
		sum.requests_sent += w->requests_sent;
		sum.requests_acknowledged += w->requests_acknowledged;
		sum.rows_checked += w->rows_checked;
		sum.stood_unacknowledged += w->stood_unacknowledged;
		sum.items += w->n_items;
	}
	return sum;
}
