/* workers.h - runs independent jobs on all processors. */
#ifndef CANDOR_CLI_WORKERS_H
#define CANDOR_CLI_WORKERS_H

#include <stddef.h>

/* Runs job(arg, 0) to job(arg, n - 1), begun in that order, each once, some at the same time; returns when all have
 * ended. beat (may be NULL) is called in this thread, now and then until then. Where no thread can be had, the jobs run
 * in this one. */
void cli_run_jobs(size_t n, void (*job)(void *arg, size_t index), void (*beat)(void *arg), void *arg);

#endif
