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
static char *changes_of(struct fake_owner *f, bool in_order, int pools)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	require(out);
	for (int pool = 0; pool < pools; pool++) {
		static const char *const names[] = {"any time", "horizon", "fixed", "epochs", "closed first"};
		const struct candor_request all = {.type = CANDOR_REQ_LIST_CHANGES, .pool = names[pool], .limit = 1000};
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
static void go_on(struct fake_owner *f, uint64_t now_ms, bool since_5)
{
	const struct candor_request update = {
		.type = CANDOR_REQ_UPDATE_POOL, .pool = "any time", .settings = {.beta = 0.25}};
	f->now_ms = now_ms;
	assert_int_equal(fake_post(f, "any time", "one more", "newcomer", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(f, "any time", "one more", 0), CANDOR_OK);
	/* Up to schema 4 every labeler's row was written with new settings, with these none. */
	int before = (int)fake_number(f, "SELECT count(*) FROM settings WHERE epoch IS NOT NULL");
	assert_true(since_5 ? before > 0 : before == 0);
	assert_int_equal(fake_call(f, &update)->code, CANDOR_OK);
	assert_int_equal((int)fake_number(f, "SELECT count(*) FROM settings WHERE epoch IS NOT NULL"), before + 1);
	char *now = fake_state(f), *disk = fake_state_on_disk(f);
	assert_string_equal(disk, now);
	free(now);
	free(disk);
	assert_int_equal(fake_verify(f), 0);
}

static void upgrade_one(long version, const char *want, const char *const changes[2], uint64_t now_ms)
{
	struct fake_owner old;
	struct engine_limits limits = fake_roomy_limits();
	char path[64];
	int pools = version < 5 ? 3 : 5;
	snprintf(path, sizeof path, "tests/schemas/%ld.db", version);
	assert_int_equal(schemas_of(path), version);
	fake_place(&old, &limits);
	assert_true(files_copy(path, old.path));
	fake_start(&old);
	assert_int_equal((long)fake_number(&old, "PRAGMA user_version"), MIGRATE_VERSION);
	char *got = fake_state(&old);
	assert_string_equal(got, want);
	free(got);
	got = changes_of(&old, version >= 4, pools);
	assert_string_equal(got, changes[version >= 4]);
	free(got);
	assert_int_equal(fake_verify(&old), 0);
	go_on(&old, now_ms, version >= 5);
	fake_deinit(&old);
}

static void test_every_earlier_schema(void **state)
{
	(void)state;
	static const long played[][2] = {{1, 4}, {5, MIGRATE_VERSION - 1}}; /* the same events, from and to */
	for (size_t i = 0; i < sizeof played / sizeof *played; i++) {
		struct fake_owner f;
		struct engine_limits limits = fake_roomy_limits();
		int pools = played[i][0] < 5 ? 3 : 5;
		fake_init(&f, &limits);
		schemas_play(&f, played[i][0]);
		char *want = fake_state(&f), *changes[] = {changes_of(&f, false, pools), changes_of(&f, true, pools)};
		for (long version = played[i][0]; version <= played[i][1]; version++)
			upgrade_one(version, want, (const char *const *)changes, f.now_ms);
		free(want);
		free(changes[0]);
		free(changes[1]);
		fake_deinit(&f);
	}
}

/* Makes a database of schema 5 one of schema 4 again, without an audit, too. */
static void undo_schema_5(const char *path)
{
	sql_run(path, "DROP TABLE item_changes; ALTER TABLE settlements DROP COLUMN salt;"
		      " ALTER TABLE report_log DROP COLUMN sequence; ALTER TABLE settings DROP COLUMN epoch;"
		      " DELETE FROM events WHERE action = 'void'; PRAGMA user_version = 4");
}

/* Of what is archived no table says with which change it happened. */
static void test_what_was_archived_before_there_was_a_list_is_in_it(void **state)
{
	(void)state;
	struct fake_owner f;
	struct db *db;
	struct engine_limits limits = fake_roomy_limits();
	fake_place(&f, &limits);
	assert_true(files_copy("tests/schemas/5-archived.db", f.path));
	double entries = sql_number(f.path, "SELECT count(*) FROM item_changes WHERE pool = 2");
	double changes = sql_number(f.path, "SELECT changes FROM progress");
	undo_schema_5(f.path);
	assert_int_equal(db_open(&db, f.path, DB_SCRATCH, DB_NORMAL), 0);
	assert_int_equal(db_close(db), 0);
	assert_near(sql_number(f.path, "SELECT count(*) FROM item_changes WHERE pool = 2"), entries, 0);
	assert_near(sql_number(f.path, "SELECT changes FROM progress"), changes, 0);
	/* An item is closed first, and only then resolved or voided; rounds are in order, none is missing. */
	assert_near(
		sql_number(
			f.path,
			"SELECT count(*) FROM item_changes c WHERE state != 'closed' AND NOT EXISTS (SELECT 1"
			" FROM item_changes d WHERE d.item = c.item AND d.state = 'closed' AND d.change < c.change)"),
		0, 0);
	assert_near(
		sql_number(f.path,
			   "SELECT count(*) FROM (SELECT round, row_number() OVER (PARTITION BY pool ORDER BY change)"
			   " AS nth FROM item_changes WHERE state = 'resolved') WHERE round != nth"),
		0, 0);
	assert_near(sql_number(f.path, "SELECT max(round) FROM item_changes WHERE pool = 2"),
		    sql_number(f.path, "SELECT round FROM pools WHERE id = 2"), 0);
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
