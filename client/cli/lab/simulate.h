/* simulate.h - what the two halves of candor simulate share: options and games (simulate.c), and printing
 * (simulate_show.c). */
#ifndef CANDOR_CLI_SIMULATE_H
#define CANDOR_CLI_SIMULATE_H

#include "client/cli/base/cli.h"
#include "client/lab/game.h"
#include "client/cli/lab/contest.h"

struct simulation {
	struct cli *cli;
	struct game_options game; /* of all games alike; class, settings and stream are each game's own */
	struct candor_settings given;
	const struct cli_contestant *contestants[CLI_CONTESTANTS_MAX];
	size_t n_contestants;
	uint32_t repeats;
	const char *curve_path, *plot_path; /* NULL: not wanted */
	struct game_result *results; /* [n_contestants * repeats] by contestant, then repeat */
};

/* The result of a contestant in a repeat. */
static inline const struct game_result *simulation_result(const struct simulation *s, size_t contestant,
							  uint32_t repeat)
{
	return &s->results[contestant * s->repeats + repeat];
}

/* Checks, before anything is played, that the files can be written and a plot drawn. 0 or an exit code. */
int simulate_prepare(const struct simulation *s);

/* Prints what was asked for and writes the files. An exit code; errors have been reported. */
int simulate_show(const struct simulation *s);

#endif
