#include "daemon/offline/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/db/lock.h"
#include "daemon/db/prepare.h"
#include "daemon/history/upgrade.h"
#include "daemon/offline/archive.h"
#include "daemon/offline/interrupt.h"
#include "daemon/progress.h"
#include "lib/base/log.h"

struct work {
	const struct offline_upgrade *job;
	struct archives *archives;
	struct interrupt interrupt;
	bool interrupted;
	struct progress progress;
	const char *called, *option; /* of struct upgrade */
	bool has_upgraded;
};

static bool on_event(void *arg, uint64_t done, uint64_t total)
{
	struct work *w = arg;
	w->has_upgraded = true;
	progress_show(&w->progress, done, total);
	w->interrupted = w->interrupted || interrupt_came(&w->interrupt);
	return !w->interrupted;
}

static int on_open(void *arg, struct db *db)
{
	struct work *w = arg;
	return archives_open(&w->archives, db, w->job->archives, w->job->n_archives);
}

static size_t on_archives_of(void *arg, uint64_t pool, struct db *const **out)
{
	const struct work *w = arg;
	return archives_of(w->archives, pool, out);
}

static int run(void *arg, struct db *db)
{
	struct work *w = arg;
	const struct upgrade how = {
		.called = w->called,
		.option = w->option,
		.going_on = on_event,
		.open_archives = w->job->n_archives ? on_open : NULL,
		.archives_of = on_archives_of,
		.arg = w,
		.turn_ms = UPGRADE_TURN_MS,
	};
	progress_begin(&w->progress, "upgrading", "events", false);
	int err = upgrade_run(db, &how);
	progress_end(&w->progress);
	int closed = archives_close(w->archives);
	w->archives = NULL;
	return err ? err : closed;
}

static int prepare(struct work *w)
{
	const struct db_upgrader upgrader = {run, w};
	struct db_lock lock = DB_LOCK_NONE;
	struct db *reader = NULL;
	if (access(w->job->db, F_OK) != 0)
		return -errno;
	int err = db_lock_take(&lock, w->job->db);
	if (err == 0)
		err = db_prepare(&reader, w->job->db, DB_FULL, &lock, &upgrader);
	int closed = db_close(reader);
	db_lock_release(&lock);
	return err ? err : closed;
}

int offline_upgrade(const struct offline_upgrade *job)
{
	struct work w = {.job = job, .called = job->db, .option = UPGRADE_OPTION};
	interrupt_begin(&w.interrupt);
	int err = prepare(&w);
	interrupt_end(&w.interrupt);
	if (err == -ECANCELED && w.interrupted)
		log_error("%s: interrupted; the next start, or --upgrade, goes on", job->db);
	else if (err)
		log_error("%s: %s", job->db, candor_strerror(err));
	else
		printf("%s: %s\n", job->db,
		       w.has_upgraded ? "upgraded to this candord's schema" : "it has this candord's schema already");
	return err;
}

int offline_upgrade_scratch(struct db *db, const char *called, const struct offline_upgrade *job)
{
	struct work w = {.job = job, .called = called, .option = "--restore"};
	interrupt_begin(&w.interrupt);
	int err = run(&w, db);
	interrupt_end(&w.interrupt);
	return err;
}
