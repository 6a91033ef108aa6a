#include "daemon/db/store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "daemon/db/checkpointer.h"
#include "daemon/db/last_run.h"
#include "daemon/db/look.h"
#include "daemon/db/prepare.h"
#include "daemon/db/presence.h"
#include "daemon/db/read_queue.h"
#include "daemon/db/wal_upkeep.h"
#include "lib/base/log.h"

/* As many as libuv's pool has threads; one of them is the owner's. Each has a connection of its own. */
enum { READERS = STORE_READERS, READERS_FOR_SHORT = 1, READERS_FOR_OWNER = 1 };
enum { PATIENCE_MS = 1000 }; /* of the writer */
enum { WRITE_CACHE_BYTES = 64 * 1024 * 1024, READ_CACHE_BYTES = 16 * 1024 * 1024 }; /* more is of little use */

/* One job at a time, on a thread of libuv's pool. */
struct reader {
	uv_work_t work;
	struct store *store;
	struct read_job *job; /* NULL: it has nothing to do */
	uint64_t took_us; /* of the processor, for what it did last */
	struct db *db; /* NULL: not opened yet */
};

struct store {
	char *path, *wal_path;
	enum db_sync sync;
	size_t write_cache, read_cache; /* of each connection */
	struct db_lock lock;
	struct presence presence;
	struct last_run run; /* the writer's; `lock` is too, while it runs */
	bool is_unrecorded; /* the writer's: the newest change is not in the record, and that was logged */
	struct db *loop_db;
	struct read_queue *queue, *short_queue; /* of what waits for a reader */
	struct reader readers[READERS];
	struct checkpointer *checkpointer;

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

static bool are_files_there(void *arg)
{
	return check_presence(arg) == 0;
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
	db_wal_take_over(*db);
	db_wal_make_room(*db);
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
	int err = db_wal_reserve_index(db);
	if (err == 0)
		err = db_write(db, batch);
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
		if (err)
			continue;
		uv_mutex_unlock(&s->mutex);
		checkpointer_committed(s->checkpointer, db);
		db_wal_make_room(db);
		uv_mutex_lock(&s->mutex);
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

static int open_reader(struct reader *r)
{
	const struct store *s = r->store;
	int err = db_open(&r->db, s->path, DB_READ, s->sync);
	if (err)
		return err;
	/* What has the path now may be another database. */
	err = check_presence(r->store);
	if (err == 0) {
		db_set_cache(r->db, s->read_cache);
		return 0;
	}
	db_leave_log(r->db);
	require(db_close(r->db) == 0);
	r->db = NULL;
	return err;
}

/* What this thread has had of the processor. */
static uint64_t processor_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int is_cancelled(void *arg)
{
	const struct read_job *job = arg;
	return atomic_load(&job->cancelled);
}

static void do_read(uv_work_t *work)
{
	struct reader *r = work->data;
	struct read_job *job = r->job;
	r->took_us = 0;
	job->unfinished = false;
	job->err = atomic_load(&job->cancelled) ? -ECANCELED : 0;
	if (job->err == 0 && !r->db)
		job->err = open_reader(r);
	if (job->err)
		return;
	uint64_t began_us = processor_us();
	db_watch(r->db, is_cancelled, job);
	job->work(job, r->db);
	r->took_us = processor_us() - began_us;
	db_watch(r->db, NULL, NULL);
}

static struct read_queue *queue_of(const struct store *s, const struct read_job *job)
{
	return job->is_short ? s->short_queue : s->queue;
}

static void start_reads(struct store *s);

static void after_read(uv_work_t *work, int status)
{
	struct reader *r = work->data;
	struct store *s = r->store;
	struct read_job *job = r->job;
	require(status == 0);
	r->job = NULL;
	if (job->unfinished && job->err == 0 && !atomic_load(&job->cancelled)) {
		read_queue_again(queue_of(s, job), job, r->took_us);
	} else {
		if (job->unfinished && job->err == 0)
			job->err = -ECANCELED;
		read_queue_end(queue_of(s, job), job, r->took_us);
		job->done(job);
	}
	start_reads(s);
}

/* The next one that can begin, or goes on. */
static struct read_job *take_read(struct store *s)
{
	struct read_job *job;
	while (((job = read_queue_take(s->short_queue)) || (job = read_queue_take(s->queue))) && !job->unfinished &&
	       job->begin && (job->err = job->begin(job))) {
		read_queue_end(queue_of(s, job), job, 0);
		job->done(job);
	}
	return job;
}

/* A taken job has one: there are as many as may be taken. */
static struct reader *free_reader(struct store *s)
{
	struct reader *r = s->readers;
	while (r < s->readers + READERS && r->job)
		r++;
	require(r < s->readers + READERS);
	return r;
}

/* Gives every reader that has nothing to do what there is for it. */
static void start_reads(struct store *s)
{
	struct read_job *job;
	while ((job = take_read(s))) {
		struct reader *r = free_reader(s);
		r->job = job;
		r->store = s;
		r->work.data = r;
		require(uv_queue_work(s->async.loop, &r->work, do_read, after_read) == 0);
	}
	require_sound(read_queue_check(s->queue));
	require_sound(read_queue_check(s->short_queue));
}

void store_read(struct store *s, struct read_job *job)
{
	atomic_store(&job->cancelled, false);
	int err = read_queue_add(queue_of(s, job), job);
	if (err) {
		job->err = err;
		job->done(job);
		return;
	}
	start_reads(s);
}

void store_cancel(struct store *s, struct read_job *job)
{
	atomic_store(&job->cancelled, true);
	if (job->state != READ_WAITING)
		return;
	read_queue_remove(queue_of(s, job), job);
	job->err = -ECANCELED;
	job->done(job);
}

/* ---- life ---- */

static void release(struct store *s)
{
	if (s->moved && s->loop_db)
		db_leave_log(s->loop_db);
	require(db_close(s->loop_db) == 0);
	read_queue_free(s->queue);
	read_queue_free(s->short_queue);
	presence_free(&s->presence);
	db_lock_release(&s->lock);
	free(s->path);
	free(s->wal_path);
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

/* What ends the daemon is for the loop's thread, also while it blocks that: these threads never take it. */
static int start_threads(struct store *s, uv_loop_t *loop)
{
	sigset_t ends, before;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	require(pthread_sigmask(SIG_BLOCK, &ends, &before) == 0);
	int err = checkpointer_new(&s->checkpointer, s->path, are_files_there, s);
	if (err == 0)
		err = start_writer(s, loop);
	require(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	return err;
}

int store_look(const char *path)
{
	return db_look(path);
}

int store_open(struct store **out, uv_loop_t *loop, const char *path, enum db_sync sync, const struct db_upgrader *u,
	       const struct store_memory *memory, store_on_commit *on_commit, void *arg)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	/* Half for the writer's pages, half for the readers': the loop's, and those on the threads of libuv's pool. */
	enum { READERS_AT_A_TIME = 1 + READERS };
	*s = (struct store){.sync = sync,
			    .write_cache = memory->database / 2,
			    .read_cache = memory->database / 2 / READERS_AT_A_TIME,
			    .lock = DB_LOCK_NONE,
			    .on_commit = on_commit,
			    .arg = arg};
	if (s->write_cache > WRITE_CACHE_BYTES)
		s->write_cache = WRITE_CACHE_BYTES;
	if (s->read_cache > READ_CACHE_BYTES)
		s->read_cache = READ_CACHE_BYTES;
	db_limit_memory(memory->database);
	s->path = strdup(path);
	if (asprintf(&s->wal_path, "%s-wal", path) < 0)
		s->wal_path = NULL;
	int err = s->path && s->wal_path ? read_queue_new(&s->queue, READERS - READERS_FOR_SHORT, READERS_FOR_OWNER)
					 : -ENOMEM;
	if (err == 0)
		err = read_queue_new(&s->short_queue, READERS_FOR_SHORT, 0);
	if (err == 0)
		read_queue_limit(s->queue, memory->reads);
	if (err == 0)
		err = db_lock_take(&s->lock, s->path);
	if (err == 0)
		err = db_prepare(&s->loop_db, s->path, s->sync, &s->lock, u);
	if (err == 0)
		err = presence_init(&s->presence, s->path);
	if (err == 0)
		err = last_run_read(s->path, &s->run);
	if (err == 0)
		db_set_cache(s->loop_db, s->read_cache);
	if (err == 0)
		err = start_threads(s, loop);
	if (err) {
		checkpointer_free(s->checkpointer);
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

static uint64_t file_bytes(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void store_look_at_files(const struct store *s, struct store_sizes *out)
{
	struct statvfs disk;
	*out = (struct store_sizes){.database = file_bytes(s->path), .wal = file_bytes(s->wal_path)};
	if (statvfs(s->path, &disk) == 0)
		out->left = (uint64_t)disk.f_bavail * disk.f_frsize;
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
	checkpointer_free(s->checkpointer);
	for (size_t i = 0; i < READERS; i++)
		require(!s->readers[i].job && db_close(s->readers[i].db) == 0);
	uv_close((uv_handle_t *)&s->async, on_async_closed);
}
