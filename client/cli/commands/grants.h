/* grants.h - rights in commands: options, operands and messages. */
#ifndef CANDOR_CLI_GRANTS_H
#define CANDOR_CLI_GRANTS_H

#include "client/cli/base/cli.h"

/* For a command's table of options, and what cli_option() then returns: --pool and --labelers. */
enum { CLI_GRANT_POOL = 512, CLI_GRANT_LABELERS };

#define CLI_GRANT_OPTIONS                                               \
	{"pool", required_argument, NULL, CLI_GRANT_POOL},              \
	{                                                               \
		"labelers", required_argument, NULL, CLI_GRANT_LABELERS \
	}

/* Takes one of these options and optarg, if it is one; wrong usage if it is not a name. */
bool cli_grant_option(const struct cli *c, int opt, struct candor_grant *g);

/* The rights that operands name, NULL behind them, each a right, a role or several with commas between; wrong usage
 * if one is unknown, or if they do not fit the rest of the grant. */
void cli_grant_rights(const struct cli *c, char *const *names, struct candor_grant *g);

struct cli_grant_text {
	char s[768];
};

/* "report and read in pool birds", with the labelers' prefix where there is one: what may be done. */
struct cli_grant_text cli_grant_words(const struct candor_grant *g);

/* What to add to that if the pool does not exist, or "". Asks the daemon. */
const char *cli_grant_doubt(struct cli *c, const struct candor_grant *g);

#endif
