/* asks.h - a request of every kind, about a pool and names of its own: for tests that try all of them.
 *
 * The pool they are about may have an item "settled" and one "open", with reports of a labeler "plat-a". */
#ifndef CANDOR_TESTS_ASKS_H
#define CANDOR_TESTS_ASKS_H

#include "lib/message.h"

/* A request and all that it points to; names are its own, so that cells do not disturb each other. */
struct cell {
	unsigned number;
	const char *pool;
	bool names_pool; /* `pool` is in it */
	char name[32];
	const char *item;
	struct candor_report report;
	struct candor_outcome outcome;
	struct candor_grant grant;
	struct candor_request request;
	enum candor_code done; /* what is answered to those who may */
};

/* A plain request of that type: one of those below. */
void ask_of(struct cell *c, enum candor_request_type type);

/* Each takes number, pool and name from the cell and makes the request; ask_add_grant() and its like make a name too. */
void ask_hello(struct cell *c);
void ask_info(struct cell *c);
void ask_info_commit(struct cell *c);
void ask_list_pools(struct cell *c);
void ask_get_pool(struct cell *c);
void ask_get_other_pool(struct cell *c);
void ask_get_no_pool(struct cell *c);
void ask_create_pool(struct cell *c);
void ask_update_pool(struct cell *c);
void ask_prune_pool(struct cell *c);
void ask_post_own(struct cell *c);
void ask_post_others(struct cell *c);
void ask_close_items(struct cell *c);
void ask_void_items(struct cell *c);
void ask_resolve_items(struct cell *c);
void ask_query_settled(struct cell *c);
void ask_query_open(struct cell *c);
void ask_query_settled_reports(struct cell *c);
void ask_query_open_reports(struct cell *c);
void ask_list_items(struct cell *c);
void ask_list_labelers(struct cell *c);
void ask_get_labeler(struct cell *c);
void ask_get_labeler_history(struct cell *c);
void ask_list_grants(struct cell *c);
void ask_list_all_grants(struct cell *c);
void ask_add_grant(struct cell *c);
void ask_add_grant_everywhere(struct cell *c);
void ask_remove_grant(struct cell *c);
void ask_remove_grant_everywhere(struct cell *c);
void ask_create_token(struct cell *c);
void ask_list_tokens(struct cell *c);
void ask_revoke_token(struct cell *c);
void ask_list_events(struct cell *c);
void ask_list_all_events(struct cell *c);
void ask_list_changes(struct cell *c);
void ask_recheck_items(struct cell *c);

#endif
