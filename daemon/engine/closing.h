/* closing.h - an item ceases to be open: what that changes beside the item's own state. One thread, the loop's. */
#ifndef CANDOR_CLOSING_H
#define CANDOR_CLOSING_H

#include "daemon/engine/state.h"

/* It was closed or voided, at `now`: its reports leave the log, it gets its place in the feed, and its newest change is
 * that which did it. To be recorded by the caller. */
void engine_end_open(struct engine *e, struct engine_pool *c, struct item *item, uint64_t now);

#endif
