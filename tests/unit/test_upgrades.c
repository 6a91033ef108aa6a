/* Databases as earlier versions wrote them: each is brought to the present schema, and then holds what the present
 * program makes of the same events, to the last bit.
 *
 * tests/schemas/N.db is the campaign of tests/lib/schemas.c as written by a program of schema version N. When the schema
 * is about to change, `MAKE_SCHEMA=tests/schemas/N.db build/release/tests/unit/test_upgrades` writes the file of the old
 * one, N-archived.db and its archives beside it. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/db/migrate.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/files.h"
#include "tests/lib/schemas.h"
#include "tests/lib/sql.h"
#include "tests/lib/unit.h"

/* The two databases, the second with its archives beside it. */
static void make(void **state)
{
	const char *path = getenv("MAKE_SCHEMA");
	(void)state;
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	char stem[256], archived[300], files[SCHEMAS_ARCHIVES][300];
	const char *named[SCHEMAS_ARCHIVES];
	snprintf(stem, sizeof stem, "%.*s", (int)(strlen(path) - strlen(".db")), path);
	snprintf(archived, sizeof archived, "%s-archived.db", stem);
	for (int i = 0; i < SCHEMAS_ARCHIVES; i++) {
		snprintf(files[i], sizeof files[i], "%s-archived-%d.gz", stem, i + 1);
		named[i] = files[i];
	}
	fake_init(&f, &limits);
	schemas_play(&f, MIGRATE_VERSION);
	fake_stop(&f);
	assert_true(files_copy(f.path, path));
	fake_start(&f);
	fake_deinit(&f);
	fake_init(&f, &limits);
	schemas_play_archived(&f, MIGRATE_VERSION, named);
	fake_stop(&f);
	assert_true(files_copy(f.path, archived));
	fake_start(&f);
	fake_deinit(&f);
}

/* What happened to items, with all that their rows say, or in the order of each item alone: a database without an audit
 * does not say when an item was voided that was closed before. */
static char *changes_of(struct fake_owner *f, bool in_order)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	require(out);
	for (int pool = 0; pool < 3; pool++) {
		static const char *const pools[] = {"any time", "horizon", "fixed"};
		const struct candor_request all = {.type = CANDOR_REQ_LIST_CHANGES, .pool = pools[pool], .limit = 1000};
		const struct candor_response *r = fake_call(f, &all);
		assert_int_equal(r->code, CANDOR_OK);
		assert_true(r->n > 0 && !r->more);
		for (size_t i = 0; i < r->n; i++) {
			const struct candor_item *item = &r->items[i];
			size_t nth = 0;
			for (size_t k = 0; k < i; k++)
				nth += strcmp(r->items[k].item, item->item) == 0;
			if (!in_order && item->state == CANDOR_VOID && item->ess > 0)
				continue;
			fprintf(out, "%zu. of %s: %d %a %a %a %u at %u\n", nth, item->item, (int)item->state,
				item->mean, item->outcome, item->weighted_loss, (unsigned)item->round,
				(unsigned)item->ended_at);
		}
	}
	fclose(out);
	return text;
}

/* As a database of the present schema would. */
static void go_on(struct fake_owner *f, uint64_t now_ms)
{
	const struct candor_request update = {
		.type = CANDOR_REQ_UPDATE_POOL, .pool = "any time", .settings = {.beta = 0.25}};
	f->now_ms = now_ms;
	assert_int_equal(fake_post(f, "any time", "one more", "newcomer", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "any time", "one more", 0), CANDOR_OK);
	/* With earlier settings every labeler's row was written, with these none. */
	assert_int_equal((int)fake_number(f, "SELECT count(*) FROM settings WHERE epoch IS NOT NULL"), 0);
	assert_int_equal(fake_call(f, &update)->code, CANDOR_OK);
	assert_int_equal((int)fake_number(f, "SELECT count(*) FROM settings WHERE epoch IS NOT NULL"), 1);
	char *now = fake_state(f), *disk = fake_state_on_disk(f);
	assert_string_equal(disk, now);
	free(now);
	free(disk);
	assert_int_equal(fake_verify(f), 0);
}

static void test_every_earlier_schema(void **state)
{
	(void)state;
	struct fake_owner f, old;
	struct engine_limits limits = fake_roomy_limits();
	fake_init(&f, &limits);
	schemas_play(&f, 4);
	char *want = fake_state(&f), *changes[] = {changes_of(&f, false), changes_of(&f, true)};
	long versions = MIGRATE_VERSION;
	for (long version = 1; version < versions; version++) {
		char path[64];
		snprintf(path, sizeof path, "tests/schemas/%ld.db", version);
		assert_int_equal(schemas_of(path), version);
		fake_init(&old, &limits);
		fake_stop(&old);
		assert_true(files_copy(path, old.path));
		fake_start(&old);
		assert_int_equal((long)fake_number(&old, "PRAGMA user_version"), versions);
		char *got = fake_state(&old);
		assert_string_equal(got, want);
		free(got);
		got = changes_of(&old, version >= 4);
		assert_string_equal(got, changes[version >= 4]);
		free(got);
		assert_int_equal(fake_verify(&old), 0);
		go_on(&old, f.now_ms);
		fake_deinit(&old);
	}
	free(want);
	free(changes[0]);
	free(changes[1]);
	fake_deinit(&f);
}

/* Makes the present database one of schema 4 again, without an audit, too. */
static void undo_schema_5(struct fake_owner *f)
{
	sql_run(f->path, "DROP TABLE item_changes");
	sql_run(f->path, "ALTER TABLE settlements DROP COLUMN salt");
	sql_run(f->path, "ALTER TABLE report_log DROP COLUMN sequence");
	sql_run(f->path, "ALTER TABLE settings DROP COLUMN epoch");
	sql_run(f->path, "DELETE FROM events WHERE action = 'void'");
	sql_run(f->path, "PRAGMA user_version = 4");
}

/* Of what is archived no table says with which change it happened. */
static void test_what_was_archived_before_there_was_a_list_is_in_it(void **state)
{
	(void)state;
	enum { ROUNDS = 40, ARCHIVES = 2 };
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	char item[32], paths[ARCHIVES][128];
	fake_init(&f, &limits);
	fake_pool(&f, "p", NULL);
	for (int i = 0; i < ARCHIVES * ROUNDS; i++) {
		struct archive_row made;
		f.now_ms += 10;
		snprintf(item, sizeof item, "%d", i);
		assert_int_equal(fake_post(&f, "p", item, "ann", 0.5), CANDOR_OK);
		assert_int_equal(fake_close(&f, "p", item), CANDOR_OK);
		if (i % 8 == 5)
			assert_int_equal(fake_void(&f, "p", item), CANDOR_OK);
		/* The others later, in another order. */
		snprintf(item, sizeof item, "%d", i ^ 3);
		if (i % 4 >= 2 && i % 8 != 6)
			assert_int_equal(fake_resolve(&f, "p", item, 1), CANDOR_OK);
		if (i % ROUNDS != ROUNDS - 1)
			continue;
		snprintf(paths[i / ROUNDS], sizeof paths[0], "%s/%d.gz", f.dir, i / ROUNDS);
		fake_settle(&f);
		assert_int_equal(fake_archive(&f, "p", UINT64_MAX, paths[i / ROUNDS], &made), 0);
		const struct candor_request prune = fake_prune_request("p", &made, "file");
		assert_int_equal(fake_call(&f, &prune)->code, CANDOR_OK);
		fake_settle(&f);
	}
	double entries = fake_number(&f, "SELECT count(*) FROM item_changes");
	double changes = fake_number(&f, "SELECT changes FROM progress");
	const char *const archives[] = {paths[0], paths[1]};
	assert_int_equal(fake_verify_with(&f, archives, ARCHIVES), 0);
	fake_stop(&f);
	undo_schema_5(&f);
	fake_start(&f);
	assert_near(fake_number(&f, "SELECT count(*) FROM item_changes"), entries, 0);
	assert_near(fake_number(&f, "SELECT changes FROM progress"), changes, 0);
	const struct candor_request all = {.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .limit = 1000};
	const struct candor_response *r = fake_call(&f, &all);
	assert_int_equal(r->n, (size_t)entries);
	uint64_t round = 0;
	for (size_t i = 0; i < r->n; i++) {
		size_t before = 0;
		for (size_t k = 0; k < i; k++)
			before += strcmp(r->items[k].item, r->items[i].item) == 0;
		assert_int_equal(before, r->items[i].state != CANDOR_CLOSED);
		if (r->items[i].state == CANDOR_RESOLVED)
			assert_int_equal(r->items[i].round, ++round);
	}
	assert_int_equal(fake_verify_with(&f, archives, ARCHIVES), 0);
	for (int i = 0; i < ARCHIVES; i++)
		assert_int_equal(unlink(paths[i]), 0);
	fake_deinit(&f);
}

/* Tokens of schema 4 could have times that came back negative. */
static void test_a_token_that_expires_too_late_stays(void **state)
{
	(void)state;
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	const struct candor_request request = {.type = CANDOR_REQ_LIST_TOKENS, .limit = 10};
	fake_init(&f, &limits);
	fake_stop(&f);
	assert_true(files_copy("tests/schemas/4.db", f.path));
	sql_run(f.path, "INSERT INTO tokens VALUES (1, 'late', zeroblob(32), 1, -1, 0)");
	fake_start(&f);
	const struct candor_response *r = fake_call(&f, &request);
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->tokens[0].expires_at, INT64_MAX);
	assert_int_equal(fake_verify(&f), 0);
	fake_deinit(&f);
}

/* Brought up again and again, it is the same. */
static void test_present_schema_stays(void **state)
{
	(void)state;
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	fake_init(&f, &limits);
	schemas_play(&f, 4);
	char *want = fake_state(&f);
	for (int i = 0; i < 3; i++) {
		fake_restart(&f);
		char *got = fake_state(&f);
		assert_string_equal(got, want);
		free(got);
	}
	free(want);
	fake_deinit(&f);
}

static void test_newer_schema_is_refused(void **state)
{
	(void)state;
	struct fake_owner f;
	struct engine_limits limits = fake_roomy_limits();
	struct db *db;
	char sql[64];
	fake_init(&f, &limits);
	fake_pool(&f, "p", NULL);
	fake_stop(&f);
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", MIGRATE_VERSION + 1);
	fake_sql(&f, sql);
	assert_int_equal(db_open(&db, f.path, DB_WRITE, DB_FULL), ERR_SCHEMA);
	assert_int_equal(db_open(&db, f.path, DB_READ, DB_FULL), ERR_SCHEMA);
	assert_int_equal(schemas_of(f.path), MIGRATE_VERSION + 1);
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", MIGRATE_VERSION);
	fake_sql(&f, sql);
	fake_start(&f);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest making[] = {cmocka_unit_test(make)};
	if (getenv("MAKE_SCHEMA"))
		return cmocka_run_group_tests(making, NULL, NULL);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_earlier_schema),
		cmocka_unit_test(test_what_was_archived_before_there_was_a_list_is_in_it),
		cmocka_unit_test(test_a_token_that_expires_too_late_stays),
		cmocka_unit_test(test_present_schema_stays),
		cmocka_unit_test(test_newer_schema_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
