/* candord.h - runs candord as the user who asked, on the database of the daemon they talk to.
 *
 * The daemon only says where its database is, and only on a Unix socket; files are written by a candord of the user's
 * own. So nobody can make the daemon write a file, and nobody gets anything of the database that they could not read
 * anyway. */
#ifndef CANDOR_CLI_CANDORD_H
#define CANDOR_CLI_CANDORD_H

#include "client/cli/base/cli.h"

enum { CLI_PATH_SIZE = 4096 };

/* Milliseconds of a monotonic clock. */
uint64_t cli_now_ms(void);

/* Wrong usage if it cannot be the path of a file. */
void cli_check_file(const struct cli *c, const char *file);

/* Where the daemon's database is, and the newest change that it has committed. instead: what to run on the daemon's
 * machine where it does not say. 0, or an exit code after an error message. */
MUST_CHECK int cli_ask_database(struct cli *c, const char *instead, char path[CLI_PATH_SIZE], uint64_t *committed);

/* Runs candord with these options (NULL behind them) to its end, and gives each line of its standard output to on_line.
 * file: what it makes, for the message if it is killed. CLI_DONE, or CLI_USAGE after an error message. */
MUST_CHECK int cli_run_candord(struct cli *c, char *const *options, const char *file,
			       void (*on_line)(void *arg, const char *line), void *arg);

#endif
