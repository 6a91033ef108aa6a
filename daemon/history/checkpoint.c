#include "daemon/history/checkpoint.h"

#include <string.h>

static void add_settings(struct digest *d, const struct candor_settings *s)
{
	const double numbers[] = {s->c, s->beta, s->eta, s->horizon, s->share, s->entry};
	digest_add_int(d, (uint64_t)s->rate);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		digest_add_real(d, numbers[i]);
}

static void add_stretches(struct digest *d, const struct pool *p)
{
	size_t n;
	const struct mechanism_stretch *s = pool_stretches(p, &n);
	digest_add_int(d, n);
	for (size_t i = 0; i < n; i++) {
		digest_add_int(d, s[i].epoch);
		digest_add_real(d, s[i].eta_lo);
		digest_add_real(d, s[i].eta_hi);
		digest_add_int(d, s[i].rounds);
		digest_add_real(d, s[i].floor);
		digest_add_real(d, s[i].share);
	}
}

static void add_labelers(struct digest *d, const struct pool *p)
{
	digest_add_int(d, pool_labelers(p));
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const struct labeler *l = pool_labeler(p, id);
		digest_add_text(d, pool_labeler_name(p, id, NULL));
		digest_add_real(d, pool_entry(p, id));
		digest_add_real(d, l->weight);
		digest_add_real(d, l->own_loss);
		digest_add_real(d, l->mean_loss);
		digest_add_real(d, l->settled_loss);
		digest_add_int(d, l->scored);
		digest_add_int(d, l->last_round);
		digest_add_int(d, l->epoch);
	}
}

void checkpoint_describe(const struct pool *p, uint64_t closes, const uint8_t head[CHAIN_BYTES],
			 struct archive_row *out)
{
	const struct pool_totals *t = pool_totals(p);
	size_t n;
	const struct mechanism_stretch *s = pool_stretches(p, &n);
	out->last = t->round;
	memcpy(out->hash, head, CHAIN_BYTES);
	out->closes = closes;
	out->labelers = pool_labelers(p);
	out->totals = *t;
	out->totals.open = out->totals.closed = out->totals.voided = 0;
	out->stretches = n;
	out->stretch = s[n - 1];

	const double losses[] = {t->mean_loss, t->median_loss, t->plain_mean_loss, t->plain_median_loss};
	struct digest d;
	digest_init(&d);
	digest_add_text(&d, "candor state 1");
	digest_add(&d, head, CHAIN_BYTES);
	add_settings(&d, pool_settings(p));
	digest_add_int(&d, t->round);
	digest_add_int(&d, t->epoch);
	digest_add_int(&d, t->scored);
	digest_add_int(&d, closes);
	digest_add_real(&d, t->total_weight);
	for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
		digest_add_real(&d, losses[i]);
	add_stretches(&d, p);
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
