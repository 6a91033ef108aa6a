/* What one commit writes: the rows and pages that it needs, and no others. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/engine/state.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/unit.h"

enum { FRAME_BYTES = 24 + 4096 }; /* of the write-ahead log */

#define ONE(...) +1

enum { CHANGE_TYPES = 0 CHANGES(ONE, ONE, ONE) };

struct commit {
	int rows[CHANGE_TYPES]; /* by type */
	int n; /* of all types */
	long pages;
};

static long log_frames(const struct fake_owner *f)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof path, "%s-wal", f->path);
	return stat(path, &st) == 0 ? (long)st.st_size / FRAME_BYTES : 0;
}

/* Carries out one request and everything that it makes wait, with one commit. */
static struct commit commit_of(struct fake_owner *f, struct ask *r)
{
	struct commit c = {0};
	while (f->n_reads > 0)
		fake_read_done(f, 0);
	assert_true(r->replied && r->answer.code == CANDOR_OK && r->answer.n_rejected == 0);
	assert_true(fake_tick(f));
	for (const struct change *at = f->batch->first; at; at = at->next, c.n++)
		c.rows[at->type]++;
	long before = log_frames(f);
	fake_commit(f, 0);
	assert_true(r->settled && r->err == 0);
	c.pages = log_frames(f) - before;
	ask_free(r);
	fake_settle(f);
	return c;
}

static void open_items(struct fake_owner *f, const char *pool)
{
	fake_pool(f, pool, NULL);
	assert_int_equal(fake_post(f, pool, "a", "ann", 0.5), CANDOR_OK);
	assert_int_equal(fake_post(f, pool, "b", "bob", 0.5), CANDOR_OK);
}

static void a_report_on_an_open_item_writes_one_row_beside_the_counts(void **state)
{
	struct fake_owner *f = *state;
	open_items(f, "p");
	struct commit c = commit_of(f, fake_ask_post(f, "p", "b", "ann", 0.25));
	assert_int_equal(c.n, 2);
	assert_int_equal(c.rows[CHANGE_LOG], 1);
	assert_int_equal(c.rows[CHANGE_PROGRESS], 1);
	assert_int_equal(c.pages, 2);
	c = commit_of(f, fake_ask_post(f, "p", "b", "ann", 0.75));
	assert_int_equal(c.n, 3);
	assert_int_equal(c.rows[CHANGE_REVISION], 1);
	assert_int_equal(c.pages, 3);
}

static void a_pool_is_written_when_its_row_has_changed(void **state)
{
	struct fake_owner *f = *state;
	open_items(f, "p");
	/* A labeler joins: their weight counts. */
	assert_int_equal(commit_of(f, fake_ask_post(f, "p", "a", "cleo", 0.25)).rows[CHANGE_POOL], 1);
	assert_int_equal(commit_of(f, fake_ask_post(f, "p", "b", "cleo", 0.25)).rows[CHANGE_POOL], 0);
	struct commit c = commit_of(f, fake_ask_resolve(f, "p", "a", 1));
	assert_int_equal(c.rows[CHANGE_POOL], 1);
	/* The same after a restart, which does not know what was written last. */
	fake_restart(f);
	assert_int_equal(commit_of(f, fake_ask_post(f, "p", "b", "ann", 0.25)).rows[CHANGE_REVISION], 0);
	c = commit_of(f, fake_ask_post(f, "p", "b", "ann", 0.5));
	assert_int_equal(c.rows[CHANGE_POOL], 0);
}

/* What happens to an item has an entry of its own, in one page for all that a commit has of a pool. */
static void what_happens_to_items_writes_one_page_of_the_list(void **state)
{
	enum { ITEMS = 16 };
	struct fake_owner *f = *state;
	const char *items[ITEMS];
	char names[ITEMS][16];
	open_items(f, "p");
	for (int i = 0; i < ITEMS; i++) {
		snprintf(names[i], sizeof names[i], "i%d", i);
		items[i] = names[i];
		assert_int_equal(fake_post(f, "p", items[i], "ann", 0.5), CANDOR_OK);
	}
	const struct candor_request close = {.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = ITEMS, .items = items};
	struct commit c = commit_of(f, fake_ask(f, &close));
	assert_int_equal(c.rows[CHANGE_ITEM_CHANGE], ITEMS);
	/* Items and their two indexes, open items, the audit and its index, the pool, the counts, and the list. */
	assert_true(c.pages <= 9);
	c = commit_of(f, fake_ask_resolve(f, "p", items[0], 1));
	assert_int_equal(c.rows[CHANGE_ITEM_CHANGE], 1);
	c = commit_of(f, fake_ask_resolve(f, "p", "a", 1));
	assert_int_equal(c.rows[CHANGE_ITEM_CHANGE], 2);
	c = commit_of(f, fake_ask_post(f, "p", "b", "ann", 0.25));
	assert_int_equal(c.rows[CHANGE_ITEM_CHANGE], 0);
}

static void a_commit_writes_the_pools_that_it_touched(void **state)
{
	struct fake_owner *f = *state;
	static const char *const pools[] = {"p", "q", "r", "s"};
	for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
		open_items(f, pools[i]);
	struct ask *both[] = {fake_ask_post(f, "q", "c", "ann", 0.5), fake_ask_post(f, "s", "c", "bob", 0.5)};
	while (f->n_reads > 0)
		fake_read_done(f, 0);
	assert_ptr_equal(f->engine->touched, engine_find(f->engine, "s"));
	assert_ptr_equal(f->engine->touched->next_touched, engine_find(f->engine, "q"));
	assert_null(f->engine->touched->next_touched->next_touched);
	assert_int_equal(commit_of(f, both[0]).rows[CHANGE_OPEN_ITEM], 2);
	assert_null(f->engine->touched);
	assert_true(both[1]->settled && both[1]->err == 0);
	ask_free(both[1]);
}

static void what_a_failed_commit_did_not_write_is_written_again(void **state)
{
	struct fake_owner *f = *state;
	open_items(f, "p");
	struct ask *r = fake_ask_resolve(f, "p", "a", 1);
	assert_true(fake_tick(f));
	fake_commit(f, -ENOMEM);
	assert_int_equal(r->err, -ENOMEM);
	ask_free(r);
	struct commit c = commit_of(f, fake_ask_resolve(f, "p", "a", 1));
	assert_int_equal(c.rows[CHANGE_POOL], 1);
}

/* Not one row of a labeler's, though the change has brought every weight up to another epoch. */
static void new_settings_of_a_pool_with_many_labelers_write_a_few_rows(void **state)
{
	enum { LABELERS = 4000, AT_A_TIME = 1000 };
	static struct candor_report rows[AT_A_TIME];
	static char names[AT_A_TIME][16];
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	for (int i = 0; i < 3 * LABELERS; i += AT_A_TIME) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i / LABELERS);
		for (int k = 0; k < AT_A_TIME; k++) {
			snprintf(names[k], sizeof names[k], "l%d", (i + k) % LABELERS);
			rows[k] = (struct candor_report){item, names[k], k % 3 / 2.0};
		}
		const struct candor_request r = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = AT_A_TIME, .reports = rows};
		assert_int_equal(fake_call(f, &r)->batch.accepted, AT_A_TIME);
	}
	for (int i = 0; i < 3; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_resolve(f, "p", item, 1), CANDOR_OK);
	}
	assert_true(pool_totals(f->engine->pools[0]->pool)->epoch > 0);
	for (int i = 0; i < 2; i++) {
		const struct candor_request r = {
			.type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.beta = 0.25 + 0.125 * i}};
		struct commit c = commit_of(f, fake_ask(f, &r));
		assert_int_equal(c.rows[CHANGE_SETTINGS], 1);
		assert_int_equal(c.rows[CHANGE_LABELER], 0);
		assert_at_most(c.n, 4);
		assert_at_most((double)c.pages, 16);
	}
}

static void fill(struct fake_owner *f, const char *item, int n)
{
	static struct candor_report rows[1000];
	static char names[1000][16];
	for (int i = 0; i < n; i += 1000) {
		for (int k = 0; k < 1000; k++) {
			snprintf(names[k], sizeof names[k], "l%d", i + k);
			rows[k] = (struct candor_report){item, names[k], k % 3 / 2.0};
		}
		const struct candor_request r = {
			.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1000, .reports = rows};
		assert_int_equal(fake_call(f, &r)->batch.accepted, 1000);
	}
}

/* Each is one row of a request. */
static void outcomes_of_large_items_go_into_commits_of_their_own(void **state)
{
	enum { ITEMS = 5 };
	struct fake_owner *f = *state;
	struct ask *asks[ITEMS];
	char items[ITEMS][16];
	f->limits.commit_bytes = 64 * 1024;
	fake_restart(f);
	fake_pool(f, "p", NULL);
	for (int i = 0; i < ITEMS; i++) {
		snprintf(items[i], sizeof items[i], "i%d", i);
		fill(f, items[i], 3000);
	}
	assert_int_equal(fake_post(f, "p", "small", "l1", 0.5), CANDOR_OK);
	for (int i = 0; i < ITEMS; i++)
		asks[i] = fake_ask_resolve(f, "p", items[i], 1);
	/* Who comes with little does not wait for them. */
	struct ask *small = fake_ask_post(f, "p", "small", "l2", 0.5);
	assert_true(small->replied);
	int settled = 0;
	for (int commits = 0; settled < ITEMS; commits++) {
		assert_in_range(commits, 0, ITEMS);
		while (engine_has_more(f->engine))
			engine_go_on(f->engine);
		assert_true(fake_tick(f));
		int here = 0;
		for (const struct change *at = f->batch->first; at; at = at->next)
			here += at->type == CHANGE_SETTLEMENT;
		assert_at_most(here, 1);
		settled += here;
		fake_commit(f, 0);
		assert_true(small->settled);
	}
	fake_settle(f);
	for (int i = 0; i < ITEMS; i++) {
		assert_true(asks[i]->settled && asks[i]->answer.batch.accepted == 1);
		ask_free(asks[i]);
	}
	ask_free(small);
}

/* A quarter of the reports that were scored, but not all with one commit. */
static void rows_of_labelers_are_spread_over_commits(void **state)
{
	enum { LABELERS = 12000, AT_ONCE = 1024 };
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	fill(f, "i", LABELERS);
	assert_int_equal(fake_post(f, "p", "other", "l0", 0), CANDOR_OK);
	struct commit c = commit_of(f, fake_ask_resolve(f, "p", "i", 1));
	int rows = c.rows[CHANGE_LABELER];
	assert_int_equal(rows, AT_ONCE);
	for (int i = 1; rows < LABELERS / 4; i++) {
		assert_in_range(i, 1, 8);
		c = commit_of(f, fake_ask_post(f, "p", "other", "l0", i / 8.0));
		assert_at_most(c.rows[CHANGE_LABELER], AT_ONCE);
		rows += c.rows[CHANGE_LABELER];
	}
	assert_int_equal(rows, LABELERS / 4);
	assert_int_equal(commit_of(f, fake_ask_post(f, "p", "other", "l0", 1)).rows[CHANGE_LABELER], 0);
}

static void commits_are_shorter_while_somebody_writes_little(void **state)
{
	struct fake_owner *f = *state;
	struct candor_report rows[300];
	char labelers[300][16];
	f->limits.commit_bytes = 64 * 1024;
	fake_restart(f);
	fake_pool(f, "p", NULL);
	for (int i = 0; i < 300; i++) {
		snprintf(labelers[i], sizeof labelers[i], "l%d", i);
		rows[i] = (struct candor_report){"a", labelers[i], 0.5};
	}
	const struct candor_request many = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 300, .reports = rows};
	fake_call(f, &many);
	for (int round = 0; round < 2; round++) {
		/* More than a quarter, and less than the whole. */
		for (int i = 0; i < 300; i++)
			rows[i].value = 0.25 + 0.25 * round;
		if (round == 1)
			assert_int_equal(fake_post(f, "p", "a", "l0", 0.125), CANDOR_OK);
		struct ask *r = fake_ask(f, &many);
		assert_true(f->engine->filling->arena.used_bytes > 16 * 1024);
		assert_int_equal(engine_pressure(f->engine), round == 1 ? PRESSURE_RAISED : PRESSURE_NONE);
		fake_settle(f);
		ask_free(r);
	}
	/* They are for a while only. */
	for (int i = 0; i < 20; i++) {
		for (int k = 0; k < 300; k++)
			rows[k].value = (double)i / 20;
		fake_call(f, &many);
	}
	rows[0].value = 1;
	struct ask *r = fake_ask(f, &many);
	assert_int_equal(engine_pressure(f->engine), PRESSURE_NONE);
	fake_settle(f);
	ask_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_report_on_an_open_item_writes_one_row_beside_the_counts),
		TEST(a_pool_is_written_when_its_row_has_changed),
		TEST(what_happens_to_items_writes_one_page_of_the_list),
		TEST(a_commit_writes_the_pools_that_it_touched),
		TEST(what_a_failed_commit_did_not_write_is_written_again),
		TEST(new_settings_of_a_pool_with_many_labelers_write_a_few_rows),
		TEST(outcomes_of_large_items_go_into_commits_of_their_own),
		TEST(rows_of_labelers_are_spread_over_commits),
		TEST(commits_are_shorter_while_somebody_writes_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
