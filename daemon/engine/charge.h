/* charge.h - how much each principal may ask for.
 *
 * Each request is charged once, before it is carried out, and each open item counts for whoever opened it. The daemon's
 * own user is counted and never refused. One thread, the loop's. */
#ifndef CANDOR_CHARGE_H
#define CANDOR_CHARGE_H

#include "daemon/engine/state.h"

/* Whether the payer may send what the call asks for now, and has paid for it; else it has been answered. */
bool engine_charge(struct engine *e, struct call *call, const struct identity *payer);

/* A request of so many bytes that is refused without having been unpacked. */
void engine_charge_refused(struct engine *e, const struct identity *identity, size_t bytes);

/* How long it is until the peer would not be refused something for having sent too much; 0: now. */
uint32_t engine_wait_ms(const struct engine *e, const struct identity *identity);

/* Whether the peer may open one more item: 1, 0, -ENOMEM or ERR_FULL. *opener: for whom it counts, QUOTA_NOBODY at
 * first, and to be used for this call alone. */
MUST_CHECK int engine_may_open(struct engine *e, const struct call *call, uint32_t *opener);

/* What to say where it may not. */
const char *engine_say_open(const struct engine *e, const struct call *call);

void engine_item_opened(struct engine *e, struct item *item, uint32_t opener);
void engine_item_closed(struct engine *e, struct item *item);

/* An open item from disk counts for whoever opened it. 0 or -ENOMEM. */
MUST_CHECK int engine_restore_opener(struct engine *e, struct item *item, const char *by);

#endif
