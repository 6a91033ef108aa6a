/* server.h - the daemon as a whole: listeners, connections, signals, the store and the engine, from start to stop. */
#ifndef CANDOR_SERVER_H
#define CANDOR_SERVER_H

#include <sys/time.h>

#include "daemon/config.h"

/* Serves until SIGTERM or SIGINT, then finishes what is in flight. 0, or an error that was logged. The process is to
 * end then: see signals.h. */
MUST_CHECK int server_run(const struct config *config);

/* Whether server_run() could start now, as far as can be told without making or changing anything; also beside a daemon
 * that runs. to_be_made: a directory that would be made first; NULL: none. 0, or an error that was logged. */
MUST_CHECK int server_check(const struct config *config, const char *to_be_made);

/* What the clock says in milliseconds since 1970, from 1 (0 means that there is no time) to the end of 9999: a clock
 * that was never set, or set to nonsense, gives the nearest of these. */
uint64_t server_time_ms(const struct timeval *clock);

#endif
