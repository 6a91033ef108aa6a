/* The power fails, again and again, at any moment and on a disk that may have any part of what was not yet synced: what
 * was acknowledged is there afterwards, to the last bit, and a batch that was under way is there or not, but never half.
 *
 * A life is a database with its random history. The same history goes on in a twin whose power never fails; after each
 * crash the database must be in the state of the twin, or in that before the batch under way. */
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/db/internal.h"
#include "daemon/db/wal_upkeep.h"
#include "daemon/engine/state.h"
#include "lib/base/log.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/power_vfs.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"

enum {
	POOLS = 3,
	LABELERS = 12,
	ITEMS = 3000,
	ROWS = 60,
	ASKS = 4,
	STATES = 64,
	CRASHES_A_LIFE = 10,
	PROCESSES_MAX = 8
};

/* With which synchronous candord runs, from start to start. */
enum habit { ALWAYS_FULL, ALWAYS_NORMAL, NOW_AND_THEN };

/* A request with all that it points to. */
struct request {
	struct candor_request r;
	struct candor_report reports[ROWS];
	struct candor_outcome outcomes[ROWS];
	const char *items[ROWS];
};

struct life {
	uint64_t number;
	struct fake_owner main, twin;
	struct random random;
	enum habit habit;
	enum db_sync sync, wrote_with; /* now, and when the states came to be */
	uint32_t next_item;
	size_t pools;
	struct request requests[ASKS];
	size_t n_requests;
	bool newest_is_known; /* the requests are those of the newest state */
	/* The twin's states after each commit since the last start: [0] is what the start found. */
	char *states[STATES];
	size_t n_states, acknowledged; /* the newest that must not be lost */
	uint64_t rows; /* acknowledged since then */
	enum power_mode mode; /* of the newest crash */
	bool may_lose; /* a crash since then took what was not synced and need not have been */
	uint64_t first_crash;
};

struct counts {
	uint64_t crashes, rows, lost;
};

static struct counts count;

static char names[ITEMS][16], last_words[1024];
static const char *const pool_names[POOLS] = {"p", "q", "r"};

static void on_log(enum log_level level, const char *line)
{
	if (level <= LOG_WARNING)
		snprintf(last_words, sizeof last_words, "%s", line);
}

/* What candord itself forces to the disk counts as safe at once, and need not outlive this machine's own power. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- histories ---- */

static const char *some_labeler(struct life *l)
{
	return names[random_below(&l->random, LABELERS)];
}

/* Mostly of the newest. */
static const char *some_item(struct life *l)
{
	if (l->next_item == 0 || random_chance(&l->random, 0.2))
		return names[l->next_item < ITEMS ? l->next_item++ : l->next_item - 1];
	uint32_t among = random_chance(&l->random, 0.8) && l->next_item > 20 ? 20 : l->next_item;
	return names[l->next_item - 1 - random_below(&l->random, among)];
}

static struct candor_settings some_settings(struct life *l)
{
	return (struct candor_settings){
		.c = random_between(&l->random, 0.1, 2), .beta = random_between(&l->random, 0.01, 0.5), .entry = 0.5};
}

static void fill_rows(struct life *l, struct request *q)
{
	q->r.n = random_chance(&l->random, 0.2) ? ROWS : 1 + random_below(&l->random, 8);
	q->r.reports = q->reports;
	q->r.outcomes = q->outcomes;
	q->r.items = q->items;
	for (size_t i = 0; i < q->r.n; i++) {
		q->reports[i] = (struct candor_report){some_item(l), some_labeler(l), random_unit(&l->random)};
		q->outcomes[i] = (struct candor_outcome){q->reports[i].item, random_chance(&l->random, 0.5)};
		q->items[i] = q->reports[i].item;
	}
}

static void draw_request(struct life *l, struct request *q)
{
	static const enum candor_request_type types[] = {
		CANDOR_REQ_POST_REPORTS, CANDOR_REQ_POST_REPORTS,  CANDOR_REQ_POST_REPORTS, CANDOR_REQ_POST_REPORTS,
		CANDOR_REQ_CLOSE_ITEMS,  CANDOR_REQ_RESOLVE_ITEMS, CANDOR_REQ_VOID_ITEMS,   CANDOR_REQ_UPDATE_POOL,
	};
	*q = (struct request){.r.type = types[random_below(&l->random, 8)]};
	if (l->pools == 0 || (l->pools < POOLS && random_chance(&l->random, 0.05))) {
		q->r.type = CANDOR_REQ_CREATE_POOL;
		q->r.pool = pool_names[l->pools++];
		return;
	}
	q->r.pool = pool_names[random_below(&l->random, l->pools)];
	if (q->r.type == CANDOR_REQ_UPDATE_POOL) {
		q->r.settings = some_settings(l);
		return;
	}
	fill_rows(l, q);
	if (q->r.type == CANDOR_REQ_VOID_ITEMS)
		q->r.n = 1;
}

/* ---- one batch, in one database ---- */

/* The requests, in the engine, with all that they need of the disk: what is left to do is the commit. */
static void submit(struct life *l, struct fake_owner *f, struct ask **asks)
{
	for (size_t i = 0; i < l->n_requests; i++) {
		asks[i] = fake_ask(f, &l->requests[i].r);
		while (!asks[i]->replied)
			fake_read_done(f, 0);
	}
}

/* How many rows changed something; err: of the commit, for all. */
static uint64_t take_answers(struct life *l, struct ask **asks, int *err)
{
	uint64_t rows = 0;
	*err = 0;
	for (size_t i = 0; i < l->n_requests; i++) {
		require(asks[i]->settled);
		if (asks[i]->err)
			*err = asks[i]->err;
		if (asks[i]->answer.type == CANDOR_RES_BATCH)
			rows += asks[i]->answer.batch.accepted + asks[i]->answer.batch.revised;
		else
			rows += asks[i]->answer.code == CANDOR_OK;
		ask_free(asks[i]);
	}
	return rows;
}

static uint64_t run_batch(struct life *l, struct fake_owner *f, int *err)
{
	struct ask *asks[ASKS];
	submit(l, f, asks);
	if (fake_tick(f))
		fake_commit(f, 0);
	return take_answers(l, asks, err);
}

static void add_state(struct life *l)
{
	require(l->n_states < STATES);
	l->states[l->n_states++] = fake_state(&l->twin);
}

static void forget_states(struct life *l)
{
	while (l->n_states > 0)
		free(l->states[--l->n_states]);
	l->acknowledged = 0;
	l->rows = 0;
}

/* ---- the two compared ---- */

/* Nothing is left behind but words. */
static _Noreturn void give_up(struct life *l, const char *what)
{
	fprintf(stderr, "life %" PRIu64 ", crash %" PRIu64 " of its process, in mode %d, sync %d: %s; last words: %s\n",
		l->number, count.crashes, (int)l->mode, (int)l->sync, what, last_words);
	const char *const dirs[] = {l->main.dir, l->twin.dir};
	for (size_t i = 0; i < 2; i++)
		files_remove_dir(dirs[i]);
	_exit(1);
}

/* FNV-1a over every column of every row of what a query gives. */
static uint64_t hash_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	uint64_t hash = 0xcbf29ce484222325;
	require(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			hash = (hash ^ (uint64_t)sqlite3_column_type(s, i)) * 0x100000001b3;
			const uint8_t *bytes = sqlite3_column_blob(s, i);
			int n = sqlite3_column_bytes(s, i);
			for (int k = 0; k < n; k++)
				hash = (hash ^ bytes[k]) * 0x100000001b3;
		}
	sqlite3_finalize(s);
	return hash;
}

/* All that the history says. Labelers' states are in memory the same, but on disk as of other rounds. */
static void compare_tables(struct life *l)
{
	static const char *const tables[] = {
		"SELECT * FROM pools ORDER BY id",
		"SELECT * FROM settings ORDER BY pool, change",
		"SELECT pool, id, name, joined, joined_at, entry FROM labelers ORDER BY pool, id",
		"SELECT * FROM open_items ORDER BY id",
		"SELECT * FROM report_log ORDER BY change",
		"SELECT * FROM revisions ORDER BY change",
		"SELECT * FROM items ORDER BY id",
		"SELECT * FROM settlements ORDER BY pool, round",
		"SELECT * FROM rechecks ORDER BY item",
		"SELECT * FROM progress",
	};
	sqlite3 *one = l->main.reader->handle, *two = l->twin.reader->handle;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (hash_of(one, tables[i]) != hash_of(two, tables[i]))
			give_up(l, tables[i]);
}

/* Both in one state again: the batch that was under way is sent once more (true), or, where more was lost than that, the
 * twin goes on from what was recovered. The log is empty at this moment. */
static bool catch_up(struct life *l, size_t found)
{
	int err;
	if (found + 2 == l->n_states && l->newest_is_known) {
		l->main.now_ms = l->twin.now_ms;
		run_batch(l, &l->main, &err);
		require(err == 0);
		char *state = fake_state(&l->main);
		if (strcmp(state, l->states[l->n_states - 1]) != 0)
			give_up(l, "what was sent again came to something else");
		free(state);
		return true;
	}
	if (found + 1 < l->n_states) {
		fake_deinit(&l->twin);
		fake_place_copy(&l->twin, &l->main);
		fake_start(&l->twin);
	}
	return false;
}

/* Of the states that there were: which is it in now? */
static size_t find_state(struct life *l)
{
	char *state = fake_state(&l->main);
	size_t i = l->n_states;
	while (i > 0 && strcmp(l->states[i - 1], state) != 0)
		i--;
	if (i == 0) {
		fprintf(stderr, "recovered:\n%snewest:\n%s", state, l->states[l->n_states - 1]);
		give_up(l, "the state is none that ever was");
	}
	free(state);
	return i - 1;
}

/* After a start. */
static void compare_with_twin(struct life *l)
{
	size_t found = find_state(l);
	if (found < l->acknowledged && !l->may_lose) {
		count.lost++;
		give_up(l, "something acknowledged is lost");
	}
	if (!l->may_lose)
		count.rows += l->rows;
	if (random_chance(&l->random, 0.25) && fake_verify(&l->main) != 0)
		give_up(l, "verification");
	char *recovered = fake_state(&l->main);
	bool again = catch_up(l, found);
	compare_tables(l);
	forget_states(l);
	l->states[l->n_states++] = recovered;
	if (again)
		add_state(l);
	l->acknowledged = l->n_states - 1;
	l->may_lose = false;
	l->wrote_with = l->sync;
}

/* ---- crashes ---- */

static void crash(struct life *l)
{
	l->mode = (enum power_mode)random_below(&l->random, POWER_MODES);
	power_crash(l->mode, &l->random);
	l->may_lose |= l->wrote_with == DB_NORMAL && l->mode != POWER_KILLED;
	count.crashes++;
}

/* Starts as candord does. The power may fail meanwhile, several times. */
static void start(struct life *l)
{
	l->sync = l->habit == NOW_AND_THEN  ? (enum db_sync)random_below(&l->random, 2)
		  : l->habit == ALWAYS_FULL ? DB_FULL
					    : DB_NORMAL;
	/* The first makes the database, and is cut more often. */
	double chance = count.crashes == l->first_crash ? 0.7 : 0.5;
	for (;;) {
		power_arm(random_chance(&l->random, chance) ? 1 + random_below(&l->random, 30) : 0);
		int err = fake_start_as_candord(&l->main, l->sync);
		if (err == 0)
			db_wal_make_room(l->main.writer);
		if (!power_is_off())
			power_arm(0);
		if (err == 0 && !power_is_off())
			return;
		if (!power_is_off())
			give_up(l, candor_strerror(err));
		if (err == 0)
			fake_crash(&l->main);
		crash(l);
	}
}

/* Checkpoints come as they do in candord, or much more often. */
static void set_checkpoints(struct life *l)
{
	char sql[64];
	if (random_chance(&l->random, 0.3))
		return;
	snprintf(sql, sizeof sql, "PRAGMA wal_autocheckpoint = %d", (int)random_scale(&l->random, 3, 300));
	require(sqlite3_exec(l->main.writer->handle, sql, NULL, NULL, NULL) == SQLITE_OK);
}

/* Pools that are not there, after all, may be made again. */
static void count_pools(struct life *l)
{
	l->pools = l->main.engine->n_pools;
}

/* A batch found no room: nothing of it may be there. Then there is room, or not yet. */
static void on_full(struct life *l)
{
	char *state = fake_state(&l->main);
	if (strcmp(state, l->states[l->n_states - 1]) != 0)
		give_up(l, "something of a refused batch is there");
	free(state);
	l->newest_is_known = false;
	power_fill(0);
	engine_probe(l->main.engine);
	fake_settle(&l->main);
	if (!power_is_off() && engine_is_read_only(l->main.engine))
		give_up(l, "there is room, but nothing is accepted");
}

/* One batch, in both. False when the power has failed. */
static bool step(struct life *l)
{
	int err, twin_err;
	l->n_requests = 1 + random_below(&l->random, ASKS);
	for (size_t i = 0; i < l->n_requests; i++)
		draw_request(l, &l->requests[i]);
	l->main.now_ms += 1 + random_below(&l->random, 1000);
	l->twin.now_ms = l->main.now_ms;
	if (random_chance(&l->random, 0.1))
		power_fill(1 + random_below(&l->random, 20));
	uint64_t rows = run_batch(l, &l->main, &err);
	if (err == ERR_DISK_FULL && !power_is_off()) {
		on_full(l);
		count_pools(l);
		return !power_is_off();
	}
	power_fill(0);
	if (err && !power_is_off())
		give_up(l, candor_strerror(err));
	run_batch(l, &l->twin, &twin_err);
	require(twin_err == 0);
	add_state(l);
	l->newest_is_known = true;
	if (err == 0) {
		l->acknowledged = l->n_states - 1;
		l->rows += rows;
	}
	return !power_is_off();
}

static void restart(struct life *l)
{
	fake_stop(&l->main);
	start(l);
	compare_with_twin(l);
	set_checkpoints(l);
}

/* Some batches; the power fails in one of them, or after them. */
static void session(struct life *l)
{
	set_checkpoints(l);
	power_arm((uint64_t)random_scale(&l->random, 1, 600));
	for (int i = 0; i < 12 && step(l); i++)
		if (random_chance(&l->random, 0.05)) {
			restart(l);
			power_arm((uint64_t)random_scale(&l->random, 1, 600));
		}
	power_cut();
	fake_crash(&l->main);
	crash(l);
}

static void live(uint64_t seed, uint64_t number, enum habit habit)
{
	static struct life l;
	struct engine_limits limits = fake_roomy_limits();
	l = (struct life){.number = number, .habit = habit, .first_crash = count.crashes};
	random_init(&l.random, seed, number);
	if (random_chance(&l.random, 0.3))
		limits.resident_items = 5;
	fake_place(&l.main, &limits);
	power_begin(l.main.dir);
	fake_init(&l.twin, &limits);
	add_state(&l);
	uint64_t until = count.crashes + CRASHES_A_LIFE;
	while (count.crashes < until) {
		start(&l);
		compare_with_twin(&l);
		count_pools(&l);
		session(&l);
	}
	start(&l);
	compare_with_twin(&l);
	if (fake_verify(&l.main) != 0)
		give_up(&l, "verification");
	forget_states(&l);
	fake_deinit(&l.main);
	fake_deinit(&l.twin);
	power_end();
}

/* The lives of one process: each so-manieth. */
static _Noreturn void live_some(uint64_t seed, uint64_t first, uint64_t step, uint64_t crashes, enum habit habit,
				struct counts *out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	count = (struct counts){0};
	for (uint64_t number = first; count.crashes < crashes; number += step)
		live(seed, number, habit);
	*out = count;
	exit(0);
}

/* On all processors. */
static struct counts lives(uint64_t usual_seed, uint64_t crashes, enum habit habit)
{
	uint64_t seed = seed_of_test(usual_seed), all = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = all < PROCESSES_MAX ? all : PROCESSES_MAX;
	struct counts *shared =
		mmap(NULL, n * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct counts sum = {0};
	pid_t pids[PROCESSES_MAX];
	bool good = true;
	assert_ptr_not_equal(shared, MAP_FAILED);
	fflush(NULL);
	for (uint64_t i = 0; i < n; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			live_some(seed, i, n, (crashes + n - 1) / n, habit, &shared[i]);
	}
	for (uint64_t i = 0; i < n; i++) {
		int status;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		good = good && status == 0;
		sum.crashes += shared[i].crashes;
		sum.rows += shared[i].rows;
		sum.lost += shared[i].lost;
	}
	assert_int_equal(munmap(shared, n * sizeof *shared), 0);
	assert_true(good);
	return sum;
}

static void nothing_acknowledged_is_lost_and_nothing_is_half_there(void **state)
{
	(void)state;
	struct counts c = lives(1, proof_size(200, 10000, 20000), ALWAYS_FULL);
	assert_int_equal(c.lost, 0);
	proof_say("power failures survived", c.crashes);
	proof_say("acknowledged rows checked", c.rows);
	proof_say("acknowledged rows lost", c.lost);
}

/* Whatever is lost is the end of what was done: the state is one that was. */
static void without_a_sync_at_each_commit_only_the_newest_is_lost(void **state)
{
	(void)state;
	lives(2, proof_size(30, 300, 1000), ALWAYS_NORMAL);
}

/* With "full" nothing is lost, and no start is refused, whatever the log was written with before. */
static void the_setting_may_change_from_start_to_start(void **state)
{
	(void)state;
	lives(3, proof_size(30, 300, 1000), NOW_AND_THEN);
}

static int set_up(void **state)
{
	(void)state;
	for (int i = 0; i < ITEMS; i++)
		snprintf(names[i], sizeof names[i], "n%d", i);
	log_set_sink(on_log);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_and_nothing_is_half_there),
		cmocka_unit_test(without_a_sync_at_each_commit_only_the_newest_is_lost),
		cmocka_unit_test(the_setting_may_change_from_start_to_start),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
