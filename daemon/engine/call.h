/* call.h - one request in the engine's hands, what the engine asks of its owner, and how near a limit it is.
 *
 * Types only, shared by the engine's files and by those who call it. A call and its arena belong to the session and are
 * lent to the engine until `reply`. One thread, the loop's. */
#ifndef CANDOR_CALL_H
#define CANDOR_CALL_H

#include "daemon/db/read.h"
#include "daemon/engine/grants.h"
#include "daemon/engine/quota.h"
#include "lib/base/histogram.h"
#include "lib/wire/wire.h"

struct engine;
struct engine_pool;
struct load;
struct need;

/* How near something is to its limit. Each step implies those before it. */
enum pressure {
	PRESSURE_NONE,
	PRESSURE_RAISED, /* what can wait or be given up should be */
	PRESSURE_HIGH, /* nothing new is taken on */
	PRESSURE_CRITICAL, /* what has begun is cut short */
};

/* What the engine asks of its owner. */
struct engine_ops {
	/* Makes a batch durable; engine_committed() answers. One at a time. */
	void (*commit)(void *owner, const struct batch *batch);
	void (*read)(void *owner, struct read_job *job);
	/* Nobody needs a read any more that is not done: it ends soon, or at once, with -ECANCELED. */
	void (*cancel)(void *owner, struct read_job *job);
	/* What the clock says: milliseconds since 1970, above 0. It may be set, also back: for what is told to people
	 * and for when a token expires. */
	uint64_t (*now_ms)(void *owner);
	/* Nanoseconds since some moment, whatever happens to the clock: for how long something takes. */
	uint64_t (*elapsed_ns)(void *owner);
	/* A secret that nobody can foresee: chain_make_salt(). */
	void (*make_salt)(void *owner, uint8_t out[CHAIN_SALT_BYTES]);
	/* Bytes of the database file, and of its write-ahead log. */
	void (*disk)(void *owner, uint64_t *database, uint64_t *wal);
	/* The state on disk can no longer be trusted, or memory could not be rebuilt from it: stop serving. */
	void (*failed)(void *owner, int err);
	/* State is being read: so many rows of about so many. False: nobody needs it any more, and engine_new() fails
	 * with -ECANCELED; where state is rebuilt while it serves that counts for nothing. NULL: nobody asks. */
	bool (*recovering)(void *owner, uint64_t done, uint64_t total);
	/* How many nanoseconds of work the turns of its loop took. */
	const struct histogram *(*loop)(void *owner);
	/* Bytes of memory that are not the engine's; and of the whole process, as the system counts them. */
	void (*memory)(void *owner, uint64_t *elsewhere, uint64_t *resident);
};

struct engine_limits {
	size_t commit_bytes; /* of changes waiting for a commit: above it the pressure is raised; 0: no limit */
	size_t batch_bytes; /* above it the pressure is high; at twice that it is critical */
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

/* Its place in a ring of those that wait for the same. */
struct wait_node {
	struct wait_node *next, *before;
};

/* One request: filled by the session, alive until the reply. */
struct call {
	const struct wire_request *wire;
	struct arena *arena; /* the request's memory, and the answer's */
	struct identity *identity; /* the peer; one for all calls of a connection, which a hello may change */
	const char *peer; /* the same for history, with what the client calls itself */
	size_t bytes; /* of the request as it was received */
	/* Called exactly once, with an answer that lives until it returns; it may leave once `change` is on disk. */
	void (*reply)(struct call *call, const struct candor_response *response, uint64_t change);

	bool is_paid; /* it runs again, for its answer went with a commit that failed: it was charged before */

	/* The engine's, all zero at first. */
	const struct need *need; /* the right that the request takes */
	struct engine_pool *pool; /* that the request names, while its command runs; NULL for a kind that names none */
	struct item **items; /* [request.n] likewise */
	struct load *load; /* a read of items from disk, under way for it */
	struct read_job *read; /* a read that is of no use without this call, likewise */
	bool cancelled; /* nobody waits for the answer */
	bool waited; /* for a load, once already */
	/* Of a request that is done in slices (slices.h): */
	enum engine_outcome (*go_on)(struct engine *e, struct call *call); /* NULL: nothing is done yet */
	void *progress; /* of its command */
	size_t n_held; /* items that stay in memory for it */
	struct call *next_paused;
	/* Of one that waits for something to happen (waits.h): */
	struct wait_node wait; /* all zero: it does not */
	uint64_t wait_until_ms; /* by engine_elapsed_ms(); 0: it has not waited yet */
	size_t wait_at; /* its place among those that wait, by that time */
};

/* It is in the engine's hands, and may be for long, without being worked on: until then its arena is the session's. */
static inline bool engine_is_waiting(const struct call *call)
{
	return call->wait.next != NULL;
}

enum engine_outcome {
	ENGINE_REPLIED, /* reply was called */
	ENGINE_LATER, /* reply will be called; the session may go on with other requests */
	ENGINE_BLOCKED, /* reply will be called; until then the session must submit nothing else, or order is lost */
};

/* Somebody who waits for a change to be on disk. */
struct waiter {
	struct waiter *next;
	/* 0: it is. ERR_DISK_FULL or another error: it is not and never will be. */
	void (*on_durable)(struct waiter *w, int err);
};

#endif
