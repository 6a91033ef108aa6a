/* candord.h - candord run as the user who asked, on the database of the daemon that he talks to.
 *
 * The daemon only says where its database is, and only on a Unix socket; files are written by a candord of the user's
 * own. So nobody can make the daemon write a file, and nobody gets of the database what he could not read anyway. */
#ifndef CANDOR_CLI_CANDORD_H
#define CANDOR_CLI_CANDORD_H

#include "client/cli/base/cli.h"

enum { CLI_PATH_SIZE = 4096 };

/* Milliseconds of a clock that only goes on. */
uint64_t cli_now_ms(void);

/* Wrong usage where it can be no file's path. */
void cli_check_file(const struct cli *c, const char *file);

/* Where the daemon's database is, and the newest change that it has committed. instead: what to run on the daemon's
 * machine where it does not say. 0 or an exit code, and what happened has been said. */
MUST_CHECK int cli_ask_database(struct cli *c, const char *instead, char path[CLI_PATH_SIZE], uint64_t *committed);

/* Runs candord with these options (NULL behind them) to its end, and gives each line of its standard output to on_line.
 * file: what it makes, for the message where a signal ended it. CLI_DONE; or CLI_USAGE, and what is wrong was said. */
MUST_CHECK int cli_run_candord(struct cli *c, char *const *options, const char *file,
			       void (*on_line)(void *arg, const char *line), void *arg);

#endif
