/* manager.h - the service manager that started candord, as systemd's protocol has it: what it is told.
 *
 * The one user of libsystemd. Where there is no manager (NOTIFY_SOCKET is not set) what is told goes nowhere. Reads the
 * environment, which stays as it is. */
#ifndef CANDOR_MANAGER_H
#define CANDOR_MANAGER_H

#include <stdint.h>

#include "lib/base/err.h"

/* Sends assignments ("READY=1"), one a line. Text from elsewhere must have no line breaks. One that the manager does
 * not take is lost, for nothing of what candord does depends on it. */
void manager_tell(const char *format, ...) PRINTF_LIKE(1, 2);

/* How often at least the manager wants to hear WATCHDOG=1 from this process, in us; 0: it does not. */
uint64_t manager_watchdog_us(void);

/* The clock by which it knows when a reload began. */
uint64_t manager_now_us(void);

#endif
