/* item_page.h - the answer to a query of items: in the order in which they are named, as much as a message has room
 * for.
 *
 * An item is described with the reports that there is room for. With the first one that is not there in full the page
 * ends, and says where the next query goes on: so whatever is stored can be read, however long the answer and short the
 * messages. One thread, the loop's. */
#ifndef CANDOR_ITEM_PAGE_H
#define CANDOR_ITEM_PAGE_H

#include "daemon/engine/state.h"

struct item_page {
	const struct candor_request *request;
	struct arena *arena;
	unsigned rights; /* of the peer, in the pool; the caller's */
	size_t next; /* name; the caller's */
	size_t room_bytes;
	uint32_t reports_left; /* that the peer wants at most */
	struct candor_item *items; /* [request.n], */
	struct candor_rejected *rejected; /* likewise */
	size_t n, n_rejected;
	uint32_t rest, reports_next; /* where to go on; both 0: everything is there */
};

/* 0 or -ENOMEM. */
MUST_CHECK int item_page_begin(const struct engine *e, struct call *call, struct item_page *p);

/* The i-th name is rejected. 1: it is listed; 0: the page is full. */
int item_page_reject(struct item_page *p, size_t i, enum candor_code code, const char *why);

/* The i-th name is this item. 1: it is described; 0: the page is full; or -ENOMEM. */
MUST_CHECK int item_page_add(struct item_page *p, struct engine_pool *c, size_t i, struct item *item);

/* For the answer. */
void item_page_put(const struct item_page *p, struct candor_response *r);

#endif
