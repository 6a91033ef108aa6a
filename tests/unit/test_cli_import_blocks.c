/* candor import of outcomes that come together, against a daemon that writes down what it is told. */
#include "tests/unit/test_import_fake.h"

#define BLOCK_HEAD "item,labeler,report,outcome,block\n"

static void respond(struct fake *f, const struct candor_request *r, enum candor_code code, const char *message)
{
	const struct candor_response refusal = {.id = r->id, .code = code, .message = message};
	fake_respond(f, &refusal);
}

static void answer_without_a_pool(struct fake *f, const struct candor_request *r)
{
	if (r->type != CANDOR_REQ_GET_POOL) {
		answer(f, r);
		return;
	}
	write_down(r);
	respond(f, r, CANDOR_NOT_FOUND, "pool 'p' does not exist");
}

static void deny_all(struct fake *f, const struct candor_request *r)
{
	if (r->type == CANDOR_REQ_HELLO)
		answer(f, r);
	else
		respond(f, r, CANDOR_PERMISSION_DENIED, "no right to do that");
}

static void refuse_the_first_block(struct fake *f, const struct candor_request *r)
{
	if (!r->together || strcmp(r->outcomes[0].item, "a") != 0) {
		answer(f, r);
		return;
	}
	write_down(r);
	respond(f, r, CANDOR_FAILED_PRECONDITION, "row 1: item 'c' is void");
}

static void answer_what_was_there(struct fake *f, const struct candor_request *r)
{
	const struct candor_response same = {.id = r->id, .type = CANDOR_RES_BATCH, .batch = {.duplicates = r->n}};
	write_down(r);
	if (r->type == CANDOR_REQ_HELLO || r->type == CANDOR_REQ_GET_POOL)
		fake_answer(f, r);
	else
		fake_respond(f, &same);
}

/* A daemon that takes at most a KiB. */
static void take_little(struct fake *f, const struct candor_request *r)
{
	struct candor_response welcome = {.id = r->id, .type = CANDOR_RES_WELCOME, .message = ""};
	welcome.welcome = (struct candor_welcome){
		.protocol = 1, .server = "fake/1", .max_frame_bytes = 1024, .principal = "uid:1000"};
	if (r->type == CANDOR_REQ_HELLO)
		fake_respond(f, &welcome);
	else
		answer(f, r);
}

static const char weeks[] =
	BLOCK_HEAD "a,x,1,1,w1\nb,x,0,1,\nc,y,1,0,w1\nd,x,1,0,w2\ne,x,1,,w1\nf,x,1,1,w3\ng,x,0,0,w3\n";

#define WEEKS_TOLD                                           \
	"report a:x=1\nclose a\nreport b:x=0\nresolve b=1\n" \
	"report c:y=1\nclose c\nsettle a=1 c=0\n"            \
	"report d:x=1\nresolve d=0\nreport e:x=1\nclose e\n" \
	"report f:x=1\nclose f\nreport g:x=0\nclose g\nsettle f=1 g=0\n"

static void a_block_is_settled_when_its_last_item_has_come(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, weeks, NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\n" WEEKS_TOLD);
	assert_says(run, "7 items: 6 newly resolved (2 blocks of them together), 1 newly closed\n");
	assert_says(run, "7 reports: 7 new");
}

static void a_pool_that_is_not_there_is_made(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer_without_a_pool, weeks, NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\ncreate p\n" WEEKS_TOLD);
	import(&run, answer_without_a_pool, "item,outcome,block\na,1,w\nb,0,w\n", NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_told("look at p\n");
	assert_says(run, "NOT_FOUND: pool 'p' does not exist\n");
	import(&run, deny_all, weeks, NULL, NULL);
	assert_int_equal(run.code, CLI_REFUSED);
	assert_says(run, "PERMISSION_DENIED: no right to do that\n");
}

static void rows_of_a_block_may_stand_anywhere(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer,
	       BLOCK_HEAD "a,x,1,,\nb,x,0,0,late\nc,x,1,,w\nb,y,1,,\na,y,0,1,w\nd,z,1,1,late\nc,y,0,0,w\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\n"
		    "report a:x=1 a:y=0\nclose a\nreport b:x=0 b:y=1\nclose b\n"
		    "report c:x=1 c:y=0\nclose c\nsettle a=1 c=0\n"
		    "report d:z=1\nclose d\nsettle b=0 d=1\n");
	char json[] = "--format=jsonl";
	import(&run, answer,
	       "{\"item\":\"a\",\"labeler\":\"x\",\"report\":1,\"block\":\"w\"}\n{\"item\":\"a\",\"outcome\":1}\n"
	       "{\"item\":\"b\",\"outcome\":0,\"block\":\"w\"}\n",
	       json, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\nreport a:x=1\nclose a\nsettle a=1 b=0\n");
}

static void outcomes_alone_are_settled_and_nothing_is_closed(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, "item,outcome,block\na,1,w\nb,0.5,v\nc,0,w\nd,1,v\ne,,v\n", NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\nsettle a=1 c=0\nsettle b=0.5 d=1\n");
	assert_says(run, "4 items: 4 newly resolved (2 blocks of them together), 0 newly closed\n");
	assert_says(run, "skipped: 1 row without an outcome\n");
}

static void kept_open_items_are_of_no_block(void **state)
{
	struct run run;
	char keep_open[] = "--keep-open";
	(void)state;
	import(&run, answer, BLOCK_HEAD "a,x,1,1,w\nb,x,0,0,w\n", keep_open, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("create p\nreport a:x=1 b:x=0\n");
}

static void a_block_that_is_refused_is_told_and_the_others_are_settled(void **state)
{
	struct run run;
	(void)state;
	import(&run, refuse_the_first_block, weeks, NULL, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("look at p\n" WEEKS_TOLD);
	assert_says(run,
		    "line 2: FAILED_PRECONDITION: block \"w1\" with its 2 outcomes was not settled: row 1: item 'c' "
		    "is void\n");
	assert_says(run, "7 items: 4 newly resolved (1 block of them together), 3 newly closed\n");
	assert_says(run, "not imported: 2 rows rejected by the daemon, 0 bad lines\n");
}

static void a_repeated_import_asks_for_the_same(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer_what_was_there, weeks, NULL, NULL);
	assert_int_equal(run.code, CLI_DONE);
	assert_told("look at p\n" WEEKS_TOLD);
	assert_says(run, "7 items: 0 newly resolved, 0 newly closed\n");
}

static void an_item_has_one_block(void **state)
{
	struct run run;
	(void)state;
	import(&run, answer, BLOCK_HEAD "a,x,1,1,w\na,y,0,1,v\nb,x,0,0,w\nc,x,0,0,v\nc,y,0,1,w\nd,x,0,0,v\n", NULL,
	       NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("look at p\n"
		    "report a:x=1\nclose a\nreport b:x=0\nclose b\nsettle a=1 b=0\n"
		    "report c:x=0\nclose c\nreport d:x=0\nclose d\nsettle c=0 d=0\n");
	assert_says(run, "line 3: the block is \"v\", but an earlier row of the same item has \"w\"\n");
	assert_says(run, "line 6: the block is \"w\", but an earlier row of the same item has \"v\"\n");
	/* What is said of another block is no outcome. */
	import(&run, answer, BLOCK_HEAD "a,x,1,,w\na,y,0,1,v\nb,x,0,0,w\nc,x,1,0,w\n", NULL, NULL);
	assert_int_equal(run.code, CLI_ROWS);
	assert_told("look at p\n"
		    "report a:x=1\nclose a\nreport b:x=0\nclose b\nreport c:x=1\nclose c\nsettle b=0 c=0\n");
}

static void a_block_that_is_too_large_is_told_before_anything_is_sent(void **state)
{
	enum { FIT = 51 }; /* of names that take 4 bytes */
	struct run run;
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct buf file = {0};
		assert_int_equal(buf_printf(&file, BLOCK_HEAD), 0);
		for (int i = 0; i < FIT - 1 + more; i++)
			assert_int_equal(buf_printf(&file, "%04d,x,1,1,many\n", i), 0);
		assert_int_equal(buf_printf(&file, "last,x,1,1,few\nvery,x,1,1,few\n"), 0);
		import(&run, take_little, (const char *)file.data, NULL, NULL);
		buf_free(&file);
		if (more == 0) {
			assert_int_equal(run.code, CLI_DONE);
			assert_says(run, "52 newly resolved (2 blocks");
		} else {
			assert_int_equal(run.code, CLI_USAGE);
			assert_told("look at p\n");
			assert_says(run,
				    "block \"many\" has 51 outcomes, which take up to 1.0 kB in the one request that "
				    "settles them; the daemon takes 1.0 kB (max_frame_bytes). Nothing was imported\n");
		}
	}
}

static void as_many_can_be_settled_together_as_the_daemon_says(void **state)
{
	struct run run;
	struct buf file = {0};
	(void)state;
	assert_int_equal(buf_printf(&file, "item,outcome,block\n"), 0);
	for (int i = 0; i <= CANDOR_BLOCK_MAX; i++)
		assert_int_equal(buf_printf(&file, "i%d,1,w\n", i), 0);
	import(&run, answer, (const char *)file.data, NULL, NULL);
	assert_int_equal(run.code, CLI_USAGE);
	assert_told("look at p\n");
	assert_says(run, "rows.csv: block \"w\" has 4,097 outcomes; at most 4,096 can be settled together. Nothing was "
			 "imported\n");
	buf_free(&file);
	assert_int_equal(buf_printf(&file, BLOCK_HEAD "a,x,1,1,w\nb,x,1,1,w\n"), 0);
	for (int i = 0; i < CANDOR_BLOCK_REPORTS_MAX - 1; i++)
		assert_int_equal(buf_printf(&file, "a,l%d,1,1,w\n", i), 0);
	import(&run, answer, (const char *)file.data, NULL, NULL);
	assert_int_equal(run.code, CLI_USAGE);
	assert_told("look at p\n");
	assert_says(run,
		    "block \"w\" has 65,536 rows of reports on its items; items with at most 65,535 reports in all "
		    "can be settled together. Nothing was imported\n");
	buf_free(&file);
}

/* Whichever requests are put off, and how often: all goes in, once, in the order of the file. */
static void what_is_refused_for_a_rate_limit_is_sent_again_later(void **state)
{
	enum { REQUESTS = 17, PUT_OFF = REQUESTS + 4 };
	struct run run;
	(void)state;
	for (refused_from = 1; refused_from <= REQUESTS; refused_from++) {
		asked = 0;
		refused_until = refused_from + PUT_OFF;
		retry_after_ms = 1;
		import(&run, answer_at_a_rate, weeks, NULL, NULL);
		assert_int_equal(run.code, CLI_DONE);
		assert_told("look at p\n" WEEKS_TOLD);
		assert_int_equal(asked, REQUESTS + PUT_OFF);
		assert_says(run, "7 items: 6 newly resolved (2 blocks of them together), 1 newly closed\n");
		assert_says(run, "7 reports: 7 new, 0 unchanged, 0 revised\n");
		assert_null(strstr(run.words, "RESOURCE_EXHAUSTED"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_settled_when_its_last_item_has_come),
		cmocka_unit_test(a_pool_that_is_not_there_is_made),
		cmocka_unit_test(rows_of_a_block_may_stand_anywhere),
		cmocka_unit_test(outcomes_alone_are_settled_and_nothing_is_closed),
		cmocka_unit_test(kept_open_items_are_of_no_block),
		cmocka_unit_test(a_block_that_is_refused_is_told_and_the_others_are_settled),
		cmocka_unit_test(a_repeated_import_asks_for_the_same),
		cmocka_unit_test(an_item_has_one_block),
		cmocka_unit_test(a_block_that_is_too_large_is_told_before_anything_is_sent),
		cmocka_unit_test(as_many_can_be_settled_together_as_the_daemon_says),
		cmocka_unit_test(what_is_refused_for_a_rate_limit_is_sent_again_later),
	};
	int failed = cmocka_run_group_tests_name("cli_import_blocks", tests, NULL, NULL);
	buf_free(&told);
	return failed;
}
