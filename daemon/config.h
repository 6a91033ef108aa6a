/* config.h - the daemon's settings: options override the environment, which overrides a file, which overrides the
 * defaults. settings.def has every setting, for all four; and there are options that are no settings, but commands. */
#ifndef CANDOR_CONFIG_H
#define CANDOR_CONFIG_H

#include "lib/address.h"
#include "daemon/db/connection.h"
#include "daemon/manager.h"
#include "lib/base/log.h"

enum { CONFIG_ADDRESSES_MAX = 16, CONFIG_PATH_MAX = 4096, CONFIG_ARCHIVES_MAX = 256 };

struct config_addresses {
	struct address each[CONFIG_ADDRESSES_MAX];
	size_t n;
};

/* What the type of a setting (settings.def) is in the structure. */
#define CONFIG_FIELD_LISTEN(field) struct config_addresses field
#define CONFIG_FIELD_PATH(field) char field[CONFIG_PATH_MAX] /* empty: not set */
#define CONFIG_FIELD_SYNC(field) enum db_sync field
#define CONFIG_FIELD_LEVEL(field) enum log_level field
#define CONFIG_FIELD_FORMAT(field) enum log_format field
#define CONFIG_FIELD_YESNO(field) bool field
#define CONFIG_FIELD_NUMBER(field) uint64_t field
#define CONFIG_FIELD_BYTES(field) uint64_t field
#define CONFIG_FIELD_SECONDS(field) uint64_t field /* in milliseconds */

struct config {
#define SETTING(type, field, ...) CONFIG_FIELD_##type(field);
#include "daemon/settings.def"
#undef SETTING

	char lowered[128]; /* settings that were given, and lowered because they do not fit into memory_limit */

	/* Not settings either: sockets that are open already. */
	struct manager_socket passed[MANAGER_SOCKETS_MAX];
	size_t n_passed;

	/* Not settings, but what to do; only as flags. */
	bool deep; /* with CONFIG_VERIFY */
	const char *head; /* with CONFIG_VERIFY: what history must contain, not yet read; NULL: not given */
	const char *archives[CONFIG_ARCHIVES_MAX]; /* also with others; pieces of argv, as what follows */
	size_t n_archives;
	const char *file; /* of CONFIG_BACKUP, CONFIG_RESTORE and CONFIG_ARCHIVE */
	bool progress; /* with them: standard output is for a program */
	const char *pool; /* of CONFIG_ARCHIVE, as the next two */
	uint64_t before_ms; /* since 1970; 0: not given */
	bool dry_run;
};

enum config_command {
	CONFIG_SERVE,
	CONFIG_CHECK,
	CONFIG_VERIFY,
	CONFIG_BACKUP,
	CONFIG_RESTORE,
	CONFIG_ARCHIVE,
	CONFIG_UPGRADE,
	CONFIG_HELP,
	CONFIG_VERSION,
};

/* Reads flags, environment and file; to be called before anything is opened, for sockets that were passed on are known
 * by their numbers. Where nothing names a socket (and none was passed on) or a database, those of the user's own are
 * used, and *own_dir is the directory to make for them (else empty). 0; or -1 and a sentence in error[size]. */
MUST_CHECK int config_load(struct config *c, int argc, char **argv, enum config_command *command, char *own_dir,
			   char *error, size_t size);

/* Whether a path leads into a directory, by their texts. dir NULL: there is none. */
bool config_is_below(const char *path, const char *dir);

/* The text of --help, with every setting, its default and range; the file that --config takes looks likewise. */
void config_print_help(void);

/* The settings as they would be used, in the form of the file. */
void config_print(const struct config *c);

#endif
