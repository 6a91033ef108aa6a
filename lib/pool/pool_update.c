/* Changes of settings. */
#include <math.h>

#include "lib/pool/pool_internal.h"

enum { STRETCHES_FOR_UPDATES = STRETCHES_MAX - 64 }; /* leaves space for the epochs, 62 at most: settlements go on */

void pool_bring_up(const struct pool *p, struct labeler *l)
{
	if (p->n_marks == 0 || l->epoch >= p->marks[p->n_marks - 1].epoch)
		return;
	for (unsigned i = 0; i < p->n_marks; i++) {
		const struct mark *m = &p->marks[i];
		if (m->epoch <= l->epoch)
			continue;
		l->weight = mechanism_reset(l->weight, p->entries[l->entry], m->beta, m->epoch - l->epoch);
		l->epoch = (uint8_t)m->epoch;
	}
}

static bool is_known(const struct pool *p, uint32_t chunk)
{
	return p->floors[chunk].is_known && p->floors[chunk].epoch == p->totals.epoch;
}

static void find_floor(struct pool *p, uint32_t chunk)
{
	uint32_t id = chunk * LABELERS_A_CHUNK, left = pool_labelers(p) - id;
	uint32_t end = id + (left < LABELERS_A_CHUNK ? left : LABELERS_A_CHUNK);
	double least = 1;
	p->work += end - id;
	for (; id < end; id++)
		least = fmin(least, pool_weight(p, id) / pool_entry(p, id));
	p->floors[chunk] = (struct chunk_floor){.least = least, .epoch = p->totals.epoch, .is_known = true};
}

static uint32_t count_chunks(const struct pool *p)
{
	return (pool_labelers(p) + LABELERS_A_CHUNK - 1) / LABELERS_A_CHUNK;
}

bool pool_prepare_update(struct pool *p, uint32_t chunks)
{
	for (uint32_t i = 0; i < count_chunks(p); i++) {
		if (is_known(p, i))
			continue;
		if (chunks-- == 0)
			return false;
		find_floor(p, i);
	}
	return true;
}

int pool_update(struct pool *p, const struct candor_settings *settings)
{
	uint16_t index;
	int err = pool_find_entry(p, settings->entry, &index);
	if (err)
		return err;

	/* The rate may fall now, so a new stretch of the regret bound begins, from the least weight there is. */
	double floor = 1;
	require(pool_prepare_update(p, UINT32_MAX));
	for (uint32_t i = 0; i < count_chunks(p); i++)
		floor = fmin(floor, p->floors[i].least);
	struct candor_settings old = p->settings;
	p->settings = *settings;
	err = pool_begin_stretch(p, floor, STRETCHES_FOR_UPDATES);
	if (err) {
		p->settings = old;
		return err;
	}
	p->version++;
	unsigned epoch = p->totals.epoch;
	if (epoch > 0 && (p->n_marks == 0 || p->marks[p->n_marks - 1].epoch < epoch)) {
		require(p->n_marks < MARKS_MAX);
		p->marks[p->n_marks++] = (struct mark){epoch, old.beta};
	}
	return 0;
}
