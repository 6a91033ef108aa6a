#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/wire/frame.h"
#include "tests/lib/seed.h"

enum { MAX_BYTES = 1 << 20 };

/* A message of `len` equal bytes, with its length before it. */
static void append(struct buf *b, size_t len, uint8_t fill)
{
	uint8_t head[FRAME_HEAD_MAX];
	assert_int_equal(buf_append(b, head, frame_head(len, head)), 0);
	uint8_t *to = buf_reserve(b, len + 1);
	assert_non_null(to);
	memset(to, fill, len);
	b->len += len;
}

static void push(struct frame *f, const void *bytes, size_t len)
{
	assert_int_equal(frame_push(f, bytes, len), 0);
}

/* What frame_next() says to these bytes, given all at once. */
static int next_of(const uint8_t *bytes, size_t len, size_t max_bytes)
{
	struct frame f;
	struct view v;
	frame_init(&f, max_bytes);
	push(&f, bytes, len);
	int result = frame_next(&f, &v);
	frame_free(&f);
	return result;
}

static void several_messages_come_out_whole_however_the_bytes_are_split(void **state)
{
	static const size_t lens[] = {0, 1, 0, 127, 128, 3, 300};
	enum { MESSAGES = sizeof lens / sizeof *lens };
	struct buf all = {0};
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++)
		append(&all, lens[i], (uint8_t)(i + 1));
	for (size_t first = 0; first <= all.len; first++) {
		for (size_t second = first; second <= all.len; second++) {
			const size_t cuts[] = {0, first, second, all.len};
			struct frame f;
			struct view v;
			size_t seen = 0;
			frame_init(&f, MAX_BYTES);
			for (int part = 0; part < 3; part++) {
				push(&f, all.data + cuts[part], cuts[part + 1] - cuts[part]);
				for (int got; (got = frame_next(&f, &v)) != 0; seen++) {
					if (got != 1 || v.len != lens[seen] || (v.len && v.data[0] != seen + 1) ||
					    (v.len && v.data[v.len - 1] != seen + 1))
						fail_msg("message %zu, cut at %zu and %zu", seen, first, second);
				}
			}
			assert_int_equal(seen, MESSAGES);
			assert_int_equal(frame_pending(&f), 0);
			frame_free(&f);
		}
	}
	buf_free(&all);
}

static void bytes_that_come_one_by_one_give_the_same_messages(void **state)
{
	struct buf all = {0};
	struct frame f;
	struct view v;
	size_t seen = 0;
	(void)state;
	for (size_t i = 0; i < 5; i++)
		append(&all, i * 100, (uint8_t)i);
	frame_init(&f, MAX_BYTES);
	for (size_t i = 0; i < all.len; i++) {
		push(&f, all.data + i, 1);
		while (frame_next(&f, &v) == 1)
			assert_int_equal(v.len, 100 * seen++);
	}
	assert_int_equal(seen, 5);
	frame_free(&f);
	buf_free(&all);
}

static void lengths_take_one_to_five_bytes(void **state)
{
	static const struct {
		size_t len, head;
	} expected[] = {{0, 1},       {127, 1},           {128, 2},     {16383, 2},     {16384, 3}, {(1 << 21) - 1, 3},
			{1 << 21, 4}, {(1 << 28) - 1, 4}, {1 << 28, 5}, {UINT32_MAX, 5}};
	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		uint8_t head[FRAME_HEAD_MAX];
		struct frame f;
		struct view v;
		assert_int_equal(frame_head(expected[i].len, head), expected[i].head);
		/* Without its last byte the length is not known; with it the message is awaited, or at once too big. */
		assert_int_equal(next_of(head, expected[i].head - 1, UINT32_MAX), 0);
		frame_init(&f, UINT32_MAX);
		push(&f, head, expected[i].head);
		assert_int_equal(frame_next(&f, &v), expected[i].len == 0);
		frame_free(&f);
		if (expected[i].len > 1)
			assert_int_equal(next_of(head, expected[i].head, expected[i].len - 1), ERR_TOO_BIG);
	}
}

static void a_message_as_long_as_allowed_passes_and_one_byte_more_does_not(void **state)
{
	struct buf b = {0};
	(void)state;
	append(&b, 1000, 1);
	assert_int_equal(next_of(b.data, b.len, 1000), 1);
	assert_int_equal(next_of(b.data, b.len, 999), ERR_TOO_BIG);
	buf_free(&b);
}

static void a_frame_that_is_too_big_is_known_before_its_body(void **state)
{
	uint8_t head[FRAME_HEAD_MAX];
	(void)state;
	assert_int_equal(next_of(head, frame_head(MAX_BYTES + 1, head), MAX_BYTES), ERR_TOO_BIG);
	/* A five-byte length can say more than 2^32. */
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0x7f};
	assert_int_equal(next_of(huge, sizeof huge, 1u << 31), ERR_TOO_BIG);
}

static void a_length_of_more_than_five_bytes_is_malformed_at_its_fifth(void **state)
{
	static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
	(void)state;
	assert_int_equal(next_of(endless, 4, MAX_BYTES), 0);
	assert_int_equal(next_of(endless, 5, MAX_BYTES), ERR_MALFORMED);
	assert_int_equal(next_of(endless, 6, MAX_BYTES), ERR_MALFORMED);
}

static void a_length_written_longer_than_needed_is_read_as_protobuf_reads_it(void **state)
{
	static const uint8_t padded[] = {0x82, 0x80, 0x00, 'h', 'i'};
	static const uint8_t nothing[] = {0x80, 0x80, 0x80, 0x80, 0x00};
	struct frame f;
	struct view v;
	(void)state;
	frame_init(&f, MAX_BYTES);
	push(&f, padded, sizeof padded);
	assert_int_equal(frame_next(&f, &v), 1);
	assert_int_equal(v.len, 2);
	assert_memory_equal(v.data, "hi", 2);
	frame_free(&f);
	assert_int_equal(next_of(nothing, sizeof nothing, MAX_BYTES), 1);
}

static void an_error_stays_one(void **state)
{
	uint8_t head[FRAME_HEAD_MAX];
	struct frame f;
	struct view v;
	(void)state;
	frame_init(&f, 10);
	push(&f, head, frame_head(11, head));
	assert_int_equal(frame_next(&f, &v), ERR_TOO_BIG);
	push(&f, "\1x", 2);
	assert_int_equal(frame_next(&f, &v), ERR_TOO_BIG);
	frame_free(&f);
}

static void pending_counts_what_is_pushed_and_not_taken(void **state)
{
	struct frame f;
	struct view v;
	(void)state;
	frame_init(&f, MAX_BYTES);
	assert_int_equal(frame_pending(&f), 0);
	assert_int_equal(frame_next(&f, &v), 0);
	push(&f, "\2ab\3c", 5);
	assert_int_equal(frame_pending(&f), 5);
	assert_int_equal(frame_next(&f, &v), 1);
	assert_int_equal(frame_pending(&f), 2);
	assert_int_equal(frame_next(&f, &v), 0);
	push(&f, "", 0);
	push(&f, "de", 2);
	assert_int_equal(frame_next(&f, &v), 1);
	assert_memory_equal(v.data, "cde", 3);
	assert_int_equal(frame_pending(&f), 0);
	frame_free(&f);
}

static void a_message_that_is_wiped_is_gone_and_the_next_is_whole(void **state)
{
	struct buf all = {0};
	struct frame f;
	struct view v;
	(void)state;
	append(&all, 40, 's');
	append(&all, 50, 'n');
	frame_init(&f, MAX_BYTES);
	push(&f, all.data, all.len);
	assert_int_equal(frame_next(&f, &v), 1);
	frame_wipe(&f, v);
	assert_null(memchr(f.bytes.data, 's', f.bytes.len));
	assert_int_equal(frame_next(&f, &v), 1);
	assert_int_equal(v.len, 50);
	for (size_t i = 0; i < v.len; i++)
		assert_int_equal(v.data[i], 'n');
	frame_free(&f);
	buf_free(&all);
}

static void a_connection_does_not_keep_the_memory_of_its_largest_message(void **state)
{
	struct buf b = {0};
	struct frame f;
	struct view v;
	(void)state;
	append(&b, 8 << 20, 1);
	frame_init(&f, 16 << 20);
	push(&f, b.data, b.len);
	assert_int_equal(frame_next(&f, &v), 1);
	push(&f, "\1x", 2);
	assert_true(f.bytes.cap <= 1 << 20);
	assert_int_equal(frame_next(&f, &v), 1);
	frame_free(&f);
	buf_free(&b);
}

static void random_streams_come_out_as_they_went_in(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 71);
	for (int round = 0; round < 300; round++) {
		struct buf all = {0};
		struct frame f;
		struct view v;
		size_t lens[50], seen = 0;
		for (size_t i = 0; i < 50; i++) {
			lens[i] = (size_t)random_scale(&r, 1, 3000) - 1;
			append(&all, lens[i], (uint8_t)i);
		}
		frame_init(&f, 4000);
		for (size_t at = 0, step; at < all.len; at += step) {
			step = 1 + random_below(&r, 5000);
			if (step > all.len - at)
				step = all.len - at;
			push(&f, all.data + at, step);
			while (random_chance(&r, 0.9) && frame_next(&f, &v) == 1) {
				assert_int_equal(v.len, lens[seen]);
				for (size_t i = 0; i < v.len; i++)
					assert_true(v.data[i] == seen);
				seen++;
			}
		}
		for (; frame_next(&f, &v) == 1; seen++)
			assert_int_equal(v.len, lens[seen]);
		assert_int_equal(seen, 50);
		frame_free(&f);
		buf_free(&all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_messages_come_out_whole_however_the_bytes_are_split),
		cmocka_unit_test(bytes_that_come_one_by_one_give_the_same_messages),
		cmocka_unit_test(lengths_take_one_to_five_bytes),
		cmocka_unit_test(a_message_as_long_as_allowed_passes_and_one_byte_more_does_not),
		cmocka_unit_test(a_frame_that_is_too_big_is_known_before_its_body),
		cmocka_unit_test(a_length_of_more_than_five_bytes_is_malformed_at_its_fifth),
		cmocka_unit_test(a_length_written_longer_than_needed_is_read_as_protobuf_reads_it),
		cmocka_unit_test(an_error_stays_one),
		cmocka_unit_test(pending_counts_what_is_pushed_and_not_taken),
		cmocka_unit_test(a_message_that_is_wiped_is_gone_and_the_next_is_whole),
		cmocka_unit_test(a_connection_does_not_keep_the_memory_of_its_largest_message),
		cmocka_unit_test(random_streams_come_out_as_they_went_in),
	};
	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
