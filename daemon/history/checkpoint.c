#include "daemon/history/checkpoint.h"

#include <string.h>

static void add_reals(struct digest *d, const double *reals, size_t n)
{
	for (size_t i = 0; i < n; i++)
		digest_add_real(d, reals[i]);
}

static void add_settings(struct digest *d, const struct candor_settings *s)
{
	const double numbers[] = {s->c, s->beta, s->eta, s->horizon, s->share, s->entry, s->wrong};
	digest_add_int(d, (uint64_t)s->rate);
	add_reals(d, numbers, sizeof numbers / sizeof *numbers);
	digest_add_int(d, s->scored);
	digest_add_int(d, (uint64_t)s->signs);
}

static void add_counts(struct digest *d, const struct outcome_counts *c)
{
	const double numbers[] = {c->n1, c->n0, c->a, c->b};
	add_reals(d, numbers, sizeof numbers / sizeof *numbers);
}

static void add_totals(struct digest *d, const struct pool_totals *t)
{
	const double losses[] = {t->total_weight,    t->mean_loss,         t->median_loss,
				 t->plain_mean_loss, t->plain_median_loss, t->forecast_loss};
	const double bound[] = {t->bound.eta, t->bound.weight, t->bound.grown};
	const double track[] = {t->track.c, t->track.u, t->track.y};
	digest_add_int(d, t->round);
	digest_add_int(d, t->epoch);
	digest_add_int(d, t->scored);
	add_reals(d, losses, sizeof losses / sizeof *losses);
	digest_add_int(d, t->bound.stretch);
	add_reals(d, bound, sizeof bound / sizeof *bound);
	add_reals(d, track, sizeof track / sizeof *track);
	add_counts(d, &t->track.counts);
	add_reals(d, t->track.blend, N_CANDIDATES);
}

static void add_labelers(struct digest *d, const struct pool *p)
{
	digest_add_int(d, pool_labelers(p));
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const struct labeler *l = pool_labeler(p, id);
		const double numbers[] = {l->weight, l->own_loss, l->mean_loss, l->gain,
					  l->limit,  l->track.m,  l->track.v};
		digest_add_text(d, pool_labeler_name(p, id, NULL));
		digest_add_real(d, pool_entry(p, id));
		add_reals(d, numbers, sizeof numbers / sizeof *numbers);
		add_counts(d, &l->track.counts);
		digest_add_int(d, l->scored);
		digest_add_int(d, l->last_round);
		digest_add_int(d, l->stretch);
		digest_add_int(d, l->epoch);
	}
}

void checkpoint_describe(const struct pool *p, uint64_t closes, const uint8_t head[CHAIN_BYTES],
			 struct archive_row *out)
{
	const struct pool_totals *t = pool_totals(p);
	out->last = t->round;
	memcpy(out->hash, head, CHAIN_BYTES);
	out->closes = closes;
	out->labelers = pool_labelers(p);
	out->totals = *t;
	out->totals.open = out->totals.closed = out->totals.voided = 0;
	out->totals.rechecks = out->totals.disagreed = 0;

	struct digest d;
	digest_init(&d);
	digest_add_text(&d, "candor state 2");
	digest_add(&d, head, CHAIN_BYTES);
	add_settings(&d, pool_settings(p));
	digest_add_int(&d, closes);
	add_totals(&d, t);
	add_labelers(&d, p);
	digest_end(&d, out->state);
}

void checkpoint_chunk(const struct pool *p, uint64_t pool, uint32_t first, struct labeler *states,
		      struct checkpoint_row *out)
{
	uint32_t n = pool_labelers(p) - first;
	if (n > CHECKPOINT_LABELERS)
		n = CHECKPOINT_LABELERS;
	for (uint32_t i = 0; i < n; i++)
		states[i] = *pool_labeler(p, first + i);
	*out = (struct checkpoint_row){pool, first, n, states};
}

int checkpoint_open(struct checkpoint_reader *r, struct db *db, uint64_t pool)
{
	*r = (struct checkpoint_reader){0};
	return db_cursor_open(db, DB_CHECKPOINTS, pool, 0, &r->cursor);
}

int checkpoint_next(struct checkpoint_reader *r, const struct labeler **out)
{
	if (!r->row || r->next == r->row->first + r->row->n) {
		int got = db_cursor_next(r->cursor, (const void **)&r->row);
		if (got != 1 || r->row->first != r->next)
			return got < 0 ? got : ERR_HISTORY;
	}
	*out = &r->row->states[r->next++ - r->row->first];
	return 0;
}

void checkpoint_close(struct checkpoint_reader *r)
{
	db_cursor_close(r->cursor);
	*r = (struct checkpoint_reader){0};
}
