#include "daemon/db/place.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/log.h"

static int say(const char *path, int err)
{
	log_error("%s: %s", path, candor_strerror(err));
	return err;
}

static int put(const char *path, const char *resolved, char *out, size_t size)
{
	int n = snprintf(out, size, "%s", resolved);
	return n >= 0 && (size_t)n < size ? 0 : say(path, -ENAMETOOLONG);
}

/* Of a file that is not there: its directory's path, and its own name. */
static int resolve_new(const char *path, char *out, size_t size)
{
	char dir[PATH_MAX], full[PATH_MAX], joined[2 * PATH_MAX];
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if ((slash ? (size_t)(slash - path) : 1) >= sizeof dir)
		return say(path, -ENAMETOOLONG);
	if (!*name)
		return say(path, -EISDIR);
	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + (slash == path)) : 1, slash ? path : ".");
	if (!realpath(dir, full))
		return say(dir, -errno);
	snprintf(joined, sizeof joined, "%s%s%s", full, full[1] ? "/" : "", name);
	return put(path, joined, out, size);
}

int place_resolve(const char *path, char *out, size_t size)
{
	struct stat named, st;
	char full[PATH_MAX];
	if (lstat(path, &named) != 0)
		return errno == ENOENT ? resolve_new(path, out, size) : say(path, -errno);
	if (!realpath(path, full) || stat(full, &st) != 0) {
		int err = -errno;
		if (S_ISLNK(named.st_mode) && err == -ENOENT)
			log_error("%s is a link to a file that does not exist; is a disk not mounted? To start a new "
				  "database, remove the link",
				  path);
		else
			say(path, err);
		return err;
	}
	if (!S_ISREG(st.st_mode)) {
		log_error("%s is not a regular file", path);
		return -EINVAL;
	}
	if (st.st_nlink > 1) {
		log_error("%s has %ju names (hard links), and its write-ahead log is beside only one of them: remove "
			  "the other names, or use a copy",
			  path, (uintmax_t)st.st_nlink);
		return -EINVAL;
	}
	return put(path, full, out, size);
}
