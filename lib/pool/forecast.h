/* forecast.h - the forecast: an aggregate made of five candidates by their record, and how it learns.
 *
 * It uses what labelers' reports told so far and never touches a weight; docs/mechanism.md has the formulas ("The
 * forecast"). Sums run over an item's reporters in order of arrival. Pure but for the states that it is given;
 * no memory. */
#ifndef CANDOR_FORECAST_H
#define CANDOR_FORECAST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/message.h"
#include "lib/pool/aggregate.h"
#include "lib/pool/counts.h"

/* What the forecast blends. CANDIDATE(NAME, name, prior): prior is its share before there is a record. */
#define CANDIDATES(CANDIDATE)                \
	CANDIDATE(PLAIN_MEAN, plain_mean, 1) \
	CANDIDATE(MEAN, mean, 1)             \
	CANDIDATE(REGRESSION, regression, 2) \
	CANDIDATE(EVIDENCE, evidence, 1)     \
	CANDIDATE(EVIDENCE_FULL, evidence_full, 1)

#define CANDIDATE_NUMBER(NAME, name, prior) CANDIDATE_##NAME,
enum { CANDIDATES(CANDIDATE_NUMBER) N_CANDIDATES };
#undef CANDIDATE_NUMBER

/* Of a labeler: how its reports deviate from what they should count, and what it said by outcome. */
struct track {
	double m, v; /* at first 0 and 1; v in (0, 1] */
	struct outcome_counts counts;
};

/* Of a pool. */
struct pool_track {
	double c, u; /* at first 0 and 0.1; u in (0, 0.1] */
	struct outcome_counts counts; /* of all its labelers */
	double y; /* sum of outcomes */
	double blend[N_CANDIDATES]; /* each candidate's record: sum of squared errors by age, 0 at first */
};

/* As of a moment: which outcomes were settled, and the settings that stand. */
struct forecast_moment {
	const struct pool_track *pool;
	uint64_t round; /* outcomes settled */
	double wrong; /* the setting */
	enum candor_signs signs;
};

void forecast_begin(struct pool_track *pool);
struct track forecast_new_labeler(void);

/* The candidates and the forecast of n >= 1 reports p[n] of who[n], into *a, whose mean and plain_mean are known. */
void forecast_compute(const struct forecast_moment *now, size_t n, const struct track *const *who, const double *p,
		      struct aggregate *a);

/* Learning, first: how well the candidates, as frozen, foretold the outcome y. age >= 1: the outcomes that came since
 * the item was closed, those of its block included. */
void forecast_judge(struct pool_track *pool, const struct aggregate *frozen, double y, double wrong, uint64_t age);

/* What the regression makes of an outcome, for each of the reporters. */
struct forecast_lesson {
	double gradient; /* G */
	double variance; /* V >= 1/4 */
};

/* Learning, second: all but the labelers' states. most >= 1: how many of the block's items any one labeler is scored
 * on. */
struct forecast_lesson forecast_learn(const struct forecast_moment *now, struct pool_track *pool, size_t n,
				      const struct track *const *who, const double *p, double y, uint32_t most);

/* What each of an item's n reports counts in the regression: 1 / sqrt(n). */
double forecast_unit(size_t n);

/* The same for one reporter, of n, whose report is p. unit: of n. */
void forecast_learn_labeler(struct track *t, double unit, double p, double y, const struct forecast_lesson *lesson);

#endif
