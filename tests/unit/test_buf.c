#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/buf.h"

static void an_empty_buffer_owns_nothing(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	buf_consume(&b, 0);
	assert_int_equal(b.len, 0);
	assert_null(b.data);
	buf_free(&b);
	buf_free(&b);
}

static void appended_bytes_stand_in_order(void **state)
{
	struct buf b = {0};
	(void)state;
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_append(&b, &i, sizeof i), 0);
	assert_int_equal(b.len, 100000 * sizeof(int));
	for (int i = 0; i < 100000; i++)
		assert_memory_equal(b.data + (size_t)i * sizeof i, &i, sizeof i);
	buf_free(&b);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
}

static void reserving_gives_room_and_leaves_the_length(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_int_equal(buf_append(&b, "ab", 2), 0);
	for (size_t more = 0; more < 100000; more = more * 2 + 1) {
		uint8_t *to = buf_reserve(&b, more);
		assert_ptr_equal(to, b.data + 2);
		assert_true(b.cap >= 2 + more);
		memset(to, 'x', more);
		assert_int_equal(b.len, 2);
		assert_memory_equal(b.data, "ab", 2);
	}
	buf_free(&b);
}

static void a_size_that_cannot_be_is_refused_and_changes_nothing(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_int_equal(buf_append(&b, "ab", 2), 0);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_null(buf_reserve(&b, SIZE_MAX - 1));
	assert_null(buf_reserve(&b, SIZE_MAX / 2));
	assert_int_equal(b.len, 2);
	assert_memory_equal(b.data, "ab", 2);
	assert_int_equal(buf_append(&b, "c", 1), 0);
	assert_memory_equal(b.data, "abc", 3);
	buf_free(&b);
}

static void consuming_drops_from_the_front(void **state)
{
	struct buf b = {0};
	(void)state;
	assert_int_equal(buf_append(&b, "abcdef", 6), 0);
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "cdef", 4);
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_append(&b, "g", 1), 0);
	assert_memory_equal(b.data, "g", 1);
	buf_free(&b);
}

static void text_is_printed_behind_what_stands(void **state)
{
	struct buf b = {0};
	char expected[3000];
	(void)state;
	assert_int_equal(buf_printf(&b, "%d and %s", 7, "more"), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(buf_printf(&b, "%2000d", 1), 0);
	int len = snprintf(expected, sizeof expected, "7 and more%2000d", 1);
	assert_int_equal(b.len, len);
	assert_memory_equal(b.data, expected, b.len);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_buffer_owns_nothing),
		cmocka_unit_test(appended_bytes_stand_in_order),
		cmocka_unit_test(reserving_gives_room_and_leaves_the_length),
		cmocka_unit_test(a_size_that_cannot_be_is_refused_and_changes_nothing),
		cmocka_unit_test(consuming_drops_from_the_front),
		cmocka_unit_test(text_is_printed_behind_what_stands),
	};
	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
