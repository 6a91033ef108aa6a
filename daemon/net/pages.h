/* pages.h - the pages that HTTP has beside the requests of the protocol: /livez, /readyz and /metrics.
 *
 * The first two are for everybody, and say nothing but the names of their checks. The loop's thread only. */
#ifndef CANDOR_NET_PAGES_H
#define CANDOR_NET_PAGES_H

#include "daemon/config.h"
#include "daemon/db/store.h"
#include "daemon/http/door.h"
#include "daemon/metrics/metrics.h"
#include "daemon/net/conns.h"
#include "daemon/net/listen.h"

struct pages {
	/* Where they look; what they point to outlives them. */
	const struct config *config;
	struct engine *engine;
	struct store *store;
	struct listeners *listeners;
	struct conns *conns;
	const struct buckets *lag;
	uint64_t began_at; /* ms since 1970: the process */
	uint64_t (*now_ms)(void *owner);
	bool stopping;
	/* Made of it. */
	struct metrics_source source;
	struct door_ops ops;
};

/* The fields above are set. */
void pages_init(struct pages *p);

#endif
