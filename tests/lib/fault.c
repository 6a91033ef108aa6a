#include "tests/lib/fault.h"

#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* over what follows */
static struct fault plan;
static uint64_t counts[FAULT_KINDS], injected;

static _Thread_local unsigned paused;

void fault_arm(const struct fault *fault)
{
	pthread_mutex_lock(&mutex);
	plan = fault ? *fault : (struct fault){0};
	if (fault) {
		for (int i = 0; i < FAULT_KINDS; i++)
			counts[i] = 0;
		injected = 0;
	}
	pthread_mutex_unlock(&mutex);
}

uint64_t fault_count(enum fault_kind kind)
{
	pthread_mutex_lock(&mutex);
	uint64_t n = counts[kind];
	pthread_mutex_unlock(&mutex);
	return n;
}

uint64_t fault_injected(void)
{
	pthread_mutex_lock(&mutex);
	uint64_t n = injected;
	pthread_mutex_unlock(&mutex);
	return n;
}

void fault_pause(void)
{
	paused++;
}

void fault_resume(void)
{
	paused--;
}

void fault_reset(void)
{
	fault_arm(NULL);
	paused = 0;
}

bool fault_strikes(enum fault_kind kind, enum fault_how *how)
{
	if (paused)
		return false;
	pthread_mutex_lock(&mutex);
	uint64_t n = ++counts[kind];
	bool strikes = plan.nth && plan.kind == kind && (plan.lasting ? n >= plan.nth : n == plan.nth);
	if (strikes)
		injected++;
	*how = plan.how;
	pthread_mutex_unlock(&mutex);
	return strikes;
}

const char *fault_kind_name(enum fault_kind kind)
{
	static const char *const names[] = {
		"read",       "write",
		"sync",       "truncation",
		"size",       "lock",
		"opening",    "deletion",
		"access",     "mapping of shared memory",
		"shm lock",   "allocation of SQLite",
		"allocation",
	};
	return names[kind];
}

const char *fault_describe(const struct fault *fault)
{
	static const char *const hows[] = {"EIO", "ENOSPC", "half of it written, then ENOSPC"};
	static char text[128];
	bool of_files = fault->kind < FAULT_FILE_KINDS;
	snprintf(text, sizeof text, "%s %" PRIu64 " fails%s%s%s", fault_kind_name(fault->kind), fault->nth,
		 fault->lasting ? ", and all that follow" : "", of_files ? ": " : "", of_files ? hows[fault->how] : "");
	return text;
}
