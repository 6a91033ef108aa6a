/* candord --check-config: what it passes starts, what it refuses would not have started, and it changes nothing. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/command.h"
#include "tests/lib/sql.h"

/* Names, sizes and times of all that is in the directory, as one number. */
static uint64_t stamp_of(const char *dir)
{
	uint64_t sum = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		struct stat st;
		uint64_t h = 14695981039346656037u;
		assert_int_equal(fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		for (const char *p = e->d_name; *p; p++)
			h = (h ^ (uint8_t)*p) * 1099511628211u;
		h = (h ^ (uint64_t)st.st_size) * 1099511628211u;
		h = (h ^ (uint64_t)st.st_mtim.tv_sec) * 1099511628211u;
		h = (h ^ (uint64_t)st.st_mtim.tv_nsec) * 1099511628211u;
		/* What the programs say goes to files beside them. */
		if (strcmp(e->d_name, "out") != 0 && strcmp(e->d_name, "err") != 0 && e->d_name[0] != '.')
			sum += h;
	}
	closedir(d);
	return sum;
}

/* Both refuse, in the same words; the check leaves everything as it was. */
static void refused(struct command *c, const char *words, const char *const *settings)
{
	const char *args[16] = {NULL};
	size_t n = 0;
	while (settings[n]) {
		args[n] = settings[n];
		n++;
	}
	uint64_t before = stamp_of(c->daemon.dir);
	assert_int_equal(command_candord(c, args), 1);
	assert_says(c->err, words);
	args[n] = "--check-config";
	uint64_t between = stamp_of(c->daemon.dir);
	assert_int_equal(command_candord(c, args), 1);
	assert_says(c->err, words);
	assert_string_equal(c->out, "");
	assert_int_equal(stamp_of(c->daemon.dir), between);
	/* What is found at once changes nothing at a start either. */
	assert_int_equal(between, before);
}

#define REFUSED(c, words, ...) refused(c, words, ARGS(__VA_ARGS__))

static void an_address_that_cannot_be_listened_on_is_refused(void **state)
{
	struct command *c = *state;
	const char *db = c->daemon.db;
	char place[160], twice[192];
	snprintf(place, sizeof place, "unix:%s/none/s", c->daemon.dir);
	REFUSED(c, "cannot listen on", "--db", db, "--listen", place);
	files_write_text(c->file, "a file");
	snprintf(place, sizeof place, "unix:%s", c->file);
	REFUSED(c, "cannot listen on", "--db", db, "--listen", place);
	REFUSED(c, "cannot listen on", "--db", db, "--listen", "tcp:no-such-host.invalid:7432");
	/* For documentation: no machine has it. */
	REFUSED(c, "cannot listen on", "--db", db, "--insecure", "yes", "--listen", "tcp:192.0.2.1:7432");
	REFUSED(c, "would not be encrypted", "--db", db, "--listen", "tcp:0.0.0.0:0");
	REFUSED(c, "two of the listeners", "--db", db, "--listen", "tcp:127.0.0.1:7431", "--listen",
		"tcp:127.0.0.1:7431");
	REFUSED(c, "two of the listeners", "--db", db, "--insecure", "yes", "--listen", "tcp:0.0.0.0:7431", "--listen",
		"tcp:127.0.0.1:7431");
	snprintf(twice, sizeof twice, "unix:%s/twice", c->daemon.dir);
	REFUSED(c, "two of the listeners", "--db", db, "--listen", twice, "--listen", twice);
	assert_false(files_exists(db));
}

static void certificates_that_cannot_be_used_are_refused(void **state)
{
	struct command *c = *state;
	char none[DAEMON_PATH_MAX];
	const char *db = c->daemon.db, *listen = c->daemon.address;
	daemon_path(&c->daemon, "none.pem", none);
	files_write_text(c->file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	REFUSED(c, "No such file", "--db", db, "--listen", listen, "--tls-cert", none, "--tls-key", none);
	REFUSED(c, "tls_cert", "--db", db, "--listen", listen, "--tls-cert", c->file, "--tls-key", c->file);
	assert_false(files_exists(db));
}

static void a_database_that_cannot_be_used_is_refused(void **state)
{
	struct command *c = *state;
	char other[160], beside[220];
	const char *db = c->daemon.db, *listen = c->daemon.address;
	snprintf(other, sizeof other, "%s/none/db", c->daemon.dir);
	REFUSED(c, "No such file", "--listen", listen, "--db", other);
	REFUSED(c, "not a regular file", "--listen", listen, "--db", c->daemon.dir);
	snprintf(other, sizeof other, "%s/link", c->daemon.dir);
	assert_int_equal(symlink("nowhere", other), 0);
	REFUSED(c, "link to a file that does not exist", "--listen", listen, "--db", other);
	files_write_text(db, "");
	REFUSED(c, "exists but is empty", "--listen", listen, "--db", db);
	files_write_text(db, "item,labeler,report\n");
	REFUSED(c, "not a database", "--listen", listen, "--db", db);
	assert_int_equal(unlink(db), 0);
	sql_run(db, "PRAGMA application_id = 77; CREATE TABLE t (x)");
	REFUSED(c, "not a candor database", "--listen", listen, "--db", db);
	assert_int_equal(unlink(db), 0);
	snprintf(beside, sizeof beside, "%s-lock", db);
	assert_int_equal(mkdir(beside, 0700), 0);
	REFUSED(c, "not a regular file", "--listen", listen, "--db", db);
	assert_int_equal(rmdir(beside), 0);

	/* One that was there. */
	daemon_start(&c->daemon, NULL);
	call_create_pool(daemon_connect(&c->daemon), "p");
	assert_int_equal(daemon_stop(&c->daemon), 0);
	sql_run(db, "PRAGMA user_version = 1000");
	REFUSED(c, "newer than this program's", "--listen", listen, "--db", db);
	assert_int_equal(unlink(db), 0);
	REFUSED(c, "is missing, and", "--listen", listen, "--db", db);
}

static void what_cannot_be_written_is_refused(void **state)
{
	struct command *c = *state;
	char dir[DAEMON_PATH_MAX], db[160], listen[160];
	if (geteuid() == 0) {
		print_message("SKIPPED: root may write everywhere\n");
		return;
	}
	daemon_path(&c->daemon, "closed", dir);
	assert_int_equal(mkdir(dir, 0500), 0);
	snprintf(db, sizeof db, "%s/db", dir);
	snprintf(listen, sizeof listen, "unix:%s/s", dir);
	REFUSED(c, "ermission denied", "--listen", c->daemon.address, "--db", db);
	REFUSED(c, "ermission denied", "--listen", listen, "--db", c->daemon.db);
}

static void what_passes_starts_and_passes_beside_the_daemon_that_runs_with_it(void **state)
{
	struct command *c = *state;
	const char *const settings[] = {"--listen", c->daemon.address, "--db", c->daemon.db, "--check-config", NULL};
	uint64_t before = stamp_of(c->daemon.dir);
	assert_int_equal(command_candord(c, settings), 0);
	assert_string_equal(c->err, "");
	assert_int_equal(stamp_of(c->daemon.dir), before);
	daemon_start(&c->daemon, ARGS("--listen", "tcp:127.0.0.1:0"));
	call_create_pool(daemon_connect(&c->daemon), "p");
	before = stamp_of(c->daemon.dir);
	assert_int_equal(command_candord(c, settings), 0);
	const char *const busy[] = {"--listen", c->daemon.tcp, "--db", c->daemon.db, "--check-config", NULL};
	assert_int_equal(command_candord(c, busy), 0);
	assert_says(c->out, c->daemon.tcp);
	assert_int_equal(stamp_of(c->daemon.dir), before);
	/* After a kill, too, when its socket and its log lie about. */
	daemon_kill(&c->daemon);
	before = stamp_of(c->daemon.dir);
	assert_int_equal(command_candord(c, settings), 0);
	assert_int_equal(stamp_of(c->daemon.dir), before);
	daemon_start(&c->daemon, NULL);
}

static void the_users_own_directory_need_not_be_there_yet(void **state)
{
	struct command *c = *state;
	char home[160];
	snprintf(home, sizeof home, "%s/not/yet", c->daemon.dir);
	setenv("XDG_STATE_HOME", home, 1);
	uint64_t before = stamp_of(c->daemon.dir);
	assert_candord(c, 0, "--check-config");
	assert_says(c->out, "/not/yet/candor/candord.sock\n");
	assert_int_equal(stamp_of(c->daemon.dir), before);
	/* Under a file nothing can be made. */
	files_write_text(c->file, "a file");
	snprintf(home, sizeof home, "%s/state", c->file);
	setenv("XDG_STATE_HOME", home, 1);
	assert_candord(c, 1, "--check-config");
	assert_says(c->err, "cannot create");
	unsetenv("XDG_STATE_HOME");
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down)
#define SPOILED(test) cmocka_unit_test_setup_teardown(test, command_set_up_alone, command_tear_down_spoiled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALONE(an_address_that_cannot_be_listened_on_is_refused),
		ALONE(certificates_that_cannot_be_used_are_refused),
		SPOILED(a_database_that_cannot_be_used_is_refused),
		ALONE(what_cannot_be_written_is_refused),
		ALONE(what_passes_starts_and_passes_beside_the_daemon_that_runs_with_it),
		ALONE(the_users_own_directory_need_not_be_there_yet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
