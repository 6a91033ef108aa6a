/* Plays the experiments of docs/mechanism.md at full size, draws their pictures and writes their tables.
 *
 *   figures PICTURES TABLES [quick | EXPERIMENT...]
 *
 * PICTURES and TABLES are directories that exist. Tables are Markdown, one a file. With "quick" sizes are so small that
 * only the program itself is tried out. With names of experiments only these are played. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/lab/plot.h"
#include "client/lab/stats.h"
#include "lib/base/err.h"
#include "tests/lib/backwards.h"
#include "tests/lib/experiments.h"

struct places {
	const char *pictures, *tables;
};

static void step(const char *name)
{
	fprintf(stderr, "figures: %s\n", name);
}

static FILE *open_table(const struct places *to, const char *name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.md", to->tables, name);
	FILE *f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

static void close_table(FILE *f)
{
	if (fclose(f)) {
		perror("a table");
		exit(1);
	}
}

static void draw(const struct places *to, const char *name, const struct grid *g, struct plot p)
{
	struct plot_curve curves[GRID_CURVES_MAX];
	char path[4096];
	for (size_t c = 0; c < g->n_curves; c++)
		curves[c] = (struct plot_curve){.name = g->curves[c], .n = g->n_x, .x = g->x, .y = g->y[c]};
	p.n = g->n_curves;
	p.curves = curves;
	snprintf(path, sizeof path, "%s/%s.svg", to->pictures, name);
	int err = plot_draw(&p, path);
	if (err) {
		fprintf(stderr, "figures: %s: %s\n", path, candor_strerror(err));
		exit(1);
	}
}

/* x in the first column, a column a curve. */
static void write_table(const struct places *to, const char *name, const char *x_title, const struct grid *g,
			const char *format)
{
	FILE *f = open_table(to, name);
	fprintf(f, "| %s |", x_title);
	for (size_t c = 0; c < g->n_curves; c++)
		fprintf(f, " %s |", g->curves[c]);
	fputs("\n|--:|", f);
	for (size_t c = 0; c < g->n_curves; c++)
		fputs("--:|", f);
	putc('\n', f);
	for (size_t i = 0; i < g->n_x; i++) {
		if (g->x_names[i])
			fprintf(f, "| %s |", g->x_names[i]);
		else
			fprintf(f, "| %.10g |", g->x[i]);
		for (size_t c = 0; c < g->n_curves; c++) {
			putc(' ', f);
			if (isnan(g->y[c][i]))
				putc('-', f);
			else
				fprintf(f, format, g->y[c][i]);
			fputs(" |", f);
		}
		putc('\n', f);
	}
	close_table(f);
}

/* ---- the experiments ---- */

static void exponents(const struct places *to, bool quick)
{
	static const uint64_t items[] = {100, 316, 1000, 3162, 10000, 31623, 100000, 316228, 1000000};
	struct grid g;
	double bound_used;
	step("the exponent of regret");
	experiment_exponents(items, quick ? 4 : sizeof items / sizeof *items, quick ? 1 : 5, &g, &bound_used);
	draw(to, "regret", &g,
	     (struct plot){.title = "The hardest of 32 instances with two labelers",
			   .x_title = "items T",
			   .y_title = "regret after T items",
			   .log_x = true,
			   .log_y = true});
	FILE *f = open_table(to, "regret");
	fputs("| scheme |", f);
	for (size_t i = 0; i < g.n_x; i += 2)
		fprintf(f, " %s%.0f |", i == 0 ? "regret at T = " : "at ", g.x[i]);
	fputs(" grows as |\n|---|", f);
	for (size_t i = 0; i < g.n_x; i += 2)
		fputs("--:|", f);
	fputs("--:|\n", f);
	for (size_t c = 0; c < g.n_curves; c++) {
		fprintf(f, "| %s |", g.curves[c]);
		for (size_t i = 0; i < g.n_x; i += 2)
			fprintf(f, " %.1f |", g.y[c][i]);
		fprintf(f, " T^%.2f |\n", stats_exponent(g.x, g.y[c], g.n_x));
	}
	if (!(bound_used <= 1)) {
		fprintf(stderr, "figures: a labeler's gain came to %.17g of its bound\n", bound_used);
		exit(1);
	}
	fputs("\nIn none of these runs did any labeler's gain come above its bound.\n", f);
	close_table(f);
}

/* The most of a curve. */
static double most(const struct grid *g, size_t curve)
{
	double y = g->y[curve][0];
	for (size_t i = 1; i < g->n_x; i++)
		y = fmax(y, g->y[curve][i]);
	return y;
}

/* All strategies at 30 %, and the worst of them at three parts. */
static void strategic(const struct places *to, bool quick)
{
	static const double parts[] = {0.10, 0.30, 0.49};
	enum { PARTS = sizeof parts / sizeof *parts };
	struct grid g, worst = {.n_x = PARTS};
	step("strategic labelers");
	for (size_t i = 0; i < PARTS; i++) {
		experiment_strategic(parts[i], quick ? 60 : 1000, quick ? 1 : 15, true, &g);
		if (i == 1)
			write_table(to, "strategic-30", "strategy", &g, "%.2f");
		worst.x[i] = 100 * parts[i];
		worst.n_curves = g.n_curves;
		for (size_t c = 0; c < g.n_curves; c++) {
			worst.curves[c] = g.curves[c];
			worst.y[c][i] = most(&g, c);
		}
	}
	write_table(to, "strategic-worst", "% who follow it", &worst, "%.2f");
}

static void truth(const struct places *to, bool quick)
{
	struct grid g;
	(void)quick;
	step("truth");
	experiment_truth(&g);
	draw(to, "truth", &g,
	     (struct plot){.title = "Expected next weight of one among ten labelers, weight 1, eta = 0.3",
			   .x_title = "report",
			   .y_title = "expected weight"});
}

static void responders(const struct places *to, bool quick)
{
	struct grid g;
	step("best responders");
	experiment_responders(quick ? 20 : 300, quick ? 1 : 10, &g);
	FILE *f = open_table(to, "responders");
	fputs("| scheme, items ahead |", f);
	for (size_t i = 0; i < g.n_x; i++)
		fprintf(f, " expected, %.0f labelers | most, %.0f labelers | kept, %.0f labelers |", g.x[i], g.x[i],
			g.x[i]);
	fputs("\n|---|", f);
	for (size_t i = 0; i < g.n_x; i++)
		fputs("--:|--:|--:|", f);
	putc('\n', f);
	for (size_t c = 0; c + 2 < g.n_curves; c += 3) {
		fprintf(f, "| %s |", g.curves[c]);
		for (size_t i = 0; i < g.n_x; i++)
			fprintf(f, " %.2g %% | %.2g %% | %+.2g %% |", g.y[c][i], g.y[c + 1][i], g.y[c + 2][i]);
		putc('\n', f);
	}
	close_table(f);
}

static void sybils(const struct places *to, bool quick)
{
	struct grid g;
	step("one person, many names");
	experiment_sybils(quick ? 50 : 3000, quick ? 2 : 200, &g);
	draw(to, "sybils", &g,
	     (struct plot){.title = "One person under several names among 20 others, all equally good",
			   .x_title = "items",
			   .y_title = "say, 1 being that of one of 21 equals",
			   .log_x = true});
}

static void collusion(const struct places *to, bool quick)
{
	struct grid g;
	step("colluding blocks");
	experiment_collusion(quick ? 50 : 3000, quick ? 2 : 50, &g);
	draw(to, "collusion", &g,
	     (struct plot){.title = "Blocks that push one side: always, or (stealth) on one item in ten",
			   .x_title = "items",
			   .y_title = "its part of the forecast",
			   .log_x = true});
}

static void sparse(const struct places *to, bool quick)
{
	static const uint64_t items[] = {500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
	struct grid g;
	step("sparse participation");
	experiment_sparse(items, quick ? 3 : sizeof items / sizeof *items, quick ? 1 : 9, &g);
	draw(to, "sparse", &g,
	     (struct plot){.title = "5 answers an item from 1,000 labelers",
			   .x_title = "items",
			   .y_title = "Brier loss an item",
			   .log_x = true});
}

static void crowds(const struct places *to, bool quick)
{
	static const double labelers[] = {2, 3, 5, 10, 20, 50, 100, 200}, answers[] = {1, 2, 3, 5, 10, 20};
	struct grid g;
	step("regret against the number of labelers");
	experiment_labelers(quick ? 60 : 500, labelers, quick ? 3 : sizeof labelers / sizeof *labelers, quick ? 1 : 9,
			    &g);
	draw(to, "labelers", &g,
	     (struct plot){.title = "Regret after 500 items against the best labeler, all of whom answer",
			   .x_title = "labelers N",
			   .y_title = "regret",
			   .log_x = true});
	write_table(to, "labelers", "labelers N", &g, "%.1f");
	step("few answers an item");
	experiment_answers(quick ? 60 : 2000, answers, quick ? 3 : sizeof answers / sizeof *answers, quick ? 1 : 9, &g);
	draw(to, "answers", &g,
	     (struct plot){
		     .title = "A few answers an item of 100 labelers, 2,000 items; EM (ds) is refitted as items come",
		     .x_title = "answers an item",
		     .y_title = "Brier loss an item",
		     .log_x = true});
	write_table(to, "answers", "answers an item", &g, "%.3f");
}

/* Medians, with quartiles in brackets. */
static void training(const struct places *to, bool quick)
{
	static const double shares[] = {0.30, 0.49};
	struct training_grid g;
	step("reward models");
	experiment_training(quick ? 60 : 2000, shares, 2, quick ? 1 : 15, &g);
	static const char *const tables[] = {"training", "training-best"};
	for (size_t t = 0; t < 2; t++) {
		FILE *f = open_table(to, tables[t]);
		fputs("| who is not truthful |", f);
		for (size_t c = 0; c < TRAINING_COLUMNS; c++)
			fprintf(f, " %s |", training_columns[c]);
		fputs("\n|---|", f);
		for (size_t c = 0; c < TRAINING_COLUMNS; c++)
			fputs("--:|", f);
		putc('\n', f);
		for (size_t i = 0; i < g.n; i++) {
			const struct training_row *row = &g.rows[i];
			if (row->share > 0)
				fprintf(f, "| %.0f %% %s |", 100 * row->share, row->name);
			else
				fprintf(f, "| %s |", row->name);
			for (size_t c = 0; c < TRAINING_COLUMNS; c++) {
				const struct quartiles *q = t == 0 ? &row->accuracy[c] : &row->best[c];
				fprintf(f, " %.3f (%.3f-%.3f) |", q->median, q->low, q->high);
			}
			putc('\n', f);
		}
		close_table(f);
	}
}

static void outcomes(const struct places *to, bool quick)
{
	struct grid g;
	uint64_t items = quick ? 50 : 2000;
	uint32_t repeats = quick ? 1 : 31;
	step("late outcomes");
	experiment_delay(items, repeats, &g);
	write_table(to, "delay", "delay d in items", &g, "%.3f");
	step("few outcomes");
	experiment_known(items, repeats, &g);
	write_table(to, "known", "part q that comes", &g, "%.3f");
	draw(to, "known", &g,
	     (struct plot){.title = "Where only a part of the outcomes ever comes (2,000 items)",
			   .x_title = "part of the outcomes that comes",
			   .y_title = "Brier loss an item",
			   .log_x = true});
	step("wrong outcomes");
	experiment_wrong(items, repeats, &g);
	write_table(to, "wrong", "part e that is wrong", &g, "%.3f");
}

static void counted_backwards(const struct places *to, bool quick)
{
	const uint64_t items = quick ? 50 : 1000;
	const uint32_t repeats = quick ? 1 : 15;
	step("honest labelers who are counted backwards");
	const double of_41 = experiment_backwards(items, 41, repeats), of_20 = experiment_backwards(items, 20, repeats);
	FILE *f = open_table(to, "backwards");
	fprintf(f,
		"After %" PRIu64
		" items, %.0f %% of 41 honest labelers are counted backwards, and %.0f %% of 20 (medians of %" PRIu32
		" campaigns).\n",
		items, 100 * of_41, 100 * of_20, repeats);
	close_table(f);
}

static const struct {
	const char *name;
	void (*play)(const struct places *to, bool quick);
} all[] = {
	{"exponents", exponents},
	{"strategic", strategic},
	{"truth", truth},
	{"responders", responders},
	{"sybils", sybils},
	{"collusion", collusion},
	{"sparse", sparse},
	{"outcomes", outcomes},
	{"crowds", crowds},
	{"training", training},
	{"backwards", counted_backwards},
};
enum { ALL = sizeof all / sizeof *all };

int main(int argc, char **argv)
{
	const bool quick = argc == 4 && strcmp(argv[3], "quick") == 0;
	bool wanted[ALL] = {false};
	if (argc < 3) {
		fputs("usage: figures PICTURES TABLES [quick | EXPERIMENT...]\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc && !quick; i++) {
		size_t k = 0;
		while (k < ALL && strcmp(all[k].name, argv[i]) != 0)
			k++;
		if (k == ALL) {
			fprintf(stderr, "figures: there is no experiment %s\n", argv[i]);
			return 2;
		}
		wanted[k] = true;
	}
	for (size_t k = 0; k < ALL; k++)
		if (argc == 3 || quick || wanted[k])
			all[k].play(&(struct places){argv[1], argv[2]}, quick);
	return 0;
}
