/* history.h - seeded random histories of a pool: labelers who join, answer, revise; items that close, resolve and are
 * withdrawn, at once or late; settings that change on the way.
 *
 * A history holds no pointer into the pool that it drives: a copy of it, driving an equal pool, does the same again.
 * Labelers are called "L0", "L1", ..., items "i0", "i1", ... */
#ifndef CANDOR_HISTORY_H
#define CANDOR_HISTORY_H

#include "lib/pool/pool.h"
#include "lib/base/random.h"

enum { HISTORY_PENDING_MAX = 64, HISTORY_NAME_SIZE = 24 };

struct history_shape {
	uint32_t labelers; /* that join in the course of it */
	uint32_t pending; /* items at hand at a time, 1 to HISTORY_PENDING_MAX */
	double resolves; /* chances of a step; the rest are reports */
	double closes, voids, updates;
	double blocks; /* of resolving, that all other items at hand are settled with it */
};

struct history {
	struct random random;
	struct history_shape shape;
	uint32_t items[HISTORY_PENDING_MAX];
	uint32_t next_item;
};

enum history_step {
	HISTORY_NOTHING,
	HISTORY_REPORTED,
	HISTORY_CLOSED,
	HISTORY_RESOLVED, /* n_settled items, together */
	HISTORY_VOIDED,
	HISTORY_UPDATED,
};

struct history_did {
	enum history_step step;
	struct item *item; /* NULL for UPDATED */
	size_t n_settled; /* RESOLVED only, as all that follows */
	struct item *resolved[HISTORY_PENDING_MAX];
	struct pool_settled settled[HISTORY_PENDING_MAX];
};

/* A shape drawn at random: many or few labelers, sparse or full, in time or late. */
struct history_shape history_random_shape(struct random *r);

/* Complete settings in range, drawn at random. */
struct candor_settings history_random_settings(struct random *r);

void history_init(struct history *h, const struct history_shape *shape, uint64_t seed);

/* One event. It requires that the pool does it. Items stay in the pool when they end; whoever steps may drop them. */
struct history_did history_step(struct history *h, struct pool *p);

/* The defaults of a rate, with eta 0.5 or horizon 100 where it needs one. */
struct candor_settings history_settings(enum candor_rate rate);

/* The pool's functions, for tests: they take names as strings and require success. */
struct pool *history_pool(const struct candor_settings *settings);
struct item *history_item(struct pool *p, const char *name); /* made where there is none */
int history_report(struct pool *p, const char *item, const char *labeler, double value);
struct pool_settled history_resolve(struct pool *p, const char *item, double y);
uint32_t history_labeler(const struct pool *p, const char *name);
double history_weight(const struct pool *p, const char *labeler);

/* NULL if two pools are equal to the last bit: settings, totals, labelers, and those of the items "i0" to
 * "i(n-1)" that they hold; else what differs. */
const char *history_difference(const struct pool *a, const struct pool *b, uint32_t n);

#endif
