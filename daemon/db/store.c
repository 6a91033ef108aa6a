#include "daemon/db/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/db/last_run.h"
#include "daemon/db/prepare.h"
#include "daemon/db/presence.h"
#include "lib/base/log.h"

enum { READERS_MAX = 8 }; /* idle connections kept; libuv's pool has 4 threads unless told otherwise */
enum { PATIENCE_MS = 1000 }; /* of the writer */
enum { WRITE_CACHE_BYTES = 64 * 1024 * 1024, READ_CACHE_BYTES = 16 * 1024 * 1024 }; /* more is of little use */

struct store {
	char *path;
	enum db_sync sync;
	size_t write_cache, read_cache; /* of each connection */
	struct db_lock lock;
	struct presence presence;
	struct last_run run; /* the writer's; `lock` is too, while it runs */
	bool is_unrecorded; /* the writer's: the newest change is not in the record, and that was logged */
	struct db *loop_db;

	store_on_commit *on_commit;
	void *arg;

	uv_thread_t writer;
	uv_async_t async;
	uv_mutex_t mutex; /* over what follows */
	uv_cond_t wake;
	const struct batch *batch; /* for the writer */
	bool stop, done;
	bool moved; /* its files are not where they were: nothing more is acknowledged */
	int result;
	struct db *readers[READERS_MAX]; /* that nobody uses just now */
	int n_readers;
};

/* ---- the writer ---- */

/* 0: the files are where they were. What goes into others, nobody will find. */
static int check_presence(struct store *s)
{
	const char *missing = presence_missing(&s->presence);
	if (!missing)
		return 0;
	uv_mutex_lock(&s->mutex);
	bool known = s->moved;
	s->moved = true;
	uv_mutex_unlock(&s->mutex);
	if (!known)
		log_error("database: %s was moved, removed or replaced while candord was using it; put it back before "
			  "the next start",
			  missing);
	return ERR_MOVED;
}

static void open_writer(struct store *s, struct db **db, int *err)
{
	/* Where the file is gone, a new one would be made. */
	*err = check_presence(s);
	if (*err == 0)
		*err = db_open(db, s->path, DB_WRITE, s->sync);
	if (!*db)
		return;
	db_set_cache(*db, s->write_cache);
	/* Meanwhile all that is posted waits, and all that is asked about it. */
	db_set_patience(*db, PATIENCE_MS);
}

/* Without the record the next start knows less, and nothing is lost. */
static void record(struct store *s, uint64_t change)
{
	if (change > s->run.change)
		s->run.change = change;
	int err = db_lock_keep(&s->lock, s->path);
	if (err == 0)
		err = last_run_write(s->lock.beside_fd, &s->run);
	if (err && !s->is_unrecorded)
		log_warning("%s-lock: %s; a start after a crash may not notice that changes are missing", s->path,
			    candor_strerror(err));
	s->is_unrecorded = err != 0;
}

/* A commit counts when it is on the disk, in files that the next start will find, and the record says so. */
static int write_batch(struct store *s, struct db *db, const struct batch *batch)
{
	int err = db_write(db, batch);
	if (err == 0)
		err = check_presence(s);
	if (err)
		return err;
	record(s, batch->last_change);
	return 0;
}

static void run_writer(void *arg)
{
	struct store *s = arg;
	struct db *db = NULL;
	int opened;
	open_writer(s, &db, &opened);
	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (!s->batch && !s->stop)
			uv_cond_wait(&s->wake, &s->mutex);
		if (!s->batch)
			break;
		const struct batch *batch = s->batch;
		uv_mutex_unlock(&s->mutex);
		/* What kept it from being opened may have passed. */
		if (!db)
			open_writer(s, &db, &opened);
		int err = opened ? opened : write_batch(s, db, batch);
		uv_mutex_lock(&s->mutex);
		s->batch = NULL;
		s->result = err;
		s->done = true;
		uv_async_send(&s->async);
	}
	if (s->moved && db)
		db_leave_log(db);
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
		/* What has the path now may be another database. */
		if (check_presence(s)) {
			db_leave_log(db);
			require(db_close(db) == 0);
			w->job->err = ERR_MOVED;
			return;
		}
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

static void release(struct store *s)
{
	if (s->moved && s->loop_db)
		db_leave_log(s->loop_db);
	require(db_close(s->loop_db) == 0);
	presence_free(&s->presence);
	db_lock_release(&s->lock);
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
			    .lock = DB_LOCK_NONE,
			    .on_commit = on_commit,
			    .arg = arg};
	if (s->write_cache > WRITE_CACHE_BYTES)
		s->write_cache = WRITE_CACHE_BYTES;
	if (s->read_cache > READ_CACHE_BYTES)
		s->read_cache = READ_CACHE_BYTES;
	db_limit_memory(memory);
	s->path = strdup(path);
	int err = s->path ? db_lock_take(&s->lock, s->path) : -ENOMEM;
	if (err == 0)
		err = db_prepare(&s->loop_db, s->path, s->sync, &s->lock);
	if (err == 0)
		err = presence_init(&s->presence, s->path);
	if (err == 0)
		err = last_run_read(s->path, &s->run);
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

int store_check(struct store *s)
{
	return check_presence(s);
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
	/* To bring the log into a file that was moved, and to remove whatever now has the log's name, would harm. */
	int moved = check_presence(s);
	(void)moved; /* it stands in the store */
	stop_writer(s);
	while (s->n_readers > 0)
		require(db_close(s->readers[--s->n_readers]) == 0);
	uv_close((uv_handle_t *)&s->async, on_async_closed);
}
