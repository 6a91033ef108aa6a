/* Upgrades that are refused leave a database that the program which wrote it can use; those that have not finished go on,
 * and whoever looks at such a database meanwhile is told. What was archived is needed, and taken from the files. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/db/migrate.h"
#include "daemon/db/prepare.h"
#include "daemon/db/upgrade_rows.h"
#include "daemon/history/upgrade.h"
#include "lib/base/log.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/files.h"
#include "tests/lib/schemas.h"
#include "tests/lib/sql.h"
#include "tests/lib/unit.h"

enum { SCHEMAS = 5, FILE_MAX = 1 << 20 };

#define ARCHIVED "tests/schemas/5-archived.db"
static const char *const archives[] = {"tests/schemas/5-archived-1.gz", "tests/schemas/5-archived-2.gz"};

static char said[8192];

static void on_log(enum log_level level, const char *line)
{
	size_t len = strlen(said);
	(void)level;
	snprintf(said + len, sizeof said - len, "%s\n", line);
}

#define assert_said(words)                                                     \
	do {                                                                   \
		if (!strstr(said, words))                                      \
			fail_msg("nobody said \"%s\", but:\n%s", words, said); \
	} while (0)

/* ---- the file ---- */

struct bytes {
	size_t n;
	char *data;
};

static struct bytes read_bytes(const char *path)
{
	struct bytes b = {.data = malloc(FILE_MAX)};
	FILE *in = fopen(path, "rb");
	assert_true(in && b.data);
	b.n = fread(b.data, 1, FILE_MAX, in);
	assert_true(b.n < FILE_MAX);
	fclose(in);
	return b;
}

static void assert_same_bytes(const char *path, const struct bytes *before)
{
	struct bytes now = read_bytes(path);
	assert_int_equal(now.n, before->n);
	assert_memory_equal(now.data, before->data, now.n);
	free(now.data);
}

static void place(struct fake_owner *f, const char *database)
{
	struct engine_limits limits = fake_roomy_limits();
	fake_place(f, &limits);
	assert_true(files_copy(database, f->path));
	said[0] = 0;
}

static enum db_age age_of(const struct fake_owner *f)
{
	struct db *db;
	enum db_age age;
	assert_int_equal(db_open(&db, f->path, DB_READ_OLDER, DB_FULL), 0);
	db_leave_log(db);
	assert_int_equal(db_age(db, &age), 0);
	assert_int_equal(db_close(db), 0);
	return age;
}

/* ---- a history that does not give what was written ---- */

static void test_what_does_not_follow_is_named_and_nothing_is_changed(void **state)
{
	(void)state;
	static const struct {
		const char *sql, *named;
	} tampered[] = {
		{"UPDATE labelers SET weight = weight * (1 + 1e-12) WHERE pool = 2 AND id = 3",
		 "pool horizon: labeler-"},
		{"UPDATE settlements SET eta = eta * (1 + 1e-12) WHERE pool = 3 AND round = 7", ": eta is "},
		{"UPDATE settlements SET weights = zeroblob(length(weights)) WHERE pool = 3 AND round = 30",
		 ": a weight after settlement is 0, but the history gives "},
		{"UPDATE items SET mean = mean / 2 WHERE id = 40", ": mean is "},
		{"UPDATE pools SET mean_loss = mean_loss + 1 WHERE id = 3", "pool fixed: the pool: mean's loss is "},
		{"DELETE FROM settlements WHERE pool = 1 AND round = 36", "pool any time: "},
	};
	for (long version = 1; version <= SCHEMAS; version++)
		for (size_t i = 0; i < sizeof tampered / sizeof *tampered; i++) {
			struct fake_owner f;
			char path[64];
			snprintf(path, sizeof path, "tests/schemas/%ld.db", version);
			place(&f, path);
			assert_int_equal(sql_run(f.path, tampered[i].sql), 1);
			struct bytes before = read_bytes(f.path);
			assert_int_equal(fake_try_start(&f), ERR_UPGRADE);
			assert_said(tampered[i].named);
			assert_said("is not upgraded");
			assert_said("nothing was changed");
			assert_same_bytes(f.path, &before);
			assert_int_equal(fake_upgrade_with(&f, NULL, 0), ERR_UPGRADE);
			assert_same_bytes(f.path, &before);
			free(before.data);
			fake_deinit(&f);
		}
}

static int by_pools(void *arg, struct db *db)
{
	/* No time for two: each pool has a transaction. */
	return upgrade_run(db, &(struct upgrade){.called = arg, .option = UPGRADE_OPTION});
}

static int open_by_pools(struct fake_owner *f)
{
	const struct db_upgrader upgrader = {by_pools, f->path};
	struct db *db;
	int err = db_open_upgraded(&db, f->path, DB_FULL, &upgrader);
	return err ? err : db_close(db);
}

static void test_what_was_noted_before_a_refusal_is_gone(void **state)
{
	(void)state;
	for (long version = 1; version <= SCHEMAS; version++) {
		struct fake_owner f;
		char path[64];
		snprintf(path, sizeof path, "tests/schemas/%ld.db", version);
		place(&f, path);
		double objects = sql_number(f.path, "SELECT count(*) FROM sqlite_schema");
		sql_run(f.path, "UPDATE settlements SET lbar = lbar / 2 WHERE pool = 3 AND round = 9");
		assert_int_equal(open_by_pools(&f), ERR_UPGRADE);
		assert_said("pool fixed: ");
		assert_near(sql_number(f.path, "PRAGMA user_version"), (double)version, 0);
		assert_near(sql_number(f.path, "SELECT count(*) FROM sqlite_schema"), objects, 0);
		/* What was wrong with it put right, it goes through. */
		sql_run(f.path, "UPDATE settlements SET lbar = lbar * 2 WHERE pool = 3 AND round = 9");
		assert_int_equal(open_by_pools(&f), 0);
		assert_int_equal(fake_verify(&f), 0);
		fake_deinit(&f);
	}
}

/* ---- archives ---- */

static void test_archived_rounds_are_needed_and_nothing_is_begun_without_them(void **state)
{
	(void)state;
	struct fake_owner f, copy;
	place(&f, ARCHIVED);
	struct bytes before = read_bytes(f.path);
	for (int i = 0; i < 3; i++) {
		said[0] = 0;
		int err = i == 0 ? fake_try_start(&f) : fake_upgrade_with(&f, &archives[1], (size_t)i - 1);
		assert_int_equal(err, ERR_UPGRADE);
		assert_said("pool p: rounds 1 to 15 are in archive 5-archived-1.gz");
		assert_said("pool p: rounds 16 to 30 are in archive 5-archived-2.gz");
		assert_said("run `candord --upgrade --db ");
		assert_said("nothing was changed");
		assert_same_bytes(f.path, &before);
	}
	free(before.data);
	/* A backup of it is restored with them, or not at all. */
	place(&copy, ARCHIVED);
	assert_int_equal(unlink(copy.path), 0);
	assert_int_equal(fake_restore(&copy, ARCHIVED, NULL, 0), ERR_UPGRADE);
	assert_said("run `candord --restore " ARCHIVED " --archive FILE...`");
	assert_false(files_exists(copy.path));
	assert_int_equal(fake_restore(&copy, ARCHIVED, archives, SCHEMAS_ARCHIVES), 0);
	assert_int_equal(fake_verify_with(&copy, archives, SCHEMAS_ARCHIVES), 0);
	fake_deinit(&copy);
	fake_deinit(&f);
}

static void test_an_archive_that_is_not_what_it_was_is_refused(void **state)
{
	(void)state;
	struct fake_owner f;
	char spoiled[160];
	const char *const files[] = {spoiled, archives[1]};
	place(&f, ARCHIVED);
	struct bytes before = read_bytes(f.path), archive = read_bytes(archives[0]);
	snprintf(spoiled, sizeof spoiled, "%s/spoiled", f.dir);
	archive.data[archive.n / 2] ^= 1;
	files_write_bytes(spoiled, archive.data, archive.n);
	assert_int_equal(fake_upgrade_with(&f, files, 2), ERR_DAMAGED);
	assert_same_bytes(f.path, &before);
	assert_int_equal(unlink(spoiled), 0);
	free(before.data);
	free(archive.data);
	fake_deinit(&f);
}

static void test_with_its_archives_a_pool_has_its_forecast_from_its_first_report_on(void **state)
{
	(void)state;
	struct fake_owner f, never;
	struct engine_limits limits = fake_roomy_limits();
	char paths[SCHEMAS_ARCHIVES][160];
	const char *named[SCHEMAS_ARCHIVES], *const turned[] = {archives[1], archives[0]};
	place(&f, ARCHIVED);
	assert_int_equal(fake_upgrade_with(&f, turned, SCHEMAS_ARCHIVES), 0);
	/* The files are as they were, and say the same; without them it begins at what was written anew. */
	assert_int_equal(fake_verify(&f), 0);
	assert_int_equal(fake_verify_with(&f, archives, SCHEMAS_ARCHIVES), 0);
	/* An older one has no state at which a replay can begin. */
	assert_int_equal(fake_verify_with(&f, &archives[1], 1), ERR_HISTORY);
	fake_init(&never, &limits);
	for (int i = 0; i < SCHEMAS_ARCHIVES; i++) {
		snprintf(paths[i], sizeof paths[i], "%s/%d.gz", never.dir, i);
		named[i] = paths[i];
	}
	schemas_play_archived(&never, SCHEMAS, named);
	fake_start(&f);
	char *got = fake_state(&f), *want = fake_state(&never);
	assert_string_equal(got, want);
	free(got);
	free(want);
	fake_stop(&f);
	fake_stop(&never);
	/* Items that are archived have their forecasts, too. */
	char sql[512];
	snprintf(
		sql, sizeof sql,
		"ATTACH '%s' AS n; CREATE TEMP TABLE differ AS SELECT id, forecast, regression, evidence, evidence_full,"
		" closed_round, reports FROM main.items EXCEPT SELECT id, forecast, regression, evidence, evidence_full,"
		" closed_round, reports FROM n.items; INSERT INTO main.grants SELECT 1000 + id, id, '', '', '' FROM differ",
		never.path);
	sql_run(f.path, sql);
	assert_near(sql_number(f.path, "SELECT count(*) FROM grants"), 0, 0);
	for (int i = 0; i < SCHEMAS_ARCHIVES; i++)
		assert_int_equal(unlink(paths[i]), 0);
	fake_deinit(&f);
	fake_deinit(&never);
}

static void test_what_is_archived_afterwards_stands_beside_what_was_archived_before(void **state)
{
	(void)state;
	struct fake_owner f;
	struct archive_row made;
	char third[160];
	const char *const files[] = {third, archives[0], archives[1]};
	place(&f, ARCHIVED);
	snprintf(third, sizeof third, "%s/3.gz", f.dir);
	assert_int_equal(fake_upgrade_with(&f, archives, SCHEMAS_ARCHIVES), 0);
	fake_start(&f);
	assert_int_equal(fake_archive(&f, "p", UINT64_MAX, third, &made), 0);
	assert_int_equal(made.first, 31);
	const struct candor_request prune = fake_prune_request("p", &made, "3.gz");
	assert_int_equal(fake_call(&f, &prune)->code, CANDOR_OK);
	fake_settle(&f);
	assert_int_equal(fake_post(&f, "p", "after", "ann", 0.25), CANDOR_OK);
	assert_int_equal(fake_post(&f, "p", "after", "bob", 0.75), CANDOR_OK);
	assert_int_equal(fake_resolve(&f, "p", "after", 1), CANDOR_OK);
	fake_stop(&f);
	assert_int_equal(fake_verify(&f), 0);
	assert_int_equal(fake_verify_with(&f, files, 1), 0);
	assert_int_equal(fake_verify_with(&f, files, 3), 0);
	assert_int_equal(unlink(third), 0);
	fake_deinit(&f);
}

/* ---- one that has not finished ---- */

struct pause {
	const char *called;
	uint64_t asked, until; /* goes on so often */
};

static bool on_event(void *arg, uint64_t done, uint64_t total)
{
	struct pause *p = arg;
	(void)done;
	(void)total;
	return p->asked++ < p->until;
}

static int paused(void *arg, struct db *db)
{
	struct pause *p = arg;
	return upgrade_run(
		db, &(struct upgrade){.called = p->called, .option = UPGRADE_OPTION, .going_on = on_event, .arg = p});
}

static void test_one_that_has_not_finished_is_told_and_goes_on(void **state)
{
	(void)state;
	unsigned older = 0, unfinished = 0;
	for (uint64_t until = 0;; until++) {
		struct fake_owner f, copy;
		struct db *db;
		char backup[160];
		place(&f, "tests/schemas/5.db");
		struct pause pause = {f.path, 0, until};
		const struct db_upgrader upgrader = {paused, &pause};
		int err = db_open_upgraded(&db, f.path, DB_FULL, &upgrader);
		if (err == 0) {
			assert_int_equal(db_close(db), 0);
			fake_deinit(&f);
			break;
		}
		assert_int_equal(err, -ECANCELED);
		enum db_age age = age_of(&f);
		older += age == DB_OLDER;
		unfinished += age == DB_UNFINISHED;
		said[0] = 0;
		assert_int_equal(fake_verify(&f), ERR_SCHEMA);
		assert_said(age == DB_OLDER ? "its schema is older" : "its upgrade has not finished");
		assert_said("`candord --upgrade`");
		/* A backup of it is one all the same. */
		snprintf(backup, sizeof backup, "%s/backup", f.dir);
		assert_int_equal(fake_backup(&f, backup), 0);
		if (age == DB_UNFINISHED)
			assert_said("has not finished; --restore of this copy finishes it");
		place(&copy, backup);
		assert_int_equal(unlink(copy.path), 0);
		assert_int_equal(fake_restore(&copy, backup, NULL, 0), 0);
		fake_start(&copy);
		fake_start(&f);
		char *got = fake_state(&f), *want = fake_state(&copy);
		assert_string_equal(got, want);
		free(got);
		free(want);
		fake_stop(&f);
		assert_int_equal(fake_verify(&f), 0);
		assert_int_equal(unlink(backup), 0);
		fake_deinit(&copy);
		fake_deinit(&f);
	}
	assert_true(older > 0);
	assert_true(unfinished > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_does_not_follow_is_named_and_nothing_is_changed),
		cmocka_unit_test(test_what_was_noted_before_a_refusal_is_gone),
		cmocka_unit_test(test_archived_rounds_are_needed_and_nothing_is_begun_without_them),
		cmocka_unit_test(test_an_archive_that_is_not_what_it_was_is_refused),
		cmocka_unit_test(test_with_its_archives_a_pool_has_its_forecast_from_its_first_report_on),
		cmocka_unit_test(test_what_is_archived_afterwards_stands_beside_what_was_archived_before),
		cmocka_unit_test(test_one_that_has_not_finished_is_told_and_goes_on),
	};
	log_set_sink(on_log);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
