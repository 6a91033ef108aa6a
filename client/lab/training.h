/* training.h - what a game keeps of its items to train reward models at its end. Pure. */
#ifndef CANDOR_LAB_TRAINING_H
#define CANDOR_LAB_TRAINING_H

#include "client/lab/reward.h"
#include "client/lab/scheme.h"

enum { TRAINING_ITEMS_MAX = 1000000 };

struct training {
	size_t n, d, n_labels;
	double *features; /* [items * d] */
	double *truths; /* [items] */
	double *outcomes; /* [items] as posted; NaN: never */
	double *labels[SCHEME_FORECASTS_MAX]; /* [items] */
};

/* Room for so many items. 0 or -ENOMEM, and then too it is the caller's to free. */
MUST_CHECK int training_init(struct training *t, uint64_t items, size_t d, int n_labels);
void training_free(struct training *t);

/* The next item; its labels are the caller's to set, until the end. Its place. */
size_t training_add(struct training *t, const double *features, double truth, double outcome);

/* A model on a series of labels; on the truths; on the posted outcomes alone; judged by the true reward. */
struct reward_score training_by_labels(const struct training *t, int label, const double *reward, uint64_t seed,
				       uint64_t stream);
struct reward_score training_by_truths(const struct training *t, const double *reward, uint64_t seed, uint64_t stream);
/* Changes the features kept: the last call. */
struct reward_score training_by_outcomes(struct training *t, const double *reward, uint64_t seed, uint64_t stream);

#endif
