/* warnings.h - what may be a mistake in a file, though its rows are taken: each kind once, with the first example
 * and a count. */
#ifndef CANDOR_CLI_CLI_WARNINGS_H
#define CANDOR_CLI_CLI_WARNINGS_H

#include "client/cli/base/cli.h"

enum cli_warning {
	CLI_NAMES_ALIKE,
	CLI_NAMES_INVISIBLE,
	CLI_NUMBERS_ALIKE,
	CLI_NUMBERS_ROUNDED,
	CLI_SEVERAL_ANSWERS,
	CLI_ENDED_BEFORE,
	CLI_WARNINGS
};

struct cli_warnings {
	uint64_t count[CLI_WARNINGS];
	char example[CLI_WARNINGS][320]; /* the first */
	bool said[CLI_WARNINGS];
};

/* One more of a kind. */
void cli_warn(struct cli_warnings *w, enum cli_warning kind, const char *example, ...) PRINTF_LIKE(3, 4);

/* On stderr, those that were not said before. */
void cli_say_warnings(const struct cli *c, struct cli_warnings *w);

/* The members of the open list, with --json. */
void cli_put_warnings(const struct cli_warnings *w, struct json_out *j);

#endif
