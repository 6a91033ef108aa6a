/* access.h - whether a peer may do what its request asks for. docs/security.md has the table of requests and rights for
 * people, requests.c that for the engine. One thread, the loop's. */
#ifndef CANDOR_ACCESS_H
#define CANDOR_ACCESS_H

#include "daemon/engine/state.h"

enum {
	ANY_RIGHT = CANDOR_RIGHTS_ALL | GRANTS_REPORT_SOME,
	WRITING_RIGHTS = CANDOR_RIGHT_REPORT | GRANTS_REPORT_SOME | CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_ADMIN,
};

/* One of these rights, in the pool that the request names (in every pool where it names none), or anywhere. */
struct need {
	enum { NEED_NOTHING, NEED_IN_POOL, NEED_ANYWHERE } where;
	unsigned one_of;
};

/* What the peer may do in the pool, for all pools (""), or in any (NULL): bits of enum candor_right. */
unsigned engine_rights(const struct engine *e, const struct call *call, const char *pool);

/* A pool in which the peer has rights: its id, and those that it has there beside the rights it has everywhere. */
struct visible_pool {
	uint64_t id;
	unsigned rights;
};

struct visible_pools {
	unsigned everywhere; /* rights in all pools; not 0: it may know of each */
	size_t n;
	struct visible_pool *pools; /* [n], ascending by id; of owners and those who are admins everywhere: none */
};

/* By the peer's grants, however many pools there are. Made in the call's arena. False: no memory. */
MUST_CHECK bool engine_visible_pools(struct engine *e, const struct call *call, struct visible_pools *out);

/* Whether the peer may do what it asks for, by call->need; else it has been answered. */
bool engine_authorize(struct engine *e, struct call *call);

/* The same without an answer. */
bool engine_may(struct engine *e, const struct call *call);

#endif
