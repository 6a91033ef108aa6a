/* pool_internal.h - what the files of lib/pool share: pool.c (events) and pool_restore.c (a state that was written
 * down). For them alone. */
#ifndef CANDOR_POOL_INTERNAL_H
#define CANDOR_POOL_INTERNAL_H

#include "lib/pool/pool.h"

enum {
	/* Chunks, so that growing neither copies a million labelers nor keeps room for another. The first one grows. */
	LABELERS_A_CHUNK = 4096,
};

struct present {
	uint64_t version; /* of the pool's weights; 0: a report came since */
	struct aggregate aggregate;
};

struct pool {
	uint64_t version; /* of the weights: grows with every settlement and change of settings */
	struct candor_settings settings;
	struct pool_totals totals;

	struct names *labeler_names;
	struct labeler **chunks;
	uint32_t labelers_cap; /* room for so many in them */
	double *entries; /* the entry weights that labelers came with, each once */
	uint32_t n_entries;

	struct names *item_names;
	struct item **items; /* by id */
	uint32_t items_cap;
	size_t item_bytes; /* taken by them all, this table aside */

	struct mechanism_stretch *stretches;
	size_t n_stretches, stretches_cap;

	/* By the reporters of the item in work. */
	double *weights;
	uint32_t *rounds;
	struct aggregate_cell *cells;
	uint32_t scratch_cap;

	uint32_t best;
	uint64_t best_round; /* that `best` was found at; 0: not yet */
};

static inline struct labeler *labeler_at(const struct pool *p, uint32_t id)
{
	return &p->chunks[id / LABELERS_A_CHUNK][id % LABELERS_A_CHUNK];
}

/* Which of the pool's entry weights this is, added if need be. 0, ERR_FULL or -ENOMEM. */
MUST_CHECK int pool_find_entry(struct pool *p, double entry, uint16_t *index);

/* The next labeler, of a name that is not taken: 0 or an error, and then nothing has changed. */
MUST_CHECK int pool_add_labeler(struct pool *p, const char *name, size_t len, const struct labeler *l, uint32_t *id);

/* Room for `n` reports. 0 or -ENOMEM. */
MUST_CHECK int pool_reserve_reports(struct pool *p, struct item *item, uint32_t n);

/* One reporter's part of a settlement, the arithmetic on its weight aside. */
void pool_score(struct labeler *l, uint64_t round, unsigned epoch, double own_loss, double mean_loss,
		double weighted_loss, double weight_after);

#endif
