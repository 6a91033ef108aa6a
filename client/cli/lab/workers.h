/* workers.h - runs independent jobs on all processors, with a progress bar. */
#ifndef CANDOR_CLI_WORKERS_H
#define CANDOR_CLI_WORKERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "client/cli/base/cli.h"

/* Runs job(arg, 0) to job(arg, n - 1), begun in that order, each once, some at the same time; returns when all have
 * ended. beat (may be NULL) is called in this thread, now and then until then. If no thread can be started, the jobs
 * run in this one. */
void cli_run_jobs(size_t n, void (*job)(void *arg, size_t index), void (*beat)(void *arg), void *arg);

/* Jobs that work through items. */
struct cli_work {
	size_t n;
	/* Counts items in *done on the way. 0, or an error. */
	int (*job)(void *arg, size_t index, atomic_uint_fast64_t *done);
	uint64_t (*items)(void *arg, size_t index); /* of a job */
	const char *(*slow)(void *arg,
			    size_t index); /* the name of a job that takes far longer than others; else NULL */
	void *arg;
};

/* Runs all jobs. 0, or the error of one, and then the results are of no use. Where stderr is a terminal a progress line
 * names a slow job that goes on, and how far it is. */
MUST_CHECK int cli_do_work(const struct cli *c, const struct cli_work *w);

#endif
