/* Reports as text and back, to the last bit; and text that is no such thing. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "daemon/db/pack.h"
#include "tests/lib/seed.h"

static void round_trip(const uint32_t *labelers, const double *values, size_t n)
{
	struct buf text = {0};
	struct arena arena;
	struct packed_reports back;
	arena_init(&arena, SIZE_MAX / 2);
	assert_int_equal(pack_reports(&(struct packed_reports){n, labelers, values}, &text), 0);
	size_t len = text.len;
	/* As SQLite gives text: with a NUL behind it. */
	assert_int_equal(buf_append(&text, "", 1), 0);
	assert_int_equal(strlen((const char *)text.data), len);
	assert_int_equal(unpack_reports((const char *)text.data, len, &arena, &back), 0);
	assert_int_equal(back.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(back.labelers[i], labelers[i]);
		assert_same_bits(back.values[i], values[i]);
	}
	buf_free(&text);
	arena_free(&arena);
}

static void assert_text(uint32_t labeler, double value, const char *want)
{
	struct buf text = {0};
	assert_int_equal(pack_reports(&(struct packed_reports){1, &labeler, &value}, &text), 0);
	assert_int_equal(buf_append(&text, "", 1), 0);
	assert_string_equal((const char *)text.data, want);
	buf_free(&text);
	round_trip(&labeler, &value, 1);
}

static void a_sequence_stands_where_there_is_one(void **state)
{
	(void)state;
	const uint32_t labelers[] = {4294967294u, 7, 0, 3};
	const double values[] = {0.10000000000000001, 0, 1, 2.2250738585072009e-308};
	const uint64_t sequences[] = {INT64_MAX, 0, 1, 1234567890123456789};
	static const char want[] = "[[4294967294,0.1,9223372036854775807],[7,0],[0,1,1],"
				   "[3,2.2250738585072009e-308,1234567890123456789]]";
	struct buf text = {0};
	struct arena arena;
	struct packed_reports back;
	arena_init(&arena, SIZE_MAX / 2);
	assert_int_equal(pack_reports(&(struct packed_reports){4, labelers, values, sequences}, &text), 0);
	assert_int_equal(buf_append(&text, "", 1), 0);
	assert_string_equal((const char *)text.data, want);
	assert_int_equal(unpack_reports(want, strlen(want), &arena, &back), 0);
	assert_int_equal(back.n, 4);
	assert_memory_equal(back.sequences, sequences, sizeof sequences);
	assert_memory_equal(back.values, values, sizeof values);
	/* The longest there is, often. */
	enum { N = 1000 };
	uint32_t ids[N];
	double small[N];
	uint64_t high[N];
	for (int i = 0; i < N; i++) {
		ids[i] = labelers[0];
		small[i] = values[3];
		high[i] = INT64_MAX;
	}
	text.len = 0;
	assert_int_equal(pack_reports(&(struct packed_reports){N, ids, small, high}, &text), 0);
	assert_int_equal(buf_append(&text, "", 1), 0);
	assert_int_equal(unpack_reports((const char *)text.data, text.len - 1, &arena, &back), 0);
	assert_memory_equal(back.sequences, high, sizeof high);
	/* None has one: no memory for them. */
	assert_int_equal(unpack_reports("[[1,0.5],[2,1]]", 15, &arena, &back), 0);
	assert_null(back.sequences);
	buf_free(&text);
	arena_free(&arena);
}

static void values_that_people_give_are_short(void **state)
{
	(void)state;
	assert_text(0, 0, "[[0,0]]");
	assert_text(7, 1, "[[7,1]]");
	assert_text(10, 0.5, "[[10,0.5]]");
	assert_text(123, 0.25, "[[123,0.25]]");
	assert_text(4294967294u, 0.0001, "[[4294967294,0.0001]]");
	assert_text(1, 0.9999, "[[1,0.9999]]");
	assert_text(1, 0.07, "[[1,0.07]]");
}

static void every_value_of_four_decimals_comes_back_and_is_short(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= 10000; i++) {
		uint32_t labeler = i;
		double value = i / 10000.0;
		struct buf text = {0};
		assert_int_equal(pack_reports(&(struct packed_reports){1, &labeler, &value}, &text), 0);
		assert_true(text.len <= strlen("[[10000,0.1234]]"));
		buf_free(&text);
		round_trip(&labeler, &value, 1);
	}
}

static void every_value_comes_back_to_the_last_bit(void **state)
{
	(void)state;
	static const double corners[] = {
		1e-300,
		5e-324,
		2.2250738585072009e-308,
		2.2250738585072014e-308,
		0.99999999999999989,
		0.1 + 0.2,
		1.0 / 3,
		0.49999999999999994,
		0.00004999999999999999,
		0.00005,
		0.99995,
		0.99994999999999,
		1e-5,
		0.12345,
		0.00010000000000000001,
	};
	for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
		uint32_t labeler = (uint32_t)i;
		round_trip(&labeler, &corners[i], 1);
	}
	struct random r;
	seed_random(&r, 5);
	enum { N = 500 };
	uint32_t labelers[N];
	double values[N];
	for (int pass = 0; pass < 100; pass++) {
		for (size_t i = 0; i < N; i++) {
			labelers[i] = (uint32_t)random_scale(&r, 1, 4e9);
			/* Evenly, over all magnitudes, of random bits, and neighbours of short ones. */
			uint64_t bits;
			random_bytes(&r, &bits, sizeof bits);
			bits &= 0x3fffffffffffffff;
			switch (random_below(&r, 4)) {
			case 0: values[i] = random_unit(&r); break;
			case 1: values[i] = random_scale(&r, 1e-320, 1); break;
			case 2: memcpy(&values[i], &bits, sizeof bits); break;
			default: values[i] = nextafter((double)random_below(&r, 10000) / 10000, random_chance(&r, 0.5));
			}
			if (!(values[i] >= 0 && values[i] <= 1))
				values[i] = 1;
		}
		round_trip(labelers, values, random_below(&r, N + 1));
	}
}

static void no_reports_are_an_empty_list(void **state)
{
	(void)state;
	struct buf text = {0};
	assert_int_equal(pack_reports(&(struct packed_reports){0}, &text), 0);
	assert_int_equal(text.len, 2);
	assert_memory_equal(text.data, "[]", 2);
	buf_free(&text);
	round_trip(NULL, NULL, 0);
}

static void the_most_reports_that_an_item_takes_fit(void **state)
{
	(void)state;
	static uint32_t labelers[ITEM_REPORTS_MAX];
	static double values[ITEM_REPORTS_MAX];
	for (uint32_t i = 0; i < ITEM_REPORTS_MAX; i++) {
		labelers[i] = UINT32_MAX - 1 - i;
		values[i] = 2.2250738585072009e-308 * (i + 1) / ITEM_REPORTS_MAX;
	}
	round_trip(labelers, values, ITEM_REPORTS_MAX);
}

static void bytes_that_are_not_a_list_of_reports_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[",
		"]",
		"[]]",
		"[[]]",
		"[[1]]",
		"[[1,]]",
		"[[,1]]",
		"[[1,0.5]",
		"[1,0.5]",
		"[[1,0.5]]]",
		"[[1,0.5],]",
		"[,[1,0.5]]",
		"[[1,0.5][2,0.5]]",
		"[[1,0.5],[2,0.5]",
		"[[1;0.5]]",
		"[[-1,0.5]]",
		"[[+1,0.5]]",
		"[[1,-0.5]]",
		"[[1,+0.5]]",
		"[[1,1.5]]",
		"[[1,nan]]",
		"[[1,inf]]",
		"[[1,0.5x]]",
		"[[x,0.5]]",
		"[[1,.5]]",
		"[[4294967295,0.5]]",
		"[[18446744073709551617,0.5]]",
		"[[1, 0.5]]",
		"[[ 1,0.5]]",
		"[[1,0.5]] ",
		" [[1,0.5]]",
		"[[1,0.5,]]",
		"[[1,0.5,0]]",
		"[[1,0.5,01]]",
		"[[1,0.5,-1]]",
		"[[1,0.5,+1]]",
		"[[1,0.5, 1]]",
		"[[1,0.5,1.0]]",
		"[[1,0.5,1e1]]",
		"[[1,0.5,9223372036854775808]]",
		"[[1,0.5,18446744073709551617]]",
		"[[1,0.5,1,1]]",
		"[[1,0.5,1],[2,0.5,]]",
		"[[1,1.0000000000000002]]",
		"[[1,0.5]]x",
		"null",
		"[[1,\"0.5\"]]",
		"[[1,1e]]",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct arena arena;
		struct packed_reports back;
		arena_init(&arena, SIZE_MAX / 2);
		int err = unpack_reports(bad[i], strlen(bad[i]), &arena, &back);
		if (err != ERR_HISTORY)
			fail_msg("'%s' gives %d", bad[i], err);
		arena_free(&arena);
	}
}

static void more_reports_than_an_item_takes_are_refused(void **state)
{
	(void)state;
	struct buf text = {0};
	struct arena arena;
	struct packed_reports back;
	arena_init(&arena, SIZE_MAX / 2);
	for (uint32_t i = 0; i <= ITEM_REPORTS_MAX; i++)
		assert_int_equal(buf_printf(&text, "%s[%u,1]", i ? "," : "[", i), 0);
	assert_int_equal(buf_append(&text, "]", 2), 0);
	assert_int_equal(unpack_reports((const char *)text.data, text.len - 1, &arena, &back), ERR_HISTORY);
	buf_free(&text);
	arena_free(&arena);
}

static void without_memory_nothing_is_unpacked(void **state)
{
	(void)state;
	struct arena arena;
	struct packed_reports back;
	arena_init(&arena, 0);
	assert_int_equal(unpack_reports("[[1,1]]", 7, &arena, &back), -ENOMEM);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_that_people_give_are_short),
		cmocka_unit_test(a_sequence_stands_where_there_is_one),
		cmocka_unit_test(every_value_of_four_decimals_comes_back_and_is_short),
		cmocka_unit_test(every_value_comes_back_to_the_last_bit),
		cmocka_unit_test(no_reports_are_an_empty_list),
		cmocka_unit_test(the_most_reports_that_an_item_takes_fit),
		cmocka_unit_test(bytes_that_are_not_a_list_of_reports_are_refused),
		cmocka_unit_test(more_reports_than_an_item_takes_are_refused),
		cmocka_unit_test(without_memory_nothing_is_unpacked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
