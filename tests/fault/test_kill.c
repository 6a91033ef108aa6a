/* SIGKILL of the real daemon under load, at any moment of its life: whatever it acknowledged is there when it is started
 * again, whatever it did not is there wholly or not at all, and asking again doubles nothing. */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/files.h"
#include "tests/lib/load.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

static int set_up(void **state)
{
	static struct load l;
	load_init(&l, seed_of_test(20));
	*state = &l;
	return 0;
}

static int tear_down(void **state)
{
	load_free(*state);
	return 0;
}

/* Rounds between replays of the whole history: it grows. */
static bool is_due(uint64_t round, uint64_t rounds)
{
	return round % (rounds / 10 + 1) == 0;
}

static void nothing_acknowledged_is_lost_however_the_daemon_is_killed(void **state)
{
	struct load *l = *state;
	uint64_t rounds = proof_size(20, 200, 1000), wrong = 0;
	for (uint64_t round = 1; round <= rounds && wrong == 0; round++)
		wrong = load_round(l, random_scale(&l->random, SANITIZED ? 10 : 1, SANITIZED ? 500 : 120), 0,
				   is_due(round, rounds));
	if (wrong == 0)
		wrong = load_check(l, true);
	struct load_counts counts = load_counts(l);
	proof_say("processes killed", l->kills);
	proof_say("acknowledged rows checked", counts.rows_checked);
	proof_say("acknowledged rows lost", wrong);
	assert_int_equal(wrong, 0);
	/* It was what it should be: load, ends of all kinds, and requests that stood without a word. */
	assert_true(counts.rows_checked > rounds);
	assert_true(l->kills > rounds && l->starts_killed > 0 && l->stops_killed > 0 && l->backups > 0);
	if (rounds >= 200)
		assert_true(counts.stood_unacknowledged > 0);
	assert_int_equal(daemon_stop(&l->daemon), 0);
	assert_int_equal(load_verify(l, l->daemon.db, true), 0);
}

static void a_daemon_that_stands_still_for_two_seconds_loses_and_doubles_nothing(void **state)
{
	struct load *l = *state;
	uint64_t times = proof_size(1, 2, 5), wrong = 0;
	for (uint64_t i = 0; i < times && wrong == 0; i++) {
		load_run(l, LOAD_FREEZE, random_between(&l->random, 20, 60), 0);
		struct load_counts counts = load_counts(l);
		assert_int_equal(counts.requests_acknowledged, counts.requests_sent);
		wrong = load_check(l, false);
	}
	proof_say("processes stopped for two seconds", times);
	proof_say("acknowledged rows checked", load_counts(l).rows_checked);
	proof_say("acknowledged rows lost", wrong);
	assert_int_equal(wrong, 0);
	assert_int_equal(daemon_stop(&l->daemon), 0);
	assert_int_equal(load_verify(l, l->daemon.db, true), 0);
}

/* ---- its log ---- */

/* A file beside the database. */
static void name_beside(const struct load *l, const char *ending, char out[DAEMON_PATH_MAX])
{
	require(snprintf(out, DAEMON_PATH_MAX, "%s%s", l->daemon.db, ending) < DAEMON_PATH_MAX);
}

/* Starts the daemon on what is left: whether it refuses, saying what is missing. It may serve where a checkpoint had taken
 * the whole log into the database just before the kill; then nothing is missing, which load_check() will see. */
static bool is_refused(struct load *l)
{
	const char *const argv[] = {"candord", "--db", l->daemon.db, "--listen", l->daemon.address, NULL};
	char err[DAEMON_PATH_MAX], said[4096];
	int status;
	daemon_path(&l->daemon, "err", err);
	l->daemon.pid = daemon_begin(argv, NULL, NULL, err);
	if (daemon_serves(&l->daemon, &status)) {
		assert_int_equal(daemon_stop(&l->daemon), 0);
		return false;
	}
	files_read_text(err, said, sizeof said);
	if (status != 1 || !strstr(said, "is missing or was cut short"))
		print_error("%s", said);
	assert_int_equal(status, 1);
	assert_non_null(strstr(said, "is missing or was cut short"));
	return true;
}

static void a_killed_daemons_log_that_was_lost_or_cut_short_is_missed(void **state)
{
	enum { REMOVED, REMOVED_WITH_INDEX, EMPTIED, CUT, WAYS };
	struct load *l = *state;
	uint64_t rounds = proof_size(8, 40, 200), refused = 0, wrong = 0;
	char log[DAEMON_PATH_MAX], kept[DAEMON_PATH_MAX], index[DAEMON_PATH_MAX];
	name_beside(l, "-wal", log);
	name_beside(l, "-shm", index);
	daemon_path(&l->daemon, "kept", kept);
	/* A daemon that is slow may have done too little to miss; then there are some more rounds. */
	for (uint64_t round = 0; (round < rounds || (round < 10 * rounds && refused <= rounds / 2)) && wrong == 0;
	     round++) {
		struct stat st;
		load_run(l, LOAD_KILL, random_between(&l->random, 60, 120), 0);
		assert_int_equal(stat(log, &st), 0);
		/* A start takes what was done into the database; with little in the log there may be nothing to miss. */
		if (st.st_size > 256 * 1024) {
			unsigned way = (unsigned)(round % WAYS);
			assert_true(files_copy(log, kept));
			if (way == REMOVED || way == REMOVED_WITH_INDEX)
				assert_int_equal(unlink(log), 0);
			if (way == REMOVED_WITH_INDEX)
				assert_int_equal(unlink(index), 0);
			if (way == EMPTIED)
				assert_int_equal(truncate(log, 0), 0);
			if (way == CUT)
				assert_int_equal(
					truncate(log, (off_t)((double)st.st_size * random_between(&l->random, 0, 0.5))),
					0);
			if (is_refused(l)) {
				assert_true(files_copy(kept, log));
				refused++;
			}
		}
		load_start(l);
		wrong = load_check(l, round == rounds - 1);
	}
	proof_say("lost or shortened logs refused", refused);
	proof_say("acknowledged rows checked", load_counts(l).rows_checked);
	proof_say("acknowledged rows lost", wrong);
	assert_int_equal(wrong, 0);
	assert_true(refused > rounds / 2);
	assert_int_equal(daemon_stop(&l->daemon), 0);
	assert_int_equal(load_verify(l, l->daemon.db, true), 0);
}

#define KILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KILL(nothing_acknowledged_is_lost_however_the_daemon_is_killed),
		KILL(a_killed_daemons_log_that_was_lost_or_cut_short_is_missed),
		KILL(a_daemon_that_stands_still_for_two_seconds_loses_and_doubles_nothing),
	};
	/* The client library asks that of programs that use its asynchronous form. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
