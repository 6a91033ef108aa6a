/* Retention with the real programs: candor prune, what stays, what --verify says with and without the archives, backups
 * of a pruned database, and kills in the middle of it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/random.h"
#include "tests/lib/campaign.h"
#include "tests/lib/command.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/sql.h"

enum { KILLS_MAX = 60, OPTIONS_MAX = 2 * KILLS_MAX + 8 };

#define SOON "2099-01-01"

/* Until the daemon has removed what is archived. */
static void await_removal(const struct command *c)
{
	for (int i = 0; i < 3000; i++) {
		if ((uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM archives WHERE NOT removed") == 0)
			return;
		usleep(10000);
	}
	fail_msg("the removal does not end");
}

static void import(struct command *c, size_t items, uint64_t seed)
{
	campaign_write(c->file, items, seed);
	if ((uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM pools") == 0)
		assert_candor(c, 0, "pool", "create", "p");
	assert_candor(c, 0, "import", "p", c->file);
}

/* An imported campaign of other items: the numbers in their names are others. */
static void import_more(struct command *c, size_t items, uint64_t seed)
{
	char text[320], other[DAEMON_PATH_MAX];
	campaign_write(c->file, items, seed);
	daemon_path(&c->daemon, "more", other);
	snprintf(text, sizeof text, "sed 's/^item-/more-/' %s >%s", c->file, other);
	assert_int_equal(system(text), 0);
	assert_candor(c, 0, "import", "p", other);
}

/* What stands in the pool but for what pruning changes. */
static char *state_of(struct command *c)
{
	assert_candor(c, 0, "labelers", "p", "--all", "--json");
	char *text = strdup(c->out);
	assert_candor(c, 0, "feed", "p", "--json");
	json_t *items = command_lines(c);
	size_t i;
	json_t *item;
	json_array_foreach(items, i, item)
	{
		json_object_del(item, "archived");
	}
	char *feed = json_dumps(items, 0), *both = NULL;
	assert_true(asprintf(&both, "%s%s", text, feed) > 0);
	json_decref(items);
	free(feed);
	free(text);
	return both;
}

static void pruned_items_are_gone_and_everything_else_stands(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX], b[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	daemon_path(&c->daemon, "b.gz", b);
	import(c, 60, 1);
	char *before = state_of(c);
	uint64_t settled = (uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM settlements");
	assert_candor(c, 0, "prune", "p", a, "--before", SOON, "--dry-run", "--json");
	assert_number(c, "items", (double)settled);
	assert_false(files_exists(a));
	assert_candor(c, 0, "prune", "p", "--before", "2000-01-01", a);
	assert_says(c->out, "nothing to prune");
	assert_false(files_exists(a));
	assert_candor(c, 0, "prune", "p", a, "--before", SOON, "--json");
	assert_number(c, "items", (double)settled);
	assert_number(c, "first", 1);
	assert_number(c, "last", (double)settled);
	struct stat st;
	assert_int_equal(stat(a, &st), 0);
	assert_number(c, "bytes", (double)st.st_size);
	assert_int_equal(st.st_mode & 0777, 0600);
	await_removal(c);
	assert_int_equal((uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM settlements"), 0);
	assert_int_equal((uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM reports WHERE state = 'resolved'"),
			 0);
	assert_true((uint64_t)sql_number(c->daemon.db, "PRAGMA freelist_count") > 0);
	char *after = state_of(c);
	assert_string_equal(after, before);

	/* It says so wherever something is missing now. */
	assert_candor(c, 0, "pool", "show", "p", "--json");
	assert_number(c, "archived", (double)settled);
	assert_candor(c, 0, "pool", "show", "p");
	assert_says(c->out, "archived");
	assert_candor(c, 0, "labeler", "p", "labeler-1", "--history");
	assert_says(c->err, "in archives");
	assert_candor(c, 0, "feed", "p", "--json");
	json_t *items = command_lines(c);
	const char *resolved = NULL;
	for (size_t i = 0; i < json_array_size(items) && !resolved; i++)
		if (json_is_true(json_object_get(json_array_get(items, i), "archived")))
			resolved = json_string_value(json_object_get(json_array_get(items, i), "item"));
	assert_non_null(resolved);
	assert_candor(c, 0, "query", "p", resolved, "--reports");
	assert_says(c->out, "in an archive");
	/* The same reports again open nothing anew. */
	assert_candor(c, 1, "report", "p", resolved, "labeler-1", "0.5");
	assert_says(c->err, "in an archive");
	assert_candor(c, 1, "import", "p", c->file);
	after = (free(after), state_of(c));
	assert_string_equal(after, before);
	json_decref(items);

	/* Another time, with another file; the first is not written over. */
	import_more(c, 30, 2);
	assert_candor(c, 2, "prune", "p", a, "--before", SOON);
	assert_says(c->err, "already exists");
	assert_candor(c, 0, "prune", "p", b, "--before", SOON);
	await_removal(c);
	assert_candord(c, 0, "--verify", "--db", c->daemon.db);
	assert_says(c->out, "are in archive a.gz, which was not given with --archive");
	assert_candord(c, 0, "--verify", "--deep", "--db", c->daemon.db, "--archive", a, "--archive", b);
	assert_null(strstr(c->out, "not read"));
	assert_candord(c, 0, "--verify", "--db", c->daemon.db, "--archive", b, "--archive", a);
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", a);
	assert_says(c->out, "are in archive b.gz, which was not given with --archive");
	free(before);
	free(after);
}

static void an_archive_is_a_database_for_gunzip_and_the_sqlite3_shell(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX], plain[DAEMON_PATH_MAX], run[320];
	daemon_path(&c->daemon, "a.gz", a);
	daemon_path(&c->daemon, "a.db", plain);
	import(c, 20, 3);
	uint64_t reports = (uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM reports WHERE state = 'resolved'");
	assert_candor(c, 0, "prune", "p", a, "--before", SOON);
	snprintf(run, sizeof run, "gunzip -c %s >%s", a, plain);
	assert_int_equal(system(run), 0);
	assert_int_equal((uint64_t)sql_number(plain, "SELECT count(*) FROM reports"), reports);
	assert_int_equal((uint64_t)sql_number(plain, "SELECT count(*) FROM settlements"),
			 (uint64_t)sql_number(plain, "SELECT round FROM pools"));
	assert_int_equal((uint64_t)sql_number(plain, "SELECT count(*) FROM reports WHERE labeler NOT LIKE 'labeler-%'"),
			 0);
}

static void a_backup_of_a_pruned_database_is_restored_and_goes_on(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX], b[DAEMON_PATH_MAX], copy[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	daemon_path(&c->daemon, "b.gz", b);
	daemon_path(&c->daemon, "copy", copy);
	import(c, 40, 4);
	assert_candor(c, 0, "prune", "p", a, "--before", SOON);
	import_more(c, 20, 5);
	assert_candor(c, 0, "backup", copy);
	char *before = state_of(c);
	daemon_kill(&c->daemon);
	unlink(c->daemon.db);
	char log[200];
	snprintf(log, sizeof log, "%s-wal", c->daemon.db);
	unlink(log);
	snprintf(log, sizeof log, "%s-shm", c->daemon.db);
	unlink(log);
	assert_candord(c, 0, "--restore", copy, "--db", c->daemon.db);
	daemon_start(&c->daemon, NULL);
	char *after = state_of(c);
	assert_string_equal(after, before);
	assert_candor(c, 0, "prune", "p", b, "--before", SOON);
	await_removal(c);
	assert_candord(c, 0, "--verify", "--db", c->daemon.db, "--archive", a, "--archive", b);
	/* The backup was made before: it knows the first archive, and not the second. */
	assert_candord(c, 0, "--verify", "--db", copy, "--archive", a);
	assert_candord(c, 1, "--verify", "--db", copy, "--archive", a, "--archive", b);
	assert_says(c->out, "not of this database");
	free(before);
	free(after);
}

static void a_file_that_is_not_an_archive_of_this_database_is_refused(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX], other[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	daemon_path(&c->daemon, "other.gz", other);
	import(c, 20, 6);
	assert_candor(c, 0, "pool", "create", "q");
	assert_candor(c, 0, "import", "q", c->file);
	assert_candor(c, 0, "prune", "p", a, "--before", SOON);
	/* Written, but never told to the daemon: it still has all of it. */
	assert_candord(c, 0, "--make-archive", other, "--pool", "q", "--before", SOON, "--db", c->daemon.db);
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", other);
	assert_says(c->out, "not of this database");
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", c->file);
	assert_says(c->out, "not an archive, or truncated");
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", a, "--archive", a);
	assert_says(c->out, "given twice");
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", "/nowhere.gz");
	assert_says(c->err, "/nowhere.gz: No such file");
	FILE *f = fopen(a, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 1000, SEEK_SET), 0);
	assert_int_equal(fputc(fgetc(f) ^ 1, f) != EOF, 1);
	assert_int_equal(fclose(f), 0);
	assert_candord(c, 1, "--verify", "--db", c->daemon.db, "--archive", a);
	assert_says(c->out, "damaged");
}

static void wrong_usage_is_one_line_and_nothing_happens(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	import(c, 5, 7);
	assert_candor(c, 2, "prune", "p", a);
	assert_says(c->err, "--before");
	assert_candor(c, 2, "prune", "p", a, "--before", "yesterday");
	assert_says(c->err, "2026-01-31");
	assert_candor(c, 2, "prune", "p", a, "--before", "2026-02-29");
	assert_candor(c, 2, "prune", "p", "--before", SOON);
	assert_candor(c, 2, "prune", "nowhere", a, "--before", SOON);
	assert_says(c->err, "pool 'nowhere' does not exist");
	assert_candor(c, 2, "prune", "p", "/nowhere/a.gz", "--before", SOON);
	assert_candord(c, 2, "--make-archive", a, "--db", c->daemon.db);
	assert_says(c->err, "--pool NAME and --before DATE");
	assert_candord(c, 2, "--verify", "--db", c->daemon.db, "--pool", "p");
	assert_candord(c, 2, "--archive", a, "--db", c->daemon.db);
	assert_false(files_exists(a));
	assert_int_equal((uint64_t)sql_number(c->daemon.db, "SELECT count(*) FROM archives"), 0);
}

/* ---- kills ---- */

/* gone: ends when the command and all that it began have ended. */
static pid_t begin_prune(const struct command *c, const char *to, int *gone)
{
	char log[DAEMON_PATH_MAX];
	int ends[2];
	daemon_path(&c->daemon, "log", log);
	const char *const argv[] = {"candor", "prune", "p", to, "--before", SOON, NULL};
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
	pid_t pid = daemon_spawn(argv, log);
	close(ends[1]);
	*gone = ends[0];
	return pid;
}

static void await_all(int gone)
{
	struct pollfd end = {.fd = gone, .events = POLLIN};
	char byte;
	assert_int_equal(poll(&end, 1, 60000), 1);
	assert_int_equal(read(gone, &byte, 1), 0);
	close(gone);
}

/* What was asked over connections that have ended is done on disk, or given up. */
static void await_quiet(struct command *c)
{
	double connections = 0;
	for (int i = 0; i < 3000 && connections != 1; i++) {
		assert_candor(c, 0, "info", "--json");
		connections = command_number(c, "connections"); /* its own is one */
		usleep(connections == 1 ? 0 : 10000);
	}
	assert_near(connections, 1, 0);
	assert_candor(c, 0, "ping", "--write");
}

static int wait_for(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void nothing_is_lost_when_a_program_is_killed_while_it_prunes(void **state)
{
	struct command *c = *state;
	struct random r;
	uint64_t kills = proof_size(3, 12, KILLS_MAX), taken = 0;
	char named[KILLS_MAX][DAEMON_PATH_MAX], *before = NULL;
	const char *options[OPTIONS_MAX] = {"--verify", "--db", c->daemon.db};
	size_t n_options = 3;
	random_init(&r, 8, 0);
	import(c, 200, 8);
	for (uint64_t i = 0; i < kills; i++) {
		daemon_path(&c->daemon, "", named[i]);
		snprintf(named[i] + strlen(named[i]), 32, "%d.gz", (int)i);
		before = state_of(c);
		int gone;
		pid_t pid = begin_prune(c, named[i], &gone);
		usleep((useconds_t)random_below(&r, random_chance(&r, 0.5) ? 60000 : 400000));
		/* The daemon, or the command that asked; the candord that it runs ends by itself. */
		bool of_daemon = random_chance(&r, 0.6);
		if (of_daemon)
			daemon_kill(&c->daemon);
		else
			kill(pid, SIGKILL);
		int code = wait_for(pid);
		assert_true(code == 0 || code == 2 || code == 4 || code == 137);
		/* One that is killed leaves its candord behind, which may still be at it. */
		await_all(gone);
		if (of_daemon)
			daemon_start(&c->daemon, NULL);
		else
			await_quiet(c);
		char sql[200];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM archives WHERE file = '%d.gz'", (int)i);
		if ((uint64_t)sql_number(c->daemon.db, sql)) {
			assert_true(files_exists(named[i]));
			options[n_options++] = "--archive";
			options[n_options++] = named[i];
			taken++;
			await_removal(c);
		} else if (code == 0) {
			fail_msg("it was told that it is done");
		}
		char *after = state_of(c);
		assert_string_equal(after, before);
		free(after);
		free(before);
		assert_int_equal(command_candord(c, options), 0);
		char name[32];
		snprintf(name, sizeof name, "again-%d", (int)i);
		assert_candor(c, 0, "report", "p", name, "labeler-1", "0.5");
		assert_candor(c, 0, "resolve", "p", name, "1");
	}
	proof_say("kills while a pool was pruned", kills);
	proof_say("of which after the boundary", taken);
}

static void a_signal_ends_an_archive_and_leaves_nothing(void **state)
{
	struct command *c = *state;
	char a[DAEMON_PATH_MAX], partial[160], log[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	daemon_path(&c->daemon, "log", log);
	snprintf(partial, sizeof partial, "%s.partial", a);
	import(c, 200, 9);
	const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	for (size_t i = 0; i < 3; i++) {
		const char *const argv[] = {"candord", "--make-archive", a,   "--pool", "p", "--before", SOON,
					    "--db",    c->daemon.db,     NULL};
		pid_t pid = daemon_spawn(argv, log);
		for (int k = 0; k < 3000 && !files_exists(partial) && !files_exists(a); k++)
			usleep(1000);
		kill(pid, signals[i]);
		int code = wait_for(pid);
		/* It may have been done already. */
		assert_true(code == 1 || code == 0);
		assert_int_equal(files_exists(a), code == 0);
		assert_false(files_exists(partial));
		unlink(a);
	}
	/* One that was killed leaves its partial file, and the next one takes its place. */
	files_write_text(partial, "left over");
	assert_candor(c, 0, "prune", "p", a, "--before", SOON);
	assert_false(files_exists(partial));
}

static bool catches(pid_t pid, int signum)
{
	char path[64], line[256];
	unsigned long long caught = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "SigCgt:", 7) == 0)
			caught = strtoull(line + 7, NULL, 16);
	if (f)
		fclose(f);
	return caught >> (signum - 1) & 1;
}

/* An archive is made in steps, which end where a block does. */
static void blocks_of_any_size_are_archived(void **state)
{
	enum { ITEMS = 300, BLOCK = 7 };
	struct command *c = *state;
	char a[DAEMON_PATH_MAX];
	daemon_path(&c->daemon, "a.gz", a);
	FILE *f = fopen(c->file, "we");
	assert_non_null(f);
	fputs("item,labeler,report,outcome,block\n", f);
	for (int i = 0; i < ITEMS; i++)
		for (int k = 0; k < 2; k++)
			fprintf(f, "i%d,l%d,0.%d,%d,b%d\n", i, (i + k) % 5, (i * 3 + k) % 10, i % 2, i / BLOCK);
	assert_int_equal(fclose(f), 0);
	assert_candor(c, 0, "pool", "create", "p");
	assert_candor(c, 0, "import", "p", c->file);
	char *before = state_of(c);
	assert_candor(c, 0, "prune", "p", a, "--before", SOON, "--json");
	assert_number(c, "last", ITEMS);
	await_removal(c);
	char *after = state_of(c);
	assert_string_equal(after, before);
	assert_int_equal(daemon_stop(&c->daemon), 0);
	assert_candord(c, 0, "--verify", "--db", c->daemon.db, "--archive", a);
	free(before);
	free(after);
}

/* A check that would take for ever: one of the archives is a pipe that nobody writes to. */
static void a_signal_ends_a_check_wherever_it_is(void **state)
{
	struct command *c = *state;
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	char pipe[DAEMON_PATH_MAX], err[DAEMON_PATH_MAX], said[1024];
	daemon_path(&c->daemon, "pipe", pipe);
	daemon_path(&c->daemon, "err", err);
	import(c, 10, 9);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	for (size_t i = 0; i < 3; i++) {
		const char *const argv[] = {"candord", "--verify", "--db", c->daemon.db, "--archive", pipe, NULL};
		pid_t pid = daemon_begin(argv, NULL, NULL, err);
		for (int k = 0; k < 30000 && !catches(pid, signals[i]); k++)
			usleep(1000);
		kill(pid, signals[i]);
		assert_int_equal(wait_for(pid), 1);
		files_read_text(err, said, sizeof said);
		assert_string_equal(said, "candord: interrupted; nothing was changed\n");
	}
	assert_int_equal(unlink(pipe), 0);
	assert_int_equal(daemon_verify(&c->daemon), 0);
}

#define PRUNE(test) cmocka_unit_test_setup_teardown(test, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PRUNE(pruned_items_are_gone_and_everything_else_stands),
		PRUNE(an_archive_is_a_database_for_gunzip_and_the_sqlite3_shell),
		PRUNE(a_backup_of_a_pruned_database_is_restored_and_goes_on),
		PRUNE(a_file_that_is_not_an_archive_of_this_database_is_refused),
		PRUNE(wrong_usage_is_one_line_and_nothing_happens),
		PRUNE(nothing_is_lost_when_a_program_is_killed_while_it_prunes),
		PRUNE(a_signal_ends_an_archive_and_leaves_nothing),
		PRUNE(a_signal_ends_a_check_wherever_it_is),
		PRUNE(blocks_of_any_size_are_archived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
