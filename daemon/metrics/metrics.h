/* metrics.h - the page /metrics: what the engine and the daemon have counted, made in pieces.
 *
 * A piece takes less than a millisecond, however many pools and descriptors there are. Each figure is as of when its
 * line is made: a page is of no one moment, but a histogram is. docs/operating.md says what each means. The loop's
 * thread only. */
#ifndef CANDOR_METRICS_H
#define CANDOR_METRICS_H

#include "daemon/engine/engine.h"
#include "lib/address.h"
#include "lib/base/buckets.h"
#include "lib/base/body.h"

/* What the engine does not know. */
struct metrics_daemon {
	uint64_t began_at, now; /* ms since 1970: of the process, and this moment */
	uint64_t started_at; /* when it had its state */
	struct buckets lag; /* ns of the loop's turns */
	uint64_t database_bytes, wal_bytes, disk_bytes; /* the last: left on the disk for who is not root */
	uint64_t memory_limit;
	uint64_t connections_bytes, connections_max, sqlite_bytes;
};

/* Where it comes from. Outlives the pages. */
struct metrics_source {
	struct engine *engine;
	uint64_t pools_max; /* that have figures of their own: the busiest */
	void (*look)(void *owner, struct metrics_daemon *out);
	/* The i-th listener and the i-th reason to refuse connections, and how many; false: there are no more. */
	bool (*listener)(void *owner, size_t i, char text[ADDRESS_TEXT_MAX], uint64_t *connections);
	bool (*refusal)(void *owner, size_t i, const char **reason, uint64_t *n);
	void *owner;
};

/* accept: the header's value, "" where there is none; *type is the Content-Type, static. 0 or -ENOMEM. */
MUST_CHECK int metrics_new(struct body **out, const struct metrics_source *source, const char *accept,
			   const char **type);

#endif
