#include "daemon/db/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/last_run.h"
#include "daemon/db/read.h"
#include "daemon/db/wal.h"
#include "daemon/db/write.h"
#include "daemon/file.h"
#include "lib/base/log.h"

/* Of a database that is being made: it gets its name when it is whole. */
#define BEING_MADE "-new"

/* 1: there is a file of the path with that ending; 0: there is none; -errno, -ENOMEM. */
static int is_there(const char *path, const char *ending)
{
	char *beside;
	if (asprintf(&beside, "%s%s", path, ending) < 0)
		return -ENOMEM;
	int there = access(beside, F_OK) == 0 ? 1 : errno == ENOENT ? 0 : -errno;
	free(beside);
	return there;
}

/* What an attempt that did not get to its end has left. */
static int remove_attempt(const char *path)
{
	static const char *const endings[] = {BEING_MADE, BEING_MADE "-journal", BEING_MADE "-wal", BEING_MADE "-shm"};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		char *beside;
		if (asprintf(&beside, "%s%s", path, endings[i]) < 0)
			return -ENOMEM;
		int err = unlink(beside) == 0 || errno == ENOENT ? 0 : -errno;
		if (err)
			log_error("%s: %s", beside, candor_strerror(err));
		free(beside);
		if (err)
			return err;
	}
	return 0;
}

static int make_whole(const char *being_made)
{
	struct db *db;
	int err = db_open(&db, being_made, DB_WRITE, DB_FULL);
	if (err)
		return err;
	err = db_empty_log(db);
	int closed = db_close(db);
	if (err == 0)
		err = closed;
	/* Closing takes the log away, if all that was in it has found room. */
	int log = err == 0 ? is_there(being_made, "-wal") : 0;
	return err ? err : log > 0 ? ERR_DISK_FULL : log;
}

static int give_name(const char *being_made, const char *path)
{
	int fd = open(being_made, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || fsync(fd) != 0 || rename(being_made, path) != 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return err ? err : file_sync_dir(path);
}

/* A database that appears whole or not at all: whatever cuts it short, the next start begins anew, and a file that is
 * there but empty is always one that was lost. */
static int make(const char *path)
{
	char *being_made;
	if (asprintf(&being_made, "%s" BEING_MADE, path) < 0)
		return -ENOMEM;
	int err = make_whole(being_made);
	if (err == 0 && (err = give_name(being_made, path)))
		log_error("%s: %s", path, candor_strerror(err));
	free(being_made);
	int removed = err ? remove_attempt(path) : 0;
	return removed ? removed : err;
}

int db_check_missing(const char *path)
{
	struct last_run last;
	int err = last_run_read(path, &last);
	if (err)
		log_error("%s: %s", path, candor_strerror(err));
	if (err || last.change == 0)
		return err;
	log_error("database: %s is missing, and %" PRIu64
		  " changes in it were acknowledged: put it back, with its write-ahead log, or restore a backup; "
		  "to start a new database, remove %s-lock",
		  path, last.change, path);
	return ERR_DAMAGED;
}

/* A log without its database is for db_open() to refuse. */
static int make_if_none(const char *path)
{
	int err = remove_attempt(path);
	int database = err ? err : is_there(path, "");
	int log = database ? 0 : is_there(path, "-wal");
	if (database < 0 || log < 0)
		log_error("%s: %s", path, candor_strerror(database < 0 ? database : log));
	if (database || log)
		return database < 0 ? database : log < 0 ? log : 0;
	err = db_check_missing(path);
	return err ? err : make(path);
}

/* ---- the log ---- */

/* What the path means with that ending, opened; -ENOENT where there is none. */
static int open_beside(const char *path, const char *ending, int flags)
{
	char *beside;
	if (asprintf(&beside, "%s%s", path, ending) < 0)
		return -ENOMEM;
	int fd = open(beside, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : fd;
	free(beside);
	return err;
}

/* Takes a descriptor or an error. */
static int force(int fd)
{
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	int err = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return err;
}

/* Writes the record of this run, and forces it to the disk. */
static int note_run(const char *path, uint64_t change, bool is_loose)
{
	struct last_run r = {.change = change, .is_loose = is_loose};
	last_run_set_boot(&r);
	int fd = open_beside(path, "-lock", O_RDWR | O_CREAT);
	int err = fd < 0 ? fd : last_run_write(fd, &r);
	int forced = force(fd);
	if (err == 0)
		err = forced ? forced : file_sync_dir(path);
	if (err)
		log_error("%s-lock: %s", path, candor_strerror(err));
	return err;
}

/* Nothing is in the log, and that is on the disk: 1; there is something: 0; or an error. */
static int log_is_empty(const char *path)
{
	struct stat st;
	int fd = open_beside(path, "-wal", O_RDWR);
	if (fd < 0)
		return fd == -ENOENT ? 1 : fd;
	int err = fstat(fd, &st) == 0 ? 0 : -errno;
	int forced = force(fd);
	return err ? err : forced ? forced : st.st_size == 0;
}

/* Before the first commit. The log is empty by now, unless there was no room for it or somebody reads for long. */
static int begin_run(struct db *db, const char *path, enum db_sync sync)
{
	struct last_run last;
	struct progress_row progress;
	int err = last_run_read(path, &last);
	if (err)
		log_error("%s-lock: %s", path, candor_strerror(err));
	int empty = err == 0 && sync == DB_FULL && last.is_loose ? log_is_empty(path) : 0;
	if (err == 0 && empty < 0)
		log_error("%s-wal: %s", path, candor_strerror(err = empty));
	if (err == 0)
		err = db_progress(db, &progress);
	bool is_loose = sync == DB_NORMAL || (last.is_loose && !empty);
	return err ? err : note_run(path, progress.changes, is_loose);
}

/* Is what was acknowledged there? */
static int check_last_run(const char *path, const struct last_run *last)
{
	struct db *db;
	struct progress_row progress = {0};
	struct stat st;
	/* Whoever opens it next says what is wrong with a file that is missing or empty. */
	if (last_run_is_void(last) || stat(path, &st) != 0 || st.st_size == 0)
		return 0;
	int err = db_open(&db, path, DB_READ_OLDER, DB_FULL), closed = 0;
	if (err == 0) {
		db_leave_log(db);
		err = db_progress(db, &progress);
		closed = db_close(db);
	}
	/* Of a log that was cut short in the middle of a checkpoint the file may make no sense. */
	if (err == ERR_DAMAGED)
		log_error("database: %s is damaged, or its write-ahead log, %s-wal, is missing or was cut short: "
			  "change %" PRIu64 " was acknowledged",
			  path, path, last->change);
	if (err == 0 && progress.changes < last->change) {
		log_error("database: %s ends with change %" PRIu64 ", but change %" PRIu64
			  " was acknowledged: its write-ahead log, %s-wal, is missing or was cut short, or the file "
			  "was replaced by an older one. Put back what is missing; to accept the loss, remove %s-lock",
			  path, progress.changes, last->change, path, path);
		err = ERR_DAMAGED;
	}
	return err ? err : closed;
}

static int check(const char *path, enum db_sync sync)
{
	struct last_run last;
	int err = last_run_read(path, &last);
	if (err)
		log_error("%s-lock: %s", path, candor_strerror(err));
	/* Without a sync at each commit a power failure may leave any of the last ones wanting. */
	if (err == 0 && sync == DB_FULL && !last.is_loose)
		err = db_wal_check(path);
	return err ? err : check_last_run(path, &last);
}

int db_check_at_rest(const char *path)
{
	int taken = db_lock_is_taken(path);
	return taken < 0 ? taken : taken ? 0 : check(path, DB_FULL);
}

static int check_log(const char *path, enum db_sync sync)
{
	/* What a killed daemon wrote may not be on the disk yet, and soon what is acknowledged will stand behind it. */
	int err = force(open_beside(path, "-wal", O_RDWR));
	if (err)
		log_error("%s-wal: %s", path, candor_strerror(err));
	return err ? err : check(path, sync);
}

int db_open_upgraded(struct db **out, const char *path, enum db_sync sync, const struct db_upgrader *u)
{
	struct db *db;
	int err = db_open(&db, path, DB_UPGRADE, sync);
	if (err)
		return err;
	err = u ? u->upgrade(u->arg, db) : 0;
	if (err == 0)
		err = db_begin_writing(db, sync);
	if (err) {
		/* What could not be used is left as it is. */
		db_leave_log(db);
		int closed = db_close(db);
		return closed ? closed : err;
	}
	*out = db;
	return 0;
}

int db_prepare(struct db **reader, const char *path, enum db_sync sync, struct db_lock *lock,
	       const struct db_upgrader *u)
{
	struct db *db;
	int err = make_if_none(path);
	if (err == 0 && lock)
		err = db_lock_take_file(lock, path);
	if (err == 0)
		err = check_log(path, sync);
	if (err == 0)
		err = db_open_upgraded(&db, path, sync, u);
	if (err)
		return err;
	err = db_empty_log(db);
	if (err == 0)
		err = begin_run(db, path, sync);
	if (err == 0)
		err = db_open(reader, path, DB_READ, sync);
	int closed = db_close(db);
	if (err == 0 && closed) {
		int also = db_close(*reader);
		err = also ? also : closed;
	}
	return err;
}
