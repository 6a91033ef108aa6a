/* Answers as JSON in pieces, from their bytes: the same text as from the message, and never much at once. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/wire/common.h"
#include "lib/wire/envelope.h"
#include "lib/wire/json.h"
#include "lib/wire/json_pieces.h"
#include "tests/lib/samples.h"

enum { BUDGET = 1 << 26, MOST = 1 << 24, VALUE_MAX = 400 /* no value of these tests is longer, with its name */ };

static const size_t wants[] = {1, 2, 7, 64, 500, 4096, 1 << 20};

/* ---- what comes out ---- */

/* Puts the pieces together, each of which is bounded. Returns how many there were, or an error. */
static int put_together(const ProtobufCMessageDescriptor *type, struct view bytes, enum json_form form, size_t want,
			struct buf *out)
{
	struct json_pieces p;
	int more, n = 0;
	json_pieces_init(&p, type, bytes, form);
	do {
		size_t before = out->len;
		more = json_pieces_next(&p, want, out);
		assert_true(out->len - before <= want + VALUE_MAX);
		assert_true(more <= 0 || out->len - before >= want);
		n++;
	} while (more > 0);
	return more < 0 ? more : n;
}

static void assert_text(const struct buf *got, const struct buf *want)
{
	assert_int_equal(got->len, want->len);
	if (got->len > 0)
		assert_memory_equal(got->data, want->data, got->len);
}

/* The answer's bytes; *body is the same as a message. NULL: it has none. */
static struct buf encoded(const struct candor_response *r, struct arena *a, struct wire_answer *answer,
			  const ProtobufCMessage **body)
{
	struct buf frame = {0};
	assert_int_equal(wire_encode_response(r, a, MOST, &frame), 0);
	struct frame f;
	struct view view;
	frame_init(&f, MOST);
	assert_int_equal(frame_push(&f, frame.data, frame.len), 0);
	assert_int_equal(frame_next(&f, &view), 1);
	frame.len = 0;
	assert_int_equal(buf_append(&frame, view.data, view.len), 0);
	frame_free(&f);
	assert_int_equal(wire_open_answer((struct view){frame.data, frame.len}, answer), 0);
	if (json_body(r, a, body) != 0)
		*body = NULL;
	return frame;
}

static void every_answer_has_the_text_of_its_message(void **state)
{
	(void)state;
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct wire_answer answer;
		const ProtobufCMessage *body;
		arena_init(&a, BUDGET);
		struct buf bytes = encoded(&samples[i], &a, &answer, &body), want = {0};
		assert_int_equal(answer.id, samples[i].id);
		assert_int_equal(answer.type, samples[i].code ? CANDOR_RES_NONE : samples[i].type);
		assert_int_equal(answer.code, samples[i].code);
		assert_ptr_equal(json_answer_type(answer.type), body ? body->descriptor : NULL);
		struct json_out j = {.out = &want};
		if (body)
			json_out_message(&j, body);
		assert_int_equal(buf_append(&want, "\n", 1), 0);
		for (size_t k = 0; body && k < sizeof wants / sizeof *wants; k++) {
			struct buf got = {0};
			assert_true(put_together(body->descriptor, answer.body, JSON_DOCUMENT, wants[k], &got) > 0);
			assert_text(&got, &want);
			buf_free(&got);
		}
		buf_free(&want);
		buf_free(&bytes);
		arena_free(&a);
	}
}

static void rows_are_lines(void **state)
{
	(void)state;
	size_t n, lists = 0;
	const struct candor_response *samples = sample_responses(&n);
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct wire_answer answer;
		const ProtobufCMessage *body;
		const ProtobufCMessage *const *rows;
		arena_init(&a, BUDGET);
		struct buf bytes = encoded(&samples[i], &a, &answer, &body), want = {0}, first = {0};
		size_t n_rows = body ? json_rows(body, &rows) : 0;
		for (size_t k = 0; k < n_rows; k++) {
			struct json_out j = {.out = &want};
			json_out_message(&j, rows[k]);
			assert_int_equal(buf_append(&want, "\n", 1), 0);
			if (k == 0)
				assert_int_equal(buf_append(&first, want.data, want.len), 0);
		}
		lists += n_rows > 1;
		if (body)
			assert_int_equal(json_count_rows(body->descriptor, answer.body), n_rows);
		for (size_t k = 0; body && k < sizeof wants / sizeof *wants; k++) {
			struct buf got = {0}, one = {0};
			assert_true(put_together(body->descriptor, answer.body, JSON_ROWS, wants[k], &got) > 0);
			assert_text(&got, &want);
			assert_true(put_together(body->descriptor, answer.body, JSON_ROW, wants[k], &one) > 0);
			assert_text(&one, &first);
			buf_free(&got);
			buf_free(&one);
		}
		buf_free(&first);
		buf_free(&want);
		buf_free(&bytes);
		arena_free(&a);
	}
	assert_true(lists >= 8);
}

/* ---- long ones ---- */

static void a_long_list_within_a_row_is_cut_as_well(void **state)
{
	(void)state;
	enum { REPORTS = 65535 };
	struct candor_item_report *reports = calloc(REPORTS, sizeof *reports);
	for (size_t i = 0; i < REPORTS; i++)
		reports[i] = (struct candor_item_report){"somebody", (double)i / REPORTS, 1};
	const struct candor_item items[] = {
		{.item = "a", .state = CANDOR_OPEN, .n_reports = REPORTS, .reports = reports},
		{.item = "b", .state = CANDOR_OPEN},
	};
	const struct candor_response r = {.id = 1, .type = CANDOR_RES_ITEMS, .n = 2, .items = items, .next = ""};
	struct arena a;
	struct wire_answer answer;
	const ProtobufCMessage *body;
	arena_init(&a, BUDGET);
	struct buf bytes = encoded(&r, &a, &answer, &body), want = {0}, got = {0};
	struct json_out j = {.out = &want};
	json_out_message(&j, body);
	assert_int_equal(buf_append(&want, "\n", 1), 0);
	/* put_together() holds each piece against its bound. */
	int n = put_together(body->descriptor, answer.body, JSON_DOCUMENT, 16384, &got);
	assert_true(n > (int)(want.len / 16384 / 2));
	assert_text(&got, &want);
	got.len = 0;
	n = put_together(body->descriptor, answer.body, JSON_ROWS, 16384, &got);
	assert_true(n > (int)(want.len / 16384 / 2));
	buf_free(&got);
	buf_free(&want);
	buf_free(&bytes);
	arena_free(&a);
	free(reports);
}

/* ---- bytes that no encoder writes ---- */

static int rendered(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len, const char *want)
{
	struct buf out = {0};
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, bytes, len);
	int done = put_together(type, (struct view){exact, len}, JSON_DOCUMENT, 1, &out);
	if (done > 0) {
		assert_int_equal(buf_append(&out, "", 1), 0);
		assert_string_equal((const char *)out.data, want);
	}
	free(exact);
	buf_free(&out);
	return done < 0 ? done : 0;
}

static void unknown_fields_are_skipped(void **state)
{
	(void)state;
	static const char report[] = "\x0a\x01i"
				     "\x7a\x03new"
				     "\x80\x7d\x05";
	static const char pool[] = "\x12\x01"
				   "a";
	assert_int_equal(rendered(&candor__v1__report__descriptor, report, sizeof report - 1,
				  "{\"item\":\"i\",\"labeler\":\"\",\"value\":0.0}\n"),
			 0);
	assert_int_equal(rendered(&candor__v1__info_request__descriptor, pool, sizeof pool - 1, "{\"commit\":false}\n"),
			 0);
}

static void what_no_encoder_writes_is_malformed(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\x12\x01z\x0a\x01y", 6}, /* fields in another order */
		{"\x0a\x01y\x0a\x01z", 6}, /* one twice */
		{"\x08\x01", 2}, /* of another type */
		{"\x0a\x05y", 3}, /* longer than there is */
		{"\x0a", 1},
		{"\x19\x01\x02", 3},
		{"\x02\x00", 2}, /* number 0 */
		{"\x0b", 1}, /* a group */
		{"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(rendered(&candor__v1__report__descriptor, cases[i].bytes, cases[i].len, ""),
				 ERR_MALFORMED);
}

static void a_refusal_is_read_without_a_body(void **state)
{
	(void)state;
	const struct candor_response r = {
		.id = 7, .code = CANDOR_RESOURCE_EXHAUSTED, .message = "rate limit exceeded", .retry_after_ms = 800};
	struct arena a;
	struct wire_answer answer;
	const ProtobufCMessage *body;
	arena_init(&a, BUDGET);
	struct buf bytes = encoded(&r, &a, &answer, &body);
	assert_int_equal(answer.id, 7);
	assert_int_equal(answer.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(answer.retry_after_ms, 800);
	assert_int_equal(answer.message.len, strlen(r.message));
	assert_memory_equal(answer.message.data, r.message, answer.message.len);
	assert_int_equal(answer.type, CANDOR_RES_NONE);
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		memcpy(exact, bytes.data, len);
		int err = wire_open_answer((struct view){exact, len}, &answer);
		assert_true(err == 0 || err == ERR_MALFORMED);
		free(exact);
	}
	buf_free(&bytes);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_the_text_of_its_message),
		cmocka_unit_test(rows_are_lines),
		cmocka_unit_test(a_long_list_within_a_row_is_cut_as_well),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(what_no_encoder_writes_is_malformed),
		cmocka_unit_test(a_refusal_is_read_without_a_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
