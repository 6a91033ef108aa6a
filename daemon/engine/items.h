/* items.h - which items are in memory, and loading those that are not: see items.c. One thread, the loop's. */
#ifndef CANDOR_ITEMS_H
#define CANDOR_ITEMS_H

#include "daemon/engine/state.h"

/* ---- idle items: those in memory that are not open ---- */

/* An item has ceased to be open, or was found not to be. */
void engine_item_idle(struct engine *e, struct item *item);

/* It is open now, or about to be dropped. */
void engine_item_leaves(struct engine *e, struct item *item);

/* Lets idle items go that are too many, or for which there is no memory, and that every read to come will find on disk.
 * Not while somebody holds one. */
void engine_evict(struct engine *e);

/* ---- loads ---- */

/* The items that the call's request names, by row: 1 and (*out)[request.n], NULL where the row is faulty; an item that
 * does not exist stands there without a state. Or starts to load what is not in memory: 0, and call->load. Or
 * -ENOMEM. */
int engine_find_items(struct engine *e, struct engine_pool *c, struct call *call, struct item ***out);

/* Has `resume` called for the call when its load is done; where it failed the call is refused instead. is_query: the
 * load is of no use when nobody waits for the answer any more. */
void engine_await_load(struct call *call, bool is_query,
		       enum engine_outcome (*resume)(struct engine *e, struct call *call));

/* The call does not wait for its load any more, which is given up; nothing where it has none. */
void engine_drop_load(struct call *call);

/* What the loads in flight read will not count: memory is being rebuilt. */
void engine_outdate_loads(struct engine *e);

/* That the accounts are right, or the program ends; `all`: also of long lists. */
void engine_items_check(const struct engine *e, bool all);

#endif
