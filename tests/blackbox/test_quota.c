/* Limits of principals, as a real daemon keeps them: who asks for too much is told when to come again, and nobody else
 * notices. */
#include <time.h>

#include "tests/lib/files.h"
#include "tests/lib/calls.h"
#include "tests/lib/clock.h"
#include "tests/lib/daemon.h"
#include "tests/lib/unit.h"

enum { ROWS = 60, TRIES = 100 };

struct fixture {
	struct daemon daemon;
	char ann_token[CANDOR_TOKEN_MAX + 1], ben_token[CANDOR_TOKEN_MAX + 1];
	struct candor *owner, *ann, *again, *ben; /* `again` is Ann too */
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){0};
	daemon_init(&f.daemon);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	return daemon_end(&f->daemon);
}

static void make_token(struct fixture *f, const char *name, char out[CANDOR_TOKEN_MAX + 1])
{
	const struct candor_grant grant = {"", "p", "", CANDOR_RIGHT_REPORT | CANDOR_RIGHT_OUTCOME};
	const struct candor_response *r = call_any(
		f->owner,
		(struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grant});
	assert_int_equal(r->code, CANDOR_OK);
	snprintf(out, CANDOR_TOKEN_MAX + 1, "%s", r->secret);
}

static void connect_with_tokens(struct fixture *f)
{
	const struct candor_options as_ann = {.token = f->ann_token}, as_ben = {.token = f->ben_token};
	assert_int_equal(daemon_open(&f->daemon, &f->ann, f->daemon.address, &as_ann), 0);
	assert_int_equal(daemon_open(&f->daemon, &f->again, f->daemon.address, &as_ann), 0);
	assert_int_equal(daemon_open(&f->daemon, &f->ben, f->daemon.address, &as_ben), 0);
}

/* A daemon with a pool and two tokens that may report, and close items. */
static void start(struct fixture *f, const char *const *options)
{
	daemon_start(&f->daemon, options);
	f->owner = daemon_connect(&f->daemon);
	call_create_pool(f->owner, "p");
	make_token(f, "ann", f->ann_token);
	make_token(f, "ben", f->ben_token);
	connect_with_tokens(f);
}

/* Reports on one item of labelers that are new to it. */
static const struct candor_response *post(struct candor *c, const char *item, size_t n)
{
	static unsigned labelers;
	char names[ROWS][16];
	struct candor_report rows[ROWS];
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof names[i], "l-%u", labelers++);
		rows[i] = (struct candor_report){item, names[i], 0.5};
	}
	return call_any(c,
			(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = n, .reports = rows});
}

/* Until it is told to wait. */
static struct candor_response post_too_many(struct candor *c, uint64_t *accepted)
{
	for (int i = 0; i < TRIES; i++) {
		const struct candor_response *r = post(c, "item", ROWS);
		if (r->code != CANDOR_OK)
			return *r;
		*accepted += r->batch.accepted;
	}
	fail_msg("a daemon that takes %d reports at a time, however often", ROWS);
	return (struct candor_response){0};
}

static void a_principal_over_its_limit_is_told_when_to_retry_and_nobody_else_notices(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--limit-reports", "30", NULL};
	uint64_t accepted = 0;
	start(f, options);
	struct candor_response r = post_too_many(f->ann, &accepted);
	assert_int_equal(r.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_in_range(r.retry_after_ms, 1, 2001);
	assert_non_null(strstr(r.message, "rate limit exceeded (30 reports per second for token:ann, limit_reports)"));
	assert_true(accepted >= ROWS);
	/* Her other connection is no other Ann. */
	uint64_t by_the_other = 0;
	struct candor_response other = post_too_many(f->again, &by_the_other);
	assert_int_equal(other.code, CANDOR_RESOURCE_EXHAUSTED);
	assert_in_range(other.retry_after_ms, 1, 2001);

	const struct candor_response *now = post(f->ben, "item", ROWS);
	assert_int_equal(now->code, CANDOR_OK);
	assert_int_equal(now->batch.accepted, ROWS);
	for (int i = 0; i < 5; i++) {
		now = post(f->owner, "item", ROWS);
		assert_int_equal(now->code, CANDOR_OK);
		assert_int_equal(now->batch.accepted, ROWS);
	}

	nap_ms(other.retry_after_ms);
	now = post(f->again, "item", ROWS);
	assert_int_equal(now->code, CANDOR_OK);
	assert_int_equal(now->batch.accepted, ROWS);
	/* What was refused left nothing. */
	const char *const item = "item";
	now = call_any(f->owner,
		       (struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS, .pool = "p", .n = 1, .items = &item});
	assert_int_equal(now->code, CANDOR_OK);
	assert_int_equal(now->items[0].n, accepted + by_the_other + 7 * ROWS);
}

static void open_items_are_limited_by_principal_also_after_a_kill(void **state)
{
	struct fixture *f = *state;
	const char *const options[] = {"--limit-open-items", "2", NULL};
	start(f, options);
	assert_int_equal(post(f->ann, "a", 1)->batch.accepted, 1);
	assert_int_equal(post(f->ann, "b", 1)->batch.accepted, 1);
	const struct candor_response *r = post(f->ann, "c", 2);
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->n_rejected, 2);
	assert_int_equal(r->rejected[0].code, CANDOR_RESOURCE_EXHAUSTED);
	assert_non_null(strstr(r->rejected[0].message, "limit of 2 open items reached for token:ann"));
	assert_int_equal(post(f->ben, "c", 2)->batch.accepted, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(post(f->owner, (char[]){(char)('A' + i), 0}, 1)->batch.accepted, 1);

	daemon_kill(&f->daemon);
	daemon_start(&f->daemon, options);
	connect_with_tokens(f);
	assert_int_equal(post(f->ann, "d", 1)->n_rejected, 1);
	const char *const item = "a";
	r = call_any(f->ann,
		     (struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = "p", .n = 1, .items = &item});
	assert_int_equal(r->batch.accepted, 1);
	assert_int_equal(post(f->ann, "d", 1)->batch.accepted, 1);
	assert_int_equal(post(f->ann, "e", 1)->n_rejected, 1);
}

static int check(const struct fixture *f, const char *setting, const char *value, char *out, size_t size)
{
	char path[DAEMON_PATH_MAX];
	const char *const argv[] = {"candord", "--check-config", setting, value, NULL};
	daemon_path(&f->daemon, "out", path);
	int status = daemon_run(argv, NULL, path, NULL);
	files_read_text(path, out, size);
	return status;
}

static void limits_are_settings_like_others(void **state)
{
	struct fixture *f = *state;
	char out[8192];
	start(f, NULL);
	assert_int_equal(check(f, "--limit-bytes", "2M", out, sizeof out), 0);
	assert_non_null(strstr(out, "\nlimit_bytes = 2097152\n"));
	assert_non_null(strstr(out, "\nlimit_requests = 0\n"));
	assert_int_equal(check(f, "--limit-requests", "12", out, sizeof out), 0);
	assert_non_null(strstr(out, "\nlimit_requests = 12\n"));
	assert_int_equal(check(f, "--limit-reports", "1K", out, sizeof out), 2);
	assert_int_equal(check(f, "--limit-open-items", "-1", out, sizeof out), 2);
	/* None are set here. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(post(f->ann, "item", ROWS)->batch.accepted, ROWS);
}

#define QUOTA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUOTA(a_principal_over_its_limit_is_told_when_to_retry_and_nobody_else_notices),
		QUOTA(open_items_are_limited_by_principal_also_after_a_kill),
		QUOTA(limits_are_settings_like_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
