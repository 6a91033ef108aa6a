/* Requests: round trips, and everything that a peer can get wrong in one. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/wire/frame.h"
#include "tests/lib/samples.h"
#include "lib/base/text.h"
#include "lib/wire/wire.h"

enum { BUDGET = 4 * 1024 * 1024, MAX_BYTES = 1024 * 1024 };

/* A request on its way: encoded, without its length, and decoded again. */
struct trip {
	struct arena arena, scratch;
	struct buf bytes;
	struct view body;
	struct wire_request got;
	int err;
};

static void set_out(struct trip *t, const struct candor_request *r)
{
	*t = (struct trip){0};
	arena_init(&t->arena, BUDGET);
	arena_init(&t->scratch, BUDGET);
	assert_int_equal(wire_encode_request(r, &t->scratch, MAX_BYTES, &t->bytes), 0);
	struct frame f;
	frame_init(&f, MAX_BYTES);
	assert_int_equal(frame_push(&f, t->bytes.data, t->bytes.len), 0);
	assert_int_equal(frame_next(&f, &t->body), 1);
	assert_int_equal(frame_pending(&f), 0);
	t->body.data = t->bytes.data + (t->bytes.len - t->body.len);
	frame_free(&f);
}

static void arrive(struct trip *t)
{
	t->err = wire_decode_request(&t->arena, t->body.data, t->body.len, &t->got);
}

static void end(struct trip *t)
{
	arena_free(&t->arena);
	arena_free(&t->scratch);
	buf_free(&t->bytes);
}

/* Puts other bytes of the same length into the encoded message: what the encoder would not write. */
static void tamper(struct trip *t, const char *from, const char *to, size_t len)
{
	uint8_t *at = memmem(t->bytes.data, t->bytes.len, from, len);
	assert_non_null(at);
	memcpy(at, to, len);
}

static void assert_same_text(const char *got, const char *want)
{
	if (got || want)
		assert_string_equal(got ? got : "", want ? want : "");
}

static void assert_same_request(const struct candor_request *got, const struct candor_request *want)
{
	assert_true(got->id == want->id);
	assert_int_equal(got->type, want->type);
	assert_same_text(got->pool, want->pool);
	assert_same_text(got->cursor, want->cursor);
	assert_int_equal(got->limit, want->limit);
	assert_int_equal(got->protocol, want->protocol);
	assert_same_text(got->client, want->client);
	assert_memory_equal(&got->settings.c, &want->settings.c, 7 * sizeof(double));
	assert_int_equal(got->settings.rate, want->settings.rate);
	assert_int_equal(got->settings.scored, want->settings.scored);
	assert_int_equal(got->settings.signs, want->settings.signs);
	assert_int_equal(got->settings.has_wrong, want->settings.has_wrong);
	assert_int_equal(got->settings.has_scored, want->settings.has_scored);
	assert_same_text(got->labeler, want->labeler);
	assert_int_equal(got->history, want->history);
	assert_int_equal(got->with_reports, want->with_reports);
	assert_int_equal(got->with_now, want->with_now);
	assert_int_equal(got->together, want->together);
	assert_int_equal(got->reports_from, want->reports_from);
	assert_int_equal(got->reports_limit, want->reports_limit);
	assert_int_equal(got->commit, want->commit);
	assert_int_equal(got->sort, want->sort);
	assert_true(got->round == want->round);
	assert_same_text(got->file, want->file);
	if (want->state) {
		assert_memory_equal(got->state, want->state, CANDOR_DIGEST_BYTES);
		assert_memory_equal(got->digest, want->digest, CANDOR_DIGEST_BYTES);
	}
	assert_same_text(got->token, want->token);
	assert_same_text(got->name, want->name);
	assert_true(got->expires_at == want->expires_at);
	assert_int_equal(got->n, want->n);
	for (size_t i = 0; i < want->n; i++) {
		if (want->grants) {
			assert_string_equal(got->grants[i].principal, want->grants[i].principal);
			assert_string_equal(got->grants[i].pool, want->grants[i].pool);
			assert_string_equal(got->grants[i].prefix, want->grants[i].prefix);
			assert_int_equal(got->grants[i].rights, want->grants[i].rights);
		} else if (want->reports) {
			assert_string_equal(got->reports[i].item, want->reports[i].item);
			assert_string_equal(got->reports[i].labeler, want->reports[i].labeler);
			assert_same_bits(got->reports[i].value, want->reports[i].value);
			assert_true(got->reports[i].sequence == want->reports[i].sequence);
		} else if (want->outcomes) {
			assert_string_equal(got->outcomes[i].item, want->outcomes[i].item);
			assert_same_bits(got->outcomes[i].value, want->outcomes[i].value);
		} else {
			assert_string_equal(got->items[i], want->items[i]);
		}
	}
}

static void every_request_comes_back_as_it_was_sent(void **state)
{
	size_t n;
	bool has[CANDOR_REQ_TYPES] = {[CANDOR_REQ_UNKNOWN] = true};
	const struct candor_request *samples = sample_requests(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct trip t;
		set_out(&t, &samples[i]);
		arrive(&t);
		assert_int_equal(t.err, 0);
		assert_null(t.got.fault);
		assert_null(t.got.row_fault);
		assert_same_request(&t.got.request, &samples[i]);
		has[samples[i].type] = true;
		end(&t);
	}
	for (int type = 0; type < CANDOR_REQ_TYPES; type++)
		if (!has[type])
			fail_msg("tests/lib/samples.c has no %s", candor_request_name((enum candor_request_type)type));
}

static void every_request_has_a_name_and_an_answer(void **state)
{
	(void)state;
	assert_string_equal(candor_request_name(CANDOR_REQ_POST_REPORTS), "post_reports");
	assert_string_equal(candor_request_name(CANDOR_REQ_LIST_EVENTS), "list_events");
	for (int type = CANDOR_REQ_UNKNOWN + 1; type < CANDOR_REQ_TYPES; type++) {
		assert_string_not_equal(candor_request_name((enum candor_request_type)type), "unknown");
		assert_int_not_equal(wire_answer_of((enum candor_request_type)type), CANDOR_RES_NONE);
	}
	const int none[] = {-1, CANDOR_REQ_UNKNOWN, CANDOR_REQ_TYPES, 1000};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		assert_string_equal(candor_request_name((enum candor_request_type)none[i]), "unknown");
		assert_int_equal(wire_answer_of((enum candor_request_type)none[i]), CANDOR_RES_NONE);
	}
}

static void strings_that_are_null_are_sent_as_empty(void **state)
{
	const struct candor_request r = {.id = 1, .type = CANDOR_REQ_LIST_POOLS};
	struct trip t;
	(void)state;
	set_out(&t, &r);
	arrive(&t);
	assert_int_equal(t.err, 0);
	assert_string_equal(t.got.request.cursor, "");
	end(&t);
}

static void a_limit_of_0_reads_as_100_and_one_above_1000_is_a_fault(void **state)
{
	struct candor_request r = {.id = 1, .type = CANDOR_REQ_LIST_POOLS};
	struct trip t;
	(void)state;
	set_out(&t, &r);
	arrive(&t);
	assert_int_equal(t.got.request.limit, 100);
	end(&t);
	r.limit = 1001;
	set_out(&t, &r);
	arrive(&t);
	assert_int_equal(t.err, 0);
	assert_non_null(strstr(t.got.fault, "limit"));
	end(&t);
}

static void several_requests_stand_behind_each_other_in_one_buffer(void **state)
{
	size_t n, seen = 0;
	const struct candor_request *samples = sample_requests(&n);
	struct arena scratch;
	struct buf bytes = {0};
	struct frame f;
	struct view v;
	(void)state;
	arena_init(&scratch, BUDGET);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wire_encode_request(&samples[i], &scratch, MAX_BYTES, &bytes), 0);
	frame_init(&f, MAX_BYTES);
	assert_int_equal(frame_push(&f, bytes.data, bytes.len), 0);
	for (; frame_next(&f, &v) == 1; seen++) {
		struct wire_request got;
		assert_int_equal(wire_decode_request(&scratch, v.data, v.len, &got), 0);
		assert_same_request(&got.request, &samples[seen]);
	}
	assert_int_equal(seen, n);
	frame_free(&f);
	buf_free(&bytes);
	arena_free(&scratch);
}

/* ---- what is refused when a request is encoded ---- */

static void a_message_longer_than_allowed_is_not_appended(void **state)
{
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct trip t;
		set_out(&t, &samples[i]);
		size_t len = t.bytes.len;
		assert_int_equal(wire_encode_request(&samples[i], &t.scratch, t.body.len - 1, &t.bytes), ERR_TOO_BIG);
		assert_int_equal(t.bytes.len, len);
		assert_int_equal(wire_encode_request(&samples[i], &t.scratch, t.body.len, &t.bytes), 0);
		assert_int_equal(t.bytes.len, 2 * len);
		end(&t);
	}
}

static void encoding_within_too_small_a_budget_appends_nothing(void **state)
{
	static const struct candor_report rows[100] = {{"i", "l", 1}};
	const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 100, .reports = rows};
	struct arena scratch;
	struct buf bytes = {0};
	(void)state;
	arena_init(&scratch, 1024);
	assert_int_equal(wire_encode_request(&r, &scratch, MAX_BYTES, &bytes), ERR_BUDGET);
	assert_int_equal(bytes.len, 0);
	arena_free(&scratch);
	buf_free(&bytes);
}

/* ---- faults of the whole request ---- */

static void expect_fault(const struct candor_request *r, const char *start)
{
	struct trip t;
	set_out(&t, r);
	arrive(&t);
	assert_int_equal(t.err, 0);
	assert_true(t.got.request.id == r->id);
	assert_non_null(t.got.fault);
	if (strncmp(t.got.fault, start, strlen(start)) != 0)
		assert_string_equal(t.got.fault, start);
	assert_null(text_fault(t.got.fault, strlen(t.got.fault)));
	end(&t);
}

static void a_bad_pool_name_is_a_fault_of_every_request_that_has_one(void **state)
{
	static const char *const bad[] = {"", "a\nb", "\xff", "\xc0\x80", "\xed\xa0\x80", "x\x7f", "\xc2\x85"};
	char too_long[257];
	size_t n;
	const struct candor_request *samples = sample_requests(&n);
	(void)state;
	memset(too_long, 'a', 256);
	too_long[256] = '\0';
	for (size_t i = 0; i < n; i++) {
		struct candor_request r = samples[i];
		if (!r.pool)
			continue;
		struct candor_grant grant = r.grants ? *r.grants : (struct candor_grant){0};
		r.grants = r.grants ? &grant : NULL;
		/* In those that rights brought an empty one stands for all. */
		for (size_t k = r.type >= CANDOR_REQ_LIST_GRANTS; k < sizeof bad / sizeof *bad; k++) {
			r.pool = grant.pool = bad[k];
			expect_fault(&r, "pool ");
		}
		r.pool = grant.pool = too_long;
		expect_fault(&r, "pool is too long");
	}
}

static void a_name_of_255_bytes_is_good(void **state)
{
	char longest[256];
	const struct candor_request r = {.type = CANDOR_REQ_GET_POOL, .pool = longest};
	struct trip t;
	(void)state;
	memset(longest, 'a', 255);
	longest[255] = '\0';
	set_out(&t, &r);
	arrive(&t);
	assert_int_equal(t.err, 0);
	assert_null(t.got.fault);
	assert_string_equal(t.got.request.pool, longest);
	end(&t);
}

static void other_faults_name_their_field(void **state)
{
	const char *items[1001];
	struct candor_request r = {.type = CANDOR_REQ_LIST_LABELERS, .pool = "p"};
	char long_cursor[257];
	(void)state;
	memset(long_cursor, 'c', 256);
	long_cursor[256] = '\0';
	for (size_t i = 0; i < 1001; i++)
		items[i] = "i";
	expect_fault(&(struct candor_request){.id = 5, .type = CANDOR_REQ_HELLO, .protocol = 2}, "protocol ");
	expect_fault(&(struct candor_request){.type = CANDOR_REQ_HELLO, .protocol = 1, .client = "a\tb"}, "client ");
	expect_fault(&(struct candor_request){.type = CANDOR_REQ_HELLO, .protocol = 1, .client = long_cursor},
		     "client ");
	expect_fault(&(struct candor_request){.type = CANDOR_REQ_LIST_POOLS, .cursor = long_cursor}, "cursor ");
	expect_fault(&(struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = "p"}, "labeler ");
	r.sort = (enum candor_sort)5;
	expect_fault(&r, "sort ");
	expect_fault(&(struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1001, .items = items},
		     "items ");
	expect_fault(&(struct candor_request){.id = 9, .type = CANDOR_REQ_UNKNOWN}, "request ");
}

static void faults_of_grants_and_tokens_name_their_field(void **state)
{
	static const struct {
		struct candor_grant grant;
		const char *of_one, *of_new; /* as a grant to somebody, and as one that a new token comes with */
	} rows[] = {
		{{"uid:x", "p", "", CANDOR_RIGHT_READ}, "principal is not a user", "principal must be empty"},
		{{"nobody", "p", "", CANDOR_RIGHT_READ}, "principal is not a principal", "principal must be empty"},
		{{"uid:1", "p", "", CANDOR_RIGHT_READ}, NULL, "principal must be empty"},
		{{"", "p", "", CANDOR_RIGHT_READ}, "principal is empty", NULL},
		{{"", "p", "", 0}, "principal is empty", "grant must name at least one right"},
		{{"uid:1", "p", "", 0}, "grant must name at least one right", "principal must be empty"},
		{{"uid:1", "p", "x", CANDOR_RIGHT_READ}, "grant has a prefix", "principal must be empty"},
		{{"", "p", "x", CANDOR_RIGHT_READ | CANDOR_RIGHT_REPORT}, "principal is empty", "grant has a prefix"},
		{{"uid:1", "p", "x\n", CANDOR_RIGHT_REPORT}, "prefix contains a control", "principal must be empty"},
		{{"", "p\x1b", "", CANDOR_RIGHT_READ}, "pool contains a control", "pool contains a control"},
	};
	static const char *const names[] = {"", "a b", "a\n", "\xff"};
	struct candor_grant many[CANDOR_GRANTS_MAX + 1];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &rows[i].grant};
		for (int k = 0; k < 2 && rows[i].of_one; k++) {
			r.type = k ? CANDOR_REQ_REMOVE_GRANT : CANDOR_REQ_ADD_GRANT;
			expect_fault(&r, rows[i].of_one);
		}
		r.type = CANDOR_REQ_CREATE_TOKEN;
		r.name = "t";
		if (rows[i].of_new)
			expect_fault(&r, rows[i].of_new);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		expect_fault(&(struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = names[i]}, "name ");
		expect_fault(&(struct candor_request){.type = CANDOR_REQ_REVOKE_TOKEN, .name = names[i]}, "name ");
	}
	for (size_t i = 0; i <= CANDOR_GRANTS_MAX; i++)
		many[i] = (struct candor_grant){.pool = "p", .rights = CANDOR_RIGHT_READ};
	expect_fault(
		&(struct candor_request){
			.type = CANDOR_REQ_CREATE_TOKEN, .name = "t", .n = CANDOR_GRANTS_MAX + 1, .grants = many},
		"grants are too many");
}

/* Rights that this version does not know, 0 among them, are not taken for fewer. */
static void a_right_of_a_later_version_is_a_fault(void **state)
{
	static const uint8_t numbers[] = {0, 7, 127};
	(void)state;
	for (size_t i = 0; i < sizeof numbers; i++) {
		/* id 5, add_grant: uid:1, rights READ and another */
		const uint8_t bytes[] = {8, 5, 0x92, 1, 11, 0x0a, 5, 'u', 'i', 'd', ':', '1', 0x22, 2, 3, numbers[i]};
		struct arena a;
		struct wire_request got;
		arena_init(&a, BUDGET);
		assert_int_equal(wire_decode_request(&a, bytes, sizeof bytes, &got), 0);
		assert_int_equal(got.request.type, CANDOR_REQ_ADD_GRANT);
		assert_non_null(got.fault);
		assert_int_equal(strncmp(got.fault, "rights include one", 18), 0);
		arena_free(&a);
	}
}

static void a_body_of_a_later_version_is_a_fault_and_its_id_is_known(void **state)
{
	static const uint8_t later[] = {0x08, 0x2a, 0xfa, 0x01, 0x02, 0x08, 0x01}; /* id 42, field 31 */
	struct arena a;
	struct wire_request got;
	(void)state;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_request(&a, later, sizeof later, &got), 0);
	assert_int_equal(got.request.id, 42);
	assert_int_equal(got.request.type, CANDOR_REQ_UNKNOWN);
	assert_non_null(got.fault);
	arena_free(&a);
}

static void a_token_has_at_most_1024_bytes(void **state)
{
	uint8_t bytes[1100] = {0x12, 0x85, 0x08, 0x08, 0x01, 0x1a, 0x80, 0x08}; /* hello: protocol 1, token of 1,024 */
	struct arena a;
	struct wire_request got;
	(void)state;
	arena_init(&a, BUDGET);
	memset(bytes + 8, 'x', sizeof bytes - 8);
	assert_int_equal(wire_decode_request(&a, bytes, 8 + 1024, &got), 0);
	assert_null(got.fault);
	assert_int_equal(strlen(got.request.token), 1024);
	assert_ptr_equal(got.secret, got.request.token);
	/* That one was shown is seen, though it can be none. */
	bytes[1]++;
	bytes[6]++;
	assert_int_equal(wire_decode_request(&a, bytes, 8 + 1025, &got), 0);
	assert_non_null(strstr(got.fault, "token is too long"));
	assert_true(got.request.token[0]);
	uint8_t zero[] = {0x12, 0x06, 0x08, 0x01, 0x1a, 0x02, 0, 'x'};
	assert_int_equal(wire_decode_request(&a, zero, sizeof zero, &got), 0);
	assert_non_null(strstr(got.fault, "token contains a zero byte"));
	assert_true(got.request.token[0]);
	arena_free(&a);
}

/* ---- faults of a row ---- */

static void expect_row_fault(const struct trip *t, size_t row, size_t rows, const char *start)
{
	assert_int_equal(t->err, 0);
	assert_null(t->got.fault);
	assert_non_null(t->got.row_fault);
	for (size_t i = 0; i < rows; i++)
		if (i != row)
			assert_null(t->got.row_fault[i]);
	assert_non_null(t->got.row_fault[row]);
	if (strncmp(t->got.row_fault[row], start, strlen(start)) != 0)
		assert_string_equal(t->got.row_fault[row], start);
}

static void a_number_that_is_no_probability_is_a_fault_of_its_row(void **state)
{
	const double bad[] = {NAN, -NAN, INFINITY, -INFINITY, -0.1, 1.1, -5e-324, 1 + 0x1p-52, 1e308};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct candor_report reports[] = {{"i", "a", 0}, {"i", "b", bad[i]}, {"i", "c", 1}};
		struct candor_outcome outcomes[] = {{"i", bad[i]}, {"j", -0.0}};
		struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 3, .reports = reports};
		struct trip t;
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 1, 3, "value ");
		end(&t);
		r = (struct candor_request){
			.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 2, .outcomes = outcomes};
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 0, 2, "value ");
		end(&t);
	}
}

static void a_sequence_that_no_row_can_hold_is_a_fault_of_its_row(void **state)
{
	const uint64_t bad[] = {(uint64_t)INT64_MAX + 1, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct candor_report rows[] = {{"i", "a", 0, INT64_MAX}, {"i", "b", 1, bad[i]}, {"i", "c", 1, 1}};
		struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 3, .reports = rows};
		struct trip t;
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 1, 3, "sequence ");
		assert_int_equal(t.got.request.reports[0].sequence, INT64_MAX);
		end(&t);
	}
}

static void a_time_that_no_calendar_has_is_a_fault(void **state)
{
	const uint64_t times[] = {0, CANDOR_TIME_MAX, CANDOR_TIME_MAX + 1, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct candor_request r = {.type = CANDOR_REQ_CREATE_TOKEN, .name = "t", .expires_at = times[i]};
		struct trip t;
		set_out(&t, &r);
		arrive(&t);
		if (times[i] <= CANDOR_TIME_MAX)
			assert_null(t.got.fault);
		else
			assert_memory_equal(t.got.fault, "expires_at is too large", 23);
		end(&t);
	}
}

/* Absent it is none; but whoever counts from 0 would find that the first of theirs has none. */
static void a_sequence_of_zero_is_a_fault_and_an_absent_one_is_none(void **state)
{
	(void)state;
	struct candor_report rows[] = {{"i", "a", 0}};
	struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = rows};
	struct trip t;
	set_out(&t, &r);
	arrive(&t);
	assert_null(t.got.row_fault);
	assert_int_equal(t.got.request.reports[0].sequence, 0);
	end(&t);

	rows[0].sequence = 1;
	set_out(&t, &r);
	tamper(&t, "\x20\x01", "\x20\x00", 2);
	arrive(&t);
	expect_row_fault(&t, 0, 1, "sequence is 0");
	end(&t);
}

static void a_bad_name_is_a_fault_of_its_row_with_the_field_s_name(void **state)
{
	static const char *const bad[] = {"", "a\x1f", "\x80", "\xf5\x80\x80\x80", "\xe2\x28\xa1"};
	char too_long[257];
	(void)state;
	memset(too_long, 'a', 256);
	too_long[256] = '\0';
	for (size_t i = 0; i <= sizeof bad / sizeof *bad; i++) {
		const char *name = i == sizeof bad / sizeof *bad ? too_long : bad[i];
		struct candor_report by_item[] = {{"i", "a", 1}, {name, "a", 1}};
		struct candor_report by_labeler[] = {{"i", name, 1}, {"i", "a", 1}};
		struct candor_outcome outcomes[] = {{"i", 1}, {name, 1}};
		const char *names[] = {"i", name, "k"};
		struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 2, .reports = by_item};
		struct trip t;
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 1, 2, "item ");
		end(&t);
		r.reports = by_labeler;
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 0, 2, "labeler ");
		end(&t);
		r = (struct candor_request){
			.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 2, .outcomes = outcomes};
		set_out(&t, &r);
		arrive(&t);
		expect_row_fault(&t, 1, 2, "item ");
		end(&t);
		const enum candor_request_type types[] = {CANDOR_REQ_CLOSE_ITEMS, CANDOR_REQ_VOID_ITEMS,
							  CANDOR_REQ_QUERY_ITEMS};
		for (size_t k = 0; k < 3; k++) {
			r = (struct candor_request){.type = types[k], .pool = "p", .n = 3, .items = names};
			set_out(&t, &r);
			arrive(&t);
			expect_row_fault(&t, 1, 3, "item ");
			end(&t);
		}
	}
}

static void a_nul_within_a_name_is_refused(void **state)
{
	const struct candor_report rows[] = {{"i-mark", "l-mark", 1}};
	const struct candor_outcome outcome = {"i-mark", 1};
	const char *const items[] = {"i-mark"};
	struct candor_request r = {.type = CANDOR_REQ_GET_POOL, .pool = "p-mark"};
	struct trip t;
	(void)state;
	set_out(&t, &r);
	tamper(&t, "p-mark", "p\0mark", 6);
	arrive(&t);
	assert_int_equal(t.err, 0);
	assert_string_equal(t.got.fault, "pool contains a control character");
	end(&t);
	r = (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = rows};
	set_out(&t, &r);
	tamper(&t, "i-mark", "i-mar\0", 6);
	arrive(&t);
	expect_row_fault(&t, 0, 1, "item contains a control character");
	end(&t);
	set_out(&t, &r);
	tamper(&t, "l-mark", "l-\0ark", 6);
	arrive(&t);
	expect_row_fault(&t, 0, 1, "labeler contains a control character");
	end(&t);
	r = (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &outcome};
	set_out(&t, &r);
	tamper(&t, "i-mark", "i-ma\0k", 6);
	arrive(&t);
	expect_row_fault(&t, 0, 1, "item contains a control character");
	end(&t);
	r = (struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = items};
	set_out(&t, &r);
	tamper(&t, "i-mark", "\0-mark", 6);
	arrive(&t);
	expect_row_fault(&t, 0, 1, "item contains a control character");
	end(&t);
}

/* ---- bytes that are no request ---- */

static void bytes_that_are_not_a_request_are_malformed_but_a_leading_id_is_known(void **state)
{
	static const uint8_t broken[] = {0x08, 0xac, 0x02, 0x42, 0x7f}; /* id 300, then a body that is not there */
	static const uint8_t nothing[] = {0x42, 0x7f};
	struct arena a;
	struct wire_request got;
	(void)state;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_request(&a, broken, sizeof broken, &got), ERR_MALFORMED);
	assert_int_equal(got.request.id, 300);
	assert_int_equal(wire_decode_request(&a, nothing, sizeof nothing, &got), ERR_MALFORMED);
	assert_int_equal(got.request.id, 0);
	assert_int_equal(wire_decode_request(&a, nothing, 0, &got), 0);
	assert_non_null(got.fault);
	arena_free(&a);
}

static void a_mebibyte_of_empty_reports_hits_the_budget_and_takes_no_more(void **state)
{
	enum { LEN = 1024 * 1024, HEAD = 6 };
	uint8_t *bytes = calloc(1, LEN);
	struct arena a;
	struct wire_request got;
	(void)state;
	assert_non_null(bytes);
	const uint32_t body = LEN - HEAD;
	const uint8_t head[HEAD] = {
		0x08, 0x07, 0x42, (uint8_t)(body | 0x80), (uint8_t)(body >> 7 | 0x80), (uint8_t)(body >> 14)};
	memcpy(bytes, head, HEAD);
	for (size_t i = HEAD; i < LEN; i += 2)
		bytes[i] = 0x12;
	arena_init(&a, BUDGET);
	assert_int_equal(wire_decode_request(&a, bytes, LEN, &got), ERR_BUDGET);
	assert_int_equal(got.request.id, 7);
	assert_true(a.used_bytes <= BUDGET);
	arena_reset(&a);

	/* It is the budget that stops it and nothing else: with room enough these are half a million bad rows. */
	a.budget_bytes = 256 * 1024 * 1024;
	assert_int_equal(wire_decode_request(&a, bytes, LEN, &got), 0);
	assert_int_equal(got.request.n, body / 2);
	assert_non_null(got.row_fault[body / 2 - 1]);
	arena_free(&a);
	free(bytes);
}

static void codes_have_their_names(void **state)
{
	(void)state;
	assert_string_equal(candor_code_name(CANDOR_OK), "OK");
	assert_string_equal(candor_code_name(CANDOR_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_string_equal(candor_code_name((enum candor_code)99), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_request_comes_back_as_it_was_sent),
		cmocka_unit_test(every_request_has_a_name_and_an_answer),
		cmocka_unit_test(strings_that_are_null_are_sent_as_empty),
		cmocka_unit_test(a_limit_of_0_reads_as_100_and_one_above_1000_is_a_fault),
		cmocka_unit_test(several_requests_stand_behind_each_other_in_one_buffer),
		cmocka_unit_test(a_message_longer_than_allowed_is_not_appended),
		cmocka_unit_test(encoding_within_too_small_a_budget_appends_nothing),
		cmocka_unit_test(a_bad_pool_name_is_a_fault_of_every_request_that_has_one),
		cmocka_unit_test(a_name_of_255_bytes_is_good),
		cmocka_unit_test(other_faults_name_their_field),
		cmocka_unit_test(faults_of_grants_and_tokens_name_their_field),
		cmocka_unit_test(a_right_of_a_later_version_is_a_fault),
		cmocka_unit_test(a_body_of_a_later_version_is_a_fault_and_its_id_is_known),
		cmocka_unit_test(a_token_has_at_most_1024_bytes),
		cmocka_unit_test(a_number_that_is_no_probability_is_a_fault_of_its_row),
		cmocka_unit_test(a_sequence_that_no_row_can_hold_is_a_fault_of_its_row),
		cmocka_unit_test(a_time_that_no_calendar_has_is_a_fault),
		cmocka_unit_test(a_sequence_of_zero_is_a_fault_and_an_absent_one_is_none),
		cmocka_unit_test(a_bad_name_is_a_fault_of_its_row_with_the_field_s_name),
		cmocka_unit_test(a_nul_within_a_name_is_refused),
		cmocka_unit_test(bytes_that_are_not_a_request_are_malformed_but_a_leading_id_is_known),
		cmocka_unit_test(a_mebibyte_of_empty_reports_hits_the_budget_and_takes_no_more),
		cmocka_unit_test(codes_have_their_names),
	};
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
