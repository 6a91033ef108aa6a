#include "client/lab/score.h"

#include <math.h>

#include "lib/pool/mechanism.h"

static double side(double x)
{
	return (x > 0.5) - (x < 0.5);
}

void score_add(struct score *s, double p, double y)
{
	double clamped = fmin(fmax(p, SCORE_LOG_CLAMP), 1 - SCORE_LOG_CLAMP);
	int k = (int)(p * SCORE_TENTHS);
	struct score_tenth *tenth = &s->tenths[k < SCORE_TENTHS ? k : SCORE_TENTHS - 1];
	s->n++;
	s->brier += mechanism_loss(p, y);
	s->right += (1 + side(p) * side(y)) / 2;
	s->log_loss -= y * log(clamped) + (1 - y) * log1p(-clamped);
	tenth->n++;
	tenth->forecasts += p;
	tenth->outcomes += y;
}

double score_calibration_error(const struct score *s)
{
	double sum = 0;
	for (int k = 0; k < SCORE_TENTHS; k++)
		sum += fabs(s->tenths[k].forecasts - s->tenths[k].outcomes);
	return s->n ? sum / (double)s->n : 0;
}
