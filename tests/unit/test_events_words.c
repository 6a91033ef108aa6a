/* What the audit says of grants and tokens: what has changed, and in words for people. */
#include "tests/lib/fake_owner.h"
#include "tests/lib/unit.h"

static const struct candor_response *change(struct fake_owner *f, enum candor_request_type type, unsigned rights)
{
	const struct candor_grant grant = {.principal = "uid:7", .pool = "p", .rights = rights};
	const struct candor_request request = {.type = type, .n = 1, .grants = &grant};
	const struct candor_response *r = fake_call(f, &request);
	assert_int_equal(r->code, CANDOR_OK);
	return r;
}

static void assert_newest_event(struct fake_owner *f, const char *action, const char *subject, const char *detail)
{
	const struct candor_request request = {.type = CANDOR_REQ_LIST_EVENTS, .limit = 1};
	const struct candor_response *r = fake_call(f, &request);
	assert_int_equal(r->code, CANDOR_OK);
	assert_int_equal(r->n, 1);
	assert_string_equal(r->events[0].action, action);
	assert_string_equal(r->events[0].subject, subject);
	assert_string_equal(r->events[0].detail, detail);
}

static void events_of_grants_say_what_has_changed(void **state)
{
	const struct engine_limits limits = fake_roomy_limits();
	struct fake_owner f;
	(void)state;
	fake_init(&f, &limits);
	fake_pool(&f, "p", NULL);
	change(&f, CANDOR_REQ_ADD_GRANT, CANDOR_RIGHT_REPORT | CANDOR_RIGHT_READ);
	assert_newest_event(&f, "grant", "uid:7", "report,read");
	/* What stood already is not granted again. */
	change(&f, CANDOR_REQ_ADD_GRANT, CANDOR_RIGHT_READ | CANDOR_RIGHT_INSPECT);
	assert_newest_event(&f, "grant", "uid:7", "inspect");
	change(&f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHT_OUTCOME | CANDOR_RIGHT_REPORT);
	assert_newest_event(&f, "withdraw", "uid:7", "report");
	/* All of it: what there was. */
	change(&f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHTS_ALL);
	assert_newest_event(&f, "withdraw", "uid:7", "read,inspect");
	assert_int_equal(change(&f, CANDOR_REQ_REMOVE_GRANT, CANDOR_RIGHTS_ALL)->batch.duplicates, 1);
	assert_newest_event(&f, "withdraw", "uid:7", "read,inspect");
	fake_deinit(&f);
}

static void make_token(struct fake_owner *f, const char *name, uint64_t expires_at)
{
	const struct candor_request request = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .expires_at = expires_at};
	assert_int_equal(fake_call(f, &request)->code, CANDOR_OK);
}

static void events_of_tokens_say_when_they_end(void **state)
{
	const struct engine_limits limits = fake_roomy_limits();
	struct fake_owner f;
	(void)state;
	fake_init(&f, &limits);
	make_token(&f, "a", 0);
	assert_newest_event(&f, "token", "token:a", "");
	make_token(&f, "b", UINT64_C(1798675200000));
	assert_newest_event(&f, "token", "token:b", "expires 2026-12-31T00:00:00Z");
	/* Beyond any calendar, and yet a line. */
	make_token(&f, "c", UINT64_MAX);
	const struct candor_request request = {.type = CANDOR_REQ_LIST_EVENTS, .limit = 1};
	const struct candor_response *r = fake_call(&f, &request);
	assert_int_equal(r->n, 1);
	assert_memory_equal(r->events[0].detail, "expires ", 8);
	fake_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_grants_say_what_has_changed),
		cmocka_unit_test(events_of_tokens_say_when_they_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
