/* What those may make the daemon do who may do little: nothing is unpacked for strangers, nothing is told of others, and
 * whoever meant to be somebody does not go on as another. */
#include "tests/lib/unit.h"

#include <string.h>

#include "daemon/engine/state.h"
#include "tests/lib/peer.h"
#include "lib/wire/wire.h"

enum { LARGE = 64 * 1024 };

static const struct identity anonymous = {.name = "tcp:192.0.2.7"};
static const struct identity ann = {.name = "uid:1001", .is_known = true, .is_local = true};

static struct peer *be(struct peer_world *w, const struct identity *identity)
{
	peer_end(&w->p);
	peer_init_as(&w->p, &w->f, &w->limits, identity);
	return &w->p;
}

static void give(struct peer_world *w, const char *pool, unsigned rights)
{
	const struct candor_grant g = {ann.name, pool, "", rights};
	const struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g};
	assert_int_equal(fake_call(&w->f, &r)->code, CANDOR_OK);
}

static struct candor_response heard(struct peer *p)
{
	struct candor_response r;
	fake_settle(p->owner);
	assert_int_equal(peer_receive(p, &r), 1);
	return r;
}

/* A request to list pools, with fields that nobody knows behind it. */
static struct buf padded(uint64_t id, size_t len)
{
	struct buf body = {0}, out = {0};
	uint8_t head[FRAME_HEAD_MAX], request[] = {0x08, (uint8_t)id, 0x32, 0x00};
	static const uint8_t unknown[] = {0xa0, 0x06, 0x00};
	assert_int_equal(buf_append(&body, request, sizeof request), 0);
	while (body.len < len)
		assert_int_equal(buf_append(&body, unknown, sizeof unknown), 0);
	assert_int_equal(buf_append(&out, head, frame_head(body.len, head)), 0);
	assert_int_equal(buf_append(&out, body.data, body.len), 0);
	buf_free(&body);
	return out;
}

static void nothing_large_is_unpacked_for_peers_without_rights(void **state)
{
	struct peer_world *w = *state;
	const struct identity *const identity[] = {&anonymous, &ann};
	const enum candor_code codes[] = {CANDOR_UNAUTHENTICATED, CANDOR_PERMISSION_DENIED};
	struct buf small = padded(7, 100), large = padded(7, LARGE);
	for (size_t i = 0; i < 2; i++) {
		struct peer *p = be(w, identity[i]);
		peer_push(p, small.data, small.len);
		assert_int_equal(heard(p).code, codes[i]);
		assert_false(session_is_over(p->session));
		peer_push(p, large.data, large.len);
		struct candor_response r = heard(p);
		assert_int_equal(r.code, codes[i]);
		assert_int_equal(r.id, 7);
		assert_true(strstr(r.message, "too large for a peer without rights") != NULL);
		assert_true(session_is_over(p->session));
	}
	/* Whoever may do anything at all may say as much as others. */
	give(w, "p", CANDOR_RIGHT_READ);
	struct peer *p = be(w, &ann);
	peer_push(p, large.data, large.len);
	assert_int_equal(heard(p).code, CANDOR_OK);
	buf_free(&small);
	buf_free(&large);
}

/* Else requests behind it would be done as the connection's own user and not as the token. */
static void a_hello_that_shows_a_token_in_vain_ends_the_connection(void **state)
{
	struct peer_world *w = *state;
	char longest[CANDOR_TOKEN_MAX + 2];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = 0;
	const struct candor_request hellos[] = {
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 2, .token = "candor_x"},
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .client = "a\nb", .token = "candor_x"},
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = longest},
		{.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 1, .token = "candor_x"},
	};
	for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
		struct peer *p = be(w, &FAKE_OWNER);
		struct candor_response r;
		peer_send(p, &hellos[i]);
		peer_send(p, &(struct candor_request){.id = 2, .type = CANDOR_REQ_CREATE_POOL, .pool = "behind"});
		assert_int_equal(heard(p).code, i < 3 ? CANDOR_INVALID_ARGUMENT : CANDOR_UNAUTHENTICATED);
		fake_settle(&w->f);
		assert_int_equal(peer_receive(p, &r), 0);
		assert_true(session_is_over(p->session));
		assert_null(engine_find(w->f.engine, "behind"));
	}
	/* Without a token it is a mistake like any other. */
	struct peer *p = be(w, &FAKE_OWNER);
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_HELLO, .protocol = 2});
	assert_int_equal(heard(p).code, CANDOR_INVALID_ARGUMENT);
	assert_false(session_is_over(p->session));
}

static void settle_one(struct peer_world *w)
{
	assert_int_equal(fake_post(&w->f, "p", "i", "a", 0.25), CANDOR_OK);
	assert_int_equal(fake_post(&w->f, "p", "i", "b", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(&w->f, "p", "i", 1), CANDOR_OK);
}

/* From one settlement to the next the losses tell what the item stood at, and the head is a hash of all of it. */
static void losses_and_heads_are_for_who_may_read_or_inspect(void **state)
{
	struct peer_world *w = *state;
	static const unsigned rights[] = {CANDOR_RIGHT_REPORT, CANDOR_RIGHT_OUTCOME, CANDOR_RIGHT_READ,
					  CANDOR_RIGHT_INSPECT};
	settle_one(w);
	for (size_t i = 0; i < 4; i++) {
		give(w, "p", rights[i]);
		for (int list = 0; list < 2; list++) {
			struct peer *p = be(w, &ann);
			peer_send(p,
				  &(struct candor_request){.id = 1,
							   .type = list ? CANDOR_REQ_LIST_POOLS : CANDOR_REQ_GET_POOL,
							   .pool = "p",
							   .limit = 10});
			struct candor_response r = heard(p);
			assert_int_equal(r.code, CANDOR_OK);
			const struct candor_pool *pool = list ? &r.pools[0] : &r.pool;
			assert_int_equal(pool->resolved_items, 1);
			bool told = i >= 2;
			assert_int_equal(pool->mean_loss > 0, told);
			assert_int_equal(pool->median_loss > 0, told);
			assert_int_equal(pool->plain_mean_loss > 0, told);
			assert_int_equal(pool->plain_median_loss > 0, told);
			assert_int_equal(pool->best != NULL, i == 3 && !list);
			assert_int_equal(pool->head != NULL, told);
		}
	}
}

static void figures_of_the_whole_daemon_need_the_right_to_inspect_all_of_it(void **state)
{
	struct peer_world *w = *state;
	static const struct {
		const char *pool;
		unsigned right;
		bool told;
	} grants[] = {
		{"p", CANDOR_RIGHT_ADMIN, false}, {"", CANDOR_RIGHT_READ, false}, {"", CANDOR_RIGHT_INSPECT, true}};
	fake_pool(&w->f, "secret", NULL);
	settle_one(w);
	for (size_t i = 0; i < 3; i++) {
		give(w, grants[i].pool, grants[i].right);
		struct peer *p = be(w, &ann);
		peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_INFO});
		const struct candor_response r = heard(p);
		assert_int_equal(r.code, CANDOR_OK);
		assert_int_equal(r.info.pools, i == 0 ? 1 : 2);
		assert_int_equal(r.info.settlements, 1);
		assert_int_equal(r.info.reports, grants[i].told ? 2 : 0);
		assert_int_equal(r.info.committed > 0, grants[i].told);
		assert_int_equal(r.info.commits > 0, grants[i].told);
		assert_int_equal(r.info.memory_bytes > 0, grants[i].told);
	}
}

static enum candor_code add(struct peer *p, const char *principal, const char *pool)
{
	const struct candor_grant g = {principal, pool, "", CANDOR_RIGHT_READ};
	peer_send(p, &(struct candor_request){.id = 1, .type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g});
	return heard(p).code;
}

/* Whoever administers one pool does not take the room that others need. */
static void a_pools_admin_has_room_for_so_many_grants(void **state)
{
	struct peer_world *w = *state;
	enum { OF_A_POOL_MAX = 1024 };
	char principal[24];
	give(w, "p", CANDOR_RIGHT_ADMIN);
	struct peer *p = be(w, &ann);
	for (unsigned i = 1; i < OF_A_POOL_MAX; i++) {
		snprintf(principal, sizeof principal, "uid:%u", 5000 + i);
		assert_int_equal(add(p, principal, "p"), CANDOR_OK);
	}
	assert_int_equal(add(p, "uid:4", "p"), CANDOR_RESOURCE_EXHAUSTED);
	/* What stands there may grow. */
	give(w, "p", CANDOR_RIGHT_INSPECT);
	p = be(w, &FAKE_OWNER);
	assert_int_equal(add(p, "uid:4", "p"), CANDOR_OK);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, peer_set_up, peer_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_large_is_unpacked_for_peers_without_rights),
		TEST(a_hello_that_shows_a_token_in_vain_ends_the_connection),
		TEST(losses_and_heads_are_for_who_may_read_or_inspect),
		TEST(figures_of_the_whole_daemon_need_the_right_to_inspect_all_of_it),
		TEST(a_pools_admin_has_room_for_so_many_grants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
