#include "lib/pool/forecast.h"

#include <math.h>
#include <stdbool.h>

#include "lib/pool/elementary.h"

static const double FRESH_U = 0.1, FORGETTING = 0.001;
static const struct counts_rates PRIOR = {0.65, 0.35};

void forecast_begin(struct pool_track *pool)
{
	*pool = (struct pool_track){.u = FRESH_U};
}

struct track forecast_new_labeler(void)
{
	return (struct track){.v = 1};
}

static double clip(double x)
{
	return x > 1 ? 1 : x > 0 ? x : 0;
}

/* ---- candidates ---- */

double forecast_unit(size_t n)
{
	return 1 / sqrt((double)n);
}

static double regression(const struct forecast_moment *now, size_t n, const struct track *const *who, const double *p)
{
	double r = forecast_unit(n), f = 0.5;
	bool free = now->signs == CANDOR_FREE;
	for (size_t i = 0; i < n; i++) {
		double d = (p[i] - 0.5) * r, c = (r + now->pool->c) + who[i]->m;
		if (free || c > 0)
			f += c * d;
	}
	return clip(f);
}

/* The odds that one report adds, as a logarithm. */
static double evidence_of(const struct counts_rates *r, double p)
{
	if (p > 0.5)
		return elementary_ln(r->a / r->b);
	if (p < 0.5)
		return elementary_ln((1 - r->a) / (1 - r->b));
	return 0.5 * elementary_ln(r->a / r->b * ((1 - r->a) / (1 - r->b)));
}

static double from_odds(double z)
{
	if (z >= 0)
		return 1 / (1 + elementary_exp(-z));
	double e = elementary_exp(z);
	return e / (1 + e);
}

static void evidence(const struct forecast_moment *now, size_t n, const struct track *const *who, const double *p,
		     struct aggregate *a)
{
	if (now->round == 0) {
		a->evidence = a->evidence_full = a->plain_mean;
		return;
	}
	const struct pool_track *t = now->pool;
	bool free = now->signs == CANDOR_FREE;
	double y0 = (double)now->round - t->y;
	double for_a = counts_true(t->y, y0, now->wrong), for_b = counts_true(y0, t->y, now->wrong);
	double z = elementary_ln(((for_a > 0 ? for_a : 0) + 1) / ((for_b > 0 ? for_b : 0) + 1));
	struct counts_rates typical = counts_rates(&t->counts, now->wrong, PRIOR);
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		struct counts_rates r = counts_rates(&who[i]->counts, now->wrong, typical);
		if (free || r.a > r.b)
			sum += evidence_of(&r, p[i]);
	}
	a->evidence = from_odds(z + sum / sqrt((double)n));
	a->evidence_full = from_odds(z + sum);
}

#define CANDIDATE_VALUE(NAME, name, prior) [CANDIDATE_##NAME] = a->name,

/* ---- the blend ---- */

static double blend(const double record[N_CANDIDATES], const struct aggregate *a)
{
#define CANDIDATE_PRIOR(NAME, name, prior) [CANDIDATE_##NAME] = prior,
	static const double priors[N_CANDIDATES] = {CANDIDATES(CANDIDATE_PRIOR)};
	const double values[N_CANDIDATES] = {CANDIDATES(CANDIDATE_VALUE)};
	double parts[N_CANDIDATES], best = record[0], total = 0, sum = 0;
	for (size_t k = 1; k < N_CANDIDATES; k++)
		best = record[k] < best ? record[k] : best;
	for (size_t k = 0; k < N_CANDIDATES; k++) {
		parts[k] = priors[k] * elementary_exp(-(record[k] - best));
		total += parts[k];
	}
	for (size_t k = 0; k < N_CANDIDATES; k++)
		sum += parts[k] / total * values[k];
	return clip(sum);
}

void forecast_compute(const struct forecast_moment *now, size_t n, const struct track *const *who, const double *p,
		      struct aggregate *a)
{
	a->regression = regression(now, n, who, p);
	evidence(now, n, who, p, a);
	a->forecast = blend(now->pool->blend, a);
}

/* ---- learning ---- */

void forecast_judge(struct pool_track *pool, const struct aggregate *a, double y, double wrong, uint64_t age)
{
	const double values[N_CANDIDATES] = {CANDIDATES(CANDIDATE_VALUE)};
	for (size_t k = 0; k < N_CANDIDATES; k++) {
		double x = (wrong + (1 - 2 * wrong) * values[k] - y) / (1 - wrong);
		pool->blend[k] += 0.5 * (x * x) / (double)age;
	}
}

/* What a report says, without how sure it is: A, B or neither. */
static double said(double p)
{
	return p > 0.5 ? 1 : p < 0.5 ? 0 : 0.5;
}

struct forecast_lesson forecast_learn(const struct forecast_moment *now, struct pool_track *pool, size_t n,
				      const struct track *const *who, const double *p, double y, uint32_t most)
{
	double e = now->wrong, f = regression(now, n, who, p), r = forecast_unit(n), sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (p[i] - 0.5) * r;
	double variance = most * 0.25 / ((1 - 2 * e) * (1 - 2 * e)) + pool->u * sum * sum;
	for (size_t i = 0; i < n; i++) {
		double d = (p[i] - 0.5) * r;
		variance += who[i]->v * d * d;
	}
	struct forecast_lesson lesson = {((y - e) / (1 - 2 * e) - f) / variance, variance};
	double q = pool->u * sum;
	pool->c += q * lesson.gradient;
	pool->u -= q * q / variance;
	for (size_t i = 0; i < n; i++)
		counts_add(&pool->counts, y, said(p[i]));
	pool->y += y;
	return lesson;
}

void forecast_learn_labeler(struct track *t, double unit, double p, double y, const struct forecast_lesson *lesson)
{
	double q = t->v * ((p - 0.5) * unit);
	t->m += q * lesson->gradient;
	t->v -= q * q / lesson->variance;
	t->v += FORGETTING * (1 - t->v);
	counts_add(&t->counts, y, said(p));
}
