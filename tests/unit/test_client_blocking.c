/* The blocking client, with the daemon in another thread; and the table of calls under both forms. */
#include <signal.h>

#include "tests/unit/test_client_fake.h"

#include "client/calls.h"
#include "client/candor_async.h"
#include "client/cli/base/cli.h"

static void calls_come_one_after_the_other(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_response *response;
	(void)state;
	fake_start_thread(&fake, &loop, NULL);
	assert_int_equal(candor_open(&c, fake.address, NULL), 0);
	for (int i = 0; i < 100; i++) {
		struct candor_request info = {.type = CANDOR_REQ_INFO};
		assert_int_equal(candor_call(c, &info, &response), 0);
		assert_int_equal(response->type, CANDOR_RES_INFO);
		assert_string_equal(response->info.version, "1");
	}
	candor_close(c);
	fake_stop_thread(&fake);
}

static void answer_twice_in_one_write(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO) {
		fake_welcome(f, request->id);
		return;
	}
	struct candor_response answer = {
		.id = request->id, .type = CANDOR_RES_POOL, .pool = {.name = "the name that must survive"}};
	struct candor_response farewell = {.code = CANDOR_UNAVAILABLE, .message = "shutting down for the night"};
	struct buf out = {0};
	assert_int_equal(wire_encode_response(&answer, &f->scratch, 1 << 20, &out), 0);
	assert_int_equal(wire_encode_response(&farewell, &f->scratch, 1 << 20, &out), 0);
	fake_write_raw(f, out.data, out.len);
	buf_free(&out);
}

static void a_response_outlives_what_comes_behind_it(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_response *response;
	const struct candor_request get = {.type = CANDOR_REQ_GET_POOL, .pool = "x"};
	(void)state;
	fake_start_thread(&fake, &loop, answer_twice_in_one_write);
	assert_int_equal(candor_open(&c, fake.address, NULL), 0);
	assert_int_equal(candor_call(c, &get, &response), 0);
	assert_string_equal(response->pool.name, "the name that must survive");

	assert_int_equal(candor_call(c, &get, &response), 0);
	assert_int_equal(response->code, CANDOR_UNAVAILABLE);
	assert_string_equal(response->message, "shutting down for the night");
	candor_close(c);
	fake_stop_thread(&fake);
}

static void hang_up_on_requests(struct fake *f, const struct candor_request *request)
{
	if (request->type == CANDOR_REQ_HELLO)
		fake_welcome(f, request->id);
	else
		fake_hang_up(f);
}

/* With SIGPIPE as a program finds it: writing to a daemon that is gone must not end the program. */
static void a_daemon_that_goes_away_is_an_error_and_no_signal(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_response *response;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	signal(SIGPIPE, SIG_DFL);
	fake_start_thread(&fake, &loop, hang_up_on_requests);
	assert_int_equal(candor_open(&c, fake.address, NULL), 0);
	assert_int_equal(candor_call(c, &info, &response), CANDOR_ERR_CLOSED);
	assert_true(candor_call(c, &info, &response) < 0);
	candor_close(c);

	assert_int_equal(candor_open(&c, fake.address, NULL), 0);
	fake_stop_thread(&fake);
	assert_true(candor_call(c, &info, &response) < 0);
	candor_close(c);
}

static void nobody_there_is_an_error(void **state)
{
	struct candor *c = NULL;
	(void)state;
	assert_int_equal(candor_open(&c, "unix:/nonexistent/candord.sock", NULL), UV_ENOENT);
	assert_int_equal(candor_open(&c, "nonsense", NULL), CANDOR_ERR_ADDRESS);
	assert_null(c);
	candor_close(NULL);
}

/* Of the newest greeting; written by the daemon's thread, read after it has ended. */
static char shown[CANDOR_TOKEN_MAX + 1];
static size_t greetings_alone;

static void welcome_as_acme(struct fake *f, const struct candor_request *request)
{
	struct candor_response r = {.id = request->id, .type = CANDOR_RES_WELCOME, .message = ""};
	r.welcome = (struct candor_welcome){.protocol = 1, .server = "fake/1", .principal = "token:acme"};
	if (request->type != CANDOR_REQ_HELLO) {
		fake_answer(f, request);
		return;
	}
	greetings_alone += f->reads == 1 && f->requests == 1;
	snprintf(shown, sizeof shown, "%s", request->token);
	fake_respond(f, &r);
}

static void a_token_is_shown_and_whose_it_is_is_told(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_response *response;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	char token[CANDOR_TOKEN_MAX + 1];
	(void)state;
	/* The shortest and the longest. */
	for (size_t len = 1; len <= CANDOR_TOKEN_MAX; len += CANDOR_TOKEN_MAX - 1) {
		const struct candor_options options = {.token = token};
		memset(token, 't', len);
		token[len] = 0;
		greetings_alone = 0;
		fake_start_thread(&fake, &loop, welcome_as_acme);
		assert_int_equal(candor_open(&c, fake.address, &options), 0);
		assert_string_equal(candor_principal(c), "token:acme");
		assert_int_equal(candor_call(c, &info, &response), 0);
		assert_string_equal(candor_principal(c), "token:acme");
		candor_close(c);
		fake_stop_thread(&fake);
		assert_string_equal(shown, token);
		assert_int_equal(greetings_alone, 1);
	}
	fake_start_thread(&fake, &loop, NULL);
	assert_int_equal(candor_open(&c, fake.address, NULL), 0);
	assert_string_equal(candor_principal(c), "uid:1000");
	candor_close(c);
	fake_stop_thread(&fake);
}

static void refuse_to_greet(struct fake *f, const struct candor_request *request)
{
	const struct candor_response no = {
		.id = request->id, .code = CANDOR_UNAUTHENTICATED, .message = "unknown or revoked token"};
	fake_respond(f, &no);
	fake_hang_up(f);
}

static void a_token_that_is_none_is_the_answer_to_everything(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_response *response;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	const struct candor_options options = {.token = "guessed"};
	(void)state;
	fake_start_thread(&fake, &loop, refuse_to_greet);
	assert_int_equal(candor_open(&c, fake.address, &options), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(candor_call(c, &info, &response), 0);
		assert_int_equal(response->code, CANDOR_UNAUTHENTICATED);
		assert_string_equal(response->message, "unknown or revoked token");
	}
	assert_string_equal(candor_principal(c), "");
	candor_close(c);
	fake_stop_thread(&fake);
}

/* ---- what candor makes of a limit on rates ---- */

static size_t refusals_left;
static uint32_t retry_after_ms;
static bool greetings_too;
static bool ends_with_it; /* the refusal is the daemon's last word, to no request */

static void answer_at_a_rate(struct fake *f, const struct candor_request *request)
{
	struct candor_response refusal = {.id = request->id,
					  .code = CANDOR_RESOURCE_EXHAUSTED,
					  .message = "too many requests a second",
					  .retry_after_ms = retry_after_ms};
	if ((request->type == CANDOR_REQ_HELLO && !greetings_too) || refusals_left == 0) {
		fake_answer(f, request);
		return;
	}
	refusals_left--;
	if (ends_with_it)
		refusal.id = 0;
	fake_respond(f, &refusal);
	if (request->type == CANDOR_REQ_HELLO || ends_with_it)
		fake_hang_up(f);
}

/* The exit code of a command that asks once. */
static int call_at_a_rate(size_t refusals, uint32_t after_ms, uint64_t timeout_ms)
{
	struct fake fake;
	uv_loop_t loop;
	const struct candor_response *response;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	refusals_left = refusals;
	retry_after_ms = after_ms;
	fake_start_thread(&fake, &loop, answer_at_a_rate);
	struct cli c = {.server = fake.address, .timeout_ms = timeout_ms, .command = &cli_info};
	int code = cli_call(&c, &info, &response);
	candor_close(c.daemon);
	fake_stop_thread(&fake);
	return code;
}

/* Nothing would come of asking again where nobody answers any more. */
static void a_last_word_is_no_limit_on_a_rate(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *daemon;
	const struct candor_response *response;
	const struct candor_request info = {.type = CANDOR_REQ_INFO};
	(void)state;
	refusals_left = 1;
	retry_after_ms = 1;
	greetings_too = false;
	ends_with_it = true;
	fake_start_thread(&fake, &loop, answer_at_a_rate);
	assert_int_equal(candor_open(&daemon, fake.address, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(candor_call(daemon, &info, &response), 0);
		assert_int_equal(response->code, CANDOR_RESOURCE_EXHAUSTED);
		assert_int_equal(response->retry_after_ms, 0);
	}
	candor_close(daemon);
	fake_stop_thread(&fake);
	ends_with_it = false;
}

static void commands_wait_for_a_rate_as_long_as_they_may(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		greetings_too = i > 0;
		assert_int_equal(call_at_a_rate(0, 0, 0), CLI_DONE);
		assert_int_equal(call_at_a_rate(5, 2, 0), CLI_DONE);
		/* Just as long as --timeout; one more is too long. An answer may take as long, too. */
		assert_int_equal(call_at_a_rate(2, 200, 400), CLI_DONE);
		assert_int_equal(call_at_a_rate(3, 200, 400), CLI_REFUSED);
		assert_int_equal(refusals_left, 0);
		/* At once, without waiting at all. */
		assert_int_equal(call_at_a_rate(1, UINT32_MAX, 0), CLI_REFUSED);
		/* A limit that is none on a rate. */
		assert_int_equal(call_at_a_rate(1, 0, 0), CLI_REFUSED);
	}
}

static void never_welcome(struct fake *f, const struct candor_request *request)
{
	(void)f;
	(void)request;
}

static void a_daemon_that_does_not_greet_times_out(void **state)
{
	struct fake fake;
	uv_loop_t loop;
	struct candor *c = NULL;
	const struct candor_options options = {.request_timeout_ms = 40};
	(void)state;
	fake_start_thread(&fake, &loop, never_welcome);
	assert_int_equal(candor_open(&c, fake.address, &options), UV_ETIMEDOUT);
	fake_stop_thread(&fake);
}

static void the_default_address_follows_the_environment(void **state)
{
	char address[128], tiny[8];
	(void)state;
	setenv("XDG_STATE_HOME", "/state", 1);
	assert_int_equal(candor_default_address(address, sizeof address), 0);
	assert_string_equal(address, "unix:/state/candor/candord.sock");
	assert_true(candor_default_address(tiny, sizeof tiny) < 0);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "/home/me", 1);
	assert_int_equal(candor_default_address(address, sizeof address), 0);
	assert_string_equal(address, "unix:/home/me/.local/state/candor/candord.sock");
	char home[200] = "/";
	memset(home + 1, 'h', sizeof home - 2);
	setenv("HOME", home, 1);
	assert_int_equal(candor_default_address(address, sizeof address), -ENAMETOOLONG);
	unsetenv("HOME");
	assert_true(candor_default_address(address, sizeof address) < 0);
}

static void a_million_calls_are_found_in_any_order(void **state)
{
	enum { N = 1000000 };
	struct calls t = {0};
	struct call call = {0};
	(void)state;
	assert_int_equal(calls_take(&t, 1, &call), 0);
	for (uint64_t id = 1; id <= N; id++)
		assert_int_equal(calls_put(&t, &(struct call){.id = id, .arg = (void *)(uintptr_t)id}), 0);
	assert_int_equal(calls_take(&t, N + 1, &call), 0);
	assert_int_equal(calls_take(&t, 0, &call), 0);

	/* 7919 is prime to N, so each id comes up once. */
	for (uint64_t i = 0; i < N; i++) {
		uint64_t id = i * 7919 % N + 1;
		assert_int_equal(calls_take(&t, id, &call), 1);
		assert_int_equal((uintptr_t)call.arg, id);
		assert_int_equal(calls_take(&t, id, &call), 0);
	}
	assert_int_equal(t.n, 0);
	calls_free(&t);
}

static void stragglers_are_found_among_later_calls(void **state)
{
	struct calls t = {0};
	struct call call;
	(void)state;
	/* Every hundredth is never answered: their slots collide with those of later ids. */
	for (uint64_t id = 1; id <= 100000; id++) {
		assert_int_equal(calls_put(&t, &(struct call){.id = id}), 0);
		if (id > 50 && (id - 50) % 100 != 0)
			assert_int_equal(calls_take(&t, id - 50, &call), 1);
	}
	for (uint64_t id = 100; id <= 99950; id += 100)
		assert_int_equal(calls_take(&t, id, &call), 1);
	assert_int_equal(t.n, 50);
	calls_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_come_one_after_the_other),
		cmocka_unit_test(a_response_outlives_what_comes_behind_it),
		cmocka_unit_test(a_daemon_that_goes_away_is_an_error_and_no_signal),
		cmocka_unit_test(nobody_there_is_an_error),
		cmocka_unit_test(a_daemon_that_does_not_greet_times_out),
		cmocka_unit_test(a_token_is_shown_and_whose_it_is_is_told),
		cmocka_unit_test(a_token_that_is_none_is_the_answer_to_everything),
		cmocka_unit_test(commands_wait_for_a_rate_as_long_as_they_may),
		cmocka_unit_test(a_last_word_is_no_limit_on_a_rate),
		cmocka_unit_test(the_default_address_follows_the_environment),
		cmocka_unit_test(a_million_calls_are_found_in_any_order),
		cmocka_unit_test(stragglers_are_found_among_later_calls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
