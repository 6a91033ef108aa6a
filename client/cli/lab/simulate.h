/* simulate.h - what the parts of candor simulate share: options and games (simulate.c), what the games came to
 * (simulate_measure.c), and printing: of campaigns (simulate_show.c) and of trained models (simulate_train.c). */
#ifndef CANDOR_CLI_SIMULATE_H
#define CANDOR_CLI_SIMULATE_H

#include "client/cli/base/cli.h"
#include "client/lab/game.h"
#include "client/lab/stats.h"
#include "client/cli/base/json.h"
#include "client/cli/lab/contest.h"

struct simulation {
	struct cli *cli;
	struct game_options game; /* of all games alike; class, settings and stream are each game's own */
	struct candor_settings given;
	const struct cli_contestant *contestants[CLI_CONTESTANTS_MAX];
	size_t n_contestants;
	uint32_t repeats;
	bool train; /* reward models are trained */
	const char *curve_path, *plot_path; /* NULL: not wanted */
	struct game_result *results; /* [n_contestants * repeats] by contestant, then repeat */
};

/* The result of a contestant in a repeat. */
static inline const struct game_result *simulation_result(const struct simulation *s, size_t contestant,
							  uint32_t repeat)
{
	return &s->results[contestant * s->repeats + repeat];
}

/* How often the average labeler will have been settled: what a known length is by default. */
static inline double simulation_t_eff(const struct simulation *s)
{
	const bool together = s->game.together > 1 && !s->game.apart;
	return world_t_eff(&s->game.world) / (together ? (double)s->game.together : 1);
}

/* ---- simulate_measure.c ---- */

/* A number of a game: of a forecast, or at a checkpoint, or of neither. */
typedef double simulation_measure(const struct game_result *r, int forecast, size_t at);

/* Of it, over the repeats. */
struct quartiles simulation_quartiles(const struct simulation *s, size_t contestant, simulation_measure *m,
				      int forecast, size_t at);
void simulation_put(const struct simulation *s, struct json_out *j, const char *key, size_t contestant,
		    simulation_measure *m, int forecast);

/* The game with the largest part of a regret bound, over all repeats; NULL where the contestant has no bound. */
const struct game_result *simulation_bound(const struct simulation *s, size_t contestant);

/* ---- simulate_train.c ---- */

void simulate_show_training(const struct simulation *s);

/* Members of a forecast's object, and of the document. */
void simulate_put_trained(const struct simulation *s, struct json_out *j, size_t contestant, int forecast);
void simulate_put_limits(const struct simulation *s, struct json_out *j);

/* ---- simulate_show.c ---- */

/* Checks, before anything is played, that the files can be written and a plot drawn. 0 or an exit code. */
int simulate_prepare(const struct simulation *s);

/* Prints what was asked for and writes the files. An exit code; errors have been reported. */
int simulate_show(const struct simulation *s);

#endif
