/* How much is done for a request, counted in steps: it follows what the request names and gets, and never the number of
 * pools, labelers, grants or changes that there are. Durations are not looked at. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/engine/grants.h"
#include "tests/lib/fake_owner.h"

enum { FEW = 2000, GRANTS = 200 };

static const struct candor_response *tell(struct fake_owner *f, struct candor_request r)
{
	return fake_call(f, &r);
}

static void create_pools(struct fake_owner *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "pool-%05u", i);
		fake_pool(f, name, NULL);
	}
}

static void grant(struct fake_owner *f, const char *principal, const char *pool, const char *prefix, unsigned rights)
{
	const struct candor_grant g = {principal, pool, prefix, rights};
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g})->code,
			 CANDOR_OK);
}

/* Somebody with grants for pools that exist, several of them for one, and for pools that do not. */
static struct identity somebody(struct fake_owner *f)
{
	struct identity w = {.name = "uid:4711", .is_known = true};
	for (unsigned i = 0; i < GRANTS; i++) {
		char pool[32];
		snprintf(pool, sizeof pool, i % 2 ? "pool-%05u" : "none-%05u", FEW - 1 - 2 * i);
		grant(f, w.name, pool, "", CANDOR_RIGHT_REPORT);
	}
	grant(f, w.name, "pool-00007", "a", CANDOR_RIGHT_REPORT);
	grant(f, w.name, "pool-00007", "b", CANDOR_RIGHT_REPORT);
	grant(f, w.name, "pool-00003", "", CANDOR_RIGHT_READ);
	grant(f, w.name, "pool-00003", "c", CANDOR_RIGHT_REPORT);
	return w;
}

static void what_a_peer_may_see_is_found_by_its_grants(void **state)
{
	struct fake_owner *f = *state;
	create_pools(f, FEW);
	assert_int_equal(fake_post(f, "pool-00007", "i", "a1", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00007", "i", "a2", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00003", "i", "c1", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00002", "i", "c1", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "pool-00003", "i", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "pool-00002", "i", 1), CANDOR_OK);
	struct identity w = somebody(f);

	uint64_t before = engine_work(f->engine);
	const struct candor_response *r = fake_call_as(f, &w, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_at_most((double)(engine_work(f->engine) - before), 8 * (GRANTS + 4));
	assert_int_equal(r->info.pools, GRANTS / 2 + 2);
	assert_int_equal(r->info.labelers, 3);
	assert_int_equal(r->info.open_items, 1);
	assert_int_equal(r->info.settlements, 1);
	assert_int_equal(r->info.resident_items, 2);

	/* In two pages, without those that it may not know of; losses only where it may read. */
	struct candor_request list = {.type = CANDOR_REQ_LIST_POOLS, .limit = 2};
	before = engine_work(f->engine);
	r = fake_call_as(f, &w, &list);
	assert_at_most((double)(engine_work(f->engine) - before), 8 * (GRANTS + 4) + 2 * 64);
	assert_int_equal(r->n, 2);
	assert_string_equal(r->pools[0].name, "pool-00003");
	assert_true(r->pools[0].mean_loss > 0);
	assert_string_equal(r->pools[1].name, "pool-00007");
	char cursor[64];
	snprintf(cursor, sizeof cursor, "%s", r->next);
	list.cursor = cursor;
	list.limit = 1000;
	r = fake_call_as(f, &w, &list);
	assert_int_equal(r->n, GRANTS / 2);
	assert_string_equal(r->next, "");
	for (size_t i = 1; i < r->n; i++)
		assert_true(strcmp(r->pools[i - 1].name, r->pools[i].name) < 0);

	/* The owner, and one who has rights in all pools. */
	grant(f, w.name, "", "", CANDOR_RIGHT_REPORT);
	r = fake_call_as(f, &w, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_int_equal(r->info.pools, FEW);
	assert_int_equal(r->info.settlements, 2);
	list.cursor = "";
	r = fake_call_as(f, &w, &list);
	assert_int_equal(r->n, 1000);
	assert_true(r->pools[2].scored > 0 && r->pools[2].mean_loss == 0 && r->pools[3].mean_loss > 0);
	before = engine_work(f->engine);
	r = tell(f, (struct candor_request){.type = CANDOR_REQ_INFO});
	assert_at_most((double)(engine_work(f->engine) - before), 8);
	assert_int_equal(r->info.pools, FEW);
	assert_int_equal(r->info.labelers, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_peer_may_see_is_found_by_its_grants),
	};
	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
