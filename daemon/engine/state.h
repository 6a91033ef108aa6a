/* state.h - the engine's memory: its pools, the batch that is being filled, and the accounts of both.
 *
 * The lowest row of the engine that knows struct engine. Nothing here answers a request or decides whether one may be
 * carried out: reply.h and the services do. One thread, the loop's. */
#ifndef CANDOR_STATE_H
#define CANDOR_STATE_H

#include "daemon/engine/call.h"
#include "daemon/engine/figures.h"

/* What pools have, for Info. */
struct pool_counts {
	uint64_t labelers, open_items, settlements, resident_items;
};

/* What a look at all labelers of a pool has found (survey.h). */
struct surveyed {
	uint64_t version; /* pool_version() when it began */
	uint32_t labelers;
	double largest_share; /* of all weight, that one labeler has */
	double effective; /* labelers: as many of equal weight would be as spread out */
	bool has_best; /* somebody was scored; of the one with the most: */
	double regret, gain, bound;
};

/* A pool with what the engine keeps beside it. */
struct engine_pool {
	uint64_t id; /* its place in engine.pools, plus one */
	struct pool *pool;
	char *name;
	uint64_t created_at;
	uint64_t changed; /* newest change of the pool */
	uint64_t item_changed; /* newest one that closed, resolved or voided an item of it */
	uint64_t closes; /* close numbers given */
	uint8_t head[CHAIN_BYTES]; /* the hash of its newest settlement; zeros before the first */
	struct watch *watch; /* of those that wait for the next such one: waits.h; NULL: none has */
	struct engine_pool *next_touched; /* of engine.touched */
	bool touched; /* it has changed since the last commit */
	struct {
		struct candor_settings settings;
		struct pool_totals totals;
		uint64_t closes;
	} row; /* as its row was written last, or zeros: what has not changed is not written again */
	size_t bytes; /* its part of engine.pools_bytes, */
	struct pool_counts counts; /* and of engine.counts */
	struct item *oldest_open, *newest_open;
	uint64_t activity; /* rows of requests that changed something, since the start */
	struct surveyed surveyed;
	uint64_t work; /* of pool_work(), what engine.work has */

	/* Labelers' rows follow their weights with a bounded lag: with every few scored reports one row is written
	 * anew, round and round, so that what start has to apply grows with the labelers and not with the history. */
	uint32_t refresh_next;
	uint64_t refresh_due; /* scored reports not yet paid for with rows */

	/* The newest archive: what was settled up to its last round (0: none) is not here. */
	struct {
		uint64_t last;
		uint8_t digest[DIGEST_BYTES];
	} archive;
	/* What of it is still on disk. */
	struct {
		bool due;
		uint64_t next_round; /* those before are gone; above archive.last: all are */
		uint64_t next_change, last_change; /* likewise of revisions */
	} removal;
};

struct item_list {
	struct item *first, *last;
};

struct call_list {
	struct call *first, *last;
};

/* The look at labelers that is under way. */
struct survey {
	uint64_t pool; /* its place in engine.pools */
	bool begun;
	uint64_t version;
	uint32_t next, best; /* labelers */
	double sum, squares, largest; /* of weights */
};

/* Calls that wait for something to happen: waits.h. */
struct waits {
	struct watch *watches; /* of pools; */
	struct wait_node woken; /* those that will run again; */
	size_t n; /* how many there are in all of them, */
	struct call **due; /* a heap of the same [n_due], by when their time is over */
	size_t n_due, cap_due;
	uint32_t reading; /* of those that were woken, so many read */
};

struct engine {
	struct engine_limits limits;
	struct engine_ops ops;
	void *owner;
	struct db *db;
	uint8_t key[NAMES_KEY_BYTES];

	struct engine_pool **pools; /* by id - 1 */
	uint64_t n_pools;
	struct names *names; /* of pools: id - 1 */
	/* Of all of them, as of each one's last engine_measure(): what they take, and have. */
	size_t pools_bytes;
	struct pool_counts counts;
	struct engine_pool *touched; /* the newest first */

	/* While state is read: the rows so far, and about how many there are. */
	struct {
		uint64_t done, total;
	} recovered;

	struct grants *grants;
	uint64_t grants_changed; /* newest change of them */
	uint64_t rejected_tokens, rejection_logged_ms; /* not yet logged; when some last were */
	struct quota *quota; /* NULL: there are no limits */

	struct progress_row progress;
	uint64_t committed; /* newest change on disk */
	uint64_t commits;
	uint64_t committed_ms; /* when the newest one ended, or the start */
	uint64_t short_until; /* so many commits: till then they are short, for somebody small is about */
	struct batch batches[2];
	struct batch *filling; /* takes changes */
	struct batch *committing; /* with the store; NULL: it is free */
	uint64_t handed_over_ns; /* when `committing` was */
	bool probing; /* `committing` is a probe */
	uint64_t rebuilds; /* of memory, so many */
	bool broken; /* memory is ahead of what can be written: rebuild before anything else */
	int read_only; /* why writes are refused until a probe succeeds: engine_is_passing(); else 0 */
	int ended; /* the error for which the service ends and all is refused; else 0 */

	struct item_list logged; /* open items with reports in the log, by the oldest of them */
	struct segment *first_segment, *last_segment; /* of the log */
	uint64_t live_log_rows; /* of open items that are not packed */
	struct item_list resident; /* items that are not open, in order of coming */
	uint32_t n_resident;
	size_t resident_reports;
	struct load *first_load, *last_load; /* that have begun, in this order */
	size_t loads_bytes; /* taken by them when they began */
	uint32_t reads; /* jobs in flight */
	bool pruning; /* one of them is for engine_prune_pool() */
	uint64_t removals; /* pools of which a removal is due */
	bool quiescing; /* no removal is to be gone on with */

	uint64_t started_at; /* as the clock had it; */
	uint64_t began_ms; /* the same by engine_elapsed_ms() */
	uint64_t connections;
	uint64_t checks; /* made by engine_check() */
	struct figures figures;
	struct survey survey;
	uint64_t work; /* done so far: engine_work() */

	uint64_t slice_end; /* the work at which the present slice is over */
	uint64_t slice_change; /* the newest change when it began */
	struct call_list paused; /* they will go on */
	struct call_list waiting; /* long ones that wait to write */
	struct call *writer; /* the one among those paused that writes; NULL: none */
	struct engine_pool *taken; /* its pool, where nobody else may write to it; NULL: others may */
	bool writer_wrote; /* it has changed something, which is in the batch being filled */
	bool overdue; /* that batch could have been handed over but for it */
	struct waits waits;
};

static inline uint64_t engine_elapsed_ms(const struct engine *e)
{
	return e->ops.elapsed_ns(e->owner) / 1000000;
}

/* ---- pools ---- */

/* The pool of that name, or NULL. */
struct engine_pool *engine_find(const struct engine *e, const char *name);

/* Adds an empty pool to memory. 0, -ENOMEM or ERR_FULL. */
MUST_CHECK int engine_add_pool(struct engine *e, const char *name, uint64_t created_at,
			       const struct candor_settings *settings, struct engine_pool **out);

void engine_free_pools(struct engine *e);

/* What it takes of memory now. O(1). */
size_t engine_pool_bytes(const struct engine_pool *c);

/* What it has now. O(1). */
struct pool_counts engine_pool_counts(const struct engine_pool *c);

/* What a row of a request or of an answer costs, in steps of work, beside what is looked at for it; a name that is
 * looked up; a report that is told, or stored with an item that ends. */
enum { ROW_WORK = 16, NAME_WORK = 8, REPORT_WORK = 4 };

/* Counts anew what the pool takes and has. To be called when that may have changed. */
void engine_measure(struct engine *e, struct engine_pool *c);

/* An item whose reports are in an archive, wherever they may still be. */
static inline bool engine_is_archived(const struct engine_pool *c, const struct item *item)
{
	return item->state == CANDOR_RESOLVED && item->frozen && item->frozen->round <= c->archive.last;
}

/* Adds what was done in the pool to engine.work. */
void engine_count_work(struct engine *e, struct engine_pool *c);

/* The pool's open items, from the oldest to the newest. */
void engine_add_open(struct engine_pool *c, struct item *item);
void engine_remove_open(struct engine_pool *c, struct item *item);

void item_list_append(struct item_list *list, struct item *item);
void item_list_remove(struct item_list *list, struct item *item);

/* ---- memory and pressure ---- */

/* As engine_bytes(). */
size_t engine_memory_bytes(const struct engine *e);

/* Of what waits for the disk: as engine_pressure(). */
enum pressure engine_batch_pressure(const struct engine *e);

/* A request of so many rows was written down: after a small one the pressure is raised earlier for some commits. */
void engine_note_write(struct engine *e, size_t rows);

/* Bytes of a batch above which not a row more goes into it, though its request has others that did. */
size_t engine_batch_max(const struct engine *e);

/* Of the memory for pools. RAISED: items that are not open should leave it, so that nothing new is refused while
 * something old could go. HIGH: no pool, labeler, item or report may be added. */
enum pressure engine_memory_pressure(const struct engine *e);

/* ---- changes ---- */

/* Adds a change to the batch being filled. Without memory the engine is broken, and what waits will be told. */
void engine_add(struct engine *e, enum change_type type, const void *row);

/* There is no memory to write down what was done: the engine is broken. */
void engine_break(struct engine *e);

/* What keeps the store from writing will be over one day: writes are refused, and a probe asks now and then. */
static inline bool engine_is_passing(int err)
{
	return err == ERR_DISK_FULL || err == ERR_BUSY;
}

/* The number of the next change, which is this pool's newest. */
uint64_t engine_next_change(struct engine *e, struct engine_pool *c);

/* The number of a change that is no pool's. */
uint64_t engine_next_common_change(struct engine *e);

/* As engine_wait(). */
void engine_add_waiter(struct engine *e, uint64_t change, struct waiter *w);

/* ---- reads ---- */

/* Starts a read and counts it. call: whose turn it takes; NULL: the engine's own. */
void engine_read(struct engine *e, const struct call *call, struct read_job *job);
void engine_read_done(struct engine *e);

#endif
