#include "daemon/offline/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/db/copy.h"
#include "daemon/db/last_run.h"
#include "daemon/db/lock.h"
#include "daemon/db/prepare.h"
#include "daemon/db/read.h"
#include "daemon/db/upgrade_rows.h"
#include "daemon/offline/interrupt.h"
#include "daemon/offline/partial.h"
#include "daemon/offline/upgrade.h"
#include "daemon/offline/verify.h"
#include "daemon/progress.h"
#include "lib/base/log.h"

enum { STEP_BYTES = 256 * 1024, FLUSH_BYTES = 8 * 1024 * 1024, SHOW_NS = 100 * 1000 * 1000 };

/* The header as that of a file without a write-ahead log beside it: so the copy can be read where nothing can be
 * written. candord turns the log on when it takes the file as its database. */
static int stand_alone(const struct partial *p)
{
	static const unsigned char versions[] = {1, 1};
	return pwrite(p->fd, versions, sizeof versions, 18) == sizeof versions ? 0 : -errno;
}

/* ---- the copy ---- */

struct job {
	const struct backup *b;
	struct partial file;
	struct interrupt interrupt; /* asked between two steps */
	struct progress_row progress;
	struct progress bar; /* where no program reads what is printed */
	uint64_t bytes;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Waits until the time for so many bytes has passed, or not at all: 0, or -ECANCELED after a signal. */
static int keep_pace(const struct job *j, uint64_t began_ns, uint64_t done)
{
	double due_ns = j->b->rate ? (double)done / (double)j->b->rate * 1e9 : 0,
	       spent_ns = (double)(now_ns() - began_ns);
	if (!interrupt_wait(&j->interrupt, due_ns > spent_ns ? (uint64_t)(due_ns - spent_ns) : 0))
		return 0;
	log_error("%s: interrupted by a signal; the partial copy is removed", j->b->to);
	return -ECANCELED;
}

static int show(struct job *j, const struct db_copy *c)
{
	if (!j->b->progress) {
		progress_show(&j->bar, db_copy_done(c), db_copy_total(c));
		return 0;
	}
	printf("copied %" PRIu64 " %" PRIu64 "\n", db_copy_done(c), db_copy_total(c));
	if (fflush(stdout) == 0)
		return 0;
	log_error("%s: aborted: progress reader is gone", j->b->to);
	return -ECANCELED;
}

static int copy_all(struct job *j, struct db_copy *c)
{
	uint64_t step = j->b->rate && j->b->rate / 10 < STEP_BYTES ? j->b->rate / 10 : STEP_BYTES;
	uint64_t began_ns = now_ns(), shown_ns = began_ns, flushed = 0;
	for (int more = 1; more == 1;) {
		more = db_copy_step(c, step);
		uint64_t done = db_copy_done(c), now = now_ns();
		int err = more < 0 ? more : 0;
		/* Little by little, lest one large write at the end holds up the daemon's. */
		if (err == 0 && done - flushed >= FLUSH_BYTES) {
			sync_file_range(j->file.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
			flushed = done;
		}
		if (err == 0 && (more == 0 || now - shown_ns >= SHOW_NS)) {
			err = show(j, c);
			shown_ns = now;
		}
		if (err == 0 && more == 1)
			err = keep_pace(j, began_ns, done);
		if (err)
			return err;
	}
	return 0;
}

/* From the original to the file, whole and closed, but for the disk. */
static int copy(struct job *j, bool restore)
{
	struct db_copy *c;
	/* Nobody uses the original of a restoration, so its log must be as it was left. */
	int err = restore ? db_check_at_rest(j->b->from) : 0;
	if (err == 0)
		err = db_copy_open(&c, j->b->from, j->file.path);
	if (err) {
		log_error("cannot copy %s: %s", j->b->from, candor_strerror(err));
		return err;
	}
	progress_begin(&j->bar, "copying", "bytes", false);
	err = copy_all(j, c);
	progress_end(&j->bar);
	j->progress = *db_copy_progress(c);
	j->bytes = db_copy_total(c);
	int closed = db_copy_close(c);
	if (err == 0)
		err = closed;
	if (err == 0)
		err = stand_alone(&j->file);
	if (err && err != -ECANCELED)
		log_error("cannot copy %s to %s: %s", j->b->from, j->file.path, candor_strerror(err));
	return err;
}

/* ---- from end to end ---- */

/* Only in the copy: the backup stays as it is. */
static int bring_up(const struct job *j)
{
	const struct offline_upgrade how = {
		.db = j->file.path, .archives = j->b->archives, .n_archives = j->b->n_archives};
	struct db *db;
	int err = db_open(&db, j->file.path, DB_SCRATCH, DB_FULL);
	if (err == 0) {
		err = offline_upgrade_scratch(db, j->b->from, &how);
		int closed = db_close(db);
		err = err ? err : closed;
	}
	if (err)
		log_error("%s was not restored: %s", j->b->from, candor_strerror(err));
	return err;
}

/* The copy of a backup must say of itself what the original said of that moment. */
static int check_backup(const struct job *j)
{
	struct db *db;
	struct progress_row p = {0};
	int err = db_open(&db, j->file.path, DB_READ_OLDER, DB_FULL);
	if (err)
		return err;
	enum db_age age = DB_PRESENT;
	err = db_progress(db, &p);
	if (err == 0)
		err = db_age(db, &age);
	if (err == 0 && age == DB_UNFINISHED)
		log_warning("%s: the upgrade of %s has not finished; --restore of this copy finishes it", j->b->to,
			    j->b->from);
	int closed = db_close(db);
	if (err == 0 && (p.changes != j->progress.changes || p.reports != j->progress.reports))
		err = ERR_DAMAGED;
	if (err)
		log_error("%s reads back differently from what was written: %s", j->file.path, candor_strerror(err));
	return err ? err : closed;
}

/* Takes as long as it takes; a signal may end the program meanwhile, and leave a file that the next try replaces. */
static int check_restored(struct job *j)
{
	const struct verify_job job = {
		.path = j->file.path,
		.called = j->b->from,
		.deep = true,
		.archives = j->b->archives,
		.n_archives = j->b->n_archives,
	};
	interrupt_end(&j->interrupt);
	int err = verify(&job);
	interrupt_begin(&j->interrupt);
	if (err)
		log_error("%s was not restored: %s; try an older backup", j->b->from, candor_strerror(err));
	return err;
}

static void summarize(const struct job *j)
{
	const struct progress_row *p = &j->progress;
	if (j->b->progress)
		printf("done %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", j->bytes, p->changes, p->reports);
	else
		printf("%s: %" PRIu64 " bytes, with %" PRIu64 " change%s and %" PRIu64 " report%s\n", j->b->to,
		       j->bytes, p->changes, p->changes == 1 ? "" : "s", p->reports, p->reports == 1 ? "" : "s");
}

/* What an earlier database in this place acknowledged does not count for the one that takes it. */
static int forget_last_run(const struct job *j, const struct db_lock *lock)
{
	const struct last_run none = {0};
	int err = last_run_write(lock->beside_fd, &none);
	if (err == 0 && fsync(lock->beside_fd) != 0)
		err = -errno;
	if (err)
		log_error("%s-lock: %s", j->b->to, candor_strerror(err));
	return err;
}

static int run(const struct backup *b, bool restore)
{
	struct job j = {.b = b};
	interrupt_begin(&j.interrupt);
	/* Where a database was moved away from under a daemon, that one may still be there. */
	struct db_lock lock = DB_LOCK_NONE;
	int err = restore ? db_lock_take(&lock, b->to) : 0;
	/* What is in it is its owner's alone. */
	if (err == 0)
		err = partial_open(&j.file, b->to);
	if (err == 0)
		err = copy(&j, restore);
	if (err == 0 && restore)
		err = bring_up(&j);
	if (err == 0)
		err = restore ? check_restored(&j) : check_backup(&j);
	if (err == 0)
		err = partial_publish(&j.file, b->to);
	/* Not before: if nothing comes to that place, the next start must miss what was there. */
	if (err == 0 && restore)
		err = forget_last_run(&j, &lock);
	partial_close(&j.file, err == 0);
	db_lock_release(&lock);
	if (err == 0)
		summarize(&j);
	interrupt_end(&j.interrupt);
	return err;
}

int backup_make(const struct backup *b)
{
	return run(b, false);
}

int backup_restore(const struct backup *b)
{
	return run(b, true);
}
