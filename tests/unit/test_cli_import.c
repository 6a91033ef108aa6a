/* candor import against a daemon that writes down what it is told. */
#include "tests/unit/test_import_fake.h"

static void answer_existing_pool(struct fake *f, const struct candor_request *r)
{
	struct candor_response exists = {.id = r->id, .code = CANDOR_ALREADY_EXISTS, .message = "it exists"};
	write_down(r);
	if (r->type == CANDOR_REQ_CREATE_POOL)
		fake_respond(f, &exists);
	else
		fake_answer(f, r);
}

static void reject_each_row(struct fake *f, const struct candor_request *r)
{
	struct candor_rejected rows[256];
	struct candor_response batch = {.id = r->id, .type = CANDOR_RES_BATCH, .n_rejected = r->n, .rejected = rows};
	if (r->type != CANDOR_REQ_POST_REPORTS) {
		answer(f, r);
		return;
	}
	for (size_t i = 0; i < r->n; i++)
		rows[i] = (struct candor_rejected){(uint32_t)i, CANDOR_FAILED_PRECONDITION, "the item is closed"};
	fake_respond(f, &batch);
}

static void refuse_all(struct fake *f, const struct candor_request *r)
{
	struct candor_response refusal = {.id = r->id, .code = CANDOR_UNAVAILABLE, .message = "the disk is full"};
	if (r->type == CANDOR_REQ_HELLO)
		fake_welcome(f, r->id);
	else
		fake_respond(f, &refusal);
}

static size_t answers_left;

static void answer_some_and_leave(struct fake *f, const struct candor_request *r)
{
	if (answers_left-- > 1)
		answer(f, r);
	else
		fake_hang_up(f);
}

/* ---- limits on rates ---- */

/* The second batch of reports is put off; the end of its item that was sent behind it is unknown then, as it is to candord. */
static void answer_what_overtakes(struct fake *f, const struct candor_request *r)
{
	static bool is_reported;
	const struct candor_rejected row = {0, CANDOR_NOT_FOUND, "item does not exist"};
	const struct candor_response unknown = {
		.id = r->id, .type = CANDOR_RES_BATCH, .n_rejected = 1, .rejected = &row};
	if (r->type == CANDOR_REQ_HELLO || r->type == CANDOR_REQ_CREATE_POOL) {
		is_reported = false;
		asked = 0;
		answer(f, r);
	} else if (r->type == CANDOR_REQ_POST_REPORTS && asked++ == 1) {
		put_off(f, r);
	} else if (r->type == CANDOR_REQ_RESOLVE_ITEMS && strcmp(r->outcomes[0].item, "a") == 0 && !is_reported) {
		fake_respond(f, &unknown);
	} else {
		is_reported |= r->type == CANDOR_REQ_POST_REPORTS && strcmp(r->reports[0].item, "a") == 0;
		answer(f, r);
	}
}

static void deny_the_pool(struct fake *f, const struct candor_request *r)
{
	const struct candor_response denied = {.id = r->id, .code = CANDOR_PERMISSION_DENIED, .message = "no"};
	if (r->type == CANDOR_REQ_CREATE_POOL)
		fake_respond(f, &denied);
	else
		answer(f, r);
}

static void effects_come_item_by_item_in_the_order_of_the_file(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, HEAD "a,x,1,1\na,y,0.5,1\nb,x,0,\nc,z,1,\nc,y,1,0\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\n"
		    "report a:x=1 a:y=0.5\nresolve a=1\n"
		    "report b:x=0\nclose b\n"
		    "report c:z=1 c:y=1\nresolve c=0\n");
	assert_says(run, "created pool \"p\"");
	assert_says(run, "3 items: 2 newly resolved, 1 newly closed\n");
	assert_says(run, "5 reports: 5 new, 0 unchanged, 0 revised\n");
}

static void a_pool_that_is_there_is_used(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer_existing_pool, HEAD "a,x,1,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\nreport a:x=1\nresolve a=1\n");
	assert_null(strstr(run.words, "created"));
}

static void kept_open_items_are_only_reported(void **state)
{
	struct run run;
	char keep_open[] = "--keep-open";
	(void)state;
	import(&run, answer, HEAD "a,x,1,1\na,y,1,1\nb,x,0,\n", keep_open, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\nreport a:x=1 a:y=1 b:x=0\n");
}

static void a_large_item_is_reported_in_batches_before_its_end(void **state)
{
	struct run run;
	struct buf file = {0};
	(void)state;
	assert_int_equal(buf_append(&file, HEAD, strlen(HEAD)), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(buf_printf(&file, "a,x%d,1,1\n", i), 0);
	import(&run, answer, (const char *)file.data, NULL, NULL);
	buf_free(&file);
	assert_int_equal(run.code, CLI_DONE);
	size_t lines = 0, reports = 0;
	for (const char *p = (const char *)told.data; *p; p++) {
		lines += *p == '\n';
		reports += *p == ':';
	}
	assert_int_equal(lines, 5); /* create, 256, 256, 88, resolve */
	assert_int_equal(reports, 600);
	assert_non_null(strstr((const char *)told.data, "a:x599=1\nresolve a=1\n"));
}

static void thousands_of_items_pass_the_window_in_order(void **state)
{
	struct run run;
	struct buf file = {0}, want = {0};
	(void)state;
	assert_int_equal(buf_append(&file, HEAD, strlen(HEAD)), 0);
	assert_int_equal(buf_printf(&want, "create p\n"), 0);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(buf_printf(&file, "i%d,x,1,1\n", i), 0);
		assert_int_equal(buf_printf(&want, "report i%d:x=1\nresolve i%d=1\n", i, i), 0);
	}
	import(&run, answer, (const char *)file.data, NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told((const char *)want.data);
	buf_free(&file);
	buf_free(&want);
}

static void bad_lines_are_told_and_the_others_go_in(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, HEAD "a,x,1,1\na,y,two,1\na,z,1,0\na,w\na,v,1,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("create p\nreport a:x=1 a:v=1\nresolve a=1\n");
	assert_says(run, "line 3: report is \"two\"; it must be a number from 0 to 1\n");
	assert_says(run, "line 4: the outcome is 0, but the same item has 1 on line 2\n");
	assert_says(run, "line 5: 2 fields, but the header has 4\n");
	assert_says(run, "3 bad lines\n");
}

static void rejected_rows_are_told_by_line_twenty_of_them(void **state)
{
	struct run run;
	struct buf file = {0};
	(void)state;
	assert_int_equal(buf_append(&file, HEAD, strlen(HEAD)), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(buf_printf(&file, "a,x%d,1,1\n", i), 0);
	import(&run, reject_each_row, (const char *)file.data, NULL, NULL);
	buf_free(&file);
	assert_int_equal(run.code, CLI_ROWS);
	assert_says(run, "line 2: FAILED_PRECONDITION: the item is closed\n");
	assert_says(run, "line 21: FAILED_PRECONDITION: the item is closed\n");
	assert_null(strstr(run.words, "line 22:"));
	assert_says(run, "... and 10 more\n");
	assert_says(run, "30 rows rejected by the daemon");
}

static void a_refusal_ends_it(void **state)
{
	struct run run;
	(void)state;
	import(&run, refuse_all, HEAD "a,x,1,1\nb,x,1,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_says(run, "UNAVAILABLE: the disk is full\n");
	assert_says(run, "rows.csv was imported; run the same command again.\n");
	assert_null(strstr(run.words, "0 items"));
}

static void a_daemon_that_goes_away_ends_it_with_advice(void **state)
{
	struct run run;
	(void)state;
	answers_left = 4;
	import(&run, answer_some_and_leave, HEAD "a,x,1,1\nb,x,1,1\nc,x,1,1\nd,x,1,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_UNREACHABLE);
	assert_says(run, "lost the connection to candord at ");
	assert_says(run, "run the same command again to continue");
}

static void nobody_there_is_told(void **state)
{
	struct run run;
	char server[] = "unix:/nonexistent/candord.sock";
	(void)state;
	import(&run, answer, HEAD "a,x,1,1\n", NULL, server);
	assert_int_equal(run.code, CLI_UNREACHABLE);
	assert_says(run, "cannot reach candord at unix:/nonexistent/candord.sock: No such file or directory");
	assert_null(strstr(run.words, "items"));
	assert_null(strstr(run.words, "again"));
}

static void an_unreadable_file_makes_no_pool(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, "name,value\na,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_USAGE);
	assert_told("");
	assert_says(run, "the header lacks the column \"item\"");
	import(&run, answer, HEAD "a,x,?,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("");
}

static void an_import_without_the_right_to_create_the_pool_still_reports(void **state)
{
	struct run run;
	(void)state;
	import(&run, deny_the_pool, HEAD "a,x,1,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("report a:x=1\nresolve a=1\n");
	assert_null(strstr(run.words, "created"));
}

static const char four[] = HEAD "a,x,1,1\na,y,0,1\nb,x,1,\nc,x,1,0\nd,x,0.5,1\n";
static const char all_four[] = "create p\n"
			       "report a:x=1 a:y=0\nresolve a=1\n"
			       "report b:x=1\nclose b\n"
			       "report c:x=1\nresolve c=0\n"
			       "report d:x=0.5\nresolve d=1\n";

/* Whichever requests are put off, and how often: all goes in, once, in the order of the file. */
static void rows_refused_for_a_rate_limit_are_sent_again_later(void **state)
{
	struct run run;
	(void)state;
	for (refused_from = 1; refused_from <= 9; refused_from++) {
		asked = 0;
		refused_until = refused_from + 13;
		retry_after_ms = 1;
		import(&run, answer_at_a_rate, four, NULL, NULL);
		assert_int_equal(run.code, CLI_DONE);
		assert_told(all_four);
		assert_int_equal(asked, 9 + 13);
		assert_says(run, "4 items: 3 newly resolved, 1 newly closed\n");
		assert_says(run, "5 reports: 5 new, 0 unchanged, 0 revised\n");
		assert_null(strstr(run.words, "RESOURCE_EXHAUSTED"));
		assert_null(strstr(run.words, "overtook"));
		assert_null(strstr(run.words, "waiting")); /* it is no terminal */
	}
}

/* Whose greeting is put off greets anew. */
static void a_greeting_is_put_off_too(void **state)
{
	struct run run;
	(void)state;
	asked = 0;
	refused_from = 1;
	refused_until = 4;
	retry_after_ms = 1;
	greetings_count = true;
	import(&run, answer_at_a_rate, four, NULL, NULL);
	greetings_count = false;
	assert_int_equal(run.code, CLI_DONE);
	assert_told(all_four);
	assert_int_equal(asked, 3 + 1 + 9);
}

static void what_was_sent_behind_it_is_told_apart(void **state)
{
	struct run run;
	(void)state;
	retry_after_ms = 1;
	char file[sizeof four + 16];
	snprintf(file, sizeof file, HEAD "z,x,1,1\n%s", four + strlen(HEAD));
	import(&run, answer_what_overtakes, file, NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\nreport z:x=1\nresolve z=1\n"
		    "report b:x=1\nclose b\nreport c:x=1\nresolve c=0\nreport d:x=0.5\nresolve d=1\n"
		    "report a:x=1 a:y=0\nresolve a=1\n");
	assert_says(run, "5 items: 4 newly resolved, 1 newly closed\n");
	assert_says(run, "6 reports: 6 new, 0 unchanged, 0 revised\n");
	assert_says(run, "6 requests with later rows overtook rows that were delayed");
	assert_null(strstr(run.words, "NOT_FOUND"));
}

/* The end of an item of three batches waits for all of them. */
static void no_part_of_an_item_is_left_behind(void **state)
{
	struct run run;
	struct buf file = {0};
	static const char *const ends[] = {" a:x255=1\n", " a:x511=1\n", " a:x599=1\n"}; /* of the batches */
	const char *told_so;
	(void)state;
	assert_int_equal(buf_append(&file, HEAD, strlen(HEAD)), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(buf_printf(&file, "a,x%d,1,1\n", i), 0);
	assert_int_equal(buf_printf(&file, "b,x1,1,1\n"), 0);
	for (refused_from = 2; refused_from <= 5; refused_from++) {
		asked = 0;
		refused_until = refused_from + 1;
		retry_after_ms = 1;
		import(&run, answer_at_a_rate, (const char *)file.data, NULL, NULL);
		assert_int_equal(run.code, CLI_DONE);
		told_so = (const char *)told.data;
		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
			assert_non_null(strstr(told_so, ends[i]));
			assert_true(strstr(told_so, ends[i]) < strstr(told_so, "resolve a=1\n"));
		}
		assert_non_null(strstr(told_so, "report b:x1=1\nresolve b=1\n"));
		assert_says(run, "601 reports: 601 new, 0 unchanged, 0 revised\n");
		assert_says(run, "2 items: 2 newly resolved");
	}
	buf_free(&file);
}

/* Longer than --timeout, or without end. */
static void a_rate_that_is_too_low_ends_it(void **state)
{
	struct run run;
	char timeout[] = "--timeout=1";
	(void)state;
	asked = 0;
	refused_from = 4;
	refused_until = SIZE_MAX;
	retry_after_ms = 1001;
	import(&run, answer_at_a_rate, four, timeout, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_says(run, "RESOURCE_EXHAUSTED: too many reports a second\n");
	assert_says(run, "run the same command again to continue");
	asked = 0;
	retry_after_ms = 400;
	import(&run, answer_at_a_rate, four, timeout, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_says(run, "RESOURCE_EXHAUSTED: too many reports a second\n");
	assert_told("create p\nreport a:x=1 a:y=0\nresolve a=1\n");
}

/* What a limit other than a rate refuses cannot be helped by waiting. */
static void a_limit_without_a_time_ends_it(void **state)
{
	struct run run;
	(void)state;
	asked = 0;
	refused_from = 2;
	refused_until = SIZE_MAX;
	retry_after_ms = 0;
	import(&run, answer_at_a_rate, four, NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_told("create p\n");
}

/* ---- who has a part of the rights ---- */

static size_t reports_until; /* batches of reports that are taken, and what becomes of the others */
static enum candor_code reports_code;
static size_t ends_taken;

static void take_some_reports(struct fake *f, const struct candor_request *r)
{
	const struct candor_response refusal = {.id = r->id, .code = reports_code, .message = "no reports"};
	if (r->type == CANDOR_REQ_CREATE_POOL)
		asked = ends_taken = 0;
	ends_taken += r->type == CANDOR_REQ_CLOSE_ITEMS || r->type == CANDOR_REQ_RESOLVE_ITEMS;
	if (r->type == CANDOR_REQ_POST_REPORTS && asked++ >= reports_until)
		fake_respond(f, &refusal);
	else if (r->type == CANDOR_REQ_CREATE_POOL)
		answer_existing_pool(f, r);
	else
		answer(f, r);
}

static void deny_ends(struct fake *f, const struct candor_request *r)
{
	const struct candor_response denied = {
		.id = r->id, .code = CANDOR_PERMISSION_DENIED, .message = "no right to post outcomes"};
	if (r->type != CANDOR_REQ_CLOSE_ITEMS && r->type != CANDOR_REQ_RESOLVE_ITEMS) {
		answer(f, r);
		return;
	}
	write_down(r);
	fake_respond(f, &denied);
}

static void ends_wait_for_the_first_reports(void **state)
{
	struct run run;
	(void)state;
	reports_until = 0;
	reports_code = CANDOR_PERMISSION_DENIED;
	import(&run, take_some_reports, four, NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_told("create p\n");
	assert_int_equal(ends_taken, 0);
	assert_says(run, "PERMISSION_DENIED: no reports\n");
	assert_says(run, "rows.csv was imported");
	assert_null(strstr(run.words, "again"));
	assert_null(strstr(run.words, "0 items"));
	assert_null(strstr(run.words, "--keep-open"));
}

static void an_import_without_the_right_to_end_items_tries_it_once(void **state)
{
	struct run run;
	(void)state;
	import(&run, deny_ends, four, NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_told("create p\nreport a:x=1 a:y=0\nresolve a=1\n");
	assert_says(run, "PERMISSION_DENIED: no right to post outcomes\nWith --keep-open, items stay open");
	assert_says(run, "1 item: 0 newly resolved, 0 newly closed\n2 reports: 2 new,");
	assert_says(run, " was imported only in part");
	assert_null(strstr(run.words, "again"));
}

/* Reports are refused in the middle: what was on its way is answered, and the summary has it. */
static void a_refusal_is_told_with_all_that_was_done(void **state)
{
	enum { ITEMS = 2000, TAKEN = 700 };
	struct run run;
	struct buf file = {0};
	char words[64];
	(void)state;
	assert_int_equal(buf_append(&file, HEAD, strlen(HEAD)), 0);
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(buf_printf(&file, "i%d,x,1,1\n", i), 0);
	reports_until = TAKEN;
	reports_code = CANDOR_UNAVAILABLE;
	import(&run, take_some_reports, (const char *)file.data, NULL, NULL);
	buf_free(&file);
	assert_int_equal(run.code, CLI_REFUSED);
	snprintf(words, sizeof words, "%d items: %zu newly resolved", TAKEN, ends_taken);
	assert_says(run, words);
	assert_true(ends_taken >= TAKEN && ends_taken < ITEMS);
	snprintf(words, sizeof words, "%d reports: %d new", TAKEN, TAKEN);
	assert_says(run, words);
	assert_says(run, "run the same command again to continue");
	const char *first = strstr(run.words, "UNAVAILABLE");
	assert_null(strstr(first + 1, "UNAVAILABLE"));
}

/* ---- outcomes alone ---- */

static void outcomes_alone_are_only_posted(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, "note,outcome,item\nhm,1,a\n,,b\n,0.5,c\n,0.5,c\n,0,c\n", NULL, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("resolve a=1\nresolve c=0.5\n");
	assert_says(run, "line 6: the outcome is 0, but the same item has 0.5 on line 4\n");
	assert_says(run, "2 items: 2 newly resolved, 0 newly closed\nnot imported");
	assert_says(run, "skipped: 1 row without an outcome\n");
	assert_null(strstr(run.words, "report"));
	import(&run, deny_ends, "item,outcome\na,1\nb,1\n", NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_told("resolve a=1\n");
	assert_null(strstr(run.words, "--keep-open"));
	import(&run, answer, "item,outcome\na,\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("");
}

static void json_lines_may_have_reports_and_then_the_outcome(void **state)
{
	struct run run;
	char json[] = "--format=jsonl";
	(void)state;
	import(&run, answer,
	       "{\"item\":\"a\",\"labeler\":\"x\",\"report\":1}\n{\"item\":\"a\",\"outcome\":1}\n"
	       "{\"item\":\"b\",\"outcome\":0}\n{\"item\":\"c\",\"outcome\":null}\n",
	       json, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\nreport a:x=1\nresolve a=1\nresolve b=0\n");
	assert_says(run, "2 items: 2 newly resolved");
}

static void outcomes_alone_are_nothing_to_keep_open(void **state)
{
	struct run run;
	char keep_open[] = "--keep-open";
	(void)state;
	import(&run, answer, "item,outcome\na,1\n", keep_open, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("");
	assert_says(run, "line 2: with --keep-open, an outcome without a report cannot be sent\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(effects_come_item_by_item_in_the_order_of_the_file),
		cmocka_unit_test(a_pool_that_is_there_is_used),
		cmocka_unit_test(kept_open_items_are_only_reported),
		cmocka_unit_test(a_large_item_is_reported_in_batches_before_its_end),
		cmocka_unit_test(thousands_of_items_pass_the_window_in_order),
		cmocka_unit_test(bad_lines_are_told_and_the_others_go_in),
		cmocka_unit_test(rejected_rows_are_told_by_line_twenty_of_them),
		cmocka_unit_test(a_refusal_ends_it),
		cmocka_unit_test(a_daemon_that_goes_away_ends_it_with_advice),
		cmocka_unit_test(nobody_there_is_told),
		cmocka_unit_test(an_unreadable_file_makes_no_pool),
		cmocka_unit_test(an_import_without_the_right_to_create_the_pool_still_reports),
		cmocka_unit_test(rows_refused_for_a_rate_limit_are_sent_again_later),
		cmocka_unit_test(a_greeting_is_put_off_too),
		cmocka_unit_test(what_was_sent_behind_it_is_told_apart),
		cmocka_unit_test(no_part_of_an_item_is_left_behind),
		cmocka_unit_test(a_rate_that_is_too_low_ends_it),
		cmocka_unit_test(a_limit_without_a_time_ends_it),
		cmocka_unit_test(ends_wait_for_the_first_reports),
		cmocka_unit_test(an_import_without_the_right_to_end_items_tries_it_once),
		cmocka_unit_test(a_refusal_is_told_with_all_that_was_done),
		cmocka_unit_test(outcomes_alone_are_only_posted),
		cmocka_unit_test(json_lines_may_have_reports_and_then_the_outcome),
		cmocka_unit_test(outcomes_alone_are_nothing_to_keep_open),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_free(&told);
	return failed;
}
