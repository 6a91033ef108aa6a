/* What a pool says of its memory is what the heap says that it took. */
#include "tests/lib/unit.h"

#include <malloc.h>
#include <stdlib.h>

#include "tests/lib/history.h"
#include "tests/lib/seed.h"

/* Bytes of the heap in use. The sanitizers have a heap of their own, which says nothing. */
static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

/* Off by the rounding of blocks of whole pages, and by small blocks that the heap keeps at hand after they were freed. */
static void assert_account(const struct pool *p, size_t before)
{
	size_t took = in_use() - before;
	if (!SANITIZED)
		assert_near((double)pool_bytes(p), (double)took, 0.02 * (double)took + 32768);
}

static void an_empty_pool_takes_little(void **state)
{
	(void)state;
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	size_t before = in_use();
	struct pool *p = history_pool(&s);
	assert_account(p, before);
	history_report(p, "item", "labeler", 0.5);
	assert_account(p, before);
	assert_at_most((double)pool_bytes(p), 16 * 1024);
	pool_free(p);
}

static void random_histories_are_accounted_for_at_every_step(void **state)
{
	(void)state;
	enum { STEPS = SANITIZED ? 4000 : 40000, HISTORIES = 8 };
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		struct random r;
		struct history h;
		random_init(&r, seed, 0);
		struct history_shape shape = history_random_shape(&r);
		struct candor_settings s = history_settings(CANDOR_ANYTIME);
		size_t before = in_use();
		struct pool *p = history_pool(&s);
		history_init(&h, &shape, seed);
		for (int i = 0; i < STEPS; i++) {
			struct history_did did = history_step(&h, p);
			struct aggregate a;
			if (did.item && did.item->state == CANDOR_OPEN && i % 3 == 0)
				assert_int_equal(pool_item_aggregate(p, did.item, &a, NULL), 0);
			if (did.step >= HISTORY_CLOSED && did.item && i % 2 == 0 && did.item->state != CANDOR_CLOSED)
				pool_drop_item(p, did.item);
			if (i % 500 == 0)
				assert_account(p, before);
		}
		assert_account(p, before);
		pool_free(p);
	}
}

static void many_labelers_and_large_items_are_accounted_for(void **state)
{
	(void)state;
	enum { LABELERS = SANITIZED ? 10000 : 200000 };
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	size_t before = in_use();
	struct pool *p = history_pool(&s);
	for (unsigned i = 0; i < LABELERS; i++) {
		char item[32], labeler[64];
		snprintf(item, sizeof item, "item-%u", i / 30000);
		snprintf(labeler, sizeof labeler, "a-labeler-of-some-name-%u", i);
		history_report(p, item, labeler, 0.25);
		if (i % 1000 == 0)
			assert_account(p, before);
	}
	assert_account(p, before);
	pool_free(p);
}

static void dropped_items_are_given_back_in_the_account(void **state)
{
	(void)state;
	struct candor_settings s = history_settings(CANDOR_ANYTIME);
	struct pool *p = history_pool(&s);
	size_t settled = 0;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 100; i++) {
			char name[32];
			struct aggregate a;
			snprintf(name, sizeof name, "item-%d", i);
			for (int k = 0; k < 20; k++) {
				char labeler[32];
				snprintf(labeler, sizeof labeler, "labeler-%d", k);
				history_report(p, name, labeler, 0.5);
			}
			struct item *item = history_item(p, name);
			if (i % 2)
				assert_int_equal(pool_item_aggregate(p, item, &a, NULL), 0);
			if (i % 3)
				assert_int_equal(pool_close(p, item), 0);
		}
		for (int i = 0; i < 100; i++) {
			char name[32];
			snprintf(name, sizeof name, "item-%d", i);
			pool_drop_item(p, history_item(p, name));
		}
		if (round == 0)
			settled = pool_bytes(p);
		assert_int_equal(pool_bytes(p), settled);
	}
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_pool_takes_little),
		cmocka_unit_test(random_histories_are_accounted_for_at_every_step),
		cmocka_unit_test(many_labelers_and_large_items_are_accounted_for),
		cmocka_unit_test(dropped_items_are_given_back_in_the_account),
	};
	return cmocka_run_group_tests_name("pool_bytes", tests, NULL, NULL);
}
