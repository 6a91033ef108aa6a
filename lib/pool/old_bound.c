#include "lib/pool/old_bound.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"

void old_bound_free(struct old_bound *b)
{
	free(b->steps);
	*b = (struct old_bound){0};
}

size_t old_bound_bytes(const struct old_bound *b)
{
	return heap_bytes(b->cap * sizeof *b->steps);
}

int old_bound_reserve(struct old_bound *b, size_t cap)
{
	if (cap <= b->cap)
		return 0;
	struct old_bound_step *steps = realloc(b->steps, cap * sizeof *steps);
	if (!steps)
		return -ENOMEM;
	b->steps = steps;
	b->cap = cap;
	return 0;
}

/* The costliest first. */
static int by_cost(const void *a, const void *b)
{
	const struct old_bound_step *x = a, *y = b;
	if (x->cost != y->cost)
		return x->cost < y->cost ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

/* The first step from which on those cost less, or as much in a later stretch. */
static size_t place_of(const struct old_bound *b, const struct old_bound_step *step)
{
	size_t lo = 0, hi = b->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (by_cost(&b->steps[mid], step) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void sum_from(struct old_bound *b, size_t at)
{
	for (; at < b->n; at++) {
		struct old_bound_step *s = &b->steps[at];
		s->all_rounds = s->rounds + (at ? s[-1].all_rounds : 0);
		s->all_cost = s->cost * (double)s->rounds + (at ? s[-1].all_cost : 0);
	}
}

static struct old_bound_step step_of(const struct mechanism_stretch *s, size_t number)
{
	return (struct old_bound_step){
		.cost = mechanism_report_cost(s),
		.rounds = s->rounds,
		.number = (uint32_t)number,
	};
}

void old_bound_add(struct old_bound *b, const struct mechanism_stretch *stretches, size_t n, size_t number)
{
	size_t from = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		const struct mechanism_stretch *s = &stretches[i];
		if (s->rounds == 0)
			continue;
		struct old_bound_step step = step_of(s, number + i);
		require(b->n < b->cap);
		b->rate_sum += 1 / s->eta_lo;
		b->floor_sum += log(s->floor) / s->eta_lo;
		if (n == 1) {
			from = place_of(b, &step);
			memmove(&b->steps[from + 1], &b->steps[from], (b->n - from) * sizeof step);
			b->steps[from] = step;
		} else {
			from = 0;
			b->steps[b->n] = step;
		}
		b->n++;
	}
	if (n > 1)
		qsort(b->steps, b->n, sizeof *b->steps, by_cost);
	sum_from(b, from);
}

/* What `scored` reports cost at most in past stretches; those that are more than the stretches' rounds are left out. */
static double cost_of(const struct old_bound *b, uint64_t scored)
{
	size_t lo = 0, hi = b->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (b->steps[mid].all_rounds < scored)
			lo = mid + 1;
		else
			hi = mid;
	}
	double before = lo ? b->steps[lo - 1].all_cost : 0;
	uint64_t left = scored - (lo ? b->steps[lo - 1].all_rounds : 0);
	return lo == b->n ? before : before + b->steps[lo].cost * (double)left;
}

double old_bound_of(const struct old_bound *b, const struct mechanism_stretch *last, double total_weight, double entry,
		    uint64_t scored)
{
	double sum = log(total_weight / entry) * b->rate_sum - b->floor_sum;
	if (last->rounds == 0)
		return sum + cost_of(b, scored);
	sum += log(total_weight / (last->floor * entry)) / last->eta_lo;
	struct old_bound_step step = step_of(last, UINT32_MAX);
	size_t at = place_of(b, &step);
	uint64_t before = at ? b->steps[at - 1].all_rounds : 0;
	if (scored <= before)
		return sum + cost_of(b, scored);
	uint64_t here = scored - before < step.rounds ? scored - before : step.rounds;
	return sum + step.cost * (double)here + cost_of(b, scored - here);
}
