#include "daemon/engine/upkeep.h"

#include "daemon/engine/log_trim.h"
#include "daemon/engine/record.h"
#include "daemon/engine/removal.h"

enum {
	SCORED_A_REFRESH = 4, /* a labeler's row is written anew for each so many scored reports; */
	REFRESHED_AT_ONCE = 1024, /* in one commit at most so many, */
	REFRESHED_PART = 16, /* ... or this part of those that are due, if it is more: they cannot pile up for good */
};

static void refresh_labelers(struct engine *e, struct engine_pool *c)
{
	uint32_t labelers = pool_labelers(c->pool);
	uint64_t rows = c->refresh_due / SCORED_A_REFRESH;
	require(rows == 0 || labelers > 0);
	/* Round and round: more than all of them are never due. */
	if (rows > labelers) {
		rows = labelers;
		c->refresh_due = rows * SCORED_A_REFRESH;
	}
	uint64_t most = rows / REFRESHED_PART > REFRESHED_AT_ONCE ? rows / REFRESHED_PART : REFRESHED_AT_ONCE;
	if (rows > most)
		rows = most;
	c->refresh_due -= rows * SCORED_A_REFRESH;
	for (; rows > 0; rows--) {
		if (c->refresh_next >= labelers)
			c->refresh_next = 0;
		engine_record_labeler(e, c, c->refresh_next++);
	}
}

void engine_upkeep(struct engine *e)
{
	require(!e->committing);
	for (struct engine_pool *c; (c = e->touched);) {
		engine_record_pool(e, c);
		refresh_labelers(e, c);
		c->touched = false;
		e->touched = c->next_touched;
	}
	engine_log_trim(e);
	engine_remove(e);
	engine_add(e, CHANGE_PROGRESS, &e->progress);
}
