/* A commit that was written to the log and not to its index, because its writer was killed in between while somebody else
 * had the database open: it was told to be absent, and stays so. */
#include "tests/lib/unit.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/read.h"
#include "daemon/db/write.h"
#include "daemon/db/wal.h"
#include "tests/lib/daemon.h"

static int set_up(void **state)
{
	static struct daemon d; /* for its directory alone */
	daemon_init(&d);
	*state = &d;
	return 0;
}

static int tear_down(void **state)
{
	daemon_deinit(*state);
	return 0;
}

static sqlite3 *open_file(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t changes(sqlite3 *db)
{
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT changes FROM progress", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* What stands in a file from some byte on is put behind the same bytes of another: its length afterwards. */
static long copy_rest(const char *from, const char *to, long start)
{
	uint8_t bytes[4096];
	FILE *in = fopen(from, "r"), *out = fopen(to, start > 0 ? "a" : "w");
	assert_non_null(in);
	assert_non_null(out);
	assert_int_equal(fseek(in, start, SEEK_SET), 0);
	for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fseek(out, 0, SEEK_END), 0);
	long end = ftell(out);
	assert_int_equal(fclose(out), 0);
	return end;
}

static void a_commit_that_nobody_saw_does_not_come_back(void **state)
{
	const struct daemon *d = *state;
	char log[256], copy[224], copied_log[256];
	struct db *db;
	snprintf(log, sizeof log, "%s-wal", d->db);
	snprintf(copy, sizeof copy, "%s/copy.db", d->dir);
	snprintf(copied_log, sizeof copied_log, "%s-wal", copy);
	assert_int_equal(db_open(&db, d->db, DB_WRITE, DB_FULL), 0);
	sqlite3 *reader = open_file(d->db);
	run_sql(reader, "UPDATE progress SET changes = 1; BEGIN");
	assert_int_equal(changes(reader), 1);

	/* The next commit, made in a copy: its frames are what the killed writer leaves. */
	copy_rest(d->db, copy, 0);
	long seen = copy_rest(log, copied_log, 0);
	sqlite3 *other = open_file(copy), *keeps_log = open_file(copy);
	assert_int_equal(changes(keeps_log), 1);
	run_sql(other, "UPDATE progress SET changes = 2");
	assert_true(copy_rest(copied_log, log, seen) > seen);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(sqlite3_close(keeps_log), SQLITE_OK);

	/* A start while the reader reads. It is told that nothing came after 1, and it writes nothing. */
	struct progress_row progress;
	assert_int_equal(db_empty_log(db), 0);
	assert_int_equal(db_progress(db, &progress), 0);
	assert_int_equal(progress.changes, 1);

	/* The log as a kill of everybody leaves it. */
	copy_rest(d->db, copy, 0);
	assert_int_equal(copy_rest(log, copied_log, 0), seen);
	assert_int_equal(changes(reader), 1);
	run_sql(reader, "COMMIT");
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	assert_int_equal(db_close(db), 0);
	assert_int_equal(db_wal_check(copy), 0);
	other = open_file(copy);
	assert_int_equal(changes(other), 1);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit_that_nobody_saw_does_not_come_back, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
