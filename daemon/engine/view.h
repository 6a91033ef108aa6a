/* view.h - what a database says, as the engine would load it: the pools as they stand, to be read and never changed.
 *
 * For tools that run beside or without a daemon. One thread. */
#ifndef CANDOR_VIEW_H
#define CANDOR_VIEW_H

#include "daemon/db/read.h"

struct engine_view {
	struct engine *engine; /* that is never asked to do anything */
};

struct view_pool {
	uint64_t id; /* from 1 */
	const char *name;
	const struct pool *pool;
	uint64_t closes; /* close numbers given */
};

/* db must outlive the view; key: as for names_new(). 0, ERR_HISTORY, -ENOMEM or a database error. */
MUST_CHECK int view_init(struct engine_view *v, struct db *db, const uint8_t *key);
void view_deinit(struct engine_view *v);

uint64_t view_pools(const struct engine_view *v);

/* The i-th, from 0; what it points to lives as long as the view. */
struct view_pool view_pool(const struct engine_view *v, uint64_t i);

bool view_has_pool(const struct engine_view *v, const char *name);

/* Accepted so far, revisions included. */
uint64_t view_reports(const struct engine_view *v);

#endif
