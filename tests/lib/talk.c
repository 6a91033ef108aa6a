#include "tests/lib/talk.h"

#include "tests/lib/unit.h"

struct candor_request get_pool_request(uint64_t id)
{
	return (struct candor_request){.id = id, .type = CANDOR_REQ_GET_POOL, .pool = "p"};
}

struct candor_request update_request(uint64_t id)
{
	return (struct candor_request){.id = id, .type = CANDOR_REQ_UPDATE_POOL, .pool = "p"};
}

struct candor_request items_request(uint64_t id, enum candor_request_type type, const char *const *item)
{
	return (struct candor_request){.id = id, .type = type, .pool = "p", .n = 1, .items = item};
}

struct candor_request post_request(uint64_t id, const struct candor_report *row)
{
	return (struct candor_request){.id = id, .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = row};
}

void talk(struct peer_world *w, struct candor_request r)
{
	peer_send(&w->p, &r);
}

void assert_answer(struct peer_world *w, uint64_t id, enum candor_code code)
{
	struct candor_response r;
	assert_int_equal(peer_receive(&w->p, &r), 1);
	if (r.code != code)
		print_error("'%s'\n", r.message);
	assert_int_equal(r.id, id);
	assert_int_equal(r.code, code);
}

void assert_silence(struct peer_world *w)
{
	struct candor_response r;
	assert_int_equal(peer_receive(&w->p, &r), 0);
}
