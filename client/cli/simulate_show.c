/* What a simulation came to: a table, a JSON document, curves of regret as CSV and as a picture. */
#include "simulate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/stats.h"
#include "json.h"
#include "number.h"
#include "plot.h"
#include "table.h"

/* ---- what the repeats came to ---- */

typedef double measure(const struct game_result *r, int forecast, size_t at);

static double brier(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->scores[forecast].brier / (double)r->scores[forecast].n;
}

static double of_best(const struct game_result *r, int forecast, size_t at)
{
	return brier(r, forecast, at) / r->best_truthful;
}

static double accuracy(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->scores[forecast].right / (double)r->scores[forecast].n;
}

static double log_loss(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->scores[forecast].log_loss / (double)r->scores[forecast].n;
}

static double calibration(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return score_calibration_error(&r->scores[forecast]);
}

static double regret(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->regret[forecast];
}

static double regret_at(const struct game_result *r, int forecast, size_t at)
{
	return r->regrets[forecast][at];
}

static double influence(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->influence;
}

static double influence_at(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	return r->influences[at];
}

static double best_truthful(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->best_truthful;
}

static struct quartiles over_repeats(const struct simulation *s, size_t contestant, measure *m, int forecast, size_t at)
{
	double *x = cli_memory(malloc(s->repeats * sizeof *x));
	for (uint32_t i = 0; i < s->repeats; i++)
		x[i] = m(simulation_result(s, contestant, i), forecast, at);
	struct quartiles q = stats_quartiles(x, s->repeats);
	free(x);
	return q;
}

/* Median regrets at the checkpoints, into y[n_checkpoints], the items into x[]. */
static void regret_curve(const struct simulation *s, size_t contestant, int forecast, double *x, double *y)
{
	for (size_t at = 0; at < s->game.n_checkpoints; at++) {
		x[at] = (double)s->game.checkpoints[at];
		y[at] = over_repeats(s, contestant, regret_at, forecast, at).median;
	}
}

/* How regret grows from a hundred items on; NaN where it is not above 0 all that way. */
static double exponent(const struct simulation *s, size_t contestant, int forecast)
{
	double x[GAME_CHECKPOINTS_MAX], y[GAME_CHECKPOINTS_MAX];
	size_t from = 0;
	regret_curve(s, contestant, forecast, x, y);
	while (from < s->game.n_checkpoints && x[from] < 100)
		from++;
	for (size_t at = from; at < s->game.n_checkpoints; at++)
		if (y[at] <= 0)
			return NAN;
	return stats_exponent(x + from, y + from, s->game.n_checkpoints - from);
}

static bool anyone_strategic(const struct simulation *s)
{
	for (size_t k = 0; k < s->game.n_groups; k++)
		if (s->game.groups[k].count > 0)
			return true;
	return false;
}

/* The largest part of the certificate's bound in any repeat. NaN where the contestant has none. */
static double bound_used(const struct simulation *s, size_t contestant)
{
	double most = NAN;
	for (uint32_t i = 0; i < s->repeats; i++)
		most = fmax(most, simulation_result(s, contestant, i)->bound_used);
	return most;
}

struct gain {
	uint64_t responses;
	double mean, most;
	uint64_t most_item;
};

static struct gain gain_of(const struct simulation *s, size_t contestant)
{
	struct gain g = {0};
	for (uint32_t i = 0; i < s->repeats; i++) {
		const struct game_result *r = simulation_result(s, contestant, i);
		g.responses += r->responses;
		g.mean += r->gain_sum;
		if (r->gain_most > g.most) {
			g.most = r->gain_most;
			g.most_item = r->gain_most_item;
		}
	}
	if (g.responses)
		g.mean /= (double)g.responses;
	return g;
}

/* ---- for people ---- */

static void show_campaign(const struct simulation *s)
{
	const struct game_options *o = &s->game;
	const struct world_options *w = &o->world;
	printf("%s item%s, %s labeler%s", cli_count(w->items).s, cli_plural(w->items), cli_count(w->labelers).s,
	       cli_plural(w->labelers));
	for (size_t k = 0; k < o->n_groups; k++)
		printf("%s%s %s", k ? ", " : ", of them ", cli_count(o->groups[k].count).s,
		       o->groups[k].strategy->name);
	if (w->participation == WORLD_ALL)
		printf("; all answer each item");
	else
		printf("; %s answer an item%s", cli_count(w->per_item).s,
		       w->participation == WORLD_HEAVY ? ", few of them most" : "");
	if (s->repeats > 1)
		printf("\nMedians of %s campaigns.", cli_count(s->repeats).s);
	double best = over_repeats(s, 0, best_truthful, 0, 0).median;
	if (isnan(best))
		printf("\nNo truthful labeler answered enough to be held against.\n\n");
	else
		printf("\nThe best truthful labeler's loss is %.4f.\n\n", best);
}

static void show_table(const struct simulation *s)
{
	struct cli_column columns[8] = {{.title = "scheme"}, {.title = "Brier", .right = true}};
	size_t n = 2;
	bool several = s->repeats > 1, strategic = anyone_strategic(s);
	if (several)
		columns[n++] = (struct cli_column){.title = "quartiles", .right = true};
	columns[n++] = (struct cli_column){.title = "of best", .right = true};
	columns[n++] = (struct cli_column){.title = "accuracy", .right = true};
	columns[n++] = (struct cli_column){.title = "regret", .right = true};
	columns[n++] = (struct cli_column){.title = "grows as", .right = true};
	if (strategic)
		columns[n++] = (struct cli_column){.title = "their say", .right = true};
	struct cli_table t;
	cli_table_init(&t, columns, n);
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int f = 0; f < cli_forecasts(s->contestants[k]); f++) {
			struct quartiles loss = over_repeats(s, k, brier, f, 0);
			double power = exponent(s, k, f), against_best = over_repeats(s, k, of_best, f, 0).median;
			cli_table_cell(&t, "%s", cli_forecast_name(s->contestants[k], f));
			cli_table_cell(&t, "%.4f", loss.median);
			if (several)
				cli_table_cell(&t, "%.4f-%.4f", loss.low, loss.high);
			if (isfinite(against_best))
				cli_table_cell(&t, "%.2f", against_best);
			else
				cli_table_cell(&t, "-");
			cli_table_cell(&t, "%.1f %%", 100 * over_repeats(s, k, accuracy, f, 0).median);
			cli_table_cell(&t, "%.1f", over_repeats(s, k, regret, f, 0).median);
			if (isnan(power))
				cli_table_cell(&t, "-");
			else
				cli_table_cell(&t, "T^%.2f", power);
			if (strategic)
				cli_table_cell(&t, "%.1f %%", 100 * over_repeats(s, k, influence, f, 0).median);
		}
	}
	cli_table_print(&t, &s->cli->term, stdout);
	cli_table_free(&t);
}

static void show_notes(const struct simulation *s)
{
	puts("\nof best: loss against the best truthful labeler's. regret: loss beyond that of the\n"
	     "labeler it would have been best to follow; grows as: fitted from 100 items on,\n"
	     "\"-\" where it was at times below 0.");
	if (anyone_strategic(s))
		puts("their say: part of an item's weight that labelers who are not truthful have.");
	for (size_t k = 0; k < s->n_contestants; k++) {
		double used = bound_used(s, k);
		struct gain g = gain_of(s, k);
		if (!isnan(used))
			printf("%s: no labeler's regret came above %.2f of its guaranteed bound.\n",
			       s->contestants[k]->name, used);
		if (used > 1)
			cli_error(s->cli, "the guarantee is broken: please report this, with the command");
		if (g.responses)
			printf("%s: best responders expected to gain %.2g %% of their weight an answer by not being "
			       "truthful, at most %.2g %% (item %s).\n",
			       s->contestants[k]->name, 100 * g.mean, 100 * g.most, cli_count(g.most_item).s);
	}
}

/* ---- for programs ---- */

static void put(json_t *to, const char *key, json_t *value)
{
	if (json_object_set_new(to, key, value))
		cli_memory(NULL);
}

static void put_quartiles(const struct simulation *s, json_t *to, const char *key, size_t contestant, measure *m,
			  int forecast)
{
	struct quartiles q = over_repeats(s, contestant, m, forecast, 0);
	json_t *o = cli_memory(json_object());
	put(o, "median", cli_json_real(q.median));
	put(o, "q1", cli_json_real(q.low));
	put(o, "q3", cli_json_real(q.high));
	put(to, key, o);
}

static json_t *curve_document(const struct simulation *s, size_t contestant, int forecast)
{
	json_t *points = cli_memory(json_array());
	for (size_t at = 0; at < s->game.n_checkpoints; at++) {
		json_t *o = cli_memory(json_object());
		put(o, "items", cli_json_count(s->game.checkpoints[at]));
		put(o, "regret", cli_json_real(over_repeats(s, contestant, regret_at, forecast, at).median));
		put(o, "influence", cli_json_real(over_repeats(s, contestant, influence_at, forecast, at).median));
		if (json_array_append_new(points, o))
			cli_memory(NULL);
	}
	return points;
}

static json_t *forecast_document(const struct simulation *s, size_t contestant, int forecast)
{
	json_t *o = cli_memory(json_object());
	struct gain g = gain_of(s, contestant);
	put(o, "scheme", cli_memory(json_string(cli_forecast_name(s->contestants[contestant], forecast))));
	put_quartiles(s, o, "brier", contestant, brier, forecast);
	put_quartiles(s, o, "of_best", contestant, of_best, forecast);
	put_quartiles(s, o, "accuracy", contestant, accuracy, forecast);
	put_quartiles(s, o, "log_loss", contestant, log_loss, forecast);
	put_quartiles(s, o, "calibration_error", contestant, calibration, forecast);
	put_quartiles(s, o, "regret", contestant, regret, forecast);
	put(o, "regret_exponent", cli_json_real(exponent(s, contestant, forecast)));
	put(o, "influence", cli_json_real(over_repeats(s, contestant, influence, forecast, 0).median));
	put(o, "bound_used", cli_json_real(bound_used(s, contestant)));
	if (g.responses) {
		put(o, "responses", cli_json_count(g.responses));
		put(o, "gain_mean", cli_json_real(g.mean));
		put(o, "gain_most", cli_json_real(g.most));
	}
	put(o, "curve", curve_document(s, contestant, forecast));
	return o;
}

static void print_document(const struct simulation *s)
{
	json_t *o = cli_memory(json_object()), *groups = cli_memory(json_array()), *schemes = cli_memory(json_array());
	const struct world_options *w = &s->game.world;
	put(o, "items", cli_json_count(w->items));
	put(o, "labelers", cli_json_count(w->labelers));
	put(o, "answers_per_item", cli_json_count(world_reporters_max(w)));
	put(o, "seed", cli_json_count(w->seed));
	put(o, "repeats", cli_json_count(s->repeats));
	put(o, "best_truthful", cli_json_real(over_repeats(s, 0, best_truthful, 0, 0).median));
	for (size_t k = 0; k < s->game.n_groups; k++) {
		const struct game_group *g = &s->game.groups[k];
		json_array_append_new(groups, cli_memory(json_pack("{s:s, s:i}", "strategy", g->strategy->name,
								   "labelers", (int)g->count)));
	}
	put(o, "strategic", groups);
	for (size_t k = 0; k < s->n_contestants; k++)
		for (int f = 0; f < cli_forecasts(s->contestants[k]); f++)
			json_array_append_new(schemes, forecast_document(s, k, f));
	put(o, "schemes", schemes);
	cli_json_print(o);
}

/* ---- into files ---- */

static int write_curve(const struct simulation *s)
{
	FILE *f = fopen(s->curve_path, "w");
	if (!f) {
		cli_error(s->cli, "%s: %m", s->curve_path);
		return CLI_USAGE;
	}
	fputs("scheme,items,regret,regret_q1,regret_q3,influence\n", f);
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int fc = 0; fc < cli_forecasts(s->contestants[k]); fc++) {
			for (size_t at = 0; at < s->game.n_checkpoints; at++) {
				struct quartiles q = over_repeats(s, k, regret_at, fc, at);
				double say = over_repeats(s, k, influence_at, fc, at).median;
				fprintf(f, "%s,%" PRIu64 ",%.10g,%.10g,%.10g,%.10g\n",
					cli_forecast_name(s->contestants[k], fc), s->game.checkpoints[at], q.median,
					q.low, q.high, say);
			}
		}
	}
	bool failed = ferror(f);
	if (fclose(f) || failed) {
		cli_error(s->cli, "%s could not be written: %m", s->curve_path);
		return CLI_USAGE;
	}
	return CLI_DONE;
}

static int draw(const struct simulation *s)
{
	struct plot_curve curves[CLI_FORECASTS_MAX];
	double x[CLI_FORECASTS_MAX][GAME_CHECKPOINTS_MAX], y[CLI_FORECASTS_MAX][GAME_CHECKPOINTS_MAX];
	size_t n = 0;
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int f = 0; f < cli_forecasts(s->contestants[k]); f++, n++) {
			regret_curve(s, k, f, x[n], y[n]);
			curves[n] = (struct plot_curve){.name = cli_forecast_name(s->contestants[k], f),
							.n = s->game.n_checkpoints,
							.x = x[n],
							.y = y[n],
							.dashed = s->contestants[k]->class != &scheme_candor};
		}
	}
	const struct plot p = {.title = "Regret against the best labeler",
			       .x_title = "items",
			       .y_title = "regret (sum of Brier losses)",
			       .log_x = true,
			       .log_y = true,
			       .n = n,
			       .curves = curves};
	const char *why;
	int err = plot_draw(&p, s->plot_path, &why);
	if (err)
		cli_error(s->cli, "%s: %s", s->plot_path, why);
	return err ? CLI_USAGE : CLI_DONE;
}

int simulate_show(const struct simulation *s)
{
	int code = CLI_DONE;
	if (s->cli->json) {
		print_document(s);
	} else {
		show_campaign(s);
		show_table(s);
		show_notes(s);
	}
	if (s->curve_path)
		code = write_curve(s);
	if (s->plot_path && code == CLI_DONE)
		code = draw(s);
	return code;
}
