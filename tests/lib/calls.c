#include "tests/lib/calls.h"

#include "tests/lib/unit.h"

const struct candor_response *call_any(struct candor *c, struct candor_request r)
{
	const struct candor_response *response;
	int err = candor_call(c, &r, &response);
	if (err)
		print_error("request %d: %s\n", (int)r.type, candor_strerror(err));
	assert_int_equal(err, 0);
	return response;
}

const struct candor_response *call_ok(struct candor *c, struct candor_request r)
{
	const struct candor_response *response = call_any(c, r);
	if (response->code != CANDOR_OK)
		print_error("request %d: %s\n", (int)r.type, response->message);
	assert_int_equal(response->code, CANDOR_OK);
	if (response->n_rejected > 0)
		print_error("request %d: %s\n", (int)r.type, response->rejected[0].message);
	assert_int_equal(response->n_rejected, 0);
	return response;
}

void call_create_pool(struct candor *c, const char *pool)
{
	call_ok(c, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pool});
}

void call_report(struct candor *c, const char *pool, const char *item, const char *labeler, double value)
{
	const struct candor_report row = {item, labeler, value};
	call_ok(c, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = pool, .n = 1, .reports = &row});
}

void call_resolve(struct candor *c, const char *pool, const char *item, double outcome)
{
	const struct candor_outcome row = {item, outcome};
	call_ok(c, (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = pool, .n = 1, .outcomes = &row});
}

const struct candor_pool *call_get_pool(struct candor *c, const char *pool)
{
	return &call_ok(c, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = pool})->pool;
}

const struct candor_info *call_info(struct candor *c)
{
	return &call_ok(c, (struct candor_request){.type = CANDOR_REQ_INFO})->info;
}

const struct candor_response *call_on_item(struct candor *c, enum candor_request_type type, const char *pool,
					   const char *item)
{
	return call_ok(c, (struct candor_request){.type = type, .pool = pool, .n = 1, .items = &item});
}
