#include "daemon/db/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/prepare.h"
#include "lib/base/log.h"

enum { READERS_MAX = 8 }; /* idle connections kept; libuv's pool has 4 threads unless told otherwise */
enum { WRITE_CACHE_BYTES = 64 * 1024 * 1024, READ_CACHE_BYTES = 16 * 1024 * 1024 }; /* more is of little use */

struct store {
	char *path;
	enum db_sync sync;
	size_t write_cache, read_cache; /* of each connection */
	int lock_fd;
	struct db *loop_db;

	store_on_commit *on_commit;
	void *arg;

	uv_thread_t writer;
	uv_async_t async;
	uv_mutex_t mutex; /* over what follows */
	uv_cond_t wake;
	const struct batch *batch; /* for the writer */
	bool stop, done;
	int result;
	struct db *readers[READERS_MAX]; /* that nobody uses just now */
	int n_readers;
};

/* ---- the writer ---- */

static void run_writer(void *arg)
{
	struct store *s = arg;
	struct db *db = NULL;
	int opened = db_open(&db, s->path, DB_WRITE, s->sync);
	if (db)
		db_set_cache(db, s->write_cache);
	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (!s->batch && !s->stop)
			uv_cond_wait(&s->wake, &s->mutex);
		if (!s->batch)
			break;
		const struct batch *batch = s->batch;
		uv_mutex_unlock(&s->mutex);
		/* What kept it from being opened may have passed. */
		if (!db) {
			opened = db_open(&db, s->path, DB_WRITE, s->sync);
			if (db)
				db_set_cache(db, s->write_cache);
		}
		int err = opened ? opened : db_write(db, batch);
		uv_mutex_lock(&s->mutex);
		s->batch = NULL;
		s->result = err;
		s->done = true;
		uv_async_send(&s->async);
	}
	uv_mutex_unlock(&s->mutex);
	require(db_close(db) == 0);
}

static void on_async(uv_async_t *async)
{
	struct store *s = async->data;
	uv_mutex_lock(&s->mutex);
	bool done = s->done;
	int err = s->result;
	s->done = false;
	uv_mutex_unlock(&s->mutex);
	if (done)
		s->on_commit(s->arg, err);
}

void store_commit(struct store *s, const struct batch *batch)
{
	uv_mutex_lock(&s->mutex);
	require(!s->batch && !s->done);
	s->batch = batch;
	uv_cond_signal(&s->wake);
	uv_mutex_unlock(&s->mutex);
}

/* ---- readers ---- */

struct read_work {
	uv_work_t work;
	struct store *store;
	struct read_job *job;
};

static void do_read(uv_work_t *work)
{
	struct read_work *w = work->data;
	struct store *s = w->store;
	struct db *db = NULL;
	uv_mutex_lock(&s->mutex);
	if (s->n_readers > 0)
		db = s->readers[--s->n_readers];
	uv_mutex_unlock(&s->mutex);
	if (!db) {
		w->job->err = db_open(&db, s->path, DB_READ, s->sync);
		if (!db)
			return;
		db_set_cache(db, s->read_cache);
	}
	w->job->work(w->job, db);
	uv_mutex_lock(&s->mutex);
	if (s->n_readers < READERS_MAX) {
		s->readers[s->n_readers++] = db;
		db = NULL;
	}
	uv_mutex_unlock(&s->mutex);
	require(db_close(db) == 0);
}

static void after_read(uv_work_t *work, int status)
{
	struct read_work *w = work->data;
	struct read_job *job = w->job;
	if (status)
		job->err = status;
	free(w);
	job->done(job);
}

void store_read(struct store *s, struct read_job *job)
{
	struct read_work *w = malloc(sizeof *w);
	int err = w ? 0 : -ENOMEM;
	if (w) {
		*w = (struct read_work){.store = s, .job = job};
		w->work.data = w;
		err = uv_queue_work(s->async.loop, &w->work, do_read, after_read);
	}
	if (err) {
		free(w);
		job->err = err;
		job->done(job);
	}
}

/* ---- life ---- */

/* Locks a file beside the database, and not the database, whose locks SQLite manages. */
static int take_lock(struct store *s)
{
	char *path = NULL;
	if (asprintf(&path, "%s-lock", s->path) < 0)
		return -ENOMEM;
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int err = s->lock_fd < 0 ? -errno : 0;
	if (err == 0 && flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		err = errno == EWOULDBLOCK ? ERR_LOCKED : -errno;
	if (err)
		log_error("%s: %s", path, candor_strerror(err));
	free(path);
	return err;
}

static void release(struct store *s)
{
	require(db_close(s->loop_db) == 0);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
}

static void stop_writer(struct store *s)
{
	uv_mutex_lock(&s->mutex);
	require(!s->batch);
	s->stop = true;
	uv_cond_signal(&s->wake);
	uv_mutex_unlock(&s->mutex);
	uv_thread_join(&s->writer);
}

static int start_writer(struct store *s, uv_loop_t *loop)
{
	int err = uv_mutex_init(&s->mutex);
	if (err)
		return err;
	if ((err = uv_cond_init(&s->wake)))
		goto no_cond;
	if ((err = uv_thread_create(&s->writer, run_writer, s)))
		goto no_thread;
	if ((err = uv_async_init(loop, &s->async, on_async))) {
		stop_writer(s);
		goto no_thread;
	}
	s->async.data = s;
	return 0;
no_thread:
	uv_cond_destroy(&s->wake);
no_cond:
	uv_mutex_destroy(&s->mutex);
	return err;
}

int store_open(struct store **out, uv_loop_t *loop, const char *path, enum db_sync sync, size_t memory,
	       store_on_commit *on_commit, void *arg)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	/* Half for the writer's pages, half for the readers': the loop's, and those on the threads of libuv's pool. */
	enum { READERS_AT_A_TIME = 5 };
	*s = (struct store){.sync = sync,
			    .write_cache = memory / 2,
			    .read_cache = memory / 2 / READERS_AT_A_TIME,
			    .lock_fd = -1,
			    .on_commit = on_commit,
			    .arg = arg};
	if (s->write_cache > WRITE_CACHE_BYTES)
		s->write_cache = WRITE_CACHE_BYTES;
	if (s->read_cache > READ_CACHE_BYTES)
		s->read_cache = READ_CACHE_BYTES;
	db_limit_memory(memory);
	s->path = strdup(path);
	int err = s->path ? take_lock(s) : -ENOMEM;
	if (err == 0)
		err = db_prepare(&s->loop_db, s->path, s->sync);
	if (err == 0)
		db_set_cache(s->loop_db, s->read_cache);
	if (err == 0)
		err = start_writer(s, loop);
	if (err) {
		release(s);
		return err;
	}
	*out = s;
	return 0;
}

struct db *store_db(struct store *s)
{
	return s->loop_db;
}

uint64_t store_bytes(const struct store *s)
{
	struct stat st;
	return stat(s->path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void on_async_closed(uv_handle_t *handle)
{
	struct store *s = handle->data;
	uv_cond_destroy(&s->wake);
	uv_mutex_destroy(&s->mutex);
	release(s);
}

void store_close(struct store *s)
{
	stop_writer(s);
	while (s->n_readers > 0)
		require(db_close(s->readers[--s->n_readers]) == 0);
	uv_close((uv_handle_t *)&s->async, on_async_closed);
}
