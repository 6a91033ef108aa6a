#include "client/lab/training.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int training_init(struct training *t, uint64_t items, size_t d, int n_labels)
{
	*t = (struct training){.d = d, .n_labels = (size_t)n_labels};
	t->features = malloc(items * d * sizeof *t->features);
	t->truths = malloc(items * sizeof *t->truths);
	t->outcomes = malloc(items * sizeof *t->outcomes);
	if (!t->features || !t->truths || !t->outcomes)
		return -ENOMEM;
	for (size_t f = 0; f < t->n_labels; f++) {
		t->labels[f] = malloc(items * sizeof *t->labels[f]);
		if (!t->labels[f])
			return -ENOMEM;
	}
	return 0;
}

void training_free(struct training *t)
{
	free(t->features);
	free(t->truths);
	free(t->outcomes);
	for (size_t f = 0; f < t->n_labels; f++)
		free(t->labels[f]);
}

size_t training_add(struct training *t, const double *features, double truth, double outcome)
{
	memcpy(t->features + t->n * t->d, features, t->d * sizeof *features);
	t->truths[t->n] = truth;
	t->outcomes[t->n] = outcome;
	return t->n++;
}

static struct reward_score train(const struct training *t, size_t n, const double *labels, const double *reward,
				 uint64_t seed, uint64_t stream)
{
	double model[REWARD_FEATURES_MAX];
	reward_fit(n, t->d, t->features, labels, model);
	return reward_judge(t->d, reward, model, seed, stream);
}

struct reward_score training_by_labels(const struct training *t, int label, const double *reward, uint64_t seed,
				       uint64_t stream)
{
	return train(t, t->n, t->labels[label], reward, seed, stream);
}

struct reward_score training_by_truths(const struct training *t, const double *reward, uint64_t seed, uint64_t stream)
{
	return train(t, t->n, t->truths, reward, seed, stream);
}

struct reward_score training_by_outcomes(struct training *t, const double *reward, uint64_t seed, uint64_t stream)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n; i++) {
		if (isnan(t->outcomes[i]))
			continue;
		memmove(t->features + n * t->d, t->features + i * t->d, t->d * sizeof *t->features);
		t->outcomes[n++] = t->outcomes[i];
	}
	return train(t, n, t->outcomes, reward, seed, stream);
}
