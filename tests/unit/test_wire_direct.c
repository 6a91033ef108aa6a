/* Messages that are packed and unpacked without protobuf-c: what comes out is what the library makes of the same, and
 * what is out of the ordinary is left to it. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "lib/wire/frame.h"
#include "lib/wire/wire.h"
#include "tests/lib/direct.h"
#include "tests/lib/samples.h"
#include "tests/lib/seed.h"

enum { ROUNDS = SANITIZED ? 60000 : 200000, ROWS_MAX = 6, TEXT_MAX = 300, LONGEST = 8192, BUDGET = 1 << 20 };

/* ---- what comes by chance ---- */

static uint64_t any_number(struct random *r)
{
	return random_chance(r, 0.2) ? 0 : random_bits(r) >> random_below(r, 64);
}

static double any_real(struct random *r)
{
	static const double special[] = {0, -0.0, 1, NAN, INFINITY, 5e-324};
	uint64_t which = random_below(r, 12);
	return which < sizeof special / sizeof *special ? special[which] : random_unit(r);
}

/* Never with a NUL. */
static const char *any_text(struct random *r, struct arena *a)
{
	size_t len = random_chance(r, 0.05) ? random_below(r, TEXT_MAX) : random_below(r, 40);
	char *text = arena_alloc(a, len + 1);
	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)(random_chance(r, 0.02) ? 1 + random_below(r, 255) : 'a' + random_below(r, 26));
	text[len] = 0;
	return text;
}

static const struct candor_report *any_reports(struct random *r, struct arena *a, size_t n)
{
	struct candor_report *all = arena_calloc(a, n, sizeof *all);
	assert_non_null(all);
	for (size_t i = 0; i < n; i++)
		all[i] = (struct candor_report){any_text(r, a), any_text(r, a), any_real(r),
						random_chance(r, 0.5) ? 0 : any_number(r) >> 1};
	return all;
}

static struct candor_request any_request(struct random *r, struct arena *a)
{
	struct candor_request q = {.id = any_number(r) >> 1, .pool = any_text(r, a), .n = random_below(r, ROWS_MAX)};
	if (q.id == 0)
		q.id = 1;
	if (random_chance(r, 0.5)) {
		q.type = CANDOR_REQ_POST_REPORTS;
		q.reports = any_reports(r, a, q.n);
		return q;
	}
	const char **items = arena_calloc(a, q.n + 1, sizeof *items);
	assert_non_null(items);
	for (size_t i = 0; i < q.n; i++)
		items[i] = any_text(r, a);
	q.type = CANDOR_REQ_QUERY_ITEMS;
	q.items = items;
	q.with_reports = random_chance(r, 0.5);
	q.reports_from = (uint32_t)any_number(r);
	q.reports_limit = (uint32_t)any_number(r);
	return q;
}

static struct candor_item any_item(struct random *r, struct arena *a)
{
	size_t n = random_chance(r, 0.7) ? 0 : random_below(r, ROWS_MAX);
	struct candor_item_report *reports = arena_calloc(a, n + 1, sizeof *reports);
	assert_non_null(reports);
	for (size_t i = 0; i < n; i++)
		reports[i] = (struct candor_item_report){
			.labeler = any_text(r, a), .value = any_real(r), .weight = any_real(r)};
	return (struct candor_item){
		.item = random_chance(r, 0.02) ? NULL : any_text(r, a),
		.state = (enum candor_item_state)random_below(r, 4),
		.mean = any_real(r),
		.median = any_real(r),
		.plain_mean = any_real(r),
		.plain_median = any_real(r),
		.spread = any_real(r),
		.ess = any_real(r),
		.n = any_number(r),
		.outcome = any_real(r),
		.round = any_number(r),
		.eta = any_real(r),
		.weighted_loss = any_real(r),
		.opened_at = any_number(r),
		.closed_at = any_number(r),
		.ended_at = any_number(r),
		.n_reports = n,
		.reports = reports,
		.archived = random_chance(r, 0.3),
	};
}

static struct candor_response any_response(struct random *r, struct arena *a)
{
	struct candor_response s = {
		.id = any_number(r) | 1, .type = CANDOR_RES_ITEMS, .message = "", .next = any_text(r, a)};
	struct candor_item *items = arena_calloc(a, ROWS_MAX, sizeof *items);
	struct candor_rejected *rejected = arena_calloc(a, ROWS_MAX, sizeof *rejected);
	assert_true(items && rejected);
	s.n_rejected = random_chance(r, 0.7) ? 0 : random_below(r, ROWS_MAX);
	for (size_t i = 0; i < s.n_rejected; i++)
		rejected[i] = (struct candor_rejected){.index = (uint32_t)any_number(r) >> 1,
						       .code = (enum candor_code)random_below(r, 17),
						       .message = any_text(r, a)};
	s.rejected = rejected;
	if (random_chance(r, 0.3)) {
		s.type = CANDOR_RES_BATCH;
		s.batch = (struct candor_batch){.accepted = (uint32_t)any_number(r) >> 1,
						.duplicates = (uint32_t)any_number(r) >> 1,
						.revised = (uint32_t)any_number(r) >> 1,
						.rejected_omitted = (uint32_t)any_number(r) >> 1};
		return s;
	}
	s.n = random_below(r, ROWS_MAX);
	for (size_t i = 0; i < s.n; i++)
		items[i] = any_item(r, a);
	s.items = items;
	s.more = random_chance(r, 0.2);
	s.rest = random_chance(r, 0.8) ? 0 : (uint32_t)any_number(r) >> 1;
	s.reports_next = random_chance(r, 0.8) ? 0 : (uint32_t)any_number(r) >> 1;
	return s;
}

/* ---- requests ---- */

struct bytes {
	uint8_t at[LONGEST];
	size_t len;
};

static void take(struct bytes *to, const struct candor_request *q, struct arena *scratch)
{
	struct buf framed = {0};
	struct frame f;
	struct view body;
	assert_int_equal(wire_encode_request(q, scratch, LONGEST, &framed), 0);
	frame_init(&f, LONGEST);
	assert_int_equal(frame_push(&f, framed.data, framed.len), 0);
	assert_int_equal(frame_next(&f, &body), 1);
	memcpy(to->at, body.data, body.len);
	to->len = body.len;
	frame_free(&f);
	buf_free(&framed);
}

/* From a block of just that size, so that a sanitizer sees a read beyond it. */
static enum direct_result unpacked(const struct bytes *b, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	assert_non_null(exact);
	memcpy(exact, b->at, len);
	enum direct_result result = direct_unpacks(exact, len);
	free(exact);
	return result;
}

static void ordinary_requests_are_unpacked_as_the_library_does(void **state)
{
	struct random r;
	struct arena a;
	struct bytes b;
	(void)state;
	seed_random(&r, 91);
	arena_init(&a, BUDGET);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		const struct candor_request q = any_request(&r, &a);
		take(&b, &q, &a);
		assert_int_equal(unpacked(&b, b.len), DIRECT_ALIKE);
	}
	arena_free(&a);
}

static void requests_that_were_cut_are_left_to_the_library_or_alike(void **state)
{
	struct random r;
	struct arena a;
	struct bytes b;
	(void)state;
	seed_random(&r, 92);
	arena_init(&a, BUDGET);
	for (int i = 0; i < ROUNDS / 200; i++) {
		arena_reset(&a);
		const struct candor_request q = any_request(&r, &a);
		take(&b, &q, &a);
		/* The body's length no longer fits. */
		for (size_t len = 0; len < b.len; len++)
			assert_int_equal(unpacked(&b, len), DIRECT_LEFT);
	}
	arena_free(&a);
}

/* The body alone is changed, and its length fits mostly: else nearly nothing would get past it. */
static void spoil(struct random *r, struct bytes *b)
{
	static const uint8_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x08, 0x0a, 0x12, 0x18, 0x19, 0x20, 0x28};
	size_t at = random_below(r, b->len);
	switch (random_below(r, 5)) {
	case 0: b->at[at] ^= (uint8_t)(1 << random_below(r, 8)); break;
	case 1: b->at[at] = special[random_below(r, sizeof special)]; break;
	case 2: b->at[at] = (uint8_t)random_below(r, 256); break;
	case 3: { /* two runs change places */
		size_t run = 1 + random_below(r, 8), to = random_below(r, b->len);
		for (size_t i = 0; i < run && at + i < b->len && to + i < b->len; i++) {
			uint8_t kept = b->at[at + i];
			b->at[at + i] = b->at[to + i];
			b->at[to + i] = kept;
		}
		break;
	}
	default: { /* something more at the end, in the body where that is short */
		static const uint8_t more[] = {0x20, 0x05};
		if (b->len + sizeof more > LONGEST)
			return;
		memcpy(b->at + b->len, more, sizeof more);
		b->len += sizeof more;
		if (b->len > 4 && b->at[3] < 0x7e)
			b->at[3] += sizeof more;
	}
	}
}

static void spoiled_requests_are_left_to_the_library_or_alike(void **state)
{
	struct random r;
	struct arena a;
	struct bytes b;
	size_t seen[3] = {0};
	(void)state;
	seed_random(&r, 93);
	arena_init(&a, BUDGET);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		struct candor_request q = any_request(&r, &a);
		q.id = 1 + random_below(&r, 100);
		take(&b, &q, &a);
		for (uint64_t times = 1 + random_below(&r, 3); times > 0; times--)
			spoil(&r, &b);
		seen[unpacked(&b, b.len)]++;
	}
	assert_int_equal(seen[DIRECT_DIFFERS], 0);
	assert_true(seen[DIRECT_LEFT] > ROUNDS / 20 && seen[DIRECT_ALIKE] > ROUNDS / 20);
	arena_free(&a);
}

/* A request with `body` as its query_items. */
static enum direct_result query(const char *body, size_t len)
{
	struct bytes b = {.at = {0x08, 7, 12 << 3 | 2, (uint8_t)len}, .len = 4 + len};
	memcpy(b.at + 4, body, len);
	return unpacked(&b, b.len);
}

#define QUERY(body) query(body, sizeof(body) - 1)

static void what_is_out_of_the_ordinary_is_left_to_the_library(void **state)
{
	(void)state;
	assert_int_equal(QUERY("\x0a\1p\x12\1i"), DIRECT_ALIKE);
	assert_int_equal(QUERY("\x0a\0\x12\1i\x12\0\x18\0\x20\0\x28\0"), DIRECT_ALIKE); /* zeros that were sent */
	assert_int_equal(QUERY("\x0a\3p\0q\x12\1i"), DIRECT_ALIKE); /* whose check sees the zero byte */
	assert_int_equal(QUERY("\x12\1i\x0a\1p"), DIRECT_LEFT); /* another order */
	assert_int_equal(QUERY("\x0a\1p\x0a\1q"), DIRECT_LEFT); /* twice */
	assert_int_equal(QUERY("\x0a\1p\x12\1i\x18\1\x12\1j"), DIRECT_LEFT); /* a list in two parts */
	assert_int_equal(QUERY("\x0a\1p\x30\1"), DIRECT_ALIKE);
	assert_int_equal(QUERY("\x0a\1p\x38\1"), DIRECT_LEFT); /* an unknown field */
	assert_int_equal(QUERY("\x0a\1p\x10\1"), DIRECT_LEFT); /* another type */
	assert_int_equal(QUERY("\x0a\x81\0p"), DIRECT_LEFT); /* a length of more bytes than it takes */
	assert_int_equal(QUERY("\x0a\2p"), DIRECT_LEFT); /* text beyond the end */
	assert_int_equal(QUERY("\x0a\1p\x18\2"), DIRECT_LEFT); /* neither false nor true */
	assert_int_equal(QUERY("\x0a\1p\x20\xff\xff\xff\xff\x1f"), DIRECT_LEFT); /* beyond 32 bits */
	assert_int_equal(QUERY("\x0a\1p\x20\xff\xff\xff\xff\x0f"), DIRECT_ALIKE);
	assert_int_equal(QUERY("\x0a\1p\x20"), DIRECT_LEFT);
	assert_int_equal(QUERY("\x8a\0\1p"), DIRECT_LEFT); /* a tag of more bytes than it takes */
}

static void samples_are_alike_or_left_to_the_library(void **state)
{
	size_t n, m, alike = 0;
	const struct candor_request *requests = sample_requests(&n);
	const struct candor_response *answers = sample_responses(&m);
	struct arena a;
	struct bytes b;
	(void)state;
	arena_init(&a, BUDGET);
	for (size_t i = 0; i < n; i++) {
		take(&b, &requests[i], &a);
		enum direct_result result = unpacked(&b, b.len);
		assert_int_not_equal(result, DIRECT_DIFFERS);
		alike += result == DIRECT_ALIKE;
	}
	for (size_t i = 0; i < m; i++) {
		enum direct_result result = direct_packs(&answers[i]);
		assert_int_not_equal(result, DIRECT_DIFFERS);
		alike += result == DIRECT_ALIKE;
	}
	assert_true(alike >= 4);
	arena_free(&a);
}

/* With memory for some of it only. */
static void a_request_beyond_the_budget_says_so_and_keeps_its_id(void **state)
{
	struct arena a, scratch;
	struct bytes b;
	struct wire_request out;
	const char *items[100];
	(void)state;
	for (size_t i = 0; i < 100; i++)
		items[i] = "an item with a name of some length";
	const struct candor_request q = {
		.id = 77, .type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 100, .items = items};
	arena_init(&scratch, BUDGET);
	take(&b, &q, &scratch);
	for (size_t budget = 0; budget < 4096; budget += 64) {
		arena_init(&a, budget);
		assert_int_equal(wire_decode_request(&a, b.at, b.len, &out), ERR_BUDGET);
		assert_int_equal(out.request.id, 77);
		assert_true(a.used_bytes <= budget);
		arena_free(&a);
	}
	arena_free(&scratch);
}

/* ---- answers ---- */

static void answers_are_packed_to_the_bytes_of_the_library(void **state)
{
	struct random r;
	struct arena a;
	(void)state;
	seed_random(&r, 94);
	arena_init(&a, BUDGET);
	for (int i = 0; i < ROUNDS; i++) {
		arena_reset(&a);
		const struct candor_response s = any_response(&r, &a);
		assert_int_equal(direct_packs(&s), DIRECT_ALIKE);
	}
	arena_free(&a);
}

static void answers_out_of_the_ordinary_are_left_to_the_library(void **state)
{
	const struct candor_item negative = {.item = "i", .state = (enum candor_item_state)0x80000000u};
	const struct candor_response answers[] = {
		{.id = 1, .type = CANDOR_RES_ITEMS, .n = 1, .items = &negative}, /* a number with a sign */
		{.id = 1, .type = CANDOR_RES_ITEMS, .code = CANDOR_NOT_FOUND, .message = "no such pool"},
		{.id = 0, .type = CANDOR_RES_ITEMS}, /* which is absent */
		{.id = 1, .type = CANDOR_RES_POOL, .pool = {.name = "p"}},
		{.id = 1, .type = CANDOR_RES_NONE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		assert_int_equal(direct_packs(&answers[i]), DIRECT_LEFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_requests_are_unpacked_as_the_library_does),
		cmocka_unit_test(requests_that_were_cut_are_left_to_the_library_or_alike),
		cmocka_unit_test(spoiled_requests_are_left_to_the_library_or_alike),
		cmocka_unit_test(what_is_out_of_the_ordinary_is_left_to_the_library),
		cmocka_unit_test(samples_are_alike_or_left_to_the_library),
		cmocka_unit_test(a_request_beyond_the_budget_says_so_and_keeps_its_id),
		cmocka_unit_test(answers_are_packed_to_the_bytes_of_the_library),
		cmocka_unit_test(answers_out_of_the_ordinary_are_left_to_the_library),
	};
	return cmocka_run_group_tests_name("wire_direct", tests, NULL, NULL);
}
