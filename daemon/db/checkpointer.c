#include "daemon/db/checkpointer.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/db/wal_upkeep.h"
#include "lib/base/log.h"

/* In frames of the log, which are pages of the database. */
enum {
	LONG = 4000, /* Checkpoints of 16 MiB cost less than those of 4; see docs/architecture.md. */
	TOO_LONG = 4 * LONG, /* the writer waits */
	LITTLE = 256, /* what the writer brings in itself */
	FURTHER = 256, /* how much longer the log is when what could not be done is tried again */
};

struct checkpointer {
	const char *path;
	bool (*are_files_there)(void *arg);
	void *arg;

	pthread_t thread;
	pthread_mutex_t mutex; /* over what follows */
	pthread_cond_t wake, idle;
	bool wanted; /* until it is done */
	bool stop;
	bool is_failing; /* and that was logged */
	uint64_t length; /* of the log, after the newest commit */
	uint64_t done; /* of that, in the database */
	uint64_t next; /* not before the log is so long */
};

/* Under the mutex: what came of a checkpoint. */
static void note(struct checkpointer *c, int err, uint64_t frames, uint64_t done)
{
	if (err && err != ERR_BUSY && !c->is_failing)
		log_warning("%s-wal: %s; the log grows until it can be brought into the database", c->path,
			    candor_strerror(err));
	c->is_failing = err && err != ERR_BUSY;
	if (err == 0)
		c->done = done;
	c->next = err || done < frames ? c->length + FURTHER : 0;
}

/* ---- its thread ---- */

static int bring_in(struct checkpointer *c, struct db **db, uint64_t *frames, uint64_t *done)
{
	int err = 0;
	*frames = *done = 0;
	/* Where the files are gone, the next commit says so. */
	if (!c->are_files_there(c->arg))
		return 0;
	if (!*db)
		err = db_open(db, c->path, DB_READ, DB_FULL);
	if (err == 0 && c->are_files_there(c->arg))
		err = db_wal_checkpoint(*db, frames, done);
	return err;
}

static void *run(void *arg)
{
	struct checkpointer *c = arg;
	struct db *db = NULL;
	pthread_mutex_lock(&c->mutex);
	for (;;) {
		while (!c->wanted && !c->stop)
			pthread_cond_wait(&c->wake, &c->mutex);
		if (c->stop)
			break;
		pthread_mutex_unlock(&c->mutex);
		uint64_t frames, done;
		int err = bring_in(c, &db, &frames, &done);
		pthread_mutex_lock(&c->mutex);
		note(c, err, frames, done);
		c->wanted = false;
		pthread_cond_signal(&c->idle);
	}
	pthread_mutex_unlock(&c->mutex);
	if (db)
		db_leave_log(db); /* this is not the last connection */
	require(db_close(db) == 0);
	return NULL;
}

/* ---- the writer's ---- */

void checkpointer_committed(struct checkpointer *c, struct db *writer)
{
	uint64_t length = db_wal_frames(writer);
	pthread_mutex_lock(&c->mutex);
	c->length = length;
	while (c->wanted && length >= TOO_LONG)
		pthread_cond_wait(&c->idle, &c->mutex);
	if (length < LONG && !c->wanted) {
		c->done = c->next = 0;
	} else if (length >= LONG && length >= c->next && !c->wanted) {
		c->wanted = length - c->done > LITTLE && length < TOO_LONG;
		if (c->wanted) {
			pthread_cond_signal(&c->wake);
		} else if (c->are_files_there(c->arg)) {
			uint64_t frames, done;
			int err = db_wal_checkpoint(writer, &frames, &done);
			note(c, err, frames, done);
			/* The next commit begins the log anew, unless somebody reads in it. */
			c->next = length + FURTHER;
		}
	}
	pthread_mutex_unlock(&c->mutex);
}

/* ---- life ---- */

int checkpointer_new(struct checkpointer **out, const char *path, bool (*are_files_there)(void *arg), void *arg)
{
	struct checkpointer *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	*c = (struct checkpointer){.path = path, .are_files_there = are_files_there, .arg = arg};
	require(pthread_mutex_init(&c->mutex, NULL) == 0 && pthread_cond_init(&c->wake, NULL) == 0 &&
		pthread_cond_init(&c->idle, NULL) == 0);
	int err = pthread_create(&c->thread, NULL, run, c);
	if (err) {
		pthread_cond_destroy(&c->idle);
		pthread_cond_destroy(&c->wake);
		pthread_mutex_destroy(&c->mutex);
		free(c);
		return -err;
	}
	*out = c;
	return 0;
}

void checkpointer_free(struct checkpointer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->mutex);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->mutex);
	require(pthread_join(c->thread, NULL) == 0);
	pthread_cond_destroy(&c->idle);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}
