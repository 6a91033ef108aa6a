/* The results of a simulation: a table, a JSON document, regret curves as CSV and as a plot. */
#include "client/cli/lab/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/lab/plot.h"
#include "client/cli/base/table.h"

/* ---- what the repeats came to ---- */

static double brier(const struct game_result *r, int forecast, size_t at)
{
	(void)at;
	return r->scores[forecast].brier / (double)r->scores[forecast].n;
}

static double of_best(const struct game_result *r, int forecast, size_t at)
{
	return brier(r, forecast, at) / r->best_loss;
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

static double best_loss(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->best_loss;
}

static double groups_standing(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->groups_standing;
}

static double largest_gain(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->gain;
}

static double its_bound(const struct game_result *r, int forecast, size_t at)
{
	(void)forecast;
	(void)at;
	return r->bound;
}

/* Median regrets at the checkpoints, into y[n_checkpoints], the items into x[]. */
static void regret_curve(const struct simulation *s, size_t contestant, int forecast, double *x, double *y)
{
	for (size_t at = 0; at < s->game.n_checkpoints; at++) {
		x[at] = (double)s->game.checkpoints[at];
		y[at] = simulation_quartiles(s, contestant, regret_at, forecast, at).median;
	}
}

static bool any_groups(const struct simulation *s)
{
	for (size_t k = 0; k < s->game.n_groups; k++)
		if (s->game.groups[k].count > 0)
			return true;
	return false;
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
		printf("%s%s %s", k ? ", " : ", including ", cli_count(o->groups[k].count).s,
		       o->groups[k].strategy->name);
	if (w->participation == WORLD_ALL)
		printf("; everybody answers every item");
	else
		printf("; %s answer%s per item%s", cli_count(w->per_item).s, cli_plural(w->per_item),
		       w->participation == WORLD_HEAVY ? ", most of them from a few labelers" : "");
	if (s->repeats > 1)
		printf("\nMedians of %s campaigns.", cli_count(s->repeats).s);
	if (o->delay > 0 || w->known < 1 || w->wrong > 0)
		printf("\nOutcomes arrive for %g %% of the items, %s items later, and %g %% of them are wrong.",
		       100 * w->known, cli_count(o->delay).s, 100 * w->wrong);
	if (w->known < 1)
		fputs("\nLosses are on the items whose outcome never arrives.", stdout);
	if (o->together > 1)
		printf("\nOutcomes come %s at a time, and are settled %s.", cli_count(o->together).s,
		       o->apart ? "one by one" : "together");
	if (w->features > 0)
		printf("\nEach item is a pair of responses with %s features.", cli_count(w->features).s);
	printf("\nThe best labeler's beliefs cost %.4f per item.\n\n",
	       simulation_quartiles(s, 0, best_loss, 0, 0).median);
}

static void real_cell(struct cli_table *t, const char *format, double x)
{
	char text[40];
	snprintf(text, sizeof text, format, x);
	cli_table_cell(t, "%s", isfinite(x) ? text : "-");
}

static void show_table(const struct simulation *s)
{
	struct cli_column columns[9] = {{.title = "scheme"}, {.title = "Brier", .right = true}};
	size_t n = 2;
	bool several = s->repeats > 1, groups = any_groups(s);
	if (several)
		columns[n++] = (struct cli_column){.title = "quartiles", .right = true};
	columns[n++] = (struct cli_column){.title = "of best", .right = true};
	columns[n++] = (struct cli_column){.title = "accuracy", .right = true};
	columns[n++] = (struct cli_column){.title = "log loss", .right = true};
	columns[n++] = (struct cli_column){.title = "regret", .right = true};
	if (groups)
		columns[n++] = (struct cli_column){.title = "influence", .right = true};
	struct cli_table t;
	cli_table_init(&t, columns, n);
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int f = 0; f < scheme_forecasts(s->contestants[k]->class); f++) {
			struct quartiles loss = simulation_quartiles(s, k, brier, f, 0);
			cli_table_cell(&t, "%s", cli_forecast_name(s->contestants[k], f));
			real_cell(&t, "%.4f", loss.median);
			if (several)
				cli_table_cell(&t, "%.4f-%.4f", loss.low, loss.high);
			real_cell(&t, "%.2f", simulation_quartiles(s, k, of_best, f, 0).median);
			cli_table_cell(&t, "%.1f %%", 100 * simulation_quartiles(s, k, accuracy, f, 0).median);
			cli_table_cell(&t, "%.3f", simulation_quartiles(s, k, log_loss, f, 0).median);
			cli_table_cell(&t, "%.1f", simulation_quartiles(s, k, regret, f, 0).median);
			if (groups)
				real_cell(&t, "%.1f %%", 100 * simulation_quartiles(s, k, influence, f, 0).median);
		}
	}
	cli_table_print(&t, &s->cli->term, stdout);
	cli_table_free(&t);
}

static void show_notes(const struct simulation *s)
{
	puts("\nof best: loss relative to that of the best labeler's beliefs. regret: loss in excess of\n"
	     "that of the labeler it would have been best to follow, with the reports as given.");
	if (any_groups(s))
		puts("influence: the --strategic labelers' share of a forecast.");
	for (size_t k = 0; k < s->n_contestants; k++) {
		const struct game_result *bound =
			cli_tells_weights(s->contestants, s->n_contestants, k) ? simulation_bound(s, k) : NULL;
		struct gain g = gain_of(s, k);
		if (bound)
			printf("%s: no labeler's gain came above %.2f of its regret bound. The largest gain\n"
			       "was %.1f at the end, its bound %.1f.\n",
			       s->contestants[k]->name, bound->bound_used, bound->gain, bound->bound);
		if (g.responses)
			printf("%s: by misreporting, best responders expected to gain %.2g %% of their weight\n"
			       "over the items they looked ahead; at most %.2g %% (item %s).\n",
			       s->contestants[k]->name, 100 * g.mean, 100 * g.most, cli_count(g.most_item).s);
	}
}

/* ---- for programs ---- */

static void put_curve(const struct simulation *s, struct json_out *j, size_t contestant, int forecast)
{
	cli_json_open(j, "curve", '[');
	for (size_t at = 0; at < s->game.n_checkpoints; at++) {
		struct quartiles q = simulation_quartiles(s, contestant, regret_at, forecast, at);
		json_out_open(j, '{');
		cli_json_count(j, "items", s->game.checkpoints[at]);
		cli_json_real(j, "regret", q.median);
		cli_json_real(j, "regret_q1", q.low);
		cli_json_real(j, "regret_q3", q.high);
		cli_json_real(j, "influence", simulation_quartiles(s, contestant, influence_at, forecast, at).median);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

static void put_forecast(const struct simulation *s, struct json_out *j, size_t contestant, int forecast)
{
	const struct cli_contestant *k = s->contestants[contestant];
	struct gain g = gain_of(s, contestant);
	json_out_open(j, '{');
	cli_json_text(j, "scheme", cli_forecast_name(k, forecast));
	if (k->class->mechanism) {
		struct candor_settings settings = cli_contestant_settings(k, &s->given, simulation_t_eff(s));
		settings.has_wrong = settings.has_scored = true;
		json_out_key(j, "settings");
		json_out_settings(j, &settings);
	}
	simulation_put(s, j, "brier", contestant, brier, forecast);
	simulation_put(s, j, "of_best", contestant, of_best, forecast);
	simulation_put(s, j, "accuracy", contestant, accuracy, forecast);
	simulation_put(s, j, "log_loss", contestant, log_loss, forecast);
	simulation_put(s, j, "calibration_error", contestant, calibration, forecast);
	simulation_put(s, j, "regret", contestant, regret, forecast);
	simulation_put(s, j, "influence", contestant, influence, forecast);
	simulation_put(s, j, "groups_standing", contestant, groups_standing, forecast);
	const struct game_result *bound = simulation_bound(s, contestant);
	cli_json_real(j, "bound_used", bound ? bound->bound_used : NAN);
	if (bound) {
		simulation_put(s, j, "gain", contestant, largest_gain, forecast);
		simulation_put(s, j, "bound", contestant, its_bound, forecast);
	}
	if (s->train)
		simulate_put_trained(s, j, contestant, forecast);
	if (g.responses) {
		cli_json_count(j, "responses", g.responses);
		cli_json_real(j, "gain_mean", g.mean);
		cli_json_real(j, "gain_most", g.most);
		cli_json_count(j, "gain_most_item", g.most_item);
	}
	put_curve(s, j, contestant, forecast);
	json_out_close(j, '}');
}

static const char *world_name(enum world_kind kind)
{
	switch (kind) {
	case WORLD_SIGNALS: return "signals";
	case WORLD_HAIR: return "hair";
	case WORLD_SWITCHING: return "switching";
	}
	return "unknown";
}

static const char *participation_name(enum world_participation participation)
{
	switch (participation) {
	case WORLD_ALL: return "all";
	case WORLD_SOME: return "some";
	case WORLD_HEAVY: return "heavy";
	}
	return "unknown";
}

static void put_world(struct json_out *j, const struct world_options *w)
{
	cli_json_text(j, "world", world_name(w->kind));
	cli_json_count(j, "items", w->items);
	cli_json_count(j, "labelers", w->labelers);
	cli_json_text(j, "participation", participation_name(w->participation));
	cli_json_count(j, "answers_per_item", world_reporters_max(w));
	if (w->kind == WORLD_SIGNALS) {
		cli_json_real(j, "skill_low", w->skill_low);
		cli_json_real(j, "skill_high", w->skill_high);
		cli_json_real(j, "bias", w->bias);
		cli_json_real(j, "correlation", w->correlation);
		cli_json_real(j, "base_rate", w->base_rate);
		if (w->features > 0)
			cli_json_count(j, "features", w->features);
	} else {
		cli_json_real(j, "gap", w->gap);
		cli_json_count(j, "period", w->period);
	}
}

/* Everything needed to repeat the run. */
static void put_campaign(const struct simulation *s, struct json_out *j)
{
	const struct world_options *w = &s->game.world;
	cli_json_open(j, "campaign", '{');
	put_world(j, w);
	cli_json_count(j, "delay", s->game.delay);
	cli_json_real(j, "known", w->known);
	cli_json_real(j, "flipped", w->wrong);
	cli_json_count(j, "together", s->game.together > 1 ? s->game.together : 1);
	cli_json_bool(j, "apart", s->game.apart);
	cli_json_open(j, "strategic", '[');
	for (size_t k = 0; k < s->game.n_groups; k++) {
		json_out_open(j, '{');
		cli_json_text(j, "strategy", s->game.groups[k].strategy->name);
		cli_json_count(j, "labelers", s->game.groups[k].count);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
	json_out_close(j, '}');
}

static void print_document(const struct simulation *s)
{
	struct cli_json d;
	struct json_out *j = &d.j;
	cli_json_begin(&d);
	json_out_open(j, '{');
	put_campaign(s, j);
	cli_json_count(j, "seed", s->game.world.seed);
	cli_json_count(j, "repeats", s->repeats);
	cli_json_real(j, "best_loss", simulation_quartiles(s, 0, best_loss, 0, 0).median);
	if (s->train)
		simulate_put_limits(s, j);
	cli_json_open(j, "schemes", '[');
	for (size_t k = 0; k < s->n_contestants; k++)
		for (int f = 0; f < scheme_forecasts(s->contestants[k]->class); f++)
			put_forecast(s, j, k, f);
	json_out_close(j, ']');
	cli_put_failure(s->cli, j);
	json_out_close(j, '}');
	cli_json_print(&d);
}

/* ---- into files ---- */

static int write_curve(const struct simulation *s)
{
	FILE *f = fopen(s->curve_path, "w");
	if (!f)
		return cli_fail_file(s->cli, s->curve_path, -errno);
	fputs("scheme,items,regret,regret_q1,regret_q3,influence\n", f);
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int fc = 0; fc < scheme_forecasts(s->contestants[k]->class); fc++) {
			for (size_t at = 0; at < s->game.n_checkpoints; at++) {
				struct quartiles q = simulation_quartiles(s, k, regret_at, fc, at);
				double say = simulation_quartiles(s, k, influence_at, fc, at).median;
				fprintf(f, "%s,%" PRIu64 ",%s,%s,%s,", cli_forecast_name(s->contestants[k], fc),
					s->game.checkpoints[at], cli_exact(q.median).s, cli_exact(q.low).s,
					cli_exact(q.high).s);
				fprintf(f, "%s\n", isnan(say) ? "" : cli_exact(say).s);
			}
		}
	}
	bool failed = ferror(f);
	if (fclose(f) || failed)
		return cli_fail_file(s->cli, s->curve_path, -errno);
	return CLI_DONE;
}

/* A log axis cannot show regrets that are not above 0: names the curves that have such points. */
static void name_gaps(const struct simulation *s, const struct plot *p)
{
	char names[40 * CLI_FORECASTS_MAX] = "";
	size_t len = 0;
	for (size_t i = 0; i < p->n; i++)
		if (plot_points(p, &p->curves[i]) < p->curves[i].n)
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
						p->curves[i].name);
	if (len > 0)
		cli_note("%s: only regret above 0 is drawn, so points are missing for %s", s->plot_path, names);
}

static int draw(const struct simulation *s)
{
	struct plot_curve curves[CLI_FORECASTS_MAX];
	double x[CLI_FORECASTS_MAX][GAME_CHECKPOINTS_MAX], y[CLI_FORECASTS_MAX][GAME_CHECKPOINTS_MAX];
	size_t n = 0;
	for (size_t k = 0; k < s->n_contestants; k++) {
		for (int f = 0; f < scheme_forecasts(s->contestants[k]->class); f++, n++) {
			regret_curve(s, k, f, x[n], y[n]);
			curves[n] = (struct plot_curve){.name = cli_forecast_name(s->contestants[k], f),
							.n = s->game.n_checkpoints,
							.x = x[n],
							.y = y[n],
							.dashed = !s->contestants[k]->class->mechanism};
		}
	}
	const struct plot p = {.title = "Regret against the best labeler",
			       .x_title = "items",
			       .y_title = "regret (sum of Brier losses)",
			       .log_x = true,
			       .log_y = true,
			       .n = n,
			       .curves = curves};
	int err = plot_draw(&p, s->plot_path);
	if (err == -ENODATA)
		return cli_fail(s->cli, CLI_USAGE, CANDOR_FAILED_PRECONDITION,
				"%s: no regret is above 0, and a log axis shows nothing else", s->plot_path);
	if (err == -EIO)
		return cli_fail(s->cli, CLI_USAGE, CANDOR_FAILED_PRECONDITION, "%s: gnuplot could not draw it",
				s->plot_path);
	if (err)
		return cli_fail_file(s->cli, s->plot_path, err);
	name_gaps(s, &p);
	return CLI_DONE;
}

/* Whether a file can be written, without changing what is in it. */
static bool can_write(struct cli *c, const char *option, const char *path)
{
	bool is_new = access(path, F_OK) != 0;
	FILE *f = fopen(path, "a");
	if (!f) {
		char what[512];
		int err = -errno;
		snprintf(what, sizeof what, "%s: %s", option, path);
		cli_fail_file(c, what, err);
		return false;
	}
	fclose(f);
	if (is_new)
		unlink(path);
	return true;
}

int simulate_prepare(const struct simulation *s)
{
	if (s->curve_path && !can_write(s->cli, "--curve", s->curve_path))
		return CLI_USAGE;
	if (!s->plot_path)
		return 0;
	if (!can_write(s->cli, "--plot", s->plot_path))
		return CLI_USAGE;
	int err = plot_available();
	if (err == -ENOENT)
		return cli_fail(s->cli, CLI_USAGE, CANDOR_FAILED_PRECONDITION,
				"--plot needs gnuplot, which is not installed (Debian: gnuplot-nox)");
	if (err)
		return cli_fail_file(s->cli, "--plot: cannot run gnuplot", err);
	return 0;
}

int simulate_show(const struct simulation *s)
{
	int code = CLI_DONE;
	for (size_t k = 0; k < s->n_contestants; k++) {
		const struct game_result *bound = simulation_bound(s, k);
		if (bound && bound->bound_used > 1 && code == CLI_DONE)
			code = cli_fail(s->cli, CLI_USAGE, CANDOR_INTERNAL,
					"the regret bound does not hold; please report this, with the command");
	}
	if (!s->cli->json) {
		show_campaign(s);
		if (s->train)
			simulate_show_training(s);
		show_table(s);
		show_notes(s);
	}
	if (s->curve_path)
		code = write_curve(s);
	if (s->plot_path && code == CLI_DONE)
		code = draw(s);
	/* Last, so that it can say what went wrong. */
	if (s->cli->json)
		print_document(s);
	return code;
}
