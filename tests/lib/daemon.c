#include "tests/lib/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_TRIES = 3000, OPTIONS_MAX = 40 }; /* tries 10 ms apart: sanitizers and large databases are slow */

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

void daemon_init(struct daemon *d)
{
	*d = (struct daemon){.dir = "/tmp/candor-test-XXXXXX"};
	if (!mkdtemp(d->dir))
		give_up(d->dir);
	snprintf(d->address, sizeof d->address, "unix:%s/socket", d->dir);
	snprintf(d->db, sizeof d->db, "%s/candor.db", d->dir);
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

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			give_up("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void show_log(const struct daemon *d)
{
	char path[96], line[512];
	snprintf(path, sizeof path, "%s/log", d->dir);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		fprintf(stderr, "  | %s", line);
	if (f)
		fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void daemon_deinit(struct daemon *d)
{
	if (d->pid)
		daemon_kill(d);
	if (nftw(d->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS))
		give_up(d->dir);
}

/* Nothing is left behind but words, unless the environment asks for evidence. */
static _Noreturn void abandon(struct daemon d, const char *why)
{
	fprintf(stderr, "test set-up: %s:\n", why);
	show_log(&d);
	if (getenv("CANDOR_TEST_KEEP"))
		fprintf(stderr, "kept: %s\n", d.dir);
	else
		daemon_deinit(&d);
	exit(99);
}

pid_t daemon_spawn(const char *const *args, const char *log)
{
	char program[512];
	char *argv[OPTIONS_MAX] = {program};
	daemon_program(args[0], program, sizeof program);
	for (size_t n = 1; n < OPTIONS_MAX - 1 && args[n]; n++)
		argv[n] = (char *)(uintptr_t)args[n];
	return spawn(argv, NULL, NULL, log);
}

void daemon_await(struct daemon *d)
{
	for (int i = 0; i < START_TRIES; i++) {
		struct candor *c;
		int status;
		if (candor_open(&c, d->address, NULL) == 0) {
			candor_close(c);
			return;
		}
		if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
			d->pid = 0;
			break;
		}
		nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
	}
	abandon(*d, "candord did not start");
}

void daemon_start(struct daemon *d, const char *const *options)
{
	const char *argv[OPTIONS_MAX] = {"candord", "--listen", d->address, "--db", d->db};
	char log[96];
	size_t n = 5;
	snprintf(log, sizeof log, "%s/log", d->dir);
	for (; options && *options && n < OPTIONS_MAX - 1; options++)
		argv[n++] = *options;
	d->pid = daemon_spawn(argv, log);
	daemon_await(d);
}

int daemon_stop(struct daemon *d)
{
	kill(d->pid, SIGTERM);
	return daemon_wait(d);
}

int daemon_wait(struct daemon *d)
{
	int status = wait_for(d->pid);
	d->pid = 0;
	if (status)
		show_log(d);
	return status;
}

void daemon_kill(struct daemon *d)
{
	kill(d->pid, SIGKILL);
	wait_for(d->pid);
	d->pid = 0;
}

int daemon_run(const char *const *args, const char *input, const char *out, const char *err)
{
	char program[512];
	char *argv[OPTIONS_MAX] = {program};
	daemon_program(args[0], program, sizeof program);
	for (size_t n = 1; n < OPTIONS_MAX - 1 && args[n]; n++)
		argv[n] = (char *)(uintptr_t)args[n];
	return wait_for(spawn(argv, input, out, err));
}

int daemon_verify(const struct daemon *d)
{
	char out[96];
	snprintf(out, sizeof out, "%s/verify", d->dir);
	const char *const argv[] = {"candord", "--verify", "--db", d->db, NULL};
	int status = daemon_run(argv, NULL, out, NULL);
	if (status) {
		char line[512];
		FILE *f = fopen(out, "r");
		while (f && fgets(line, sizeof line, f))
			fprintf(stderr, "  | %s", line);
		if (f)
			fclose(f);
	}
	return status;
}

struct candor *daemon_connect(const struct daemon *d)
{
	struct candor *c;
	int err = candor_open(&c, d->address, NULL);
	if (err)
		abandon(*d, candor_strerror(err));
	return c;
}
