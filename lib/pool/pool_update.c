/* Changes of settings. */
#include <math.h>

#include "lib/pool/pool_internal.h"

enum { STRETCHES_FOR_UPDATES = STRETCHES_MAX - EPOCH_MAX - 2 }; /* leaves space for the epochs: settlements go on */

/* Up to which every weight was brought. */
static unsigned newest_mark(const struct pool *p)
{
	return p->n_marks == 0 ? 0 : p->marks[p->n_marks - 1].epoch;
}

static void bring_up(const struct pool *p, double entry, double *weight, uint8_t *epoch)
{
	for (unsigned i = 0; i < p->n_marks; i++) {
		const struct mark *m = &p->marks[i];
		if (m->epoch <= *epoch)
			continue;
		*weight = mechanism_reset(*weight, entry, m->beta, m->epoch - *epoch);
		*epoch = (uint8_t)m->epoch;
	}
}

void pool_bring_up(const struct pool *p, struct labeler *l)
{
	if (l->epoch < newest_mark(p))
		bring_up(p, p->entries[l->entry], &l->weight, &l->epoch);
}

void pool_bring_up_stored(const struct pool *p, uint32_t id, double *weight, uint8_t *epoch)
{
	bring_up(p, pool_entry(p, id), weight, epoch);
}

void pool_bring_up_to(const struct pool *p, uint32_t id, unsigned epoch, double *weight, uint8_t *as_of, double *beta)
{
	double entry = p->entries[labeler_at(p, id)->entry];
	for (unsigned i = 0; i < p->n_marks; i++) {
		const struct mark *m = &p->marks[i];
		if (m->epoch > epoch) {
			*beta = m->beta;
			return;
		}
		if (m->epoch <= *as_of)
			continue;
		*weight = mechanism_reset(*weight, entry, m->beta, m->epoch - *as_of);
		*as_of = (uint8_t)m->epoch;
	}
}

static void add_mark(struct pool *p, unsigned epoch, double beta)
{
	if (epoch <= newest_mark(p))
		return;
	require(p->n_marks < MARKS_MAX);
	p->marks[p->n_marks++] = (struct mark){epoch, beta};
}

int pool_restore_update(struct pool *p, unsigned epoch, double beta)
{
	if (epoch > EPOCH_MAX || epoch < newest_mark(p))
		return ERR_HISTORY;
	add_mark(p, epoch, beta);
	return 0;
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
	bound_next_stretch(&p->totals.bound, p->totals.total_weight);
	add_mark(p, p->totals.epoch, old.beta);
	return 0;
}
