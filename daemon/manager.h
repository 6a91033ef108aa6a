/* manager.h - the service manager that started candord, as systemd's protocol has it: what it is told, and the sockets
 * that it passed on.
 *
 * The one user of libsystemd. Where there is no manager (NOTIFY_SOCKET is not set) what is told goes nowhere. Reads the
 * environment, which stays as it is. */
#ifndef CANDOR_MANAGER_H
#define CANDOR_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Sends assignments ("READY=1"), one a line. Text from elsewhere must have no line breaks. One that the manager does
 * not take is lost, for nothing of what candord does depends on it. */
void manager_tell(const char *format, ...) PRINTF_LIKE(1, 2);

/* How often at least the manager wants to hear WATCHDOG=1 from this process, in us; 0: it does not. */
uint64_t manager_watchdog_us(void);

enum { MANAGER_SOCKETS_MAX = 16, MANAGER_NAME_MAX = 256 };

/* A descriptor that was open when the process began (LISTEN_FDS), and what it is called (LISTEN_FDNAMES). */
struct manager_socket {
	int fd;
	char name[MANAGER_NAME_MAX];
};

/* How many there are, up to MANAGER_SOCKETS_MAX, and the first of them; none where they are for another process
 * (LISTEN_PID). -EBADF: one of them is not open; -E2BIG: there are more; or another -errno. They are not closed by
 * anybody but the caller, and are not inherited any further. */
MUST_CHECK int manager_sockets(struct manager_socket out[MANAGER_SOCKETS_MAX]);

/* The clock by which it knows when a reload began. */
uint64_t manager_now_us(void);

#endif
