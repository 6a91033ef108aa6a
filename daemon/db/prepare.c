#include "daemon/db/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* A log without its database is for db_open() to refuse. */
static int make_if_none(const char *path)
{
	int err = remove_attempt(path);
	int database = err ? err : is_there(path, "");
	int log = database ? 0 : is_there(path, "-wal");
	if (database < 0 || log < 0)
		log_error("%s: %s", path, candor_strerror(database < 0 ? database : log));
	return database < 0 ? database : log < 0 ? log : database || log ? 0 : make(path);
}

/* ---- the log ---- */

/* Stands in the lock's file while the log may have commits that were not each forced to the disk. */
static const char loose[] = "sync=normal\n";

/* What the path means with that ending, opened; -ENOENT where there is none. */
static int open_beside(const char *path, const char *ending, int flags)
{
	char *beside;
	if (asprintf(&beside, "%s%s", path, ending) < 0)
		return -ENOMEM;
	int fd = open(beside, flags | O_CLOEXEC, 0600);
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

static bool log_is_loose(const char *path)
{
	char words[sizeof loose] = "";
	int fd = open_beside(path, "-lock", O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, words, sizeof words - 1);
	close(fd);
	return n == (ssize_t)sizeof loose - 1 && strcmp(words, loose) == 0;
}

static int mark_log(const char *path, bool is_loose)
{
	int fd = open_beside(path, "-lock", O_RDWR | O_CREAT);
	int err = fd < 0 ? fd : 0;
	size_t size = is_loose ? sizeof loose - 1 : 0;
	if (err == 0 && (pwrite(fd, loose, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size) != 0))
		err = errno ? -errno : -ENOSPC;
	int forced = force(fd);
	if (err == 0)
		err = forced ? forced : file_sync_dir(path);
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
static int note_sync(const char *path, enum db_sync sync)
{
	bool was_loose = log_is_loose(path);
	int empty = sync == DB_FULL && was_loose ? log_is_empty(path) : 0;
	int err = empty < 0 ? empty : 0;
	if (empty > 0 || (sync == DB_NORMAL && !was_loose))
		err = mark_log(path, sync == DB_NORMAL);
	if (err)
		log_error("%s-lock: %s", path, candor_strerror(err));
	return err;
}

int db_check_log(const char *path)
{
	return log_is_loose(path) ? 0 : db_wal_check(path);
}

static int check_log(const char *path, enum db_sync sync)
{
	/* What a killed daemon wrote may not be on the disk yet, and soon what is acknowledged will stand behind it. */
	int err = force(open_beside(path, "-wal", O_RDWR));
	if (err)
		log_error("%s-wal: %s", path, candor_strerror(err));
	/* Without a sync at each commit a power failure may leave any of the last ones wanting. */
	if (err == 0 && sync == DB_FULL)
		err = db_check_log(path);
	return err;
}

int db_prepare(struct db **reader, const char *path, enum db_sync sync)
{
	struct db *db;
	int err = make_if_none(path);
	if (err == 0)
		err = check_log(path, sync);
	if (err == 0)
		err = db_open(&db, path, DB_WRITE, sync);
	if (err)
		return err;
	err = db_empty_log(db);
	if (err == 0)
		err = note_sync(path, sync);
	if (err == 0)
		err = db_open(reader, path, DB_READ, sync);
	int closed = db_close(db);
	if (err == 0 && closed) {
		int also = db_close(*reader);
		err = also ? also : closed;
	}
	return err;
}
