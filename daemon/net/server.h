/* server.h - the daemon as a whole: listeners, connections, signals, the store and the engine, from start to stop. */
#ifndef CANDOR_SERVER_H
#define CANDOR_SERVER_H

#include <sys/time.h>

#include "daemon/config.h"

/* Serves until SIGTERM or SIGINT, then finishes what is in flight. 0, or an error that was logged. */
MUST_CHECK int server_run(const struct config *config);

/* What the clock says in milliseconds since 1970, from 1 (0 means that there is no time) to the end of 9999: a clock
 * that was never set, or set to nonsense, gives the nearest of these. */
uint64_t server_time_ms(const struct timeval *clock);

#endif
