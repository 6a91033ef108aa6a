/* games.h - what experiments are made of: games by the dozen, and grids of what they came to. Failures end the
 * program. */
#ifndef CANDOR_TESTS_GAMES_H
#define CANDOR_TESTS_GAMES_H

#include "client/cli/lab/contest.h"
#include "client/lab/game.h"
#include "tests/lib/experiments.h"

struct games {
	struct game_options *options;
	struct game_result *results;
	size_t n, cap;
};

void *games_memory(void *block); /* not NULL */

/* The place of its results. */
size_t games_add(struct games *g, const struct game_options *o);
void games_play(struct games *g); /* on all processors */
void games_forget(struct games *g);

typedef double games_measure(const struct game_result *r, int forecast);
double games_loss(const struct game_result *r, int forecast);
double games_loss_of_best(const struct game_result *r, int forecast);
double games_regret(const struct game_result *r, int forecast);

/* Of games first .. first + repeats. */
struct quartiles games_quartiles(const struct games *g, size_t first, uint32_t repeats, games_measure *m, int forecast);
double games_median(const struct games *g, size_t first, uint32_t repeats, games_measure *m, int forecast);

const struct cli_contestant *games_contestant(const char *name);
void games_set_scheme(struct game_options *o, const struct cli_contestant *k, const struct candor_settings *given);

/* Adds `repeats` games under a contestant, one a stream; the place of the first. given NULL: the defaults. */
size_t games_add_repeats(struct games *g, struct game_options o, const char *name, const struct candor_settings *given,
			 uint32_t repeats);

/* The campaign that `candor simulate` plays when it is told nothing. */
struct game_options games_usual(uint64_t items, uint32_t labelers);

size_t grid_add_curve(struct grid *g, const char *name);
void grid_set_x(struct grid *g, const double *x, size_t n, uint32_t repeats);
void grid_set_items(struct grid *g, const uint64_t *items, size_t n, uint32_t repeats);

/* One campaign for each x, made by `make`; the measure of each forecast of each contestant. NaN where all outcomes come
 * and the contestant is judged on others. */
void games_compare(struct grid *g, const char *const *names, size_t n, games_measure *m,
		   struct game_options (*make)(const void *arg, double x), const void *arg);

#endif
