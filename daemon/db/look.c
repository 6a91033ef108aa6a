#include "daemon/db/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/connection.h"
#include "daemon/db/lock.h"
#include "daemon/db/migrate.h"
#include "daemon/db/prepare.h"
#include "lib/base/log.h"

/* Where the header of a file of SQLite has what migrate.c sets. */
enum { HEADER_BYTES = 100, VERSION_AT = 60, APPLICATION_AT = 68 };

static int say(const char *path, int err)
{
	log_error("%s: %s", path, candor_strerror(err));
	return err;
}

/* By the rights that the process has, not by those of whoever started it. */
static int may(const char *path, int how)
{
	return faccessat(AT_FDCWD, path, how, AT_EACCESS) == 0 ? 0 : -errno;
}

/* Files are made and removed in it. */
static int look_at_directory(const char *path)
{
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
	if (!dir)
		return -ENOMEM;
	require(slash);
	slash[slash == dir] = 0;
	int err = may(dir, W_OK | X_OK);
	if (err)
		say(dir, err);
	free(dir);
	return err;
}

/* A file beside the database, or itself: it is a regular one that can be written, or there is none. */
static int look_at_file(const char *path, const char *ending)
{
	char *file;
	struct stat st;
	if (asprintf(&file, "%s%s", path, ending) < 0)
		return -ENOMEM;
	int err = lstat(file, &st) != 0  ? -errno
		  : S_ISLNK(st.st_mode)  ? -ELOOP
		  : !S_ISREG(st.st_mode) ? -EINVAL
					 : may(file, R_OK | W_OK);
	if (err == -EINVAL)
		log_error("%s is not a regular file", file);
	else if (err && err != -ENOENT)
		say(file, err);
	free(file);
	return err == -ENOENT ? 0 : err;
}

static uint32_t number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What is newer may still be in the log; what says that the file is another's is there from the start. */
static int look_at_header(const char *path)
{
	static const char magic[16] = "SQLite format 3";
	uint8_t header[HEADER_BYTES];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, header, sizeof header, 0);
	int err = n < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	if (err)
		return say(path, err);
	if (n < HEADER_BYTES || memcmp(header, magic, sizeof magic) != 0) {
		log_error("database: %s is not a database", path);
		return ERR_DAMAGED;
	}
	uint32_t application = number_at(header + APPLICATION_AT), version = number_at(header + VERSION_AT);
	return application ? migrate_known_header(application, version) : 0;
}

int db_look(const char *path)
{
	bool is_new = false;
	int err = look_at_directory(path);
	if (err == 0)
		err = look_at_file(path, "-lock");
	int taken = err ? 0 : db_lock_is_taken(path);
	if (err || taken)
		return err ? err : taken < 0 ? say(path, taken) : 0; /* whoever has it has asked all this */
	if ((err = db_check_not_lost(path, &is_new)))
		return err;
	if (is_new)
		return db_check_missing(path);
	err = look_at_file(path, "");
	return err ? err : look_at_header(path);
}
