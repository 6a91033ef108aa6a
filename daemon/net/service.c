#include "daemon/net/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/manager.h"
#include "lib/base/log.h"

#define SECOND_US UINT64_C(1000000)

enum {
	STATUS_S = 5, /* between two of what it serves */
	RECOVERING_S = 1, /* between two of how far it is */
	EXTEND_S = 60, /* that a start may take until the next progress */
	FEEDS = 4, /* in the time that the manager allows */
};

/* The status may be told again, but not what is the same. */
static void tell_status(struct service *s, const char *status, const char *more)
{
	if (!*more && strcmp(status, s->status) == 0)
		return;
	snprintf(s->status, sizeof s->status, "%s", status);
	/* What comes from elsewhere must not look like another assignment. */
	for (char *p = s->status; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	s->told_us = manager_now_us();
	manager_tell("%sSTATUS=%s", more, s->status);
}

/* ---- the watchdog ---- */

static void feed(struct service *s)
{
	s->fed_us = manager_now_us();
	manager_tell("WATCHDOG=1");
}

/* Seconds, rounded up; 0: no commit takes too long. */
static uint64_t overdue_s(const struct service *s)
{
	uint64_t took_us = s->commit_began_us ? manager_now_us() - s->commit_began_us : 0;
	return took_us > s->watchdog_us / 2 ? (took_us + SECOND_US - 1) / SECOND_US : 0;
}

static void on_timer(uv_timer_t *timer)
{
	struct service *s = timer->data;
	char status[SERVICE_STATUS_MAX];
	uint64_t late_s = overdue_s(s);
	if (!late_s) {
		feed(s);
		return;
	}
	snprintf(status, sizeof status, "a commit has been under way for %" PRIu64 " s: the watchdog is not fed",
		 late_s);
	if (!s->is_starving)
		log_warning("%s", status);
	s->is_starving = true;
	tell_status(s, status, "");
}

int service_start(struct service *s, uv_loop_t *loop)
{
	if (!s->watchdog_us)
		return 0;
	int err = uv_timer_init(loop, &s->timer);
	if (err)
		return err;
	s->made = true;
	s->timer.data = s;
	uint64_t each_ms = s->watchdog_us / FEEDS / 1000;
	return uv_timer_start(&s->timer, on_timer, 0, each_ms ? each_ms : 1);
}

void service_close(struct service *s)
{
	if (s->made)
		uv_close((uv_handle_t *)&s->timer, NULL);
	s->made = false;
}

void service_commit_began(struct service *s)
{
	s->commit_began_us = manager_now_us();
}

void service_commit_ended(struct service *s)
{
	s->commit_began_us = 0;
	if (s->is_starving)
		log_notice("the commit has ended: the watchdog is fed again");
	s->is_starving = false;
}

/* ---- what candord does ---- */

void service_init(struct service *s)
{
	s->watchdog_us = manager_watchdog_us();
	tell_status(s, "starting", "");
}

void service_recovering(struct service *s, const char *status)
{
	uint64_t now_us = manager_now_us();
	/* What is committed waits until this is done. */
	s->commit_began_us = 0;
	if (s->watchdog_us && now_us - s->fed_us >= s->watchdog_us / FEEDS)
		feed(s);
	if (now_us - s->told_us < RECOVERING_S * SECOND_US)
		return;
	char more[64] = "";
	if (!s->is_ready)
		snprintf(more, sizeof more, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\n", EXTEND_S * SECOND_US);
	tell_status(s, status, more);
}

void service_ready(struct service *s)
{
	s->is_ready = true;
	tell_status(s, "serving", "READY=1\n");
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void service_serving(struct service *s, uint64_t connections, uint64_t pools, bool refuses_writes)
{
	char status[SERVICE_STATUS_MAX];
	if (!s->is_ready || s->is_stopping || s->is_starving || manager_now_us() - s->told_us < STATUS_S * SECOND_US)
		return;
	snprintf(status, sizeof status, "serving %" PRIu64 " connection%s, %" PRIu64 " pool%s%s", connections,
		 plural(connections), pools, plural(pools), refuses_writes ? "; writes are refused" : "");
	tell_status(s, status, "");
}

void service_reloading(struct service *s)
{
	char more[64];
	snprintf(more, sizeof more, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n", manager_now_us());
	tell_status(s, "reloading certificates", more);
}

void service_reloaded(struct service *s, const char *fault)
{
	char status[SERVICE_STATUS_MAX];
	snprintf(status, sizeof status, "certificates not reloaded: %s", fault ? fault : "");
	tell_status(s, fault ? status : "serving", "READY=1\n");
}

void service_stopping(struct service *s, const char *why)
{
	char status[SERVICE_STATUS_MAX];
	s->is_stopping = true;
	snprintf(status, sizeof status, "stopping: %s", why);
	tell_status(s, status, "STOPPING=1\n");
}
