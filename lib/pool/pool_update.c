/* Changes of settings. */
#include "lib/pool/pool_internal.h"

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

int pool_update(struct pool *p, const struct candor_settings *settings)
{
	uint16_t index;
	int err = pool_find_entry(p, settings->entry, &index);
	if (err)
		return err;
	add_mark(p, p->totals.epoch, p->settings.beta);
	p->settings = *settings;
	p->version++;
	/* The rate may fall now. */
	bound_next_stretch(&p->totals.bound, p->totals.total_weight);
	return 0;
}
