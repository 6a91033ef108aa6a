#include "workers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "cli.h"

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
