/* Experiments with outcomes, with crowds, and with what is trained on a campaign. */
#include <math.h>

#include "tests/lib/games.h"

/* ---- outcomes late, few, wrong ---- */

static const char *const outcome_names[] = {"forecast", "candor", "plain", "hedge", "leader"};
enum { OUTCOME_NAMES = sizeof outcome_names / sizeof *outcome_names };

static struct game_options delayed(const void *arg, double x)
{
	struct game_options o = games_usual(*(const uint64_t *)arg, 20);
	o.delay = (uint64_t)x;
	return o;
}

static struct game_options known(const void *arg, double x)
{
	struct game_options o = games_usual(*(const uint64_t *)arg, 20);
	o.world.known = x;
	return o;
}

void experiment_delay(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const double delays[] = {0, 3, 10, 30, 100, 300, 1000};
	grid_set_x(out, delays, sizeof delays / sizeof *delays, repeats);
	games_compare(out, outcome_names, OUTCOME_NAMES, games_loss, delayed, &items);
}

void experiment_known(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const double parts[] = {1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01};
	static const char *const names[] = {"forecast", "now", "candor", "plain", "hedge", "leader"};
	grid_set_x(out, parts, sizeof parts / sizeof *parts, repeats);
	games_compare(out, names, sizeof names / sizeof *names, games_loss, known, &items);
}

/* Each scheme is not told how many are wrong; the mechanism, also with `wrong` set to it. */
void experiment_wrong(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const double parts[] = {0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.49};
	static const struct {
		const char *scheme, *curve;
		bool told;
	} curves[] = {{"forecast", "forecast", false}, {"forecast", "forecast, told", true},
		      {"candor", "candor", false},     {"candor", "candor, told", true},
		      {"plain", "mean", false},        {"hedge", "hedge", false},
		      {"leader", "leader", false}};
	enum { CURVES = sizeof curves / sizeof *curves };
	struct games games = {0};
	size_t first[CURVES][GRID_X_MAX];
	grid_set_x(out, parts, sizeof parts / sizeof *parts, repeats);
	for (size_t k = 0; k < CURVES; k++) {
		for (size_t i = 0; i < out->n_x; i++) {
			struct game_options o = games_usual(items, 20);
			const struct candor_settings given = {.wrong = curves[k].told ? parts[i] : 0};
			o.world.wrong = parts[i];
			first[k][i] = games_add_repeats(&games, o, curves[k].scheme, &given, repeats);
		}
	}
	games_play(&games);
	for (size_t k = 0; k < CURVES; k++) {
		size_t c = grid_add_curve(out, curves[k].curve);
		for (size_t i = 0; i < out->n_x; i++)
			out->y[c][i] = games_median(&games, first[k][i], repeats, games_loss, 0);
	}
	games_forget(&games);
}

/* ---- many labelers, few answers ---- */

static const char *const crowd_names[] = {"forecast", "candor", "plain", "hedge", "leader", "ds", "ds-gold"};
enum { CROWD_NAMES = sizeof crowd_names / sizeof *crowd_names };

static struct game_options crowd(const void *arg, double x)
{
	return games_usual(*(const uint64_t *)arg, (uint32_t)x);
}

void experiment_labelers(uint64_t items, const double *labelers, size_t n, uint32_t repeats, struct grid *out)
{
	grid_set_x(out, labelers, n, repeats);
	games_compare(out, crowd_names, CROWD_NAMES, games_regret, crowd, &items);
}

static struct game_options answered(const void *arg, double x)
{
	struct game_options o = games_usual(*(const uint64_t *)arg, 100);
	o.world.participation = WORLD_SOME;
	o.world.per_item = (uint32_t)x;
	return o;
}

void experiment_answers(uint64_t items, const double *answers, size_t n, uint32_t repeats, struct grid *out)
{
	grid_set_x(out, answers, n, repeats);
	games_compare(out, crowd_names, CROWD_NAMES, games_loss, answered, &items);
}

/* ---- reward models ---- */

static double model_accuracy(const struct game_result *r, int forecast)
{
	return r->trained[forecast].accuracy;
}

static double model_best(const struct game_result *r, int forecast)
{
	return r->trained[forecast].best_of_eight;
}

/* A campaign of --train's defaults where a part of the labelers follows a strategy; NULL: nobody does. */
static struct game_options downstream(uint64_t items, const char *kind, double share)
{
	struct game_options o = games_usual(items, 41);
	o.world.features = 16;
	o.world.known = 0.1;
	o.n_groups = kind ? 1 : 0;
	if (kind)
		o.groups[0] = (struct game_group){strategy_find(kind), (uint32_t)lround(share * 41)};
	return o;
}

void experiment_training(uint64_t items, const double *shares, size_t n_shares, uint32_t repeats,
			 struct training_grid *out)
{
	/* In the order of training_schemes[]: which scheme, and which of its forecasts. */
	static const struct {
		const char *scheme;
		int forecast;
	} columns[TRAINING_COLUMNS] = {{"plain", 0}, {"majority", 0}, {"candor", 0}, {"forecast", 0}};
	struct games games = {0};
	static size_t first[TRAINING_ROWS_MAX][TRAINING_COLUMNS];
	*out = (struct training_grid){.n = 1, .rows = {{.name = "nobody"}}};
	for (size_t s = 0; s < n_shares; s++)
		for (size_t k = 0; strategies[k].name; k++)
			if (strategies[k].horizon == 0)
				out->rows[out->n++] =
					(struct training_row){.name = strategies[k].name, .share = shares[s]};
	for (size_t i = 0; i < out->n; i++) {
		const struct training_row *row = &out->rows[i];
		struct game_options o = downstream(items, row->share > 0 ? row->name : NULL, row->share);
		for (size_t c = 0; c < TRAINING_COLUMNS; c++)
			first[i][c] = games_add_repeats(&games, o, columns[c].scheme, NULL, repeats);
	}
	games_play(&games);
	for (size_t i = 0; i < out->n; i++) {
		for (size_t c = 0; c < TRAINING_COLUMNS; c++) {
			int f = columns[c].forecast;
			out->rows[i].accuracy[c] = games_quartiles(&games, first[i][c], repeats, model_accuracy, f);
			out->rows[i].best[c] = games_quartiles(&games, first[i][c], repeats, model_best, f);
		}
	}
	games_forget(&games);
}
