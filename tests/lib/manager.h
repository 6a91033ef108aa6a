/* manager.h - a service manager as candord sees it: the socket that NOTIFY_SOCKET names, and what is told there.
 *
 * For cmocka tests: what cannot be done fails the test, and so does half a minute without a message that is waited for.
 * The environment is that of the test program, and so of what it starts. One thread. */
#ifndef CANDOR_TESTS_MANAGER_H
#define CANDOR_TESTS_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager {
	int fd;
	char path[108]; /* of the socket's file; "": it is abstract */
	char message[2048]; /* the newest one */
};

/* path: of the socket's file, or "@NAME" for one that is abstract. */
void manager_open(struct manager *m, const char *path);

/* Takes it and all other variables of the manager's out of the environment; may be called again. */
void manager_close(struct manager *m);

/* Asks for WATCHDOG=1 at least so often; 0: no more. */
void manager_watch(uint64_t us);

/* Waits for the next message. */
const char *manager_next(struct manager *m);

/* Waits for one that has this assignment, and in which a value may go on: "STATUS=recovering". What comes before is
 * passed over; it is the number of messages among it that have the other assignment (NULL: 0). */
unsigned manager_await(struct manager *m, const char *assignment, const char *counted);

/* Whether the newest message has this assignment likewise; the value behind it, or NULL. */
const char *manager_said(const struct manager *m, const char *assignment);

/* Whether another message comes within so many ms: it is taken. */
bool manager_hears(struct manager *m, int ms);

#endif
