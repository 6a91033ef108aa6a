/* engine.h - the one place where state changes.
 *
 * Holds every pool in memory, applies commands in the order in which they come, writes each effect into the batch that
 * is being filled, and says with each answer which change it depends on. It knows neither sockets nor SQL: durability
 * and reading from disk are asked of its owner through struct engine_ops, and answers leave through the call.
 *
 * One thread, the loop's. Nothing here blocks. */
#ifndef CANDOR_ENGINE_H
#define CANDOR_ENGINE_H

#include "daemon/db/read.h"
#include "daemon/engine/grants.h"
#include "daemon/engine/quota.h"
#include "lib/wire/wire.h"

struct engine;

/* What the engine asks of its owner. */
struct engine_ops {
	/* Makes a batch durable; engine_committed() answers. One at a time. */
	void (*commit)(void *owner, const struct batch *batch);
	void (*read)(void *owner, struct read_job *job);
	/* Milliseconds since 1970. */
	uint64_t (*now_ms)(void *owner);
	/* Bytes of the database file. */
	uint64_t (*database_bytes)(void *owner);
	/* engine_is_saturated() has become false. */
	void (*relieved)(void *owner);
	/* The state on disk can no longer be trusted, or memory could not be rebuilt from it: stop serving. */
	void (*failed)(void *owner, int err);
	/* Bytes of memory that are not the engine's; and of the whole process, as the system counts them. */
	void (*memory)(void *owner, uint64_t *elsewhere, uint64_t *resident);
};

struct engine_limits {
	size_t batch_bytes; /* above it the engine is saturated until a commit; at twice that rows are refused */
	size_t commit_bytes; /* above it whoever has much waiting should add no more to this commit; 0: no limit */
	size_t pools_bytes; /* labelers, items and reports in memory, above which none are added; 0: no limit */
	size_t load_bytes; /* that one read of items from disk may take; 0: no limit */
	uint64_t memory_bytes; /* of the whole daemon; told in Info */
	uint32_t resident_items; /* items in memory that are not open, for quick answers */
	size_t resident_reports; /* and their reports */
	size_t max_frame_bytes; /* told to clients in Welcome */
	uint32_t max_in_flight; /* likewise */
	const char *database; /* the file's path, told in Info to peers of Unix sockets; NULL: to nobody */
	struct quota_limits quota; /* of one principal; the daemon's own user has none */
};

/* ---- calls ---- */

/* One request in the engine's hands: filled by the session, alive until the reply. */
struct call {
	const struct wire_request *wire;
	struct arena *arena; /* the request's memory, and the answer's */
	struct identity *identity; /* who asks; one for all calls of a connection, which a hello may change */
	const char *peer; /* the same for history, with what the client calls itself */
	size_t bytes; /* of the request as it was received */
	/* Called exactly once, with an answer that lives until it returns; it may leave once `change` is on disk. */
	void (*reply)(struct call *call, const struct candor_response *response, uint64_t change);
	struct load *load; /* the engine's: NULL at first */
	bool waited; /* likewise, false at first: it has waited for a load */
};

enum engine_outcome {
	ENGINE_REPLIED, /* reply was called */
	ENGINE_LATER, /* reply will be called; the session may go on with other requests */
	ENGINE_BLOCKED, /* reply will be called; until then the session must submit nothing else, or order is lost */
};

enum engine_outcome engine_submit(struct engine *e, struct call *call);

/* To unpack a request costs something already. What to say to one of so many bytes without doing it: NULL, it should be
 * unpacked; or a sentence, with *code and *retry_after_ms, which is then also charged. */
const char *engine_refuse_unread(struct engine *e, const struct identity *identity, size_t bytes,
				 enum candor_code *code, uint32_t *retry_after_ms);

/* A request of so many bytes came that could not be unpacked, and was refused: it counts nevertheless. */
void engine_charge_unread(struct engine *e, const struct identity *identity, size_t bytes);

/* A call that will be submitted, when those before it are answered: what it will need from disk may be read meanwhile.
 * Afterwards the call must be submitted or withdrawn. */
void engine_announce(struct engine *e, struct call *call);
void engine_withdraw(struct engine *e, struct call *call);

/* ---- durability ---- */

/* Somebody who waits for a change to be on disk. */
struct waiter {
	struct waiter *next;
	/* 0: it is. ERR_DISK_FULL or another error: it is not and never will be. */
	void (*on_durable)(struct waiter *w, int err);
};

/* The newest change on disk. */
uint64_t engine_committed_change(const struct engine *e);

/* `change` must be above engine_committed_change() and not above what the engine has given. */
void engine_wait(struct engine *e, uint64_t change, struct waiter *w);

/* Hands the filled batch over if there is one and the store is free. To be called when the loop is about to sleep. */
void engine_tick(struct engine *e);

/* The answer to ops.commit. */
void engine_committed(struct engine *e, int err);

/* The next commit will last: whoever has much waiting for it should let others be written first. Ends with
 * engine_tick(). */
bool engine_is_busy(const struct engine *e);

/* Commands should be held back: the store does not keep up. */
bool engine_is_saturated(const struct engine *e);

/* Nothing is waiting for the store or for a read. */
bool engine_is_idle(const struct engine *e);

/* After a full disk writes are refused; this asks the store with a small write whether there is room again. */
void engine_probe(struct engine *e);
bool engine_is_read_only(const struct engine *e);

/* ---- life ---- */

/* Loads the state from `db`, which is kept for rebuilding it after a failed commit (by the loop's thread) and must
 * outlive the engine. key: as for names_new(). 0, ERR_HISTORY, -ENOMEM or a database error. */
MUST_CHECK int engine_new(struct engine **out, struct db *db, const uint8_t *key, const struct engine_limits *limits,
			  const struct engine_ops *ops, void *owner);

/* Upkeep that can wait is not gone on with: the service is ending. */
void engine_rest(struct engine *e);

/* Only when idle. */
void engine_free(struct engine *e);

/* Memory taken by all that the engine has, by its own account. */
size_t engine_bytes(const struct engine *e);

/* For Info: what only the server knows. */
void engine_set_connections(struct engine *e, uint64_t connections);

#endif
