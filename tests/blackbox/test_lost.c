/* What was acknowledged is there at the next start, or the start is refused: where the log was removed or cut short, where
 * the database is reached by another name, where files are taken away from a running daemon, and where another program
 * holds a lock on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/lib/command.h"
#include "tests/lib/files.h"
#include "tests/lib/wal.h"

enum { PATIENCE = 1500 /* tries, 10 ms apart */, ITEMS = 40 };

struct path {
	char s[160];
};

static struct path beside(const char *db, const char *ending)
{
	struct path p;
	assert_true((size_t)snprintf(p.s, sizeof p.s, "%s%s", db, ending) < sizeof p.s);
	return p;
}

static struct path in_dir(const struct command *c, const char *name)
{
	struct path p;
	assert_true((size_t)snprintf(p.s, sizeof p.s, "%s/%s", c->daemon.dir, name) < sizeof p.s);
	return p;
}

static void post(struct command *c, int from, int to)
{
	for (int i = from; i < to; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_candor(c, 0, "report", "p", item, "ann", "0.7");
		if (i % 4 == 0)
			assert_candor(c, 0, "resolve", "p", item, "1");
	}
}

static void start_with_history(struct command *c)
{
	daemon_start(&c->daemon, NULL);
	assert_candor(c, 0, "pool", "create", "p");
	post(c, 0, ITEMS);
}

static void assert_all_there(struct command *c)
{
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_number(c, "resolved_items", ITEMS / 4);
	assert_number(c, "open_items", ITEMS - ITEMS / 4);
}

/* ---- the log ---- */

static void remove_log(const char *db)
{
	assert_int_equal(unlink(beside(db, "-wal").s), 0);
}

static void remove_log_and_index(const char *db)
{
	remove_log(db);
	assert_int_equal(unlink(beside(db, "-shm").s), 0);
}

static void empty_log(const char *db)
{
	assert_int_equal(truncate(beside(db, "-wal").s, 0), 0);
}

static void halve_log(const char *db)
{
	struct path log = beside(db, "-wal");
	assert_int_equal(truncate(log.s, (off_t)wal_used_of(log.s) / 2), 0);
}

static void cut_last_frame(const char *db)
{
	struct path log = beside(db, "-wal");
	assert_int_equal(truncate(log.s, (off_t)wal_used_of(log.s) - WAL_FRAME), 0);
}

/* All that belongs to a database, to another place. */
static void copy_files(const char *from, const char *to)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
	for (size_t i = 0; i < 4; i++) {
		struct path copy = beside(to, endings[i]);
		if (!files_copy(beside(from, endings[i]).s, copy.s) && unlink(copy.s) != 0)
			assert_int_equal(errno, ENOENT);
	}
}

static void assert_refused(struct command *c, const char *db, const char *saying)
{
	assert_candord(c, 1, "--db", db, "--listen", c->daemon.address);
	assert_says(c->err, saying);
}

static void a_log_that_was_removed_or_cut_short_is_refused(void **state)
{
	static void (*const harms[])(const char *db) = {remove_log, remove_log_and_index, empty_log, halve_log,
							cut_last_frame};
	struct command *c = *state;
	const char *db = c->daemon.db;
	struct path kept = in_dir(c, "kept");
	start_with_history(c);
	daemon_kill(&c->daemon);
	copy_files(db, kept.s);
	for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
		copy_files(kept.s, db);
		harms[i](db);
		assert_candord(c, 1, "--verify", "--deep", "--db", db);
		assert_says(c->err, "is missing or was cut short");
		assert_refused(c, db, "is missing or was cut short");
		/* Nothing was made of what is left: put back, it is whole. */
		assert_true(files_copy(beside(kept.s, "-wal").s, beside(db, "-wal").s));
		daemon_start(&c->daemon, NULL);
		assert_all_there(c);
		daemon_kill(&c->daemon);
	}
}

static void the_loss_can_be_accepted(void **state)
{
	struct command *c = *state;
	start_with_history(c);
	daemon_kill(&c->daemon);
	remove_log(c->daemon.db);
	assert_refused(c, c->daemon.db, "-lock");
	assert_int_equal(unlink(beside(c->daemon.db, "-lock").s), 0);
	daemon_start(&c->daemon, NULL);
	assert_candor(c, 0, "pool", "list");
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void nothing_is_missing_after_other_programs_have_read_the_database(void **state)
{
	struct command *c = *state;
	sqlite3 *db;
	start_with_history(c);
	daemon_kill(&c->daemon);
	/* Whoever closes it last brings the log in and removes it. */
	assert_int_equal(sqlite3_open_v2(c->daemon.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "SELECT count(*) FROM items", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(access(beside(c->daemon.db, "-wal").s, F_OK), -1);
	daemon_start(&c->daemon, NULL);
	assert_all_there(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void a_lost_lock_file_alone_loses_nothing(void **state)
{
	struct command *c = *state;
	start_with_history(c);
	daemon_kill(&c->daemon);
	assert_int_equal(unlink(beside(c->daemon.db, "-lock").s), 0);
	daemon_start(&c->daemon, NULL);
	assert_all_there(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void an_older_database_in_its_place_is_refused(void **state)
{
	struct command *c = *state;
	struct path older = in_dir(c, "older.db");
	daemon_start(&c->daemon, NULL);
	assert_candor(c, 0, "pool", "create", "p");
	assert_candord(c, 0, "--backup", older.s, "--db", c->daemon.db);
	post(c, 0, 4);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_true(files_copy(older.s, c->daemon.db));
	assert_refused(c, c->daemon.db, "replaced by an older one");
	assert_int_equal(unlink(c->daemon.db), 0);
	assert_refused(c, c->daemon.db, "is missing");
	/* That is what --restore is for. */
	assert_candord(c, 0, "--restore", older.s, "--db", c->daemon.db);
	daemon_start(&c->daemon, NULL);
	assert_candor(c, 0, "pool", "show", "p");
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

/* ---- names ---- */

static void a_database_is_one_under_all_its_names(void **state)
{
	struct command *c = *state;
	struct path real = in_dir(c, "real.db"), other = in_dir(c, "other.db"), socket = in_dir(c, "other");
	char address[300];
	snprintf(address, sizeof address, "unix:%s", socket.s);
	daemon_start(&c->daemon, NULL);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_int_equal(rename(c->daemon.db, real.s), 0);
	assert_int_equal(symlink("real.db", c->daemon.db), 0);
	assert_int_equal(symlink("real.db", other.s), 0);
	assert_int_equal(unlink(beside(c->daemon.db, "-lock").s), 0);
	start_with_history(c);
	assert_candord(c, 1, "--db", other.s, "--listen", address);
	assert_says(c->err, "another candord is using this database");
	assert_int_equal(access(beside(real.s, "-wal").s, F_OK), 0);
	daemon_kill(&c->daemon);
	/* What is wrong with its log is found through the link too. */
	halve_log(real.s);
	assert_candord(c, 1, "--verify", "--deep", "--db", other.s);
	assert_refused(c, other.s, "is missing or was cut short");
}

static void a_database_with_two_names_is_refused(void **state)
{
	struct command *c = *state;
	struct path second = in_dir(c, "second.db"), socket = in_dir(c, "other");
	char address[300];
	snprintf(address, sizeof address, "unix:%s", socket.s);
	start_with_history(c);
	assert_int_equal(link(c->daemon.db, second.s), 0);
	assert_candord(c, 1, "--db", second.s, "--listen", address);
	assert_says(c->err, "has 2 names");
	assert_candord(c, 1, "--verify", "--db", second.s);
	assert_says(c->err, "has 2 names");
	assert_int_equal(unlink(second.s), 0);
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void a_link_to_nothing_makes_no_database(void **state)
{
	struct command *c = *state;
	struct path disk = in_dir(c, "disk"), moved = in_dir(c, "unmounted");
	assert_int_equal(mkdir(disk.s, 0700), 0);
	assert_int_equal(symlink("disk/candor.db", c->daemon.db), 0);
	assert_refused(c, c->daemon.db, "is a disk not mounted?");
	assert_candord(c, 1, "--restore", c->daemon.db, "--db", moved.s);
	assert_says(c->err, "is a disk not mounted?");
	assert_int_equal(rmdir(disk.s), 0);
	struct stat st;
	assert_int_equal(lstat(c->daemon.db, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void names_that_sqlite_reads_otherwise_are_plain_names(void **state)
{
	static const char *const names[] = {"file:here.db", ":memory:", "file:here.db?mode=memory"};
	struct command *c = *state;
	char before[256];
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(c->daemon.dir), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(c->daemon.db, sizeof c->daemon.db, "%s", names[i]);
		daemon_start(&c->daemon, NULL);
		assert_candor(c, 0, "pool", "create", "p");
		assert_int_equal(daemon_stop(&c->daemon), 0);
		assert_int_equal(access(names[i], F_OK), 0);
		daemon_start(&c->daemon, NULL);
		assert_candor(c, 0, "pool", "show", "p");
		assert_int_equal(daemon_stop(&c->daemon), 0);
	}
	assert_candord(c, 0, "--backup", "file:copy.db", "--db", names[0]);
	assert_candord(c, 0, "--verify", "--db", "file:copy.db");
	assert_candord(c, 0, "--restore", "file:copy.db", "--db", "file:restored.db");
	assert_int_equal(access("file:restored.db", F_OK), 0);
	assert_int_equal(chdir(before), 0);
}

/* ---- files taken away ---- */

static void take_away(struct command *c, const char *ending)
{
	assert_int_equal(rename(beside(c->daemon.db, ending).s, in_dir(c, "taken").s), 0);
}

static void files_taken_away_end_the_daemon(void **state)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	struct command *c = *state;
	start_with_history(c);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		/* By itself, and by what is posted. */
		for (int posting = 0; posting < 2; posting++) {
			char item[16];
			snprintf(item, sizeof item, "new%zu", i);
			take_away(c, endings[i]);
			if (posting)
				assert_int_not_equal(command_run(c, NULL, ARGS("report", "p", item, "ann", "0.5")), 0);
			assert_int_equal(daemon_wait(&c->daemon), 1);
			files_read_text(in_dir(c, "log").s, c->err, sizeof c->err);
			assert_says(c->err, "was moved, removed or replaced while candord was using it");
			assert_int_equal(rename(in_dir(c, "taken").s, beside(c->daemon.db, endings[i]).s), 0);
			daemon_start(&c->daemon, NULL);
			assert_candor(c, 0, "pool", "show", "p", "--json");
			assert_number(c, "resolved_items", ITEMS / 4);
		}
	}
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void a_backup_restored_under_a_running_daemon_is_left_alone(void **state)
{
	static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
	struct command *c = *state;
	struct path backup = in_dir(c, "backup.db"), aside = in_dir(c, "aside.db");
	start_with_history(c);
	assert_candord(c, 0, "--backup", backup.s, "--db", c->daemon.db);
	assert_candord(c, 1, "--restore", backup.s, "--db", c->daemon.db);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		assert_int_equal(rename(beside(c->daemon.db, endings[i]).s, beside(aside.s, endings[i]).s), 0);
	assert_candord(c, 0, "--restore", backup.s, "--db", c->daemon.db);
	assert_int_equal(daemon_wait(&c->daemon), 1);
	daemon_start(&c->daemon, NULL);
	assert_all_there(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_candord(c, 0, "--verify", "--deep", "--db", aside.s);
}

static void no_second_daemon_comes_where_the_lock_file_was_removed(void **state)
{
	struct command *c = *state;
	struct path socket = in_dir(c, "other");
	char address[300];
	snprintf(address, sizeof address, "unix:%s", socket.s);
	start_with_history(c);
	assert_int_equal(unlink(beside(c->daemon.db, "-lock").s), 0);
	assert_candord(c, 1, "--db", c->daemon.db, "--listen", address);
	assert_says(c->err, "another candord is using this database");
	assert_all_there(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

static void a_lock_file_that_was_removed_is_made_anew_with_what_it_said(void **state)
{
	struct command *c = *state;
	start_with_history(c);
	assert_int_equal(unlink(beside(c->daemon.db, "-lock").s), 0);
	assert_candor(c, 0, "report", "p", "later", "ann", "0.5");
	daemon_kill(&c->daemon);
	remove_log(c->daemon.db);
	assert_refused(c, c->daemon.db, "is missing or was cut short");
}

static void no_link_is_followed_to_the_lock_file(void **state)
{
	struct command *c = *state;
	struct path victim = in_dir(c, "victim");
	char text[32];
	files_write_text(victim.s, "precious");
	assert_int_equal(symlink("victim", beside(c->daemon.db, "-lock").s), 0);
	assert_refused(c, c->daemon.db, "symbolic links");
	assert_candord(c, 1, "--restore", victim.s, "--db", c->daemon.db);
	files_read_text(victim.s, text, sizeof text);
	assert_string_equal(text, "precious");
}

/* A crash before the restored file has its name leaves what was known. */
static void a_restoration_that_fails_forgets_nothing(void **state)
{
	struct command *c = *state;
	struct path bad = in_dir(c, "bad.db");
	start_with_history(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_int_equal(unlink(c->daemon.db), 0);
	files_write_text(bad.s, "no backup");
	assert_candord(c, 1, "--restore", bad.s, "--db", c->daemon.db);
	assert_refused(c, c->daemon.db, "is missing");
}

/* ---- another program's lock ---- */

static void another_programs_lock_refuses_writes_and_nothing_else(void **state)
{
	struct command *c = *state;
	sqlite3 *db;
	start_with_history(c);
	assert_int_equal(sqlite3_open_v2(c->daemon.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	/* A read of what a write that waits has touched is answered as well: when that is refused, from what is there. */
	pid_t pid = daemon_begin(ARGS("candor", "report", "p", "later", "ann", "0.5"), NULL, "/dev/null", "/dev/null");
	usleep(200000);
	assert_all_there(c);
	assert_int_equal(daemon_wait_for(pid), 3);
	assert_int_not_equal(command_run(c, NULL, ARGS("report", "p", "later", "ann", "0.5")), 0);
	assert_says(c->err, "locked");
	assert_all_there(c);
	assert_candor(c, 0, "feed", "p");
	assert_candor(c, 0, "info", "--json");
	json_t *info = command_document(c);
	assert_true(json_is_true(command_at(info, "read_only")));
	json_decref(info);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	int code = 1;
	for (int i = 0; i < PATIENCE && code; i++) {
		usleep(10000);
		code = command_run(c, NULL, ARGS("report", "p", "later", "ann", "0.5"));
	}
	assert_int_equal(code, 0);
	assert_int_equal(daemon_stop(&c->daemon), 0);
}

/* ---- settings ---- */

static void verification_finds_settings_that_were_changed_in_the_database(void **state)
{
	static const char *const changes[] = {"c = 0.123", "beta = 0.25", "share = 0.5", "entry = 0.25"};
	struct command *c = *state;
	struct path kept = in_dir(c, "kept");
	start_with_history(c);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	copy_files(c->daemon.db, kept.s);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char sql[128];
		sqlite3 *db;
		copy_files(kept.s, c->daemon.db);
		snprintf(sql, sizeof sql, "UPDATE pools SET %s WHERE name = 'p'", changes[i]);
		assert_int_equal(sqlite3_open_v2(c->daemon.db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_candord(c, 1, "--verify", "--db", c->daemon.db);
		assert_says(c->out, "the pool's settings");
	}
}

#define LOST(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down_spoiled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOST(a_log_that_was_removed_or_cut_short_is_refused),
		LOST(the_loss_can_be_accepted),
		LOST(nothing_is_missing_after_other_programs_have_read_the_database),
		LOST(a_lost_lock_file_alone_loses_nothing),
		LOST(an_older_database_in_its_place_is_refused),
		LOST(a_database_is_one_under_all_its_names),
		LOST(a_database_with_two_names_is_refused),
		LOST(a_link_to_nothing_makes_no_database),
		LOST(names_that_sqlite_reads_otherwise_are_plain_names),
		LOST(files_taken_away_end_the_daemon),
		LOST(a_backup_restored_under_a_running_daemon_is_left_alone),
		LOST(no_second_daemon_comes_where_the_lock_file_was_removed),
		LOST(a_lock_file_that_was_removed_is_made_anew_with_what_it_said),
		LOST(no_link_is_followed_to_the_lock_file),
		LOST(a_restoration_that_fails_forgets_nothing),
		LOST(another_programs_lock_refuses_writes_and_nothing_else),
		LOST(verification_finds_settings_that_were_changed_in_the_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
