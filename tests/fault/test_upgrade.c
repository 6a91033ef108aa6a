/* SIGKILL of upgrades, at any moment: of a start of the real candord, of candord --upgrade, and of one that changes what
 * it does with each pool. Whatever they left, the next one goes on, and in the end the database holds what one holds that
 * was never of an older schema and saw the same events, to the last bit. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/db/prepare.h"
#include "daemon/db/upgrade_rows.h"
#include "daemon/history/upgrade.h"
#include "lib/base/random.h"
#include "tests/lib/daemon.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/files.h"
#include "tests/lib/older.h"
#include "tests/lib/proof.h"
#include "tests/lib/schemas.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

enum { SCHEMAS = 5, POOLS = 6, LABELERS = 400, AN_ITEM = 10, A_REQUEST = 50 };

/* ---- a database of any size ---- */

static void name_item(char out[32], uint64_t number)
{
	snprintf(out, 32, "item-%" PRIu64, number);
}

/* Reports on so many new items. */
static void post_items(struct fake_owner *f, struct random *r, const char *pool, uint64_t first, uint64_t n)
{
	static char items[A_REQUEST][32], labelers[A_REQUEST * AN_ITEM][16];
	static struct candor_report rows[A_REQUEST * AN_ITEM];
	size_t k = 0;
	for (uint64_t i = 0; i < n; i++) {
		name_item(items[i], first + i);
		uint64_t from = random_below(r, LABELERS - AN_ITEM);
		for (int l = 0; l < AN_ITEM; l++, k++) {
			snprintf(labelers[k], sizeof labelers[k], "L%" PRIu64, from + (uint64_t)l);
			rows[k] = (struct candor_report){items[i], labelers[k], random_unit(r), 0};
		}
	}
	const struct candor_request request = {.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = k, .reports = rows};
	assert_int_equal(fake_call(f, &request)->code, CANDOR_OK);
}

/* Outcomes of nine in ten of them, or their closing, or their end. */
static void end_items(struct fake_owner *f, struct random *r, const char *pool, uint64_t first, uint64_t n, bool closes)
{
	static char items[A_REQUEST][32];
	const char *named[A_REQUEST];
	struct candor_outcome outcomes[A_REQUEST];
	size_t k = 0;
	for (uint64_t i = 0; i < n; i++) {
		name_item(items[k], first + i);
		named[k] = items[k];
		outcomes[k] = (struct candor_outcome){items[k], (double)random_below(r, 2)};
		k += random_chance(r, closes ? 0.5 : 0.9);
	}
	const struct candor_request request = {
		.type = closes ? CANDOR_REQ_CLOSE_ITEMS : CANDOR_REQ_RESOLVE_ITEMS,
		.pool = pool,
		.n = k,
		.items = closes ? named : NULL,
		.outcomes = closes ? NULL : outcomes,
	};
	if (k > 0)
		assert_int_equal(fake_call(f, &request)->code, CANDOR_OK);
}

static void play(struct fake_owner *f, struct random *r, uint64_t reports)
{
	static const struct candor_settings settings[POOLS] = {
		{0},
		{.rate = CANDOR_HORIZON, .horizon = 300},
		{.share = 0.01, .entry = 0.5},
		{.c = 2, .beta = 0.1},
		{.rate = CANDOR_FIXED, .eta = 0.2},
	};
	char pool[24], item[32];
	for (int p = 0; p < POOLS; p++) {
		snprintf(pool, sizeof pool, "pool-%d", p);
		fake_pool(f, pool, &settings[p]);
	}
	uint64_t items[POOLS] = {0}, posted = 0;
	while (posted < reports) {
		int p = (int)random_below(r, POOLS);
		uint64_t n = 1 + random_below(r, A_REQUEST), late = random_below(r, 3) * A_REQUEST;
		snprintf(pool, sizeof pool, "pool-%d", p);
		f->now_ms += 5;
		post_items(f, r, pool, items[p], n);
		posted += n * AN_ITEM;
		if (random_chance(r, 0.5))
			end_items(f, r, pool, items[p], n, true);
		if (items[p] >= late)
			end_items(f, r, pool, items[p] - late, n, false);
		name_item(item, items[p]);
		if (random_chance(r, 0.1))
			fake_void(f, pool, item);
		if (random_chance(r, 0.02))
			fake_call(f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
							      .pool = pool,
							      .settings = {.beta = random_between(r, 0.01, 0.3),
									   .share = random_between(r, 1e-6, 0.02)}});
		items[p] += n;
	}
}

/* ---- upgrades that are killed ---- */

struct victim {
	struct fake_owner f; /* not running: the path */
	struct random *random;
	double longest_ms; /* that an upgrade may take before it is killed */
	uint64_t kills, left_older, left_unfinished;
};

static int upgrade_by_pools(void *arg, struct db *db)
{
	/* No time for two: each pool has a transaction. */
	return upgrade_run(db, &(struct upgrade){.called = arg, .option = UPGRADE_OPTION});
}

/* In a process of its own. */
static pid_t begin_by_pools(struct victim *v)
{
	const struct db_upgrader upgrader = {upgrade_by_pools, v->f.path};
	struct db *db;
	fflush(NULL);
	pid_t pid = fork();
	require(pid >= 0);
	if (pid > 0)
		return pid;
	int err = db_open_upgraded(&db, v->f.path, DB_FULL, &upgrader);
	if (err == 0)
		err = db_close(db);
	_exit(err != 0);
}

static pid_t begin(struct victim *v, int way)
{
	char address[160];
	snprintf(address, sizeof address, "unix:%s/socket", v->f.dir);
	const char *const offline[] = {"candord", "--upgrade", "--db", v->f.path, NULL}, *const start[] = {
												 "candord", "--db",
												 v->f.path, "--listen",
												 address,   NULL};
	return way == 0 ? begin_by_pools(v) : daemon_begin(way == 1 ? offline : start, NULL, NULL, NULL);
}

static void nap(double ms)
{
	const struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms * 1e6) % 1000000000};
	nanosleep(&t, NULL);
}

/* How far the upgrade came. */
static enum db_age age_of(const struct victim *v)
{
	struct db *db;
	enum db_age age;
	require(db_open(&db, v->f.path, DB_READ_OLDER, DB_FULL) == 0);
	db_leave_log(db);
	require(db_age(db, &age) == 0);
	require(db_close(db) == 0);
	return age;
}

/* One that ends by itself was not killed. One in four is told to end first. */
static bool kill_one(struct victim *v)
{
	pid_t pid = begin(v, (int)random_below(v->random, 3));
	nap(random_scale(v->random, v->longest_ms / 100, v->longest_ms));
	if (random_chance(v->random, 0.25)) {
		kill(pid, SIGTERM);
		nap(random_scale(v->random, 0.1, 20));
	}
	kill(pid, SIGKILL);
	bool killed = daemon_wait_for(pid) == 128 + SIGKILL;
	enum db_age age = age_of(v);
	v->kills += killed;
	v->left_older += killed && age == DB_OLDER;
	v->left_unfinished += killed && age == DB_UNFINISHED;
	/* So that some are killed at once, and some get far. */
	v->longest_ms *= age == DB_PRESENT ? 0.7 : 1.1;
	return age != DB_PRESENT;
}

static uint64_t killed, upgraded, reports_upgraded;

/* Kills until the upgrade is through, so many times over; and what came of it. */
static void kill_and_compare(struct random *r, const char *older, long version, struct fake_owner *want, uint64_t times)
{
	struct victim v = {.random = r, .longest_ms = 200};
	char *state = fake_state(want);
	uint64_t reports = (uint64_t)fake_number(want, "SELECT reports FROM progress");
	fake_stop(want);
	for (uint64_t i = 0; i < times; i++) {
		fake_place(&v.f, &want->limits);
		assert_true(files_copy(older, v.f.path));
		while (kill_one(&v))
			;
		fake_start(&v.f);
		char *got = fake_state(&v.f);
		assert_string_equal(got, state);
		free(got);
		fake_stop(&v.f);
		assert_true(age_of(&v) == DB_PRESENT);
		char *difference = older_difference(want->path, v.f.path, version);
		if (difference)
			fail_msg("%s: the rows of %s differ", older, difference);
		assert_int_equal(fake_verify(&v.f), 0);
		char socket[160];
		snprintf(socket, sizeof socket, "%s/socket", v.f.dir);
		unlink(socket);
		fake_deinit(&v.f);
		upgraded++;
		reports_upgraded += reports;
	}
	killed += v.kills;
	free(state);
	fake_start(want);
}

static void a_database_of_any_schema_becomes_what_it_would_be_however_its_upgrade_is_killed(void **state)
{
	(void)state;
	struct random r;
	struct engine_limits limits = fake_roomy_limits();
	seed_random(&r, 30);
	for (long version = 1; version <= SCHEMAS; version++) {
		struct fake_owner want;
		char path[64];
		snprintf(path, sizeof path, "tests/schemas/%ld.db", version);
		fake_init(&want, &limits);
		schemas_play(&want, version);
		kill_and_compare(&r, path, version, &want, proof_size(1, 3, 30));
		fake_deinit(&want);
	}
}

static void a_large_one_as_well(void **state)
{
	(void)state;
	struct random r;
	struct fake_owner want;
	struct engine_limits limits = fake_roomy_limits();
	char older[160];
	seed_random(&r, 31);
	fake_init(&want, &limits);
	play(&want, &r, proof_size(2000, 30000, 1000000));
	fake_stop(&want);
	snprintf(older, sizeof older, "%s/older.db", want.dir);
	older_make(want.path, older);
	fake_start(&want);
	kill_and_compare(&r, older, SCHEMAS, &want, proof_size(1, 2, 5));
	unlink(older);
	fake_deinit(&want);
	proof_say("upgrades killed", killed);
	proof_say("databases upgraded all the same, compared with what was never older", upgraded);
	proof_say("reports in them", reports_upgraded);
	/* How many, is a matter of how fast the machine is. */
	assert_true(killed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_database_of_any_schema_becomes_what_it_would_be_however_its_upgrade_is_killed),
		cmocka_unit_test(a_large_one_as_well),
	};
	/* SQLite takes the name of a temporary file away as soon as it is open. Whoever is killed in between leaves it. */
	char temporary[256];
	files_new_dir(temporary, sizeof temporary);
	setenv("SQLITE_TMPDIR", temporary, 1);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	files_remove_dir(temporary);
	return failed;
}
