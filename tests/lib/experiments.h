/* experiments.h - what docs/mechanism.md claims, as experiments of any size: tests assert them at small sizes, and
 * `make figures` draws them at large ones.
 *
 * Each fills a grid: curves over the same x. Games run on all processors. Failures end the program. */
#ifndef CANDOR_TESTS_EXPERIMENTS_H
#define CANDOR_TESTS_EXPERIMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/lab/stats.h"

enum { GRID_X_MAX = 32, GRID_CURVES_MAX = 24 };

struct grid {
	size_t n_x, n_curves;
	double x[GRID_X_MAX];
	const char *x_names[GRID_X_MAX]; /* where x is no number; else NULL */
	uint32_t repeats[GRID_X_MAX]; /* games that a point is the median of */
	const char *curves[GRID_CURVES_MAX];
	double y[GRID_CURVES_MAX][GRID_X_MAX];
};

/* The curve of a name; ends the program where there is none. */
const double *grid_curve(const struct grid *g, const char *name);

/* The most regret in items[n] items, rising, or fewer of them, over a family of instances: two labelers a hair apart, for
 * hairs of many widths, and outcomes that take turns against them, for many periods. Medians of `repeats` draws, then
 * the most over instances, for each scheme. *bound_used: the largest part of its bound that any labeler's gain took. */
void experiment_exponents(const uint64_t *items, size_t n, uint32_t repeats, struct grid *out, double *bound_used);

/* x: each strategy, after none at all. Loss against what the best labeler's beliefs cost, median of `repeats`, where
 * `share` of 41 labelers follow it; of repeats / 5 for best responders with five items ahead, who take long.
 * responders: whether there are any best responders at all. */
void experiment_strategic(double share, uint64_t items, uint32_t repeats, bool responders, struct grid *out);

/* x: reports from 0 to 1. The expected next weight of one of ten labelers, for several beliefs. */
void experiment_truth(struct grid *out);

/* x: numbers of labelers. What a best responder among them, looking 1, 2 and 5 items ahead, expects to gain by not being
 * truthful, in per cent of its weight: on average ("candor 2"), at most ("candor 2 most"); and how much more weight than
 * a truthful one in its place it really had at the end ("candor 2 kept"). Under candor and under hedge. */
void experiment_responders(uint64_t items, uint32_t repeats, struct grid *out);

/* x: items. The say of one person under 1, 2, 5 and 10 names among 20 others, over its fair one of one name. */
void experiment_sybils(uint64_t items, uint32_t repeats, struct grid *out);

/* x: items. The say of colluding blocks of 10, 30 and 49 % of 41 labelers. */
void experiment_collusion(uint64_t items, uint32_t repeats, struct grid *out);

/* x: items[n]. Brier loss where 5 of 1,000 labelers answer an item, with the rate set by T_eff, by plain T, and anytime. */
void experiment_sparse(const uint64_t *items, size_t n, uint32_t repeats, struct grid *out);

/* x: delays in items; parts of the outcomes that come; parts of them that are wrong. Brier loss of 1,000 items or more. */
void experiment_delay(uint64_t items, uint32_t repeats, struct grid *out);
void experiment_known(uint64_t items, uint32_t repeats, struct grid *out);
void experiment_wrong(uint64_t items, uint32_t repeats, struct grid *out);

/* x: numbers of labelers. Regret in `items` items against the best labeler; negative where a forecast beats it. */
void experiment_labelers(uint64_t items, const double *labelers, size_t n, uint32_t repeats, struct grid *out);

/* x: answers an item, of 100 labelers. Brier loss. */
void experiment_answers(uint64_t items, const double *answers, size_t n, uint32_t repeats, struct grid *out);

/* Reward models trained on what each column makes of a campaign where a part of 41 labelers follows a strategy; in the
 * first row nobody does. A tenth of the items is audited. */
enum { TRAINING_COLUMNS = 4, TRAINING_ROWS_MAX = 40 };
static const char *const training_columns[TRAINING_COLUMNS] = {"plain mean", "majority", "mean", "forecast"};

struct training_row {
	const char *name;
	double share; /* 0: nobody */
	struct quartiles accuracy[TRAINING_COLUMNS], best[TRAINING_COLUMNS];
};

struct training_grid {
	size_t n;
	struct training_row rows[TRAINING_ROWS_MAX];
};

void experiment_training(uint64_t items, const double *shares, size_t n_shares, uint32_t repeats,
			 struct training_grid *out);

#endif
