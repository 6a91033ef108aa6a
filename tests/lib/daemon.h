/* daemon.h - a real candord, started on a Unix socket in a directory of its own, for tests and benches.
 * Whoever starts one stops it and removes the directory. Failures to do so end the test program with a sentence; with
 * CANDOR_TEST_KEEP in the environment they leave the directory of a daemon that did not start. */
#ifndef CANDOR_TESTS_DAEMON_H
#define CANDOR_TESTS_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "client/candor.h"

struct daemon {
	char dir[64];
	char address[192], db[192];
	pid_t pid; /* 0: not running */
};

/* A fresh directory, nothing started. */
void daemon_init(struct daemon *d);

/* Starts candord on it with extra options (NULL-terminated, or NULL) and waits until it answers. */
void daemon_start(struct daemon *d, const char *const *options);

/* The two halves of that, for other ways to start: a program of the build in the background, its words appended to a
 * file; and waiting until a daemon whose pid and address are set answers. */
pid_t daemon_spawn(const char *const *argv, const char *log);
void daemon_await(struct daemon *d);

/* SIGTERM, and the exit status. */
int daemon_stop(struct daemon *d);

/* The exit status of one that was told to end already. */
int daemon_wait(struct daemon *d);

/* SIGKILL. */
void daemon_kill(struct daemon *d);

/* Runs a program of the build to its end: its exit status, or 128 + signal. argv[0] is the program's name in the build
 * directory ("candor", "candord"). Its output goes to the files named, or nowhere (NULL). input NULL: none. */
int daemon_run(const char *const *argv, const char *input, const char *out, const char *err);

/* candord --verify on its database. */
int daemon_verify(const struct daemon *d);

/* Removes the directory; the daemon must be stopped. */
void daemon_deinit(struct daemon *d);

/* A blocking connection. */
struct candor *daemon_connect(const struct daemon *d);

/* The program's path in the build directory, which is that of the running program's parent. */
void daemon_program(const char *name, char *out, size_t size);

#endif
