/* candord: reads settings, sets up logging and privacy, and runs the server or another command. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium/core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/offline/archive.h"
#include "daemon/offline/backup.h"
#include "daemon/db/place.h"
#include "daemon/logger.h"
#include "daemon/memory.h"
#include "daemon/net/server.h"
#include "daemon/offline/upgrade.h"
#include "daemon/offline/verify.h"
#include "lib/base/streams.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Creates the directory and its parents, for this user only. */
static int make_dir(const char *path)
{
	char partial[CONFIG_PATH_MAX];
	snprintf(partial, sizeof partial, "%s", path);
	for (char *p = partial + 1;; p++) {
		if (*p != '/' && *p != 0)
			continue;
		char rest = *p;
		*p = 0;
		if (mkdir(partial, 0700) != 0 && errno != EEXIST)
			return -errno;
		*p = rest;
		if (!rest)
			return 0;
	}
}

/* An error before the settings of the log are known. */
static void say_first(const char *sentence)
{
	fprintf(stderr, "%s%s\n", logger_is_journal() ? "<3>" : "candord: ", sentence);
}

/* Memory holds reports and keys: it is not written to a file when the program crashes, and other programs of the same
 * user cannot read it. */
static void keep_memory_private(void)
{
	const struct rlimit none = {0};
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		say_first("cannot disable core dumps");
}

/* To what the connections need, as far as the system allows. */
static void raise_descriptors(uint64_t connections)
{
	struct rlimit limit;
	rlim_t want = connections + 512; /* for connections that are being refused, and the database */
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < want)
		log_warning(
			"the limit of %llu file descriptors is too low for max_connections = %llu; raise it (ulimit "
			"-n)",
			(unsigned long long)limit.rlim_cur, (unsigned long long)connections);
}

static void warn_lowered(const struct config *config)
{
	if (config->lowered[0])
		log_warning("lowered to fit memory_limit: %s; --check-config prints the values in use",
			    config->lowered);
}

static int serve(const struct config *config)
{
	/* A database is private; a socket is opened to the group once it exists. */
	umask(0077);
	memory_set_up();
	raise_descriptors(config->max_connections);
	warn_lowered(config);
	return server_run(config) ? EXIT_FAILED : EXIT_SUCCESS;
}

/* Could make_dir() make it? The nearest thing above that is there must be a directory that takes new ones. */
static int check_make_dir(const char *path)
{
	char above[CONFIG_PATH_MAX];
	struct stat st = {0};
	snprintf(above, sizeof above, "%s", path);
	while (stat(above, &st) != 0 && (errno == ENOENT || errno == ENOTDIR) && above[1]) {
		char *slash = strrchr(above, '/');
		slash[slash == above] = 0;
	}
	int err = !S_ISDIR(st.st_mode)                                       ? -ENOTDIR
		  : faccessat(AT_FDCWD, above, W_OK | X_OK, AT_EACCESS) != 0 ? -errno
									     : 0;
	if (err)
		log_error("cannot create %s: %s: %s", path, above, candor_strerror(err));
	return err;
}

/* Whatever would keep candord from starting with these settings, and then the settings. */
static int check_config(const struct config *config, const char *own_dir)
{
	struct stat st;
	struct config resolved = *config;
	const char *to_be_made = own_dir[0] && stat(own_dir, &st) != 0 ? own_dir : NULL;
	int err = to_be_made ? check_make_dir(to_be_made) : 0;
	if (err == 0 && !config_is_below(config->db, to_be_made))
		err = place_resolve(config->db, resolved.db, sizeof resolved.db);
	if (err == 0)
		err = server_check(&resolved, to_be_made);
	if (err)
		return err;
	warn_lowered(config);
	config_print(config);
	return 0;
}

static bool uses_database(enum config_command command)
{
	switch (command) {
	case CONFIG_HELP:
	case CONFIG_VERSION:
	case CONFIG_CHECK: return false;
	case CONFIG_SERVE:
	case CONFIG_VERIFY:
	case CONFIG_ARCHIVE:
	case CONFIG_UPGRADE:
	case CONFIG_BACKUP:
	case CONFIG_RESTORE: break;
	}
	return true;
}

/* Makes the default directory, where the database is to be there, and finds out where the database really is. */
static int locate(struct config *config, enum config_command command, const char *own_dir)
{
	char path[CONFIG_PATH_MAX];
	int err = command == CONFIG_SERVE && own_dir[0] ? make_dir(own_dir) : 0;
	if (err) {
		log_error("cannot create %s: %s", own_dir, candor_strerror(err));
		return err;
	}
	snprintf(path, sizeof path, "%s", config->db);
	return place_resolve(path, config->db, sizeof config->db);
}

/* --backup or --restore. */
static int copy(const struct config *config, enum config_command command)
{
	struct backup b = {
		.from = config->db, .to = config->file, .rate = config->backup_rate, .progress = config->progress};
	if (command == CONFIG_BACKUP)
		return backup_make(&b);
	char from[PATH_MAX];
	if (place_resolve(config->file, from, sizeof from))
		return -ENOENT;
	b.from = from;
	b.to = config->db;
	b.archives = config->archives;
	b.n_archives = config->n_archives;
	umask(0077);
	return backup_restore(&b);
}

static int check(const struct config *config)
{
	struct verify_head head;
	const struct verify_job job = {
		.path = config->db,
		.deep = config->deep,
		.head = config->head ? &head : NULL,
		.archives = config->archives,
		.n_archives = config->n_archives,
	};
	const char *fault = config->head ? verify_read_head(config->head, &head) : NULL;
	if (fault) {
		fprintf(stderr, "candord: --head is \"%.400s\"; %s\n", config->head, fault);
		return EXIT_USAGE;
	}
	return verify(&job) ? EXIT_FAILED : EXIT_SUCCESS;
}

static int archive(const struct config *config)
{
	const struct archive_job job = {
		.db = config->db,
		.pool = config->pool,
		.to = config->dry_run ? NULL : config->file,
		.before = config->before_ms,
		.progress = config->progress,
	};
	return archive_make(&job, NULL);
}

static int bring_up(const struct config *config)
{
	const struct offline_upgrade job = {
		.db = config->db, .archives = config->archives, .n_archives = config->n_archives};
	umask(0077);
	return offline_upgrade(&job);
}

static int run(struct config *config, enum config_command command, const char *own_dir)
{
	if (uses_database(command) && locate(config, command, own_dir))
		return EXIT_FAILED;
	switch (command) {
	case CONFIG_HELP: config_print_help(); return EXIT_SUCCESS;
	case CONFIG_VERSION: printf("candord " CANDOR_VERSION "\n"); return EXIT_SUCCESS;
	case CONFIG_CHECK: return check_config(config, own_dir) ? EXIT_FAILED : EXIT_SUCCESS;
	case CONFIG_VERIFY: return check(config);
	case CONFIG_ARCHIVE: return archive(config) ? EXIT_FAILED : EXIT_SUCCESS;
	case CONFIG_UPGRADE: return bring_up(config) ? EXIT_FAILED : EXIT_SUCCESS;
	case CONFIG_BACKUP:
	case CONFIG_RESTORE: return copy(config, command) ? EXIT_FAILED : EXIT_SUCCESS;
	case CONFIG_SERVE: break;
	}
	return serve(config);
}

int main(int argc, char **argv)
{
	struct config config;
	enum config_command command;
	char own_dir[CONFIG_PATH_MAX], error[1024];
	if (streams_hold())
		return EXIT_FAILED;
	keep_memory_private();
	if (config_load(&config, argc, argv, &command, own_dir, error, sizeof error)) {
		say_first(error);
		return EXIT_USAGE;
	}
	/* Chooses the fastest code for this processor. */
	if (sodium_init() < 0) {
		say_first("cannot get random numbers from the system");
		return EXIT_FAILED;
	}
	logger_start(config.log_level, config.log_format);
	int status = run(&config, command, own_dir);
	int err = streams_finish();
	if (err)
		log_error("cannot write to standard output%s%s", err < 0 ? ": " : "",
			  err < 0 ? candor_strerror(err) : "");
	return err && status == EXIT_SUCCESS ? EXIT_FAILED : status;
}
