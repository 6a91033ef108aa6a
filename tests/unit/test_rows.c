/* The list of rows (daemon/db/rows.def) against the schema, and each column through a batch, the database and back. */
#include "tests/lib/unit.h"

#include <ctype.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/db/internal.h"
#include "daemon/db/migrate.h"
#include "daemon/db/read.h"
#include "daemon/db/write.h"

struct world {
	char dir[64], path[96];
	struct db *db;
	uint8_t source[1024]; /* what rows point to before they are in a batch */
	size_t used;
	struct batch batch;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	snprintf(w->dir, sizeof w->dir, "/tmp/candor-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof w->path, "%s/candor.db", w->dir);
	assert_int_equal(db_open(&w->db, w->path, DB_WRITE, DB_NORMAL), 0);
	batch_init(&w->batch);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	assert_int_equal(db_close(w->db), 0);
	batch_free(&w->batch);
	/* A process that did not live on has left the log. */
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s%s", w->path, suffixes[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* ---- the schema ---- */

/* Every table, and its columns as rows.def has them. */
static const struct {
	const char *table, *names;
} tables[] = {
#define STORED_TABLE(NAME, name, table) {#table, NAMES(NAME##_COLUMNS)},
	STORED(STORED_TABLE, STORED_TABLE) /* */
};

/* Columns that no row has. */
static const char others[] = "one, eta, lbar";

enum { TABLES_IN_ALL = sizeof tables / sizeof *tables };

static sqlite3_stmt *prepare(struct world *w, const char *sql)
{
	sqlite3_stmt *s;
	if (sqlite3_prepare_v2(w->db->handle, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(w->db->handle));
	return s;
}

/* Whether a list of names separated by commas has one. */
static bool has(const char *names, const char *name)
{
	char list[512], wanted[64];
	snprintf(list, sizeof list, ", %s,", names);
	snprintf(wanted, sizeof wanted, ", %s,", name);
	return strstr(list, wanted) != NULL;
}

/* Or each start and each reader would make all tables anew to compare them. */
static void the_digest_of_the_schema_is_known(void **state)
{
	struct world *w = *state;
	sqlite3 *db = w->db->handle;
	char digest[MIGRATE_DIGEST_HEX];
	assert_int_equal(migrate_digest(db, digest), 0);
	if (strcmp(digest, MIGRATE_DIGEST) != 0)
		fail_msg("MIGRATE_DIGEST of migrate.h must be %s", digest);
	assert_int_equal(sqlite3_exec(db, "CREATE INDEX another ON items (round)", NULL, NULL, NULL), 0);
	assert_int_equal(migrate_check(db), 0);
	assert_int_equal(sqlite3_exec(db, "DROP INDEX items_by_close", NULL, NULL, NULL), 0);
	assert_int_equal(migrate_check(db), ERR_DAMAGED);
}

static void every_table_of_the_schema_is_listed(void **state)
{
	struct world *w = *state;
	size_t found = 0;
	sqlite3_stmt *s = prepare(w, "SELECT name FROM sqlite_schema WHERE type = 'table'");
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0);
		size_t i = 0;
		while (i < TABLES_IN_ALL && strcmp(tables[i].table, name) != 0)
			i++;
		if (i == TABLES_IN_ALL)
			fail_msg("rows.def does not have the table %s", name);
		found++;
	}
	sqlite3_finalize(s);
	assert_int_equal(found, TABLES_IN_ALL);
}

static void every_column_of_the_schema_is_listed(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < TABLES_IN_ALL; i++) {
		sqlite3_stmt *s = prepare(w, "SELECT name FROM pragma_table_info(?)");
		sqlite3_bind_text(s, 1, tables[i].table, -1, SQLITE_STATIC);
		while (sqlite3_step(s) == SQLITE_ROW) {
			const char *column = (const char *)sqlite3_column_text(s, 0);
			if (!has(tables[i].names, column) && !has(others, column))
				fail_msg("rows.def does not have the column %s of %s", column, tables[i].table);
		}
		sqlite3_finalize(s);
	}
}

static void every_statement_and_cursor_fits_the_schema(void **state)
{
	struct world *w = *state;
	for (enum statement which = 0; which < SQL_COUNT; which++) {
		sqlite3_stmt *s;
		assert_int_equal(db_statement(w->db, which, &s), 0);
	}
#define OPEN(NAME, ...) DB_##NAME,
	static const enum db_table all[] = {TABLES(OPEN, OPEN)};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct db_cursor *cursor;
		const void *row;
		assert_int_equal(db_cursor_open(w->db, all[i], 1, 0, &cursor), 0);
		assert_int_equal(db_cursor_next(cursor, &row), 0);
		db_cursor_close(cursor);
	}
}

/* Whether one of the words stands before the name of a table somewhere in the text. */
static bool reads(const char *text, const char *table)
{
	static const char *const words[] = {"FROM ", "JOIN "};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		char want[64];
		size_t len = (size_t)snprintf(want, sizeof want, "%s%s", words[i], table);
		for (const char *at = text; (at = strstr(at, want)); at += len)
			if (!isalnum((unsigned char)at[len]) && at[len] != '_')
				return true;
	}
	return false;
}

/* A table that is only written is lost when the daemon ends. */
static void every_table_is_read(void **state)
{
	static const char *const texts[] = {
#define TEXT_OF_STATEMENT(NAME, text) text,
#define TEXT_OF_PLAIN(NAME, ROW, name, check, rest) "SELECT " rest,
#define TEXT_OF_JOINED(NAME, name, statement) statement,
		STATEMENTS(TEXT_OF_STATEMENT) TABLES(TEXT_OF_PLAIN, TEXT_OF_JOINED) /* */
	};
	(void)state;
	for (size_t i = 0; i < TABLES_IN_ALL; i++) {
		/* Kept for people and for archives, to which archive_rows.c copies it. */
		bool is_read = strcmp(tables[i].table, "revisions") == 0;
		for (size_t k = 0; k < sizeof texts / sizeof *texts && !is_read; k++)
			is_read = strncmp(texts[k], "SELECT ", 7) == 0 && reads(texts[k], tables[i].table);
		if (!is_read)
			fail_msg("%s is written and never read: it has no line in TABLES of rows.def, and no statement",
				 tables[i].table);
	}
}

static char *read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s cannot be read; tests run at the top of the tree", path);
	assert_true(getdelim(&text, &size, 0, f) > 0);
	fclose(f);
	return text;
}

static void every_table_is_described(void **state)
{
	char *text = read_file("docs/architecture.md"), want[64];
	(void)state;
	for (size_t i = 0; i < TABLES_IN_ALL; i++) {
		snprintf(want, sizeof want, "| `%s` |", tables[i].table);
		if (!strstr(text, want))
			fail_msg("the list of tables in docs/architecture.md does not have %s", tables[i].table);
	}
	free(text);
}

/* ---- what columns are for ---- */

/* The member of a row that each column is, as rows.def has it. */
static const char *const members[] = {
#define MEMBER(field, ...) #field
#define MEMBER_OF(column, KIND, ...) MEMBER(__VA_ARGS__, ""),
#define MEMBERS(NAME, ...) NAME##_COLUMNS(MEMBER_OF, MEMBER_OF)
#define NO_MEMBERS(...)
	CHANGES(MEMBERS, MEMBERS, NO_MEMBERS) /* */
};

enum { MEMBERS_IN_ALL = sizeof members / sizeof *members };

static bool uses(const char *text, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = text; (at = strstr(at, name)); at += len)
		if (at > text && (at[-1] == '.' || at[-1] == '>') && !isalnum((unsigned char)at[len]) && at[len] != '_')
			return true;
	return false;
}

/* What the database merely stores is of no use: somebody sets or reads it. Only names are compared here. */
static void every_column_is_used(void **state)
{
	bool used[MEMBERS_IN_ALL] = {false};
	glob_t files;
	(void)state;
	assert_int_equal(glob("daemon/*/*.c", 0, NULL, &files), 0);
	for (size_t k = 0; k < files.gl_pathc; k++) {
		if (strncmp(files.gl_pathv[k], "daemon/db/", 10) == 0)
			continue;
		char *text = read_file(files.gl_pathv[k]);
		for (size_t i = 0; i < MEMBERS_IN_ALL; i++) {
			/* Of an array only its name. */
			char path[64], *index;
			snprintf(path, sizeof path, "%s", members[i]);
			if ((index = strchr(path, '[')))
				*index = 0;
			const char *dot = strrchr(path, '.');
			used[i] = used[i] || uses(text, dot ? dot + 1 : path);
		}
		free(text);
	}
	globfree(&files);
	for (size_t i = 0; i < MEMBERS_IN_ALL; i++)
		if (!used[i])
			fail_msg("rows.def has a column %s that nothing in daemon/ sets or reads", members[i]);
}

/* ---- what is left open ---- */

static void begins_and_does_not_end(struct world *w)
{
	require(sqlite3_exec(w->db->handle, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
}

static void reads_and_does_not_reset(struct world *w)
{
	sqlite3_stmt *s;
	require(db_statement(w->db, SQL_PROGRESS, &s) == 0 && sqlite3_step(s) == SQLITE_ROW);
}

static void ends_well(struct world *w)
{
	struct progress_row progress;
	require(db_begin(w->db) == 0 && db_progress(w->db, &progress) == 0);
	db_end(w->db);
	require(db_write(w->db, &w->batch) == 0);
}

/* Whether a process that does this and then looks lives on. */
static bool lives_on(struct world *w, void (*doing)(struct world *w))
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		doing(w);
		db_check_idle(w->db, true);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void what_was_left_open_is_found(void **state)
{
	struct world *w = *state;
	assert_true(lives_on(w, ends_well));
	assert_false(lives_on(w, begins_and_does_not_end));
	assert_false(lives_on(w, reads_and_does_not_reset));
}

/* ---- each column there and back ---- */

static void *copy(struct world *w, const void *from, size_t size)
{
	void *to = w->source + w->used;
	w->used += (size + 15) / 16 * 16;
	assert_true(w->used <= sizeof w->source);
	return memcpy(to, from, size);
}

static const char *text(struct world *w, unsigned n)
{
	char words[24];
	int len = snprintf(words, sizeof words, "text %u", n);
	return copy(w, words, (size_t)len + 1);
}

static struct packed_reports reports(struct world *w)
{
	const uint32_t labelers[] = {7, 3};
	const double values[] = {0.25, 0.7};
	const uint64_t sequences[] = {0, INT64_MAX};
	return (struct packed_reports){2, copy(w, labelers, sizeof labelers), copy(w, values, sizeof values),
				       copy(w, sequences, sizeof sequences)};
}

static const struct labeler *states(struct world *w)
{
	const struct labeler all[] = {
		{.weight = 0.5, .own_loss = 1, .gain = -3, .scored = 4, .epoch = 2, .track = {.v = 1}},
		{.weight = 0.25,
		 .mean_loss = 2,
		 .limit = 5,
		 .last_round = 9,
		 .stretch = 7,
		 .track = {1, 0.5, {2, 3, 4, 5}}},
	};
	return copy(w, all, sizeof all);
}

/* Another value for each column: from n; what it points to lies in `source`. */
#define FILL_INTEGER(field) r->field = (__typeof__(r->field))n;
#define FILL_INTEGER_IF(field, condition) FILL_INTEGER(field)
#define FILL_REAL(field) r->field = n / 64.0;
#define FILL_REAL_IF(field, condition) FILL_REAL(field)
#define FILL_TEXT(field) r->field = text(w, n);
#define FILL_BYTES(field) memset(r->field, (int)n, sizeof r->field);
#define FILL_REPORTS(field) r->field = reports(w);
#define FILL_STATES(field, count) count = 2, r->field = states(w);
#define FILL_RATE(field) r->field = CANDOR_FIXED;
#define FILL_SIGNS(field) r->field = CANDOR_FREE;
#define FILL_RIGHTS(field) r->field = CANDOR_RIGHT_REPORT;
#define FILL(column, KIND, ...) FILL_##KIND(__VA_ARGS__) n++;

#define SAME_INTEGER(field) assert_int_equal(a->field, b->field);
#define SAME_INTEGER_IF(field, condition) SAME_INTEGER(field)
#define SAME_REAL(field) assert_same_bits(a->field, b->field);
#define SAME_REAL_IF(field, condition) SAME_REAL(field)
#define SAME_TEXT(field) assert_string_equal(a->field, b->field);
#define SAME_BYTES(field) assert_memory_equal(a->field, b->field, sizeof a->field);
#define SAME_REPORTS(field) assert_same_reports(&a->field, &b->field);
#define SAME_STATES(field, n) assert_same_states(a->field, b->field);
#define SAME_RATE(field) SAME_INTEGER(field)
#define SAME_SIGNS(field) SAME_INTEGER(field)
#define SAME_RIGHTS(field) SAME_INTEGER(field)
#define SAME(column, KIND, ...) SAME_##KIND(__VA_ARGS__)

static void assert_same_reports(const struct packed_reports *a, const struct packed_reports *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->labelers, b->labelers, a->n * sizeof *a->labelers);
	assert_memory_equal(a->values, b->values, a->n * sizeof *a->values);
	assert_memory_equal(a->sequences, b->sequences, a->n * sizeof *a->sequences);
}

static void assert_same_states(const struct labeler *a, const struct labeler *b)
{
	for (size_t i = 0; i < 2; i++) {
		assert_same_bits(a[i].weight, b[i].weight);
		assert_same_bits(a[i].own_loss, b[i].own_loss);
		assert_same_bits(a[i].mean_loss, b[i].mean_loss);
		assert_int_equal(a[i].scored, b[i].scored);
		assert_int_equal(a[i].last_round, b[i].last_round);
		assert_int_equal(a[i].epoch, b[i].epoch);
		assert_same_bits(a[i].gain, b[i].gain);
		assert_same_bits(a[i].limit, b[i].limit);
		assert_int_equal(a[i].stretch, b[i].stretch);
		assert_memory_equal(&a[i].track, &b[i].track, sizeof a[i].track);
	}
}

/* Values that make sense to a reader. */
static void make_sense(enum change_type type, struct change *c)
{
	static const struct candor_settings settings = {
		CANDOR_ANYTIME, 2, 0.02, 0, 0, 0.001, 3, .wrong = 0.2, .scored = 3, .signs = CANDOR_FREE};
	if (type == CHANGE_POOL)
		c->pool.settings = settings;
	if (type == CHANGE_SETTINGS)
		c->settings.settings = settings;
	if (type == CHANGE_ARCHIVE) {
		c->archive.last = c->archive.first + 1;
		c->archive.removed = true;
	}
}

static void add(struct world *w, enum change_type type, const void *row)
{
	assert_true(batch_add(&w->batch, type, row));
	if (type == CHANGE_OPEN_ITEM) {
		struct open_item_row packed = *(const struct open_item_row *)row;
		packed.name = NULL;
		assert_true(batch_add(&w->batch, type, &packed));
	}
	memset(w->source, 0xff, sizeof w->source);
	w->used = 0;
}

/* The only row of pool 1. */
static const void *write_and_read(struct world *w, enum db_table table, struct db_cursor **cursor)
{
	const void *row;
	assert_int_equal(db_write(w->db, &w->batch), 0);
	assert_int_equal(db_cursor_open(w->db, table, 1, 0, cursor), 0);
	assert_int_equal(db_cursor_next(*cursor, &row), 1);
	return row;
}

/* What the row points to is overwritten once it is in the batch. */
#define DEFINE_TEST(NAME, ROW, name, ...)                                                \
	static void fill_##name(struct world *w, struct change *c)                       \
	{                                                                                \
		struct name##_row *r = &c->name;                                         \
		unsigned n = 1;                                                          \
		*c = (struct change){0};                                                 \
		(void)w;                                                                 \
		ROW##_COLUMNS(FILL, FILL);                                               \
		make_sense(CHANGE_##ROW, c);                                             \
	}                                                                                \
	static void check_##name(const struct name##_row *a, const struct name##_row *b) \
	{                                                                                \
		ROW##_COLUMNS(SAME, SAME);                                               \
	}                                                                                \
	static void each_column_of_##name##_comes_back(void **state)                     \
	{                                                                                \
		struct world *w = *state;                                                \
		struct change c;                                                         \
		struct db_cursor *cursor;                                                \
		fill_##name(w, &c);                                                      \
		add(w, CHANGE_##ROW, &c.name);                                           \
		fill_##name(w, &c);                                                      \
		check_##name(&w->batch.first->name, &c.name);                            \
		check_##name(write_and_read(w, DB_##NAME, &cursor), &c.name);            \
		db_cursor_close(cursor);                                                 \
	}
#define NO_TEST(...)

TABLES(DEFINE_TEST, NO_TEST)

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_OF_TABLE(NAME, ROW, name, ...) TEST(each_column_of_##name##_comes_back),

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_digest_of_the_schema_is_known),
		TEST(every_table_of_the_schema_is_listed),
		TEST(every_column_of_the_schema_is_listed),
		TEST(every_statement_and_cursor_fits_the_schema),
		TEST(every_table_is_read),
		TEST(every_table_is_described),
		TEST(every_column_is_used),
		TEST(what_was_left_open_is_found),
		TABLES(TEST_OF_TABLE, NO_TEST) /* */
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
