/* The writer's thread, the one beside it that keeps the write-ahead log short, and the readers, over a real database. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "daemon/db/store.h"
#include "tests/lib/clock.h"
#include "tests/lib/files.h"
#include "tests/lib/wal.h"

enum { LONG = 4000, TOO_LONG = 16000, ROOM = 1024 * 1024, DETAIL = 200000 }; /* about 50 pages */

struct world {
	char dir[64], path[96], log[112];
	uv_loop_t loop;
	struct store *store;
	struct batch batch;
	uint64_t change, last;
	size_t detail_bytes; /* of each row */
	unsigned begun; /* times that the log has begun anew */
	char head[WAL_HEADER]; /* of the log */
};

static void commit(struct world *w)
{
	char *detail = malloc(w->detail_bytes + 1);
	assert_non_null(detail);
	memset(detail, 'x', w->detail_bytes);
	detail[w->detail_bytes] = 0;
	w->change++;
	const struct event_row row = {
		.change = w->change, .by = "", .pool = "", .action = "", .subject = "", .detail = detail};
	const struct progress_row progress = {.changes = w->change};
	batch_reset(&w->batch);
	assert_true(batch_add(&w->batch, CHANGE_EVENT, &row) && batch_add(&w->batch, CHANGE_PROGRESS, &progress));
	w->batch.last_change = w->change;
	free(detail);
	store_commit(w->store, &w->batch);
}

static void on_commit(void *arg, int err)
{
	struct world *w = arg;
	assert_int_equal(err, 0);
	char head[WAL_HEADER];
	FILE *f = fopen(w->log, "re");
	assert_true(f && fread(head, 1, sizeof head, f) == sizeof head);
	fclose(f);
	w->begun += w->change > 1 && memcmp(head, w->head, sizeof head) != 0;
	memcpy(w->head, head, sizeof head);
	if (w->change < w->last)
		commit(w);
	else
		uv_stop(&w->loop);
}

static void commit_many(struct world *w, unsigned n, size_t detail_bytes)
{
	w->detail_bytes = detail_bytes;
	w->last = w->change + n;
	commit(w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->change, w->last);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	files_new_dir(w->dir, sizeof w->dir);
	snprintf(w->path, sizeof w->path, "%s/candor.db", w->dir);
	snprintf(w->log, sizeof w->log, "%s-wal", w->path);
	batch_init(&w->batch);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(store_open(&w->store, &w->loop, w->path, DB_FULL, NULL,
				    &(struct store_memory){.database = 64 << 20}, on_commit, w),
			 0);
	*state = w;
	return 0;
}

/* All that was committed is in the database afterwards, and nothing lies beside it. */
static int tear_down(void **state)
{
	struct world *w = *state;
	sqlite3 *db;
	sqlite3_stmt *s;
	store_close(w->store);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	assert_false(files_exists(w->log));
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT count(*), (SELECT changes FROM progress) FROM events", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(s, 0), w->change);
	assert_int_equal(sqlite3_column_int64(s, 1), w->change);
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	batch_free(&w->batch);
	files_remove_dir(w->dir);
	free(w);
	return 0;
}

static size_t bytes_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void the_log_begins_anew_while_commits_go_on(void **state)
{
	struct world *w = *state;
	commit_many(w, 400, DETAIL); /* 20,000 pages */
	assert_true(w->begun >= 1);
	/* The file is as long as the log was at most. */
	assert_true(bytes_of(w->log) >= (size_t)LONG * WAL_FRAME);
	assert_true(bytes_of(w->log) < (size_t)(TOO_LONG + 1000) * WAL_FRAME);
}

static void a_log_of_small_commits_is_written_to_where_it_was_written_before(void **state)
{
	struct world *w = *state;
	for (unsigned n = 0; n < 700; n += 100) {
		commit_many(w, 100, 10);
		assert_int_equal(bytes_of(w->log) % ROOM, 0);
		assert_true(bytes_of(w->log) > wal_used_of(w->log));
	}
	assert_true(wal_used_of(w->log) > ROOM);
}

static sqlite3 *open_reader(const struct world *w)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT * FROM progress", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static void a_long_reader_makes_the_log_grow_until_it_is_done(void **state)
{
	struct world *w = *state;
	commit_many(w, 10, 10);
	sqlite3 *db = open_reader(w);
	commit_many(w, 340, DETAIL);
	assert_true(wal_used_of(w->log) > (size_t)TOO_LONG * WAL_FRAME);
	assert_int_equal(w->begun, 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	commit_many(w, 100, DETAIL);
	assert_true(w->begun >= 1);
}

/* ---- readers ---- */

struct slow_read {
	struct read_job job;
	atomic_bool *go_on;
	unsigned *done;
};

static void wait_for_it(struct read_job *job, struct db *db)
{
	const struct slow_read *r = (struct slow_read *)job;
	(void)db;
	while (!atomic_load(r->go_on))
		nap_ms(1);
}

static void count_read(struct read_job *job)
{
	assert_int_equal(job->err, 0);
	++*((struct slow_read *)job)->done;
}

static void look_up(struct read_job *job, struct db *db)
{
	job->err = db_has_item(db, 1, "none");
}

static void a_short_read_waits_for_no_long_ones(void **state)
{
	enum { LONG_ONES = 20 };
	static const char *const names[LONG_ONES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
						     "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
	struct world *w = *state;
	atomic_bool go_on = false;
	unsigned done = 0, done_short = 0;
	struct slow_read slow[LONG_ONES];
	struct slow_read one = {.job = {.work = look_up, .done = count_read, .principal = "u", .is_short = true},
				.done = &done_short};
	for (size_t i = 0; i < LONG_ONES; i++) {
		slow[i] = (struct slow_read){
			.job = {.work = wait_for_it, .done = count_read, .principal = names[i]},
			.go_on = &go_on,
			.done = &done,
		};
		store_read(w->store, &slow[i].job);
	}
	store_read(w->store, &one.job);
	for (double until = clock_s() + 30; done_short == 0 && clock_s() < until; nap_ms(1))
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(done_short, 1);
	assert_int_equal(done, 0);
	atomic_store(&go_on, true);
	while (done < LONG_ONES)
		uv_run(&w->loop, UV_RUN_ONCE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	char threads[16];
	snprintf(threads, sizeof threads, "%d", STORE_READERS);
	setenv("UV_THREADPOOL_SIZE", threads, 1);
	const struct CMUnitTest tests[] = {
		TEST(the_log_begins_anew_while_commits_go_on),
		TEST(a_log_of_small_commits_is_written_to_where_it_was_written_before),
		TEST(a_long_reader_makes_the_log_grow_until_it_is_done),
		TEST(a_short_read_waits_for_no_long_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
