/* candord under a service manager: what it tells it when, the watchdog, and the log as the journal takes it. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/certs.h"
#include "tests/lib/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/manager.h"
#include "tests/lib/unit.h"

static struct manager manager = {.fd = -1};

static void open_manager(const struct daemon *d)
{
	char path[DAEMON_PATH_MAX];
	daemon_path(d, "notify", path);
	manager_open(&manager, path);
}

/* As daemon_start(), but for waiting until it answers: that is what the manager is told. */
static void spawn(struct daemon *d, const char *option, const char *value)
{
	char log[DAEMON_PATH_MAX];
	const char *const argv[] = {"candord", "--listen", d->address, "--db", d->db, option, value, NULL};
	daemon_path(d, "log", log);
	d->pid = daemon_spawn(argv, log);
}

static void await_ready(const char *counted)
{
	assert_int_equal(manager_await(&manager, "READY=1", counted), 0);
}

/* The newest line of the log. */
static const char *last_line(const struct daemon *d)
{
	static char text[65536];
	char path[DAEMON_PATH_MAX];
	daemon_path(d, "log", path);
	files_read_text(path, text, sizeof text);
	size_t len = strlen(text);
	assert_true(len > 0 && text[len - 1] == '\n');
	text[len - 1] = 0;
	const char *line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

/* ---- start and stop ---- */

static void it_is_ready_when_it_serves_and_not_before(void **state)
{
	struct daemon *d = *state;
	struct candor *c;
	open_manager(d);
	spawn(d, NULL, NULL);
	assert_non_null(manager_said((manager_next(&manager), &manager), "STATUS=starting"));
	assert_null(manager_said(&manager, "READY"));
	await_ready("STOPPING=1");
	assert_string_equal(manager_said(&manager, "STATUS="), "serving");
	/* At once, without another try. */
	assert_int_equal(daemon_open(d, &c, d->address, NULL), 0);
	daemon_disconnect(d, c);
	kill(d->pid, SIGTERM);
	manager_await(&manager, "STOPPING=1", NULL);
	assert_string_equal(manager_said(&manager, "STATUS="), "stopping: SIGTERM");
	assert_int_equal(daemon_wait(d), 0);
	assert_non_null(strstr(last_line(d), " candord: stopped: SIGTERM"));
}

static void a_manager_may_have_an_abstract_address(void **state)
{
	struct daemon *d = *state;
	char name[96];
	snprintf(name, sizeof name, "@candor-test-%d", (int)getpid());
	manager_open(&manager, name);
	spawn(d, NULL, NULL);
	await_ready(NULL);
	kill(d->pid, SIGINT);
	manager_await(&manager, "STOPPING=1", NULL);
	assert_int_equal(daemon_wait(d), 0);
	assert_non_null(strstr(last_line(d), " candord: stopped: SIGINT"));
}

static void without_a_manager_or_with_one_that_is_gone_it_serves_as_well(void **state)
{
	struct daemon *d = *state;
	daemon_start(d, NULL);
	assert_int_equal(daemon_stop(d), 0);
	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	manager_watch(100000);
	daemon_start(d, NULL);
	assert_int_equal(daemon_stop(d), 0);
}

static void a_start_that_fails_is_never_ready_and_says_why(void **state)
{
	struct daemon *d = *state;
	open_manager(d);
	files_write_text(d->db, "this is no database, and will never be one\n");
	spawn(d, NULL, NULL);
	assert_int_equal(daemon_wait_for(d->pid), 1);
	d->pid = 0;
	while (manager_hears(&manager, 0) && !manager_said(&manager, "STOPPING=1"))
		assert_null(manager_said(&manager, "READY"));
	assert_non_null(manager_said(&manager, "STATUS=stopping: "));
	assert_true(strlen(manager_said(&manager, "STATUS=stopping: ")) > 0);
	unlink(d->db);
}

static void after_a_failure_the_last_line_and_the_status_say_what_it_was(void **state)
{
	struct daemon *d = *state;
	char moved[DAEMON_PATH_MAX];
	daemon_path(d, "moved", moved);
	open_manager(d);
	spawn(d, NULL, NULL);
	await_ready(NULL);
	assert_int_equal(rename(d->db, moved), 0);
	manager_await(&manager, "STOPPING=1", NULL);
	const char *why = manager_said(&manager, "STATUS=stopping: ");
	assert_non_null(why);
	assert_non_null(strstr(why, candor_strerror(ERR_MOVED)));
	assert_int_equal(daemon_wait_for(d->pid), 1);
	d->pid = 0;
	assert_non_null(strstr(last_line(d), " candord: error: stopped: "));
	assert_non_null(strstr(last_line(d), candor_strerror(ERR_MOVED)));
}

/* ---- while it serves ---- */

static void the_status_says_what_it_serves(void **state)
{
	struct daemon *d = *state;
	open_manager(d);
	spawn(d, NULL, NULL);
	await_ready(NULL);
	struct candor *c = daemon_connect(d);
	call_create_pool(c, "birds");
	manager_await(&manager, "STATUS=serving 1 connection, 1 pool", NULL);
	call_create_pool(daemon_connect(d), "bees");
	manager_await(&manager, "STATUS=serving 2 connections, 2 pools", NULL);
}

static void a_reload_begins_at_a_time_and_ends(void **state)
{
	struct daemon *d = *state;
	open_manager(d);
	spawn(d, NULL, NULL);
	await_ready(NULL);
	uint64_t before_us = (uint64_t)(clock_s() * 1e6);
	kill(d->pid, SIGHUP);
	manager_await(&manager, "RELOADING=1", NULL);
	uint64_t after_us = (uint64_t)(clock_s() * 1e6);
	const char *at = manager_said(&manager, "MONOTONIC_USEC=");
	assert_non_null(at);
	uint64_t us = strtoull(at, NULL, 10);
	assert_true(us >= before_us && us <= after_us + 1);
	await_ready("RELOADING=1");
	assert_string_equal(manager_said(&manager, "STATUS="), "serving");
}

static void a_reload_that_fails_ends_too_and_the_status_says_why(void **state)
{
	struct daemon *d = *state;
	struct certs_authority *authority = certs_authority_new("authority");
	struct certs_pair pair = certs_make(authority, &(struct certs_wish){.name = "localhost", .until_days = 1});
	char cert[DAEMON_PATH_MAX], key[DAEMON_PATH_MAX];
	daemon_path(d, "cert", cert);
	daemon_path(d, "key", key);
	files_write_text(cert, pair.certificate);
	files_write_text(key, pair.key);
	certs_free(&pair);
	certs_authority_free(authority);
	open_manager(d);
	const char *const argv[] = {"candord",    "--listen", d->address,  "--db", d->db,
				    "--tls-cert", cert,       "--tls-key", key,    NULL};
	char log[DAEMON_PATH_MAX];
	daemon_path(d, "log", log);
	d->pid = daemon_spawn(argv, log);
	await_ready(NULL);
	files_write_text(cert, "this is no certificate\n");
	kill(d->pid, SIGHUP);
	manager_await(&manager, "RELOADING=1", NULL);
	await_ready("RELOADING=1");
	const char *why = manager_said(&manager, "STATUS=certificates not reloaded: ");
	assert_non_null(why);
	assert_non_null(strstr(why, cert));
}

/* ---- the watchdog ---- */

static void the_watchdog_is_fed_only_where_there_is_one(void **state)
{
	struct daemon *d = *state;
	open_manager(d);
	spawn(d, NULL, NULL);
	await_ready("WATCHDOG=1");
	kill(d->pid, SIGTERM);
	assert_int_equal(manager_await(&manager, "STOPPING=1", "WATCHDOG=1"), 0);
	assert_int_equal(daemon_wait(d), 0);

	/* Another process's. */
	manager_watch(100000);
	setenv("WATCHDOG_PID", "1", 1);
	spawn(d, NULL, NULL);
	await_ready("WATCHDOG=1");
	kill(d->pid, SIGTERM);
	assert_int_equal(manager_await(&manager, "STOPPING=1", "WATCHDOG=1"), 0);
	assert_int_equal(daemon_wait(d), 0);
}

static void the_watchdog_is_fed_again_and_again(void **state)
{
	struct daemon *d = *state;
	open_manager(d);
	manager_watch(200000);
	spawn(d, NULL, NULL);
	await_ready(NULL);
	/* Idle, and with commits. */
	for (int i = 0; i < 5; i++)
		manager_await(&manager, "WATCHDOG=1", NULL);
	struct candor *c = daemon_connect(d);
	call_create_pool(c, "birds");
	for (int i = 0; i < 5; i++) {
		call_report(c, "birds", "q", "ann", 0.1 * i);
		manager_await(&manager, "WATCHDOG=1", NULL);
	}
}

/* The loop waits in a write to its log, which is a pipe that nobody reads. */
static void a_loop_that_hangs_does_not_feed_it(void **state)
{
	enum { WATCHDOG_US = 200000, SILENCE_MS = 10 * WATCHDOG_US / 1000 };
	struct daemon *d = *state;
	int ends[2];
	char path[64], bytes[4096] = "";
	open_manager(d);
	manager_watch(WATCHDOG_US);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
	const char *const argv[] = {"candord", "--listen", d->address, "--db", d->db, NULL};
	d->pid = daemon_begin(argv, NULL, NULL, path);
	await_ready(NULL);
	manager_await(&manager, "WATCHDOG=1", NULL);
	/* A description of its own, which does not block, over the same pipe. */
	int filler = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(filler >= 0);
	while (write(filler, bytes, sizeof bytes) > 0 || write(filler, bytes, 1) > 0)
		;
	kill(d->pid, SIGHUP);
	manager_await(&manager, "RELOADING=1", NULL);
	/* It says what it has done before it is ready again. */
	assert_false(manager_hears(&manager, SILENCE_MS));
	close(ends[1]);
	close(filler);
	/* Somebody reads: it goes on. */
	assert_true(read(ends[0], bytes, sizeof bytes) > 0);
	await_ready("RELOADING=1");
	for (int i = 0; i < 3; i++)
		manager_await(&manager, "WATCHDOG=1", NULL);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	while (read(ends[0], bytes, sizeof bytes) > 0)
		;
	manager_close(&manager);
	assert_int_equal(daemon_stop(d), 0);
	close(ends[0]);
}

/* ---- the log ---- */

/* What JOURNAL_STREAM is where standard error is the journal. */
static void name_stream(const char *path, unsigned beside)
{
	struct stat st;
	char text[64];
	assert_int_equal(stat(path, &st), 0);
	snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + beside);
	setenv("JOURNAL_STREAM", text, 1);
}

static void start_and_stop(struct daemon *d, const char *format, char *text, size_t size)
{
	const char *const options[] = {"--log-format", format, NULL};
	char log[DAEMON_PATH_MAX];
	daemon_path(d, "log", log);
	files_write_text(log, "");
	daemon_start(d, options);
	assert_int_equal(daemon_stop(d), 0);
	files_read_text(log, text, size);
}

/* Each line begins so. */
static void assert_lines_begin(const char *text, const char *beginning)
{
	assert_true(text[0]);
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, beginning, strlen(beginning)) != 0)
			fail_msg("a line does not begin with %s: %s", beginning, line);
}

static void in_the_journal_lines_have_priorities_and_elsewhere_times(void **state)
{
	struct daemon *d = *state;
	char log[DAEMON_PATH_MAX], text[4096];
	daemon_path(d, "log", log);
	files_write_text(log, "");
	name_stream(log, 0);
	start_and_stop(d, "text", text, sizeof text);
	assert_lines_begin(text, "<5>");
	assert_non_null(strstr(text, "\n<5>stopped: SIGTERM\n"));
	start_and_stop(d, "logfmt", text, sizeof text);
	assert_lines_begin(text, "<5>level=notice msg=\"");
	start_and_stop(d, "json", text, sizeof text);
	assert_lines_begin(text, "<5>{\"level\":\"notice\",\"msg\":\"");
	/* A service whose errors go elsewhere. */
	name_stream(log, 1);
	start_and_stop(d, "text", text, sizeof text);
	assert_lines_begin(text, "2");
	assert_null(strstr(text, "<5>"));
	start_and_stop(d, "logfmt", text, sizeof text);
	assert_lines_begin(text, "time=2");
	start_and_stop(d, "json", text, sizeof text);
	assert_lines_begin(text, "{\"time\":\"2");
	unsetenv("JOURNAL_STREAM");
}

static void wrong_settings_are_an_error_in_the_journal_too(void **state)
{
	const struct daemon *d = *state;
	char err[DAEMON_PATH_MAX], text[4096];
	const char *const argv[] = {"candord", "--log-format", "xml", NULL};
	daemon_path(d, "err", err);
	assert_int_equal(daemon_run(argv, NULL, NULL, err), 2);
	files_read_text(err, text, sizeof text);
	assert_string_equal(text, "candord: --log-format: must be text, logfmt or json, not 'xml'\n");
	name_stream(err, 0);
	assert_int_equal(daemon_run(argv, NULL, NULL, err), 2);
	files_read_text(err, text, sizeof text);
	assert_string_equal(text, "<3>--log-format: must be text, logfmt or json, not 'xml'\n");
	unsetenv("JOURNAL_STREAM");
}

static int tear_down(void **state)
{
	manager_close(&manager);
	unsetenv("JOURNAL_STREAM");
	return daemon_tear_down(state);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, daemon_set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(it_is_ready_when_it_serves_and_not_before),
		EACH(a_manager_may_have_an_abstract_address),
		EACH(without_a_manager_or_with_one_that_is_gone_it_serves_as_well),
		EACH(a_start_that_fails_is_never_ready_and_says_why),
		EACH(after_a_failure_the_last_line_and_the_status_say_what_it_was),
		EACH(the_status_says_what_it_serves),
		EACH(a_reload_begins_at_a_time_and_ends),
		EACH(a_reload_that_fails_ends_too_and_the_status_says_why),
		EACH(the_watchdog_is_fed_only_where_there_is_one),
		EACH(the_watchdog_is_fed_again_and_again),
		EACH(a_loop_that_hangs_does_not_feed_it),
		EACH(in_the_journal_lines_have_priorities_and_elsewhere_times),
		EACH(wrong_settings_are_an_error_in_the_journal_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
