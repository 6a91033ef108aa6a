/* engine.h - the one place where state changes.
 *
 * Holds every pool in memory, applies requests in the order in which they come, writes each effect into the batch that
 * is being filled, and says with each answer which change it depends on. It knows neither sockets nor SQL: it asks its
 * owner to make changes durable and to read from disk, through struct engine_ops, and answers leave through the call.
 * call.h has the types, requests.h takes requests; here are durability and the engine's life.
 *
 * One thread, the loop's. Nothing here blocks. */
#ifndef CANDOR_ENGINE_H
#define CANDOR_ENGINE_H

#include "daemon/engine/call.h"
#include "daemon/engine/requests.h"

/* ---- life ---- */

/* Loads the state from `db`, which is kept for rebuilding it after a failed commit (by the loop's thread) and must
 * outlive the engine. key: as for names_new(). 0, ERR_HISTORY, -ENOMEM, -ECANCELED (ops.recovering) or a database
 * error. */
MUST_CHECK int engine_new(struct engine **out, struct db *db, const uint8_t *key, const struct engine_limits *limits,
			  const struct engine_ops *ops, void *owner);

/* Starts no more background work, so that the engine becomes idle: the service is ending. */
void engine_quiesce(struct engine *e);

/* Only when idle. */
void engine_free(struct engine *e);

/* Memory taken by all that the engine has, by its own account. */
size_t engine_bytes(const struct engine *e);

/* Work done so far, in steps: one for each report, labeler, grant or name looked at, some 10 to 20 ns. The difference
 * of two tells what the calls between them cost. */
uint64_t engine_work(const struct engine *e);

/* What was counted since the start. */
const struct figures *engine_figures(const struct engine *e);

/* The clock for how long requests take; and that one which came at that time was answered just now. type: UNKNOWN where
 * it was refused before it was known. */
uint64_t engine_now_ns(const struct engine *e);
void engine_count_answer(struct engine *e, enum candor_request_type type, enum candor_code code, uint64_t received_ns);

/* How many pools there are. */
uint64_t engine_pools(const struct engine *e);

/* For Info: what only the server knows. */
void engine_set_connections(struct engine *e, uint64_t connections);

/* ---- durability ---- */

/* The newest change on disk. */
uint64_t engine_committed_change(const struct engine *e);

/* `change` must be above engine_committed_change() and not above what the engine has given. */
void engine_wait(struct engine *e, uint64_t change, struct waiter *w);

/* Hands the filled batch over if there is one and the store is free. To be called when the loop is about to sleep. */
void engine_tick(struct engine *e);

/* The answer to ops.commit. */
void engine_committed(struct engine *e, int err);

/* How much waits for the disk. RAISED: the next commit will take long, and whoever has much waiting for it should let
 * others be written first; the next engine_tick() that hands the batch over ends it. HIGH: the store does not keep up,
 * and requests should be held back. CRITICAL: also the rest of a request that has begun is refused. */
enum pressure engine_pressure(const struct engine *e);

/* When the engine wants to be called though nothing else happens, for it has more then: in milliseconds by
 * ops.elapsed_ns. UINT64_MAX: at no time. */
uint64_t engine_wakes_at_ms(const struct engine *e);

/* Nothing is waiting for the store or for a read, nor for something to happen. */
bool engine_is_idle(const struct engine *e);

/* After a full disk writes are refused; this asks the store with a small write whether there is room again. */
void engine_probe(struct engine *e);
bool engine_is_read_only(const struct engine *e);

/* When it had its state, ms since 1970; and whether it has lost it, and serves nothing. */
uint64_t engine_started_at(const struct engine *e);
bool engine_has_failed(const struct engine *e);

/* For whoever asks now and then whether the daemon is well: NULL, it can write as far as is known; or why not, static.
 * Where nothing was written for five seconds this also begins a small write, whose failure the next answer knows. */
const char *engine_why_not_writable(struct engine *e);

/* The owner has found that what is on disk can no longer be trusted: whoever waits is told, and ops.failed is called. A
 * commit under way is left to say so itself. Once is enough. */
void engine_fail(struct engine *e, int err);

#endif
