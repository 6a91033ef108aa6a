/* The history as others see it: whoever tampers with it is found by --verify, and the sqlite3 shell can read it. */
#include <stdlib.h>
#include <unistd.h>

#include "lib/crypto/chain.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/files.h"
#include "tests/lib/seed.h"
#include "tests/lib/sql.h"
#include "tests/lib/unit.h"

/* 60 items by 8 labelers: 40 resolved, 10 closed, 5 void, 5 open; a change of settings in the middle. */
static void make_history(struct daemon *d)
{
	struct random r;
	random_init(&r, 40, 0);
	daemon_start(d, NULL);
	struct candor *c = daemon_connect(d);
	call_create_pool(c, "p");
	for (int i = 0; i < 60; i++) {
		char item[24], labeler[24];
		snprintf(item, sizeof item, "item-%d", i);
		for (int l = 0; l < 8; l++) {
			snprintf(labeler, sizeof labeler, "labeler-%d", l);
			if (i >= l)
				call_report(c, "p", item, labeler, random_unit(&r));
		}
		if (i < 40)
			call_resolve(c, "p", item, i % 2);
		else if (i < 55)
			call_on_item(c, i < 50 ? CANDOR_REQ_CLOSE_ITEMS : CANDOR_REQ_VOID_ITEMS, "p", item);
		if (i == 20)
			call_ok(c, (struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
							   .pool = "p",
							   .settings = {.c = 0.7, .entry = 0.5}});
	}
	call_report(c, "p", "item-59", "labeler-0", 0.125);
	call_report(c, "p", "item-58", "late-comer", 0.5);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal(daemon_verify(d), 0);
}

static void tampering_with_the_history_or_the_state_is_found(void **state)
{
	struct daemon *d = *state;
	static const char *const tampering[] = {
		"UPDATE items SET outcome = 0.25 WHERE state = 'closed'",
		"UPDATE labelers SET own_loss = own_loss + 1e-12 WHERE id = 3",
		"UPDATE labelers SET weight = weight * (1 + 1e-12) WHERE name = 'late-comer'",
		"UPDATE labelers SET scored = scored + 1 WHERE id = 2",
		"UPDATE labelers SET entry = 2 WHERE id = 1",
		"UPDATE labelers SET joined = joined + 100 WHERE id = 7",
		"UPDATE labelers SET name = 'somebody' WHERE id = 4; DELETE FROM labelers WHERE id = 8",
		"UPDATE settlements SET eta = eta * (1 + 1e-12) WHERE round = 7",
		"UPDATE settlements SET lbar = lbar * (1 + 1e-12) WHERE round = 7",
		"UPDATE settlements SET outcome = 0.5 WHERE round = 7",
		"UPDATE settlements SET outcome = 0.5 WHERE round = 7; UPDATE items SET outcome = 0.5 WHERE round = 7",
		"UPDATE settlements SET weights = zeroblob(length(weights)) WHERE round = 7",
		"UPDATE settlements SET change = change + 40 WHERE round = 7",
		"DELETE FROM settlements WHERE round = 7",
		"DELETE FROM settlements WHERE round = 40",
		"UPDATE items SET mean = mean * (1 + 1e-12) WHERE close_number = 9",
		"UPDATE items SET median = 0.5 WHERE close_number = 45",
		"UPDATE items SET reports = replace(reports, '[1,', '[2,') WHERE close_number = 9",
		"UPDATE items SET reports = json_set(reports, '$[0][1]', 0.5) WHERE close_number = 9",
		"UPDATE items SET reports = 'nonsense' WHERE close_number = 9",
		"UPDATE items SET state = 'void' WHERE close_number = 45",
		"DELETE FROM items WHERE close_number = 45",
		"UPDATE settings SET c = 0.8 WHERE c = 0.7",
		"UPDATE pools SET mean_loss = mean_loss * (1 + 1e-12)",
		"UPDATE pools SET round = round + 1",
		"UPDATE pools SET open = open + 1",
		"UPDATE pools SET forecast_loss = forecast_loss * (1 + 1e-12)",
		"UPDATE pools SET stretch = stretch + 1",
		"UPDATE pools SET grown = grown * (1 + 1e-12)",
		"UPDATE pools SET stretch_weight = stretch_weight + 1",
		"UPDATE pools SET track_u = track_u * (1 + 1e-12)",
		"UPDATE pools SET track_b = track_b + 0.5",
		"UPDATE pools SET blend_evidence = blend_evidence * (1 + 1e-12)",
		"UPDATE pools SET rechecks = 1",
		"UPDATE pools SET wrong = 0.1",
		"UPDATE pools SET signs = 'free'",
		"UPDATE settings SET wrong = 0.1 WHERE c = 0.7",
		"UPDATE settings SET first_scored = 3 WHERE c = 0.7",
		"UPDATE settings SET signs = 'free' WHERE c = 0.7",
		"UPDATE labelers SET gain = gain + 1e-12 WHERE id = 3",
		"UPDATE labelers SET lim = lim * (1 + 1e-12) WHERE id = 3",
		"UPDATE labelers SET m = m + 1e-12 WHERE id = 3",
		"UPDATE labelers SET v = v * (1 - 1e-12) WHERE id = 3",
		"UPDATE labelers SET n1 = n1 + 1, n0 = n0 - 1 WHERE id = 3",
		"UPDATE items SET forecast = forecast * (1 + 1e-12) WHERE close_number = 9",
		"UPDATE items SET evidence = 0.5 WHERE close_number = 45",
		"UPDATE items SET closed_round = closed_round - 1 WHERE close_number = 9",
		"UPDATE items SET forecast = NULL, regression = NULL, evidence = NULL, evidence_full = NULL,"
		" closed_round = NULL WHERE close_number = 9",
		"UPDATE items SET forecast = NULL WHERE close_number = 9",
		"UPDATE items SET block = 7 WHERE round = 7",
		"UPDATE items SET block = 7 WHERE round = 7 OR round = 8",
		"UPDATE settlements SET gradient = gradient * (1 + 1e-12) WHERE round = 7",
		"UPDATE settlements SET variance = variance * (1 + 1e-12) WHERE round = 7",
		"UPDATE settlements SET stretch = stretch + 1 WHERE round = 7",
		"UPDATE settlements SET stretch = NULL, gradient = NULL, variance = NULL WHERE round = 7",
		"UPDATE settlements SET weights = substr(weights, 1, 8), last_rounds = substr(last_rounds, 1, 4)"
		" WHERE round = 7",
		"INSERT INTO rechecks SELECT id, pool, 0.25, 1, 'uid:0', 500 FROM items WHERE round = 7",
		"INSERT INTO rechecks SELECT id, pool, 0.5, 1, 'uid:0', 5 FROM items WHERE round = 7",
		"INSERT INTO rechecks SELECT id, pool, 0.5, 1, 'uid:0', 500 FROM items WHERE close_number = 45",
		"DELETE FROM open_items WHERE name = 'item-59'",
		"UPDATE settlements SET at = at - 1 WHERE round = 7",
		"UPDATE settlements SET by = 'uid:0' WHERE round = 7",
		"UPDATE settlements SET hash = zeroblob(32) WHERE round = 7",
		"UPDATE settlements SET hash = zeroblob(31) WHERE round = 40",
		"UPDATE settlements SET hash = NULL WHERE round = 7",
		"UPDATE settlements SET salt = NULL WHERE round = 7",
		"UPDATE settlements SET salt = zeroblob(16) WHERE round = 40",
		"UPDATE settlements SET salt = zeroblob(15) WHERE round = 40",
		"UPDATE items SET name = 'item-6b' WHERE name = 'item-6'",
		"DELETE FROM item_changes WHERE state = 'closed' AND item = 9",
		"DELETE FROM item_changes WHERE round = 7",
		"DELETE FROM item_changes WHERE state = 'void' AND change = (SELECT max(change) FROM item_changes)",
		"UPDATE item_changes SET change = change + 1 WHERE round = 40",
		"UPDATE item_changes SET item = item + 1 WHERE round = 7",
		"UPDATE labelers SET name = 'a' WHERE id = 1; UPDATE labelers SET name = 'labeler-1' WHERE id = 2;"
		"UPDATE labelers SET name = 'labeler-2' WHERE id = 1",
	};
	char original[256];
	make_history(d);
	daemon_path(d, "original", original);
	assert_true(files_copy(d->db, original));
	for (size_t i = 0; i < sizeof tampering / sizeof *tampering; i++) {
		const char *const argv[] = {"candord", "--verify", "--db", d->db, NULL};
		assert_true(files_copy(original, d->db));
		assert_true(sql_run(d->db, tampering[i]) > 0);
		int status = daemon_run(argv, NULL, NULL, NULL);
		if (status != 1)
			print_error("not found: %s\n", tampering[i]);
		assert_int_equal(status, 1);
	}
	assert_true(files_copy(original, d->db));
	assert_int_equal(daemon_verify(d), 0);
}

static int verify_says(struct daemon *d, const char *head, const char *words)
{
	char out[256], text[8192];
	const char *const argv[] = {"candord", "--verify", "--db", d->db, head ? "--head" : NULL, head, NULL};
	daemon_path(d, "said", out);
	int status = daemon_run(argv, NULL, out, out);
	FILE *f = fopen(out, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	if (!strstr(text, words))
		print_error("not said: %s\nsaid:\n%s", words, text);
	assert_non_null(strstr(text, words));
	return status;
}

/* No weight depends on these, and what is read of many of them is the same: but candord did not write them so. */
static void rows_that_candord_does_not_write_are_found_and_named(void **state)
{
	struct daemon *d = *state;
	static const struct {
		const char *sql, *says;
	} rows[] = {
		{"UPDATE items SET reports = replace(reports, ']]', '0]]') WHERE close_number = 9", "items, id "},
		{"UPDATE items SET reports = replace(reports, ',[', ', [') WHERE close_number = 9", "items, id "},
		{"UPDATE items SET reports = '[[0,0.50]]', n = 1 WHERE close_number IS NULL", "items, id "},
		{"UPDATE items SET n = n + 1 WHERE close_number IS NULL", "n is not as candord writes it"},
		{"UPDATE items SET id = -id WHERE close_number IS NULL", "items, id -"},
		{"UPDATE items SET eta = 0.5 WHERE round = 3", "but says how it was settled"},
		{"UPDATE items SET lbar = 0.5 WHERE state = 'void'", "but says how it was settled"},
		{"UPDATE items SET ended_at = ended_at + 1 WHERE round = 3", "ended_at is not when"},
		{"UPDATE items SET opened_at = -1 WHERE round = 3", "items, id "},
		{"UPDATE report_log SET labeler = labeler + 4294967296 WHERE change = (SELECT min(change) FROM report_log)",
		 "report_log, change "},
		{"UPDATE report_log SET labeler = 99 WHERE change = (SELECT min(change) FROM report_log)",
		 "its item or labeler does not exist"},
		{"UPDATE report_log SET item = 99 WHERE change = (SELECT min(change) FROM report_log)",
		 "its item or labeler does not exist"},
		{"UPDATE report_log SET value = 9e999 WHERE change = (SELECT min(change) FROM report_log)",
		 "report_log, change "},
		{"UPDATE report_log SET at = -at", "report_log, change "},
		{"UPDATE report_log SET value = 0.4321 WHERE change = (SELECT max(change) FROM report_log WHERE item = 41)",
		 "its item has another report of its labeler"},
		{"UPDATE items SET reports = json_set(reports, '$[0][1]', 0.4321) WHERE close_number IS NULL",
		 "its item has another report of its labeler"},
		{"UPDATE items SET reports = replace(reports, '[7,', '[8,') WHERE close_number IS NULL",
		 "its item has another report of its labeler"},
		{"UPDATE labelers SET weight = weight * (1 + 1e-12) WHERE id = (SELECT id FROM labelers WHERE through <"
		 " (SELECT max(round) FROM settlements) AND last_round < 38 LIMIT 1)",
		 "weight"},
		{"UPDATE revisions SET at = at + 1", "the report is another in report_log"},
		{"UPDATE revisions SET value = 0.375", "the report is another in report_log"},
		{"UPDATE labelers SET through = 4711 WHERE id = 3", "a round that is still to come"},
		{"UPDATE events SET by = CAST(x'7569643aff' AS TEXT)", "by is not as candord writes it"},
		{"UPDATE events SET subject = 'two' || char(10) || 'lines'", "subject is not as candord writes it"},
		{"UPDATE settings SET by = by || char(0) || 'x' WHERE change = 1", "by is not as candord writes it"},
		{"UPDATE item_changes SET state = 'closed', round = NULL WHERE round = 7",
		 "this did not happen to its item"},
		{"UPDATE item_changes SET round = NULL WHERE round = 7", "it makes no sense"},
		{"UPDATE item_changes SET round = 1 WHERE state = 'void'", "it makes no sense"},
		{"UPDATE item_changes SET change = change + 1 WHERE state = 'void' AND change IN (SELECT closed FROM items"
		 " WHERE close_number IS NULL)",
		 "this did not happen to its item"},
		{"DELETE FROM item_changes WHERE round = 7", "does not tell what happened to it"},
		{"UPDATE item_changes SET item = (SELECT item FROM settlements WHERE round = 8) WHERE round = 7",
		 "it is not in item_changes"},
		{"UPDATE item_changes SET change = 1 WHERE state = 'resolved' AND round = 7",
		 "its round does not follow the round before"},
		{"UPDATE events SET action = 'void' WHERE action = 'close'", "it is not in item_changes"},
		{"UPDATE progress SET changes = 7", "ends with change 7"},
		{"UPDATE progress SET items = 7", "progress: items is less than"},
		{"UPDATE progress SET log_rows = 7", "progress: log_rows is not"},
		{"INSERT INTO grants VALUES (1, 'uid:1', '', '', 'outcome,report')",
		 "rights is not as candord writes it"},
		{"INSERT INTO tokens VALUES (1, 't', zeroblob(31), 0, 0, 0)", "tokens, id 1: it makes no sense"},
	};
	char original[256];
	make_history(d);
	daemon_path(d, "original", original);
	assert_true(files_copy(d->db, original));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(files_copy(original, d->db));
		assert_true(sql_run(d->db, rows[i].sql) > 0);
		if (verify_says(d, NULL, rows[i].says) != 1)
			fail_msg("not found: %s", rows[i].sql);
	}
	assert_true(files_copy(original, d->db));
	assert_int_equal(daemon_verify(d), 0);
}

/* ---- the chain ---- */

static void verification_names_the_row_that_was_changed(void **state)
{
	struct daemon *d = *state;
	make_history(d);
	assert_true(sql_run(d->db, "UPDATE settlements SET by = 'uid:0' WHERE round = 7") > 0);
	assert_int_equal(
		verify_says(d, NULL, "pool p: round 7, item item-6: the settlement's hash does not match its contents"),
		1);
	assert_true(sql_run(d->db, "UPDATE settlements SET at = at + 1 WHERE round IN (7, 39)") > 0);
	assert_int_equal(verify_says(d, NULL, "pool p: round 39, item item-38: the settlement's hash does not"), 1);
}

/* Four items by three labelers, and the head after each. */
static void play(struct daemon *d, double first, char heads[4][400])
{
	static const char *const labelers[] = {"ann", "bob", "cyd"};
	daemon_start(d, NULL);
	struct candor *c = daemon_connect(d);
	call_create_pool(c, "a:b");
	for (int i = 0; i < 4; i++) {
		char item[24], hex[CHAIN_HEX];
		snprintf(item, sizeof item, "item-%d", i);
		for (int l = 0; l < 3; l++)
			call_report(c, "a:b", item, labelers[l], i + l == 0 ? first : 0.25 * l + 0.125);
		call_resolve(c, "a:b", item, i % 2);
		const struct candor_pool *pool = call_get_pool(c, "a:b");
		assert_non_null(pool->head);
		chain_hex(pool->head, hex);
		snprintf(heads[i], 400, "a:b:%d:%s", i + 1, hex);
		/* It is the same after a restart. */
		assert_int_equal(daemon_stop(d), 0);
		if (i < 3) {
			daemon_start(d, NULL);
			c = daemon_connect(d);
		}
	}
}

/* Whoever changes a report and plays the rest of the campaign again has a history that agrees with itself. */
static void only_a_published_head_tells_a_rewritten_history(void **state)
{
	struct daemon *d = *state;
	char head[4][400], rewritten[4][400];
	play(d, 0.125, head);
	/* Each settlement has a secret of its own. */
	assert_int_equal(sql_run(d->db, "UPDATE settlements SET salt = salt WHERE length(salt) = 16 AND salt IN"
					" (SELECT salt FROM settlements GROUP BY salt HAVING count(*) = 1)"),
			 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(verify_says(d, head[i], head[3]), 0);
	char other[400];
	snprintf(other, sizeof other, "%s", head[1]);
	char *last = other + strlen(other) - 1;
	*last = *last == '0' ? '1' : '0';
	assert_int_equal(verify_says(d, other, "pool a:b: round 2 does not match the head given"), 1);
	snprintf(other, sizeof other, "a:b:5:%s", strrchr(head[3], ':') + 1);
	assert_int_equal(verify_says(d, other, "the head given is of round 5, but there are only 4 settlements"), 1);
	snprintf(other, sizeof other, "c:4:%s", strrchr(head[3], ':') + 1);
	assert_int_equal(verify_says(d, other, "--head names pool c, which does not exist"), 1);
	assert_int_equal(verify_says(d, "a:b", "must be POOL:ROUND:HASH"), 2);
	assert_int_equal(verify_says(d, "a:b:0:00", "the round must be a whole number, at least 1"), 2);
	assert_int_equal(verify_says(d, "a:b:1:00", "the hash must be 64 hexadecimal digits"), 2);
	assert_int_equal(verify_says(d, ":1:00", "the pool must be a name"), 2);

	/* Another database begins where nothing tells of this one. */
	snprintf(other, sizeof other, "%s-lock", d->db);
	assert_int_equal(unlink(d->db), 0);
	assert_int_equal(unlink(other), 0);
	play(d, 0.25, rewritten);
	assert_int_equal(verify_says(d, NULL, "everything agrees"), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(verify_says(d, rewritten[i], "everything agrees"), 0);
		assert_int_equal(verify_says(d, head[i], "does not match the head given"), 1);
	}
}

static void every_standing_report_is_a_row_of_the_view(void **state)
{
	struct daemon *d = *state;
	make_history(d);
	/* 60 items, the first seven of which not all labelers had come to, and the late-comer's one. */
	assert_int_equal((int)sql_number(d->db, "SELECT count(*) FROM reports"), 60 * 8 - 28 + 1);
	assert_int_equal((int)sql_number(d->db, "SELECT count(*) FROM reports WHERE state = 'open'"), 5 * 8 + 1);
	assert_int_equal(
		(int)sql_number(d->db, "SELECT count(*) FROM reports WHERE state = 'resolved' AND outcome IS NOT NULL"),
		40 * 8 - 28);
	/* The revised value stands, the earlier one is in history. */
	assert_near(sql_number(d->db, "SELECT value FROM reports WHERE item = 'item-59' AND labeler = 'labeler-0'"),
		    0.125, 0);
	assert_int_equal((int)sql_number(d->db, "SELECT count(*) FROM revisions WHERE value = 0.125 AND old <> 0.125"),
			 1);
	assert_int_equal((int)sql_number(d->db, "SELECT count(*) FROM settlements WHERE by LIKE 'uid:%libcandor%'"),
			 40);
}

static void the_view_takes_as_much_work_as_it_has_rows_however_many_labelers_there_are(void **state)
{
	enum { MORE = 2000, ALL_BUT_MORE = 60 * 8 - 28 + 1 };
	struct daemon *d = *state;
	static char names[MORE][24];
	static struct candor_report reports[MORE];
	static const char query[] = "SELECT * FROM reports WHERE pool = 'p'";
	make_history(d);
	uint64_t few = sql_steps(d->db, query);
	daemon_start(d, NULL);
	for (int l = 0; l < MORE; l++) {
		snprintf(names[l], sizeof names[l], "more-%d", l);
		reports[l] = (struct candor_report){.item = "many", .labeler = names[l], .value = 0.5};
	}
	struct candor *c = daemon_connect(d);
	call_ok(c,
		(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = MORE, .reports = reports});
	call_on_item(c, CANDOR_REQ_CLOSE_ITEMS, "p", "many");
	call_report(c, "p", "last", "more-0", 0.5);
	assert_int_equal(daemon_stop(d), 0);
	assert_int_equal((int)sql_number(d->db, "SELECT count(*) FROM reports"), ALL_BUT_MORE + MORE + 1);
	uint64_t many = sql_steps(d->db, query);
	if (many / (ALL_BUT_MORE + MORE + 1) > 2 * few / ALL_BUT_MORE)
		print_error("%llu steps for %d rows, %llu for %d\n", (unsigned long long)few, ALL_BUT_MORE,
			    (unsigned long long)many, ALL_BUT_MORE + MORE + 1);
	assert_true(many / (ALL_BUT_MORE + MORE + 1) <= 2 * few / ALL_BUT_MORE);
}

#define HISTORY(test) cmocka_unit_test_setup_teardown(test, daemon_set_up, daemon_tear_down_spoiled)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HISTORY(tampering_with_the_history_or_the_state_is_found),
		HISTORY(rows_that_candord_does_not_write_are_found_and_named),
		HISTORY(verification_names_the_row_that_was_changed),
		HISTORY(only_a_published_head_tells_a_rewritten_history),
		HISTORY(every_standing_report_is_a_row_of_the_view),
		HISTORY(the_view_takes_as_much_work_as_it_has_rows_however_many_labelers_there_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
