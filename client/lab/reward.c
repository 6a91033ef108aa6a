#include "client/lab/reward.h"

#include <math.h>
#include <string.h>

enum { NEWTON_MAX = 50, FRESH_PAIRS = 20000, FRESH_SETS = 5000, CHOICES = 8 };

/* The weight of the ridge: as much as this much of a pair. */
static const double RIDGE = 0.01;
static const double TOLERANCE = 1e-10;

void reward_draw_pair(struct random *r, size_t d, double *x)
{
	for (size_t k = 0; k < d; k++)
		x[k] = random_normal(r);
}

void reward_draw(struct random *r, size_t d, double *theta)
{
	double squares = 0;
	reward_draw_pair(r, d, theta);
	for (size_t k = 0; k < d; k++)
		squares += theta[k] * theta[k];
	for (size_t k = 0; k < d; k++)
		theta[k] *= REWARD_SCALE / sqrt(squares);
}

double reward_of(size_t d, const double *theta, const double *x)
{
	double sum = 0;
	for (size_t k = 0; k < d; k++)
		sum += theta[k] * x[k];
	return sum;
}

double reward_preference(size_t d, const double *theta, const double *x)
{
	return 1 / (1 + exp(-reward_of(d, theta, x)));
}

/* ---- fitting ---- */

struct normal {
	double a[REWARD_FEATURES_MAX][REWARD_FEATURES_MAX], b[REWARD_FEATURES_MAX];
};

/* Solves a x = b of a positive definite a, by Cholesky's factors; x takes the place of b. */
static void solve(struct normal *s, size_t d)
{
	for (size_t i = 0; i < d; i++) {
		for (size_t j = 0; j <= i; j++) {
			double sum = s->a[i][j];
			for (size_t k = 0; k < j; k++)
				sum -= s->a[i][k] * s->a[j][k];
			s->a[i][j] = i == j ? sqrt(sum) : sum / s->a[j][j];
		}
	}
	for (size_t i = 0; i < d; i++) {
		for (size_t k = 0; k < i; k++)
			s->b[i] -= s->a[i][k] * s->b[k];
		s->b[i] /= s->a[i][i];
	}
	for (size_t i = d; i-- > 0;) {
		for (size_t k = i + 1; k < d; k++)
			s->b[i] -= s->a[k][i] * s->b[k];
		s->b[i] /= s->a[i][i];
	}
}

/* The gradient and the curvature of the loss at theta. */
static void differentiate(size_t n, size_t d, const double *x, const double *labels, const double *theta,
			  struct normal *s)
{
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < d; i++) {
		s->a[i][i] = RIDGE;
		s->b[i] = RIDGE * theta[i];
	}
	for (size_t t = 0; t < n; t++) {
		const double *row = x + t * d;
		double p = reward_preference(d, theta, row), off = p - labels[t], curve = p * (1 - p);
		for (size_t i = 0; i < d; i++) {
			s->b[i] += off * row[i];
			for (size_t j = 0; j <= i; j++)
				s->a[i][j] += curve * row[i] * row[j];
		}
	}
}

static double loss(size_t n, size_t d, const double *x, const double *labels, const double *theta)
{
	double sum = 0.5 * RIDGE * reward_of(d, theta, theta);
	for (size_t t = 0; t < n; t++) {
		double z = reward_of(d, theta, x + t * d);
		/* ln(1 + e^z) - label z, without e to a high power */
		sum += (z > 0 ? z + log1p(exp(-z)) : log1p(exp(z))) - labels[t] * z;
	}
	return sum;
}

void reward_fit(size_t n, size_t d, const double *x, const double *labels, double *theta)
{
	struct normal s;
	double next[REWARD_FEATURES_MAX];
	require(d >= 1 && d <= REWARD_FEATURES_MAX);
	memset(theta, 0, d * sizeof *theta);
	double now = loss(n, d, x, labels, theta);
	for (int i = 0; i < NEWTON_MAX; i++) {
		double part = 1, after = INFINITY;
		differentiate(n, d, x, labels, theta, &s);
		solve(&s, d);
		/* A whole step may go too far where labels are nearly sure. */
		for (; part > 1e-6 && !(after <= now); part /= 2) {
			for (size_t k = 0; k < d; k++)
				next[k] = theta[k] - part * s.b[k];
			after = loss(n, d, x, labels, next);
		}
		if (!(after <= now))
			break;
		memcpy(theta, next, d * sizeof *theta);
		if (now - after <= TOLERANCE * now)
			break;
		now = after;
	}
}

/* ---- judging ---- */

struct reward_score reward_judge(size_t d, const double *truth, const double *model, uint64_t seed, uint64_t stream)
{
	struct random r;
	double x[REWARD_FEATURES_MAX], right = 0, chosen = 0, best = 0;
	random_init(&r, seed, stream);
	for (int t = 0; t < FRESH_PAIRS; t++) {
		reward_draw_pair(&r, d, x);
		double said = reward_of(d, model, x), is = reward_of(d, truth, x);
		right += said == 0 ? 0.5 : (said > 0) == (is > 0);
	}
	for (int t = 0; t < FRESH_SETS; t++) {
		double most_said = -INFINITY, most = -INFINITY, its = 0;
		for (int k = 0; k < CHOICES; k++) {
			reward_draw_pair(&r, d, x);
			double said = reward_of(d, model, x), is = reward_of(d, truth, x);
			most = fmax(most, is);
			if (said > most_said) {
				most_said = said;
				its = is;
			}
		}
		chosen += its;
		best += most;
	}
	return (struct reward_score){right / FRESH_PAIRS, chosen / best};
}
