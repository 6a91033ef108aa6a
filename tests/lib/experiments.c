#include "tests/lib/experiments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/pool/settlement.h"
#include "tests/lib/games.h"

/* ---- the exponent of regret ---- */

enum { HAIRS = 18, TURNS = 7, GAPS = 2, INSTANCES_MAX = HAIRS + TURNS * GAPS };

static struct game_options duel(enum world_kind kind, uint64_t items, double gap, uint64_t period)
{
	return (struct game_options){.world = {.kind = kind,
					       .labelers = 2,
					       .items = items,
					       .base_rate = 0.5,
					       .gap = gap,
					       .period = period,
					       .known = 1,
					       .seed = 1}};
}

/* Nothing is drawn in a world of turns. */
static uint32_t repeats_of(const struct game_options *instance, uint32_t repeats)
{
	return instance->world.kind == WORLD_SWITCHING ? 1 : repeats;
}

/* Hairs from 0.3 down by halves of their square; turns of the whole campaign and down to a 27th of it, and of few items,
 * where whoever leads is wrong next. */
static size_t instances(uint64_t items, struct game_options *out)
{
	static const double gaps[GAPS] = {0.1, 0.3};
	const uint64_t periods[TURNS] = {items, (items + 2) / 3, (items + 8) / 9, (items + 26) / 27, 1, 3, 10};
	size_t n = 0;
	for (int k = 0; k < HAIRS; k++)
		out[n++] = duel(WORLD_HAIR, items, 0.3 * pow(2, -k / 2.0), 0);
	for (size_t g = 0; g < GAPS; g++)
		for (size_t k = 0; k < TURNS; k++)
			out[n++] = duel(WORLD_SWITCHING, items, gaps[g], periods[k]);
	return n;
}

void experiment_exponents(const uint64_t *items, size_t n, uint32_t repeats, struct grid *out, double *bound_used)
{
	static const char *const names[] = {"candor", "horizon", "plain", "hedge", "leader"};
	enum { NAMES = sizeof names / sizeof *names };
	struct games games = {0};
	size_t first[NAMES][GRID_X_MAX][INSTANCES_MAX], count = 0;
	grid_set_items(out, items, n, repeats);
	/* The longest ones are begun first, so that no processor waits for another at the end. */
	for (size_t i = n; i-- > 0;) {
		struct game_options all[INSTANCES_MAX];
		count = instances(items[i], all);
		for (size_t k = 0; k < NAMES; k++)
			for (size_t j = 0; j < count; j++)
				first[k][i][j] =
					games_add_repeats(&games, all[j], names[k], NULL, repeats_of(&all[j], repeats));
	}
	games_play(&games);
	for (size_t k = 0; k < NAMES; k++) {
		for (int f = 0; f < scheme_forecasts(games_contestant(names[k])->class); f++) {
			size_t c = grid_add_curve(out, cli_forecast_name(games_contestant(names[k]), f));
			for (size_t i = 0; i < n; i++) {
				/* What can be done in fewer items can be done in these. */
				out->y[c][i] = i > 0 ? out->y[c][i - 1] : 0;
				for (size_t j = 0; j < count; j++) {
					size_t game = first[k][i][j];
					uint32_t games_of = repeats_of(&games.options[game], repeats);
					out->y[c][i] = fmax(out->y[c][i],
							    games_median(&games, game, games_of, games_regret, f));
				}
			}
		}
	}
	*bound_used = NAN;
	for (size_t i = 0; i < games.n; i++)
		*bound_used = fmax(*bound_used, games.results[i].bound_used);
	games_forget(&games);
}

/* ---- strategic labelers ---- */

struct strategic {
	double share;
	uint64_t items;
};

static struct game_options strategic_game(const void *arg, double x)
{
	const struct strategic *s = arg;
	struct game_options o = games_usual(s->items, 41);
	if (x < 0)
		return o;
	o.n_groups = 1;
	o.groups[0] = (struct game_group){&strategies[(size_t)x], (uint32_t)lround(s->share * o.world.labelers)};
	return o;
}

void experiment_strategic(double share, uint64_t items, uint32_t repeats, bool responders, struct grid *out)
{
	static const char *const names[] = {"forecast", "candor", "plain", "hedge", "leader", "ds", "ds-gold"};
	const struct strategic s = {share, items};
	*out = (struct grid){.n_x = 1, .x = {-1}, .x_names = {"nobody"}, .repeats = {repeats}};
	for (size_t k = 0; strategies[k].name; k++) {
		if (strategies[k].horizon > 0 && !responders)
			continue;
		out->x[out->n_x] = (double)k;
		out->repeats[out->n_x] = strategies[k].horizon == 5 ? (repeats + 4) / 5 : repeats;
		out->x_names[out->n_x++] = strategies[k].name;
	}
	games_compare(out, names, sizeof names / sizeof *names, games_loss_of_best, strategic_game, &s);
}

/* ---- truth ---- */

void experiment_truth(struct grid *out)
{
	static const struct {
		const char *name;
		double belief;
	} beliefs[] = {{"belief 0.1", 0.1}, {"belief 0.4", 0.4}, {"belief 0.7", 0.7}, {"belief 0.95", 0.95}};
	enum { N = 10, POINTS = 21 };
	*out = (struct grid){.n_x = POINTS};
	for (size_t c = 0; c < sizeof beliefs / sizeof *beliefs; c++) {
		size_t curve = grid_add_curve(out, beliefs[c].name);
		for (size_t i = 0; i < POINTS; i++) {
			double expected = 0;
			out->x[i] = (double)i / (POINTS - 1);
			for (int y = 0; y <= 1; y++) {
				struct settlement_labeler w[N];
				uint32_t who[N];
				double reports[N];
				for (size_t k = 0; k < N; k++) {
					w[k] = (struct settlement_labeler){.before = 1};
					who[k] = (uint32_t)k;
					reports[k] = (double)k / N;
				}
				reports[0] = out->x[i];
				struct settlement_item item = {.n = N, .p = reports, .who = who, .outcome = y};
				settlement_settle(&item, 1, w, N, 0.3, 0, 1e-9);
				expected += (y ? beliefs[c].belief : 1 - beliefs[c].belief) * w[0].after;
			}
			out->y[curve][i] = expected;
		}
	}
}

/* ---- best responders ---- */

static struct game_options responder_game(uint64_t items, uint32_t labelers, const char *kind)
{
	struct game_options o = games_usual(items, labelers);
	o.n_groups = 1;
	o.groups[0] = (struct game_group){strategy_find(kind), 1};
	return o;
}

static double mean_standing(const struct games *g, size_t first, uint32_t repeats)
{
	double sum = 0;
	for (uint32_t i = 0; i < repeats; i++)
		sum += g->results[first + i].groups_standing;
	return sum / repeats;
}

void experiment_responders(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const char *const kinds[] = {"responder-1", "responder-2", "responder-5"};
	static const char *const schemes[] = {"candor", "hedge"};
	static const char *const means[2][3] = {{"candor 1", "candor 2", "candor 5"},
						{"hedge 1", "hedge 2", "hedge 5"}};
	static const char *const kepts[2][3] = {{"candor 1 kept", "candor 2 kept", "candor 5 kept"},
						{"hedge 1 kept", "hedge 2 kept", "hedge 5 kept"}};
	static const char *const mosts[2][3] = {{"candor 1 most", "candor 2 most", "candor 5 most"},
						{"hedge 1 most", "hedge 2 most", "hedge 5 most"}};
	static const double labelers[] = {2, 5, 20};
	struct games games = {0};
	size_t first[2][3][3], honest[2][3];
	grid_set_x(out, labelers, 3, repeats);
	for (size_t s = 0; s < 2; s++)
		for (size_t i = 0; i < 3; i++)
			honest[s][i] =
				games_add_repeats(&games, responder_game(items, (uint32_t)labelers[i], "truthful"),
						  schemes[s], NULL, repeats);
	for (size_t s = 0; s < 2; s++)
		for (size_t k = 0; k < 3; k++)
			for (size_t i = 0; i < 3; i++)
				first[s][k][i] = games_add_repeats(
					&games, responder_game(items, (uint32_t)labelers[i], kinds[k]), schemes[s],
					NULL, repeats);
	games_play(&games);
	for (size_t s = 0; s < 2; s++) {
		for (size_t k = 0; k < 3; k++) {
			size_t mean = grid_add_curve(out, means[s][k]), most = grid_add_curve(out, mosts[s][k]);
			size_t kept = grid_add_curve(out, kepts[s][k]);
			for (size_t i = 0; i < 3; i++) {
				double sum = 0, answers = 0, top = 0;
				for (uint32_t r = 0; r < repeats; r++) {
					const struct game_result *g = &games.results[first[s][k][i] + r];
					sum += g->gain_sum;
					answers += (double)g->responses;
					top = fmax(top, g->gain_most);
				}
				out->y[mean][i] = 100 * sum / answers;
				out->y[most][i] = 100 * top;
				out->y[kept][i] = 100 * (mean_standing(&games, first[s][k][i], repeats) /
								 mean_standing(&games, honest[s][i], repeats) -
							 1);
			}
		}
	}
	games_forget(&games);
}

/* ---- many names, many hands ---- */

enum { SAY_POINTS = 20 };

/* Checkpoints even in the logarithm, from 10 items on. */
static void set_say_points(struct grid *g, uint64_t items)
{
	*g = (struct grid){0};
	for (int k = 0; k < SAY_POINTS; k++) {
		double at = round(10 * pow((double)items / 10, (double)k / (SAY_POINTS - 1)));
		if (g->n_x == 0 || at > g->x[g->n_x - 1])
			g->x[g->n_x++] = at;
	}
}

/* The mean say of a group at each x. */
static void say_curve(struct grid *g, const char *name, struct game_options o, const struct candor_settings *given,
		      uint32_t repeats, double fair)
{
	struct games games = {0};
	size_t c = grid_add_curve(g, name);
	games_set_scheme(&o, games_contestant("candor"), given);
	o.n_checkpoints = g->n_x;
	for (size_t i = 0; i < g->n_x; i++)
		o.checkpoints[i] = (uint64_t)g->x[i];
	for (uint32_t r = 0; r < repeats; r++) {
		o.world.stream = r;
		games_add(&games, &o);
	}
	games_play(&games);
	for (size_t i = 0; i < g->n_x; i++) {
		for (uint32_t r = 0; r < repeats; r++)
			g->y[c][i] += games.results[r].influences[i] / repeats;
		g->y[c][i] /= fair;
	}
	games_forget(&games);
}

void experiment_sybils(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const struct {
		const char *name;
		uint32_t names;
		double share;
	} people[] = {{"1 name", 1, 0},
		      {"2 names", 2, 0},
		      {"5 names", 5, 0},
		      {"10 names", 10, 0},
		      {"10 names, share 0.02", 10, 0.02}};
	set_say_points(out, items);
	for (size_t k = 0; k < sizeof people / sizeof *people; k++) {
		struct game_options o = games_usual(items, 20 + people[k].names);
		const struct candor_settings given = {.share = people[k].share};
		o.n_groups = 1;
		o.groups[0] = (struct game_group){strategy_find("sybil"), people[k].names};
		/* All are equally good, so that names alone make the difference. */
		o.world.skill_low = o.world.skill_high = 1.2;
		o.world.bias = 0;
		say_curve(out, people[k].name, o, &given, repeats, 1.0 / 21);
	}
}

void experiment_collusion(uint64_t items, uint32_t repeats, struct grid *out)
{
	static const struct {
		const char *name, *kind;
		uint32_t count;
	} blocks[] = {{"4 of 41", "colluder", 4},
		      {"12 of 41", "colluder", 12},
		      {"20 of 41", "colluder", 20},
		      {"20 of 41, stealth", "stealth", 20}};
	const struct candor_settings defaults = {0};
	set_say_points(out, items);
	for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) {
		struct game_options o = games_usual(items, 41);
		o.n_groups = 1;
		o.groups[0] = (struct game_group){strategy_find(blocks[k].kind), blocks[k].count};
		say_curve(out, blocks[k].name, o, &defaults, repeats, 1);
	}
}

/* ---- sparse participation ---- */

void experiment_sparse(const uint64_t *items, size_t n, uint32_t repeats, struct grid *out)
{
	enum { ANYTIME, BY_T_EFF, BY_T, MEAN, RATES };
	static const char *const names[RATES] = {"anytime", "horizon T_eff", "horizon T", "mean"};
	struct games games = {0};
	size_t first[RATES][GRID_X_MAX];
	grid_set_items(out, items, n, repeats);
	for (size_t i = 0; i < n; i++) {
		struct game_options o = games_usual(items[i], 1000);
		const struct candor_settings by_t = {.horizon = (double)items[i]};
		o.world.participation = WORLD_SOME;
		o.world.per_item = 5;
		first[ANYTIME][i] = games_add_repeats(&games, o, "candor", NULL, repeats);
		first[BY_T_EFF][i] = games_add_repeats(&games, o, "horizon", NULL, repeats);
		first[BY_T][i] = games_add_repeats(&games, o, "horizon", &by_t, repeats);
		first[MEAN][i] = games_add_repeats(&games, o, "plain", NULL, repeats);
	}
	games_play(&games);
	for (size_t k = 0; k < RATES; k++) {
		size_t c = grid_add_curve(out, names[k]);
		for (size_t i = 0; i < n; i++)
			out->y[c][i] = games_median(&games, first[k][i], repeats, games_loss, 0);
	}
	games_forget(&games);
}
