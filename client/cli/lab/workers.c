#include "client/cli/lab/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "client/cli/base/number.h"
#include "client/cli/base/progress.h"

enum { THREADS_MAX = 256 };
static const uint64_t BEAT_NS = 200 * 1000 * 1000;

struct workers {
	size_t n;
	atomic_size_t next;
	void (*job)(void *arg, size_t index);
	void *arg;

	uv_mutex_t mutex;
	uv_cond_t ended;
	size_t running; /* threads; under the mutex */
};

static void take_jobs(struct workers *w)
{
	size_t index;
	while ((index = atomic_fetch_add(&w->next, 1)) < w->n)
		w->job(w->arg, index);
}

static void on_thread(void *arg)
{
	struct workers *w = arg;
	take_jobs(w);
	uv_mutex_lock(&w->mutex);
	w->running--;
	uv_cond_signal(&w->ended);
	uv_mutex_unlock(&w->mutex);
}

void cli_run_jobs(size_t n, void (*job)(void *arg, size_t index), void (*beat)(void *arg), void *arg)
{
	struct workers w = {.n = n, .job = job, .arg = arg};
	uv_thread_t threads[THREADS_MAX];
	size_t wanted = uv_available_parallelism(), started = 0;
	if (wanted > n)
		wanted = n;
	if (wanted > THREADS_MAX)
		wanted = THREADS_MAX;
	if (uv_mutex_init(&w.mutex) || uv_cond_init(&w.ended))
		cli_memory(NULL);
	uv_mutex_lock(&w.mutex);
	while (started < wanted && uv_thread_create(&threads[started], on_thread, &w) == 0)
		started++;
	w.running += started;
	while (w.running > 0) {
		uv_cond_timedwait(&w.ended, &w.mutex, BEAT_NS);
		if (beat && w.running > 0)
			beat(arg);
	}
	uv_mutex_unlock(&w.mutex);
	for (size_t i = 0; i < started; i++)
		uv_thread_join(&threads[i]);
	take_jobs(&w);
	uv_cond_destroy(&w.ended);
	uv_mutex_destroy(&w.mutex);
}

/* ---- with progress ---- */

struct progress {
	const struct cli *cli;
	const struct cli_work *work;
	atomic_uint_fast64_t *done; /* [work->n] */
	atomic_int err;
	struct cli_progress line;
	char last[160];
};

static void on_job(void *arg, size_t index)
{
	struct progress *p = arg;
	int err = p->work->job(p->work->arg, index, &p->done[index]);
	if (err)
		atomic_store(&p->err, err);
}

static void on_beat(void *arg)
{
	struct progress *p = arg;
	const struct cli_work *w = p->work;
	uint64_t all = 0;
	p->line.last = NULL;
	for (size_t i = w->n; i-- > 0;) {
		uint64_t done = atomic_load_explicit(&p->done[i], memory_order_relaxed), items = w->items(w->arg, i);
		const char *name = w->slow(w->arg, i);
		all += done;
		if (!name || done == 0 || done == items)
			continue;
		snprintf(p->last, sizeof p->last, "%s is at item %s of %s", name, cli_count(done).s,
			 cli_count(items).s);
		p->line.last = p->last;
	}
	p->line.done = p->line.count = all;
	cli_progress_show(&p->line, uv_hrtime() / 1000000, p->cli->term.utf8);
}

int cli_do_work(const struct cli *c, const struct cli_work *w)
{
	struct progress p = {.cli = c, .work = w};
	p.line = (struct cli_progress){.started_ms = uv_hrtime() / 1000000, .unit = "items"};
	p.done = cli_memory(calloc(w->n, sizeof *p.done));
	for (size_t i = 0; i < w->n; i++)
		p.line.total += w->items(w->arg, i);
	cli_run_jobs(w->n, on_job, c->term.err_tty ? on_beat : NULL, &p);
	cli_progress_clear(&p.line);
	free(p.done);
	return atomic_load(&p.err);
}
