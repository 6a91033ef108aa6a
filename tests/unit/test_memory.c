/* The engine at the end of its memory: what would add is refused with a sentence, what ends or changes goes on, what is
 * no longer needed makes room, and nothing grows past its bound. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/fake_owner.h"
#include "lib/base/random.h"

enum { SHARE = 256 * 1024 };

static void set_up(struct fake_owner *f, size_t pools_bytes)
{
	struct engine_limits limits = fake_roomy_limits();
	limits.pools_bytes = pools_bytes;
	fake_init(f, &limits);
	fake_pool(f, "p", NULL);
}

static void tear_down(struct fake_owner *f)
{
	fake_settle(f);
	assert_int_equal(fake_verify(f), 0);
	fake_deinit(f);
}

/* A report of each of n labelers on an item, in one request: how many were refused for want of memory. */
static size_t post_many(struct fake_owner *f, const char *item, uint32_t first_labeler, size_t n)
{
	struct candor_report *rows = calloc(n, sizeof *rows);
	char(*names)[32] = calloc(n, sizeof *names);
	assert_true(rows && names);
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "labeler-%zu", first_labeler + i);
		rows[i] = (struct candor_report){item, names[i], 0.25};
	}
	const struct candor_response *r = fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows});
	assert_int_equal(r->code, CANDOR_OK);
	for (size_t i = 0; i < r->n_rejected; i++)
		assert_int_equal(r->rejected[i].code, CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(r->batch.accepted + r->batch.duplicates + r->n_rejected, n);
	size_t refused = r->n_rejected;
	free(rows);
	free(names);
	return refused;
}

/* Fills memory with items of ten reports each: how many items there are. A new item may be refused for its own size; so
 * then reports are added until there is no room even for one. */
static uint32_t fill(struct fake_owner *f)
{
	char name[32];
	uint32_t items = 0;
	do {
		snprintf(name, sizeof name, "item-%u", items);
		assert_true(items < 100000);
	} while (post_many(f, name, 0, 10) == 0 && ++items);
	for (uint32_t i = 0;; i++) {
		snprintf(name, sizeof name, "filler-%u", i);
		if (fake_post(f, "p", "item-0", name, 0.25) != CANDOR_OK)
			return items;
	}
}

static size_t pools_bytes(const struct fake_owner *f)
{
	return engine_bytes(f->engine);
}

static void requests_that_add_are_refused_with_a_reason(void **state)
{
	(void)state;
	struct fake_owner f;
	set_up(&f, SHARE);
	assert_true(fill(&f) > 100);

	const struct candor_report row = {"another item", "another labeler", 0.5};
	const struct candor_response *r = fake_call(
		&f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
	assert_int_equal(r->n_rejected, 1);
	assert_int_equal(r->rejected[0].code, CANDOR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r->rejected[0].message, "memory_limit"));
	assert_non_null(strstr(r->rejected[0].message, "close or resolve items"));

	r = fake_call(&f, &(struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "another"});
	assert_int_equal(r->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r->message, "memory_limit"));

	assert_int_equal(fake_post(&f, "p", "item-1", "a new labeler", 0.5), CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(fake_post(&f, "p", "a new item", "labeler-1", 0.5), CANDOR_RESOURCE_EXHAUSTED);
	assert_null(fake_query(&f, "p", "a new item"));
	tear_down(&f);
}

static void requests_that_add_nothing_are_served(void **state)
{
	(void)state;
	struct fake_owner f;
	set_up(&f, SHARE);
	fill(&f);
	assert_int_equal(fake_post(&f, "p", "item-1", "labeler-1", 0.25), CANDOR_OK); /* the same again */
	assert_int_equal(fake_post(&f, "p", "item-1", "labeler-1", 0.75), CANDOR_OK); /* another value */
	assert_int_equal(fake_close(&f, "p", "item-2"), CANDOR_OK);
	assert_int_equal(fake_resolve(&f, "p", "item-2", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(&f, "p", "item-3", 0), CANDOR_OK);
	assert_int_equal(fake_void(&f, "p", "item-4"), CANDOR_OK);
	const struct candor_item *item = fake_query(&f, "p", "item-1");
	assert_int_equal(item->n_reports, 10);
	assert_same_bits(item->reports[1].value, 0.75);
	/* What ended and left memory is found on disk. */
	item = fake_query(&f, "p", "item-3");
	assert_int_equal(item->state, CANDOR_RESOLVED);
	assert_int_equal(item->n_reports, 10);
	assert_int_equal(fake_post(&f, "p", "item-3", "labeler-3", 0.25), CANDOR_OK);
	assert_int_equal(fake_post(&f, "p", "item-3", "labeler-3", 0.5), CANDOR_FAILED_PRECONDITION);
	const struct candor_settings settings = {.share = 0.01};
	const struct candor_response *r = fake_call(
		&f, &(struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = settings});
	assert_int_equal(r->code, CANDOR_OK);
	tear_down(&f);
}

static void items_that_end_make_room(void **state)
{
	(void)state;
	struct fake_owner f;
	set_up(&f, SHARE);
	uint32_t items = fill(&f);
	for (uint32_t i = 0; i < items / 2; i++) {
		char name[32];
		snprintf(name, sizeof name, "item-%u", i);
		assert_int_equal(fake_resolve(&f, "p", name, i % 2), CANDOR_OK);
	}
	uint32_t more = 0;
	for (char name[32]; more < items / 3; more++) {
		snprintf(name, sizeof name, "later-%u", more);
		assert_int_equal(post_many(&f, name, 0, 10), 0);
	}
	tear_down(&f);
}

static void nothing_grows_past_the_share(void **state)
{
	(void)state;
	/* A request is looked at row by row: what it adds past the bound is a few rows, or one step of a table. */
	enum { SLACK = SHARE / 4 };
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct random r;
		struct fake_owner f;
		size_t refused = 0;
		random_init(&r, seed, 0);
		set_up(&f, SHARE);
		for (int i = 0; i < 400; i++) {
			char name[32];
			snprintf(name, sizeof name, "item-%d", (int)random_below(&r, 200));
			refused += post_many(&f, name, (uint32_t)random_below(&r, 2000), 1 + random_below(&r, 100));
			assert_at_most((double)pools_bytes(&f), SHARE + SLACK);
			if (random_chance(&r, 0.2))
				fake_query(&f, "p", name);
		}
		assert_true(refused > 0);
		tear_down(&f);
	}
}

static void a_daemon_that_starts_above_its_share_serves_and_takes_nothing_new(void **state)
{
	(void)state;
	struct fake_owner f;
	set_up(&f, SHARE);
	fill(&f);
	fake_stop(&f);
	f.limits.pools_bytes = SHARE / 2;
	fake_start(&f);
	assert_int_equal(fake_post(&f, "p", "new", "new", 0.5), CANDOR_RESOURCE_EXHAUSTED);
	assert_int_equal(fake_query(&f, "p", "item-1")->n, 10);
	assert_int_equal(fake_resolve(&f, "p", "item-1", 1), CANDOR_OK);
	fake_stop(&f);
	f.limits.pools_bytes = 2 * SHARE;
	fake_start(&f);
	assert_int_equal(fake_post(&f, "p", "new", "new", 0.5), CANDOR_OK);
	tear_down(&f);
}

static const struct candor_response *query_all(struct fake_owner *f, const char *const *names, size_t n)
{
	return fake_call(f,
			 &(struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = n, .items = names});
}

static void a_query_of_more_than_may_be_read_at_once_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	enum { N = sizeof names / sizeof *names };
	struct fake_owner f;
	set_up(&f, 0);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(post_many(&f, names[i], 0, 2000), 0);
		assert_int_equal(fake_close(&f, "p", names[i]), CANDOR_OK);
	}
	fake_stop(&f);
	f.limits.load_bytes = 256 * 1024;
	fake_start(&f);
	const struct candor_response *r = query_all(&f, names, N);
	assert_int_equal(r->code, CANDOR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r->message, "fewer items"));
	for (size_t i = 0; i < N; i += 2) {
		r = query_all(&f, names + i, 2);
		assert_int_equal(r->code, CANDOR_OK);
		assert_int_equal(r->n, 2);
		assert_int_equal(r->items[1].n, 2000);
	}
	tear_down(&f);
}

static void a_request_that_writes_too_much_is_done_row_by_row(void **state)
{
	(void)state;
	enum { ITEMS = 40, REPORTS = SANITIZED ? 4000 : 8000 };
	struct fake_owner f;
	set_up(&f, 0);
	fake_stop(&f);
	f.limits.batch_bytes = 1 << 20;
	fake_start(&f);
	char names[ITEMS][16];
	struct candor_outcome outcomes[ITEMS];
	for (size_t i = 0; i < ITEMS; i++) {
		snprintf(names[i], sizeof names[i], "item-%zu", i);
		outcomes[i] = (struct candor_outcome){names[i], (double)(i % 2)};
		for (uint32_t at = 0; at < REPORTS; at += 1000)
			assert_int_equal(post_many(&f, names[i], at, 1000), 0);
	}
	const struct candor_request resolve = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = ITEMS, .outcomes = outcomes};
	size_t rounds = 0, done = 0;
	for (; done < ITEMS; rounds++) {
		const struct candor_response *r = fake_call(&f, &resolve);
		assert_int_equal(r->code, CANDOR_OK);
		for (size_t i = 0; i < r->n_rejected; i++) {
			assert_int_equal(r->rejected[i].code, CANDOR_RESOURCE_EXHAUSTED);
			assert_non_null(strstr(r->rejected[i].message, "again"));
		}
		assert_true(r->batch.accepted > 0);
		done += r->batch.accepted;
		assert_int_equal(r->batch.accepted + r->batch.duplicates + r->n_rejected, ITEMS);
	}
	assert_true(rounds > 1);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_that_add_are_refused_with_a_reason),
		cmocka_unit_test(requests_that_add_nothing_are_served),
		cmocka_unit_test(items_that_end_make_room),
		cmocka_unit_test(nothing_grows_past_the_share),
		cmocka_unit_test(a_daemon_that_starts_above_its_share_serves_and_takes_nothing_new),
		cmocka_unit_test(a_query_of_more_than_may_be_read_at_once_is_refused),
		cmocka_unit_test(a_request_that_writes_too_much_is_done_row_by_row),
	};
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
