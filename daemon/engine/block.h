/* block.h - outcomes that hang together: a request's items are settled as one, or none is.
 *
 * It is done in slices: what is open is closed; then all is settled in one step, which is why a block is bounded; then
 * it is written down, item by item. From the first slice to the last nobody else changes the pool. If memory runs out
 * on the way, items that were closed stay closed. One thread, the loop's. */
#ifndef CANDOR_BLOCK_H
#define CANDOR_BLOCK_H

#include "daemon/engine/call.h"

/* Of one block; in all of its items as many reports as one item may have. */
enum { BLOCK_ITEMS_MAX = CANDOR_BLOCK_MAX, BLOCK_REPORTS_MAX = CANDOR_BLOCK_REPORTS_MAX };

/* A RESOLVE_ITEMS that says `together`. */
enum engine_outcome engine_resolve_together(struct engine *e, struct call *call);

#endif
