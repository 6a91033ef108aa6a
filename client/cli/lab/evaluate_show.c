/* The results of an evaluation: tables, or a JSON document. */
#include "client/cli/lab/evaluate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lab/stats.h"
#include "client/cli/base/json.h"
#include "client/cli/base/number.h"
#include "client/cli/base/table.h"

/* ---- what the repeats came to ---- */

typedef double measure(const struct replay *r, int forecast);

static double brier(const struct replay *r, int forecast)
{
	return r->scores[forecast].brier / (double)r->scores[forecast].n;
}

static double accuracy(const struct replay *r, int forecast)
{
	return r->scores[forecast].right / (double)r->scores[forecast].n;
}

static double log_loss(const struct replay *r, int forecast)
{
	return r->scores[forecast].log_loss / (double)r->scores[forecast].n;
}

static double calibration(const struct replay *r, int forecast)
{
	return score_calibration_error(&r->scores[forecast]);
}

static double regret(const struct replay *r, int forecast)
{
	return r->regret[forecast];
}

static const struct replay *replay_of(const struct evaluation *e, size_t file, size_t contestant)
{
	return &e->files[file].replays[contestant * e->repeats];
}

static struct quartiles over_repeats(const struct evaluation *e, size_t file, size_t contestant, measure *m,
				     int forecast)
{
	double *x = cli_memory(malloc(e->repeats * sizeof *x));
	for (uint32_t i = 0; i < e->repeats; i++)
		x[i] = m(replay_of(e, file, contestant) + i, forecast);
	struct quartiles q = stats_quartiles(x, e->repeats);
	free(x);
	return q;
}

/* The Brier loss against that of the plain mean, which is the same in every order. NaN where that does not take part,
 * or both are 0. */
static double of_mean(const struct evaluation *e, size_t file, size_t contestant, int forecast)
{
	for (size_t k = 0; k < e->n_contestants; k++)
		if (e->contestants[k]->class == &scheme_plain)
			return over_repeats(e, file, contestant, brier, forecast).median /
			       over_repeats(e, file, k, brier, 0).median;
	return NAN;
}

/* The geometric mean of it over the files that have one above 0: how many those are, in *n. */
static double of_mean_overall(const struct evaluation *e, size_t contestant, int forecast, size_t *n)
{
	double *x = cli_memory(malloc(e->n_files * sizeof *x));
	*n = 0;
	for (size_t i = 0; i < e->n_files; i++) {
		double ratio = of_mean(e, i, contestant, forecast);
		if (isfinite(ratio) && ratio > 0)
			x[(*n)++] = ratio;
	}
	double mean = stats_geometric_mean(x, *n);
	free(x);
	return mean;
}

static bool has_plain(const struct evaluation *e)
{
	for (size_t k = 0; k < e->n_contestants; k++)
		if (e->contestants[k]->class == &scheme_plain)
			return true;
	return false;
}

static const char *labeler_name(const struct evaluated_file *f, uint32_t id)
{
	return id == NAMES_NONE ? "-" : f->data.labelers[id];
}

/* ---- one file, for people ---- */

static void ratio_cell(struct cli_table *t, double ratio)
{
	if (!isfinite(ratio))
		cli_table_cell(t, "-");
	else
		cli_table_cell(t, "%.3f", ratio);
}

static void show_measures(const struct evaluation *e, size_t file)
{
	struct cli_column columns[9] = {{.title = "scheme"}, {.title = "Brier", .right = true}};
	size_t n = 2;
	if (e->repeats > 1)
		columns[n++] = (struct cli_column){.title = "quartiles", .right = true};
	columns[n++] = (struct cli_column){.title = "of mean", .right = true};
	columns[n++] = (struct cli_column){.title = "accuracy", .right = true};
	columns[n++] = (struct cli_column){.title = "log loss", .right = true};
	columns[n++] = (struct cli_column){.title = "calib.", .right = true};
	columns[n++] = (struct cli_column){.title = "regret", .right = true};
	struct cli_table t;
	cli_table_init(&t, columns, n);
	for (size_t k = 0; k < e->n_contestants; k++) {
		for (int f = 0; f < scheme_forecasts(e->contestants[k]->class); f++) {
			struct quartiles loss = over_repeats(e, file, k, brier, f);
			cli_table_cell(&t, "%s", cli_forecast_name(e->contestants[k], f));
			cli_table_cell(&t, "%.4f", loss.median);
			if (e->repeats > 1)
				cli_table_cell(&t, "%.4f-%.4f", loss.low, loss.high);
			ratio_cell(&t, of_mean(e, file, k, f));
			cli_table_cell(&t, "%.1f %%", 100 * over_repeats(e, file, k, accuracy, f).median);
			cli_table_cell(&t, "%.3f", over_repeats(e, file, k, log_loss, f).median);
			cli_table_cell(&t, "%.3f", over_repeats(e, file, k, calibration, f).median);
			cli_table_cell(&t, "%.1f", over_repeats(e, file, k, regret, f).median);
		}
	}
	cli_table_print(&t, &e->cli->term, stdout);
	cli_table_free(&t);
}

static const char *first_order(const struct evaluation *e)
{
	return e->repeats > 1 ? ", in the first order" : "";
}

/* Of the first forecast, in the first order. */
static void show_calibration(const struct evaluation *e, size_t file)
{
	static const struct cli_column columns[] = {{.title = "forecasts"},
						    {.title = "items", .right = true},
						    {.title = "mean forecast", .right = true},
						    {.title = "outcomes", .right = true},
						    {.title = "", .bar = true}};
	const struct score *s = &replay_of(e, file, 0)->scores[0];
	struct cli_table t;
	cli_table_init(&t, columns, 5);
	printf("\nCalibration of %s%s: of items forecast at 0.7, 7 of 10 outcomes should be 1.\n",
	       cli_forecast_name(e->contestants[0], 0), first_order(e));
	for (int k = 0; k < SCORE_TENTHS; k++) {
		const struct score_tenth *tenth = &s->tenths[k];
		if (tenth->n == 0)
			continue;
		cli_table_cell(&t, "%.1f - %.1f", k / 10.0, (k + 1) / 10.0);
		cli_table_cell(&t, "%s", cli_count(tenth->n).s);
		cli_table_cell(&t, "%.3f", tenth->forecasts / (double)tenth->n);
		cli_table_cell(&t, "%.3f", tenth->outcomes / (double)tenth->n);
		cli_table_cell(&t, "%.3f", tenth->outcomes / (double)tenth->n);
	}
	cli_table_print(&t, &e->cli->term, stdout);
	cli_table_free(&t);
}

/* What the mechanism came to. */
static void show_weights(const struct evaluation *e, size_t file)
{
	const struct evaluated_file *f = &e->files[file];
	bool apart = false;
	for (size_t k = 0; k < e->n_contestants; k++) {
		const struct replay *r = replay_of(e, file, k);
		if (!cli_tells_weights(e->contestants, e->n_contestants, k) || r->heaviest == NAMES_NONE)
			continue;
		if (!apart)
			putchar('\n');
		apart = true;
		printf("%s%s: heaviest %s (%s), lightest %s (%s); best labeler %s, loss %.4f;\n"
		       "largest gain %.1f, whose regret bound is %.1f\n",
		       e->contestants[k]->name, first_order(e), labeler_name(f, r->heaviest),
		       cli_weight(r->heaviest_weight).s, labeler_name(f, r->lightest), cli_weight(r->lightest_weight).s,
		       labeler_name(f, r->best[0]), r->best_loss[0], r->gain, r->bound);
	}
}

static void show_file(const struct evaluation *e, size_t file)
{
	const struct evaluated_file *f = &e->files[file];
	const char *bold = cli_bold(e->cli->term.out_color), *plain = cli_plain(e->cli->term.out_color);
	printf("%s%s%s: %s item%s, %s with known outcomes; %s labeler%s, %s report%s\n\n", bold, f->name, plain,
	       cli_count(f->data.n_items).s, cli_plural(f->data.n_items), cli_count(f->data.n_known).s,
	       cli_count(f->data.n_labelers).s, cli_plural(f->data.n_labelers), cli_count(f->data.n_reports).s,
	       cli_plural(f->data.n_reports));
	show_measures(e, file);
	show_weights(e, file);
	show_calibration(e, file);
}

/* ---- many files, for people ---- */

/* A forecast of a contestant. */
struct shown {
	size_t contestant;
	int forecast;
};

/* The forecasts from *next on that fit beside each other: how many. */
static size_t some_forecasts(const struct evaluation *e, size_t *next, struct shown *out)
{
	enum { WIDE = 100, NUMBER = 6, GAP = 2, AT_LEAST = 2 };
	int left = (e->cli->term.out_tty ? e->cli->term.width : WIDE);
	size_t n = 0, at = 0;
	for (size_t i = 0; i < e->n_files; i++) {
		int width = cli_width(e->files[i].name);
		at = width > (int)at ? (size_t)width : at;
	}
	left -= at > 14 ? (int)at : 14; /* "geometric mean" */
	at = 0;
	for (size_t k = 0; k < e->n_contestants; k++) {
		for (int f = 0; f < scheme_forecasts(e->contestants[k]->class); f++, at++) {
			int width = cli_width(cli_forecast_name(e->contestants[k], f));
			if (at < *next)
				continue;
			left -= GAP + (width > NUMBER ? width : NUMBER);
			if ((left < 0 && n >= AT_LEAST) || n + 1 == CLI_COLUMNS_MAX) {
				*next = at;
				return n;
			}
			out[n++] = (struct shown){k, f};
		}
	}
	*next = at;
	return n;
}

static void make_columns(const struct evaluation *e, const struct shown *shown, size_t n, struct cli_column *columns)
{
	columns[0] = (struct cli_column){.title = "file", .shrink = true};
	for (size_t i = 0; i < n; i++)
		columns[1 + i] = (struct cli_column){
			.title = cli_forecast_name(e->contestants[shown[i].contestant], shown[i].forecast),
			.right = true};
}

static void show_losses(const struct evaluation *e)
{
	struct shown shown[CLI_COLUMNS_MAX];
	size_t next = 0, n;
	puts("Brier loss per item:");
	while ((n = some_forecasts(e, &next, shown)) > 0) {
		struct cli_column columns[CLI_COLUMNS_MAX];
		struct cli_table t;
		make_columns(e, shown, n, columns);
		cli_table_init(&t, columns, 1 + n);
		for (size_t i = 0; i < e->n_files; i++) {
			cli_table_name(&t, e->files[i].name);
			for (size_t k = 0; k < n; k++)
				cli_table_cell(
					&t, "%.4f",
					over_repeats(e, i, shown[k].contestant, brier, shown[k].forecast).median);
		}
		cli_table_print(&t, &e->cli->term, stdout);
		cli_table_free(&t);
		putchar('\n');
	}
}

static void show_ratios(const struct evaluation *e)
{
	struct shown shown[CLI_COLUMNS_MAX];
	size_t next = 0, n, files;
	bool all = true;
	puts("Relative to the plain mean:");
	while ((n = some_forecasts(e, &next, shown)) > 0) {
		struct cli_column columns[CLI_COLUMNS_MAX];
		struct cli_table t;
		make_columns(e, shown, n, columns);
		cli_table_init(&t, columns, 1 + n);
		for (size_t i = 0; i < e->n_files; i++) {
			cli_table_name(&t, e->files[i].name);
			for (size_t k = 0; k < n; k++)
				ratio_cell(&t, of_mean(e, i, shown[k].contestant, shown[k].forecast));
		}
		cli_table_cell(&t, "geometric mean");
		for (size_t k = 0; k < n; k++) {
			ratio_cell(&t, of_mean_overall(e, shown[k].contestant, shown[k].forecast, &files));
			all = all && files == e->n_files;
		}
		cli_table_print(&t, &e->cli->term, stdout);
		cli_table_free(&t);
		if (shown[n - 1].contestant + 1 < e->n_contestants)
			putchar('\n');
	}
	if (!all)
		puts("(The geometric mean leaves out ratios of 0 and divisions by 0.)");
}

static void show_files(const struct evaluation *e)
{
	show_losses(e);
	if (has_plain(e))
		show_ratios(e);
}

/* ---- for programs ---- */

static void put_quartiles(const struct evaluation *e, struct json_out *j, const char *key, size_t file,
			  size_t contestant, measure *m, int forecast)
{
	struct quartiles q = over_repeats(e, file, contestant, m, forecast);
	cli_json_real(j, key, q.median);
	if (e->repeats == 1)
		return;
	char part[32];
	snprintf(part, sizeof part, "%s_q1", key);
	cli_json_real(j, part, q.low);
	snprintf(part, sizeof part, "%s_q3", key);
	cli_json_real(j, part, q.high);
}

static void put_calibration(struct json_out *j, const struct score *s)
{
	cli_json_open(j, "calibration", '[');
	for (int k = 0; k < SCORE_TENTHS; k++) {
		const struct score_tenth *tenth = &s->tenths[k];
		json_out_open(j, '{');
		cli_json_real(j, "from", k / 10.0);
		cli_json_count(j, "n", tenth->n);
		cli_json_real(j, "forecast", tenth->forecasts / (double)tenth->n);
		cli_json_real(j, "outcome", tenth->outcomes / (double)tenth->n);
		json_out_close(j, '}');
	}
	json_out_close(j, ']');
}

static void put_forecast(const struct evaluation *e, struct json_out *j, size_t file, size_t contestant, int forecast)
{
	const struct cli_contestant *k = e->contestants[contestant];
	const struct evaluated_file *f = &e->files[file];
	const struct replay *r = replay_of(e, file, contestant);
	json_out_open(j, '{');
	cli_json_text(j, "scheme", cli_forecast_name(k, forecast));
	if (k->class->mechanism) {
		struct candor_settings s = cli_contestant_settings(k, &e->given, evaluation_t_eff(e, &f->data));
		s.has_wrong = s.has_scored = true;
		json_out_key(j, "settings");
		json_out_settings(j, &s);
	}
	cli_json_count(j, "n", r->scores[forecast].n);
	put_quartiles(e, j, "brier", file, contestant, brier, forecast);
	cli_json_real(j, "ratio_to_mean", of_mean(e, file, contestant, forecast));
	put_quartiles(e, j, "accuracy", file, contestant, accuracy, forecast);
	put_quartiles(e, j, "log_loss", file, contestant, log_loss, forecast);
	put_quartiles(e, j, "calibration_error", file, contestant, calibration, forecast);
	put_quartiles(e, j, "regret", file, contestant, regret, forecast);
	cli_json_text(j, "best_labeler", labeler_name(f, r->best[forecast]));
	cli_json_real(j, "best_labeler_loss", r->best_loss[forecast]);
	if (r->heaviest != NAMES_NONE) {
		cli_json_text(j, "heaviest", labeler_name(f, r->heaviest));
		cli_json_real(j, "heaviest_weight", r->heaviest_weight);
		cli_json_text(j, "lightest", labeler_name(f, r->lightest));
		cli_json_real(j, "lightest_weight", r->lightest_weight);
	}
	if (k->class->mechanism) {
		cli_json_real(j, "gain", r->gain);
		cli_json_real(j, "bound", r->bound);
		cli_json_real(j, "bound_used", r->bound_used);
	}
	put_calibration(j, &r->scores[forecast]);
	json_out_close(j, '}');
}

/* Of the mechanism, where it takes part. */
static double t_eff_of(const struct evaluation *e, size_t file)
{
	for (size_t k = 0; k < e->n_contestants; k++)
		if (e->contestants[k]->class->mechanism)
			return replay_of(e, file, k)->t_eff;
	return evaluation_t_eff(e, &e->files[file].data);
}

static void put_file(const struct evaluation *e, struct json_out *j, size_t file)
{
	const struct evaluated_file *f = &e->files[file];
	json_out_open(j, '{');
	cli_json_text(j, "file", f->path);
	cli_json_count(j, "items", f->data.n_items);
	cli_json_count(j, "known_outcomes", f->data.n_known);
	cli_json_count(j, "labelers", f->data.n_labelers);
	cli_json_count(j, "reports", f->data.n_reports);
	cli_json_real(j, "t_eff", t_eff_of(e, file));
	cli_json_open(j, "schemes", '[');
	for (size_t k = 0; k < e->n_contestants; k++)
		for (int fc = 0; fc < scheme_forecasts(e->contestants[k]->class); fc++)
			put_forecast(e, j, file, k, fc);
	json_out_close(j, ']');
	json_out_close(j, '}');
}

static void print_document(const struct evaluation *e)
{
	struct cli_json d;
	struct json_out *j = &d.j;
	size_t files;
	cli_json_begin(&d);
	json_out_open(j, '{');
	cli_json_text(j, "order", e->shuffled ? "shuffle" : "file");
	if (e->shuffled || e->replay.unaudited > 0 || e->replay.flipped > 0)
		cli_json_count(j, "seed", e->seed);
	cli_json_count(j, "repeats", e->repeats);
	cli_json_open(j, "outcomes", '{');
	cli_json_real(j, "audited", 1 - e->replay.unaudited);
	cli_json_real(j, "flipped", e->replay.flipped);
	cli_json_count(j, "delay", e->replay.delay);
	if (e->replay.together > 0)
		cli_json_count(j, "together", e->replay.together);
	cli_json_bool(j, "apart", e->replay.apart);
	json_out_close(j, '}');
	cli_json_open(j, "files", '[');
	for (size_t i = 0; i < e->n_files; i++)
		put_file(e, j, i);
	json_out_close(j, ']');
	cli_json_open(j, "geometric_mean_ratio_to_mean", '{');
	for (size_t k = 0; k < e->n_contestants; k++)
		for (int f = 0; f < scheme_forecasts(e->contestants[k]->class); f++)
			cli_json_real(j, cli_forecast_name(e->contestants[k], f), of_mean_overall(e, k, f, &files));
	json_out_close(j, '}');
	json_out_close(j, '}');
	cli_json_print(&d);
}

/* What is not as in the file. */
static void show_setting(const struct evaluation *e)
{
	const struct replay_options *o = &e->replay;
	if (e->repeats > 1)
		printf("Medians of %s %s.\n", cli_count(e->repeats).s, e->shuffled ? "orders" : "draws");
	if (o->unaudited > 0)
		printf("%g %% of the outcomes are posted; losses are on the other items.\n", 100 * (1 - o->unaudited));
	if (o->flipped > 0)
		printf("%g %% of the posted outcomes are the opposite of those in the file.\n", 100 * o->flipped);
	if (e->repeats > 1 || o->unaudited > 0 || o->flipped > 0)
		putchar('\n');
}

void evaluate_show(const struct evaluation *e)
{
	if (e->cli->json) {
		print_document(e);
		return;
	}
	show_setting(e);
	for (size_t i = 0; i < e->n_files && (e->details || e->n_files == 1); i++) {
		show_file(e, i);
		if (e->n_files > 1)
			putchar('\n');
	}
	if (e->n_files > 1)
		show_files(e);
}
