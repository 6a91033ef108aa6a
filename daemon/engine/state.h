/* state.h - what the engine's files share: engine.c (life, durability), write.c (commands that change state), read.c
 * (those that do not), history.c (those answered from disk), items.c (which items are in memory), log_trim.c (the log
 * of reports), prune.c (history that is archived), grants_commands.c (who may do what), charge.c (and how much),
 * recover.c (state from disk). */
#ifndef CANDOR_ENGINE_INTERNAL_H
#define CANDOR_ENGINE_INTERNAL_H

#include "daemon/engine/engine.h"

/* A pool with what the engine keeps beside it. */
struct engine_pool {
	uint64_t id; /* its place in engine.pools, plus one */
	struct pool *pool;
	char *name;
	uint64_t created_at;
	uint64_t changed; /* newest change of the pool */
	uint64_t closes; /* close numbers given */
	uint8_t head[CHAIN_BYTES]; /* the hash of its newest settlement; zeros before the first */
	bool dirty; /* its row is to be written with the next commit */
	size_t stretches_written; /* those before are on disk and final */
	size_t bytes; /* its part of engine.pools_bytes */

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

struct engine {
	struct engine_limits limits;
	struct engine_ops ops;
	void *owner;
	struct db *db;
	uint8_t key[NAMES_KEY_BYTES];

	struct engine_pool **pools; /* by id - 1 */
	uint64_t n_pools;
	struct names *names; /* of pools: id - 1 */
	size_t pools_bytes; /* taken by all of them, as of each one's last engine_measure() */

	struct grants *grants;
	uint64_t grants_changed; /* newest change of them */
	uint64_t refusals, refusals_logged_ms; /* of tokens, not yet logged; when some were */
	struct quota *quota; /* NULL: there are no limits */

	struct progress_row progress;
	uint64_t committed; /* newest change on disk */
	uint64_t commits;
	struct batch batches[2];
	struct batch *filling; /* takes changes */
	struct batch *committing; /* with the store; NULL: it is free */
	bool probing; /* `committing` is a probe */
	bool broken; /* memory is ahead of what can be written: rebuild before anything else */
	bool was_saturated;
	int read_only; /* ERR_DISK_FULL: writes are refused until there is room; else 0 */
	int ended; /* the error for which the service ends and all is refused; else 0 */

	struct item_list logged; /* open items with reports in the log, by the oldest of them */
	struct segment *first_segment, *last_segment; /* of the log */
	uint64_t live_log_rows; /* of open items that are not packed */
	struct item_list resident; /* items that are not open, in order of coming */
	uint32_t n_resident;
	size_t resident_reports;
	struct load *first_load, *last_load; /* in flight, in order of their start */
	uint32_t reads; /* jobs in flight */
	bool pruning; /* one of them is for engine_prune_pool() */
	uint64_t removals; /* pools of which a removal is due */
	bool resting; /* none is to be gone on with */
	size_t loads_bytes; /* taken by the loads among them when they began */

	uint64_t started_at, connections;
};

/* ---- engine.c ---- */

/* Adds a change to the batch being filled. Without memory the engine is broken, and what waits will be told. */
void engine_add(struct engine *e, enum change_type type, const void *row);

/* The number of the next change, which is this pool's newest. */
uint64_t engine_next_change(struct engine *e, struct engine_pool *c);

/* The number of a change that is no pool's. */
uint64_t engine_next_common_change(struct engine *e);

/* The pool of that name, or NULL. */
struct engine_pool *engine_find(const struct engine *e, const char *name);

/* Adds an empty pool to memory. 0, -ENOMEM or ERR_FULL. */
MUST_CHECK int engine_add_pool(struct engine *e, const char *name, uint64_t created_at,
			       const struct candor_settings *settings, struct engine_pool **out);

/* Counts anew what the pool's pool takes. To be called when it may have grown or shrunk. */
void engine_measure(struct engine *e, struct engine_pool *c);

/* Nothing may be added to the pools: they have taken all the memory that they may. */
bool engine_is_crowded(const struct engine *e);

/* What to say then; in the arena, or a shorter one. */
const char *engine_say_crowded(const struct engine *e, struct arena *a);

/* Bytes of a batch above which not a row more goes into it, though its request has others that did. */
size_t engine_batch_max(const struct engine *e);

bool engine_is_overfull(const struct engine *e);

/* Starts a read and counts it. */
void engine_read(struct engine *e, struct read_job *job);
void engine_read_done(struct engine *e);

/* Runs a call, from its submission or after what it waited for. */
enum engine_outcome engine_run(struct engine *e, struct call *call);

enum engine_outcome engine_reply(struct call *call, struct candor_response *r, uint64_t change);

/* Replies with an error; NULL for a sentence: there was no memory for one. */
enum engine_outcome engine_refuse(struct call *call, enum candor_code code, const char *sentence);
enum engine_outcome engine_refuse_error(struct call *call, int err);

/* ---- recover.c ---- */

/* Fills an engine without pools from e->db. */
MUST_CHECK int engine_recover(struct engine *e);

/* ---- engine/items.c ---- */

void item_list_append(struct item_list *list, struct item *item);
void item_list_remove(struct item_list *list, struct item *item);

/* The items that the call's request names, by row: 1 and (*out)[request.n], NULL where the row is faulty; an item that
 * does not exist stands there without a state. Or starts to load what is not in memory: 0. Or -ENOMEM. */
int engine_find_items(struct engine *e, struct engine_pool *c, struct call *call, struct item ***out);

/* Runs the call when the load that was started for it is done. */
void engine_await_load(struct call *call);

/* What the loads in flight read will not count: memory is being rebuilt. */
void engine_outdate_loads(struct engine *e);

/* An item has ceased to be open, or was found not to be. */
void engine_item_idle(struct engine *e, struct item *item);

/* It is open now, or about to be dropped. */
void engine_item_leaves(struct engine *e, struct item *item);

/* Lets idle items go that are too many, or for which there is no memory, and that every read to come will find on disk.
 * Not while somebody holds one. */
void engine_evict(struct engine *e);

/* ---- engine/log_trim.c ---- */

/* A row stands in the log now. */
void engine_log_added(struct engine *e, uint64_t change);

/* ... and it is of this open item. */
void engine_log_item(struct engine *e, struct item *item, uint64_t change);

/* An item's rows mean nothing any more. */
void engine_log_forget(struct engine *e, struct item *item);

/* Cuts off what is mostly dead. */
void engine_log_trim(struct engine *e);

void engine_log_free(struct engine *e);

/* ---- engine/write.c ---- */

enum engine_outcome engine_create_pool(struct engine *e, struct call *call);
enum engine_outcome engine_update_pool(struct engine *e, struct call *call);
enum engine_outcome engine_post_reports(struct engine *e, struct engine_pool *c, struct call *call,
					struct item *const *items);
enum engine_outcome engine_close_items(struct engine *e, struct engine_pool *c, struct call *call,
				       struct item *const *items);
enum engine_outcome engine_resolve_items(struct engine *e, struct engine_pool *c, struct call *call,
					 struct item *const *items);
enum engine_outcome engine_void_items(struct engine *e, struct engine_pool *c, struct call *call,
				      struct item *const *items);

/* What keeps the database small and start quick, for the batch that is about to be handed over. */
void engine_upkeep(struct engine *e);

/* ---- engine/prune.c ---- */

enum engine_outcome engine_prune_pool(struct engine *e, struct engine_pool *c, struct call *call);

/* Something is to be removed, for which there should be a commit even if nothing else asks for one. */
bool engine_has_removals(const struct engine *e);

/* Adds a piece of it to the batch. */
void engine_remove(struct engine *e);

/* An item whose reports are in an archive, wherever they may still be. */
static inline bool engine_is_archived(const struct engine_pool *c, const struct item *item)
{
	return item->state == CANDOR_RESOLVED && item->frozen && item->frozen->round <= c->archive.last;
}

void engine_set_archive(struct engine_pool *c, const struct archive_row *row);

/* What disk knows of a pool's archives, and how many labelers the newest one's checkpoint has (0 where there is
 * none). 0 or an error. */
MUST_CHECK int engine_recover_archive(struct engine *e, struct engine_pool *c, uint64_t *labelers);

/* ---- engine/grants_commands.c ---- */

/* Whether the call may do what it asks for; else it has been answered. */
bool engine_authorize(struct engine *e, struct call *call);

/* The same without an answer. */
bool engine_may(struct engine *e, const struct call *call);

/* What whoever asks may do in the pool, all that is not about rows decided: bits of enum candor_right. */
unsigned engine_rights(const struct engine *e, const struct call *call, const char *pool);

enum engine_outcome engine_greet(struct engine *e, struct call *call);
enum engine_outcome engine_list_grants(struct engine *e, struct call *call);
enum engine_outcome engine_change_grant(struct engine *e, struct call *call);
enum engine_outcome engine_create_token(struct engine *e, struct call *call);
enum engine_outcome engine_list_tokens(struct engine *e, struct call *call);
enum engine_outcome engine_revoke_token(struct engine *e, struct call *call);

/* Who did what, for `candor audit`. */
void engine_add_event(struct engine *e, const struct call *call, uint64_t change, const char *action, const char *pool,
		      const char *subject, const char *detail);

/* ---- engine/charge.c ---- */

/* Whether the payer may send what the call asks for now, and has paid for it; else it has been answered. */
bool engine_charge(struct engine *e, struct call *call, const struct identity *payer);

/* Whether he would be refused something now. */
bool engine_is_spent(const struct engine *e, const struct identity *identity);

/* Whether whoever asks may open one more item: 1, 0, -ENOMEM or ERR_FULL. *opener: for whom it counts, QUOTA_NOBODY at
 * first, and to be used for this call alone. */
MUST_CHECK int engine_may_open(struct engine *e, const struct call *call, uint32_t *opener);

/* What to say where he may not. */
const char *engine_say_open(const struct engine *e, const struct call *call);

void engine_item_opened(struct engine *e, struct item *item, uint32_t opener);
void engine_item_closed(struct engine *e, struct item *item);

/* An open item from disk counts for whoever opened it. 0 or -ENOMEM. */
MUST_CHECK int engine_restore_opener(struct engine *e, struct item *item, const char *by);

/* ---- engine/read.c ---- */

/* Cursors: a letter for the kind of listing, and n numbers in hexadecimal, joined by dashes. */
bool engine_read_cursor(const char *text, char letter, uint64_t *numbers, size_t n);
const char *engine_write_cursor(struct arena *a, char letter, const uint64_t *numbers, size_t n); /* NULL: no memory */
enum engine_outcome engine_bad_cursor(struct call *call);
void engine_describe_labeler(const struct engine_pool *c, uint32_t id, struct candor_labeler *out);
void engine_describe_pool(const struct engine_pool *c, struct candor_pool *out);
enum engine_outcome engine_info(struct engine *e, struct call *call);
enum engine_outcome engine_list_pools(struct engine *e, struct call *call);
enum engine_outcome engine_get_pool(struct engine *e, struct engine_pool *c, struct call *call);
enum engine_outcome engine_query_items(struct engine *e, struct engine_pool *c, struct call *call,
				       struct item *const *items);
enum engine_outcome engine_list_labelers(struct engine *e, struct engine_pool *c, struct call *call);

/* ---- engine/history.c: answers that come from disk ---- */

enum engine_outcome engine_get_labeler(struct engine *e, struct engine_pool *c, struct call *call);
enum engine_outcome engine_list_items(struct engine *e, struct engine_pool *c, struct call *call);
enum engine_outcome engine_list_events(struct engine *e, struct call *call);

#endif
