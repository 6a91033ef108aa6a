/* config.h - what the daemon is told: by flags, which win over the environment, which wins over a file, which wins over
 * the defaults. One table in config.c has every setting, for all four. */
#ifndef CANDOR_CONFIG_H
#define CANDOR_CONFIG_H

#include "lib/address.h"
#include "daemon/db/connection.h"
#include "lib/base/log.h"

enum { CONFIG_LISTEN_MAX = 16, CONFIG_PATH_MAX = 4096, CONFIG_ARCHIVES_MAX = 256 };

struct config {
	struct address listen[CONFIG_LISTEN_MAX];
	size_t n_listen;
	char db[CONFIG_PATH_MAX];
	enum db_sync sync;
	uint64_t max_connections;
	uint64_t max_frame_bytes, max_unpacked_bytes;
	uint64_t max_in_flight, max_unsent_bytes;
	uint64_t idle_ms, frame_ms;
	uint64_t memory_limit;
	uint64_t batch_bytes;
	uint64_t resident_items, resident_reports;
	uint64_t backup_rate;
	uint64_t limit_requests, limit_reports, limit_bytes; /* a second, of one principal; 0: no limit */
	uint64_t limit_open_items; /* likewise, at a time */
	enum log_level log_level;
	/* Of TCP listeners; empty: not set. The key and the certificate are both set or neither. */
	char tls_cert[CONFIG_PATH_MAX], tls_key[CONFIG_PATH_MAX], tls_ca[CONFIG_PATH_MAX], tls_crl[CONFIG_PATH_MAX];
	bool insecure; /* without TLS others than this machine may be listened to */

	char lowered[128]; /* settings that were asked for and do not fit into memory_limit, and so were lowered */

	/* Not settings, but what to do; only as flags. */
	bool deep; /* with CONFIG_VERIFY */
	const char *head; /* with CONFIG_VERIFY: what history must contain, not yet read; NULL: not given */
	const char *archives[CONFIG_ARCHIVES_MAX]; /* likewise; pieces of argv, as what follows */
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
	CONFIG_HELP,
	CONFIG_VERSION,
};

/* Reads flags, environment and file. Where nothing names a socket or a database, those of the user's own are used, and
 * *own_dir is the directory to make for them (else empty). 0; or -1 and a sentence in error[size]. */
MUST_CHECK int config_load(struct config *c, int argc, char **argv, enum config_command *command, char *own_dir,
			   char *error, size_t size);

/* The text of --help, with every setting, its default and range; the file that --config takes looks likewise. */
void config_print_help(void);

/* The settings as they would be used, in the form of the file. */
void config_print(const struct config *c);

#endif
