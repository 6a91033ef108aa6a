/* JSON that arrives in pieces: however it is cut, the same bytes or the same sentence come out. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/base/heap.h"
#include "lib/base/text.h"
#include "lib/wire/common.h"
#include "lib/wire/envelope.h"
#include "lib/wire/frame.h"
#include "lib/wire/json.h"
#include "lib/wire/json_in.h"
#include "lib/wire/json_lines.h"
#include "tests/lib/samples.h"

enum { BUDGET = 1 << 20, MOST = 1 << 20 };

static const ProtobufCMessageDescriptor *const post = &candor__v1__post_reports__descriptor;

/* ---- what comes out ---- */

struct result {
	int err;
	struct buf bytes;
	char fault[JSON_FAULT_BYTES];
};

/* In a block of just its size: the sanitizer sees a byte too many. */
static int push(struct json_in *in, const char *text, size_t len)
{
	char *exact = malloc(len ? len : 1);
	memcpy(exact, text, len);
	int err = json_in_push(in, exact, len);
	free(exact);
	return err;
}

/* Cut before each byte whose index is a multiple of `every`, from `first` on. */
static struct result read_cut(const ProtobufCMessageDescriptor *type, const char *text, size_t len, size_t first,
			      size_t every)
{
	struct result r = {0};
	struct json_in in;
	json_in_init(&in, type, MOST, &r.bytes);
	for (size_t at = 0, next = first; at < len && r.err == 0; at = next, next += every) {
		if (next > len)
			next = len;
		r.err = push(&in, text + at, next - at);
	}
	if (r.err == 0)
		r.err = json_in_end(&in);
	if (r.err)
		memcpy(r.fault, in.fault, sizeof r.fault);
	json_in_free(&in);
	return r;
}

static void assert_same(const struct result *a, const struct result *b)
{
	assert_int_equal(a->err, b->err);
	if (a->err) {
		assert_string_equal(a->fault, b->fault);
		return;
	}
	assert_int_equal(a->bytes.len, b->bytes.len);
	if (a->bytes.len > 0)
		assert_memory_equal(a->bytes.data, b->bytes.data, a->bytes.len);
}

/* The result for the whole text, which is that for any pieces of it. */
static struct result read_every_way(const ProtobufCMessageDescriptor *type, const char *text, size_t len)
{
	struct result whole = read_cut(type, text, len, len ? len : 1, 1);
	for (size_t first = 1; first < len; first++) {
		struct result r = read_cut(type, text, len, first, len);
		assert_same(&whole, &r);
		buf_free(&r.bytes);
	}
	for (size_t every = 1; every < 8; every++) {
		struct result r = read_cut(type, text, len, every, every);
		assert_same(&whole, &r);
		buf_free(&r.bytes);
	}
	return whole;
}

static void assert_fault(const ProtobufCMessageDescriptor *type, const char *text, const char *want)
{
	struct result r = read_every_way(type, text, strlen(text));
	assert_int_equal(r.err, ERR_MALFORMED);
	assert_string_equal(r.fault, want);
	assert_null(text_fault(r.fault, strlen(r.fault)));
	buf_free(&r.bytes);
}

/* ---- messages ---- */

/* The body of a request as a message in the arena, and the request's frame. */
static const ProtobufCMessage *body_of(const struct candor_request *r, struct arena *a, struct buf *frame)
{
	Candor__V1__Request *m;
	assert_int_equal(wire_request_to_message(r, a, &m), 0);
	assert_int_equal(wire_encode_request(r, a, MOST, frame), 0);
	return &m->hello->base; /* all members of the oneof are pointers in one place */
}

static void every_request_gives_the_bytes_that_an_encoder_would(void **state)
{
	(void)state;
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct buf frame = {0}, text = {0};
		uint8_t head[WIRE_REQUEST_HEAD_MAX];
		arena_init(&a, BUDGET);
		const ProtobufCMessage *body = body_of(&samples[i], &a, &frame);
		assert_ptr_equal(json_request_type(samples[i].type), body->descriptor);
		struct json_out j = {.out = &text};
		json_out_message(&j, body);
		struct result r = read_every_way(body->descriptor, (const char *)text.data, text.len);
		assert_int_equal(r.err, 0);
		size_t head_len = wire_request_head(samples[i].type, samples[i].id, r.bytes.len, head);
		assert_int_equal(head_len + r.bytes.len, frame.len);
		assert_memory_equal(frame.data, head, head_len);
		if (r.bytes.len > 0)
			assert_memory_equal(frame.data + head_len, r.bytes.data, r.bytes.len);
		buf_free(&r.bytes);
		buf_free(&frame);
		buf_free(&text);
		arena_free(&a);
	}
}

static void every_answer_does_as_well(void **state)
{
	(void)state;
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct buf text = {0};
		const ProtobufCMessage *body;
		arena_init(&a, BUDGET);
		if (json_body(&samples[i], &a, &body) == 0) {
			struct json_out j = {.out = &text};
			json_out_message(&j, body);
			struct result r = read_every_way(body->descriptor, (const char *)text.data, text.len);
			assert_int_equal(r.err, 0);
			uint8_t *want = malloc(protobuf_c_message_get_packed_size(body) + 1);
			assert_int_equal(protobuf_c_message_pack(body, want), r.bytes.len);
			if (r.bytes.len > 0)
				assert_memory_equal(r.bytes.data, want, r.bytes.len);
			free(want);
			buf_free(&r.bytes);
		}
		buf_free(&text);
		arena_free(&a);
	}
}

static void long_messages_get_long_lengths(void **state)
{
	(void)state;
	char text[700], name[256];
	memset(name, 'x', 255);
	name[255] = '\0';
	snprintf(text, sizeof text, "{\"reports\":[{\"item\":\"%s\",\"labeler\":\"%s\"}]}", name, name);
	struct result r = read_every_way(post, text, strlen(text));
	assert_int_equal(r.err, 0);
	Candor__V1__PostReports *m = candor__v1__post_reports__unpack(NULL, r.bytes.len, r.bytes.data);
	assert_non_null(m);
	assert_int_equal(m->n_reports, 1);
	assert_string_equal(m->reports[0]->labeler, name);
	candor__v1__post_reports__free_unpacked(m, NULL);
	buf_free(&r.bytes);
}

/* ---- faults ---- */

static void a_fault_is_the_same_however_the_text_is_cut(void **state)
{
	(void)state;
	assert_fault(post, "{\"reports\":[{},{},{},{\"value\":\"1\"}]}",
		     "reports[3].value: must be a number, not a string");
	assert_fault(post, "{\"reports\":[{\"labler\":\"ann\"}]}",
		     "reports[0].labler: unknown field; did you mean labeler?");
	assert_fault(post, "{\"pool\":\"a\",\"reports\":[],\"pool\":\"b\"}", "pool: is given twice");
	assert_fault(post, "{\"pool\":nul", "not valid JSON at byte 8: expected a value");
	assert_fault(post, "{\"pool\":null}", "pool: must be a string, not null");
	assert_fault(post, "{\"reports\":[{\"value\":0.5.1}]}", "not valid JSON at byte 21: not a valid JSON number");
	assert_fault(post, "{\"reports\":[{\"value\":1}", "not valid JSON at byte 23: expected \",\" or \"]\"");
	assert_fault(post, "{\"reports\":[{\"item\":\"\xc3\xbc\xc3\"}]}", "not valid JSON at byte 23: not valid UTF-8");
	assert_fault(post, "{\"reports\":[{\"item\":\"a\\ud83d",
		     "not valid JSON at byte 28: unpaired surrogate in a string");
	assert_fault(post, "{\"reports\":[{\"item\":\"a\\u0000",
		     "not valid JSON at byte 28: "
		     "\\u0000 is not allowed in a string");
	assert_fault(post, "{\"reports\":[{\"item\":\"a\\", "not valid JSON at byte 23: unknown escape in a string");
	assert_fault(post, "{\"reports\":[{\"item\":\"a", "not valid JSON at byte 22: unterminated string");
	assert_fault(post, "{\"reports\":[{]", "not valid JSON at byte 13: expected a field name");
	assert_fault(post, "{} {}", "not valid JSON at byte 3: unexpected text after the object");
	assert_fault(post, " \n", "not valid JSON at byte 2: unexpected end");
	assert_fault(post, "true", "must be an object, not true");
}

static void a_text_may_hold_a_nul_nowhere(void **state)
{
	(void)state;
	static const char text[] = "{\"pool\":\"a\0b\"}", number[] = "{\"reports\":[{\"value\":1\0}]}";
	struct result r = read_every_way(post, text, sizeof text - 1);
	assert_int_equal(r.err, ERR_MALFORMED);
	assert_string_equal(r.fault, "not valid JSON at byte 10: a control character in a string must be escaped");
	buf_free(&r.bytes);
	r = read_every_way(post, number, sizeof number - 1);
	assert_string_equal(r.fault, "not valid JSON at byte 22: expected \",\" or \"}\"");
	buf_free(&r.bytes);
}

/* ---- bounds ---- */

static void a_value_is_bounded_and_so_is_what_is_kept_of_it(void **state)
{
	(void)state;
	static char piece[1000];
	memset(piece, 'x', sizeof piece);
	for (int is_name = 0; is_name < 2; is_name++) {
		struct json_in in;
		struct buf out = {0};
		int err = 0;
		json_in_init(&in, post, MOST, &out);
		assert_int_equal(push(&in, is_name ? "{\"" : "{\"pool\":\"", is_name ? 2 : 9), 0);
		size_t pieces = 0;
		for (; err == 0; pieces++) {
			assert_true(pieces < 100);
			err = push(&in, piece, sizeof piece);
			assert_true(json_in_bytes(&in) <= heap_bytes(JSON_VALUE_MAX));
		}
		assert_int_equal(pieces, 66);
		assert_int_equal(err, ERR_MALFORMED);
		assert_string_equal(in.fault,
				    is_name ? "has an unknown field" : "pool: is too long; the limit is 65536 bytes");
		assert_int_equal(json_in_end(&in), ERR_MALFORMED);
		json_in_free(&in);
		buf_free(&out);
	}
	/* Nothing is kept where no cut runs through a value. */
	struct json_in in;
	struct buf out = {0};
	json_in_init(&in, post, MOST, &out);
	assert_int_equal(push(&in, "{\"pool\":", 8), 0);
	assert_int_equal(push(&in, "\"p\",\"reports\":[{", 16), 0);
	assert_int_equal(push(&in, "}]}", 3), 0);
	assert_int_equal(json_in_end(&in), 0);
	assert_int_equal(json_in_bytes(&in), 0);
	json_in_free(&in);
	buf_free(&out);
}

static void a_number_is_bounded(void **state)
{
	(void)state;
	char digits[128], text[300];
	memset(digits, '1', sizeof digits);
	snprintf(text, sizeof text, "{\"reports\":[{\"value\":0.%.125s}]}", digits);
	struct result r = read_every_way(post, text, strlen(text));
	assert_int_equal(r.err, 0);
	buf_free(&r.bytes);
	snprintf(text, sizeof text, "{\"reports\":[{\"value\":0.%.126s}]}", digits);
	assert_fault(post, text, "reports[0].value: is too long for a number; the limit is 127 characters");
}

/* Or it would be read as 0, a report like any other. */
static void a_value_that_is_missing_is_no_number(void **state)
{
	(void)state;
	static const char text[] = "{\"reports\":[{\"item\":\"a\"},{\"item\":\"b\",\"value\":0}]}";
	struct result r = read_every_way(post, text, sizeof text - 1);
	assert_int_equal(r.err, 0);
	Candor__V1__PostReports *m = candor__v1__post_reports__unpack(NULL, r.bytes.len, r.bytes.data);
	assert_non_null(m);
	assert_int_equal(m->n_reports, 2);
	assert_true(isnan(m->reports[0]->value));
	assert_true(m->reports[1]->value == 0);
	candor__v1__post_reports__free_unpacked(m, NULL);
	buf_free(&r.bytes);
}

static void the_message_is_bounded(void **state)
{
	(void)state;
	static const char text[] = "{\"pool\":\"12345678\",\"reports\":[{},{},{}]}";
	enum { BYTES = 2 + 8 + 3 * (2 + 9) }; /* a value that is missing takes room as well */
	for (size_t most = 0; most <= BYTES; most++) {
		struct json_in in;
		struct buf out = {0};
		json_in_init(&in, post, most, &out);
		assert_int_equal(json_in_whole(&in, text, sizeof text - 1), most < BYTES ? ERR_TOO_BIG : 0);
		json_in_free(&in);
		buf_free(&out);
	}
}

/* ---- what the path gives ---- */

static void what_the_path_gives_is_not_given_again(void **state)
{
	(void)state;
	static const char text[] = "{\"reports\":[{\"item\":\"i\"}],\"pool\":\"a\"}";
	struct json_in in;
	struct buf out = {0};
	json_in_init(&in, post, MOST, &out);
	json_in_refuse(&in, "pool");
	assert_int_equal(push(&in, text, sizeof text - 1), ERR_MALFORMED);
	assert_string_equal(in.fault, "pool: is given by the path; leave it out here");
	json_in_free(&in);
	buf_free(&out);
}

/* ---- lines ---- */

/* What happened line by line: "+" a row, "line: fault" otherwise. */
static void note_result(const struct json_lines *l, int done, struct buf *log)
{
	assert_true(done == 1 || done == ERR_MALFORMED || done == ERR_TOO_BIG);
	if (done == 1)
		assert_int_equal(buf_printf(log, "%llu+\n", (unsigned long long)l->line), 0);
	else
		assert_int_equal(buf_printf(log, "%llu: %s\n", (unsigned long long)l->line,
					    done == ERR_TOO_BIG ? "too big" : l->in.fault),
				 0);
}

static void read_lines(const char *text, size_t len, size_t every, size_t most, struct buf *out, struct buf *log)
{
	struct json_lines l;
	int done;
	json_lines_init(&l, post, most, out);
	for (size_t at = 0; at < len; at += every) {
		size_t n = len - at < every ? len - at : every;
		char *exact = malloc(n);
		const uint8_t *bytes = memcpy(exact, text + at, n);
		while ((done = json_lines_next(&l, &bytes, &n)) != 0)
			note_result(&l, done, log);
		assert_int_equal(n, 0);
		free(exact);
	}
	done = json_lines_end(&l);
	if (done)
		note_result(&l, done, log);
	json_lines_free(&l);
	assert_int_equal(buf_append(log, "", 1), 0);
}

static void each_line_is_a_row_and_a_bad_one_costs_no_other(void **state)
{
	(void)state;
	static const char text[] = "{\"item\":\"a\",\"labeler\":\"ann\",\"value\":0.25}\n"
				   "\r\n"
				   "{\"item\":\"b\",\"value\":\"x\"}\n"
				   "  {\"item\":\"c\"}  \r\n"
				   "{\"item\":\"d\"\n"
				   "{\"item\":\"d\"} {\"item\":\"e\"}\n"
				   "\n"
				   "[\n"
				   "{\"item\":\"f\",\"colour\":{\"a\":[1,2,3]}}\n"
				   "{\"item\":\"g\"}";
	static const char want[] = "1+\n"
				   "3: value: must be a number, not a string\n"
				   "4+\n"
				   "5: not valid JSON at byte 11: expected \",\" or \"}\"\n"
				   "6: not valid JSON at byte 13: unexpected text after the object\n"
				   "8: must be an object, not a list\n"
				   "9: colour: unknown field\n"
				   "10+\n";
	for (size_t every = 1; every <= sizeof text; every++) {
		struct buf out = {0}, log = {0};
		read_lines(text, sizeof text - 1, every, MOST, &out, &log);
		assert_string_equal((const char *)log.data, want);
		Candor__V1__PostReports *m = candor__v1__post_reports__unpack(NULL, out.len, out.data);
		assert_non_null(m);
		assert_int_equal(m->n_reports, 3);
		assert_string_equal(m->reports[0]->labeler, "ann");
		assert_string_equal(m->reports[1]->item, "c");
		assert_string_equal(m->reports[2]->item, "g");
		candor__v1__post_reports__free_unpacked(m, NULL);
		buf_free(&out);
		buf_free(&log);
	}
}

static void a_row_that_has_no_room_leaves_nothing_behind(void **state)
{
	(void)state;
	static const char text[] = "{\"item\":\"a\"}\n{\"item\":\"far too long\"}\n{\"item\":\"b\"}\n";
	enum { ROW = 5 + 9 }; /* with a value that is missing */
	for (size_t every = 1; every <= sizeof text; every++) {
		struct buf out = {0}, log = {0};
		read_lines(text, sizeof text - 1, every, 2 * ROW + 2, &out, &log);
		assert_string_equal((const char *)log.data, "1+\n2: too big\n3+\n");
		assert_int_equal(out.len, 2 * ROW);
		buf_free(&out);
		buf_free(&log);
	}
}

static void a_line_without_end_is_bounded(void **state)
{
	(void)state;
	struct json_lines l;
	struct buf out = {0};
	static const char piece[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	json_lines_init(&l, post, MOST, &out);
	const uint8_t *bytes = (const uint8_t *)"{\"item\":\"";
	size_t len = 9, refused = 0;
	assert_int_equal(json_lines_next(&l, &bytes, &len), 0);
	for (int i = 0; i < 10000; i++) {
		bytes = (const uint8_t *)piece;
		len = sizeof piece - 1;
		int done = json_lines_next(&l, &bytes, &len);
		refused += done == ERR_MALFORMED;
		assert_true(done == 0 || done == ERR_MALFORMED);
		assert_true(json_in_bytes(&l.in) <= heap_bytes(JSON_VALUE_MAX));
	}
	assert_int_equal(refused, 1);
	assert_string_equal(l.in.fault, "item: is too long; the limit is 65536 bytes");
	assert_int_equal(json_lines_end(&l), 0);
	assert_int_equal(out.len, 0);
	json_lines_free(&l);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_gives_the_bytes_that_an_encoder_would),
		cmocka_unit_test(every_answer_does_as_well),
		cmocka_unit_test(long_messages_get_long_lengths),
		cmocka_unit_test(a_fault_is_the_same_however_the_text_is_cut),
		cmocka_unit_test(a_text_may_hold_a_nul_nowhere),
		cmocka_unit_test(a_value_is_bounded_and_so_is_what_is_kept_of_it),
		cmocka_unit_test(a_number_is_bounded),
		cmocka_unit_test(a_value_that_is_missing_is_no_number),
		cmocka_unit_test(the_message_is_bounded),
		cmocka_unit_test(what_the_path_gives_is_not_given_again),
		cmocka_unit_test(each_line_is_a_row_and_a_bad_one_costs_no_other),
		cmocka_unit_test(a_row_that_has_no_room_leaves_nothing_behind),
		cmocka_unit_test(a_line_without_end_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
