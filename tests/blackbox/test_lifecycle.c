/* How candord starts, stops, and what it says when it will not; and the limits on peers. */
#include <fcntl.h>
#include <signal.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/candor_async.h"
#include "lib/base/buf.h"
#include "tests/lib/allow.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/files.h"
#include "tests/lib/raw.h"
#include "tests/lib/sql.h"
#include "tests/lib/unit.h"
#include "lib/wire/wire.h"

/* ---- what a program said ---- */

/* Runs candord with up to three options: its exit status, and what it printed. */
static int run_candord(const struct daemon *d, const char *a, const char *b, const char *c, const char *e, char *out,
		       char *err, size_t size)
{
	char out_path[DAEMON_PATH_MAX], err_path[DAEMON_PATH_MAX];
	const char *const argv[] = {"candord", a, b, c, e, NULL};
	daemon_path(d, "out", out_path);
	daemon_path(d, "err", err_path);
	int status = daemon_run(argv, NULL, out_path, err_path);
	files_read_text(out_path, out, size);
	files_read_text(err_path, err, size);
	return status;
}

/* ---- settings ---- */

static void wrong_usage_is_one_line_and_status_2(void **state)
{
	const struct daemon *d = *state;
	const struct {
		const char *option, *value, *naming;
	} wrong[] = {
		{"--nonsense", NULL, "--nonsense"},
		{"--max-in-flight", "0", "max-in-flight"},
		{"--max-in-flight", "x", "from 1 to 1000000"},
		{"--max-frame-bytes", "4X", "max-frame-bytes"},
		{"--listen", "tcp:127.0.0.1", "listen"},
		{"--listen", "udp:1", "tcp:, tls: or unix:"},
		{"--sync", "perhaps", "full or normal"},
		{"--log-level", "loud", "log-level"},
		{"--config", "/nonexistent/candor.conf", "/nonexistent/candor.conf"},
		{"--db", NULL, "--db"},
		{"--verify", NULL, "--db"},
		{"stray", NULL, "stray"},
	};
	char out[4096], err[4096];
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		assert_int_equal(run_candord(d, wrong[i].option, wrong[i].value, NULL, NULL, out, err, sizeof out), 2);
		assert_string_equal(out, "");
		assert_non_null(strstr(err, wrong[i].naming));
		assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
	}
}

static void flags_override_the_environment_which_overrides_the_file_which_overrides_defaults(void **state)
{
	const struct daemon *d = *state;
	char path[DAEMON_PATH_MAX], out[4096], err[4096];
	daemon_path(d, "conf", path);
	char db[200], db_line[200], listen_line[200], text[512];
	snprintf(db, sizeof db, "--db=%s", d->db);
	snprintf(db_line, sizeof db_line, "db = %s\n", d->db);
	snprintf(listen_line, sizeof listen_line, "listen = unix:%s/x\n", d->dir);
	snprintf(text, sizeof text,
		 "[candord]\n; a comment\nmax_in_flight = 11\nidle_timeout = 12\nframe_timeout = 13\n%s", listen_line);
	files_write_text(path, text);
	setenv("CANDORD_IDLE_TIMEOUT", "22", 1);
	setenv("CANDORD_FRAME_TIMEOUT", "23", 1);
	setenv("CANDORD_CONFIG", path, 1);
	int status = run_candord(d, "--frame-timeout", "33", db, "--check-config", out, err, sizeof out);
	unsetenv("CANDORD_IDLE_TIMEOUT");
	unsetenv("CANDORD_FRAME_TIMEOUT");
	unsetenv("CANDORD_CONFIG");
	assert_string_equal(err, "");
	assert_int_equal(status, 0);
	assert_non_null(strstr(out, "max_in_flight = 11\n"));
	assert_non_null(strstr(out, "idle_timeout = 22\n"));
	assert_non_null(strstr(out, "frame_timeout = 33\n"));
	assert_non_null(strstr(out, listen_line));
	assert_non_null(strstr(out, db_line));
	assert_non_null(strstr(out, "max_connections = 10000\n"));

	files_write_text(path, "max_in_flght = 11\n");
	assert_int_equal(run_candord(d, "--config", path, "--check-config", NULL, out, err, sizeof out), 2);
	assert_non_null(strstr(err, "max_in_flght"));
	files_write_text(path, "listen = unix:/x\nthis is no setting\n");
	assert_int_equal(run_candord(d, "--config", path, "--check-config", NULL, out, err, sizeof out), 2);
	assert_non_null(strstr(err, "line 2"));
}

static void without_configuration_files_go_to_the_users_state_directory(void **state)
{
	struct daemon *d = *state;
	char home[DAEMON_PATH_MAX], path[160], log[DAEMON_PATH_MAX];
	struct stat st;
	daemon_path(d, "state", home);
	daemon_path(d, "log", log);
	snprintf(d->address, sizeof d->address, "unix:%s/candor/candord.sock", home);
	snprintf(d->db, sizeof d->db, "%s/candor/candor.db", home);
	setenv("XDG_STATE_HOME", home, 1);
	const char *const argv[] = {"candord", NULL};
	d->pid = daemon_spawn(argv, log);
	daemon_await(d);
	char address[160];
	assert_int_equal(candor_default_address(address, sizeof address), 0);
	assert_string_equal(address, d->address);
	unsetenv("XDG_STATE_HOME");
	snprintf(path, sizeof path, "%s/candor", home);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(access(d->db, F_OK), 0);
	assert_int_equal(daemon_stop(d), 0);
}

static void the_state_directory_defaults_to_one_in_the_home_and_without_a_home_it_must_be_given(void **state)
{
	struct daemon *d = *state;
	char log[DAEMON_PATH_MAX], home[512], out[4096], err[4096];
	const char *const argv[] = {"candord", NULL};
	const char *usual = getenv("HOME");
	snprintf(home, sizeof home, "%s", usual ? usual : "");
	daemon_path(d, "log", log);
	snprintf(d->address, sizeof d->address, "unix:%s/.local/state/candor/candord.sock", d->dir);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", d->dir, 1);
	d->pid = daemon_spawn(argv, log);
	daemon_await(d);
	int stopped = daemon_stop(d);
	unsetenv("HOME");
	int refused = run_candord(d, "--log-level", "notice", NULL, NULL, out, err, sizeof out);
	if (usual)
		setenv("HOME", home, 1);
	assert_int_equal(stopped, 0);
	assert_int_equal(refused, 2);
	assert_non_null(strstr(err, "HOME"));
}

static void help_and_version_are_printed_and_nothing_is_started(void **state)
{
	const struct daemon *d = *state;
	char out[8192], err[8192];
	assert_int_equal(run_candord(d, "--help", NULL, NULL, NULL, out, err, sizeof out), 0);
	assert_string_equal(err, "");
	assert_non_null(strstr(out, "--max-in-flight"));
	assert_int_equal(run_candord(d, "--version", NULL, NULL, NULL, out, err, sizeof out), 0);
	assert_string_equal(out, "candord " CANDOR_VERSION "\n");
	assert_string_equal(err, "");
}

static void the_output_of_check_config_is_a_configuration_file_with_the_same_settings(void **state)
{
	const struct daemon *d = *state;
	char path[DAEMON_PATH_MAX], first[4096], again[4096], err[4096], db[200];
	daemon_path(d, "out", path);
	snprintf(db, sizeof db, "--db=%s", d->db);
	assert_int_equal(run_candord(d, "--listen=tcp:127.0.0.1:7000", db, "--max-frame-bytes=1M", "--check-config",
				     first, err, sizeof first),
			 0);
	char copy[112];
	snprintf(copy, sizeof copy, "%s.conf", path);
	assert_int_equal(rename(path, copy), 0);
	assert_int_equal(run_candord(d, "--config", copy, "--check-config", NULL, again, err, sizeof again), 0);
	assert_string_equal(again, first);
}

/* ---- one database, one daemon ---- */

static void a_second_daemon_on_the_same_database_is_refused(void **state)
{
	struct daemon *d = *state;
	char other[128], out[4096], err[4096];
	daemon_start(d, NULL);
	snprintf(other, sizeof other, "unix:%s/other", d->dir);
	assert_int_equal(run_candord(d, "--listen", other, "--db", d->db, out, err, sizeof out), 1);
	assert_non_null(strstr(err, "another candord"));
	assert_int_equal(daemon_stop(d), 0);
}

static void a_socket_in_use_is_left_alone_and_a_stale_one_replaced(void **state)
{
	struct daemon *d = *state;
	char other[128], out[4096], err[4096];
	daemon_start(d, NULL);
	daemon_path(d, "other.db", other);
	assert_int_equal(run_candord(d, "--listen", d->address, "--db", other, out, err, sizeof out), 1);
	assert_non_null(strstr(err, "address already in use"));
	call_info(daemon_connect(d));
	daemon_kill(d); /* leaves its socket behind */
	daemon_start(d, NULL);
	assert_int_equal(daemon_stop(d), 0);
}

/* Its socket's file was removed, and another daemon listens under that name when the first one ends. */
static void the_socket_of_the_next_daemon_is_left_alone(void **state)
{
	struct daemon *d = *state;
	char other[DAEMON_PATH_MAX];
	daemon_start(d, NULL);
	assert_int_equal(unlink(d->address + strlen("unix:")), 0);
	pid_t first = d->pid;
	daemon_path(d, "other.db", other);
	const char *const argv[] = {"candord", "--listen", d->address, "--db", other, NULL};
	d->pid = daemon_begin(argv, NULL, NULL, NULL);
	daemon_await(d);
	assert_int_equal(kill(first, SIGTERM), 0);
	assert_int_equal(daemon_wait_for(first), 0);
	call_info(daemon_connect(d));
	assert_int_equal(daemon_stop(d), 0);
	assert_false(files_exists(d->address + strlen("unix:")));
}

/* The group may talk to the daemon, and nobody but its user read what it keeps. */
static void only_the_user_can_read_the_database_and_the_group_can_use_the_socket(void **state)
{
	struct daemon *d = *state;
	static const char *const endings[] = {"", "-wal", "-shm"};
	char path[256];
	struct stat st;
	daemon_start(d, NULL);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", d->db, endings[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	assert_int_equal(stat(d->address + strlen("unix:"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	daemon_stop(d);
}

static void a_file_that_is_not_a_socket_is_not_replaced_by_one(void **state)
{
	const struct daemon *d = *state;
	char out[4096], err[4096], after[64];
	const char *path = d->address + strlen("unix:");
	files_write_text(path, "mine");
	assert_int_equal(run_candord(d, "--listen", d->address, "--db", d->db, out, err, sizeof out), 1);
	assert_non_null(strstr(err, path));
	files_read_text(path, after, sizeof after);
	assert_string_equal(after, "mine");
}

static void a_file_that_is_not_a_candor_database_is_refused_and_left_alone(void **state)
{
	const struct daemon *d = *state;
	char path[DAEMON_PATH_MAX], out[4096], err[4096], after[256];
	const char text[] =
		"this is no database, and it is longer than the hundred bytes that a header of one has, by some words";
	daemon_path(d, "letter.txt", path);
	files_write_text(path, text);
	assert_int_equal(run_candord(d, "--listen", d->address, "--db", path, out, err, sizeof out), 1);
	assert_non_null(strstr(err, "not a database"));
	files_read_text(path, after, sizeof after);
	assert_string_equal(after, text);

	daemon_path(d, "foreign.db", path);
	sql_run(path, "CREATE TABLE theirs (x)");
	assert_int_equal(run_candord(d, "--listen", d->address, "--db", path, out, err, sizeof out), 1);
	assert_non_null(strstr(err, "not a candor database"));
}

static void a_database_of_a_newer_candor_is_refused(void **state)
{
	struct daemon *d = *state;
	char out[4096], err[4096];
	daemon_start(d, NULL);
	assert_int_equal(daemon_stop(d), 0);
	sql_run(d->db, "PRAGMA user_version = 99");
	assert_int_equal(run_candord(d, "--listen", d->address, "--db", d->db, out, err, sizeof out), 1);
	assert_non_null(strstr(err, "newer"));
	assert_int_equal(run_candord(d, "--verify", "--db", d->db, NULL, out, err, sizeof out), 1);
}

/* ---- stopping ---- */

static void counting(struct candor_client *client, int status, const struct candor_response *r, void *arg)
{
	(void)client;
	if (status == 0 && r->code == CANDOR_OK && r->n_rejected == 0)
		++*(int *)arg;
}

static void a_signal_lets_what_is_in_flight_finish(void **state)
{
	struct daemon *d = *state;
	for (int s = 0; s < 2; s++) {
		uv_loop_t loop;
		struct candor_client *client;
		int acknowledged = 0;
		daemon_start(d, NULL);
		struct candor *c = daemon_connect(d);
		if (s == 0)
			call_create_pool(c, "p");
		assert_int_equal(uv_loop_init(&loop), 0);
		assert_int_equal(candor_client_new(&client, &loop, d->address, NULL), 0);
		for (int i = 0; i < 200; i++) {
			char item[40];
			snprintf(item, sizeof item, "item-%d-%d", s, i);
			struct candor_report row = {item, "ann", 0.5};
			const struct candor_request r = {
				.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
			assert_int_equal(candor_client_send(client, &r, counting, &acknowledged), 0);
		}
		while (acknowledged == 0)
			uv_run(&loop, UV_RUN_ONCE);
		kill(d->pid, s ? SIGINT : SIGTERM);
		/* The daemon closes the connection when all is answered; then all callbacks have run. */
		while (candor_client_in_flight(client) > 0)
			uv_run(&loop, UV_RUN_ONCE);
		candor_client_close(client, NULL, NULL);
		uv_run(&loop, UV_RUN_DEFAULT);
		assert_int_equal(uv_loop_close(&loop), 0);
		assert_int_equal(daemon_wait(d), 0);

		daemon_start(d, NULL);
		c = daemon_connect(d);
		assert_true(call_get_pool(c, "p")->open_items >= (uint64_t)acknowledged);
		assert_int_equal(daemon_stop(d), 0);
		assert_int_equal(daemon_verify(d), 0);
	}
}

/* What has been committed since the start is brought into the database while it is closed: that takes a while. */
static void a_signal_that_is_sent_again_and_again_kills_no_daemon_that_is_ending(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct daemon *d = *state;
	for (size_t s = 0; s < sizeof signals / sizeof *signals; s++) {
		siginfo_t ended = {0};
		daemon_start(d, NULL);
		struct candor *c = daemon_connect(d);
		if (s == 0)
			call_create_pool(c, "p");
		for (int i = 0; i < 50; i++) {
			char item[40];
			snprintf(item, sizeof item, "item-%zu-%d", s, i);
			call_report(c, "p", item, "ann", 0.5);
		}
		daemon_disconnect(d, c);
		kill(d->pid, SIGTERM);
		while (ended.si_pid == 0) {
			kill(d->pid, signals[s]);
			assert_int_equal(waitid(P_PID, (id_t)d->pid, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
		}
		assert_int_equal(daemon_wait(d), 0);
		/* It listened to one of them, and no other kept it from ending. */
		assert_int_equal(daemon_said(d, ": finishing requests in flight"), s + 1);
	}
	assert_int_equal(daemon_verify(d), 0);
}

/* ---- limits ---- */

static void one_connection_too_many_is_told_so_and_the_others_go_on(void **state)
{
	struct daemon *d = *state;
	enum { FOR_OWNER = 8 }; /* that do not count */
	const char *const options[] = {"--max-connections", "2", NULL};
	struct candor_response r;
	struct raw third;
	daemon_start(d, options);
	for (int i = 0; i < FOR_OWNER; i++)
		daemon_connect(d);
	struct candor *one = daemon_connect(d), *two = daemon_connect(d);
	raw_open(&third, d->address);
	assert_int_equal(raw_receive(&third, &r), 1);
	assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(raw_receive(&third, &r), 0);
	raw_close(&third);
	call_info(one);
	daemon_disconnect(d, two);
	two = NULL;
	/* The place is free as soon as the daemon has seen the end. */
	for (int i = 0; i < 1000 && !two; i++)
		if (daemon_open(d, &two, d->address, NULL))
			nap_ms(10);
	assert_non_null(two);
	assert_int_equal(daemon_stop(d), 0);
}

static void an_unfinished_frame_or_idleness_ends_a_connection(void **state)
{
	struct daemon *d = *state;
	const char *const options[] = {"--frame-timeout", "1", "--idle-timeout", "2", NULL};
	struct candor_response r;
	struct raw half, idle;
	daemon_start(d, options);
	raw_open(&half, d->address);
	raw_open(&idle, d->address);
	raw_send(&half, "\x20half", 5);
	assert_int_equal(raw_receive(&half, &r), 1);
	assert_int_equal(r.id, 0);
	assert_non_null(strstr(r.message, "incomplete frame"));
	assert_int_equal(raw_receive(&half, &r), 0);
	assert_int_equal(raw_receive(&idle, &r), 0);
	raw_close(&half);
	raw_close(&idle);
	call_info(daemon_connect(d));
	assert_int_equal(daemon_stop(d), 0);
}

static void a_peer_that_never_reads_is_read_no_further(void **state)
{
	struct daemon *d = *state;
	const char *const options[] = {"--max-unsent-bytes", "1M", "--frame-timeout", "0", NULL};
	struct raw deaf;
	daemon_start(d, options);
	struct candor *c = daemon_connect(d);
	call_create_pool(c, "p");
	raw_open(&deaf, d->address);
	double before = daemon_resident_kib(d->pid);

	/* Queries whose answers are a hundred times their size, until the daemon takes no more of them. */
	static const char *names[1000];
	char text[] = "no such item, but its name comes back in a sentence";
	for (size_t i = 0; i < 1000; i++)
		names[i] = text;
	assert_int_equal(fcntl(deaf.fd, F_SETFL, O_NONBLOCK), 0);
	const struct candor_request query = {
		.id = 1, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1000, .items = names};
	struct buf bytes = {0};
	struct arena scratch;
	arena_init(&scratch, 1 << 24);
	assert_int_equal(wire_encode_request(&query, &scratch, 1 << 24, &bytes), 0);
	size_t sent = 0;
	for (int quiet = 0; quiet < 50 && sent < (size_t)1 << 30;) {
		ssize_t n = send(deaf.fd, bytes.data + sent % bytes.len, bytes.len - sent % bytes.len, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			quiet = 0;
		} else {
			quiet++;
			nap_ms(10);
		}
	}
	assert_true(sent < (size_t)1 << 30);
	/* Meanwhile others are served. */
	call_report(c, "p", "a", "ann", 0.5);
	if (!SANITIZED)
		assert_true(daemon_resident_kib(d->pid) - before < 64 * 1024);
	buf_free(&bytes);
	arena_free(&scratch);
	raw_close(&deaf);
	assert_int_equal(daemon_stop(d), 0);
}

static void two_thousand_connections_are_served_side_by_side(void **state)
{
	enum { MANY = 2000 };
	struct daemon *d = *state;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < MANY + 100)
		skip_because("fewer than 2,100 file descriptors may be had");
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	static struct raw peers[MANY];
	struct candor_response r;
	daemon_start(d, NULL);
	for (int i = 0; i < MANY; i++)
		raw_open(&peers[i], d->address);
	for (int i = 0; i < MANY; i++)
		raw_send_request(&peers[i], &(struct candor_request){.id = (uint64_t)i + 1, .type = CANDOR_REQ_INFO});
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(raw_receive(&peers[i], &r), 1);
		assert_int_equal(r.id, i + 1);
		assert_true(i < MANY - 1 || r.info.connections >= MANY);
	}
	for (int i = 0; i < MANY; i++)
		raw_close(&peers[i]);
	assert_int_equal(daemon_stop(d), 0);
}

static void ipv6_is_listened_on(void **state)
{
	struct daemon *d = *state;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
	close(fd);
	if (!has)
		skip_because("this machine has no IPv6 loopback");
	const char *const options[] = {"--listen", "tcp:[::1]:0", NULL};
	char secret[TOKEN_TEXT_BYTES];
	daemon_start(d, options);
	assert_non_null(strstr(d->tcp, "tcp:[::1]:"));
	allow_token(d->address, "somebody", CANDOR_RIGHT_READ, secret);
	const struct candor_options with = {.token = secret};
	struct candor *c;
	assert_int_equal(daemon_open(d, &c, d->tcp, &with), 0);
	call_info(c);
	assert_int_equal(daemon_stop(d), 0);
}

#define LIFECYCLE(test) cmocka_unit_test_setup_teardown(test, daemon_set_up, daemon_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFECYCLE(wrong_usage_is_one_line_and_status_2),
		LIFECYCLE(flags_override_the_environment_which_overrides_the_file_which_overrides_defaults),
		LIFECYCLE(without_configuration_files_go_to_the_users_state_directory),
		LIFECYCLE(the_state_directory_defaults_to_one_in_the_home_and_without_a_home_it_must_be_given),
		LIFECYCLE(help_and_version_are_printed_and_nothing_is_started),
		LIFECYCLE(the_output_of_check_config_is_a_configuration_file_with_the_same_settings),
		LIFECYCLE(a_second_daemon_on_the_same_database_is_refused),
		LIFECYCLE(a_socket_in_use_is_left_alone_and_a_stale_one_replaced),
		LIFECYCLE(the_socket_of_the_next_daemon_is_left_alone),
		LIFECYCLE(a_file_that_is_not_a_socket_is_not_replaced_by_one),
		LIFECYCLE(only_the_user_can_read_the_database_and_the_group_can_use_the_socket),
		LIFECYCLE(a_file_that_is_not_a_candor_database_is_refused_and_left_alone),
		cmocka_unit_test_setup_teardown(a_database_of_a_newer_candor_is_refused, daemon_set_up,
						daemon_tear_down_spoiled),
		LIFECYCLE(a_signal_lets_what_is_in_flight_finish),
		LIFECYCLE(a_signal_that_is_sent_again_and_again_kills_no_daemon_that_is_ending),
		LIFECYCLE(one_connection_too_many_is_told_so_and_the_others_go_on),
		LIFECYCLE(an_unfinished_frame_or_idleness_ends_a_connection),
		LIFECYCLE(a_peer_that_never_reads_is_read_no_further),
		LIFECYCLE(two_thousand_connections_are_served_side_by_side),
		LIFECYCLE(ipv6_is_listened_on),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
