/* contest.h - which schemes are compared, under which names and settings: the same for simulations and real data. */
#ifndef CANDOR_CLI_CONTEST_H
#define CANDOR_CLI_CONTEST_H

#include "client/cli/base/cli.h"
#include "client/lab/scheme.h"

#define CLI_ONE_MORE(...) +1
enum { CLI_CONTESTANTS_MAX = SCHEMES(CLI_ONE_MORE), CLI_FORECASTS_MAX = CLI_CONTESTANTS_MAX * SCHEME_FORECASTS_MAX };
#undef CLI_ONE_MORE

/* A row of SCHEMES. */
struct cli_contestant {
	const char *name;
	const struct scheme_class *class;
	enum candor_rate rate; /* of the mechanism; UNSPECIFIED: as the user says */
	const char *median; /* where there is a rate, the name of the second forecast; else NULL */
	unsigned defaults; /* SCHEME_IN_..., the commands that compare it unless told otherwise */
};

extern const struct cli_contestant cli_contestants[CLI_CONTESTANTS_MAX];

/* Those that a list "candor,plain,..." names, in the order of cli_contestants, each once: how many. Wrong usage where a
 * scheme does not exist. list NULL: those that the command (SCHEME_IN_...) compares by default, of which some are late
 * (scheme.h), and take part only where `late` says so. */
size_t cli_contestants_of(const struct cli *c, const char *list, unsigned command, bool late,
			  const struct cli_contestant **out);

/* The mechanism's settings for one: what the user gave, as far as its rate takes it, else the defaults; a horizon of
 * t_eff, and a fixed rate of 0.1. Complete and in range. */
struct candor_settings cli_contestant_settings(const struct cli_contestant *k, const struct candor_settings *given,
					       double t_eff);

/* Wrong usage where a setting was given that none of them uses. */
void cli_check_contest(const struct cli *c, const struct candor_settings *given, const struct cli_contestant *const *k,
		       size_t n);

/* Whether contestant k of n is the one whose weights are told: contestants with the mechanism at the same rate differ
 * in what they forecast, not in weights, and of those it is the one with the mean, or else the first. */
bool cli_tells_weights(const struct cli_contestant *const *contestants, size_t n, size_t k);

/* The names of its forecasts: "candor", "candor-med", "horizon-med", "mean"; they live for ever. */
const char *cli_forecast_name(const struct cli_contestant *k, int forecast);

/* For a command's help. */
#define CLI_SCHEME_HELP(name, class, rate, median, defaults, help) help
#define CLI_SCHEMES_HELP SCHEMES(CLI_SCHEME_HELP)
#define CLI_CONTEST_HELP                                              \
	"Schemes (--schemes, a list with commas):\n" CLI_SCHEMES_HELP \
	"candor-med, horizon-med, fixed-med are the mechanism's weighted medians.\n"

#endif
