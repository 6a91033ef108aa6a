/* store.h - durability beside the loop: one thread that writes, some that read.
 *
 * Owns the database file's lock and every connection to it. All functions are the loop thread's; callbacks come there
 * too. What is in flight must be finished before store_close(). */
#ifndef CANDOR_STORE_H
#define CANDOR_STORE_H

#include <uv.h>

#include "daemon/db/prepare.h"
#include "daemon/db/read.h"
#include "daemon/db/write.h"

struct store;

/* Threads that libuv's pool should have: for so many reads at a time, one of them for the owner's and one for short
 * ones. */
enum { STORE_READERS = 6 };

/* err: as db_write(), or ERR_MOVED. */
typedef void store_on_commit(void *arg, int err);

/* Could a start use the database? As db_look() (look.h). */
MUST_CHECK int store_look(const char *path);

struct store_memory {
	size_t database; /* for SQLite, all in all */
	size_t reads; /* for jobs that read: read_queue_limit() */
};

/* Takes the lock, creates or upgrades the database, starts the writer. 0, ERR_LOCKED, -errno, a libuv or a database
 * error; then nothing is left open. */
MUST_CHECK int store_open(struct store **out, uv_loop_t *loop, const char *path, enum db_sync sync,
			  const struct db_upgrader *u, const struct store_memory *memory, store_on_commit *on_commit,
			  void *arg);

/* A connection for the loop's own thread: for what must be read before anything else can go on. */
struct db *store_db(struct store *s);

/* Hands a batch to the writer; it must live until on_commit. One at a time. */
void store_commit(struct store *s, const struct batch *batch);

/* Runs a job on a thread of libuv's pool (see struct read_job), when it is its turn (see read_queue.h). Short ones have
 * a queue of their own, and a reader. */
void store_read(struct store *s, struct read_job *job);

/* Gives up a job that is not done: where it waits for its turn, done() is called at once, else when it has stopped,
 * soon; its err is then -ECANCELED, unless it was finished already. */
void store_cancel(struct store *s, struct read_job *job);

/* Are the database's files where they were? 0, or ERR_MOVED (logged once): then nothing more is acknowledged. Every
 * commit asks that too, before it counts; this is for the time between commits. */
MUST_CHECK int store_check(struct store *s);

/* Bytes of the database file and of its write-ahead log, 0 of one that is not there; and those left on its disk
 * for somebody who is not root. */
struct store_sizes {
	uint64_t database, wal, left;
};
void store_look_at_files(const struct store *s, struct store_sizes *out);

/* Stops the writer and closes everything. The store frees itself when the loop has run once more. */
void store_close(struct store *s);

#endif
