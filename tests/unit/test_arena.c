#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/base/arena.h"
#include "tests/lib/seed.h"

static void an_arena_takes_nothing_until_it_is_asked(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(a.used_bytes, 0);
	assert_null(a.chunks);
	arena_free(&a);
}

static void blocks_are_aligned_apart_and_know_their_size(void **state)
{
	struct random r;
	struct arena a;
	enum { BLOCKS = 3000 };
	uint8_t *blocks[BLOCKS];
	size_t sizes[BLOCKS];
	(void)state;
	seed_random(&r, 81);
	arena_init(&a, 64 << 20);
	for (size_t i = 0; i < BLOCKS; i++) {
		sizes[i] = i == 0 ? 0 : (size_t)random_scale(&r, 1, random_chance(&r, 0.01) ? 1e6 : 2000) - 1;
		blocks[i] = arena_alloc(&a, sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 8, 0);
		memset(blocks[i], (int)(i & 0xff), sizes[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		assert_int_equal(arena_size(blocks[i]), sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			if (blocks[i][k] != (i & 0xff))
				fail_msg("block %zu was written over", i);
	}
	assert_true(a.used_bytes <= a.budget_bytes);
	arena_free(&a);
}

static void the_budget_is_never_exceeded_and_nearly_all_of_it_can_be_had(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 4096; size *= 4) {
		struct arena a;
		size_t got = 0;
		arena_init(&a, 1 << 20);
		while (arena_alloc(&a, size)) {
			got += 8 + (size + 7) / 8 * 8;
			assert_true(a.used_bytes <= 1 << 20);
		}
		assert_true(a.exhausted);
		assert_true(got > (1 << 20) * 9 / 10 && got <= 1 << 20);
		arena_free(&a);
	}
}

static void a_block_larger_than_the_budget_is_refused_and_a_small_one_still_fits(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 100000);
	assert_null(arena_alloc(&a, 100000));
	assert_true(a.exhausted);
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(arena_alloc(&a, 90000));
	assert_non_null(arena_alloc(&a, 100));
	assert_null(arena_alloc(&a, 50000));
	arena_free(&a);
	arena_init(&a, 0);
	assert_null(arena_alloc(&a, 0));
	assert_true(a.exhausted);
	arena_free(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX / 2));
	assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
	assert_null(arena_calloc(&a, (size_t)1 << 33, (size_t)1 << 33));
	assert_non_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void calloc_clears_what_an_earlier_message_left(void **state)
{
	struct arena a;
	static const uint8_t zeros[1000];
	(void)state;
	arena_init(&a, 1 << 20);
	memset(arena_alloc(&a, 8000), 0xff, 8000);
	arena_reset(&a);
	uint8_t *block = arena_calloc(&a, 100, 10);
	assert_memory_equal(block, zeros, sizeof zeros);
	assert_int_equal(arena_size(block), 1000);
	arena_free(&a);
}

static void a_reset_gives_all_but_one_small_chunk_back(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 8 << 20);
	for (int round = 0; round < 100; round++) {
		while (arena_alloc(&a, 1000))
			;
		assert_true(a.exhausted);
		arena_reset(&a);
		assert_false(a.exhausted);
		assert_true(a.used_bytes > 0 && a.used_bytes <= 16 * 1024);
	}
	/* Where the first block was a large one, nothing is kept. */
	arena_free(&a);
	assert_non_null(arena_alloc(&a, 1 << 20));
	arena_reset(&a);
	assert_int_equal(a.used_bytes, 0);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
	assert_int_equal(a.used_bytes, 0);
	assert_int_equal(a.budget_bytes, 8 << 20);
	assert_non_null(arena_alloc(&a, 10));
	arena_free(&a);
}

static void strings_are_copied_and_printed_into_it(void **state)
{
	struct arena a;
	char long_text[20001];
	(void)state;
	memset(long_text, 'l', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	arena_init(&a, 64 * 1024);
	char *copy = arena_strdup(&a, "abc");
	assert_string_equal(copy, "abc");
	assert_int_equal(arena_size(copy), 4);
	assert_string_equal(arena_strdup(&a, ""), "");
	assert_string_equal(arena_printf(&a, "%s is %d", "x", 3), "x is 3");
	assert_string_equal(arena_printf(&a, "%s", long_text), long_text);
	assert_null(arena_printf(&a, "%s%s%s", long_text, long_text, long_text));
	assert_true(a.exhausted);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_arena_takes_nothing_until_it_is_asked),
		cmocka_unit_test(blocks_are_aligned_apart_and_know_their_size),
		cmocka_unit_test(the_budget_is_never_exceeded_and_nearly_all_of_it_can_be_had),
		cmocka_unit_test(a_block_larger_than_the_budget_is_refused_and_a_small_one_still_fits),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(calloc_clears_what_an_earlier_message_left),
		cmocka_unit_test(a_reset_gives_all_but_one_small_chunk_back),
		cmocka_unit_test(strings_are_copied_and_printed_into_it),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
