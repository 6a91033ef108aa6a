/* Restores a pool's state as it was stored. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/pool/pool_internal.h"

int pool_restore_labeler(struct pool *p, const char *name, size_t len, double entry, const struct labeler *l)
{
	struct labeler restored = *l;
	uint32_t id;
	int err = pool_find_entry(p, entry, &restored.entry);
	return err ? err : pool_add_labeler(p, name, len, &restored, &id);
}

void pool_restore_totals(struct pool *p, const struct pool_totals *totals)
{
	p->totals = *totals;
	p->best_round = 0;
}

int pool_restore_reports(struct pool *p, struct item *item, const uint32_t *labelers, const double *values,
			 const uint64_t *sequences, size_t n)
{
	require(item->n == 0 && n <= ITEM_REPORTS_MAX);
	if (n == 0)
		return 0;
	int err = pool_reserve_reports(p, item, (uint32_t)n);
	if (err == 0 && sequences)
		err = pool_reserve_sequences(p, item);
	if (err)
		return err;
	for (size_t i = 0; i < n; i++)
		require(labelers[i] < pool_labelers(p));
	memcpy(item->values, values, n * sizeof *values);
	memcpy(item_labelers(item), labelers, n * sizeof *labelers);
	if (sequences)
		memcpy(item->sequences, sequences, n * sizeof *sequences);
	item->n = (uint32_t)n;
	return 0;
}

int pool_restore_frozen(struct pool *p, struct item *item, enum candor_item_state state, const struct frozen *f,
			const double *weights)
{
	struct frozen *copy = malloc(sizeof *copy + item->n * sizeof(double));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, f, sizeof *copy);
	memcpy(copy->weights, weights, item->n * sizeof(double));
	if (!item->frozen)
		p->item_bytes += heap_bytes(sizeof *copy + item->n * sizeof(double));
	free(item->frozen);
	item->frozen = copy;
	item->state = state;
	return 0;
}
