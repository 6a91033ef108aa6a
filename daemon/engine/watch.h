/* watch.h - what whoever watches the daemon is told of its pools and its memory: figures, and no labeler.
 *
 * Each answer is O(1); what takes a look at each labeler is as of a while ago (survey.h). One thread, the loop's. */
#ifndef CANDOR_WATCH_H
#define CANDOR_WATCH_H

#include "daemon/engine/call.h"
#include "daemon/engine/figures.h"

struct watched_pool {
	const char *name; /* the engine's */
	uint64_t labelers, open, closed, resolved, voided;
	uint64_t oldest_open_at; /* ms since 1970; 0: nothing is open */
	double mean_loss, median_loss, plain_mean_loss, plain_median_loss, forecast_loss;
	/* As of a look at its labelers; false: there was none yet, or there are none. */
	bool has_weights;
	double largest_share, effective;
	bool has_best; /* and somebody was scored */
	double regret, gain, bound;
};

/* Bytes. */
struct watched_memory {
	size_t pools, rights, quota, loads, batches;
	size_t pools_max, batch_max; /* what pools and one batch may take, before something is refused */
};

/* Who may see all of it: CANDOR_OK, or why not, with a static sentence. */
enum candor_code engine_check_watcher(const struct engine *e, const struct identity *who, const char **sentence);

/* How many pools there are, the i-th, and how busy it is: rows of requests that changed something in it. Pools keep
 * their places; where memory has to be rebuilt there may be fewer for a while. */
uint64_t engine_watched_pools(const struct engine *e);
void engine_watch_pool(const struct engine *e, uint64_t i, struct watched_pool *out);
uint64_t engine_activity(const struct engine *e, uint64_t i);

void engine_watch_memory(const struct engine *e, struct watched_memory *out);

/* Why writes are refused: 0, ERR_DISK_FULL or ERR_BUSY. */
int engine_read_only(const struct engine *e);

/* Of all pools together. */
struct watched_totals {
	uint64_t pools, labelers, open;
};
void engine_watch_totals(const struct engine *e, struct watched_totals *out);

/* About once a second: some labelers are looked at. */
void engine_watch_tick(struct engine *e);

#endif
