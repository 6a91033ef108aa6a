/* pool_internal.h - what the files of lib/pool share: pool.c (events), pool_update.c (settings), pool_reports.c (an
 * item's reports) and pool_restore.c (a state that was stored). For them alone. */
#ifndef CANDOR_POOL_INTERNAL_H
#define CANDOR_POOL_INTERNAL_H

#include "lib/pool/pool.h"
#include "lib/pool/settlement.h"

enum {
	/* Chunks, so that growing neither copies a million labelers nor reserves space for as many. The first one
	   grows. */
	LABELERS_A_CHUNK = 4096,
};

struct present {
	uint64_t version; /* of the pool's weights; 0: outdated by a report */
	struct aggregate aggregate;
};

/* A change of settings at which every weight was brought up to `epoch`, with the beta that was in force until then. */
struct mark {
	unsigned epoch;
	double beta;
};

enum { MARKS_MAX = EPOCH_MAX }; /* at a second change in the same epoch nothing is left to be brought up */

struct pool {
	uint64_t key[NAMES_KEY_BYTES / sizeof(uint64_t)];
	uint64_t work; /* done so far: pool_work() */
	bool is_frugal; /* no index is made that could be done without */
	uint64_t version; /* of the weights: grows with every settlement and change of settings */
	struct candor_settings settings;
	struct pool_totals totals;

	struct names *labeler_names;
	struct labeler **chunks;
	uint32_t labelers_cap; /* capacity of all chunks */
	struct mark marks[MARKS_MAX]; /* by epoch; labelers are brought up when they are next looked at */
	unsigned n_marks;
	double *entries; /* the entry weights that labelers joined with, each once */
	uint32_t n_entries;

	struct names *item_names;
	struct item **items; /* by id */
	uint32_t items_cap;
	size_t item_bytes; /* of all of them, without this table */

	/* Scratch: one for each reporter of the current item. */
	double *weights;
	const struct track **tracks;
	struct aggregate_cell *cells;
	uint32_t scratch_cap;
	struct block_scratch *block; /* of the newest settlement; NULL before the first */

	uint32_t best;
	uint64_t best_round; /* that `best` was found at; 0: not yet */
};

static inline struct labeler *labeler_at(const struct pool *p, uint32_t id)
{
	return &p->chunks[id / LABELERS_A_CHUNK][id % LABELERS_A_CHUNK];
}

/* A probability as it is kept: -0 is 0, for what is stored has no signed zeros. */
static inline double pool_unsigned(double x)
{
	return x + 0.0;
}

/* All that an event may read of it. */
static inline void pool_prefetch_labeler(const struct labeler *l)
{
	__builtin_prefetch(l, 1);
	__builtin_prefetch((const char *)l + 64, 1);
}

/* Does to a labeler's weight what changes of settings since have done to all. */
void pool_bring_up(const struct pool *p, struct labeler *l);

/* Brings a weight of labeler `id`, as of *as_of, up by what changes of settings up to `epoch` did; *beta becomes the
 * one in force from there to `epoch`. */
void pool_bring_up_to(const struct pool *p, uint32_t id, unsigned epoch, double *weight, uint8_t *as_of, double *beta);

/* The index of an entry weight in the pool's, added if it is new. 0, ERR_FULL or -ENOMEM. */
MUST_CHECK int pool_find_entry(struct pool *p, double entry, uint16_t *index);

/* Adds a labeler whose name is not taken: 0, or an error and then nothing has changed. */
MUST_CHECK int pool_add_labeler(struct pool *p, const char *name, size_t len, const struct labeler *l, uint32_t *id);

/* What it takes of the heap. */
size_t pool_item_bytes(const struct item *item);

/* Space for `n` reports. 0 or -ENOMEM. */
MUST_CHECK int pool_reserve_reports(struct pool *p, struct item *item, uint32_t n);

/* Space for the sequences of as many reports as it has space for. 0 or -ENOMEM. */
MUST_CHECK int pool_reserve_sequences(struct pool *p, struct item *item);

void pool_drop_sequences(struct pool *p, struct item *item);

/* Space for `n` reports in the index of an item that should have one. 0 or -ENOMEM. */
MUST_CHECK int pool_reserve_index(struct pool *p, struct item *item, uint32_t n);

/* Puts its last report into the index, if it has one. */
void pool_index_last(struct pool *p, struct item *item);

void pool_drop_index(struct pool *p, struct item *item);

/* The place of a labeler's report, or item->n; pool_place_of() makes the index where one is due. */
uint32_t pool_find_report(const struct pool *p, const struct item *item, uint32_t labeler);
uint32_t pool_place_of(struct pool *p, struct item *item, uint32_t labeler);

/* Space for what is worked out of n reporters: weights, tracks and cells. 0 or -ENOMEM. */
MUST_CHECK int pool_reserve_scratch(struct pool *p, uint32_t n);

/* As of which moment a forecast is made now. */
struct forecast_moment pool_moment(const struct pool *p);

/* The scratch of pool_settle.c. */
size_t pool_block_bytes(const struct block_scratch *b);
void pool_block_free(struct block_scratch *b);

#endif
