/* pool.h - one labeling campaign in memory: labelers, their weights, the loaded items, the totals.
 *
 * The state machine of docs/mechanism.md: events come in, the state changes, and each call reports what it did so that
 * the caller can store it. No I/O, no clock; one thread at a time. A pool need not hold every item: closed ones may
 * be dropped and restored; what labelers and totals have of them stays.
 *
 * A report costs O(1), every other event O(reporters of its item), whatever the pool's size. Sums over an item's
 * reporters run in order of arrival (a revision keeps its place), so the same events in the same order give the same
 * bits.
 *
 * Memory: 104 bytes a labeler and at most 15.7 for finding it by name, besides the name; 12 bytes a report of an open
 * item and up to a quarter more while it grows, 20 on items where a report has a sequence; in items of 1,024 reports
 * and more at most 5.4 for finding it.
 *
 * Pointers to labelers live until one joins; pointers to items until pool_drop_item(). */
#ifndef CANDOR_POOL_H
#define CANDOR_POOL_H

#include "lib/pool/aggregate.h"
#include "lib/pool/bound.h"
#include "lib/pool/forecast.h"
#include "lib/pool/mechanism.h"
#include "lib/pool/names.h"
#include "lib/pool/recheck.h"

enum { ITEM_REPORTS_MAX = 65535 };

struct pool;

struct labeler {
	double weight; /* as of `epoch`; pool_weight() applies the resets since */
	double own_loss; /* sum over its scored items of its own losses, */
	double mean_loss; /* ... of the losses of the mean as frozen; the difference is its regret */
	double gain; /* sum of what its settlements moved it by: g */
	double limit; /* its part of what the gain cannot exceed: bound.h */
	uint32_t scored; /* scored items */
	uint32_t last_round; /* of its newest settlement; 0: none */
	uint32_t stretch; /* that it was last settled in; 0: none */
	uint16_t entry; /* which of the pool's entry weights it came with: pool_entry() */
	uint8_t epoch; /* as of which `weight` is */
	struct track track;
};

/* What closing and resolving store in an item. */
struct frozen {
	struct aggregate aggregate;
	uint64_t closed_round; /* the pool's round then */
	double outcome; /* RESOLVED only, as all that follow but weights */
	double eta, weighted_loss;
	uint64_t round;
	uint64_t block; /* the first round of its block; 0: it was resolved alone */
	bool has_recheck;
	double recheck; /* a second verdict */
	double weights[]; /* of its reporters at the moment of closing, in order of arrival */
};

/* Aggregates of an item that is open or closed as of now, valid until a report on it or a settlement in its pool. */
struct present;

struct item {
	enum candor_item_state state; /* STATE_UNSPECIFIED: not yet an item, it has no reports */
	uint32_t id; /* in the pool's table; reused after pool_drop_item() */
	uint32_t n, cap; /* reports */
	double *values; /* [n], and behind [cap] of them the labelers: item_labelers() */
	uint64_t *sequences; /* [n] 0: none; NULL: no report on it has one, or it is not open */
	uint16_t *index; /* [index_slots] of their places, plus one, by labeler: in large items; else NULL */
	uint32_t index_slots; /* a power of two, at most three quarters full */
	uint32_t holds; /* the owner's: not 0: it must not be dropped */
	bool in_block; /* while a block is checked */
	struct frozen *frozen; /* NULL until closed */
	struct present *present; /* NULL until asked for */

	/* For the pool's owner; the pool sets them to 0 and never looks at them. */
	struct {
		uint64_t number; /* identity in history */
		uint64_t pool; /* the owner's number for the pool */
		uint64_t close_number; /* place in the feed */
		uint64_t changed; /* newest change that touched it */
		uint64_t first_logged; /* oldest of its reports in the log; 0: none */
		uint32_t logged_rows; /* its live rows in the log */
		uint32_t opener; /* whose limit it counts against while it is open; 0: none */
		uint64_t opened_at, closed_at, ended_at; /* ms since 1970 */
		struct item *before, *after; /* a list the owner keeps it in, */
		struct item *older, *newer; /* and another */
	} own;
};

/* The labelers of an item's reports, parallel to item->values; NULL if it never had any. */
static inline uint32_t *item_labelers(const struct item *item)
{
	return item->values ? (uint32_t *)(void *)(item->values + item->cap) : NULL;
}

/* Counts and cumulative losses; with labelers the whole state that settlements produce. */
struct pool_totals {
	uint64_t round; /* resolved items */
	uint64_t scored; /* labelers settled, each once a block: where items are resolved alone, scored reports */
	uint64_t open, closed, voided;
	double total_weight; /* sum of entry weights */
	double mean_loss, median_loss, plain_mean_loss, plain_median_loss, forecast_loss;
	unsigned epoch;
	struct bound_totals bound;
	struct pool_track track;
	uint64_t rechecks, disagreed; /* those that tell something, and of them those that differ from the outcome */
};

/* settings: complete and in range. key: as for names_new(). 0 or -ENOMEM. */
MUST_CHECK int pool_new(struct pool **out, const struct candor_settings *settings, const uint8_t *key);
void pool_free(struct pool *p);

/* Bytes of heap for everything in it, by what each block takes (heap.h). O(1). */
size_t pool_bytes(const struct pool *p);

/* From now on no index is made that an item could do without: where memory is short. */
void pool_be_frugal(struct pool *p, bool frugal);

/* Work done so far, in steps: one for each report or labeler looked at, some 10 to 20 ns. The difference of two tells
 * what the calls between them cost, beside a step or two each. */
uint64_t pool_work(const struct pool *p);

const struct candor_settings *pool_settings(const struct pool *p);
const struct pool_totals *pool_totals(const struct pool *p);
double pool_eta(const struct pool *p); /* which the next settlement would use */
double pool_t_eff(const struct pool *p);

/* New settings, complete and in range, from the next event on. Every weight is brought up to the current epoch first:
 * in effect, for that is done to each when it is next looked at. O(1). 0, -ENOMEM, or ERR_FULL (65,535 different
 * entry weights). */
MUST_CHECK int pool_update(struct pool *p, const struct candor_settings *settings);

/* ---- labelers: dense ids from 0 in order of joining ---- */

uint32_t pool_labelers(const struct pool *p);
const struct labeler *pool_labeler(const struct pool *p, uint32_t id);
const char *pool_labeler_name(const struct pool *p, uint32_t id, size_t *len);
uint32_t pool_find_labeler(const struct pool *p, const char *name, size_t len); /* or NAMES_NONE */
/* Grows with each settlement and change of settings: while it stays, so do the weights of those who have joined. */
uint64_t pool_version(const struct pool *p);
double pool_weight(const struct pool *p, uint32_t id); /* now, resets applied */
double pool_entry(const struct pool *p, uint32_t id);
double pool_regret(const struct pool *p, uint32_t id);
double pool_bound(const struct pool *p, uint32_t id); /* what its gain cannot exceed */
struct recheck_estimate pool_rechecks(const struct pool *p);

/* The scored labeler with the largest regret (the lowest id of equals), or NAMES_NONE. O(labelers) after a settlement,
 * remembered until the next one. */
uint32_t pool_best(struct pool *p);

/* The same by pieces: looks at up to `count` further labelers. True: that was all, and s->best is it. What is settled
 * in between may make it one that was the best before. All zero at first. */
struct pool_search {
	uint32_t next, best;
	uint64_t round;
};
bool pool_search_best(struct pool *p, struct pool_search *s, uint32_t count);

/* ---- loaded items ---- */

struct item *pool_find_item(const struct pool *p, const char *name, size_t len); /* or NULL */
const char *pool_item_name(const struct pool *p, const struct item *item, size_t *len);
uint32_t pool_items(const struct pool *p);

/* Prefetches what many calls will read soon, so that their cache misses overlap: for finding items by name, for finding
 * labelers by name, and for pool_report() on an item. With many items or labelers that is most of the time. */
void pool_prefetch_items(const struct pool *p, const char *const *names, size_t count);
void pool_prefetch_labelers(const struct pool *p, const char *const *names, size_t count);
void pool_prefetch_reports(const struct item *item);

/* An item without reports, whose name is not loaded. 0, -ENOMEM or ERR_FULL. */
MUST_CHECK int pool_add_item(struct pool *p, const char *name, size_t len, struct item **out);

/* Frees it. The counts in pool_totals() are of events and stay. */
void pool_drop_item(struct pool *p, struct item *item);

/* ---- events ---- */

enum {
	POOL_DUPLICATE, /* nothing has changed */
	POOL_ADDED,
	POOL_REVISED,
	POOL_RENUMBERED, /* the same value under a higher sequence, which stands from now on */
};

struct pool_reported {
	uint32_t labeler;
	bool joined; /* with this report */
	double old; /* REVISED: the value before */
};

/* A report: POOL_ADDED, POOL_REVISED, POOL_RENUMBERED or POOL_DUPLICATE (it has the same value already, whatever the
 * item's state; or, on an open item, a sequence that is not higher than that of the labeler's standing report); or
 * ERR_STATE (the item is closed, resolved or void), ERR_FULL (ITEM_REPORTS_MAX), -ENOMEM, and then nothing has changed.
 * The labeler's name must be valid, and value in [0, 1]. sequence: 0 if it has none; then a standing one stays. */
MUST_CHECK int pool_report(struct pool *p, struct item *item, const char *labeler, size_t len, double value,
			   uint64_t sequence, struct pool_reported *out);

/* Whether pool_report() may take memory: the item is open, and has no report from that labeler, or no space for
 * sequences. */
bool pool_would_grow(const struct pool *p, const struct item *item, const char *labeler, size_t len, uint64_t sequence);

/* Freezes an open item's aggregates. 0, ERR_STATE or -ENOMEM. */
MUST_CHECK int pool_close(struct pool *p, struct item *item);

/* What a settlement made of one item. */
struct pool_settled {
	double eta, weighted_loss;
	unsigned epoch; /* before it may have grown */
	uint64_t round;
	uint64_t block; /* the first round of its block; 0: it was resolved alone */
	uint32_t stretch; /* in which it was settled */
	double total_weight; /* the pool's */
	struct forecast_lesson lesson;
	size_t n; /* reports that were scored: the item's first ones */
	const double *weights; /* [n] of their labelers, after it */
	const uint32_t *last_round; /* [n] the round of each labeler's settlement before; 0: none */
};

/* The outcome y in [0, 1] of an open (then closed first) or closed item: weights are settled. The arrays in *out live
 * until the next event. 0, ERR_STATE (void, or nothing reported), ERR_CONFLICT (resolved), ERR_FULL (2^32 - 1 rounds)
 * or -ENOMEM. */
MUST_CHECK int pool_resolve(struct pool *p, struct item *item, double y, struct pool_settled *out);

/* The outcomes y[n] of items[n], n >= 1, which hang together: they are settled as one block, whose rounds are counted
 * in the order given. As above, with one of out[n] for each; ERR_CONFLICT also for an item that is named twice. If it
 * fails, none is resolved, though some may have been closed. Where a labeler is scored on several of them, last_round
 * of the later ones is the round of the one before. */
MUST_CHECK int pool_resolve_together(struct pool *p, struct item *const *items, const double *y, size_t n,
				     struct pool_settled *out);

enum { RECHECK_ADDED, RECHECK_DUPLICATE };

/* A second verdict y in [0, 1] on a resolved item. It settles nothing. RECHECK_ADDED, RECHECK_DUPLICATE (the same was
 * there already), ERR_STATE (not resolved) or ERR_CONFLICT (there is another one). */
MUST_CHECK int pool_recheck(struct pool *p, struct item *item, double y);

/* Withdraws an open or closed item. 0 or ERR_STATE. */
MUST_CHECK int pool_void(struct pool *p, struct item *item);

/* Aggregates of an item with reports: frozen, or as of now while it is open. O(1) when asked again before anything
 * changed, O(n) if the weights behind them are wanted too: [n] in *weights (NULL: not wanted), until the next event.
 * 0 or -ENOMEM. */
MUST_CHECK int pool_item_aggregate(struct pool *p, struct item *item, struct aggregate *out, const double **weights);

/* What closing an open or closed item with the same reports would freeze at this moment, to the bit. It costs as
 * much. 0 or -ENOMEM. */
MUST_CHECK int pool_item_now(struct pool *p, struct item *item, struct aggregate *out, const double **weights);

/* The number to train on: the forecast as of now while there is no outcome; else the outcome, or what it makes probable
 * where some are wrong. 0, ERR_STATE (void, or not an item) or -ENOMEM. */
MUST_CHECK int pool_item_label(struct pool *p, struct item *item, double *out);

/* The label of a resolved item that is not loaded, given what was stored of it (recheck: NULL where it has none). */
double pool_resolved_label(const struct pool *p, double forecast, double outcome, const double *recheck);

/* Frees what pool_item_aggregate() keeps for the next time. */
void pool_forget_aggregate(struct pool *p, struct item *item);

/* ---- restoring a state that was stored ---- */

/* The next labeler id. l->entry is ignored; entry is its entry weight. 0, -ENOMEM, ERR_FULL, or ERR_HISTORY if the
 * name is taken. */
MUST_CHECK int pool_restore_labeler(struct pool *p, const char *name, size_t len, double entry,
				    const struct labeler *l);

/* What was stored of a settlement: enough to do again to each of its reporters what it did, without the others. */
struct pool_stored {
	uint64_t round;
	unsigned epoch;
	uint32_t stretch;
	double eta, total_weight;
	double wrong; /* the setting then */
	double outcome, weighted_loss;
	double mean; /* as frozen */
	struct forecast_lesson lesson;
	size_t n; /* reports */
	const uint32_t *labelers; /* [n] known ids */
	const double *values; /* [n] */
	size_t scored; /* the first of them: at least 1 */
	const double *weights; /* [scored] after it */
};

/* What a block, rows[n] in the order of their rounds, did to each of its reporters whose state is older: through[id]
 * < the first round of it. All changes of settings were restored. 0, -ENOMEM, or ERR_HISTORY where a state is newer
 * than a part of the block. */
MUST_CHECK int pool_restore_block(struct pool *p, const struct pool_stored *rows, size_t n, const uint64_t *through);

/* A change of settings, in order: as of which epoch it brought every weight up, and the beta by which it did, that of
 * the settings before. A labeler that was stored before it is as of an older epoch, and is brought up from there, so it
 * does not matter which of the two is restored first. 0, or ERR_HISTORY if the epoch is older than that of an earlier
 * change, or is none. */
MUST_CHECK int pool_restore_update(struct pool *p, unsigned epoch, double beta);

/* A weight that was stored of a labeler, as of `epoch`, is brought up to what pool_labeler() would tell if nothing has
 * been settled with them since. */
void pool_bring_up_stored(const struct pool *p, uint32_t id, double *weight, uint8_t *epoch);

/* Totals as pool_totals() gave them: the last thing to restore in a pool, because what was restored before may have
 * changed the counts. */
void pool_restore_totals(struct pool *p, const struct pool_totals *totals);

/* Reports of an item that has none: labelers[n] (known ids), values[n] and, of an open item, sequences[n] (NULL: none
 * has one). Its state is the caller's to set. 0 or -ENOMEM. */
MUST_CHECK int pool_restore_reports(struct pool *p, struct item *item, const uint32_t *labelers, const double *values,
				    const uint64_t *sequences, size_t n);

/* What closing stored in it; weights[item->n]. The state becomes `state`. 0 or -ENOMEM. */
MUST_CHECK int pool_restore_frozen(struct pool *p, struct item *item, enum candor_item_state state,
				   const struct frozen *f, const double *weights);

#endif
