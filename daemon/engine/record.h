/* record.h - what memory holds, added to the batch that is being filled: rows of pools, labelers, items and events.
 *
 * Each function writes down what has been done already; numbers of changes are given by state.h. One thread, the
 * loop's. */
#ifndef CANDOR_RECORD_H
#define CANDOR_RECORD_H

#include "daemon/engine/state.h"

/* Its row, if that is not what was written last. */
void engine_record_pool(struct engine *e, struct engine_pool *c);

/* Those that the pool has now, as the call's doing; and the epoch up to which they brought the weights, for that is not
 * written to the labelers' rows. */
void engine_record_settings(struct engine *e, struct engine_pool *c, const struct call *call);

/* A labeler's whole state, as of now, in place of what was written of it. */
void engine_record_labeler(struct engine *e, struct engine_pool *c, uint32_t id);

/* One that has just joined. */
void engine_record_joining(struct engine *e, struct engine_pool *c, uint32_t id, uint64_t now);

/* type: CHANGE_ITEM or CHANGE_ITEM_ENDED; closed: the change that closed it. */
void engine_record_item(struct engine *e, const struct engine_pool *c, const struct item *item, enum change_type type,
			uint64_t closed);

/* What a settlement did, with the next link of the pool's chain: the item's end was recorded, with the change that is
 * its newest. together: items in its block. They are recorded one after the other, behind all of their closings. */
void engine_record_settlement(struct engine *e, struct engine_pool *c, const struct item *item,
			      const struct pool_settled *done, size_t together, const char *by);

/* A second verdict on an item, with the change that is its newest. */
void engine_record_recheck(struct engine *e, const struct engine_pool *c, const struct item *item, const char *by,
			   uint64_t now);

/* What happened to an item with this change, the pool's newest: it came into this state. */
void engine_record_item_change(struct engine *e, struct engine_pool *c, const struct item *item,
			       enum candor_item_state state, uint64_t change);

/* Who did what, for `candor audit`. detail NULL: there was no memory for it, and the engine is broken. */
void engine_record_event(struct engine *e, const struct call *call, uint64_t change, const char *action,
			 const char *pool, const char *subject, const char *detail);

#endif
