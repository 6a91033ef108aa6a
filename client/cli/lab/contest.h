/* contest.h - which schemes are compared, under which names and settings: the same for simulations and real data. */
#ifndef CANDOR_CLI_CONTEST_H
#define CANDOR_CLI_CONTEST_H

#include "client/cli/base/cli.h"
#include "client/lab/scheme.h"

enum { CLI_CONTESTANTS_MAX = 8, CLI_FORECASTS_MAX = CLI_CONTESTANTS_MAX * SCHEME_FORECASTS_MAX };

struct cli_contestant {
	const char *name;
	const struct scheme_class *class;
	enum candor_rate rate; /* of the mechanism; UNSPECIFIED: as the user says */
};

extern const struct cli_contestant cli_contestants[CLI_CONTESTANTS_MAX];

/* Those that a list "candor,plain,..." names, in the order of cli_contestants, each once: how many. Wrong usage where a
 * name is none. */
size_t cli_contestants_of(const struct cli *c, const char *list, const struct cli_contestant **out);

/* The mechanism's settings for one: what the user gave, as far as its rate takes it, else the defaults; a horizon of
 * t_eff, and a fixed rate of 0.1. Complete and in range. */
struct candor_settings cli_contestant_settings(const struct cli_contestant *k, const struct candor_settings *given,
					       double t_eff);

/* Wrong usage where a setting was given that none of them uses. */
void cli_check_contest(const struct cli *c, const struct candor_settings *given, const struct cli_contestant *const *k,
		       size_t n);

/* The names of its forecasts: "candor", "candor-med", "horizon-med", "mean"; they live for ever. */
const char *cli_forecast_name(const struct cli_contestant *k, int forecast);

/* For a command's help. */
#define CLI_CONTEST_HELP                                                                    \
	"Schemes (--schemes, a list with commas):\n"                                        \
	"  candor           the mechanism at its default rate, or at --rate\n"              \
	"  horizon, fixed   the mechanism at the other rates: --horizon (where it is not\n" \
	"                   given, what the campaign will come to), --eta (0.1)\n"          \
	"  plain            mean and median with all labelers alike, as is done today\n"    \
	"  hedge            multiplicative weights for the Brier loss; not truthful\n"      \
	"  leader           follows the labeler with the best record so far\n"              \
	"  ds, ds-gold      Dawid-Skene by EM, refitted as items come: on the reports,\n"   \
	"                   taken as A, tie or B; and with known outcomes held fixed\n"     \
	"candor-med, horizon-med, fixed-med are the mechanism's weighted medians.\n"

#endif
