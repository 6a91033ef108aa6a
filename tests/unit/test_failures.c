/* Commits that fail: who waited is told, memory becomes what disk has, and what can be served still is. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/db/internal.h"
#include "daemon/engine/state.h"
#include "tests/lib/asks.h"
#include "tests/lib/fake_owner.h"

static int set_up(void **state)
{
	fake_set_up(state);
	struct fake_owner *f = *state;
	fake_pool(f, "p", NULL);
	assert_int_equal(fake_post(f, "p", "open", "a", 0.25), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "open", "b", 0.75), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "closed", "a", 1), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "closed", "b", 0), CANDOR_OK);
	assert_int_equal(fake_close(f, "p", "closed"), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "resolved", "a", 1), CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "resolved", "b", 0), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "p", "resolved", 1), CANDOR_OK);
	return 0;
}

static void assert_memory_is_as_disk(struct fake_owner *f)
{
	char *memory = fake_state(f), *disk = fake_state_on_disk(f);
	assert_string_equal(memory, disk);
	free(memory);
	free(disk);
}

static void assert_answer(struct ask *a, int err, enum candor_code code)
{
	assert_true(a->settled);
	assert_int_equal(a->err, err);
	assert_int_equal(a->answer.code, code);
	ask_free(a);
}

static const struct candor_info *info(struct fake_owner *f)
{
	return &fake_call(f, &(struct candor_request){.type = CANDOR_REQ_INFO})->info;
}

/* The cause, and what to do about it. */
static void assert_reason(struct fake_owner *f, int err)
{
	const char *reason = info(f)->reason, *cause = candor_strerror(err);
	assert_true(strncmp(reason, cause, strlen(cause)) == 0);
	assert_non_null(strstr(reason, "accepted again by themselves"));
}

static void everyone_who_waited_is_told_and_memory_is_as_disk_again(void **state)
{
	struct fake_owner *f = *state;
	char *before = fake_state(f);
	/* Two batches of every kind of change: one with the store, one being filled. */
	struct ask *asks[10];
	size_t n = 0;
	for (int batch = 0; batch < 2; batch++) {
		asks[n++] = fake_ask_post(f, "p", "open", "a", 0.5 + batch * 0.1);
		asks[n++] = fake_ask_post(f, "p", "open", batch ? "c" : "d", 1);
		asks[n++] = fake_ask_resolve(f, "p", batch ? "closed" : "open", 1);
		asks[n++] =
			fake_ask(f, &(struct candor_request){
					    .type = CANDOR_REQ_UPDATE_POOL, .pool = "p", .settings = {.c = 2 + batch}});
		asks[n++] = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "p"});
		if (batch == 0)
			assert_true(fake_tick(f));
	}
	fake_commit(f, ERR_DISK_FULL);
	for (size_t i = 0; i < n; i++)
		assert_answer(asks[i], ERR_DISK_FULL, CANDOR_OK);
	char *after = fake_state(f);
	assert_string_equal(after, before);
	free(after);
	free(before);
	assert_memory_is_as_disk(f);
	assert_int_equal(f->failed, 0);
}

static void while_there_is_no_room_reads_are_served_and_writes_refused(void **state)
{
	struct fake_owner *f = *state;
	/* By the words of docs/protocol.md; each type is one or the other. */
	enum { UNSAID, READS, WRITES };
	static const uint8_t kinds[CANDOR_REQ_TYPES] = {
		[CANDOR_REQ_HELLO] = READS,          [CANDOR_REQ_INFO] = READS,
		[CANDOR_REQ_CREATE_POOL] = WRITES,   [CANDOR_REQ_UPDATE_POOL] = WRITES,
		[CANDOR_REQ_LIST_POOLS] = READS,     [CANDOR_REQ_GET_POOL] = READS,
		[CANDOR_REQ_POST_REPORTS] = WRITES,  [CANDOR_REQ_CLOSE_ITEMS] = WRITES,
		[CANDOR_REQ_RESOLVE_ITEMS] = WRITES, [CANDOR_REQ_VOID_ITEMS] = WRITES,
		[CANDOR_REQ_QUERY_ITEMS] = READS,    [CANDOR_REQ_LIST_LABELERS] = READS,
		[CANDOR_REQ_GET_LABELER] = READS,    [CANDOR_REQ_LIST_ITEMS] = READS,
		[CANDOR_REQ_PRUNE_POOL] = WRITES,    [CANDOR_REQ_LIST_GRANTS] = READS,
		[CANDOR_REQ_ADD_GRANT] = WRITES,     [CANDOR_REQ_REMOVE_GRANT] = WRITES,
		[CANDOR_REQ_CREATE_TOKEN] = WRITES,  [CANDOR_REQ_LIST_TOKENS] = READS,
		[CANDOR_REQ_REVOKE_TOKEN] = WRITES,  [CANDOR_REQ_LIST_EVENTS] = READS,
		[CANDOR_REQ_LIST_CHANGES] = READS,   [CANDOR_REQ_RECHECK_ITEMS] = WRITES,
	};
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	ask_free(lost);
	assert_true(engine_is_read_only(f->engine));
	for (unsigned type = CANDOR_REQ_UNKNOWN + 1; type < CANDOR_REQ_TYPES; type++) {
		const char *name = candor_request_name((enum candor_request_type)type);
		struct cell c = {.number = type, .pool = "p", .name = "new"};
		ask_of(&c, (enum candor_request_type)type);
		const struct candor_response *r = fake_call(f, &c.request);
		if (kinds[type] == UNSAID || (kinds[type] == WRITES) != (r->code == CANDOR_UNAVAILABLE))
			fail_msg("%s: code %d, \"%s\"", name, (int)r->code, r->message);
		if (kinds[type] == WRITES)
			assert_non_null(strstr(r->message, "no space left on the daemon's disk"));
		else if (r->code != CANDOR_OK && r->code != CANDOR_NOT_FOUND)
			fail_msg("%s is not served: %s", name, r->message);
	}
	assert_int_equal(fake_query(f, "p", "open")->n, 2);
	assert_int_equal(fake_query(f, "p", "closed")->state, CANDOR_CLOSED);
	assert_null(fake_query(f, "p", "none"));
	struct candor_request r = {.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "a", .history = true};
	assert_int_equal(fake_call(f, &r)->n, 1);
	r = (struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p"};
	assert_int_equal(fake_call(f, &r)->n, 2);
	assert_true(info(f)->read_only);
	assert_reason(f, ERR_DISK_FULL);
}

static void a_probe_finds_out_when_there_is_room_again(void **state)
{
	struct fake_owner *f = *state;
	engine_probe(f->engine);
	assert_null(f->batch); /* not needed now */
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	ask_free(lost);
	uint64_t committed = engine_committed_change(f->engine);
	for (int i = 0; i < 3; i++) {
		engine_probe(f->engine);
		assert_non_null(f->batch);
		engine_probe(f->engine); /* one at a time */
		fake_commit(f, i < 2 ? ERR_DISK_FULL : 0);
		assert_int_equal(engine_is_read_only(f->engine), i < 2);
		assert_int_equal(engine_committed_change(f->engine), committed);
	}
	assert_int_equal(f->failed, 0);
	assert_false(info(f)->read_only);
	assert_int_equal(fake_post(f, "p", "open", "c", 1), CANDOR_OK);
	assert_int_equal(fake_query(f, "p", "open")->n, 3);
	assert_int_equal(fake_resolve(f, "p", "open", 1), CANDOR_OK);
	assert_memory_is_as_disk(f);
	assert_int_equal(fake_verify(f), 0);
}

static void sqlite_itself_finds_no_room(void **state)
{
	struct fake_owner *f = *state;
	char limit[64];
	int pages = (int)fake_number(f, "PRAGMA page_count");
	snprintf(limit, sizeof limit, "PRAGMA max_page_count = %d", pages + 1);
	assert_int_equal(sqlite3_exec(f->writer->handle, limit, NULL, NULL, NULL), SQLITE_OK);
	char name[256], before_text[] = "open";
	memset(name, 'x', 255);
	name[255] = 0;
	struct candor_report rows[500];
	char items[500][256];
	for (int i = 0; i < 500; i++) {
		snprintf(items[i], sizeof items[i], "%03d%.200s", i, name);
		rows[i] = (struct candor_report){items[i], "a", 1};
	}
	char *before = fake_state(f);
	struct ask *a = fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 500, .reports = rows});
	fake_settle(f);
	assert_answer(a, ERR_DISK_FULL, CANDOR_OK);
	char *after = fake_state(f);
	assert_string_equal(after, before);
	free(before);
	free(after);
	assert_int_equal(fake_query(f, "p", before_text)->n, 2);

	assert_int_equal(sqlite3_exec(f->writer->handle, "PRAGMA max_page_count = 1000000", NULL, NULL, NULL),
			 SQLITE_OK);
	engine_probe(f->engine);
	fake_settle(f);
	const struct candor_response *r = fake_call(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 500, .reports = rows});
	assert_int_equal(r->batch.accepted, 500);
	assert_int_equal(fake_verify(f), 0);
}

static void any_other_error_ends_the_service(void **state)
{
	struct fake_owner *f = *state;
	char *before = fake_state(f);
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DATABASE);
	assert_int_equal(f->failed, ERR_DATABASE);
	assert_answer(lost, ERR_DATABASE, CANDOR_OK);
	assert_int_equal(fake_post(f, "p", "open", "c", 1), CANDOR_INTERNAL);
	char *disk = fake_state_on_disk(f);
	assert_string_equal(disk, before);
	free(before);
	free(disk);
}

static void a_probe_that_fails_otherwise_ends_the_service(void **state)
{
	struct fake_owner *f = *state;
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	ask_free(lost);
	engine_probe(f->engine);
	fake_commit(f, ERR_DATABASE);
	assert_int_equal(f->failed, ERR_DATABASE);
	assert_true(engine_is_idle(f->engine));
}

/* What is half in memory would say of pools that are there that they are not. */
static void where_memory_cannot_be_rebuilt_nothing_is_read_from_it(void **state)
{
	struct fake_owner *f = *state;
	fake_pool(f, "q", NULL);
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_sql(f, "UPDATE pools SET epoch = 63 WHERE name = 'q'");
	fake_commit(f, ERR_DISK_FULL);
	assert_answer(lost, ERR_DISK_FULL, CANDOR_OK);
	assert_int_equal(f->failed, ERR_HISTORY);
	static const char *const pools[] = {"p", "q"};
	for (int i = 0; i < 2; i++) {
		struct candor_request r = {.type = CANDOR_REQ_GET_POOL, .pool = pools[i]};
		assert_int_equal(fake_call(f, &r)->code, CANDOR_INTERNAL);
		r.type = CANDOR_REQ_POST_REPORTS;
		assert_int_equal(fake_call(f, &r)->code, CANDOR_INTERNAL);
	}
	assert_int_equal(fake_call(f, &(struct candor_request){.type = CANDOR_REQ_LIST_POOLS})->code, CANDOR_INTERNAL);
	fake_sql(f, "UPDATE pools SET epoch = 0 WHERE name = 'q'");
}

static void a_read_of_history_that_waits_for_a_failed_commit_is_told(void **state)
{
	struct fake_owner *f = *state;
	struct ask *lost = fake_ask_resolve(f, "p", "open", 1);
	struct ask *feed = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
	struct ask *trajectory = fake_ask(
		f,
		&(struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "a", .history = true});
	assert_int_equal(feed->outcome, ENGINE_LATER);
	assert_int_equal(f->n_reads, 0);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	assert_answer(lost, ERR_DISK_FULL, CANDOR_OK);
	assert_answer(feed, 0, CANDOR_UNAVAILABLE);
	assert_answer(trajectory, 0, CANDOR_UNAVAILABLE);
}

static void a_read_of_history_outlives_a_rebuilding(void **state)
{
	struct fake_owner *f = *state;
	struct ask *trajectory = fake_ask(
		f,
		&(struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "a", .history = true});
	struct ask *feed = fake_ask(f, &(struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p"});
	fake_read_work(f, 0);
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	fake_read_done(f, 1);
	fake_read_done(f, 0);
	assert_int_equal(trajectory->answer.n, 1);
	assert_int_equal(feed->answer.n, 2);
	assert_answer(trajectory, 0, CANDOR_OK);
	assert_answer(feed, 0, CANDOR_OK);
	assert_answer(lost, ERR_DISK_FULL, CANDOR_OK);
}

static void a_write_that_waited_for_a_read_is_refused_if_there_is_no_room_by_then(void **state)
{
	struct fake_owner *f = *state;
	struct ask *late = fake_ask_post(f, "p", "new", "a", 1), *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_int_equal(late->outcome, ENGINE_BLOCKED);
	assert_true(fake_tick(f));
	fake_commit(f, ERR_DISK_FULL);
	fake_settle(f);
	assert_answer(late, 0, CANDOR_UNAVAILABLE);
	assert_answer(lost, ERR_DISK_FULL, CANDOR_OK);
	assert_memory_is_as_disk(f);
}

/* A batch that has no memory left. Its own arena is the only one that runs out here. */
static void without_memory_for_a_batch_it_is_given_up_and_writing_goes_on(void **state)
{
	struct fake_owner *f = *state;
	for (int in_flight = 0; in_flight < 2; in_flight++) {
		struct ask *first = NULL;
		uint64_t reports = info(f)->reports;
		if (in_flight) {
			first = fake_ask_post(f, "p", "open", "first", 1);
			assert_true(fake_tick(f));
		}
		size_t budget = f->engine->filling->arena.budget_bytes;
		struct arena *arena = &f->engine->filling->arena;
		arena->budget_bytes = arena->used_bytes;
		while (arena_alloc(arena, 1)) {
		}
		struct ask *lost = fake_ask_post(f, "p", "open", "c", 1),
			   *after = fake_ask_post(f, "p", "open", "d", 1);
		assert_int_equal(after->answer.code, CANDOR_RESOURCE_EXHAUSTED);
		arena->budget_bytes = budget;
		if (first) {
			fake_commit(f, 0);
			assert_answer(first, 0, CANDOR_OK);
			reports++;
		}
		fake_settle(f);
		assert_answer(lost, -ENOMEM, CANDOR_OK);
		ask_free(after);
		assert_false(engine_is_read_only(f->engine));
		assert_int_equal(f->failed, 0);
		assert_int_equal(info(f)->reports, reports);
		assert_memory_is_as_disk(f);
		assert_int_equal(fake_post(f, "p", "open", in_flight ? "c" : "d", 1), CANDOR_OK);
	}
	assert_int_equal(fake_verify(f), 0);
}

/* Who is told that its answer is lost may ask again at once. */
struct eager {
	struct waiter waiter;
	struct fake_owner *f;
	struct ask *again;
};

static void on_lost(struct waiter *w, int err)
{
	struct eager *e = (struct eager *)w;
	assert_int_equal(err, -ENOMEM);
	e->again = fake_ask_post(e->f, "p", "open", "eager", 1);
}

static void a_waiter_may_write_again_while_it_is_told(void **state)
{
	struct fake_owner *f = *state;
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1), *other;
	struct eager eager = {.waiter = {.on_durable = on_lost}, .f = f};
	engine_wait(f->engine, lost->change, &eager.waiter);
	assert_true(fake_tick(f));
	other = fake_ask_post(f, "p", "open", "d", 1);
	fake_commit(f, -ENOMEM);
	assert_answer(lost, -ENOMEM, CANDOR_OK);
	assert_answer(other, -ENOMEM, CANDOR_OK);
	assert_non_null(eager.again);
	assert_false(eager.again->settled);
	fake_settle(f);
	assert_answer(eager.again, 0, CANDOR_OK);
	assert_int_equal(fake_query(f, "p", "open")->n, 3);
	assert_memory_is_as_disk(f);
}

static void another_programs_lock_refuses_writes_until_a_probe_finds_it_gone(void **state)
{
	struct fake_owner *f = *state;
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1), *filled = NULL;
	assert_true(fake_tick(f));
	filled = fake_ask_post(f, "p", "open", "d", 1);
	fake_commit(f, ERR_BUSY);
	assert_answer(lost, ERR_BUSY, CANDOR_OK);
	assert_answer(filled, ERR_BUSY, CANDOR_OK);
	assert_int_equal(f->failed, 0);
	assert_true(info(f)->read_only);
	assert_reason(f, ERR_BUSY);
	assert_memory_is_as_disk(f);
	struct candor_report row = {"open", "c", 1};
	const struct candor_request post = {.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row};
	const struct candor_response *r = fake_call(f, &post);
	assert_int_equal(r->code, CANDOR_UNAVAILABLE);
	assert_non_null(strstr(r->message, "lock"));
	assert_int_equal(fake_query(f, "p", "open")->n, 2);
	/* What it finds may change: then the reason does. */
	static const int found[] = {ERR_BUSY, ERR_DISK_FULL, ERR_BUSY};
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		engine_probe(f->engine);
		fake_commit(f, found[i]);
		assert_reason(f, found[i]);
	}
	engine_probe(f->engine);
	fake_commit(f, 0);
	assert_false(info(f)->read_only);
	assert_int_equal(fake_post(f, "p", "open", "c", 1), CANDOR_OK);
	assert_memory_is_as_disk(f);
}

static void sqlite_itself_finds_a_lock(void **state)
{
	struct fake_owner *f = *state;
	sqlite3 *other;
	assert_int_equal(sqlite3_open_v2(f->path, &other, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	db_set_patience(f->writer, 1);
	struct ask *a = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	fake_commit(f, 0);
	assert_answer(a, ERR_BUSY, CANDOR_OK);
	assert_int_equal(f->failed, 0);
	assert_true(engine_is_read_only(f->engine));
	assert_int_equal(fake_query(f, "p", "open")->n, 2);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	engine_probe(f->engine);
	fake_commit(f, 0);
	assert_false(engine_is_read_only(f->engine));
	assert_int_equal(fake_post(f, "p", "open", "c", 1), CANDOR_OK);
	assert_int_equal(fake_verify(f), 0);
}

static void what_is_found_wrong_between_commits_ends_the_service(void **state)
{
	struct fake_owner *f = *state;
	char *before = fake_state_on_disk(f);
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	engine_fail(f->engine, ERR_MOVED);
	assert_int_equal(f->failed, ERR_MOVED);
	assert_answer(lost, ERR_MOVED, CANDOR_OK);
	assert_true(engine_is_idle(f->engine));
	assert_int_equal(fake_post(f, "p", "open", "c", 1), CANDOR_INTERNAL);
	/* Told once. */
	f->failed = 0;
	engine_fail(f->engine, ERR_MOVED);
	engine_probe(f->engine);
	assert_null(f->batch);
	assert_int_equal(f->failed, 0);
	char *disk = fake_state_on_disk(f);
	assert_string_equal(disk, before);
	free(before);
	free(disk);
}

/* The store has found it too, and says so. */
static void a_commit_under_way_tells_by_itself_what_is_wrong(void **state)
{
	struct fake_owner *f = *state;
	struct ask *lost = fake_ask_post(f, "p", "open", "c", 1);
	assert_true(fake_tick(f));
	engine_fail(f->engine, ERR_MOVED);
	assert_int_equal(f->failed, 0);
	assert_false(lost->settled);
	fake_commit(f, ERR_MOVED);
	assert_int_equal(f->failed, ERR_MOVED);
	assert_answer(lost, ERR_MOVED, CANDOR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everyone_who_waited_is_told_and_memory_is_as_disk_again),
		TEST(while_there_is_no_room_reads_are_served_and_writes_refused),
		TEST(a_probe_finds_out_when_there_is_room_again),
		TEST(sqlite_itself_finds_no_room),
		TEST(any_other_error_ends_the_service),
		TEST(a_probe_that_fails_otherwise_ends_the_service),
		TEST(where_memory_cannot_be_rebuilt_nothing_is_read_from_it),
		TEST(a_read_of_history_that_waits_for_a_failed_commit_is_told),
		TEST(a_read_of_history_outlives_a_rebuilding),
		TEST(a_write_that_waited_for_a_read_is_refused_if_there_is_no_room_by_then),
		TEST(without_memory_for_a_batch_it_is_given_up_and_writing_goes_on),
		TEST(a_waiter_may_write_again_while_it_is_told),
		TEST(another_programs_lock_refuses_writes_until_a_probe_finds_it_gone),
		TEST(sqlite_itself_finds_a_lock),
		TEST(what_is_found_wrong_between_commits_ends_the_service),
		TEST(a_commit_under_way_tells_by_itself_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
