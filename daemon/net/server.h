/* server.h - the daemon as a whole: listeners, connections, signals, the store and the engine, from start to stop. */
#ifndef CANDOR_SERVER_H
#define CANDOR_SERVER_H

#include "daemon/config.h"

/* Serves until SIGTERM or SIGINT, then finishes what is in flight. 0, or an error that was logged. */
MUST_CHECK int server_run(const struct config *config);

#endif
