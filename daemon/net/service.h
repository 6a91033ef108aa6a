/* service.h - candord as a service: what its manager (systemd) is told of its state, and the watchdog.
 *
 * The manager waits until candord says that it is ready, and kills it when the watchdog is not fed any more. It is fed
 * from the loop, so not while the loop hangs; and only while the store commits, so not when a commit has been under way
 * for more than half of the time that the manager allows. While state is read from disk (at a start, and again after a
 * commit that failed) the loop stands still: then it is fed by what is read. The loop's thread only. */
#ifndef CANDOR_NET_SERVICE_H
#define CANDOR_NET_SERVICE_H

#include <stdbool.h>
#include <uv.h>

#include "lib/base/err.h"

enum { SERVICE_STATUS_MAX = 256 };

struct service {
	uv_timer_t timer; /* of the watchdog */
	bool made; /* it is a handle */
	bool is_ready;
	bool is_stopping;
	bool is_starving; /* the watchdog is not fed, and that was logged */
	uint64_t watchdog_us; /* 0: none */
	uint64_t commit_began_us; /* 0: none is under way */
	uint64_t fed_us; /* when the manager was last told that there is progress */
	uint64_t told_us; /* when it was last told the status */
	char status[SERVICE_STATUS_MAX];
};

/* All zero before. Reads what the manager wants; the status is that candord starts. */
void service_init(struct service *s);

/* Starts the watchdog's timer, where there is a watchdog. 0 or an error of libuv's. */
MUST_CHECK int service_start(struct service *s, uv_loop_t *loop);

/* Closes the timer; may be called again. */
void service_close(struct service *s);

/* ---- what candord does ---- */

/* State is being read from disk. May be called often. */
void service_recovering(struct service *s, const char *status);

void service_ready(struct service *s);

/* What it serves just now. May be called often: the manager is told what is new, every few seconds. */
void service_serving(struct service *s, uint64_t connections, uint64_t pools, bool refuses_writes);

/* Around a reload of the certificates; fault: NULL, or why nothing was reloaded. */
void service_reloading(struct service *s);
void service_reloaded(struct service *s, const char *fault);

void service_stopping(struct service *s, const char *why);

/* ---- the store ---- */

void service_commit_began(struct service *s);
void service_commit_ended(struct service *s);

#endif
