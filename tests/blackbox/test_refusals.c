/* Bad input to the real daemon, over a Unix socket and over TCP: each gets a code and a sentence that names the field,
 * a malformed frame ends its own connection only, and nothing is half applied. */
#include <sys/socket.h>

#include "tests/lib/calls.h"
#include "tests/lib/allow.h"
#include "tests/lib/raw.h"
#include "tests/lib/unit.h"

struct fixture {
	struct daemon daemon;
	struct raw raw; /* whoever misbehaves */
	struct candor *good;
	uint64_t id;
};

static const char *const options[] = {"--listen", "tcp:127.0.0.1:0", "--max-unpacked-bytes", "1M", NULL};
static const char *const small_frames[] = {"--listen", "tcp:127.0.0.1:0", "--max-frame-bytes", "128K", NULL};
static bool over_tcp;

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){0};
	daemon_init(&f.daemon);
	daemon_start(&f.daemon, options);
	f.good = daemon_connect(&f.daemon);
	/* What is wrong with a request is told to those who may make it. */
	allow(f.daemon.address, "anonymous", CANDOR_RIGHT_ADMIN);
	raw_open(&f.raw, over_tcp ? f.daemon.tcp : f.daemon.address);
	*state = &f;
	call_create_pool(f.good, "p");
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	/* Whatever the other one did, this one is served. */
	call_info(f->good);
	raw_close(&f->raw);
	return daemon_end(&f->daemon);
}

/* Sends it from the misbehaving peer; its answer. */
static struct candor_response tell(struct fixture *f, struct candor_request r)
{
	struct candor_response response;
	r.id = ++f->id;
	raw_send_request(&f->raw, &r);
	assert_int_equal(raw_receive(&f->raw, &response), 1);
	assert_int_equal(response.id, r.id);
	return response;
}

static void assert_refused(struct candor_response r, enum candor_code code, const char *naming)
{
	assert_int_equal(r.code, code);
	if (!strstr(r.message, naming))
		print_error("\"%s\" does not name %s\n", r.message, naming);
	assert_non_null(strstr(r.message, naming));
}

static struct candor_response report(struct fixture *f, const char *item, const char *labeler, double value)
{
	struct candor_report row = {item, labeler, value};
	return tell(f, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
}

static struct candor_response resolve(struct fixture *f, const char *item, double value)
{
	struct candor_outcome row = {item, value};
	return tell(f,
		    (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &row});
}

static struct candor_response on_item(struct fixture *f, enum candor_request_type type, const char *item)
{
	return tell(f, (struct candor_request){.type = type, .pool = "p", .n = 1, .items = &item});
}

static void assert_row_refused(struct candor_response r, enum candor_code code, const char *naming)
{
	assert_int_equal(r.code, 0);
	assert_int_equal(r.batch.accepted + r.batch.duplicates + r.batch.revised, 0);
	assert_int_equal(r.n_rejected, 1);
	assert_int_equal(r.rejected[0].index, 0);
	assert_refused((struct candor_response){.code = r.rejected[0].code, .message = r.rejected[0].message}, code,
		       naming);
}

/* The last word comes with id 0, and then the connection ends. */
static void assert_thrown_out(struct fixture *f, enum candor_code code, const char *naming)
{
	struct candor_response r;
	assert_int_equal(raw_receive(&f->raw, &r), 1);
	assert_int_equal(r.id, 0);
	assert_refused(r, code, naming);
	assert_int_equal(raw_receive(&f->raw, &r), 0);
}

static void a_frame_of_garbage_ends_its_own_connection_only(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(report(f, "a", "ann", 1).batch.accepted, 1);
	raw_send_frame(&f->raw, "\xff\xff\xff\xff\xff\xff", 6);
	assert_thrown_out(f, CANDOR_INVALID_ARGUMENT, "malformed frame");
	/* What it did before stands. */
	assert_int_equal(call_get_pool(f->good, "p")->open_items, 1);
}

static void an_overlong_length_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	raw_send(&f->raw, "\xff\xff\xff\xff\xff\xff\xff", 7);
	assert_thrown_out(f, CANDOR_INVALID_ARGUMENT, "frame");
}

static void a_frame_above_the_limit_is_refused_by_its_length_alone(void **state)
{
	struct fixture *f = *state;
	raw_send(&f->raw, "\x81\x80\x80\x02", 4); /* 4 MiB and one byte */
	assert_thrown_out(f, CANDOR_INVALID_ARGUMENT, "4194304");
}

static void a_refused_peer_that_goes_on_sending_still_hears_why(void **state)
{
	struct fixture *f = *state;
	static char body[1 << 20];
	raw_send(&f->raw, "\x81\x80\x80\x02", 4);
	for (int i = 0; i < 4; i++)
		raw_send(&f->raw, body, sizeof body);
	assert_thrown_out(f, CANDOR_INVALID_ARGUMENT, "frame too long");
}

static void a_request_of_an_unknown_type_is_refused_and_the_connection_goes_on(void **state)
{
	struct fixture *f = *state;
	struct candor_response r;
	/* id 7 and field 99, and then an empty message. */
	raw_send_frame(&f->raw, "\x08\x07\x9a\x06\x00", 5);
	assert_int_equal(raw_receive(&f->raw, &r), 1);
	assert_int_equal(r.id, 7);
	assert_refused(r, CANDOR_INVALID_ARGUMENT, "request");
	assert_int_equal(report(f, "a", "ann", 1).batch.accepted, 1);
}

static void a_request_without_an_id_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	raw_send_frame(&f->raw, "\x1a\x00", 2); /* info */
	assert_thrown_out(f, CANDOR_INVALID_ARGUMENT, "id is missing");
}

/* A list of rejected rows that is longer than a message does not take back what was done. */
static void more_rejected_rows_than_fit_are_counted(void **state)
{
	struct fixture *f = *state;
	enum { BAD = 3000, VOIDED = 400 };
	static char names[BAD][160];
	static struct candor_report rows[BAD + 1];
	for (size_t i = 0; i < BAD; i++) {
		memset(names[i], 'n', sizeof names[i] - 1);
		rows[i] = (struct candor_report){"a", "ann", 7};
	}
	rows[BAD] = (struct candor_report){"good", "ann", 0.5};
	assert_int_equal(daemon_stop(&f->daemon), 0);
	raw_close(&f->raw);
	daemon_start(&f->daemon, small_frames);
	f->good = daemon_connect(&f->daemon);
	raw_open(&f->raw, over_tcp ? f->daemon.tcp : f->daemon.address);
	struct candor_response r = tell(
		f,
		(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = BAD + 1, .reports = rows});
	assert_int_equal(r.code, CANDOR_OK);
	assert_int_equal(r.batch.accepted, 1);
	assert_true(r.n_rejected > 1000 && r.batch.rejected_omitted > 0);
	assert_int_equal(r.n_rejected + r.batch.rejected_omitted, BAD);
	const char *items[BAD + 1];
	for (size_t i = 0; i <= BAD; i++)
		items[i] = i < BAD ? names[i] : "good";
	r = tell(f,
		 (struct candor_request){
			 .type = CANDOR_REQ_VOID_ITEMS, .pool = "p", .n = VOIDED, .items = items + BAD + 1 - VOIDED});
	assert_int_equal(r.batch.accepted, 1);
	assert_int_equal(r.n_rejected + r.batch.rejected_omitted, VOIDED - 1);
	assert_int_equal(call_get_pool(f->good, "p")->void_items, 1);
}

static void values_that_are_not_probabilities_are_refused(void **state)
{
	struct fixture *f = *state;
	const double bad[] = {NAN, INFINITY, -INFINITY, -1e-300, 1.0000000000000002, 2};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_row_refused(report(f, "a", "ann", bad[i]), CANDOR_INVALID_ARGUMENT, "value");
		assert_row_refused(resolve(f, "a", bad[i]), CANDOR_INVALID_ARGUMENT, "value");
	}
	assert_int_equal(call_get_pool(f->good, "p")->labelers, 0);
}

static void invalid_names_are_refused(void **state)
{
	struct fixture *f = *state;
	char longest[257];
	memset(longest, 'x', sizeof longest);
	longest[256] = 0;
	const char *bad[] = {"", longest, "\xc3\x28", "\xed\xa0\x80", "a\nb", "\x1b[31m", "\xc2\x85"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_row_refused(report(f, bad[i], "ann", 1), CANDOR_INVALID_ARGUMENT, "item");
		assert_row_refused(report(f, "a", bad[i], 1), CANDOR_INVALID_ARGUMENT, "labeler");
		assert_row_refused(on_item(f, CANDOR_REQ_CLOSE_ITEMS, bad[i]), CANDOR_INVALID_ARGUMENT, "item");
		assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = bad[i]}),
			       CANDOR_INVALID_ARGUMENT, "pool");
		assert_refused(
			tell(f,
			     (struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = bad[i]}),
			CANDOR_INVALID_ARGUMENT, "labeler");
	}
	longest[255] = 0;
	assert_int_equal(report(f, longest, longest, 1).batch.accepted, 1);
}

static void a_name_with_a_zero_byte_inside_is_not_taken_for_a_shorter_one(void **state)
{
	struct fixture *f = *state;
	struct candor_response r;
	/* id 1; post_reports of 12 bytes: pool "p", a report of item "a\0b" by labeler "l" */
	static const char bytes[] = "\x08\x01\x42\x0d"
				    "\x0a\x01p"
				    "\x12\x08\x0a\x03"
				    "a\0b"
				    "\x12\x01l";
	raw_send_frame(&f->raw, bytes, sizeof bytes - 1);
	assert_int_equal(raw_receive(&f->raw, &r), 1);
	assert_row_refused(r, CANDOR_INVALID_ARGUMENT, "item");
}

static void pools_items_and_labelers_that_do_not_exist_are_not_found(void **state)
{
	struct fixture *f = *state;
	const char *item = "never";
	assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = "q"}), CANDOR_NOT_FOUND,
		       "pool 'q'");
	assert_refused(
		tell(f, (struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "q", .n = 1, .items = &item}),
		CANDOR_NOT_FOUND, "pool 'q'");
	assert_refused(
		tell(f, (struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "nobody"}),
		CANDOR_NOT_FOUND, "labeler 'nobody'");
	assert_row_refused(on_item(f, CANDOR_REQ_CLOSE_ITEMS, item), CANDOR_NOT_FOUND, "item 'never'");
	assert_row_refused(on_item(f, CANDOR_REQ_VOID_ITEMS, item), CANDOR_NOT_FOUND, "item 'never'");
	assert_row_refused(resolve(f, item, 1), CANDOR_NOT_FOUND, "item 'never'");
	struct candor_response r = on_item(f, CANDOR_REQ_QUERY_ITEMS, item);
	assert_int_equal(r.n, 0);
	assert_row_refused(r, CANDOR_NOT_FOUND, "item 'never'");
}

static void an_item_that_is_not_open_takes_no_reports(void **state)
{
	struct fixture *f = *state;
	const char *const items[] = {"closed", "resolved", "void"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(report(f, items[i], "ann", 0.25).batch.accepted, 1);
	assert_int_equal(on_item(f, CANDOR_REQ_CLOSE_ITEMS, "closed").batch.accepted, 1);
	assert_int_equal(resolve(f, "resolved", 1).batch.accepted, 1);
	assert_int_equal(on_item(f, CANDOR_REQ_VOID_ITEMS, "void").batch.accepted, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_row_refused(report(f, items[i], "ann", 0.5), CANDOR_FAILED_PRECONDITION, items[i]);
		assert_row_refused(report(f, items[i], "bob", 0.5), CANDOR_FAILED_PRECONDITION, items[i]);
		assert_int_equal(report(f, items[i], "ann", 0.25).batch.duplicates, 1);
	}
	/* Whoever was refused has not joined. */
	assert_int_equal(call_get_pool(f->good, "p")->labelers, 1);
}

static void an_outcome_stands(void **state)
{
	struct fixture *f = *state;
	report(f, "a", "ann", 0.25);
	report(f, "b", "ann", 0.25);
	assert_int_equal(resolve(f, "a", 0.75).batch.accepted, 1);
	assert_int_equal(resolve(f, "a", 0.75).batch.duplicates, 1);
	assert_row_refused(resolve(f, "a", 0.5), CANDOR_FAILED_PRECONDITION, "0.75");
	assert_row_refused(on_item(f, CANDOR_REQ_VOID_ITEMS, "a"), CANDOR_FAILED_PRECONDITION, "resolved");
	assert_int_equal(on_item(f, CANDOR_REQ_VOID_ITEMS, "b").batch.accepted, 1);
	assert_row_refused(resolve(f, "b", 1), CANDOR_FAILED_PRECONDITION, "void");
	assert_row_refused(on_item(f, CANDOR_REQ_CLOSE_ITEMS, "b"), CANDOR_FAILED_PRECONDITION, "void");
}

static void one_bad_row_costs_the_others_nothing(void **state)
{
	struct fixture *f = *state;
	struct candor_report rows[] = {{"a", "ann", 0.5}, {"a", "bob", NAN}, {"", "cat", 1},
				       {"b", "ann", 1},   {"a", "ann", 0.5}, {"a", "ann", 0.75}};
	struct candor_response r =
		tell(f, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 6, .reports = rows});
	assert_int_equal(r.batch.accepted, 2);
	assert_int_equal(r.batch.duplicates, 1);
	assert_int_equal(r.batch.revised, 1);
	assert_int_equal(r.n_rejected, 2);
	assert_int_equal(r.rejected[0].index, 1);
	assert_int_equal(r.rejected[1].index, 2);
}

static void settings_out_of_range_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	const struct {
		struct candor_settings settings;
		const char *naming;
	} bad[] = {
		{{.rate = 9}, "rate"},
		{{.c = -1}, "settings.c"},
		{{.c = NAN}, "settings.c"},
		{{.beta = 0.6}, "settings.beta"},
		{{.share = INFINITY}, "settings.share"},
		{{.entry = -1}, "settings.entry"},
		{{.eta = 0.5}, "settings.eta"},
		{{.rate = CANDOR_FIXED}, "settings.eta"},
		{{.rate = CANDOR_FIXED, .eta = 0.6}, "settings.eta"},
		{{.rate = CANDOR_HORIZON}, "settings.horizon"},
		{{.rate = CANDOR_ANYTIME, .horizon = 5}, "settings.horizon"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL,
							       .pool = "new",
							       .settings = bad[i].settings}),
			       CANDOR_INVALID_ARGUMENT, bad[i].naming);
		assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
							       .pool = "p",
							       .settings = bad[i].settings}),
			       CANDOR_INVALID_ARGUMENT, bad[i].naming);
	}
	/* No field takes what is no number in its range, whatever the rate. */
	const double none[] = {NAN, INFINITY, -INFINITY, -0.25, 1e300};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		const double x = none[i];
		const struct candor_settings all[] = {{.c = x},
						      {.beta = x},
						      {.eta = x},
						      {.share = x},
						      {.entry = x},
						      {.rate = CANDOR_HORIZON, .horizon = x},
						      {.rate = CANDOR_FIXED, .eta = x}};
		for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
			assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL,
								       .pool = "new",
								       .settings = all[k]}),
				       CANDOR_INVALID_ARGUMENT, "settings.");
			assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_UPDATE_POOL,
								       .pool = "p",
								       .settings = all[k]}),
				       CANDOR_INVALID_ARGUMENT, "settings.");
		}
	}
	assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = "p"}),
		       CANDOR_ALREADY_EXISTS, "pool 'p'");
	assert_int_equal(call_ok(f->good, (struct candor_request){.type = CANDOR_REQ_LIST_POOLS})->n, 1);
}

static void pages_and_cursors_are_checked(void **state)
{
	struct fixture *f = *state;
	const char *const bad[] = {
		"x", "i1", "i1-", "i2-0", "l1-0-0-0", "h1-5", "p-1", "i1-0x", "i1-99999999999999999999999x"};
	report(f, "a", "ann", 1);
	resolve(f, "a", 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const enum candor_request_type types[] = {CANDOR_REQ_LIST_ITEMS, CANDOR_REQ_LIST_LABELERS,
							  CANDOR_REQ_LIST_POOLS, CANDOR_REQ_GET_LABELER};
		for (size_t k = 0; k < 4; k++) {
			/* A labeler's place of another sort, so that no cursor above fits. */
			assert_refused(tell(f, (struct candor_request){.type = types[k],
								       .pool = "p",
								       .labeler = "ann",
								       .history = true,
								       .sort = CANDOR_BY_LOSS,
								       .cursor = bad[i]}),
				       CANDOR_INVALID_ARGUMENT, "cursor");
		}
	}
	assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 1001}),
		       CANDOR_INVALID_ARGUMENT, "limit");
	assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .sort = 5}),
		       CANDOR_INVALID_ARGUMENT, "sort");
	static const char *many[1001];
	for (size_t i = 0; i < 1001; i++)
		many[i] = "a";
	assert_refused(
		tell(f, (struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1001, .items = many}),
		CANDOR_INVALID_ARGUMENT, "items");
	assert_refused(tell(f, (struct candor_request){.type = CANDOR_REQ_HELLO, .protocol = 2}),
		       CANDOR_INVALID_ARGUMENT, "protocol");
}

static void a_request_that_unpacks_to_too_much_is_refused(void **state)
{
	struct fixture *f = *state;
	static struct candor_report rows[50000];
	for (size_t i = 0; i < 50000; i++)
		rows[i] = (struct candor_report){"a", "b", 0};
	assert_refused(tell(f,
			    (struct candor_request){
				    .type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 50000, .reports = rows}),
		       CANDOR_RESOURCE_EXHAUSTED, "fewer rows");
	assert_int_equal(report(f, "a", "b", 1).batch.accepted, 1);
}

static void a_request_sent_byte_by_byte_is_served(void **state)
{
	struct fixture *f = *state;
	struct candor_response r;
	static const char bytes[] = "\x04\x08\x01\x1a\x00";
	for (size_t i = 0; i + 1 < sizeof bytes; i++)
		raw_send(&f->raw, bytes + i, 1);
	assert_int_equal(raw_receive(&f->raw, &r), 1);
	assert_int_equal(r.type, CANDOR_RES_INFO);
}

#define BAD_INPUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD_INPUT(a_frame_of_garbage_ends_its_own_connection_only),
		BAD_INPUT(an_overlong_length_ends_the_connection),
		BAD_INPUT(a_frame_above_the_limit_is_refused_by_its_length_alone),
		BAD_INPUT(a_refused_peer_that_goes_on_sending_still_hears_why),
		BAD_INPUT(a_request_of_an_unknown_type_is_refused_and_the_connection_goes_on),
		BAD_INPUT(a_request_without_an_id_ends_the_connection),
		BAD_INPUT(more_rejected_rows_than_fit_are_counted),
		BAD_INPUT(values_that_are_not_probabilities_are_refused),
		BAD_INPUT(invalid_names_are_refused),
		BAD_INPUT(a_name_with_a_zero_byte_inside_is_not_taken_for_a_shorter_one),
		BAD_INPUT(pools_items_and_labelers_that_do_not_exist_are_not_found),
		BAD_INPUT(an_item_that_is_not_open_takes_no_reports),
		BAD_INPUT(an_outcome_stands),
		BAD_INPUT(one_bad_row_costs_the_others_nothing),
		BAD_INPUT(settings_out_of_range_are_refused_by_name),
		BAD_INPUT(pages_and_cursors_are_checked),
		BAD_INPUT(a_request_that_unpacks_to_too_much_is_refused),
		BAD_INPUT(a_request_sent_byte_by_byte_is_served),
	};
	int failed = cmocka_run_group_tests_name("over a Unix socket", tests, NULL, NULL);
	over_tcp = true;
	return failed + cmocka_run_group_tests_name("over TCP", tests, NULL, NULL);
}
