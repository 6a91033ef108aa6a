/* waits.h - calls that wait until something happens to an item of their pool, or until their time is over.
 *
 * Such a call is in the engine's hands and takes nothing: it stands in a ring of its pool, and in a heap by when its
 * time is over. When a change is on disk that closed, resolved or voided an item, all that wait for the pool are woken
 * at once; likewise when rights have changed, memory was rebuilt, or the service ends. Those that were woken are run
 * again from their start, a few in each turn of the loop (engine_go_on() in requests.h): so each has its rights looked
 * at again, finds what there is, or waits on. One thread, the loop's. */
#ifndef CANDOR_WAITS_H
#define CANDOR_WAITS_H

#include "daemon/engine/state.h"

/* Of the answer to one that was woken, of which ten thousand may be at a time; and of these, how many read. */
enum { WOKEN_ROWS = 16, WOKEN_READS = 32 };

void engine_waits_init(struct engine *e);

/* Only when nothing waits. */
void engine_waits_free(struct engine *e);

/* The call, which is in no list, waits for call->pool, and for as long as its request says, counted from the first time
 * on: 1. 0: its time is over. Or -ENOMEM. */
MUST_CHECK int engine_await_change(struct engine *e, struct call *call);

/* It was woken before, and runs again. */
static inline bool engine_has_waited(const struct call *call)
{
	return call->wait_until_ms > 0;
}

/* It waits no longer. */
void engine_stop_waiting(struct engine *e, struct call *call);

/* With this change, the pool's newest, something happened to an item. */
void engine_wake_when_durable(struct engine *e, struct engine_pool *c, uint64_t change);

/* All that wait for anything are woken. */
void engine_wake_all(struct engine *e);

/* Pools are about to be forgotten: whoever waits for one is woken. */
void engine_forget_watches(struct engine *e);

/* The next one that was woken or whose time is over, which waits no longer; NULL: none, or enough of them read. */
struct call *engine_next_woken(struct engine *e);
bool engine_has_woken(const struct engine *e);

/* When the first one's time is over, by engine_elapsed_ms(); UINT64_MAX: none has one. */
uint64_t engine_first_due_ms(const struct engine *e);

/* For builds that check. */
void engine_waits_check(const struct engine *e);

#endif
