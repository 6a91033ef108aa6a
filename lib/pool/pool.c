#include "lib/pool/pool_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/heap.h"

enum {
	AGGREGATE_WORK = 4, /* for each report */
	ENTRIES_MAX = 65535,
};

/* ---- the pool itself ---- */

int pool_find_entry(struct pool *p, double entry, uint16_t *index)
{
	for (uint32_t i = p->n_entries; i-- > 0;) {
		if (p->entries[i] == entry) {
			*index = (uint16_t)i;
			return 0;
		}
	}
	if (p->n_entries == ENTRIES_MAX)
		return ERR_FULL;
	double *entries = realloc(p->entries, (p->n_entries + 1) * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	p->entries = entries;
	*index = (uint16_t)p->n_entries;
	entries[p->n_entries++] = entry;
	return 0;
}

int pool_new(struct pool **out, const struct candor_settings *settings, const uint8_t *key)
{
	struct pool *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->settings = *settings;
	p->version = 1;
	p->totals.bound.stretch = 1;
	forecast_begin(&p->totals.track);
	memcpy(p->key, key, sizeof p->key);
	uint16_t index;
	int err = names_new(&p->labeler_names, key);
	if (err == 0)
		err = names_new(&p->item_names, key);
	if (err == 0)
		err = pool_find_entry(p, settings->entry, &index);
	if (err) {
		pool_free(p);
		return err;
	}
	*out = p;
	return 0;
}

static void free_item(struct item *item)
{
	free(item->values);
	free(item->index);
	free(item->sequences);
	free(item->frozen);
	free(item->present);
	free(item);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->items_cap; i++)
		if (p->items[i])
			free_item(p->items[i]);
	free(p->items);
	for (uint32_t id = 0; id < p->labelers_cap; id += LABELERS_A_CHUNK)
		free(p->chunks[id / LABELERS_A_CHUNK]);
	free(p->chunks);
	free(p->entries);
	names_free(p->labeler_names);
	names_free(p->item_names);
	free(p->weights);
	free(p->tracks);
	pool_block_free(p->block);
	free(p->cells);
	free(p);
}

size_t pool_bytes(const struct pool *p)
{
	uint32_t chunks = (p->labelers_cap + LABELERS_A_CHUNK - 1) / LABELERS_A_CHUNK;
	uint32_t chunk_labelers = chunks > 1 ? LABELERS_A_CHUNK : p->labelers_cap;
	return heap_bytes(sizeof *p) + names_bytes(p->labeler_names) + names_bytes(p->item_names) +
	       chunks * heap_bytes(chunk_labelers * sizeof(struct labeler)) + heap_bytes(chunks * sizeof *p->chunks) +
	       heap_bytes(p->n_entries * sizeof *p->entries) + heap_bytes(p->items_cap * sizeof *p->items) +
	       heap_bytes(p->scratch_cap * sizeof *p->weights) + heap_bytes(p->scratch_cap * sizeof(struct track *)) +
	       heap_bytes(p->scratch_cap * sizeof *p->cells) + pool_block_bytes(p->block) + p->item_bytes;
}

void pool_be_frugal(struct pool *p, bool frugal)
{
	p->is_frugal = frugal;
}

uint64_t pool_work(const struct pool *p)
{
	return p->work;
}

const struct candor_settings *pool_settings(const struct pool *p)
{
	return &p->settings;
}

const struct pool_totals *pool_totals(const struct pool *p)
{
	return &p->totals;
}

double pool_eta(const struct pool *p)
{
	return mechanism_eta(&p->settings, pool_labelers(p), p->totals.epoch);
}

double pool_t_eff(const struct pool *p)
{
	uint32_t labelers = pool_labelers(p);
	return labelers ? (double)p->totals.scored / labelers : 0;
}

/* ---- labelers ---- */

uint32_t pool_labelers(const struct pool *p)
{
	return p->labeler_names ? names_count(p->labeler_names) : 0;
}

const struct labeler *pool_labeler(const struct pool *p, uint32_t id)
{
	require(id < pool_labelers(p));
	struct labeler *l = labeler_at(p, id);
	pool_bring_up(p, l);
	return l;
}

const char *pool_labeler_name(const struct pool *p, uint32_t id, size_t *len)
{
	return names_text(p->labeler_names, id, len);
}

uint32_t pool_find_labeler(const struct pool *p, const char *name, size_t len)
{
	return names_find(p->labeler_names, name, len);
}

uint64_t pool_version(const struct pool *p)
{
	return p->version;
}

double pool_weight(const struct pool *p, uint32_t id)
{
	struct labeler *l = labeler_at(p, id);
	pool_bring_up(p, l);
	return mechanism_reset(l->weight, p->entries[l->entry], p->settings.beta, p->totals.epoch - l->epoch);
}

double pool_entry(const struct pool *p, uint32_t id)
{
	return p->entries[labeler_at(p, id)->entry];
}

double pool_regret(const struct pool *p, uint32_t id)
{
	const struct labeler *l = labeler_at(p, id);
	return l->mean_loss - l->own_loss;
}

double pool_bound(const struct pool *p, uint32_t id)
{
	const struct labeler *l = labeler_at(p, id);
	return bound_now(&p->totals.bound, p->totals.total_weight, l->limit, l->stretch);
}

bool pool_search_best(struct pool *p, struct pool_search *s, uint32_t count)
{
	if (s->next == 0) {
		*s = (struct pool_search){.best = NAMES_NONE, .round = p->totals.round};
		if (p->totals.round == 0)
			return true;
		if (p->best_round == p->totals.round) {
			s->best = p->best;
			return true;
		}
	}
	uint32_t labelers = pool_labelers(p), end = count < labelers - s->next ? s->next + count : labelers;
	p->work += end - s->next;
	for (; s->next < end; s->next++)
		if (labeler_at(p, s->next)->scored > 0 &&
		    (s->best == NAMES_NONE || pool_regret(p, s->next) > pool_regret(p, s->best)))
			s->best = s->next;
	if (end < labelers)
		return false;
	/* If something was settled meanwhile, it is not the best of any one moment. */
	if (s->round == p->totals.round) {
		p->best = s->best;
		p->best_round = s->round;
	}
	return true;
}

uint32_t pool_best(struct pool *p)
{
	struct pool_search s = {0};
	require(pool_search_best(p, &s, UINT32_MAX));
	return s.best;
}

/* Space for one more labeler. */
static int reserve_labeler(struct pool *p)
{
	enum { FIRST = 16 };
	uint32_t next = pool_labelers(p), chunk = next / LABELERS_A_CHUNK;
	if (next < p->labelers_cap)
		return 0;
	if (next % LABELERS_A_CHUNK == 0) {
		struct labeler **chunks = realloc(p->chunks, (chunk + 1) * sizeof(struct labeler *));
		if (!chunks)
			return -ENOMEM;
		p->chunks = chunks;
		chunks[chunk] = NULL;
	}
	/* Most pools are small: the first chunk doubles until it has the full size. */
	uint32_t cap = chunk > 0 ? LABELERS_A_CHUNK : next > 0 ? 2 * next : FIRST;
	struct labeler *grown = realloc(p->chunks[chunk], cap * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	p->chunks[chunk] = grown;
	p->labelers_cap = chunk * LABELERS_A_CHUNK + cap;
	return 0;
}

int pool_add_labeler(struct pool *p, const char *name, size_t len, const struct labeler *l, uint32_t *id)
{
	uint32_t next = pool_labelers(p);
	int err = reserve_labeler(p);
	if (err)
		return err;
	err = names_put(p->labeler_names, name, len, id);
	if (err != 1)
		return err == 0 ? ERR_HISTORY : err;
	require(*id == next);
	*labeler_at(p, next) = *l;
	p->totals.total_weight += p->entries[l->entry];
	return 0;
}

/* ---- items ---- */

struct item *pool_find_item(const struct pool *p, const char *name, size_t len)
{
	uint32_t id = names_find(p->item_names, name, len);
	return id == NAMES_NONE ? NULL : p->items[id];
}

const char *pool_item_name(const struct pool *p, const struct item *item, size_t *len)
{
	return names_text(p->item_names, item->id, len);
}

uint32_t pool_items(const struct pool *p)
{
	return names_count(p->item_names);
}

void pool_prefetch_items(const struct pool *p, const char *const *names, size_t count)
{
	names_prefetch(p->item_names, names, count);
}

void pool_prefetch_labelers(const struct pool *p, const char *const *names, size_t count)
{
	names_prefetch(p->labeler_names, names, count);
}

int pool_add_item(struct pool *p, const char *name, size_t len, struct item **out)
{
	struct item *item = calloc(1, sizeof *item);
	if (!item)
		return -ENOMEM;
	int err = names_put(p->item_names, name, len, &item->id);
	if (err != 1) {
		require(err != 0);
		free(item);
		return err;
	}
	if (item->id >= p->items_cap) {
		uint32_t cap = item->id + item->id / 4 + 16;
		struct item **items = realloc(p->items, cap * sizeof(struct item *));
		if (!items) {
			names_remove(p->item_names, item->id);
			free(item);
			return -ENOMEM;
		}
		memset(items + p->items_cap, 0, (cap - p->items_cap) * sizeof(struct item *));
		p->items = items;
		p->items_cap = cap;
	}
	p->items[item->id] = item;
	p->item_bytes += pool_item_bytes(item);
	*out = item;
	return 0;
}

void pool_drop_item(struct pool *p, struct item *item)
{
	p->item_bytes -= pool_item_bytes(item);
	names_remove(p->item_names, item->id);
	p->items[item->id] = NULL;
	free_item(item);
}

void pool_prefetch_reports(const struct item *item)
{
	__builtin_prefetch(item->values, 1);
	if (item->n > 0)
		__builtin_prefetch(item_labelers(item));
}

int pool_reserve_scratch(struct pool *p, uint32_t n)
{
	if (n <= p->scratch_cap)
		return 0;
	uint32_t cap = n + n / 2 + 16;
	double *weights = realloc(p->weights, cap * sizeof *weights);
	if (weights)
		p->weights = weights;
	const struct track **tracks = realloc(p->tracks, cap * sizeof(struct track *));
	if (tracks)
		p->tracks = tracks;
	struct aggregate_cell *cells = realloc(p->cells, cap * sizeof *cells);
	if (cells)
		p->cells = cells;
	if (!weights || !tracks || !cells)
		return -ENOMEM;
	p->scratch_cap = cap;
	return 0;
}

/* The reporters' current weights and tracks, into the scratch. */
static int gather(struct pool *p, const struct item *item)
{
	int err = pool_reserve_scratch(p, item->n);
	if (err)
		return err;
	p->work += item->n;
	const uint32_t *labelers = item_labelers(item);
	/* With a million labelers each is a cache miss: prefetch all, then read. */
	for (uint32_t i = 0; i < item->n; i++)
		pool_prefetch_labeler(labeler_at(p, labelers[i]));
	for (uint32_t i = 0; i < item->n; i++) {
		p->weights[i] = pool_weight(p, labelers[i]);
		p->tracks[i] = &labeler_at(p, labelers[i])->track;
	}
	return 0;
}

struct forecast_moment pool_moment(const struct pool *p)
{
	return (struct forecast_moment){
		.pool = &p->totals.track,
		.round = p->totals.round,
		.wrong = p->settings.wrong,
		.signs = p->settings.signs,
	};
}

/* Of the reporters that were gathered. */
static void compute(struct pool *p, const struct item *item, struct aggregate *out)
{
	const struct forecast_moment now = pool_moment(p);
	aggregate_compute(item->values, p->weights, item->n, p->cells, out);
	forecast_compute(&now, item->n, p->tracks, item->values, out);
	p->work += AGGREGATE_WORK * item->n;
}

/* ---- events ---- */

static void reports_changed(struct item *item)
{
	if (item->present)
		item->present->version = 0;
}

static bool takes_reports(const struct item *item)
{
	return item->state == CANDOR_OPEN || item->state == CANDOR_STATE_UNSPECIFIED;
}

bool pool_would_grow(const struct pool *p, const struct item *item, const char *labeler, size_t len, uint64_t sequence)
{
	uint32_t id = pool_find_labeler(p, labeler, len);
	if (!takes_reports(item))
		return false;
	return (sequence > 0 && !item->sequences) || id == NAMES_NONE || pool_find_report(p, item, id) == item->n;
}

/* The labeler's report at `at` has been there before. */
static int report_again(struct pool *p, struct item *item, uint32_t at, double value, uint64_t sequence,
			struct pool_reported *out)
{
	bool same = item->values[at] == value;
	if (!takes_reports(item))
		return same ? POOL_DUPLICATE : ERR_STATE;
	if (sequence > 0 && item->sequences && sequence <= item->sequences[at])
		return POOL_DUPLICATE;
	if (sequence > 0) {
		int err = pool_reserve_sequences(p, item);
		if (err)
			return err;
		item->sequences[at] = sequence;
	}
	if (same)
		return sequence > 0 ? POOL_RENUMBERED : POOL_DUPLICATE;
	out->old = item->values[at];
	item->values[at] = value;
	reports_changed(item);
	return POOL_REVISED;
}

int pool_report(struct pool *p, struct item *item, const char *labeler, size_t len, double value, uint64_t sequence,
		struct pool_reported *out)
{
	uint32_t id = pool_find_labeler(p, labeler, len);
	uint32_t at = id == NAMES_NONE ? item->n : pool_place_of(p, item, id);
	*out = (struct pool_reported){.labeler = id};
	value = pool_unsigned(value);

	if (at < item->n)
		return report_again(p, item, at, value, sequence, out);
	if (!takes_reports(item))
		return ERR_STATE;
	if (item->n == ITEM_REPORTS_MAX)
		return ERR_FULL;
	int err = pool_reserve_reports(p, item, item->n + 1);
	if (err == 0)
		err = pool_reserve_index(p, item, item->n + 1);
	if (err == 0 && sequence > 0)
		err = pool_reserve_sequences(p, item);
	if (err)
		return err;
	if (id == NAMES_NONE) {
		struct labeler l = {
			.weight = p->settings.entry,
			.epoch = (uint8_t)p->totals.epoch,
			.track = forecast_new_labeler(),
		};
		err = pool_find_entry(p, p->settings.entry, &l.entry);
		if (err == 0)
			err = pool_add_labeler(p, labeler, len, &l, &out->labeler);
		if (err)
			return err;
		out->joined = true;
	}
	if (item->sequences)
		item->sequences[item->n] = sequence;
	item->values[item->n] = value;
	item_labelers(item)[item->n++] = out->labeler;
	pool_index_last(p, item);
	reports_changed(item);
	if (item->state != CANDOR_OPEN) {
		item->state = CANDOR_OPEN;
		p->totals.open++;
	}
	return POOL_ADDED;
}

int pool_close(struct pool *p, struct item *item)
{
	if (item->state != CANDOR_OPEN)
		return ERR_STATE;
	int err = gather(p, item);
	if (err)
		return err;
	struct frozen *f = calloc(1, sizeof *f + item->n * sizeof(double));
	if (!f)
		return -ENOMEM;
	pool_drop_sequences(p, item);
	memcpy(f->weights, p->weights, item->n * sizeof(double));
	compute(p, item, &f->aggregate);
	f->closed_round = p->totals.round;
	pool_drop_index(p, item); /* reports on it should be few from now on */
	p->item_bytes -= pool_item_bytes(item);
	free(item->present);
	item->present = NULL;
	item->frozen = f;
	p->item_bytes += pool_item_bytes(item);
	item->state = CANDOR_CLOSED;
	p->totals.open--;
	p->totals.closed++;
	return 0;
}

int pool_void(struct pool *p, struct item *item)
{
	if (item->state == CANDOR_OPEN)
		p->totals.open--;
	else if (item->state == CANDOR_CLOSED)
		p->totals.closed--;
	else
		return ERR_STATE;
	pool_drop_sequences(p, item);
	item->state = CANDOR_VOID;
	p->totals.voided++;
	return 0;
}

int pool_item_aggregate(struct pool *p, struct item *item, struct aggregate *out, const double **weights)
{
	require(item->n >= 1);
	if (!item->frozen)
		return pool_item_now(p, item, out, weights);
	*out = item->frozen->aggregate;
	if (weights)
		*weights = item->frozen->weights;
	return 0;
}

int pool_item_now(struct pool *p, struct item *item, struct aggregate *out, const double **weights)
{
	require(item->n >= 1);
	bool known = item->present && item->present->version == p->version;
	int err = known && !weights ? 0 : gather(p, item);
	if (err)
		return err;
	if (weights)
		*weights = p->weights;
	if (known) {
		*out = item->present->aggregate;
		return 0;
	}
	compute(p, item, out);
	/* If there is no memory to keep it, it is computed again next time. */
	if (!item->present && (item->present = malloc(sizeof *item->present)))
		p->item_bytes += heap_bytes(sizeof *item->present);
	if (item->present)
		*item->present = (struct present){p->version, *out};
	return 0;
}

double pool_resolved_label(const struct pool *p, double forecast, double outcome, const double *recheck)
{
	double e = p->settings.wrong;
	double label = recheck_posterior(recheck_prior(forecast), outcome, e);
	/* Where outcomes are right, the first one is. */
	return recheck && e > 0 ? recheck_posterior(label, *recheck, e) : label;
}

int pool_item_label(struct pool *p, struct item *item, double *out)
{
	struct aggregate now;
	const struct frozen *f = item->frozen;
	if (item->state == CANDOR_VOID || item->state == CANDOR_STATE_UNSPECIFIED)
		return ERR_STATE;
	if (item->state == CANDOR_RESOLVED) {
		*out = pool_resolved_label(p, f->aggregate.forecast, f->outcome, f->has_recheck ? &f->recheck : NULL);
		return 0;
	}
	int err = pool_item_now(p, item, &now, NULL);
	if (err == 0)
		*out = now.forecast;
	return err;
}

int pool_recheck(struct pool *p, struct item *item, double y)
{
	struct frozen *f = item->frozen;
	if (item->state != CANDOR_RESOLVED)
		return ERR_STATE;
	if (f->has_recheck)
		return f->recheck == y ? RECHECK_DUPLICATE : ERR_CONFLICT;
	f->has_recheck = true;
	f->recheck = pool_unsigned(y);
	int agrees = recheck_agrees(f->outcome, y);
	p->totals.rechecks += agrees >= 0;
	p->totals.disagreed += agrees == 0;
	return RECHECK_ADDED;
}

struct recheck_estimate pool_rechecks(const struct pool *p)
{
	return recheck_estimate(p->totals.rechecks, p->totals.disagreed);
}

void pool_forget_aggregate(struct pool *p, struct item *item)
{
	if (!item->present)
		return;
	p->item_bytes -= heap_bytes(sizeof *item->present);
	free(item->present);
	item->present = NULL;
}
