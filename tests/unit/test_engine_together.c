/* Outcomes that are settled together, through the engine: all or none, the same again, and what others notice. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/engine/block.h"
#include "tests/lib/fake_owner.h"

static struct candor_request together(const struct candor_outcome *rows, size_t n)
{
	return (struct candor_request){
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = n, .outcomes = rows};
}

static const struct candor_response *settle(struct fake_owner *f, const struct candor_outcome *rows, size_t n)
{
	struct candor_request r = together(rows, n);
	return fake_call(f, &r);
}

#define SETTLE(f, ...)                                          \
	settle(f, (const struct candor_outcome[]){__VA_ARGS__}, \
	       sizeof((const struct candor_outcome[]){__VA_ARGS__}) / sizeof(struct candor_outcome))

static void expect(const struct candor_response *r, uint64_t accepted, uint64_t duplicates)
{
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->batch.accepted, accepted);
	assert_int_equal(r->batch.duplicates, duplicates);
	assert_int_equal(r->n_rejected, 0);
}

static void expect_refused(const struct candor_response *r, enum candor_code code, const char *says)
{
	assert_int_equal(r->type, CANDOR_RES_NONE);
	if (r->code != code || !strstr(r->message, says)) {
		print_error("%d '%s' says nothing of '%s'\n", r->code, r->message, says);
		fail();
	}
}

/* Items a to e, of two to four labelers each; d is closed. */
static int set_up(void **state)
{
	int err = fake_set_up(state);
	struct fake_owner *f = *state;
	static const struct {
		const char *item, *labeler;
		double value;
	} reports[] = {
		{"a", "ann", 0.9}, {"a", "bob", 0.4}, {"b", "bob", 0.2},   {"b", "carl", 0.7}, {"b", "ann", 0.1},
		{"c", "dora", 1},  {"c", "ann", 0.6}, {"c", "bob", 0.5},   {"c", "carl", 0},   {"d", "carl", 0.3},
		{"d", "dora", 0},  {"e", "ann", 0.5}, {"e", "dora", 0.25},
	};
	fake_pool(f, "p", NULL);
	for (size_t i = 0; i < sizeof reports / sizeof *reports; i++)
		require(fake_post(f, "p", reports[i].item, reports[i].labeler, reports[i].value) == CANDOR_OK);
	require(fake_close(f, "p", "d") == CANDOR_OK);
	return err;
}

static const struct candor_pool *get_pool(struct fake_owner *f)
{
	return &fake_call(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"})->pool;
}

/* The same through the library, without an engine. */
static struct pool *play(const struct candor_outcome *rows, size_t n, struct fake_owner *f)
{
	static const uint8_t key[NAMES_KEY_BYTES] = {1};
	struct candor_settings s = {0};
	struct pool *p;
	struct item *items[8];
	double y[8];
	struct pool_settled done[8];
	struct pool_reported reported;
	mechanism_defaults(&s);
	require(pool_new(&p, &s, key) == 0);
	static const char *const labelers[] = {"ann", "bob", "carl", "dora"};
	/* They joined in this order, on other items, which stay open. */
	for (size_t i = 0; i < 4; i++) {
		struct item *other;
		require(pool_add_item(p, labelers[i], strlen(labelers[i]), &other) == 0);
		require(pool_report(p, other, labelers[i], strlen(labelers[i]), 0.5, 0, &reported) == POOL_ADDED);
	}
	for (size_t i = 0; i < n; i++) {
		const struct candor_item *item = fake_query(f, "p", rows[i].item);
		require(pool_add_item(p, rows[i].item, strlen(rows[i].item), &items[i]) == 0);
		for (size_t k = 0; k < item->n_reports; k++)
			require(pool_report(p, items[i], item->reports[k].labeler, strlen(item->reports[k].labeler),
					    item->reports[k].value, 0, &reported) == POOL_ADDED);
		y[i] = rows[i].value;
	}
	require(pool_resolve_together(p, items, y, n, done) == 0);
	return p;
}

static void expect_weights(struct fake_owner *f, const struct pool *p)
{
	for (uint32_t id = 0; id < pool_labelers(p); id++) {
		const struct candor_response *r =
			fake_call(f, &(struct candor_request){.type = CANDOR_REQ_GET_LABELER,
							      .pool = "p",
							      .labeler = pool_labeler_name(p, id, NULL)});
		assert_same_bits(r->labeler.weight, pool_weight(p, id));
		assert_same_bits(r->labeler.gain, pool_labeler(p, id)->gain);
		assert_same_bits(r->labeler.bound, pool_bound(p, id));
		assert_int_equal(r->labeler.scored, pool_labeler(p, id)->scored);
	}
}

static void outcomes_settled_together_are_one_block(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_outcome rows[] = {{"b", 1}, {"d", 0.25}, {"a", 0}, {"c", 1}};
	assert_int_equal(fake_resolve(f, "p", "e", 1), CANDOR_OK);
	expect(settle(f, rows, 4), 4, 0);
	const struct candor_pool *pool = get_pool(f);
	assert_int_equal(pool->round, 5);
	assert_int_equal(pool->scored, 2 + 4);
	for (size_t i = 0; i < 4; i++) {
		const struct candor_item *item = fake_query(f, "p", rows[i].item);
		assert_int_equal(item->state, CANDOR_RESOLVED);
		assert_int_equal(item->round, 2 + i);
		assert_int_equal(item->block, 2);
		assert_near(item->outcome, rows[i].value, 0);
	}
	assert_int_equal(fake_query(f, "p", "e")->block, 0);
	char *before = fake_state(f);
	fake_restart(f);
	char *after = fake_state(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(fake_query(f, "p", "d")->block, 2);
	/* Its trajectory names the block. */
	struct candor_request get = {
		.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "dora", .history = true, .limit = 10};
	const struct candor_response *r = fake_call(f, &get);
	assert_int_equal(r->n, 3);
	static const unsigned rounds[] = {5, 3, 1}, blocks[] = {2, 2, 0};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(r->history[i].round, rounds[i]);
		assert_int_equal(r->history[i].block, blocks[i]);
	}
}

static void a_block_moves_weights_as_the_library_says(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_outcome rows[] = {{"c", 0.75}, {"a", 0}, {"b", 1}};
	struct pool *want = play(rows, 3, f);
	expect(settle(f, rows, 3), 3, 0);
	expect_weights(f, want);
	fake_restart(f);
	expect_weights(f, want);
	pool_free(want);
}

static void a_block_with_one_bad_row_is_refused_as_a_whole(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(fake_resolve(f, "p", "e", 1), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "v", "ann", 1), CANDOR_OK);
	assert_int_equal(fake_void(f, "p", "v"), CANDOR_OK);
	char *before = fake_state(f);
	expect_refused(SETTLE(f, {"a", 1}, {"nobody", 1}), CANDOR_NOT_FOUND,
		       "row 1 (item 'nobody'): the item does not exist");
	expect_refused(SETTLE(f, {"a", 1}, {"b", 1}, {"v", 0}), CANDOR_FAILED_PRECONDITION,
		       "row 2 (item 'v'): the item is void");
	expect_refused(SETTLE(f, {"a", 1}, {"b", 1}, {"a", 1}), CANDOR_INVALID_ARGUMENT,
		       "row 2 (item 'a'): row 0 names the item too");
	expect_refused(SETTLE(f, {"a", 1}, {"b", 1.5}), CANDOR_INVALID_ARGUMENT, "row 1 (item 'b')");
	expect_refused(SETTLE(f, {"a", 1}, {"", 1}), CANDOR_INVALID_ARGUMENT, "row 1");
	expect_refused(SETTLE(f, {"e", 1}, {"a", 1}), CANDOR_FAILED_PRECONDITION,
		       "row 0 (item 'e'): the item is already resolved, by itself");
	expect_refused(SETTLE(f, {"a", 1}, {"e", 0}), CANDOR_FAILED_PRECONDITION,
		       "row 1 (item 'e'): the item is already resolved with outcome 1; value 0 differs");
	assert_false(fake_tick(f));
	char *after = fake_state(f);
	assert_string_equal(before, after);
	free(before);
	free(after);
	expect(settle(f, NULL, 0), 0, 0);
	assert_int_equal(fake_query(f, "p", "a")->state, CANDOR_OPEN);
}

/* Whatever comes after it, and from disk. */
static void expect_only_the_same_again(struct fake_owner *f)
{
	expect(SETTLE(f, {"a", 1}, {"b", 0}, {"c", 0.5}), 0, 3);
	expect(SETTLE(f, {"c", 0.5}, {"a", 1}, {"b", 0}), 0, 3);
	expect_refused(SETTLE(f, {"a", 1}, {"b", 0}), CANDOR_FAILED_PRECONDITION, "other items than these");
	expect_refused(SETTLE(f, {"b", 0}, {"c", 0.5}), CANDOR_FAILED_PRECONDITION, "other items than these");
	expect_refused(SETTLE(f, {"a", 1}), CANDOR_FAILED_PRECONDITION, "other items than these");
	expect_refused(SETTLE(f, {"a", 1}, {"b", 0}, {"c", 1}), CANDOR_FAILED_PRECONDITION,
		       "row 2 (item 'c'): the item is already resolved with outcome 0.5; value 1 differs");
	expect_refused(SETTLE(f, {"a", 1}, {"b", 0}, {"c", 0.5}, {"x", 1}), CANDOR_FAILED_PRECONDITION,
		       "row 2 (item 'c')");
	/* One by one they are what they are. */
	assert_int_equal(fake_resolve(f, "p", "b", 0), CANDOR_OK);
}

static void the_same_block_again_is_all_duplicates_and_no_other_is(void **state)
{
	struct fake_owner *f = *state;
	assert_int_equal(fake_post(f, "p", "x", "ann", 1), CANDOR_OK);
	expect(SETTLE(f, {"a", 1}, {"b", 0}, {"c", 0.5}), 3, 0);
	expect_only_the_same_again(f);
	expect(SETTLE(f, {"d", 1}), 1, 0);
	expect(SETTLE(f, {"d", 1}), 0, 1);
	expect_only_the_same_again(f);
	assert_int_equal(fake_resolve(f, "p", "e", 1), CANDOR_OK);
	fake_restart(f);
	expect_only_the_same_again(f);
	/* Those that were resolved alone are no block. */
	expect_refused(SETTLE(f, {"d", 1}, {"e", 1}), CANDOR_FAILED_PRECONDITION,
		       "row 0 (item 'd'): the item is already resolved, by itself");
	assert_int_equal(get_pool(f)->round, 5);
}

/* The answer that these are all duplicates waits for what it depends on. */
static void a_block_again_is_no_answer_before_the_first_one_is_on_disk(void **state)
{
	struct fake_owner *f = *state;
	const struct candor_outcome rows[] = {{"a", 1}, {"b", 0}};
	struct candor_request r = together(rows, 2);
	struct ask *first = fake_ask(f, &r), *e = fake_ask_resolve(f, "p", "e", 1), *again = fake_ask(f, &r);
	assert_true(first->replied && !first->settled && !again->replied);
	fake_settle(f);
	expect(&again->answer, 0, 2);
	ask_free(again);
	/* ... and nothing is known if it never gets there. */
	const struct candor_outcome others[] = {{"c", 1}, {"d", 0}};
	r = together(others, 2);
	ask_free(first);
	ask_free(e);
	first = fake_ask(f, &r);
	assert_int_equal(fake_post(f, "p", "z", "ann", 1), CANDOR_OK);
	expect(&first->answer, 2, 0);
	ask_free(first);
}

static void a_block_larger_than_may_be_settled_in_one_step_is_refused(void **state)
{
	enum { N = BLOCK_ITEMS_MAX + 1 };
	struct fake_owner *f = *state;
	struct candor_report *reports = calloc(N, sizeof *reports);
	struct candor_outcome *rows = calloc(N, sizeof *rows);
	char(*names)[8] = calloc(N, sizeof *names);
	for (size_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], "i%05zu", i);
		reports[i] = (struct candor_report){.item = names[i], .labeler = i % 2 ? "ann" : "bob", .value = 0.5};
		rows[i] = (struct candor_outcome){names[i], (double)(i % 3) / 2};
	}
	assert_int_equal(fake_call(f,
				   &(struct candor_request){
					   .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = N, .reports = reports})
				 ->batch.accepted,
			 N);
	expect_refused(settle(f, rows, N), CANDOR_RESOURCE_EXHAUSTED,
		       "the request has 4097 items; at most 4096 items can be settled together");
	expect(settle(f, rows, N - 1), N - 1, 0);
	expect(settle(f, rows, N - 1), 0, N - 1);
	free(reports);
	free(rows);
	free(names);
}

static void a_block_is_refused_as_a_whole_while_too_much_waits_for_the_disk(void **state)
{
	enum { N = 40000 };
	struct fake_owner *f = *state;
	f->limits.batch_bytes = 1;
	fake_restart(f);
	struct candor_report *rows = calloc(N, sizeof *rows);
	for (size_t i = 0; i < N; i++)
		rows[i] = (struct candor_report){.item = "big", .labeler = "ann", .value = (double)(i % 2)};
	struct candor_request post = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = N, .reports = rows};
	struct ask *a = fake_ask(f, &post);
	while (!a->replied)
		f->n_reads > 0 ? fake_read_done(f, 0) : engine_go_on(f->engine);
	assert_true(a->answer.n_rejected > 0);
	const struct candor_outcome outcomes[] = {{"a", 1}, {"b", 0}};
	struct candor_request r = together(outcomes, 2);
	struct ask *b = fake_ask(f, &r);
	assert_true(b->replied);
	expect_refused(&b->answer, CANDOR_RESOURCE_EXHAUSTED, "nothing was settled");
	fake_settle(f);
	assert_int_equal(fake_query(f, "p", "a")->state, CANDOR_OPEN);
	expect(settle(f, outcomes, 2), 2, 0);
	ask_free(a);
	ask_free(b);
	free(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(outcomes_settled_together_are_one_block),
		TEST(a_block_moves_weights_as_the_library_says),
		TEST(a_block_with_one_bad_row_is_refused_as_a_whole),
		TEST(the_same_block_again_is_all_duplicates_and_no_other_is),
		TEST(a_block_again_is_no_answer_before_the_first_one_is_on_disk),
		TEST(a_block_larger_than_may_be_settled_in_one_step_is_refused),
		TEST(a_block_is_refused_as_a_whole_while_too_much_waits_for_the_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
