/* Backups that are made while the daemon works, and databases that are made of them. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/allow.h"
#include "tests/lib/campaign.h"
#include "tests/lib/command.h"
#include "tests/lib/files.h"
#include "tests/lib/sql.h"

enum { PATIENCE = 3000 }; /* tries, 10 ms apart */

/* ---- files ---- */

/* A file beside another, of the same name with an ending. */
static bool is_beside(const char *path, const char *ending)
{
	char whole[256];
	snprintf(whole, sizeof whole, "%s%s", path, ending);
	return files_exists(whole);
}

/* ---- programs ---- */

/* Whether a process holds a lock of flock(). */
static bool holds_lock(pid_t pid)
{
	char line[256], mine[32];
	bool found = false;
	FILE *f = fopen("/proc/locks", "r");
	assert_non_null(f);
	snprintf(mine, sizeof mine, " %d ", (int)pid);
	while (fgets(line, sizeof line, f))
		found = found || (strstr(line, "FLOCK") && strstr(line, mine));
	fclose(f);
	return found;
}

/* A backup in the background that will take long; returns when it has begun. */
static pid_t begin_slow_backup(struct command *c, const char *to)
{
	char log[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "log", log);
	const char *const argv[] = {"candord", "--backup", to, "--db", c->daemon.db, "--backup-rate", "1K", NULL};
	pid_t pid = daemon_spawn(argv, log);
	for (int i = 0; i < PATIENCE && !holds_lock(pid); i++)
		usleep(10000);
	assert_true(is_beside(to, ".partial"));
	return pid;
}

static int end_with(pid_t pid, int signum)
{
	assert_int_equal(kill(pid, signum), 0);
	return daemon_wait_for(pid);
}

static void fill_large(struct command *c)
{
	campaign_write(c->file, 400, 7);
	assert_candor(c, 0, "pool", "create", "large");
	assert_candor(c, 0, "import", "large", c->file);
}

/* ---- backups ---- */

/* Posts and resolves until it is killed, as fast as answers come. */
static pid_t begin_load(const struct command *c)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct candor *daemon;
	if (candor_open(&daemon, c->daemon.address, NULL))
		_exit(1);
	for (int i = 0;; i++) {
		struct candor_report rows[100];
		char item[24], labelers[100][24];
		struct candor_outcome outcome = {item, i % 2};
		const struct candor_response *r;
		snprintf(item, sizeof item, "load-%d", i);
		for (int l = 0; l < 100; l++) {
			snprintf(labelers[l], sizeof labelers[l], "labeler-%d", l);
			rows[l] = (struct candor_report){item, labelers[l], (double)((i * 31 + l * 17) % 100) / 99};
		}
		struct candor_request post = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "load", .n = 100, .reports = rows};
		struct candor_request resolve = {
			.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "load", .n = 1, .outcomes = &outcome};
		if (candor_call(daemon, &post, &r) || candor_call(daemon, &resolve, &r))
			_exit(1);
	}
}

static void a_backup_under_load_verifies_and_has_everything_acknowledged_before_it_began(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX];
	fill_large(c);
	assert_candor(c, 0, "pool", "create", "load");
	pid_t load = begin_load(c);
	uint64_t outrun = 0;
	for (int i = 0; i < 4; i++) {
		char item[24], sql[DAEMON_PATH_MAX];
		snprintf(copy, sizeof copy, "%s/copy-%d.db", c->daemon.dir, i);
		snprintf(item, sizeof item, "marker-%d", i);
		snprintf(sql, sizeof sql, "SELECT count(*) FROM open_items WHERE name = '%s'", item);
		assert_candor(c, 0, "report", "large", item, "ann", "0.5");
		assert_candor(c, 0, "info", "--json");
		uint64_t committed = (uint64_t)command_number(c, "committed");
		assert_candor(c, 0, "backup", copy, "--json", "--rate", i % 2 ? "0" : "2M");
		assert_string_equal(c->err, "");
		uint64_t changes = (uint64_t)command_number(c, "changes");
		assert_int_equal((uint64_t)command_number(c, "bytes"),
				 (uint64_t)sql_number(copy, "PRAGMA page_count") * 4096);
		assert_true(changes >= committed);
		assert_int_equal((uint64_t)sql_number(copy, "SELECT changes FROM progress"), changes);
		assert_int_equal((uint64_t)sql_number(copy, sql), 1);
		assert_candor(c, 0, "info", "--json");
		outrun += (uint64_t)command_number(c, "committed") > changes;
		assert_candord(c, 0, "--verify", "--deep", "--db", copy);
		assert_says(c->out, "every page, index and reference is intact");
		assert_false(is_beside(copy, ".partial") || is_beside(copy, "-wal") || is_beside(copy, "-shm"));
	}
	assert_int_equal(end_with(load, SIGKILL), 128 + SIGKILL);
	/* Else nothing was written while it was copied, and this test has shown nothing. */
	assert_true(outrun > 0);
}

static void a_killed_backup_leaves_no_file_and_the_next_one_is_not_hindered(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	fill_large(c);
	assert_int_equal(end_with(begin_slow_backup(c, copy), SIGKILL), 128 + SIGKILL);
	assert_false(files_exists(copy));
	assert_true(is_beside(copy, ".partial"));
	assert_candor(c, 0, "backup", copy);
	assert_false(is_beside(copy, ".partial"));
	assert_candord(c, 0, "--verify", "--deep", "--db", copy);
}

static void a_backup_that_a_signal_ends_cleans_up_after_itself(void **state)
{
	struct command *c = *state;
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	char copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	fill_large(c);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(end_with(begin_slow_backup(c, copy), signals[i]), 1);
		assert_false(files_exists(copy) || is_beside(copy, ".partial"));
	}
}

static void while_a_backup_is_written_another_to_the_same_file_is_refused(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	fill_large(c);
	pid_t pid = begin_slow_backup(c, copy);
	assert_candor(c, 2, "backup", copy);
	assert_says(c->err, "another process is writing it");
	assert_true(is_beside(copy, ".partial"));
	assert_int_equal(end_with(pid, SIGTERM), 1);
}

static void nothing_is_overwritten(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX], beside[140];
	struct stat st;
	command_fill(c);
	daemon_path(&c->daemon, "copy.db", copy);
	files_write_text(copy, "mine");
	assert_candor(c, 2, "backup", copy);
	assert_says(c->err, "already exists");
	assert_int_equal(remove(copy), 0);
	/* A log beside the new file would be taken for a part of it. */
	snprintf(beside, sizeof beside, "%s-wal", copy);
	files_write_text(beside, "mine");
	assert_candor(c, 2, "backup", copy);
	assert_says(c->err, beside);
	assert_int_equal(remove(beside), 0);
	/* A name that leads elsewhere is a name that is taken, also where nothing is there. */
	assert_int_equal(symlink("/nonexistent/elsewhere", copy), 0);
	assert_candor(c, 2, "backup", copy);
	assert_int_equal(remove(copy), 0);
	snprintf(beside, sizeof beside, "%s.partial", copy);
	assert_int_equal(symlink(c->daemon.db, beside), 0);
	assert_candor(c, 2, "backup", copy);
	assert_false(files_exists(copy));
	assert_int_equal(remove(beside), 0);
	assert_int_equal(mkfifo(beside, 0600), 0);
	assert_candor(c, 2, "backup", copy);
	assert_true(files_exists(beside));
	assert_int_equal(remove(beside), 0);
	assert_candor(c, 2, "backup", "/nonexistent/copy.db");
	assert_says(c->err, "No such file or directory");
	assert_candor(c, 0, "backup", copy);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_backup_without_room_leaves_no_file(void **state)
{
	struct command *c = *state;
	char small[DAEMON_PATH_MAX], copy[140];
	fill_large(c);
	daemon_path(&c->daemon, "small", small);
	assert_int_equal(mkdir(small, 0700), 0);
	if (mount("candor-test", small, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0)
		skip_because("a tmpfs cannot be mounted here");
	snprintf(copy, sizeof copy, "%s/copy.db", small);
	int code = command_run(c, NULL, ARGS("backup", copy));
	bool left = files_exists(copy) || is_beside(copy, ".partial");
	assert_int_equal(umount(small), 0);
	assert_int_equal(code, 2);
	assert_says(c->err, "no space left");
	assert_false(left);
}

static void the_path_of_the_database_is_shown_on_unix_sockets_only(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	daemon_start(&c->daemon, ARGS("--listen", "tcp:127.0.0.1:0"));
	/* Whatever they may do. */
	allow(c->daemon.address, "anonymous", CANDOR_RIGHT_ADMIN);
	assert_candor(c, 0, "info", "--json");
	json_t *o = command_document(c);
	char *real = realpath(c->daemon.db, NULL);
	assert_text_at(o, "database", real);
	free(real);
	json_decref(o);
	assert_candor(c, 0, "info", "--json", "--server", c->daemon.tcp);
	o = command_document(c);
	assert_text_at(o, "database", "");
	json_decref(o);
	assert_candor(c, 3, "backup", copy, "--server", c->daemon.tcp);
	assert_says(c->err, "candord --backup");
	assert_false(files_exists(copy));
}

static void a_backup_shows_its_progress_to_programs_and_not_to_pipes(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX], again[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	daemon_path(&c->daemon, "again.db", again);
	command_fill(c);
	assert_candor(c, 0, "backup", copy);
	assert_string_equal(c->err, "");
	assert_ptr_equal(strchr(c->out, '\n'), c->out + strlen(c->out) - 1);
	assert_says(c->out, copy);
	assert_candord(c, 0, "--backup", again, "--db", c->daemon.db, "--progress");
	unsigned long long done, total, bytes, changes, reports;
	const char *last = strstr(c->out, "done ");
	assert_int_equal(sscanf(c->out, "copied %llu %llu", &done, &total), 2);
	assert_non_null(last);
	assert_int_equal(sscanf(last, "done %llu %llu %llu", &bytes, &changes, &reports), 3);
	assert_int_equal(bytes, total);
	assert_int_equal(reports, 9);
}

static void a_backup_is_aborted_when_nobody_waits_for_it_any_more(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX], rate[] = "--backup-rate=1M", program[512], words[2][256];
	int ends[2], status;
	daemon_path(&c->daemon, "copy.db", copy);
	fill_large(c);
	daemon_program("candord", program, sizeof program);
	snprintf(words[0], sizeof words[0], "--backup=%s", copy);
	snprintf(words[1], sizeof words[1], "--db=%s", c->daemon.db);
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *const argv[] = {program, words[0], words[1], rate, (char[]){"--progress"}, NULL};
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(program, argv);
		_exit(97);
	}
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_false(files_exists(copy) || is_beside(copy, ".partial"));
}

static void wrong_usage_of_copies_is_one_line_and_status_2(void **state)
{
	struct command *c = *state;
	const char *const *const wrong[] = {
		ARGS("--backup", "/tmp/x"),
		ARGS("--backup", "", "--db", "/tmp/x"),
		ARGS("--restore", "/tmp/x"),
		ARGS("--deep", "--db", "/tmp/x"),
		ARGS("--deep", "--backup", "/tmp/y", "--db", "/tmp/x"),
		ARGS("--progress", "--verify", "--db", "/tmp/x"),
		ARGS("--backup", "/tmp/y", "--db", "/tmp/x", "--backup-rate", "fast"),
		ARGS("--backup", "/tmp/y", "--db", "/tmp/x", "--backup-rate", "-1"),
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(command_candord(c, wrong[i]), 2);
		assert_ptr_equal(strchr(c->err, '\n'), c->err + strlen(c->err) - 1);
	}
	assert_candor(c, 2, "backup");
	assert_candor(c, 2, "backup", "");
	assert_candor(c, 2, "backup", "/tmp/never-made", "--rate", "fast");
	assert_says(c->err, "backup-rate");
}

/* ---- restoring ---- */

static void a_restored_backup_serves_what_was_there(void **state)
{
	struct command *c = *state;
	static char was[COMMAND_TEXT_MAX];
	char copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	command_fill(c);
	assert_candor(c, 0, "export", "p");
	snprintf(was, sizeof was, "%s", c->out);
	assert_candor(c, 0, "backup", copy);
	/* What comes after the backup is gone with the database. */
	assert_candor(c, 0, "report", "p", "later", "ann", "0.5");
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_candord(c, 1, "--restore", copy, "--db", c->daemon.db);
	assert_says(c->err, "already exists");
	assert_int_equal(remove(c->daemon.db), 0);
	assert_candord(c, 0, "--restore", copy, "--db", c->daemon.db);
	assert_says(c->out, "the state follows from the history");
	assert_false(is_beside(c->daemon.db, ".partial"));
	daemon_start(&c->daemon, NULL);
	assert_candor(c, 0, "export", "p");
	assert_string_equal(c->out, was);
	assert_candor(c, 1, "query", "p", "later");
	/* The platform posts again; what is there counts as a duplicate. */
	assert_candor(c, 0, "import", "p", c->file);
	assert_candor(c, 0, "export", "p");
	assert_string_equal(c->out, was);
}

static void a_database_with_its_log_beside_it_can_be_restored_as_well(void **state)
{
	struct command *c = *state;
	char copy[DAEMON_PATH_MAX], log[140], from[300], new[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "copy.db", copy);
	daemon_path(&c->daemon, "new.db", new);
	command_fill(c);
	daemon_kill(&c->daemon);
	assert_true(is_beside(c->daemon.db, "-wal"));
	assert_true(files_copy(c->daemon.db, copy));
	snprintf(from, sizeof from, "%s-wal", c->daemon.db);
	snprintf(log, sizeof log, "%s-wal", copy);
	assert_true(files_copy(from, log));
	assert_candord(c, 0, "--restore", copy, "--db", new);
	assert_int_equal((uint64_t)sql_number(new, "SELECT reports FROM progress"), 9);
}

/* The index keeps an entry that no row has any more. */
static void break_index(const char *path)
{
	char restore[256];
	uint64_t root = (uint64_t)sql_number(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'items_by_name'");
	sql_run(path, "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'items_by_name'");
	sql_run(path, "UPDATE items SET name = 'zzz' WHERE id = (SELECT min(id) FROM items)");
	snprintf(restore, sizeof restore,
		 "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('index', 'items_by_name', 'items', "
		 "%llu, 'CREATE UNIQUE INDEX items_by_name ON items (pool, name)')",
		 (unsigned long long)root);
	sql_run(path, restore);
}

static void a_damaged_backup_is_not_restored(void **state)
{
	struct command *c = *state;
	char good[DAEMON_PATH_MAX], bad[DAEMON_PATH_MAX], new[DAEMON_PATH_MAX];
	static const char *const spoiling[] = {
		"PRAGMA user_version = 99",
		"PRAGMA application_id = 1",
		"UPDATE labelers SET weight = weight * (1 + 1e-12) WHERE id = 0",
		"DROP TABLE revisions",
		"DELETE FROM progress",
		"INSERT INTO item_changes VALUES (99, 1, 1, 'closed', NULL)",
	};
	enum { N = sizeof spoiling / sizeof *spoiling };
	daemon_path(&c->daemon, "good.db", good);
	daemon_path(&c->daemon, "bad.db", bad);
	daemon_path(&c->daemon, "new.db", new);
	command_fill(c);
	assert_candor(c, 0, "backup", good);
	for (size_t i = 0; i < N + 4; i++) {
		assert_true(files_copy(good, bad));
		if (i < N)
			sql_run(bad, spoiling[i]);
		else if (i == N)
			break_index(bad);
		else if (i == N + 1)
			assert_int_equal(truncate(bad, 8192), 0);
		else if (i == N + 2)
			files_write_text(bad, "");
		else
			files_write_text(bad, "a letter to a friend, which is longer than the header of a database: "
					      "a hundred bytes are not very much");
		assert_candord(c, 1, "--restore", bad, "--db", new);
		assert_true(strlen(c->err) > 0);
		assert_false(files_exists(new) || is_beside(new, ".partial"));
	}
	assert_candord(c, 1, "--restore", "/nonexistent/backup", "--db", new);
	assert_false(files_exists(new) || is_beside(new, ".partial"));
	assert_candord(c, 0, "--restore", good, "--db", new);
}

static void files_beside_the_new_database_keep_it_from_being_made(void **state)
{
	struct command *c = *state;
	static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
	char copy[DAEMON_PATH_MAX], new[DAEMON_PATH_MAX], beside[140];
	daemon_path(&c->daemon, "copy.db", copy);
	daemon_path(&c->daemon, "new.db", new);
	command_fill(c);
	assert_candor(c, 0, "backup", copy);
	for (size_t i = 0; i < 4; i++) {
		snprintf(beside, sizeof beside, "%s%s", new, endings[i]);
		files_write_text(beside, "mine");
		assert_candord(c, 1, "--restore", copy, "--db", new);
		assert_says(c->err, beside);
		assert_false(is_beside(new, ".partial"));
		assert_int_equal((uint64_t)sql_number(copy, "SELECT reports FROM progress"), 9);
		assert_int_equal(remove(beside), 0);
	}
}

/* ---- deep verification ---- */

static void a_broken_index_and_a_broken_reference_are_found_by_deep_verification(void **state)
{
	struct command *c = *state;
	char bad[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "bad.db", bad);
	command_fill(c);
	assert_candor(c, 0, "backup", bad);
	assert_candord(c, 0, "--verify", "--deep", "--db", bad);
	break_index(bad);
	assert_candord(c, 1, "--verify", "--deep", "--db", bad);
	assert_says(c->out, "items_by_name");
	assert_says(c->out, "the file is damaged");
	assert_int_equal(remove(bad), 0);
	assert_candor(c, 0, "backup", bad);
	sql_run(bad, "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 25) "
		     "INSERT INTO item_changes SELECT 99, i, 1, 'closed', NULL FROM n");
	assert_candord(c, 1, "--verify", "--deep", "--db", bad);
	assert_says(c->out, "of item_changes refers to a row of pools that does not exist");
	int lines = 0;
	for (const char *at = c->out; (at = strstr(at, "refers to a row")); at++)
		lines++;
	assert_int_equal(lines, 20);
}

#define BACKUP(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKUP(a_backup_under_load_verifies_and_has_everything_acknowledged_before_it_began),
		BACKUP(a_killed_backup_leaves_no_file_and_the_next_one_is_not_hindered),
		BACKUP(a_backup_that_a_signal_ends_cleans_up_after_itself),
		BACKUP(while_a_backup_is_written_another_to_the_same_file_is_refused),
		BACKUP(nothing_is_overwritten),
		BACKUP(a_backup_without_room_leaves_no_file),
		BACKUP(the_path_of_the_database_is_shown_on_unix_sockets_only),
		BACKUP(a_backup_shows_its_progress_to_programs_and_not_to_pipes),
		BACKUP(a_backup_is_aborted_when_nobody_waits_for_it_any_more),
		BACKUP(wrong_usage_of_copies_is_one_line_and_status_2),
		BACKUP(a_restored_backup_serves_what_was_there),
		BACKUP(a_database_with_its_log_beside_it_can_be_restored_as_well),
		BACKUP(a_damaged_backup_is_not_restored),
		BACKUP(files_beside_the_new_database_keep_it_from_being_made),
		BACKUP(a_broken_index_and_a_broken_reference_are_found_by_deep_verification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
