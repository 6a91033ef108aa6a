/* One connection to the database: what may be opened, what is written and read back, and that a batch is all or
 * nothing. */
#include "tests/lib/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/read.h"
#include "daemon/db/write.h"
#include "daemon/db/migrate.h"
#include "tests/lib/files.h"

struct world {
	char dir[64], path[96];
	struct db *db; /* for writing; NULL until opened */
	struct batch batch;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	files_new_dir(w->dir, sizeof w->dir);
	snprintf(w->path, sizeof w->path, "%s/candor.db", w->dir);
	batch_init(&w->batch);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	struct world *w = *state;
	assert_int_equal(db_close(w->db), 0);
	batch_free(&w->batch);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s%s", w->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

static void open_writer(struct world *w)
{
	assert_int_equal(db_open(&w->db, w->path, DB_WRITE, DB_NORMAL), 0);
}

/* ---- the file, as another program sees it ---- */

static void run_sql(const struct world *w, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* All rows of a query, their columns joined by '|' and each row ended by a blank, into out. */
static void read_sql(const struct world *w, const char *sql, char *out, size_t size)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	size_t len = 0;
	out[0] = 0;
	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			const char *text = (const char *)sqlite3_column_text(s, i);
			len += (size_t)snprintf(out + len, size - len, "%s%c", text ? text : "NULL",
						i + 1 < sqlite3_column_count(s) ? '|' : ' ');
			assert_true(len < size);
		}
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void assert_sql(const struct world *w, const char *sql, const char *want)
{
	char got[4096];
	read_sql(w, sql, got, sizeof got);
	assert_string_equal(got, want);
}

static void *read_file(const struct world *w, size_t *size)
{
	static uint8_t bytes[1 << 20];
	FILE *in = fopen(w->path, "rb");
	assert_non_null(in);
	*size = fread(bytes, 1, sizeof bytes, in);
	fclose(in);
	void *copy = malloc(*size + 1);
	assert_non_null(copy);
	return memcpy(copy, bytes, *size);
}

static void assert_refused(struct world *w)
{
	static const enum db_mode modes[] = {DB_WRITE, DB_READ};
	size_t before, after;
	void *was = read_file(w, &before);
	for (int i = 0; i < 2; i++) {
		struct db *db;
		assert_int_equal(db_open(&db, w->path, modes[i], DB_FULL), ERR_SCHEMA);
	}
	/* Whose it is does not lose a bit of it. */
	void *is = read_file(w, &after);
	assert_int_equal(after, before);
	assert_memory_equal(is, was, before);
	free(was);
	free(is);
}

/* ---- opening ---- */

static void opening_makes_the_tables_once(void **state)
{
	struct world *w = *state;
	char version[32], application[32];
	open_writer(w);
	read_sql(w, "PRAGMA user_version", version, sizeof version);
	read_sql(w, "PRAGMA application_id", application, sizeof application);
	assert_int_equal(strtol(application, NULL, 10), MIGRATE_APPLICATION_ID);
	assert_true(strtol(version, NULL, 10) >= 1);
	assert_sql(w, "PRAGMA journal_mode", "wal ");
	assert_sql(w, "SELECT * FROM progress", "1|0|0|0|0 ");
	assert_sql(w, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%STRICT%'", "0 ");
	run_sql(w, "UPDATE progress SET changes = 5");
	assert_int_equal(db_close(w->db), 0);
	open_writer(w);
	assert_sql(w, "SELECT changes FROM progress", "5 ");
	assert_sql(w, "PRAGMA user_version", version);
}

static void a_reader_makes_nothing_and_writes_nothing(void **state)
{
	struct world *w = *state;
	struct db *reader;
	assert_int_equal(db_open(&reader, w->path, DB_READ, DB_FULL), ERR_DATABASE);
	assert_int_equal(access(w->path, F_OK), -1);
	open_writer(w);
	assert_int_equal(db_open(&reader, w->path, DB_READ, DB_FULL), 0);
	const struct trim_row trim = {1};
	assert_true(batch_add(&w->batch, CHANGE_TRIM, &trim));
	assert_int_equal(db_write(reader, &w->batch), ERR_DATABASE);
	struct progress_row progress;
	assert_int_equal(db_progress(reader, &progress), 0);
	assert_int_equal(db_close(reader), 0);
	assert_int_equal(db_write(w->db, &w->batch), 0);
}

static void the_database_of_another_program_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	run_sql(w, "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
	assert_refused(w);
	run_sql(w, "PRAGMA application_id = 1196444487");
	assert_refused(w);
}

static void a_database_that_only_has_a_version_is_refused(void **state)
{
	struct world *w = *state;
	run_sql(w, "PRAGMA user_version = 1");
	assert_refused(w);
}

static void a_text_is_refused_and_left_alone(void **state)
{
	struct world *w = *state;
	FILE *out = fopen(w->path, "w");
	assert_non_null(out);
	for (int i = 0; i < 200; i++)
		fprintf(out, "Dear diary, this is no database.\n");
	fclose(out);
	assert_refused(w);
}

static void a_newer_schema_is_refused(void **state)
{
	struct world *w = *state;
	open_writer(w);
	assert_int_equal(db_close(w->db), 0);
	w->db = NULL;
	run_sql(w, "PRAGMA user_version = 1000");
	assert_refused(w);
}

static void an_older_schema_is_not_for_readers(void **state)
{
	struct world *w = *state;
	struct db *reader;
	open_writer(w);
	char version[64], back[64];
	read_sql(w, "PRAGMA user_version", version, sizeof version);
	snprintf(back, sizeof back, "PRAGMA user_version = %ld", strtol(version, NULL, 10));
	run_sql(w, "PRAGMA user_version = 0");
	assert_int_equal(db_open(&reader, w->path, DB_READ, DB_FULL), ERR_SCHEMA);
	run_sql(w, back);
}

static void a_path_that_cannot_be_is_an_error(void **state)
{
	(void)state;
	struct db *db;
	assert_int_equal(db_open(&db, "/nowhere/at/all/candor.db", DB_WRITE, DB_FULL), ERR_DATABASE);
	assert_int_equal(db_open(&db, "/tmp", DB_WRITE, DB_FULL), ERR_DATABASE);
	assert_int_equal(db_close(NULL), 0);
}

/* ---- rows ---- */

static const struct candor_settings settings = {CANDOR_HORIZON, .c = 0.5,     .horizon = 1000, .share = 1e-9,
						.entry = 2,     .wrong = 0.1, .scored = 5,     CANDOR_FREE};
static const uint32_t labelers[] = {1, 0};
static const double values[] = {0.25, 1.0 / 3}, weights[] = {0.5, 1.5};
static const uint32_t rounds[] = {0, 3};

static void add_pool(struct batch *b)
{
	struct pool_row pool = {
		.id = 1,
		.name = "p",
		.created_at = 111,
		.settings = settings,
		.totals = {.round = 4,
			   .scored = 8,
			   .open = 1,
			   .closed = 2,
			   .voided = 3,
			   .total_weight = 4,
			   .mean_loss = 0.1,
			   .median_loss = 0.2,
			   .plain_mean_loss = 0.3,
			   .plain_median_loss = 0.4,
			   .epoch = 5,
			   .forecast_loss = 0.5,
			   .bound = {6, 0.6, 0.7, 0.8},
			   .track = {0.9, 0.05, {1, 2, 3, 4}, 5, {6, 7, 8, 9, 10}},
			   .rechecks = 12,
			   .disagreed = 11},
		.closes = 6,
	};
	assert_true(batch_add(b, CHANGE_POOL, &pool));
	pool.closes = 7; /* replaced */
	assert_true(batch_add(b, CHANGE_POOL, &pool));
	const struct settings_row set = {.pool = 1, .change = 1, .at = 112, .by = "who", .settings = settings};
	assert_true(batch_add(b, CHANGE_SETTINGS, &set));
	for (uint32_t id = 0; id < 2; id++) {
		struct labeler_row labeler = {.pool = 1,
					      .id = id,
					      .name = id ? "second" : "first",
					      .joined = 2 + id,
					      .joined_at = 113,
					      .entry = 2,
					      .state = {.weight = 2},
					      .through = 0};
		assert_true(batch_add(b, CHANGE_LABELER, &labeler));
	}
	const struct labeler_row later = {.pool = 1,
					  .id = 1,
					  .through = 4,
					  .state = {.weight = 1.0 / 7,
						    .own_loss = 1,
						    .mean_loss = 2,
						    .gain = 3,
						    .limit = 4.5,
						    .stretch = 6,
						    .track = {0.1, 0.9, {1, 2, 3, 4}},
						    .scored = 4,
						    .last_round = 4,
						    .epoch = 5}};
	assert_true(batch_add(b, CHANGE_LABELER, &later));
}

static void add_items(struct batch *b)
{
	const struct packed_reports reports = {2, labelers, values};
	for (uint64_t id = 1; id <= 4; id++) {
		char name[] = {'i', (char)('0' + id), 0};
		const struct open_item_row opened = {
			.id = id, .pool = 1, .name = name, .opened_at = 120 + id, .by = "uid:7"};
		assert_true(batch_add(b, CHANGE_OPEN_ITEM, &opened));
	}
	const struct open_item_row packed = {.id = 1, .pool = 1, .reports = reports, .packed = 9};
	const struct log_row old = {.change = 8, .item = 1, .labeler = 0, .value = 1, .at = 130},
			     log = {.change = 10, .item = 1, .labeler = 0, .value = 1.0 / 3, .at = 131};
	const struct revision_row revision = {
		.change = 10, .item = 1, .labeler = 0, .old = 1, .value = 1.0 / 3, .at = 131};
	assert_true(batch_add(b, CHANGE_OPEN_ITEM, &packed) && batch_add(b, CHANGE_LOG, &old));
	assert_true(batch_add(b, CHANGE_LOG, &log) && batch_add(b, CHANGE_REVISION, &revision));
	struct item_row item = {
		.pool = 1,
		.name = "i2",
		.id = 2,
		.state = CANDOR_CLOSED,
		.close_number = 1,
		.closed = 11,
		.opened_at = 122,
		.closed_at = 140,
		.aggregate = {0.31, 0.32, 0.33, 0.34, 0.35, 0.36, 2, 0.37, 0.38, 0.39, 0.4},
		.has_forecast = true,
		.closed_round = 3,
		.reports = reports,
		.weights = weights,
	};
	assert_true(batch_add(b, CHANGE_ITEM, &item));
	item = (struct item_row){.pool = 1,
				 .name = "i3",
				 .id = 3,
				 .state = CANDOR_VOID,
				 .closed = 12,
				 .opened_at = 123,
				 .closed_at = 141,
				 .ended_at = 141,
				 .reports = reports};
	assert_true(batch_add(b, CHANGE_ITEM, &item));
	item = (struct item_row){.pool = 1,
				 .name = "i4",
				 .id = 4,
				 .state = CANDOR_CLOSED,
				 .close_number = 2,
				 .closed = 13,
				 .opened_at = 124,
				 .closed_at = 142,
				 .reports = reports,
				 .weights = weights};
	assert_true(batch_add(b, CHANGE_ITEM, &item));
	item.state = CANDOR_RESOLVED;
	item.ended_at = 150;
	item.outcome = 0.75;
	item.round = 4;
	item.block = 3;
	assert_true(batch_add(b, CHANGE_ITEM_ENDED, &item));
	const struct settlement_row settlement = {.pool = 1,
						  .round = 4,
						  .item = 4,
						  .outcome = 0.75,
						  .eta = 0.05,
						  .weighted_loss = 0.06,
						  .epoch = 5,
						  .at = 150,
						  .by = "judge",
						  .change = 14,
						  .n = 2,
						  .weights = weights,
						  .last_round = rounds,
						  .stretch = 7,
						  .lesson = {-0.5, 1.25}};
	const struct recheck_row recheck = {1, 4, 0.25, 160, "second judge", 15};
	assert_true(batch_add(b, CHANGE_SETTLEMENT, &settlement) && batch_add(b, CHANGE_RECHECK, &recheck));
	const struct trim_row trim = {8};
	const struct progress_row progress = {15, 4, 6, 1};
	assert_true(batch_add(b, CHANGE_TRIM, &trim) && batch_add(b, CHANGE_PROGRESS, &progress));
}

static const void *only_row(struct world *w, enum db_table table, uint64_t pool, uint64_t from,
			    struct db_cursor **cursor)
{
	const void *row;
	assert_int_equal(db_cursor_open(w->db, table, pool, from, cursor), 0);
	assert_int_equal(db_cursor_next(*cursor, &row), 1);
	return row;
}

static void no_more(struct db_cursor *cursor)
{
	const void *row;
	assert_int_equal(db_cursor_next(cursor, &row), 0);
	db_cursor_close(cursor);
}

static void assert_pool_is_back(struct world *w)
{
	struct db_cursor *cursor;
	const struct pool_row *pool = only_row(w, DB_POOLS, 0, 0, &cursor);
	assert_int_equal(pool->id, 1);
	assert_string_equal(pool->name, "p");
	assert_int_equal(pool->created_at, 111);
	assert_int_equal(pool->closes, 7);
	assert_int_equal(pool->settings.rate, CANDOR_HORIZON);
	assert_same_bits(pool->settings.horizon, 1000);
	assert_same_bits(pool->settings.entry, 2);
	assert_int_equal(pool->totals.round, 4);
	assert_int_equal(pool->totals.epoch, 5);
	assert_int_equal(pool->totals.scored, 8);
	assert_int_equal(pool->totals.open, 1);
	assert_int_equal(pool->totals.closed, 2);
	assert_int_equal(pool->totals.voided, 3);
	assert_same_bits(pool->totals.mean_loss, 0.1);
	assert_same_bits(pool->totals.plain_median_loss, 0.4);
	assert_same_bits(pool->totals.forecast_loss, 0.5);
	assert_int_equal(pool->totals.bound.stretch, 6);
	assert_same_bits(pool->totals.track.counts.b, 4);
	assert_same_bits(pool->totals.track.blend[CANDIDATE_EVIDENCE_FULL], 10);
	assert_int_equal(pool->totals.disagreed, 11);
	assert_int_equal(pool->settings.signs, CANDOR_FREE);
	assert_int_equal(pool->settings.scored, 5);
	no_more(cursor);
	const struct settings_row *set = only_row(w, DB_SETTINGS, 1, 0, &cursor);
	assert_int_equal(set->change, 1);
	assert_string_equal(set->by, "who");
	assert_same_bits(set->settings.c, 0.5);
	no_more(cursor);
	const struct labeler_row *labeler = only_row(w, DB_LABELERS, 1, 1, &cursor);
	assert_string_equal(labeler->name, "second");
	assert_int_equal(labeler->joined, 3);
	assert_same_bits(labeler->state.weight, 1.0 / 7);
	assert_same_bits(labeler->state.gain, 3);
	assert_same_bits(labeler->state.limit, 4.5);
	assert_int_equal(labeler->state.stretch, 6);
	assert_same_bits(labeler->state.track.m, 0.1);
	assert_same_bits(labeler->state.track.counts.b, 4);
	assert_int_equal(labeler->state.scored, 4);
	assert_int_equal(labeler->state.last_round, 4);
	assert_int_equal(labeler->state.epoch, 5);
	assert_int_equal(labeler->through, 4);
	no_more(cursor);
}

static void assert_reports(const struct packed_reports *r)
{
	assert_int_equal(r->n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(r->labelers[i], labelers[i]);
		assert_same_bits(r->values[i], values[i]);
	}
}

static void assert_items_are_back(struct world *w)
{
	struct db_cursor *cursor;
	struct arena a;
	arena_init(&a, SIZE_MAX / 2);
	const struct open_item_row *open = only_row(w, DB_OPEN_ITEMS, 0, 0, &cursor);
	assert_int_equal(open->id, 1);
	assert_string_equal(open->name, "i1");
	assert_int_equal(open->opened_at, 121);
	assert_string_equal(open->by, "uid:7");
	assert_int_equal(open->packed, 9);
	assert_reports(&open->reports);
	no_more(cursor);
	const struct log_row *log = only_row(w, DB_LOG, 0, 0, &cursor);
	assert_int_equal(log->change, 10);
	assert_same_bits(log->value, 1.0 / 3);
	no_more(cursor);
	const struct item_row *closed = only_row(w, DB_CLOSED_ITEMS, 1, 2, &cursor);
	assert_string_equal(closed->name, "i4");
	no_more(cursor);
	const struct settled_row *settled = only_row(w, DB_SETTLEMENTS, 1, 4, &cursor);
	assert_string_equal(settled->settlement.by, "judge");
	assert_int_equal(settled->settlement.change, 14);
	assert_same_bits(settled->settlement.weights[1], 1.5);
	assert_int_equal(settled->settlement.last_round[1], 3);
	assert_same_bits(settled->settlement.lesson.gradient, -0.5);
	assert_same_bits(settled->settlement.lesson.variance, 1.25);
	assert_int_equal(settled->item.block, 3);
	assert_reports(&settled->item.reports);
	no_more(cursor);
	const struct recheck_row *recheck = only_row(w, DB_RECHECKS, 1, 15, &cursor);
	assert_int_equal(recheck->item, 4);
	assert_same_bits(recheck->value, 0.25);
	assert_string_equal(recheck->by, "second judge");
	no_more(cursor);

	struct item_row item;
	assert_int_equal(db_item(w->db, &a, 1, "i1", &item), 0); /* open ones are not there */
	assert_int_equal(db_item(w->db, &a, 2, "i2", &item), 0);
	assert_int_equal(db_item(w->db, &a, 1, "i2", &item), 1);
	assert_int_equal(item.state, CANDOR_CLOSED);
	assert_int_equal(item.closed, 11);
	assert_same_bits(item.aggregate.mean, 0.31);
	assert_same_bits(item.aggregate.ess, 0.36);
	assert_true(item.has_forecast && !item.has_recheck);
	assert_same_bits(item.aggregate.regression, 0.37);
	assert_same_bits(item.aggregate.forecast, 0.4);
	assert_int_equal(item.closed_round, 3);
	assert_same_bits(item.weights[0], 0.5);
	assert_reports(&item.reports);
	assert_int_equal(item.ended_at, 0);
	assert_int_equal(db_item(w->db, &a, 1, "i3", &item), 1);
	assert_int_equal(item.state, CANDOR_VOID);
	assert_int_equal(item.close_number, 0);
	assert_null(item.weights);
	assert_int_equal(db_item(w->db, &a, 1, "i4", &item), 1);
	assert_true(item.has_recheck && !item.has_forecast);
	assert_same_bits(item.recheck, 0.25);
	assert_int_equal(item.block, 3);
	assert_int_equal(item.state, CANDOR_RESOLVED);
	assert_int_equal(item.round, 4);
	assert_same_bits(item.outcome, 0.75);
	assert_same_bits(item.eta, 0.05);
	assert_same_bits(item.weighted_loss, 0.06);
	struct settled_row one;
	assert_int_equal(db_settlement(w->db, &a, 1, 4, &one), 1);
	assert_string_equal(one.item.name, "i4");
	assert_int_equal(db_settlement(w->db, &a, 1, 3, &one), 0);
	arena_free(&a);
}

static void every_kind_of_change_is_written_and_read_back(void **state)
{
	struct world *w = *state;
	open_writer(w);
	add_pool(&w->batch);
	add_items(&w->batch);
	assert_int_equal(db_write(w->db, &w->batch), 0);
	for (int again = 0; again < 2; again++) {
		struct item_row feed[3];
		struct arena a;
		uint64_t voided, open;
		struct progress_row progress;
		assert_pool_is_back(w);
		assert_items_are_back(w);
		arena_init(&a, SIZE_MAX / 2);
		assert_int_equal(db_feed(w->db, &a, 1, 0, 3, feed), 2);
		assert_string_equal(feed[0].name, "i2");
		assert_string_equal(feed[1].name, "i4");
		assert_int_equal(db_feed(w->db, &a, 1, 1, 3, feed), 1);
		assert_int_equal(db_feed(w->db, &a, 1, 0, 1, feed), 1);
		assert_int_equal(db_count_items(w->db, 1, &voided, &open), 0);
		assert_true(voided == 1 && open == 1);
		assert_int_equal(db_progress(w->db, &progress), 0);
		assert_true(progress.changes == 15 && progress.items == 4 && progress.reports == 6 &&
			    progress.log_rows == 1);
		arena_free(&a);
		assert_int_equal(db_close(w->db), 0);
		open_writer(w);
	}
	assert_sql(w, "SELECT change, old, at FROM revisions", "10|1.0|131 ");
}

static void a_failed_batch_leaves_nothing(void **state)
{
	struct world *w = *state;
	open_writer(w);
	add_pool(&w->batch);
	assert_int_equal(db_write(w->db, &w->batch), 0);
	batch_reset(&w->batch);
	/* The third change fails: its key is taken. */
	const struct log_row log = {.change = 20, .item = 1, .value = 0.5};
	const struct labeler_row labeler = {.pool = 1, .id = 2, .name = "third", .joined = 20};
	const struct settings_row taken = {.pool = 1, .change = 1, .by = "", .settings = settings};
	const struct progress_row progress = {.changes = 99};
	assert_true(batch_add(&w->batch, CHANGE_LOG, &log) && batch_add(&w->batch, CHANGE_LABELER, &labeler));
	assert_true(batch_add(&w->batch, CHANGE_SETTINGS, &taken) && batch_add(&w->batch, CHANGE_PROGRESS, &progress));
	for (int i = 0; i < 2; i++)
		assert_int_equal(db_write(w->db, &w->batch), ERR_DATABASE);
	assert_sql(w,
		   "SELECT (SELECT count(*) FROM report_log), (SELECT count(*) FROM labelers), changes FROM progress",
		   "0|2|0 ");
	/* And the connection is as good as before. */
	batch_reset(&w->batch);
	assert_true(batch_add(&w->batch, CHANGE_LOG, &log));
	assert_int_equal(db_write(w->db, &w->batch), 0);
	assert_sql(w, "SELECT change FROM report_log", "20 ");
}

static void a_read_sees_one_moment(void **state)
{
	struct world *w = *state;
	struct db *reader;
	struct progress_row p;
	open_writer(w);
	assert_int_equal(db_open(&reader, w->path, DB_READ, DB_FULL), 0);
	struct progress_row progress = {.changes = 1};
	assert_int_equal(db_begin(reader), 0);
	assert_int_equal(db_progress(reader, &p), 0);
	assert_true(batch_add(&w->batch, CHANGE_PROGRESS, &progress));
	assert_int_equal(db_write(w->db, &w->batch), 0);
	assert_int_equal(db_begin(reader), 0); /* within the other */
	assert_int_equal(db_progress(reader, &p), 0);
	assert_int_equal(p.changes, 0);
	db_end(reader);
	assert_int_equal(db_progress(reader, &p), 0);
	assert_int_equal(p.changes, 0);
	db_end(reader);
	assert_int_equal(db_progress(reader, &p), 0);
	assert_int_equal(p.changes, 1);
	assert_int_equal(db_close(reader), 0);
}

static void rows_that_make_no_sense_are_said_to(void **state)
{
	static const struct {
		const char *sql;
		enum db_table table;
	} damages[] = {
		{"UPDATE pools SET rate = 'sometimes'", DB_POOLS},
		{"UPDATE pools SET c = 1000", DB_POOLS},
		{"UPDATE settings SET share = 0.7", DB_SETTINGS},
		{"UPDATE open_items SET reports = '[[1,2]]'", DB_OPEN_ITEMS},
		{"UPDATE open_items SET reports = 'none'", DB_OPEN_ITEMS},
		{"UPDATE report_log SET value = 1.5", DB_LOG},
		{"UPDATE report_log SET sequence = 0", DB_LOG},
		{"UPDATE report_log SET sequence = -1", DB_LOG},
		{"UPDATE items SET n = 3", DB_CLOSED_ITEMS},
		{"UPDATE items SET weights = x'00'", DB_CLOSED_ITEMS},
		{"UPDATE items SET weights = NULL", DB_CLOSED_ITEMS},
		{"UPDATE settlements SET weights = x'0011'", DB_SETTLEMENTS},
		{"UPDATE settlements SET last_rounds = x''", DB_SETTLEMENTS},
		{"UPDATE settlements SET outcome = 0.5", DB_SETTLEMENTS},
	};
	struct world *w = *state;
	open_writer(w);
	add_pool(&w->batch);
	add_items(&w->batch);
	assert_int_equal(db_write(w->db, &w->batch), 0);
	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		struct db_cursor *cursor;
		const void *row;
		char undo[256];
		run_sql(w,
			"CREATE TABLE kept_pools AS SELECT * FROM pools; CREATE TABLE kept_settings AS SELECT * FROM settings;"
			"CREATE TABLE kept_open_items AS SELECT * FROM open_items;"
			"CREATE TABLE kept_report_log AS SELECT * FROM report_log;"
			"CREATE TABLE kept_items AS SELECT * FROM items; CREATE TABLE kept_settlements AS SELECT * FROM settlements");
		run_sql(w, damages[i].sql);
		assert_int_equal(db_cursor_open(w->db, damages[i].table,
						damages[i].table == DB_POOLS || damages[i].table == DB_OPEN_ITEMS ||
								damages[i].table == DB_LOG
							? 0
							: 1,
						0, &cursor),
				 0);
		if (db_cursor_next(cursor, &row) != ERR_HISTORY)
			fail_msg("%s", damages[i].sql);
		db_cursor_close(cursor);
		static const char *const tables[] = {"pools",      "settings", "open_items",
						     "report_log", "items",    "settlements"};
		for (size_t k = 0; k < 6; k++) {
			snprintf(undo, sizeof undo,
				 "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept_%s; DROP TABLE kept_%s", tables[k],
				 tables[k], tables[k], tables[k]);
			run_sql(w, undo);
		}
	}
	assert_pool_is_back(w);
	assert_items_are_back(w);
}

/* ---- for people ---- */

static void the_view_gives_the_reports_that_stand(void **state)
{
	struct world *w = *state;
	static const char view[] =
		"SELECT item, state, labeler, round(value, 4), outcome FROM reports WHERE pool = 'p' ORDER BY item, labeler";
	open_writer(w);
	add_pool(&w->batch);
	add_items(&w->batch);
	assert_int_equal(db_write(w->db, &w->batch), 0);
	/* i1 is packed with 0.3333 of "first" and 0.25 of "second"; the log has the first's again, later. */
	assert_sql(w, view,
		   "i1|open|first|0.3333|NULL i1|open|second|0.25|NULL "
		   "i2|closed|first|0.3333|NULL i2|closed|second|0.25|NULL "
		   "i3|void|first|0.3333|NULL i3|void|second|0.25|NULL "
		   "i4|resolved|first|0.3333|0.75 i4|resolved|second|0.25|0.75 ");
	/* Revised after packing, twice; a new item that stands in the log alone; and dead rows of one that is closed. */
	run_sql(w, "INSERT INTO report_log VALUES (15, 1, 1, 0.5, 0, NULL), (16, 1, 1, 0.625, 0, 3),"
		   " (17, 9, 0, 0.125, 0, 7), (18, 9, 1, 1, 0, NULL), (19, 9, 0, 0.25, 0, 8), (7, 2, 0, 0.75, 0, NULL);"
		   "INSERT INTO open_items (id, pool, name, opened_at) VALUES (9, 1, 'i9', 0);"
		   "INSERT INTO open_items (id, pool, name, opened_at, reports, packed)"
		   " VALUES (10, 1, 'j', 0, '[[0,0.5,9],[1,0.75]]', 14)");
	assert_sql(w, view,
		   "i1|open|first|0.3333|NULL i1|open|second|0.625|NULL "
		   "i2|closed|first|0.3333|NULL i2|closed|second|0.25|NULL "
		   "i3|void|first|0.3333|NULL i3|void|second|0.25|NULL "
		   "i4|resolved|first|0.3333|0.75 i4|resolved|second|0.25|0.75 "
		   "i9|open|first|0.25|NULL i9|open|second|1.0|NULL "
		   "j|open|first|0.5|NULL j|open|second|0.75|NULL ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_makes_the_tables_once),
		TEST(a_reader_makes_nothing_and_writes_nothing),
		TEST(the_database_of_another_program_is_refused_and_left_alone),
		TEST(a_database_that_only_has_a_version_is_refused),
		TEST(a_text_is_refused_and_left_alone),
		TEST(a_newer_schema_is_refused),
		TEST(an_older_schema_is_not_for_readers),
		TEST(a_path_that_cannot_be_is_an_error),
		TEST(every_kind_of_change_is_written_and_read_back),
		TEST(a_failed_batch_leaves_nothing),
		TEST(a_read_sees_one_moment),
		TEST(rows_that_make_no_sense_are_said_to),
		TEST(the_view_gives_the_reports_that_stand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
