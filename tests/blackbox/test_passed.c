/* Sockets that a service manager opened and passed on to candord, as systemd does for a .socket unit. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/unit.h"

enum { SOCKETS_MAX = 20, FIRST = 3 };

/* ---- the manager ---- */

/* What is passed: descriptors of the test's, and LISTEN_FDNAMES. */
struct passing {
	int fds[SOCKETS_MAX];
	size_t n;
	const char *names; /* NULL: not set */
	int says; /* LISTEN_FDS, where it is not n; 0: it is */
	bool for_another; /* LISTEN_PID is another process's */
};

static int unix_socket(const char *path, int type, bool listens)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		at.sun_path[0] = 0;
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
	assert_true(!listens || listen(fd, 16) == 0);
	return fd;
}

static int tcp_socket(uint32_t host, uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void set_number(const char *name, int n)
{
	char text[16];
	snprintf(text, sizeof text, "%d", n);
	setenv(name, text, 1);
}

static _Noreturn void become_candord(const struct passing *p, const char *const *options, const char *log)
{
	char program[512];
	const char *argv[40] = {program};
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), high[SOCKETS_MAX];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	daemon_program("candord", program, sizeof program);
	dup2(out, 2);
	for (size_t i = 0; i < p->n; i++)
		high[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, 200);
	for (size_t i = 0; i < p->n; i++)
		dup2(high[i], FIRST + (int)i);
	/* Whatever the test was started with. */
	close_range(FIRST + (unsigned)p->n, ~0u, CLOSE_RANGE_CLOEXEC);
	set_number("LISTEN_PID", (int)getpid() + p->for_another);
	set_number("LISTEN_FDS", p->says ? p->says : (int)p->n);
	if (p->names)
		setenv("LISTEN_FDNAMES", p->names, 1);
	for (size_t i = 0; options[i]; i++)
		argv[i + 1] = options[i];
	execv(program, (char **)(uintptr_t)argv);
	_exit(97);
}

/* Of the daemon nothing but the database is given. */
static void start(struct daemon *d, const struct passing *p, const char *const *more)
{
	char log[DAEMON_PATH_MAX];
	const char *options[32] = {"--db", d->db};
	for (size_t i = 0; more && more[i]; i++)
		options[i + 2] = more[i];
	daemon_path(d, "log", log);
	fflush(stdout);
	fflush(stderr);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid == 0)
		become_candord(p, options, log);
}

/* It does not start, and says these words. */
static void assert_refused(struct daemon *d, const struct passing *p, const char *const *more, int status,
			   const char *words)
{
	static char text[65536];
	char log[DAEMON_PATH_MAX];
	daemon_path(d, "log", log);
	files_write_text(log, "");
	start(d, p, more);
	assert_int_equal(daemon_wait_for(d->pid), status);
	d->pid = 0;
	files_read_text(log, text, sizeof text);
	if (!strstr(text, words))
		fail_msg("it does not say \"%s\" but: %s", words, text);
	/* Nothing was made. */
	assert_false(files_exists(d->db));
}

/* ---- tests ---- */

static void several_sockets_are_served_and_stay_when_candord_ends(void **state)
{
	struct daemon *d = *state;
	char path[DAEMON_PATH_MAX];
	uint16_t port;
	struct stat before, after;
	daemon_path(d, "socket", path);
	struct passing p = {
		.fds = {unix_socket(path, SOCK_STREAM, true), tcp_socket(INADDR_LOOPBACK, &port)},
		.n = 2,
		.names = "candor:candord.socket",
	};
	assert_int_equal(stat(path, &before), 0);
	start(d, &p, NULL);
	daemon_await(d);
	struct candor *c = daemon_connect(d), *other;
	/* Whoever comes over the Unix socket is who they are: the daemon's own user. */
	call_create_pool(c, "birds");
	char tcp[64];
	snprintf(tcp, sizeof tcp, "tcp:127.0.0.1:%u", port);
	assert_int_equal(daemon_open(d, &other, tcp, NULL), 0);
	assert_int_equal(call_any(other, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "birds"})->code,
			 CANDOR_UNAUTHENTICATED);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_true(before.st_ino == after.st_ino && before.st_dev == after.st_dev);

	/* Who comes in between waits, and is served by the next one. */
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(waiting, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(write(waiting, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 8);
	start(d, &p, NULL);
	daemon_await(d);
	char answer[256];
	assert_true(read(waiting, answer, sizeof answer) > 0);
	close(waiting);
	assert_string_equal(call_get_pool(daemon_connect(d), "birds")->name, "birds");
	assert_int_equal(daemon_stop(d), 0);
	close(p.fds[0]);
	close(p.fds[1]);
}

/* What is answered to a line of HTTP. */
static void ask_http(const char *path, char *answer, size_t size)
{
	static const char question[] = "GET /v1/info HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(write(fd, question, sizeof question - 1), sizeof question - 1);
	size_t len = 0;
	for (ssize_t n; (n = read(fd, answer + len, size - len - 1)) > 0;)
		len += (size_t)n;
	answer[len] = 0;
	close(fd);
}

static void the_name_says_what_is_spoken(void **state)
{
	static const char *const names[] = {"http:candor", "candord-http.socket:candord.socket"};
	struct daemon *d = *state;
	char http[DAEMON_PATH_MAX], candor[DAEMON_PATH_MAX], answer[4096];
	daemon_path(d, "http", http);
	daemon_path(d, "socket", candor);
	struct passing p = {.fds = {unix_socket(http, SOCK_STREAM, true), unix_socket(candor, SOCK_STREAM, true)},
			    .n = 2};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		p.names = names[i];
		start(d, &p, NULL);
		daemon_await(d);
		ask_http(http, answer, sizeof answer);
		assert_int_equal(strncmp(answer, "HTTP/1.1 200 OK\r\n", 17), 0);
		assert_int_equal(daemon_stop(d), 0);
	}
	close(p.fds[0]);
	close(p.fds[1]);
}

static void they_are_beside_those_of_the_settings(void **state)
{
	struct daemon *d = *state;
	char path[DAEMON_PATH_MAX], passed[DAEMON_PATH_MAX + 8];
	struct candor *c;
	daemon_path(d, "passed", path);
	struct passing p = {.fds = {unix_socket(path, SOCK_STREAM, true)}, .n = 1, .names = "candor"};
	const char *const more[] = {"--listen", d->address, NULL};
	start(d, &p, more);
	daemon_await(d);
	snprintf(passed, sizeof passed, "unix:%s", path);
	assert_int_equal(daemon_open(d, &c, passed, NULL), 0);
	call_create_pool(c, "birds");
	assert_string_equal(call_get_pool(daemon_connect(d), "birds")->name, "birds");
	assert_int_equal(daemon_said(d, ", passed by the service manager"), 1);
	assert_int_equal(daemon_stop(d), 0);
	assert_true(files_exists(path));
	assert_false(files_exists(strchr(d->address, ':') + 1));
	close(p.fds[0]);
}

static void those_for_another_process_are_left_alone(void **state)
{
	struct daemon *d = *state;
	char path[DAEMON_PATH_MAX];
	daemon_path(d, "passed", path);
	struct passing p = {
		.fds = {unix_socket(path, SOCK_STREAM, true)}, .n = 1, .names = "nonsense", .for_another = true};
	const char *const more[] = {"--listen", d->address, NULL};
	start(d, &p, more);
	daemon_await(d);
	assert_int_equal(daemon_said(d, "passed"), 0);
	close(p.fds[0]);
}

static void what_is_passed_and_cannot_be_served_is_named(void **state)
{
	struct daemon *d = *state;
	char path[DAEMON_PATH_MAX];
	uint16_t port;
	daemon_path(d, "socket", path);
	struct passing p = {.fds = {unix_socket(path, SOCK_STREAM, true)}, .n = 1, .names = "nonsense"};
	assert_refused(d, &p, NULL, 1,
		       "descriptor 3 was passed with the name 'nonsense'; FileDescriptorName= must be candor or http");
	p.names = NULL;
	assert_refused(d, &p, NULL, 1, "descriptor 3 was passed with the name 'unknown'");
	p.names = "a\nb\x1b";
	assert_refused(d, &p, NULL, 1, "the name 'a\\u{A}b\\u{1B}'");
	p.names = "candor:candor";
	p.says = 2;
	assert_refused(d, &p, NULL, 2, "LISTEN_FDS does not say how many sockets were passed: ");
	for (p.n = 1; p.n < SOCKETS_MAX - 2; p.n++)
		p.fds[p.n] = p.fds[0];
	p.says = 0;
	p.names = NULL;
	assert_refused(d, &p, NULL, 2, "more than 16 sockets were passed");
	close(p.fds[0]);
	unlink(path);

	const struct {
		int fd;
		const char *words;
	} wrong[] = {
		{unix_socket(path, SOCK_STREAM, false), "descriptor 3 (candor) does not listen"},
		{unix_socket("@candor-test-dgram", SOCK_DGRAM, false), "descriptor 3 (candor) is not a stream socket"},
		{unix_socket("@candor-test-packet", SOCK_SEQPACKET, true),
		 "descriptor 3 (candor) is not a stream socket"},
		{open("/dev/null", O_RDWR | O_CLOEXEC), "descriptor 3 (candor) is not a socket"},
		{tcp_socket(INADDR_ANY, &port), "is not loopback and would not be encrypted"},
	};
	p = (struct passing){.n = 1, .names = "candor"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		p.fds[0] = wrong[i].fd;
		assert_refused(d, &p, NULL, 1, wrong[i].words);
	}
	/* So says --check-config. */
	p.fds[0] = wrong[0].fd;
	const char *const check[] = {"--check-config", NULL};
	assert_refused(d, &p, check, 1, "does not listen");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		close(wrong[i].fd);
}

static void an_abstract_socket_is_served_and_a_tcp_socket_that_everybody_reaches_where_that_is_meant(void **state)
{
	struct daemon *d = *state;
	char tcp[64], name[64];
	uint16_t port;
	struct candor *c;
	snprintf(name, sizeof name, "@candor-test-%d", (int)getpid());
	struct passing p = {
		.fds = {unix_socket(name, SOCK_STREAM, true), tcp_socket(INADDR_ANY, &port)},
		.n = 2,
		.names = "candor:candor",
	};
	const char *const more[] = {"--listen", d->address, "--insecure", "yes", NULL};
	start(d, &p, more);
	daemon_await(d);
	snprintf(tcp, sizeof tcp, "tcp:127.0.0.1:%u", port);
	assert_int_equal(daemon_open(d, &c, tcp, NULL), 0);
	assert_int_equal(daemon_said(d, name), 1);
	assert_int_equal(daemon_said(d, "is not encrypted"), 1);
	close(p.fds[0]);
	close(p.fds[1]);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, daemon_set_up, daemon_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(several_sockets_are_served_and_stay_when_candord_ends),
		EACH(the_name_says_what_is_spoken),
		EACH(they_are_beside_those_of_the_settings),
		EACH(those_for_another_process_are_left_alone),
		EACH(what_is_passed_and_cannot_be_served_is_named),
		EACH(an_abstract_socket_is_served_and_a_tcp_socket_that_everybody_reaches_where_that_is_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
