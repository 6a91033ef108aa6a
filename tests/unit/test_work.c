/* How much is done for a request, counted in steps: it follows what the request names and gets, and never the number of
 * pools, labelers, grants or changes that there are. Durations are not looked at. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/engine/slices.h"
#include "tests/lib/fake_owner.h"

enum { FEW = 2000, GRANTS = 200 };

static const struct candor_response *tell(struct fake_owner *f, struct candor_request r)
{
	return fake_call(f, &r);
}

static void create_pools(struct fake_owner *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];
		snprintf(name, sizeof name, "pool-%05u", i);
		fake_pool(f, name, NULL);
	}
}

static void grant(struct fake_owner *f, const char *principal, const char *pool, const char *prefix, unsigned rights)
{
	const struct candor_grant g = {principal, pool, prefix, rights};
	assert_int_equal(tell(f, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &g})->code,
			 CANDOR_OK);
}

/* Somebody with grants for pools that exist, several of them for one, and for pools that do not. */
static struct identity somebody(struct fake_owner *f)
{
	struct identity w = {.name = "uid:4711", .is_known = true};
	for (unsigned i = 0; i < GRANTS; i++) {
		char pool[32];
		snprintf(pool, sizeof pool, i % 2 ? "pool-%05u" : "none-%05u", FEW - 1 - 2 * i);
		grant(f, w.name, pool, "", CANDOR_RIGHT_REPORT);
	}
	grant(f, w.name, "pool-00007", "a", CANDOR_RIGHT_REPORT);
	grant(f, w.name, "pool-00007", "b", CANDOR_RIGHT_REPORT);
	grant(f, w.name, "pool-00003", "", CANDOR_RIGHT_READ);
	grant(f, w.name, "pool-00003", "c", CANDOR_RIGHT_REPORT);
	return w;
}

static void what_a_peer_may_see_is_found_by_its_grants(void **state)
{
	struct fake_owner *f = *state;
	create_pools(f, FEW);
	assert_int_equal(fake_post(f, "pool-00007", "i", "a1", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00007", "i", "a2", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00003", "i", "c1", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "pool-00002", "i", "c1", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "pool-00003", "i", 1), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "pool-00002", "i", 1), CANDOR_OK);
	struct identity w = somebody(f);

	uint64_t before = engine_work(f->engine);
	const struct candor_response *r = fake_call_as(f, &w, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_at_most((double)(engine_work(f->engine) - before), 8 * (GRANTS + 4));
	assert_int_equal(r->info.pools, GRANTS / 2 + 2);
	assert_int_equal(r->info.labelers, 3);
	assert_int_equal(r->info.open_items, 1);
	assert_int_equal(r->info.settlements, 1);
	assert_int_equal(r->info.resident_items, 2);

	/* Grants are gone through one after another, so each of them counts toward the peer's turn. */
	before = engine_work(f->engine);
	r = tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .pool = "pool-00003", .limit = 10});
	assert_int_equal(r->n, 2);
	assert_true(engine_work(f->engine) - before >= GRANTS + 4);

	/* In two pages, without those that it may not know of; losses only where it may read. */
	struct candor_request list = {.type = CANDOR_REQ_LIST_POOLS, .limit = 2};
	before = engine_work(f->engine);
	r = fake_call_as(f, &w, &list);
	assert_at_most((double)(engine_work(f->engine) - before), 8 * (GRANTS + 4) + 2 * 64);
	assert_int_equal(r->n, 2);
	assert_string_equal(r->pools[0].name, "pool-00003");
	assert_true(r->pools[0].mean_loss > 0);
	assert_string_equal(r->pools[1].name, "pool-00007");
	char cursor[64];
	snprintf(cursor, sizeof cursor, "%s", r->next);
	list.cursor = cursor;
	list.limit = 1000;
	r = fake_call_as(f, &w, &list);
	assert_int_equal(r->n, GRANTS / 2);
	assert_string_equal(r->next, "");
	for (size_t i = 1; i < r->n; i++)
		assert_true(strcmp(r->pools[i - 1].name, r->pools[i].name) < 0);

	/* The owner, and one who has rights in all pools. */
	grant(f, w.name, "", "", CANDOR_RIGHT_REPORT);
	r = fake_call_as(f, &w, &(struct candor_request){.type = CANDOR_REQ_INFO});
	assert_int_equal(r->info.pools, FEW);
	assert_int_equal(r->info.settlements, 2);
	list.cursor = "";
	r = fake_call_as(f, &w, &list);
	assert_int_equal(r->n, 1000);
	assert_true(r->pools[2].scored > 0 && r->pools[2].mean_loss == 0 && r->pools[3].mean_loss > 0);
	before = engine_work(f->engine);
	r = tell(f, (struct candor_request){.type = CANDOR_REQ_INFO});
	assert_at_most((double)(engine_work(f->engine) - before), 8);
	assert_int_equal(r->info.pools, FEW);
	assert_int_equal(r->info.labelers, 4);
}

/* ---- slices ---- */

enum { LARGE = SANITIZED ? 20000 : 65535, ROWS = 40000 };

/* Submits a request and has it go on to its end, without a commit: the most steps of one event, and how many events. */
static struct ask *do_in_slices(struct fake_owner *f, const struct candor_request *r, uint64_t *most, unsigned *events)
{
	uint64_t before = engine_work(f->engine);
	struct ask *a = fake_ask(f, r);
	*most = engine_work(f->engine) - before;
	for (*events = 1; !a->replied; ++*events) {
		if (f->n_reads > 0) {
			fake_read_done(f, 0);
			continue;
		}
		before = engine_work(f->engine);
		assert_true(engine_has_more(f->engine));
		engine_go_on(f->engine);
		*most = engine_work(f->engine) - before > *most ? engine_work(f->engine) - before : *most;
	}
	return a;
}

static struct ask *do_at_once(struct fake_owner *f, const struct candor_request *r, uint64_t most_allowed)
{
	uint64_t most;
	unsigned events;
	struct ask *a = do_in_slices(f, r, &most, &events);
	if (most > most_allowed)
		print_error("%llu steps at once\n", (unsigned long long)most);
	assert_at_most((double)most, (double)most_allowed);
	return a;
}

/* Labelers from `done` up to `end` report on an item. */
static void fill_item_by(struct fake_owner *f, const char *item, unsigned done, unsigned end)
{
	enum { AT_A_TIME = 5000 };
	struct candor_report *rows = calloc(AT_A_TIME, sizeof *rows);
	char(*names)[16] = calloc(AT_A_TIME, sizeof *names);
	while (done < end) {
		size_t n = 0;
		for (; n < AT_A_TIME && done < end; n++, done++) {
			snprintf(names[n], sizeof names[n], "l%05u", done);
			rows[n] = (struct candor_report){.item = item, .labeler = names[n], .value = done % 7 / 6.0};
		}
		const struct candor_request r = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows};
		struct ask *a = do_at_once(f, &r, 2 * SLICE_WORK);
		fake_settle(f);
		ask_free(a);
	}
	free(rows);
	free(names);
}

/* With as many reports as there may be. */
static void fill_item(struct fake_owner *f, const char *item)
{
	fill_item_by(f, item, 0, LARGE);
}

static struct candor_report *repeat(const char *item, const char *labeler, double value, size_t n)
{
	struct candor_report *rows = calloc(n, sizeof *rows);
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct candor_report){.item = item, .labeler = labeler, .value = value};
	return rows;
}

static struct candor_request post_of(const struct candor_report *rows, size_t n)
{
	return (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows};
}

static void repeated_rows_on_a_large_item_are_done_in_slices(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fill_item(f, "x");
	char last[8];
	snprintf(last, sizeof last, "l%05d", LARGE - 1);
	struct candor_report *rows = repeat("x", last, (LARGE - 1) % 7 / 6.0, ROWS);
	struct candor_request r = post_of(rows, ROWS);
	uint64_t most;
	unsigned events;
	struct ask *a = do_in_slices(f, &r, &most, &events);
	assert_true(events >= 4);
	assert_at_most((double)most, ROWS * NAME_WORK + 2 * SLICE_WORK);
	assert_int_equal(a->answer.batch.duplicates, ROWS);
	assert_false(fake_tick(f)); /* nothing was changed */
	ask_free(a);
	free(rows);
}

/* While a request is between two slices others are served, but no batch is handed over; what is long waits. */
static void what_one_request_changes_is_one_batch(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "x", "ann", 0.5), CANDOR_OK);
	struct candor_report *rows = repeat("x", "ann", 0.5, ROWS), *others = repeat("x", "ann", 0.75, ROWS);
	for (size_t i = 0; i < ROWS; i += 1000)
		rows[i].labeler = "bob"; /* revised once, then as it was */
	struct candor_request r = post_of(rows, ROWS), long_one = post_of(others, ROWS);
	struct ask *a = fake_ask(f, &r), *b = fake_ask(f, &long_one);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	/* The first slice goes into looking for the items. */
	engine_go_on(f->engine);
	assert_int_equal(b->outcome, ENGINE_BLOCKED);
	assert_false(a->replied || fake_tick(f));
	struct ask *c = fake_ask_post(f, "p", "x", "carl", 0.5);
	assert_true(c->replied && !c->settled);
	while (!a->replied) {
		assert_false(fake_tick(f) || b->replied);
		engine_go_on(f->engine);
	}
	assert_int_equal(a->answer.batch.accepted, 1);
	assert_int_equal(a->answer.batch.duplicates, ROWS - 1);
	/* The batch was due all that time, so it goes before the next one writes. */
	assert_false(b->replied || engine_has_more(f->engine));
	assert_true(fake_tick(f));
	while (!b->replied)
		engine_go_on(f->engine);
	assert_int_equal(b->answer.batch.revised, 1);
	fake_commit(f, 0);
	assert_true(a->settled && c->settled && !b->settled);
	fake_settle(f);
	ask_free(a);
	ask_free(b);
	ask_free(c);
	free(rows);
	free(others);
}

static void a_commit_that_fails_between_two_slices_undoes_what_was_done(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "x", "ann", 0.5), CANDOR_OK);
	struct ask *before = fake_ask_post(f, "p", "y", "ann", 0.5);
	while (f->n_reads > 0)
		fake_read_done(f, 0);
	assert_true(fake_tick(f));
	struct candor_report *rows = repeat("x", "bob", 0.5, ROWS), *same = repeat("x", "ann", 0.5, ROWS);
	struct candor_request r = post_of(rows, ROWS), nothing = post_of(same, ROWS);
	struct ask *a = fake_ask(f, &r);
	engine_go_on(f->engine);
	struct ask *b = fake_ask(f, &nothing);
	assert_false(a->replied || b->replied);
	fake_commit(f, ERR_DISK_FULL);
	assert_true(a->settled);
	assert_int_equal(a->answer.code, CANDOR_UNAVAILABLE);
	assert_int_equal(before->err, ERR_DISK_FULL);
	fake_settle(f);
	/* What had changed nothing starts anew, and finds that nothing can be written. */
	assert_int_equal(b->answer.code, CANDOR_UNAVAILABLE);
	engine_probe(f->engine);
	fake_settle(f);
	assert_int_equal(fake_query(f, "p", "x")->n, 1);
	assert_null(fake_query(f, "p", "y"));
	ask_free(before);
	ask_free(a);
	ask_free(b);
	free(rows);
	free(same);
}

static void a_large_item_named_again_and_again_is_told_in_slices(void **state)
{
	enum { TIMES = 36 };
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fill_item(f, "x");
	const char *names[TIMES];
	for (int i = 0; i < TIMES; i++)
		names[i] = "x";
	struct candor_request r = {.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = TIMES, .items = names};
	uint64_t before = engine_work(f->engine);
	struct ask *a = do_at_once(f, &r, 6 * SLICE_WORK);
	assert_int_equal(a->answer.n, TIMES);
	/* Its aggregates are computed once. */
	assert_at_most((double)(engine_work(f->engine) - before), 6 * LARGE);
	ask_free(a);
	/* The answer ends where the frame is full, and so does the work. */
	r.with_reports = true;
	f->limits.max_frame_bytes = 1024 * 1024;
	fake_restart(f);
	before = engine_work(f->engine);
	a = do_at_once(f, &r, 10 * SLICE_WORK);
	assert_int_equal(a->answer.code, CANDOR_OK);
	assert_true(a->answer.n < TIMES / 2);
	assert_at_most((double)(engine_work(f->engine) - before), 10.0 * ((double)a->answer.n + 1) * LARGE);
	ask_free(a);
	/* Each row that ends an item is one piece. */
	fill_item(f, "y");
	const struct candor_outcome outcomes[] = {{"x", 1}, {"y", 0}};
	uint64_t most;
	unsigned events;
	r = (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 2, .outcomes = outcomes};
	a = do_in_slices(f, &r, &most, &events);
	assert_at_most((double)most, 18.0 * LARGE);
	assert_true(events >= 2 && a->answer.batch.accepted == 2);
	fake_settle(f);
	ask_free(a);
}

static void listings_of_many_labelers_and_the_best_one_are_found_in_slices(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	/* The weights fall and the losses rise with the id, so that each order has its worst case. */
	fill_item(f, "x");
	assert_int_equal(fake_resolve(f, "p", "x", 1), CANDOR_OK);
	static const enum candor_sort sorts[] = {CANDOR_BY_WEIGHT, CANDOR_BY_REGRET, CANDOR_BY_LOSS, CANDOR_BY_SCORED,
						 CANDOR_BY_NAME};
	for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
		struct candor_request r = {
			.type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .sort = sorts[i], .limit = 1000};
		struct ask *a = do_at_once(f, &r, 2 * SLICE_WORK);
		assert_int_equal(a->answer.n, 1000);
		assert_int_equal(a->answer.total, LARGE);
		for (size_t k = 1; k < a->answer.n; k++) {
			const struct candor_labeler *x = &a->answer.labelers[k - 1], *y = x + 1;
			assert_true(sorts[i] == CANDOR_BY_WEIGHT   ? x->weight >= y->weight
				    : sorts[i] == CANDOR_BY_REGRET ? x->regret >= y->regret
				    : sorts[i] == CANDOR_BY_LOSS   ? x->own_loss <= y->own_loss
								   : strcmp(x->name, y->name) < 0);
		}
		ask_free(a);
	}
	struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = "p"};
	struct ask *a = do_at_once(f, &get, 2 * SLICE_WORK);
	assert_string_equal(a->answer.pool.best->labeler, "l00006");
	ask_free(a);
	uint64_t before = engine_work(f->engine);
	ask_free(do_at_once(f, &get, SLICE_WORK));
	assert_at_most((double)(engine_work(f->engine) - before), 16); /* it is remembered */
}

static void settings_of_a_large_pool_change_at_once(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fill_item(f, "x");
	for (unsigned done = LARGE; done < SLICE_WORK + 10000; done += 10000) {
		char item[16];
		snprintf(item, sizeof item, "x%u", done);
		fill_item_by(f, item, done, done + 10000);
	}
	assert_int_equal(fake_resolve(f, "p", "x", 1), CANDOR_OK);
	struct candor_request r = {.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.beta = 0.25}};
	uint64_t before = engine_work(f->engine);
	struct ask *a = fake_ask(f, &r);
	assert_true(a->replied);
	assert_at_most((double)(engine_work(f->engine) - before), 1000);
	assert_int_equal(a->answer.code, CANDOR_OK);
	assert_near(a->answer.pool.settings.beta, 0.25, 0);
	fake_settle(f);
	char *now = fake_state(f), *then = fake_state_on_disk(f);
	assert_string_equal(now, then);
	free(now);
	free(then);
	ask_free(a);
}

/* ---- blocks ---- */

enum { BLOCK = 8, PART = LARGE / BLOCK };

/* Items x0, x1, ... with as many reports in all as a block may have; their names go into rows[BLOCK]. */
static void fill_block(struct fake_owner *f, char (*names)[8], struct candor_outcome *rows)
{
	for (unsigned i = 0; i < BLOCK; i++) {
		snprintf(names[i], sizeof names[i], "x%u", i);
		fill_item_by(f, names[i], i * (PART / 2), i * (PART / 2) + PART);
		rows[i] = (struct candor_outcome){names[i], i % 2};
	}
}

/* While it is under way others see the pool as it was, or wait. */
static void a_block_is_settled_in_slices_of_which_nobody_sees_one(void **state)
{
	struct fake_owner *f = *state;
	char names[BLOCK][8];
	struct candor_outcome rows[BLOCK];
	fake_pool(f, "p", NULL);
	fake_pool(f, "q", NULL);
	fill_block(f, names, rows);
	assert_int_equal(fake_post(f, "q", "i", "ann", 0.5), CANDOR_OK);
	struct candor_request r = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = BLOCK, .outcomes = rows};
	struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = "p"},
			      list = {.type = CANDOR_REQ_LIST_POOLS, .limit = 9};
	struct ask *a = fake_ask(f, &r);
	assert_false(a->replied);
	struct ask *b = fake_ask_resolve(f, "p", "x0", 1), *c = fake_ask_post(f, "q", "i", "ben", 0.5);
	struct ask *d = fake_ask(f, &get), *l = fake_ask(f, &list);
	/* Another pool is free; this one is not. */
	assert_true(c->replied && !b->replied);
	unsigned slices = 0;
	uint64_t most = 0;
	while (!a->replied) {
		uint64_t before = engine_work(f->engine);
		assert_false(fake_tick(f) || b->replied || d->replied || l->replied);
		engine_go_on(f->engine);
		most = engine_work(f->engine) - before > most ? engine_work(f->engine) - before : most;
		slices++;
	}
	assert_true(slices >= 6);
	/* The settlement itself is one step. */
	assert_at_most((double)most, 8.0 * LARGE + 2 * SLICE_WORK);
	assert_int_equal(a->answer.batch.accepted, BLOCK);
	fake_settle(f);
	assert_int_equal(b->answer.n_rejected, 1); /* it has outcome 0 by now */
	assert_int_equal(d->answer.pool.round, BLOCK);
	assert_int_equal(l->answer.pools[0].round, BLOCK);
	assert_memory_equal(d->answer.pool.head, l->answer.pools[0].head, CANDOR_HEAD_BYTES);
	struct ask *const asks[] = {a, b, c, d, l};
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
		ask_free(asks[i]);
	fake_restart(f);
	assert_int_equal(fake_query(f, "p", "x7")->block, 1);
}

static void a_block_with_more_reports_than_one_item_may_have_is_refused(void **state)
{
	struct fake_owner *f = *state;
	char names[BLOCK][8];
	struct candor_outcome rows[BLOCK + 1];
	fake_pool(f, "p", NULL);
	fill_block(f, names, rows);
	fill_item_by(f, "more", 0, ITEM_REPORTS_MAX - PART * BLOCK + 1);
	rows[BLOCK] = (struct candor_outcome){"more", 1};
	struct candor_request r = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = BLOCK + 1, .outcomes = rows};
	struct ask *a = do_at_once(f, &r, SLICE_WORK);
	assert_int_equal(a->answer.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_string_equal(
		a->answer.message,
		"these items have 65536 reports; items with at most 65535 reports in all can be settled together");
	ask_free(a);
}

/* Where it was closing, and where it was settled and half of it written down. */
static void a_commit_that_fails_in_the_middle_of_a_block_leaves_nothing_of_it(void **state)
{
	struct fake_owner *f = *state;
	char names[BLOCK][8];
	struct candor_outcome rows[BLOCK];
	fake_pool(f, "p", NULL);
	fill_block(f, names, rows);
	char *before = fake_state(f);
	struct candor_request r = {
		.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .together = true, .n = BLOCK, .outcomes = rows};
	bool done = false;
	for (unsigned slices = 0; !done; slices++) {
		struct ask *other = fake_ask_post(f, "p", "x0", "l00000", 0.5 + 0.001 * slices);
		assert_true(fake_tick(f));
		struct ask *a = fake_ask(f, &r);
		for (unsigned i = 0; i < slices && !a->replied; i++)
			engine_go_on(f->engine);
		done = a->replied;
		fake_commit(f, ERR_DISK_FULL);
		fake_settle(f);
		assert_true(done ? a->err == ERR_DISK_FULL : a->answer.code == CANDOR_UNAVAILABLE);
		engine_probe(f->engine);
		fake_settle(f);
		char *after = fake_state(f);
		assert_string_equal(before, after);
		free(after);
		ask_free(a);
		ask_free(other);
	}
	free(before);
	struct ask *a = do_at_once(f, &r, 8 * LARGE + 2 * SLICE_WORK);
	assert_int_equal(a->answer.batch.accepted, BLOCK);
	fake_settle(f);
	ask_free(a);
}

/* ---- what items are now ---- */

/* Ends what is read for it until it is replied to: the most steps of one event, and how many there were. */
static void read_to_the_end(struct fake_owner *f, const struct ask *a, uint64_t *most, unsigned *reads)
{
	*most = 0;
	for (*reads = 0; !a->replied; ++*reads) {
		uint64_t before = engine_work(f->engine);
		assert_int_equal(f->n_reads, 1);
		fake_read_done(f, 0);
		*most = engine_work(f->engine) - before > *most ? engine_work(f->engine) - before : *most;
	}
}

static void a_page_with_now_is_read_by_few_reports_at_a_time_and_ends_with_as_many_as_an_item_may_have(void **state)
{
	struct fake_owner *f = *state;
	char names[BLOCK][8], cursor[64];
	struct candor_outcome rows[BLOCK];
	fake_pool(f, "p", NULL);
	fill_block(f, names, rows);
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(fake_close(f, "p", names[i]), CANDOR_OK);
	fill_item(f, "y");
	assert_int_equal(fake_close(f, "p", "y"), CANDOR_OK);
	fake_restart(f);
	struct candor_request r = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .with_now = true, .limit = 100};
	struct ask *a = fake_ask(f, &r);
	uint64_t most;
	unsigned reads;
	read_to_the_end(f, a, &most, &reads);
	assert_true(reads >= BLOCK * PART / (8192 + PART));
	assert_at_most((double)most, 6.0 * 2 * 8192 + SLICE_WORK);
	assert_int_equal(a->answer.n, ITEM_REPORTS_MAX / PART < BLOCK + 1 ? BLOCK : BLOCK + 1);
	for (size_t i = 0; i < a->answer.n; i++)
		assert_true(a->answer.items[i].now && a->answer.items[i].has_label);
	assert_int_equal(a->answer.more, a->answer.n == BLOCK);
	snprintf(cursor, sizeof cursor, "%s", a->answer.next);
	fake_settle(f);
	/* Nothing of it stays in memory. */
	struct candor_request info = {.type = CANDOR_REQ_INFO};
	assert_int_equal(fake_call(f, &info)->info.resident_items, 0);
	if (a->answer.more) {
		r.cursor = cursor;
		struct ask *b = fake_ask(f, &r);
		read_to_the_end(f, b, &most, &reads);
		assert_true(b->answer.n == 1 && !b->answer.more && b->answer.items[0].now);
		fake_settle(f);
		ask_free(b);
	}
	ask_free(a);
}

/* Some of it was told by weights that never came to be. */
static void a_page_with_now_is_read_anew_where_memory_was_rebuilt_meanwhile(void **state)
{
	struct fake_owner *f = *state;
	char names[BLOCK][8];
	struct candor_outcome rows[BLOCK];
	fake_pool(f, "p", NULL);
	fill_block(f, names, rows);
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(fake_close(f, "p", names[i]), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "z", "l00001", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "z", "l00002", 0.75), CANDOR_OK);
	fake_restart(f);
	struct candor_request r = {.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .with_now = true, .limit = 100};
	struct ask *want = fake_ask(f, &r);
	fake_settle(f);
	/* The outcome moves weights before the first part is told, and is taken back before the second. */
	struct ask *lost = fake_ask_resolve(f, "p", "z", 1);
	assert_true(lost->replied && fake_tick(f));
	struct ask *a = fake_ask(f, &r);
	assert_false(a->replied || f->n_reads > 0); /* it waits for that */
	fake_commit(f, 0);
	struct ask *next = fake_ask_post(f, "p", "new", "l00003", 0.5);
	while (!next->replied)
		fake_read_done(f, f->n_reads - 1);
	assert_true(fake_tick(f));
	fake_read_done(f, 0);
	assert_false(a->replied);
	fake_commit(f, ERR_DISK_FULL);
	uint64_t most;
	unsigned reads;
	read_to_the_end(f, a, &most, &reads);
	assert_true(reads > BLOCK * PART / (8192 + PART));
	assert_int_equal(a->answer.n, want->answer.n + 1);
	engine_probe(f->engine);
	fake_settle(f);
	const struct candor_response *now = fake_call(f, &r);
	for (size_t i = 0; i < want->answer.n; i++)
		assert_same_bits(a->answer.items[i].now->mean, now->items[i].now->mean);
	struct ask *const asks[] = {want, lost, a, next};
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
		ask_free(asks[i]);
}

/* What is read is read by the rights of the moment. */
static void rights_that_end_between_two_slices_end_the_request(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fill_item(f, "x");
	grant(f, "uid:4711", "p", "", CANDOR_RIGHT_INSPECT);
	struct candor_request r = {
		.type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .sort = CANDOR_BY_NAME, .limit = 1000};
	struct ask *a = fake_prepare(f, &r);
	a->identity = (struct identity){.name = "uid:4711", .is_known = true};
	fake_submit(a);
	assert_int_equal(a->outcome, ENGINE_BLOCKED);
	const struct candor_grant g = {"uid:4711", "p", "", CANDOR_RIGHT_INSPECT};
	struct ask *b = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .n = 1, .grants = &g});
	assert_true(b->replied && !a->replied);
	engine_go_on(f->engine);
	assert_true(a->replied);
	assert_int_equal(a->answer.code, CANDOR_PERMISSION_DENIED);
	fake_settle(f);
	ask_free(a);
	ask_free(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_peer_may_see_is_found_by_its_grants),
		TEST(repeated_rows_on_a_large_item_are_done_in_slices),
		TEST(what_one_request_changes_is_one_batch),
		TEST(a_commit_that_fails_between_two_slices_undoes_what_was_done),
		TEST(a_large_item_named_again_and_again_is_told_in_slices),
		TEST(listings_of_many_labelers_and_the_best_one_are_found_in_slices),
		TEST(settings_of_a_large_pool_change_at_once),
		TEST(a_block_is_settled_in_slices_of_which_nobody_sees_one),
		TEST(a_block_with_more_reports_than_one_item_may_have_is_refused),
		TEST(a_commit_that_fails_in_the_middle_of_a_block_leaves_nothing_of_it),
		TEST(a_page_with_now_is_read_by_few_reports_at_a_time_and_ends_with_as_many_as_an_item_may_have),
		TEST(a_page_with_now_is_read_anew_where_memory_was_rebuilt_meanwhile),
		TEST(rights_that_end_between_two_slices_end_the_request),
	};
	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
