/* conns.h - all connections of the daemon: accepting or refusing them, serving them in turns, and closing those that
 * take too long or hold too much memory.
 *
 * Knows no listeners and no signals. The loop's thread only. */
#ifndef CANDOR_NET_CONNS_H
#define CANDOR_NET_CONNS_H

#include "daemon/config.h"
#include "daemon/net/conn.h"

struct conns {
	uv_loop_t *loop;
	struct conn_shared shared;
	struct session_budget budget;
	struct conn *first, *dirty;
	uint64_t n; /* with those that are being refused or closed */
	uint64_t most; /* at this n nobody is accepted but the owner */
	uint64_t refused, refused_max; /* of n those that are told so, and how many may be at a time */
	struct admission admission; /* of those that are served */
	uint64_t beat_ms; /* conns_tick() is to be called so often */
	uint64_t looked_ms; /* when peers were looked at last, by the loop's clock */
	uint64_t room_since_ms,
		released_before; /* something large waits for memory, and none went since; 0: none waits */
	bool has_channels; /* there are listeners that speak TLS */
	void (*changed)(void *owner); /* n has changed */
	void *owner;
};

/* changed: called with owner. 0 or -ENOMEM. The engine is set later, before the first connection. */
MUST_CHECK int conns_init(struct conns *all, uv_loop_t *loop, const struct config *config, void (*changed)(void *owner),
			  void *owner);

/* How many descriptors there are for connections: where they are fewer than the settings ask for, fewer are served. */
void conns_fit(struct conns *all, uint64_t descriptors);

/* Whether others than the owner may be accepted, and whether the owner may. */
bool conns_are_full(const struct conns *all);
bool conns_have_room_for_owner(const struct conns *all);

/* When all are closed. */
void conns_free(struct conns *all);

/* An accepted socket, which is the callee's. at: where it was accepted. context: for its channel; NULL: it is plain.
 * count: is one more as long as the connection exists. */
void conns_accept(struct conns *all, int fd, const struct address *at, struct tls_context *context, uint64_t *count);

/* Before the loop sleeps: gives one session a turn, sends output, hands the filled batch to the store. */
void conns_serve(struct conns *all);

/* conns_serve() has more to do. */
bool conns_are_due(const struct conns *all);

/* Every beat_ms: closes connections that are overdue, frees memory that nobody needs just now. */
void conns_tick(struct conns *all);

/* No further request is taken. */
void conns_stop(struct conns *all);

/* Closes those that have all their answers; at_once: all of them. */
void conns_close(struct conns *all, bool at_once);

/* Memory taken by all of them. */
size_t conns_bytes(const struct conns *all);

/* For tests and for builds that check: NULL, or what is wrong in the lists and accounts. */
const char *conns_check(const struct conns *all);

#endif
