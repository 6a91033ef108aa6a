/* Responses: round trips, and what a client must not believe of a daemon. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/wire/frame.h"
#include "tests/lib/samples.h"
#include "tests/lib/same_response.h"
#include "lib/wire/wire.h"

enum { BUDGET = 4 * 1024 * 1024, MAX_BYTES = 1024 * 1024 };

static void encode(const struct candor_response *r, struct buf *bytes, struct view *body)
{
	struct arena scratch;
	uint8_t head[FRAME_HEAD_MAX];
	arena_init(&scratch, BUDGET);
	*bytes = (struct buf){0};
	assert_int_equal(wire_encode_response(r, &scratch, MAX_BYTES, bytes), 0);
	size_t len = bytes->len;
	while (len + frame_head(len, head) != bytes->len)
		len--;
	*body = (struct view){bytes->data + bytes->len - len, len};
	arena_free(&scratch);
}

static void every_response_comes_back_as_it_was_sent(void **state)
{
	size_t n;
	static const char *const names[] = {
		"NONE",
#define CANDOR_ANSWER(NAME, field, Message, place) #NAME,
#include CANDOR_REQUESTS_DEF
	};
	bool has[CANDOR_RES_TYPES] = {false};
	const struct candor_response *samples = sample_responses(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf bytes;
		struct view body;
		struct arena a;
		struct candor_response got;
		arena_init(&a, BUDGET);
		encode(&samples[i], &bytes, &body);
		assert_int_equal(wire_decode_response(&a, body.data, body.len, &got), 0);
		assert_same_response(&got, &samples[i]);
		has[samples[i].type] = true;
		arena_free(&a);
		buf_free(&bytes);
	}
	for (int type = 0; type < CANDOR_RES_TYPES; type++)
		if (!has[type])
			fail_msg("tests/lib/samples.c has no %s", names[type]);
}

static void a_refusal_carries_its_code_and_sentence_and_no_body(void **state)
{
	const struct candor_response r = {.id = 4,
					  .code = CANDOR_NOT_FOUND,
					  .message = "no such pool",
					  .type = CANDOR_RES_POOL,
					  .pool = {.name = "p"}};
	struct buf bytes;
	struct view body;
	struct arena a;
	struct candor_response got;
	(void)state;
	arena_init(&a, BUDGET);
	encode(&r, &bytes, &body);
	assert_int_equal(wire_decode_response(&a, body.data, body.len, &got), 0);
	assert_int_equal(got.code, CANDOR_NOT_FOUND);
	assert_string_equal(got.message, "no such pool");
	assert_int_equal(got.type, CANDOR_RES_NONE);
	arena_free(&a);
	buf_free(&bytes);
}

static void a_response_longer_than_allowed_is_not_appended(void **state)
{
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct buf bytes;
		struct view body;
		struct arena a;
		arena_init(&a, BUDGET);
		encode(&samples[i], &bytes, &body);
		size_t len = bytes.len;
		if (body.len > 0)
			assert_int_equal(wire_encode_response(&samples[i], &a, body.len - 1, &bytes), ERR_TOO_BIG);
		assert_int_equal(bytes.len, len);
		assert_int_equal(wire_encode_response(&samples[i], &a, body.len, &bytes), 0);
		assert_int_equal(bytes.len, 2 * len);
		arena_free(&a);
		buf_free(&bytes);
	}
}

/* Those that are packed directly need none. */
static void encoding_rows_within_too_small_a_budget_appends_nothing(void **state)
{
	size_t n;
	const struct candor_response *samples = sample_responses(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct arena a;
		struct buf bytes = {0};
		if (samples[i].n == 0)
			continue;
		bool direct = samples[i].type == CANDOR_RES_ITEMS;
		arena_init(&a, 64);
		assert_int_equal(wire_encode_response(&samples[i], &a, MAX_BYTES, &bytes), direct ? 0 : ERR_BUDGET);
		assert_int_equal(bytes.len > 0, direct);
		arena_free(&a);
		buf_free(&bytes);
	}
}

/* ---- fields that are absent where they say nothing ---- */

/* The only item, or the only pool, in the answer that `r` is encoded to; to be freed. */
static Candor__V1__Response *sent(const struct candor_response *r)
{
	struct buf bytes;
	struct view body;
	encode(r, &bytes, &body);
	Candor__V1__Response *m = candor__v1__response__unpack(NULL, body.len, body.data);
	assert_non_null(m);
	buf_free(&bytes);
	return m;
}

static void what_an_item_does_not_have_is_absent(void **state)
{
	static const struct {
		enum candor_item_state state;
		uint64_t closed_at, ended_at;
		bool archived;
		double ess; /* 0: it has no aggregates, which can be 0 otherwise */
	} rows[] = {
		{CANDOR_OPEN, 0, 0, false, 1},    {CANDOR_CLOSED, 5, 0, false, 1}, {CANDOR_RESOLVED, 5, 6, false, 1},
		{CANDOR_RESOLVED, 5, 6, true, 1}, {CANDOR_VOID, 0, 6, false, 0},   {CANDOR_VOID, 5, 6, false, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		/* Zeros that say something are sent: an outcome can be 0, and so can a loss. */
		const struct candor_item_report report = {.labeler = "l", .weight = rows[i].ess};
		const struct candor_item item = {.item = "i",
						 .ess = rows[i].ess,
						 .n_reports = 1,
						 .reports = &report,
						 .state = rows[i].state,
						 .closed_at = rows[i].closed_at,
						 .ended_at = rows[i].ended_at,
						 .archived = rows[i].archived};
		const struct candor_response r = {.id = 1, .type = CANDOR_RES_ITEMS, .n = 1, .items = &item};
		Candor__V1__Response *m = sent(&r);
		const Candor__V1__Item *got = m->items->items[0];
		bool resolved = rows[i].state == CANDOR_RESOLVED;
		assert_int_equal(!got->_outcome_case, !resolved);
		assert_int_equal(!got->_round_case, !resolved);
		assert_int_equal(!got->_eta_case, !resolved);
		assert_int_equal(!got->_weighted_loss_case, !resolved);
		assert_int_equal(!got->_closed_at_case, !rows[i].closed_at);
		assert_int_equal(!got->_ended_at_case, !rows[i].ended_at);
		assert_int_equal(!got->_archived_case, !rows[i].archived);
		bool none = rows[i].ess == 0;
		assert_int_equal(!got->_mean_case, none);
		assert_int_equal(!got->_median_case, none);
		assert_int_equal(!got->_plain_mean_case, none);
		assert_int_equal(!got->_plain_median_case, none);
		assert_int_equal(!got->_spread_case, none);
		assert_int_equal(!got->_ess_case, none);
		assert_int_equal(!got->reports[0]->_weight_case, none);
		candor__v1__response__free_unpacked(m, NULL);
	}
}

static void what_a_pool_does_not_have_is_absent(void **state)
{
	static const uint8_t head[CANDOR_HEAD_BYTES];
	(void)state;
	for (int has = 0; has < 2; has++) {
		const struct candor_response r = {
			.id = 1,
			.type = CANDOR_RES_POOL,
			.pool = {.name = "p", .head = has ? head : NULL, .archived = has ? 7 : 0}};
		Candor__V1__Response *m = sent(&r);
		assert_int_equal(!m->pool->_head_case, !has);
		assert_int_equal(!m->pool->_archived_case, !has);
		candor__v1__response__free_unpacked(m, NULL);
	}
}

/* A daemon of before sent them as other fields: left out where they were 0. */
static void fields_that_are_left_out_though_they_have_a_value_read_as_0(void **state)
{
	static const uint8_t bytes[] = {0x42, 7, 0x0a, 5, 0x0a, 1, 'i', 0x10, 3}; /* items: {item "i", RESOLVED} */
	struct arena a;
	struct candor_response got;
	(void)state;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_response(&a, bytes, sizeof bytes, &got), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.items[0].state, CANDOR_RESOLVED);
	assert_true(got.items[0].outcome == 0 && got.items[0].round == 0 && got.items[0].closed_at == 0);
	assert_false(got.items[0].archived);
	arena_free(&a);
}

/* ---- what no daemon would say ---- */

static void expect_malformed(const struct candor_response *r, const char *from, const char *to, size_t len)
{
	struct buf bytes;
	struct view body;
	struct arena a;
	struct candor_response got;
	arena_init(&a, BUDGET);
	encode(r, &bytes, &body);
	for (uint8_t *at; from && (at = memmem(bytes.data, bytes.len, from, len));)
		memcpy(at, to, len);
	assert_int_equal(wire_decode_response(&a, body.data, body.len, &got), ERR_MALFORMED);
	arena_free(&a);
	buf_free(&bytes);
}

static void text_that_could_harm_a_terminal_is_malformed_wherever_it_stands(void **state)
{
	const struct candor_labeler labeler = {.name = "mark"};
	const struct candor_item_report report = {.labeler = "mark"};
	const struct candor_item item = {.item = "mark"}, reported = {.n_reports = 1, .reports = &report};
	const struct candor_rejected rejected = {.message = "mark"};
	const struct candor_settlement settlement = {.item = "mark"};
	const struct candor_best best = {.labeler = "mark"};
	const struct candor_pool pool = {.name = "mark"}, beaten = {.best = &best};
	const struct candor_grant grants[] = {{.principal = "mark"}, {.pool = "mark"}, {.prefix = "mark"}};
	const struct candor_token token = {.name = "mark"};
	const struct candor_event events[] = {
		{.by = "mark"}, {.pool = "mark"}, {.action = "mark"}, {.subject = "mark"}, {.detail = "mark"}};
	const struct candor_response responses[] = {
		{.type = CANDOR_RES_WELCOME, .welcome = {.principal = "mark"}},
		{.type = CANDOR_RES_GRANTS, .n = 1, .grants = &grants[0]},
		{.type = CANDOR_RES_GRANTS, .n = 1, .grants = &grants[1]},
		{.type = CANDOR_RES_GRANTS, .n = 1, .grants = &grants[2]},
		{.type = CANDOR_RES_GRANTS, .next = "mark"},
		{.type = CANDOR_RES_NEW_TOKEN, .token = {.name = "mark"}},
		{.type = CANDOR_RES_NEW_TOKEN, .secret = "mark"},
		{.type = CANDOR_RES_TOKENS, .n = 1, .tokens = &token},
		{.type = CANDOR_RES_TOKENS, .next = "mark"},
		{.type = CANDOR_RES_EVENTS, .n = 1, .events = &events[0]},
		{.type = CANDOR_RES_EVENTS, .n = 1, .events = &events[1]},
		{.type = CANDOR_RES_EVENTS, .n = 1, .events = &events[2]},
		{.type = CANDOR_RES_EVENTS, .n = 1, .events = &events[3]},
		{.type = CANDOR_RES_EVENTS, .n = 1, .events = &events[4]},
		{.type = CANDOR_RES_EVENTS, .next = "mark"},
		{.code = CANDOR_INTERNAL, .message = "mark"},
		{.type = CANDOR_RES_WELCOME, .welcome = {.server = "mark"}},
		{.type = CANDOR_RES_INFO, .info = {.version = "mark"}},
		{.type = CANDOR_RES_INFO, .info = {.reason = "mark"}},
		{.type = CANDOR_RES_INFO, .info = {.database = "mark"}},
		{.type = CANDOR_RES_POOL, .pool = {.name = "mark"}},
		{.type = CANDOR_RES_POOL, .pool = {.best = &best}},
		{.type = CANDOR_RES_POOLS, .n = 1, .pools = &pool},
		{.type = CANDOR_RES_POOLS, .n = 1, .pools = &beaten},
		{.type = CANDOR_RES_POOLS, .next = "mark"},
		{.type = CANDOR_RES_BATCH, .n_rejected = 1, .rejected = &rejected},
		{.type = CANDOR_RES_ITEMS, .n = 1, .items = &item},
		{.type = CANDOR_RES_ITEMS, .n = 1, .items = &reported},
		{.type = CANDOR_RES_ITEMS, .next = "mark"},
		{.type = CANDOR_RES_ITEMS, .n_rejected = 1, .rejected = &rejected},
		{.type = CANDOR_RES_LABELERS, .n = 1, .labelers = &labeler},
		{.type = CANDOR_RES_LABELERS, .next = "mark"},
		{.type = CANDOR_RES_LABELER, .labeler = {.name = "mark"}},
		{.type = CANDOR_RES_LABELER, .n = 1, .history = &settlement},
		{.type = CANDOR_RES_LABELER, .next = "mark"},
	};
	static const char *const harms[] = {"\033[2J", "ma\0k", "mar\n", "m\xffrk", "\xc2\x9b[m"};
	(void)state;
	for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
		for (size_t k = 0; k < sizeof harms / sizeof *harms; k++)
			expect_malformed(&responses[i], "mark", harms[k], 4);
}

/* A request could not carry it back. */
static void a_name_or_a_cursor_of_more_than_255_bytes_is_malformed(void **state)
{
	char longest[CANDOR_NAME_MAX + 1], longer[CANDOR_NAME_MAX + 2];
	(void)state;
	memset(longer, 'n', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	snprintf(longest, sizeof longest, "%.*s", CANDOR_NAME_MAX, longer);
	for (int cursor = 0; cursor < 2; cursor++) {
		struct candor_labeler labeler = {.name = cursor ? "ann" : longer};
		struct candor_response r = {.type = CANDOR_RES_LABELERS, .n = 1, .labelers = &labeler};
		r.next = cursor ? longer : "";
		expect_malformed(&r, NULL, NULL, 0);

		struct buf bytes;
		struct view body;
		struct arena a;
		struct candor_response got;
		labeler.name = r.next = longest;
		arena_init(&a, BUDGET);
		encode(&r, &bytes, &body);
		assert_int_equal(wire_decode_response(&a, body.data, body.len, &got), 0);
		assert_string_equal(cursor ? got.next : got.labelers[0].name, longest);
		arena_free(&a);
		buf_free(&bytes);
	}
}

/* With a list of n rows it is no longer than that many would be, and a row's own size is at most `slack` too large. */
static void assert_sized(const struct candor_response *r, size_t rows_bytes, size_t slack)
{
	struct buf bytes = {0};
	struct view body;
	encode(r, &bytes, &body);
	if (body.len > WIRE_ANSWER_BYTES + rows_bytes || body.len + slack < rows_bytes)
		fail_msg("%zu bytes, %zu of them rows", body.len, rows_bytes);
	buf_free(&bytes);
}

static void rows_take_at_most_as_much_as_is_said_beforehand(void **state)
{
	static const size_t lens[] = {1, 100, 127, 128, 255};
	(void)state;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		char name[256];
		memset(name, 'n', lens[i]);
		name[lens[i]] = 0;
		struct candor_rejected rejected[3] = {{0, CANDOR_NOT_FOUND, name},
						      {127, CANDOR_UNAUTHENTICATED, name},
						      {UINT32_MAX, CANDOR_INTERNAL, ""}};
		struct candor_response r = {
			.id = UINT64_MAX,
			.type = CANDOR_RES_BATCH,
			.batch = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
			.n_rejected = 3,
			.rejected = rejected,
		};
		size_t bytes = 0;
		for (size_t k = 0; k < 3; k++)
			bytes += wire_rejected_bytes(&rejected[k]);
		assert_sized(&r, bytes, 0);

		const struct candor_item_report report = {name, -1.1, 1.1};
		const struct candor_aggregates now = {1, 1, 1, 1, 1, 1, 1, true, 1, 1, 1};
		struct candor_item item = {.item = name,
					   .state = CANDOR_RESOLVED,
					   .mean = 1,
					   .median = 1,
					   .plain_mean = 1,
					   .plain_median = 1,
					   .spread = 1,
					   .ess = 1,
					   .n = UINT64_MAX,
					   .outcome = 1,
					   .round = UINT64_MAX,
					   .eta = 1,
					   .weighted_loss = 1,
					   .opened_at = UINT64_MAX,
					   .closed_at = UINT64_MAX,
					   .ended_at = UINT64_MAX,
					   .archived = true,
					   .n_reports = 1,
					   .reports = &report,
					   .forecast = 1,
					   .has_candidates = true,
					   .regression = 1,
					   .evidence = 1,
					   .evidence_full = 1,
					   .has_label = true,
					   .label = 1,
					   .has_recheck = true,
					   .recheck = 1,
					   .block = UINT64_MAX};
		r = (struct candor_response){.id = 1, .type = CANDOR_RES_ITEMS, .n = 1, .items = &item};
		assert_sized(&r, wire_item_bytes(item.item, false) + wire_item_report_bytes(name), 32);
		item.now = &now;
		assert_sized(&r, wire_item_bytes(item.item, true) + wire_item_report_bytes(name), 32);
	}
}

static void an_unknown_state_of_an_item_is_malformed(void **state)
{
	const struct candor_item item = {.item = "i", .state = (enum candor_item_state)5};
	const struct candor_response r = {.type = CANDOR_RES_ITEMS, .n = 1, .items = &item};
	(void)state;
	expect_malformed(&r, NULL, NULL, 0);
}

/* Whoever reads them need not count them. */
static void a_blend_of_some_of_the_candidates_is_malformed(void **state)
{
	static const double blend[CANDOR_CANDIDATES + 1] = {1, 2, 3, 4, 5, 6};
	(void)state;
	for (size_t n = 1; n <= CANDOR_CANDIDATES + 1; n++) {
		const struct candor_response r = {.type = CANDOR_RES_POOL,
						  .pool = {.name = "p", .n_blend = n, .blend = blend}};
		if (n != CANDOR_CANDIDATES)
			expect_malformed(&r, NULL, NULL, 0);
	}
}

static void a_labeler_s_detail_without_the_labeler_is_malformed(void **state)
{
	static const uint8_t bytes[] = {0x52, 0x00};
	struct arena a;
	struct candor_response got;
	(void)state;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_response(&a, bytes, sizeof bytes, &got), ERR_MALFORMED);
	arena_free(&a);
}

static void a_mebibyte_of_empty_items_hits_the_budget_and_takes_no_more(void **state)
{
	enum { LEN = 1024 * 1024, HEAD = 4 };
	uint8_t *bytes = calloc(1, LEN);
	struct arena a;
	struct candor_response got;
	(void)state;
	assert_non_null(bytes);
	const uint32_t body = LEN - HEAD;
	const uint8_t head[HEAD] = {0x42, (uint8_t)(body | 0x80), (uint8_t)(body >> 7 | 0x80), (uint8_t)(body >> 14)};
	memcpy(bytes, head, HEAD);
	for (size_t i = HEAD; i < LEN; i += 2)
		bytes[i] = 0x0a;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_response(&a, bytes, LEN, &got), ERR_BUDGET);
	assert_true(a.used_bytes <= BUDGET);
	arena_free(&a);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_response_comes_back_as_it_was_sent),
		cmocka_unit_test(a_refusal_carries_its_code_and_sentence_and_no_body),
		cmocka_unit_test(a_response_longer_than_allowed_is_not_appended),
		cmocka_unit_test(encoding_rows_within_too_small_a_budget_appends_nothing),
		cmocka_unit_test(what_an_item_does_not_have_is_absent),
		cmocka_unit_test(what_a_pool_does_not_have_is_absent),
		cmocka_unit_test(fields_that_are_left_out_though_they_have_a_value_read_as_0),
		cmocka_unit_test(text_that_could_harm_a_terminal_is_malformed_wherever_it_stands),
		cmocka_unit_test(a_name_or_a_cursor_of_more_than_255_bytes_is_malformed),
		cmocka_unit_test(rows_take_at_most_as_much_as_is_said_beforehand),
		cmocka_unit_test(an_unknown_state_of_an_item_is_malformed),
		cmocka_unit_test(a_blend_of_some_of_the_candidates_is_malformed),
		cmocka_unit_test(a_labeler_s_detail_without_the_labeler_is_malformed),
		cmocka_unit_test(a_mebibyte_of_empty_items_hits_the_budget_and_takes_no_more),
	};
	return cmocka_run_group_tests_name("wire_response", tests, NULL, NULL);
}
