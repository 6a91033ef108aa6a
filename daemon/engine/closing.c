#include "daemon/engine/closing.h"

#include "daemon/engine/charge.h"
#include "daemon/engine/items.h"
#include "daemon/engine/log_trim.h"

void engine_end_open(struct engine *e, struct engine_pool *c, struct item *item, uint64_t now)
{
	engine_remove_open(c, item);
	engine_log_forget(e, item);
	engine_item_closed(e, item);
	item->own.closed_at = now;
	item->own.changed = engine_next_change(e, c);
	if (item->state != CANDOR_VOID)
		item->own.close_number = ++c->closes;
	engine_item_idle(e, item);
}
