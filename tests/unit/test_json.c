/* Messages as JSON and back: what is written, and each thing that can be wrong with what is read. */
#include "tests/lib/unit.h"

#include <math.h>
#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/wire/common.h"
#include "lib/wire/json.h"
#include "lib/wire/json_in.h"

enum { BUDGET = 1 << 20 };

/* ---- writing ---- */

static void assert_written(const void *message, const char *want)
{
	struct buf out = {0};
	struct json_out j = {.out = &out};
	json_out_message(&j, message);
	assert_int_equal(j.err, 0);
	assert_int_equal(buf_append(&out, "", 1), 0);
	assert_string_equal((const char *)out.data, want);
	buf_free(&out);
}

static void every_field_is_there_whatever_its_value(void **state)
{
	(void)state;
	Candor__V1__Report report = CANDOR__V1__REPORT__INIT;
	assert_written(&report, "{\"item\":\"\",\"labeler\":\"\",\"value\":0.0}");
	Candor__V1__BatchResult batch = CANDOR__V1__BATCH_RESULT__INIT;
	assert_written(&batch, "{\"accepted\":0,\"duplicates\":0,\"revised\":0,\"rejected\":[]}");
	Candor__V1__QueryItems query = CANDOR__V1__QUERY_ITEMS__INIT;
	assert_written(&query, "{\"pool\":\"\",\"items\":[],\"reports\":false,\"reports_from\":0,\"reports_limit\":0,\"now\":false}");
}

static void what_can_be_absent_is_left_out_where_it_is(void **state)
{
	(void)state;
	Candor__V1__Request request = CANDOR__V1__REQUEST__INIT;
	Candor__V1__InfoRequest info = CANDOR__V1__INFO_REQUEST__INIT;
	assert_written(&request, "{\"id\":0}");
	request.body_case = CANDOR__V1__REQUEST__BODY_INFO;
	request.info = &info;
	assert_written(&request, "{\"id\":0,\"info\":{\"commit\":false}}");
}

static void enums_are_words_without_their_prefix(void **state)
{
	(void)state;
	char word[JSON_WORD_MAX];
	json_word(&candor__v1__right__descriptor, CANDOR__V1__RIGHT__RIGHT_READ_OPEN, word);
	assert_string_equal(word, "read-open");
	json_word(&candor__v1__right__descriptor, 0, word);
	assert_string_equal(word, "unspecified");
	json_word(&candor__v1__item_state__descriptor, CANDOR__V1__ITEM_STATE__OPEN, word);
	assert_string_equal(word, "open");
	json_word(&candor__v1__code__descriptor, CANDOR__V1__CODE__FAILED_PRECONDITION, word);
	assert_string_equal(word, "failed-precondition");
	json_word(&candor__v1__code__descriptor, 4711, word);
	assert_string_equal(word, "");
	/* What a newer daemon says is passed on. */
	Candor__V1__Rejected rejected = CANDOR__V1__REJECTED__INIT;
	rejected.code = (Candor__V1__Code)4711;
	assert_written(&rejected, "{\"index\":0,\"code\":4711,\"message\":\"\"}");
}

static void numbers_have_all_their_digits(void **state)
{
	(void)state;
	const struct {
		double x;
		const char *want;
	} reals[] = {{1, "1.0"},
		     {0.1, "0.10000000000000001"},
		     {1e-9, "1.0000000000000001e-9"},
		     {1e300, "1.0000000000000001e300"},
		     {-0.0, "-0.0"},
		     {NAN, "null"},
		     {INFINITY, "null"},
		     {1e20, "1e20"}};
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
		char want[128];
		Candor__V1__Outcome outcome = CANDOR__V1__OUTCOME__INIT;
		outcome.value = reals[i].x;
		snprintf(want, sizeof want, "{\"item\":\"\",\"value\":%s}", reals[i].want);
		assert_written(&outcome, want);
	}
	Candor__V1__BatchResult batch = CANDOR__V1__BATCH_RESULT__INIT;
	batch.accepted = UINT64_MAX;
	assert_written(&batch, "{\"accepted\":18446744073709551615,\"duplicates\":0,\"revised\":0,\"rejected\":[]}");
}

static void bytes_are_hexadecimal_and_text_is_escaped(void **state)
{
	(void)state;
	uint8_t token[] = {0x00, 0xab, 0xff};
	char client[] = "a\"b\\c\n\x01\xc3\xbc\xff";
	Candor__V1__Hello hello = CANDOR__V1__HELLO__INIT;
	hello.token = (ProtobufCBinaryData){sizeof token, token};
	hello.client = client;
	assert_written(
		&hello,
		"{\"protocol\":0,\"client\":\"a\\\"b\\\\c\\n\\u0001\xc3\xbc\xef\xbf\xbd\",\"token\":\"00abff\"}");
}

/* ---- reading ---- */

/* The message, unpacked into the arena; *fault is in it as well. */
static int read_text(struct arena *a, const char *text, const ProtobufCMessageDescriptor *type, void *out,
		     const char **fault)
{
	/* In a block of just its size: the sanitizer sees a byte too many. */
	size_t len = strlen(text);
	char *exact = malloc(len ? len : 1);
	memcpy(exact, text, len);
	struct buf bytes = {0};
	struct json_in in;
	json_in_init(&in, type, BUDGET, &bytes);
	int err = json_in_whole(&in, exact, len);
	free(exact);
	*fault = err == ERR_MALFORMED ? arena_strdup(a, in.fault) : NULL;
	ProtobufCAllocator allocator = wire_allocator(a);
	if (err == 0)
		assert_non_null(*(void **)out = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.data));
	json_in_free(&in);
	buf_free(&bytes);
	return err;
}

static void assert_fault(const ProtobufCMessageDescriptor *type, const char *text, const char *want)
{
	struct arena a;
	ProtobufCMessage *m;
	const char *fault = NULL;
	arena_init(&a, BUDGET);
	int err = read_text(&a, text, type, &m, &fault);
	if (err != ERR_MALFORMED || strcmp(fault, want) != 0)
		print_error("%s\n  gives %d: %s\n  not      %s\n", text, err, fault ? fault : "-", want);
	assert_int_equal(err, ERR_MALFORMED);
	assert_string_equal(fault, want);
	arena_free(&a);
}

static void a_request_is_read(void **state)
{
	(void)state;
	struct arena a;
	Candor__V1__Request *m;
	const char *fault;
	arena_init(&a, BUDGET);
	assert_int_equal(
		read_text(&a,
			  " {\"id\": 18446744073709551615, \"post_reports\": {\"pool\": \"b\\u00fcrds\\ud83d\\ude00\", "
			  "\"reports\": [{\"item\": \"a\", \"labeler\": \"ann\", \"value\": 0.1}, {}]}}\r\n",
			  &candor__v1__request__descriptor, &m, &fault),
		0);
	assert_true(m->id == UINT64_MAX);
	assert_int_equal(m->body_case, CANDOR__V1__REQUEST__BODY_POST_REPORTS);
	assert_string_equal(m->post_reports->pool, "b\xc3\xbcrds\xf0\x9f\x98\x80");
	assert_int_equal(m->post_reports->n_reports, 2);
	assert_true(m->post_reports->reports[0]->value == 0.1);
	assert_string_equal(m->post_reports->reports[1]->item, "");
	Candor__V1__Grant *grant;
	assert_int_equal(read_text(&a, "{\"rights\": [\"read-open\", \"admin\"], \"pool\": \"\"}",
				   &candor__v1__grant__descriptor, &grant, &fault),
			 0);
	assert_int_equal(grant->n_rights, 2);
	assert_int_equal(grant->rights[0], CANDOR__V1__RIGHT__RIGHT_READ_OPEN);
	Candor__V1__PrunePool *prune;
	assert_int_equal(read_text(&a, "{\"state\":\"00aBff\",\"round\":1e3}", &candor__v1__prune_pool__descriptor,
				   &prune, &fault),
			 0);
	assert_int_equal(prune->state.len, 3);
	assert_int_equal(prune->state.data[1], 0xab);
	assert_int_equal(prune->round, 1000);
	arena_free(&a);
}

static void a_list_of_any_length_is_read(void **state)
{
	(void)state;
	struct arena a;
	struct buf text = {0};
	Candor__V1__CloseItems *m;
	const char *fault;
	arena_init(&a, BUDGET);
	assert_int_equal(buf_printf(&text, "{\"items\":["), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&text, "%s\"i%d\"", i ? "," : "", i), 0);
	assert_int_equal(buf_append(&text, "]}", 3), 0);
	assert_int_equal(read_text(&a, (const char *)text.data, &candor__v1__close_items__descriptor, &m, &fault), 0);
	assert_int_equal(m->n_items, 1000);
	assert_string_equal(m->items[0], "i0");
	assert_string_equal(m->items[999], "i999");
	arena_free(&a);
	buf_free(&text);
}

static void a_fault_names_the_path_and_what_would_be_right(void **state)
{
	(void)state;
	const ProtobufCMessageDescriptor *post = &candor__v1__post_reports__descriptor,
					 *request = &candor__v1__request__descriptor,
					 *list = &candor__v1__list_labelers__descriptor,
					 *prune = &candor__v1__prune_pool__descriptor,
					 *query = &candor__v1__query_items__descriptor;
	assert_fault(post, "{\"reports\":[{},{},{},{\"value\":\"1\"}]}",
		     "reports[3].value: must be a number, not a string");
	assert_fault(post, "{\"reports\":[{\"labler\":\"ann\"}]}",
		     "reports[0].labler: unknown field; did you mean labeler?");
	assert_fault(post, "{\"colour\":1}", "colour: unknown field");
	assert_fault(post, "{\"a\\u001b\":1}", "has an unknown field");
	assert_fault(post, "{\"pool\":\"a\",\"pool\":\"b\"}", "pool: is given twice");
	assert_fault(post, "{\"reports\":{}}", "reports: must be a list, not an object");
	assert_fault(post, "{\"reports\":[1]}", "reports[0]: must be an object, not a number");
	assert_fault(post, "{\"pool\":null}", "pool: must be a string, not null");
	assert_fault(post, "{\"reports\":[{\"value\":1e999}]}",
		     "reports[0].value: is out of range; it must be a number below 1.8e308");
	assert_fault(post, "[]", "must be an object, not a list");
	assert_fault(request, "{\"info\":{},\"get_pool\":{}}", "get_pool: cannot be given together with info");
	assert_fault(request, "{\"id\":-1}", "id: must be a whole number from 0 to 18446744073709551615");
	assert_fault(request, "{\"id\":18446744073709551616}",
		     "id: must be a whole number from 0 to 18446744073709551615");
	assert_fault(request, "{\"id\":1.5}", "id: must be a whole number from 0 to 18446744073709551615");
	assert_fault(list, "{\"limit\":4294967296}", "limit: must be a whole number from 0 to 4294967295");
	assert_fault(list, "{\"sort\":\"age\"}", "sort: must be weight, regret, loss, scored or name, not \"age\"");
	assert_fault(list, "{\"sort\":0}", "sort: must be a string, not a number");
	assert_fault(prune, "{\"state\":\"0\"}", "state: must be bytes in hexadecimal, two digits per byte");
	assert_fault(prune, "{\"state\":\"0g\"}", "state: must be bytes in hexadecimal, two digits per byte");
	assert_fault(query, "{\"reports\":1}", "reports: must be true or false, not a number");
}

static void what_is_not_json_is_told_by_its_place(void **state)
{
	(void)state;
	const struct {
		const char *text, *fault;
	} cases[] = {
		{"", "not valid JSON at byte 0: unexpected end"},
		{"{", "not valid JSON at byte 1: expected a field name"},
		{"{\"id\" 1}", "not valid JSON at byte 6: expected \":\""},
		{"{\"id\":1", "not valid JSON at byte 7: expected \",\" or \"}\""},
		{"{\"id\":1,}", "not valid JSON at byte 8: expected a field name"},
		{"{\"id\":01}", "not valid JSON at byte 6: not a valid JSON number"},
		{"{\"id\":.5}", "not valid JSON at byte 6: expected a value"},
		{"{\"id\":1.}", "not valid JSON at byte 6: not a valid JSON number"},
		{"{\"id\":nul}", "not valid JSON at byte 6: expected a value"},
		{"{\"id\":1} x", "not valid JSON at byte 9: unexpected text after the object"},
		{"{\"id", "not valid JSON at byte 4: unterminated string"},
		{"{\"i\n\":1}", "not valid JSON at byte 3: a control character in a string must be escaped"},
		{"{\"\xff\":1}", "not valid JSON at byte 2: not valid UTF-8"},
		{"{\"\\x\":1}", "not valid JSON at byte 3: unknown escape in a string"},
		{"{\"\\u00g0\":1}", "not valid JSON at byte 6: expected four hexadecimal digits after \\u"},
		{"{\"\\u0000\":1}", "not valid JSON at byte 8: \\u0000 is not allowed in a string"},
		{"{\"\\ud800x\":1}", "not valid JSON at byte 8: unpaired surrogate in a string"},
		{"{\"\\udc00\":1}", "not valid JSON at byte 8: unpaired surrogate in a string"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_fault(&candor__v1__request__descriptor, cases[i].text, cases[i].fault);
}

/* ---- both ways ---- */

/* A message type made by hand, as protoc-c would: what the mapping does with a field it has never heard of. */
struct added {
	ProtobufCMessage base;
	uint64_t old;
	protobuf_c_boolean has_maybe;
	int64_t maybe;
	char *maybe_text;
	size_t n_many;
	double *many;
};

static const ProtobufCFieldDescriptor added_fields[] = {
	{.name = "old",
	 .id = 1,
	 .label = PROTOBUF_C_LABEL_NONE,
	 .type = PROTOBUF_C_TYPE_UINT64,
	 .offset = offsetof(struct added, old)},
	{.name = "maybe",
	 .id = 2,
	 .label = PROTOBUF_C_LABEL_OPTIONAL,
	 .type = PROTOBUF_C_TYPE_SINT64,
	 .quantifier_offset = offsetof(struct added, has_maybe),
	 .offset = offsetof(struct added, maybe)},
	{.name = "maybe_text",
	 .id = 3,
	 .label = PROTOBUF_C_LABEL_OPTIONAL,
	 .type = PROTOBUF_C_TYPE_STRING,
	 .offset = offsetof(struct added, maybe_text)},
	{.name = "many",
	 .id = 4,
	 .label = PROTOBUF_C_LABEL_REPEATED,
	 .type = PROTOBUF_C_TYPE_DOUBLE,
	 .quantifier_offset = offsetof(struct added, n_many),
	 .offset = offsetof(struct added, many)},
};
static const unsigned added_by_name[] = {3, 1, 2, 0};
static const ProtobufCIntRange added_ranges[] = {{1, 0}, {0, 4}};
static void init_added(ProtobufCMessage *m);
static const ProtobufCMessageDescriptor added_type = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "added",
	.sizeof_message = sizeof(struct added),
	.n_fields = 4,
	.fields = added_fields,
	.fields_sorted_by_name = added_by_name,
	.n_field_ranges = 1,
	.field_ranges = added_ranges,
	.message_init = init_added,
};

static void init_added(ProtobufCMessage *m)
{
	*(struct added *)(void *)m = (struct added){.base = {.descriptor = &added_type}};
}

static void a_field_that_is_added_appears_by_itself(void **state)
{
	(void)state;
	struct arena a;
	struct added *m;
	const char *fault;
	static const char whole[] = "{\"old\":7,\"maybe\":-9223372036854775808,\"maybe_text\":\"\",\"many\":[0.5,2.0]}",
			  bare[] = "{\"old\":0,\"many\":[]}";
	arena_init(&a, BUDGET);
	assert_int_equal(read_text(&a, whole, &added_type, &m, &fault), 0);
	assert_written(m, whole);
	assert_int_equal(read_text(&a, "{}", &added_type, &m, &fault), 0);
	assert_written(m, bare);
	assert_fault(&added_type, "{\"maybe\":9223372036854775808}",
		     "maybe: must be a whole number from -9223372036854775808 to 9223372036854775807");
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_there_whatever_its_value),
		cmocka_unit_test(what_can_be_absent_is_left_out_where_it_is),
		cmocka_unit_test(enums_are_words_without_their_prefix),
		cmocka_unit_test(numbers_have_all_their_digits),
		cmocka_unit_test(bytes_are_hexadecimal_and_text_is_escaped),
		cmocka_unit_test(a_request_is_read),
		cmocka_unit_test(a_list_of_any_length_is_read),
		cmocka_unit_test(a_fault_names_the_path_and_what_would_be_right),
		cmocka_unit_test(what_is_not_json_is_told_by_its_place),
		cmocka_unit_test(a_field_that_is_added_appears_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
