/* daemon.h - a real candord with its sessions, on a Unix socket in a directory of its own: the fixture of every test and
 * bench that talks to a daemon.
 *
 * The daemon owns its sessions: whoever connects need not disconnect, since stopping and killing do. daemon_end() takes down
 * whatever there is, also after a test that failed half-way. cmocka tests put daemon_set_up() and daemon_tear_down() around
 * each; structures of their own have a struct daemon in them and call daemon_init() and daemon_end().
 *
 * What cannot be set up ends the test program with a sentence; with CANDOR_TEST_KEEP in the environment it leaves the
 * directory of a daemon that did not start. One thread. */
#ifndef CANDOR_TESTS_DAEMON_H
#define CANDOR_TESTS_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "client/candor.h"
#include "lib/base/err.h"

enum { DAEMON_PATH_MAX = 96, DAEMON_SESSIONS_MAX = 128 };

struct daemon {
	char dir[64];
	char address[192], db[192];
	char tls[64], tcp[64]; /* its newest TCP address, for those who speak TLS and for those who do not; "": none */
	char http[64]; /* that of its newest HTTP listener on TCP, as "tcp:HOST:PORT"; "": none */
	pid_t pid; /* 0: not running */
	struct candor *sessions[DAEMON_SESSIONS_MAX]; /* NULL: none */
};

/* A fresh directory, nothing started. */
void daemon_init(struct daemon *d);

/* Disconnects, stops the daemon if it runs, verifies its database if there is one, removes the directory: 0 if all of it
 * ended well. */
int daemon_end(struct daemon *d);

/* The same with a kill and without verifying, for tests that spoil the database. */
void daemon_deinit(struct daemon *d);

/* Around cmocka tests, whose state is the daemon; nothing is started. */
int daemon_set_up(void **state);
int daemon_tear_down(void **state);
int daemon_tear_down_spoiled(void **state);

/* ---- starting and stopping ---- */

/* Starts candord on it with extra options (NULL-terminated, or NULL) and waits until it answers. */
void daemon_start(struct daemon *d, const char *const *options);

/* The two halves of that, for other ways to start: a program of the build in the background, its words appended to a
 * file; and waiting until a daemon whose pid and address are set answers. */
pid_t daemon_spawn(const char *const *argv, const char *log);
void daemon_await(struct daemon *d);

/* Waits likewise. False: it has ended instead, with this status. */
bool daemon_serves(struct daemon *d, int *status);

/* Disconnects, SIGTERM, and the exit status. */
int daemon_stop(struct daemon *d);

/* The exit status of one that was told to end already. */
int daemon_wait(struct daemon *d);

/* SIGKILL; then disconnects. */
void daemon_kill(struct daemon *d);

/* ---- sessions ---- */

/* A blocking session of the daemon's own user over the Unix socket. Lives until it is closed here, or the daemon ends. */
struct candor *daemon_connect(struct daemon *d);

/* The same over any of its addresses, with options: candor_open(), whose error is returned, and NULL is in *out. */
MUST_CHECK int daemon_open(struct daemon *d, struct candor **out, const char *address,
			   const struct candor_options *options);

/* NULL: nothing. */
void daemon_disconnect(struct daemon *d, struct candor *c);

/* ---- programs and files ---- */

/* Runs a program of the build to its end: its exit status, or 128 + signal. argv[0] is the program's name in the build
 * directory ("candor", "candord"). Its output goes to the files named, or nowhere (NULL). input NULL: none. */
int daemon_run(const char *const *argv, const char *input, const char *out, const char *err);

/* The same, without waiting for its end. */
pid_t daemon_begin(const char *const *argv, const char *input, const char *out, const char *err);

/* waitpid() for a program that was started here: its exit status, or 128 + signal. */
int daemon_wait_for(pid_t pid);

/* candord --verify on its database: the exit status, and its words on standard error where it is not 0. */
int daemon_verify(const struct daemon *d);

/* "DIR/NAME". */
void daemon_path(const struct daemon *d, const char *name, char out[DAEMON_PATH_MAX]);

/* How often its log has a line with these words. */
unsigned daemon_said(const struct daemon *d, const char *words);

/* Resident memory, now and the most that it ever was; the process runs. */
double daemon_resident_kib(pid_t pid);
double daemon_peak_kib(pid_t pid);

/* The program's path in the build directory, which is that of the running program's parent. */
void daemon_program(const char *name, char *out, size_t size);

#endif
