#include "tests/lib/games.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/lab/workers.h"
#include "client/lab/stats.h"

/* ---- games by the dozen ---- */

void *games_memory(void *block)
{
	require(block);
	return block;
}

size_t games_add(struct games *g, const struct game_options *o)
{
	if (g->n == g->cap) {
		g->cap = 2 * g->cap + 64;
		g->options = games_memory(realloc(g->options, g->cap * sizeof *g->options));
	}
	g->options[g->n] = *o;
	return g->n++;
}

static void play_one(void *arg, size_t index)
{
	struct games *g = arg;
	require(game_play(&g->options[index], &g->results[index]) == 0);
}

void games_play(struct games *g)
{
	g->results = games_memory(calloc(g->n, sizeof *g->results));
	cli_run_jobs(g->n, play_one, NULL, g);
}

void games_forget(struct games *g)
{
	free(g->options);
	free(g->results);
}

double games_loss(const struct game_result *r, int forecast)
{
	return r->scores[forecast].brier / (double)r->scores[forecast].n;
}

double games_loss_of_best(const struct game_result *r, int forecast)
{
	return games_loss(r, forecast) / r->best_loss;
}

double games_regret(const struct game_result *r, int forecast)
{
	return r->regret[forecast];
}

struct quartiles games_quartiles(const struct games *g, size_t first, uint32_t repeats, games_measure *m, int forecast)
{
	double *x = games_memory(malloc(repeats * sizeof *x));
	for (uint32_t i = 0; i < repeats; i++)
		x[i] = m(&g->results[first + i], forecast);
	struct quartiles q = stats_quartiles(x, repeats);
	free(x);
	return q;
}

double games_median(const struct games *g, size_t first, uint32_t repeats, games_measure *m, int forecast)
{
	return games_quartiles(g, first, repeats, m, forecast).median;
}

const struct cli_contestant *games_contestant(const char *name)
{
	for (size_t k = 0; k < CLI_CONTESTANTS_MAX; k++)
		if (strcmp(cli_contestants[k].name, name) == 0)
			return &cli_contestants[k];
	require(!"a contestant of that name");
	return NULL;
}

void games_set_scheme(struct game_options *o, const struct cli_contestant *k, const struct candor_settings *given)
{
	o->class = k->class;
	o->settings = cli_contestant_settings(k, given, world_t_eff(&o->world));
}

size_t games_add_repeats(struct games *g, struct game_options o, const char *name, const struct candor_settings *given,
			 uint32_t repeats)
{
	const struct candor_settings defaults = {0};
	size_t first = g->n;
	games_set_scheme(&o, games_contestant(name), given ? given : &defaults);
	o.n_checkpoints = 1;
	o.checkpoints[0] = o.world.items;
	for (uint32_t i = 0; i < repeats; i++) {
		o.world.stream = i;
		games_add(g, &o);
	}
	return first;
}

struct game_options games_usual(uint64_t items, uint32_t labelers)
{
	return (struct game_options){.world = world_usual(items, labelers)};
}

/* ---- grids ---- */

const double *grid_curve(const struct grid *g, const char *name)
{
	for (size_t c = 0; c < g->n_curves; c++)
		if (strcmp(g->curves[c], name) == 0)
			return g->y[c];
	require(!"a curve of that name");
	return NULL;
}

size_t grid_add_curve(struct grid *g, const char *name)
{
	require(g->n_curves < GRID_CURVES_MAX);
	g->curves[g->n_curves] = name;
	return g->n_curves++;
}

void grid_set_x(struct grid *g, const double *x, size_t n, uint32_t repeats)
{
	*g = (struct grid){.n_x = n};
	memcpy(g->x, x, n * sizeof *x);
	for (size_t i = 0; i < n; i++)
		g->repeats[i] = repeats;
}

void grid_set_items(struct grid *g, const uint64_t *items, size_t n, uint32_t repeats)
{
	double x[GRID_X_MAX];
	for (size_t i = 0; i < n; i++)
		x[i] = (double)items[i];
	grid_set_x(g, x, n, repeats);
}

void games_compare(struct grid *g, const char *const *names, size_t n, games_measure *m,
		   struct game_options (*make)(const void *arg, double x), const void *arg)
{
	static const size_t NONE = SIZE_MAX;
	struct games games = {0};
	size_t first[CLI_CONTESTANTS_MAX][GRID_X_MAX];
	for (size_t i = 0; i < g->n_x; i++) {
		for (size_t k = 0; k < n; k++) {
			const struct game_options o = make(arg, g->x[i]);
			first[k][i] = NONE;
			if (!games_contestant(names[k])->class->late || o.world.known < 1)
				first[k][i] = games_add_repeats(&games, o, names[k], NULL, g->repeats[i]);
		}
	}
	games_play(&games);
	for (size_t k = 0; k < n; k++) {
		for (int f = 0; f < scheme_forecasts(games_contestant(names[k])->class); f++) {
			size_t c = grid_add_curve(g, cli_forecast_name(games_contestant(names[k]), f));
			for (size_t i = 0; i < g->n_x; i++)
				g->y[c][i] = first[k][i] == NONE
						     ? NAN
						     : games_median(&games, first[k][i], g->repeats[i], m, f);
		}
	}
	games_forget(&games);
}
