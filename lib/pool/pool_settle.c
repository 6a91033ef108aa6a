/* Outcomes: what they make of weights, accounts and the forecast track, and the same again from what was stored. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"
#include "lib/pool/pool_internal.h"

enum { SETTLE_WORK = 6 }; /* for each report */

/* ---- the labelers of a block ---- */

/* Of the block at hand, in one piece of memory, kept until the next: what was made of it lives as long. */
struct block_scratch {
	size_t n_items, n_reports, bytes; /* capacity */
	struct settlement_item *items; /* [n_items] */
	struct settlement_labeler *labelers; /* [n_reports] in order of first appearance */
	double *weights; /* [n_reports] after, by report */
	uint32_t *rounds; /* [n_reports] before, by report */
	uint32_t *ids; /* [n_reports] of labelers[] */
	uint32_t *who; /* [n_reports] indices into labelers[], by report */
	size_t n; /* labelers */
};

size_t pool_block_bytes(const struct block_scratch *b)
{
	return b ? heap_bytes(sizeof *b + b->bytes) : 0;
}

void pool_block_free(struct block_scratch *b)
{
	free(b);
}

static int reserve_block(struct pool *p, size_t items, size_t reports)
{
	struct block_scratch *b = p->block;
	if (b && b->n_items >= items && b->n_reports >= reports && b->n_reports / 4 <= reports)
		return 0;
	size_t bytes = items * sizeof *b->items + reports * (sizeof *b->labelers + sizeof *b->weights +
							     sizeof *b->rounds + sizeof *b->ids + sizeof *b->who);
	b = malloc(sizeof *b + bytes);
	if (!b)
		return -ENOMEM;
	*b = (struct block_scratch){.n_items = items, .n_reports = reports, .bytes = bytes};
	b->items = (struct settlement_item *)(b + 1);
	b->labelers = (struct settlement_labeler *)(b->items + items);
	b->weights = (double *)(b->labelers + reports);
	b->rounds = (uint32_t *)(b->weights + reports);
	b->ids = b->rounds + reports;
	b->who = b->ids + reports;
	free(p->block);
	p->block = b;
	return 0;
}

/* Where a labeler stands in labelers[], plus one: open addressing, at most half full. */
struct block_index {
	uint32_t *slots;
	unsigned shift; /* 2^(32 - shift) slots */
};

static int index_new(struct block_index *x, size_t reports)
{
	x->shift = 31;
	while (((size_t)1 << (32 - x->shift)) < 2 * reports)
		x->shift--;
	x->slots = calloc((size_t)1 << (32 - x->shift), sizeof *x->slots);
	return x->slots ? 0 : -ENOMEM;
}

static uint32_t index_put(struct block_index *x, struct block_scratch *b, uint32_t id)
{
	uint32_t mask = (uint32_t)((1ULL << (32 - x->shift)) - 1);
	for (uint32_t at = (id * 0x9e3779b9U) >> x->shift;; at = (at + 1) & mask) {
		uint32_t place = x->slots[at];
		if (place == 0) {
			b->ids[b->n] = id;
			return (x->slots[at] = (uint32_t)++b->n) - 1;
		}
		if (b->ids[place - 1] == id)
			return place - 1;
	}
}

/* The next item of the block is one with these reports, the first of which were scored. An item names each labeler but
 * once, so the index can be NULL if it is the only one. */
static void add_item(struct block_scratch *b, size_t t, const uint32_t *labelers, const double *values, size_t scored,
		     struct block_index *index)
{
	uint32_t *who = t == 0 ? b->who : (uint32_t *)(uintptr_t)b->items[t - 1].who + b->items[t - 1].n;
	if (t == 0)
		b->n = 0;
	b->items[t] = (struct settlement_item){.n = scored, .p = values, .who = who};
	for (size_t i = 0; i < scored; i++) {
		if (!index)
			b->ids[b->n++] = labelers[i];
		who[i] = index ? index_put(index, b, labelers[i]) : (uint32_t)i;
	}
}

/* ---- an outcome ---- */

static size_t scored_of(const struct pool *p, const struct item *item)
{
	uint32_t most = p->settings.scored;
	return most > 0 && most < item->n ? most : item->n;
}

/* Whether the block may be settled; *reports: of all its items, *largest: of one. */
static int check_block(const struct pool *p, struct item *const *items, size_t n, size_t *reports, uint32_t *largest)
{
	int err = p->totals.round + n > UINT32_MAX ? ERR_FULL : 0;
	size_t checked = 0;
	*reports = *largest = 0;
	for (; checked < n && err == 0; checked++) {
		struct item *item = items[checked];
		if (item->state == CANDOR_RESOLVED || item->in_block)
			err = ERR_CONFLICT;
		else if (item->state != CANDOR_OPEN && item->state != CANDOR_CLOSED)
			err = ERR_STATE;
		if (err)
			break;
		item->in_block = true;
		*reports += item->n;
		*largest = item->n > *largest ? item->n : *largest;
	}
	for (size_t i = 0; i < checked; i++)
		items[i]->in_block = false;
	return err == 0 && *reports > UINT32_MAX / 4 ? ERR_FULL : err;
}

/* Whatever can fail comes before anything is settled, and most of it before an item is closed. */
static int prepare(struct pool *p, struct item *const *items, size_t n, struct block_index *index)
{
	size_t reports;
	uint32_t largest;
	int err = check_block(p, items, n, &reports, &largest);
	if (err == 0)
		err = pool_reserve_scratch(p, largest);
	if (err == 0)
		err = reserve_block(p, n, reports);
	if (err == 0 && n > 1)
		err = index_new(index, reports);
	for (size_t t = 0; t < n && err == 0; t++)
		if (items[t]->state == CANDOR_OPEN)
			err = pool_close(p, items[t]);
	return err;
}

/* The weights that labelers have at the start of the block. */
static void gather_before(struct pool *p, struct block_scratch *b)
{
	for (size_t i = 0; i < b->n; i++)
		pool_prefetch_labeler(labeler_at(p, b->ids[i]));
	for (size_t i = 0; i < b->n; i++)
		b->labelers[i].before = pool_weight(p, b->ids[i]);
}

/* How a labeler stands after a settlement that it was scored in, at least one other with it. */
static void move(struct labeler *l, const struct settlement_labeler *by, double eta, double total_weight,
		 uint32_t stretch)
{
	if (l->stretch != stretch) {
		l->limit += bound_of_first(eta, total_weight, by->before);
		l->stretch = stretch;
	}
	l->gain += by->gain;
	l->limit += bound_of_step(eta, by->gain, by->step, by->after);
}

static void move_all(struct pool *p, const struct block_scratch *b, double eta)
{
	struct pool_totals *t = &p->totals;
	if (b->n >= SETTLEMENT_LABELERS_MIN)
		bound_settled(&t->bound, eta, t->total_weight);
	for (size_t i = 0; i < b->n; i++) {
		struct labeler *l = labeler_at(p, b->ids[i]);
		if (b->n >= SETTLEMENT_LABELERS_MIN)
			move(l, &b->labelers[i], eta, t->total_weight, t->bound.stretch);
		/* Also where nothing moves: resets since are done with, by the bits that histories have. */
		l->weight = b->labelers[i].after;
		l->epoch = (uint8_t)t->epoch;
	}
}

static void count_losses(struct pool_totals *t, const struct aggregate *a, double y)
{
	t->mean_loss += mechanism_loss(a->mean, y);
	t->median_loss += mechanism_loss(a->median, y);
	t->plain_mean_loss += mechanism_loss(a->plain_mean, y);
	t->plain_median_loss += mechanism_loss(a->plain_median, y);
	t->forecast_loss += mechanism_loss(a->forecast, y);
}

/* The accounts of one item and its labelers. weights and rounds: its part of the scratch. */
static void account(struct pool *p, struct item *item, const struct settlement_item *of, double *weights,
		    uint32_t *rounds)
{
	const struct block_scratch *b = p->block;
	const uint32_t *labelers = item_labelers(item);
	const struct frozen *f = item->frozen;
	double mean_loss = mechanism_loss(f->aggregate.mean, f->outcome);
	for (size_t i = 0; i < of->n; i++) {
		struct labeler *l = labeler_at(p, labelers[i]);
		weights[i] = b->labelers[of->who[i]].after;
		rounds[i] = l->last_round;
		l->own_loss += mechanism_loss(item->values[i], f->outcome);
		l->mean_loss += mean_loss;
		l->scored++;
		l->last_round = (uint32_t)f->round;
	}
	count_losses(&p->totals, &f->aggregate, f->outcome);
}

/* The track learns from all reports of an item, scored or not. */
static struct forecast_lesson learn(struct pool *p, const struct item *item, uint32_t most)
{
	const struct forecast_moment now = pool_moment(p);
	const uint32_t *labelers = item_labelers(item);
	double y = item->frozen->outcome, unit = forecast_unit(item->n);
	for (uint32_t i = 0; i < item->n; i++)
		p->tracks[i] = &labeler_at(p, labelers[i])->track;
	struct forecast_lesson lesson =
		forecast_learn(&now, &p->totals.track, item->n, p->tracks, item->values, y, most);
	for (uint32_t i = 0; i < item->n; i++)
		forecast_learn_labeler(&labeler_at(p, labelers[i])->track, unit, item->values[i], y, &lesson);
	return lesson;
}

/* The epoch may grow, and then a new stretch of the regret bound begins. */
static void perhaps_next_epoch(struct pool *p)
{
	struct pool_totals *t = &p->totals;
	unsigned epoch = mechanism_epoch(&p->settings, t->epoch, t->scored, pool_labelers(p));
	if (epoch == t->epoch)
		return;
	t->epoch = epoch;
	bound_next_stretch(&t->bound, t->total_weight);
}

static void settle(struct pool *p, struct item *const *items, const double *y, size_t n, struct pool_settled *out)
{
	struct block_scratch *b = p->block;
	struct pool_totals *t = &p->totals;
	uint64_t first = t->round + 1;
	double eta = pool_eta(p), *weights = b->weights;
	uint32_t *rounds = b->rounds;
	for (size_t i = 0; i < n; i++)
		b->items[i].outcome = pool_unsigned(y[i]);
	gather_before(p, b);
	uint32_t most = settlement_settle(b->items, n, b->labelers, b->n, eta, p->settings.wrong, p->settings.share);
	move_all(p, b, eta);

	for (size_t i = 0; i < n; i++) {
		struct frozen *f = items[i]->frozen;
		f->outcome = b->items[i].outcome;
		f->eta = eta;
		f->weighted_loss = b->items[i].weighted_loss;
		f->round = first + i;
		f->block = n > 1 ? first : 0;
		account(p, items[i], &b->items[i], weights, rounds);
		out[i] = (struct pool_settled){
			.eta = eta,
			.weighted_loss = f->weighted_loss,
			.epoch = t->epoch,
			.round = f->round,
			.block = f->block,
			.stretch = t->bound.stretch,
			.total_weight = t->total_weight,
			.n = b->items[i].n,
			.weights = weights,
			.last_round = rounds,
		};
		weights += b->items[i].n;
		rounds += b->items[i].n;
		forecast_judge(&t->track, &f->aggregate, y[i], p->settings.wrong, t->round + n - f->closed_round);
	}
	for (size_t i = 0; i < n; i++) {
		out[i].lesson = learn(p, items[i], most);
		p->work += SETTLE_WORK * items[i]->n;
		pool_forget_aggregate(p, items[i]);
		items[i]->state = CANDOR_RESOLVED;
	}
	t->round += n;
	t->scored += b->n;
	t->closed -= n;
	p->version++;
	perhaps_next_epoch(p);
}

int pool_resolve_together(struct pool *p, struct item *const *items, const double *y, size_t n,
			  struct pool_settled *out)
{
	struct block_index index = {0};
	require(n >= 1);
	int err = prepare(p, items, n, &index);
	for (size_t t = 0; t < n && err == 0; t++)
		add_item(p->block, t, item_labelers(items[t]), items[t]->values, scored_of(p, items[t]),
			 n > 1 ? &index : NULL);
	free(index.slots);
	if (err == 0)
		settle(p, items, y, n, out);
	return err;
}

int pool_resolve(struct pool *p, struct item *item, double y, struct pool_settled *out)
{
	return pool_resolve_together(p, &item, &y, 1, out);
}

/* ---- from what was stored ---- */

/* A labeler's weight as of an epoch that may be over, from a state that is older. */
static double weight_at(const struct pool *p, uint32_t id, unsigned epoch)
{
	const struct labeler *l = labeler_at(p, id);
	double weight = l->weight, beta = p->settings.beta;
	uint8_t as_of = l->epoch;
	pool_bring_up_to(p, id, epoch, &weight, &as_of, &beta);
	return mechanism_reset(weight, p->entries[l->entry], beta, epoch - as_of);
}

static int check_stored(const struct pool *p, const struct pool_stored *rows, size_t n, const uint64_t *through)
{
	for (size_t t = 0; t < n; t++) {
		const struct pool_stored *row = &rows[t];
		if (row->scored < 1 || row->scored > row->n)
			return ERR_HISTORY;
		for (size_t i = 0; i < row->n; i++) {
			uint64_t known = through[row->labelers[i]];
			require(row->labelers[i] < pool_labelers(p));
			if (known >= rows[0].round && known < rows[n - 1].round)
				return ERR_HISTORY;
			if (known < rows[0].round && labeler_at(p, row->labelers[i])->epoch > rows[0].epoch)
				return ERR_HISTORY;
		}
	}
	return 0;
}

/* What moved those labelers of the block whose states are older, from what was stored of each item. */
static void gains_of(struct pool *p, const struct pool_stored *rows, size_t n, const uint64_t *through)
{
	struct block_scratch *b = p->block;
	uint32_t most = 0;
	for (size_t i = 0; i < b->n; i++)
		b->labelers[i] = (struct settlement_labeler){
			.before = through[b->ids[i]] < rows[0].round ? weight_at(p, b->ids[i], rows[0].epoch) : 1};
	for (size_t t = 0; t < n; t++) {
		for (size_t i = 0; i < b->items[t].n; i++) {
			struct settlement_labeler *l = &b->labelers[b->items[t].who[i]];
			l->gain += rows[t].weighted_loss -
				   settlement_score(rows[t].values[i], rows[t].outcome, rows[t].wrong);
			l->after = rows[t].weights[i];
			most = ++l->scored > most ? l->scored : most;
		}
	}
	for (size_t i = 0; i < b->n; i++) {
		struct settlement_labeler *l = &b->labelers[i];
		l->gain /= most;
		l->step = l->before * (1 + rows[0].eta * l->gain);
	}
}

static void restore_item(struct pool *p, const struct pool_stored *row, const uint64_t *through)
{
	double mean_loss = mechanism_loss(row->mean, row->outcome), unit = forecast_unit(row->n);
	for (size_t i = 0; i < row->n; i++) {
		struct labeler *l = labeler_at(p, row->labelers[i]);
		if (through[row->labelers[i]] >= row->round)
			continue;
		forecast_learn_labeler(&l->track, unit, row->values[i], row->outcome, &row->lesson);
		if (i >= row->scored)
			continue;
		l->own_loss += mechanism_loss(row->values[i], row->outcome);
		l->mean_loss += mean_loss;
		l->scored++;
		l->last_round = (uint32_t)row->round;
	}
}

int pool_restore_block(struct pool *p, const struct pool_stored *rows, size_t n, const uint64_t *through)
{
	struct block_index index = {0};
	size_t reports = 0;
	require(n >= 1);
	for (size_t t = 0; t < n; t++)
		reports += rows[t].n;
	int err = check_stored(p, rows, n, through);
	if (err == 0)
		err = reserve_block(p, n, reports);
	if (err == 0 && n > 1)
		err = index_new(&index, reports);
	if (err)
		return err;
	struct block_scratch *b = p->block;
	for (size_t t = 0; t < n; t++)
		add_item(b, t, rows[t].labelers, rows[t].values, rows[t].scored, n > 1 ? &index : NULL);
	free(index.slots);
	gains_of(p, rows, n, through);
	for (size_t i = 0; i < b->n; i++) {
		struct labeler *l = labeler_at(p, b->ids[i]);
		if (through[b->ids[i]] >= rows[0].round)
			continue;
		if (b->n >= SETTLEMENT_LABELERS_MIN)
			move(l, &b->labelers[i], rows[0].eta, rows[0].total_weight, rows[0].stretch);
		l->weight = b->labelers[i].after;
		l->epoch = (uint8_t)rows[0].epoch;
	}
	for (size_t t = 0; t < n; t++)
		restore_item(p, &rows[t], through);
	return 0;
}
