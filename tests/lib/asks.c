#include "tests/lib/asks.h"

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/wire/wire.h"

static struct candor_request *about_pool(struct cell *c, enum candor_request_type type)
{
	c->names_pool = true;
	c->request = (struct candor_request){.type = type, .pool = c->pool};
	return &c->request;
}

static void of_type(struct cell *c, enum candor_request_type type)
{
	c->request = (struct candor_request){.type = type};
}

void ask_hello(struct cell *c)
{
	of_type(c, CANDOR_REQ_HELLO);
	c->request.protocol = CANDOR_PROTOCOL;
	c->request.client = "test";
}

void ask_info(struct cell *c)
{
	of_type(c, CANDOR_REQ_INFO);
}

void ask_info_commit(struct cell *c)
{
	of_type(c, CANDOR_REQ_INFO);
	c->request.commit = true;
}

void ask_list_pools(struct cell *c)
{
	of_type(c, CANDOR_REQ_LIST_POOLS);
	c->request.limit = 1000;
}

void ask_get_pool(struct cell *c)
{
	about_pool(c, CANDOR_REQ_GET_POOL);
}

void ask_get_other_pool(struct cell *c)
{
	c->request = (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "q"};
}

void ask_get_no_pool(struct cell *c)
{
	c->request = (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "nowhere"};
}

void ask_create_pool(struct cell *c)
{
	c->request = (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = c->name};
}

void ask_update_pool(struct cell *c)
{
	about_pool(c, CANDOR_REQ_UPDATE_POOL)->settings.c = 1 + c->number / 1000.0;
}

/* Of another history: those who may have it removed hear so. */
void ask_prune_pool(struct cell *c)
{
	static const uint8_t digest[CANDOR_DIGEST_BYTES] = {1};
	struct candor_request *r = about_pool(c, CANDOR_REQ_PRUNE_POOL);
	r->round = 1;
	r->state = r->digest = digest;
	r->file = "file";
	c->done = CANDOR_FAILED_PRECONDITION;
}

static void post(struct cell *c, const char *labeler)
{
	struct candor_request *r = about_pool(c, CANDOR_REQ_POST_REPORTS);
	c->report = (struct candor_report){c->name, labeler, 0.5};
	r->reports = &c->report;
	r->n = 1;
}

void ask_post_own(struct cell *c)
{
	post(c, "plat-a");
}

void ask_post_others(struct cell *c)
{
	post(c, "other");
}

static struct candor_request *on_item(struct cell *c, enum candor_request_type type, const char *item)
{
	struct candor_request *r = about_pool(c, type);
	c->item = item;
	r->items = &c->item;
	r->n = 1;
	return r;
}

void ask_close_items(struct cell *c)
{
	on_item(c, CANDOR_REQ_CLOSE_ITEMS, c->name);
}

void ask_void_items(struct cell *c)
{
	on_item(c, CANDOR_REQ_VOID_ITEMS, c->name);
}

void ask_resolve_items(struct cell *c)
{
	struct candor_request *r = about_pool(c, CANDOR_REQ_RESOLVE_ITEMS);
	c->outcome = (struct candor_outcome){c->name, 1};
	r->outcomes = &c->outcome;
	r->n = 1;
}

void ask_query_settled(struct cell *c)
{
	on_item(c, CANDOR_REQ_QUERY_ITEMS, "settled");
}

void ask_query_open(struct cell *c)
{
	on_item(c, CANDOR_REQ_QUERY_ITEMS, "open");
}

void ask_query_settled_reports(struct cell *c)
{
	on_item(c, CANDOR_REQ_QUERY_ITEMS, "settled")->with_reports = true;
}

void ask_query_open_reports(struct cell *c)
{
	on_item(c, CANDOR_REQ_QUERY_ITEMS, "open")->with_reports = true;
}

void ask_list_items(struct cell *c)
{
	about_pool(c, CANDOR_REQ_LIST_ITEMS);
}

void ask_list_labelers(struct cell *c)
{
	about_pool(c, CANDOR_REQ_LIST_LABELERS);
}

void ask_get_labeler(struct cell *c)
{
	about_pool(c, CANDOR_REQ_GET_LABELER)->labeler = "plat-a";
}

void ask_get_labeler_history(struct cell *c)
{
	ask_get_labeler(c);
	c->request.history = true;
}

void ask_list_grants(struct cell *c)
{
	about_pool(c, CANDOR_REQ_LIST_GRANTS);
}

void ask_list_all_grants(struct cell *c)
{
	of_type(c, CANDOR_REQ_LIST_GRANTS);
}

/* Its name is a user's number, which nobody has. */
static void change_grant(struct cell *c, enum candor_request_type type, const char *pool)
{
	c->grant = (struct candor_grant){c->name, pool, "", CANDOR_RIGHT_READ};
	c->request = (struct candor_request){.type = type, .pool = pool, .n = 1, .grants = &c->grant};
	snprintf(c->name, sizeof c->name, "uid:%u", 3000000000U + c->number);
}

void ask_add_grant(struct cell *c)
{
	change_grant(c, CANDOR_REQ_ADD_GRANT, c->pool);
	c->names_pool = true;
}

void ask_add_grant_everywhere(struct cell *c)
{
	change_grant(c, CANDOR_REQ_ADD_GRANT, "");
}

void ask_remove_grant(struct cell *c)
{
	change_grant(c, CANDOR_REQ_REMOVE_GRANT, c->pool);
	c->names_pool = true;
}

void ask_remove_grant_everywhere(struct cell *c)
{
	change_grant(c, CANDOR_REQ_REMOVE_GRANT, "");
}

void ask_create_token(struct cell *c)
{
	of_type(c, CANDOR_REQ_CREATE_TOKEN);
	c->request.name = c->name;
}

void ask_list_tokens(struct cell *c)
{
	of_type(c, CANDOR_REQ_LIST_TOKENS);
}

void ask_revoke_token(struct cell *c)
{
	of_type(c, CANDOR_REQ_REVOKE_TOKEN);
	c->request.name = c->name;
}

void ask_list_events(struct cell *c)
{
	about_pool(c, CANDOR_REQ_LIST_EVENTS);
}

void ask_list_all_events(struct cell *c)
{
	of_type(c, CANDOR_REQ_LIST_EVENTS);
}

void ask_list_changes(struct cell *c)
{
	about_pool(c, CANDOR_REQ_LIST_CHANGES);
}

/* The same each time. */
void ask_recheck_items(struct cell *c)
{
	struct candor_request *r = about_pool(c, CANDOR_REQ_RECHECK_ITEMS);
	c->outcome = (struct candor_outcome){"settled", 1};
	r->outcomes = &c->outcome;
	r->n = 1;
}

void ask_of(struct cell *c, enum candor_request_type type)
{
	static void (*const makers[CANDOR_REQ_TYPES])(struct cell *) = {
		[CANDOR_REQ_HELLO] = ask_hello,
		[CANDOR_REQ_INFO] = ask_info,
		[CANDOR_REQ_CREATE_POOL] = ask_create_pool,
		[CANDOR_REQ_UPDATE_POOL] = ask_update_pool,
		[CANDOR_REQ_LIST_POOLS] = ask_list_pools,
		[CANDOR_REQ_GET_POOL] = ask_get_pool,
		[CANDOR_REQ_POST_REPORTS] = ask_post_own,
		[CANDOR_REQ_CLOSE_ITEMS] = ask_close_items,
		[CANDOR_REQ_RESOLVE_ITEMS] = ask_resolve_items,
		[CANDOR_REQ_VOID_ITEMS] = ask_void_items,
		[CANDOR_REQ_QUERY_ITEMS] = ask_query_settled,
		[CANDOR_REQ_LIST_LABELERS] = ask_list_labelers,
		[CANDOR_REQ_GET_LABELER] = ask_get_labeler,
		[CANDOR_REQ_LIST_ITEMS] = ask_list_items,
		[CANDOR_REQ_PRUNE_POOL] = ask_prune_pool,
		[CANDOR_REQ_LIST_GRANTS] = ask_list_grants,
		[CANDOR_REQ_ADD_GRANT] = ask_add_grant,
		[CANDOR_REQ_REMOVE_GRANT] = ask_remove_grant,
		[CANDOR_REQ_CREATE_TOKEN] = ask_create_token,
		[CANDOR_REQ_LIST_TOKENS] = ask_list_tokens,
		[CANDOR_REQ_REVOKE_TOKEN] = ask_revoke_token,
		[CANDOR_REQ_LIST_EVENTS] = ask_list_events,
		[CANDOR_REQ_LIST_CHANGES] = ask_list_changes,
		[CANDOR_REQ_RECHECK_ITEMS] = ask_recheck_items,
	};
	if (!makers[type])
		fprintf(stderr, "tests/lib/asks.c does not ask %s\n", candor_request_name(type));
	require(makers[type]);
	makers[type](c);
}
