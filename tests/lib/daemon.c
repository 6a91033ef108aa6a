#include "tests/lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "tests/lib/clock.h"
#include "tests/lib/files.h"

enum { START_TRIES = 3000, OPTIONS_MAX = 160 }; /* tries 10 ms apart: sanitizers and large databases are slow */

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "test set-up: %s: %s\n", what, strerror(errno));
	exit(99);
}

void daemon_program(const char *name, char *out, size_t size)
{
	char self[512];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	if (len < 0)
		give_up("/proc/self/exe");
	self[len] = 0;
	char *tests = strstr(self, "/tests/");
	if (!tests)
		give_up("not in a build directory");
	*tests = 0;
	snprintf(out, size, "%s/%s", self, name);
}

static void redirect(const char *path, int flags, int to)
{
	int fd = open(path ? path : "/dev/null", flags, 0600);
	if (fd < 0)
		_exit(98);
	dup2(fd, to);
	close(fd);
}

static pid_t spawn(char *const *argv, const char *input, const char *out, const char *err)
{
	pid_t pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid > 0)
		return pid;
	/* Whatever ends the test program, nothing that it started stays behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What a terminal sends is for the test program alone. */
	setpgid(0, 0);
	redirect(input, O_RDONLY, 0);
	redirect(out, O_WRONLY | O_CREAT | O_TRUNC, 1);
	redirect(err, O_WRONLY | O_CREAT | (err && strstr(err, "/log") ? O_APPEND : O_TRUNC), 2);
	execv(argv[0], argv);
	_exit(97);
}

int daemon_wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- files ---- */

void daemon_path(const struct daemon *d, const char *name, char out[DAEMON_PATH_MAX])
{
	require(snprintf(out, DAEMON_PATH_MAX, "%s/%s", d->dir, name) < DAEMON_PATH_MAX);
}

static void show(const struct daemon *d, const char *name)
{
	char path[DAEMON_PATH_MAX], line[512];
	daemon_path(d, name, path);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		fprintf(stderr, "  | %s", line);
	if (f)
		fclose(f);
}

unsigned daemon_said(const struct daemon *d, const char *words)
{
	char path[DAEMON_PATH_MAX], line[1024];
	unsigned n = 0;
	daemon_path(d, "log", path);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		n += strstr(line, words) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* What the log says last of a listener of that kind, from ":" on; "": nothing. */
static void read_address(const struct daemon *d, const char *says, char rest[48])
{
	char path[DAEMON_PATH_MAX], line[512];
	*rest = 0;
	daemon_path(d, "log", path);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f)) {
		const char *at = strstr(line, says);
		if (at && (at = strchr(at, ':')))
			snprintf(rest, 48, "%.*s", (int)strcspn(at, "\n"), at);
	}
	if (f)
		fclose(f);
}

/* The system chose the port: the log says which. */
static void note_addresses(struct daemon *d)
{
	char rest[48];
	*d->tls = *d->tcp = *d->http = 0;
	read_address(d, "listening on t", rest); /* of either scheme */
	if (*rest) {
		snprintf(d->tls, sizeof d->tls, "tls%s", rest);
		snprintf(d->tcp, sizeof d->tcp, "tcp%s", rest);
	}
	read_address(d, "listening on http:", rest);
	if (!*rest)
		read_address(d, "listening on https:", rest);
	if (*rest)
		snprintf(d->http, sizeof d->http, "tcp%s", rest);
}

static double read_status_kib(pid_t pid, const char *field)
{
	char path[64], line[256];
	double kib = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, field, strlen(field)) == 0)
			kib = strtod(line + strlen(field), NULL);
	if (f)
		fclose(f);
	require(kib > 0);
	return kib;
}

double daemon_resident_kib(pid_t pid)
{
	return read_status_kib(pid, "VmRSS:");
}

double daemon_peak_kib(pid_t pid)
{
	return read_status_kib(pid, "VmHWM:");
}

/* ---- the whole ---- */

void daemon_init(struct daemon *d)
{
	*d = (struct daemon){0};
	files_new_dir(d->dir, sizeof d->dir);
	snprintf(d->address, sizeof d->address, "unix:%s/socket", d->dir);
	snprintf(d->db, sizeof d->db, "%s/candor.db", d->dir);
}

static void disconnect_all(struct daemon *d)
{
	for (size_t i = 0; i < DAEMON_SESSIONS_MAX; i++)
		daemon_disconnect(d, d->sessions[i]);
}

void daemon_deinit(struct daemon *d)
{
	disconnect_all(d);
	if (d->pid)
		daemon_kill(d);
	files_remove_dir(d->dir);
}

int daemon_end(struct daemon *d)
{
	int stopped = d->pid ? daemon_stop(d) : 0, verified = access(d->db, F_OK) == 0 ? daemon_verify(d) : 0;
	daemon_deinit(d);
	return stopped ? stopped : verified;
}

int daemon_set_up(void **state)
{
	static struct daemon d;
	daemon_init(&d);
	*state = &d;
	return 0;
}

int daemon_tear_down(void **state)
{
	return daemon_end(*state);
}

int daemon_tear_down_spoiled(void **state)
{
	daemon_deinit(*state);
	return 0;
}

/* ---- starting and stopping ---- */

/* Nothing is left behind but words, unless the environment asks for evidence. */
static _Noreturn void abandon(struct daemon d, const char *why)
{
	fprintf(stderr, "test set-up: %s:\n", why);
	show(&d, "log");
	if (getenv("CANDOR_TEST_KEEP"))
		fprintf(stderr, "kept: %s\n", d.dir);
	else
		daemon_deinit(&d);
	exit(99);
}

/* A program of the build, by its name in args[0]. */
pid_t daemon_begin(const char *const *args, const char *input, const char *out, const char *err)
{
	char program[512];
	char *argv[OPTIONS_MAX] = {program};
	daemon_program(args[0], program, sizeof program);
	for (size_t n = 1; args[n]; n++) {
		require(n < OPTIONS_MAX - 1);
		argv[n] = (char *)(uintptr_t)args[n];
	}
	return spawn(argv, input, out, err);
}

pid_t daemon_spawn(const char *const *args, const char *log)
{
	return daemon_begin(args, NULL, NULL, log);
}

bool daemon_serves(struct daemon *d, int *status)
{
	for (int i = 0; i < START_TRIES; i++) {
		struct candor *c;
		if (candor_open(&c, d->address, NULL) == 0) {
			candor_close(c);
			note_addresses(d);
			return true;
		}
		if (waitpid(d->pid, status, WNOHANG) == d->pid) {
			d->pid = 0;
			*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
			return false;
		}
		nap_ms(10);
	}
	abandon(*d, "candord neither serves nor ends");
}

void daemon_await(struct daemon *d)
{
	int status;
	if (!daemon_serves(d, &status))
		abandon(*d, "candord did not start");
}

void daemon_start(struct daemon *d, const char *const *options)
{
	const char *argv[OPTIONS_MAX] = {"candord", "--listen", d->address, "--db", d->db};
	char log[DAEMON_PATH_MAX];
	size_t n = 5;
	daemon_path(d, "log", log);
	for (; options && *options; options++) {
		require(n < OPTIONS_MAX - 1);
		argv[n++] = *options;
	}
	d->pid = daemon_spawn(argv, log);
	daemon_await(d);
}

int daemon_stop(struct daemon *d)
{
	require(d->pid > 0);
	disconnect_all(d);
	kill(d->pid, SIGTERM);
	return daemon_wait(d);
}

int daemon_wait(struct daemon *d)
{
	int status = daemon_wait_for(d->pid);
	d->pid = 0;
	disconnect_all(d);
	if (status)
		show(d, "log");
	return status;
}

void daemon_kill(struct daemon *d)
{
	require(d->pid > 0);
	kill(d->pid, SIGKILL);
	daemon_wait_for(d->pid);
	d->pid = 0;
	disconnect_all(d);
}

/* ---- programs ---- */

int daemon_run(const char *const *args, const char *input, const char *out, const char *err)
{
	return daemon_wait_for(daemon_begin(args, input, out, err));
}

int daemon_verify(const struct daemon *d)
{
	char out[DAEMON_PATH_MAX];
	daemon_path(d, "verify", out);
	const char *const argv[] = {"candord", "--verify", "--db", d->db, NULL};
	int status = daemon_run(argv, NULL, out, NULL);
	if (status)
		show(d, "verify");
	return status;
}

/* ---- sessions ---- */

int daemon_open(struct daemon *d, struct candor **out, const char *address, const struct candor_options *options)
{
	size_t i = 0;
	while (i < DAEMON_SESSIONS_MAX && d->sessions[i])
		i++;
	require(i < DAEMON_SESSIONS_MAX);
	int err = candor_open(out, address, options);
	if (err)
		*out = NULL;
	d->sessions[i] = *out;
	return err;
}

struct candor *daemon_connect(struct daemon *d)
{
	struct candor *c;
	int err = daemon_open(d, &c, d->address, NULL);
	if (err)
		abandon(*d, candor_strerror(err));
	return c;
}

void daemon_disconnect(struct daemon *d, struct candor *c)
{
	for (size_t i = 0; c && i < DAEMON_SESSIONS_MAX; i++)
		if (d->sessions[i] == c) {
			candor_close(c);
			d->sessions[i] = NULL;
			return;
		}
	require(!c);
}
