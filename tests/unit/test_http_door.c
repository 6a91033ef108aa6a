/* HTTP at the two ends of a session: what is asked and answered, in which order, by whom. Over an engine whose commits
 * come when the test wants. */
#include "tests/lib/unit.h"

#include "tests/lib/http.h"

#define HOST "Host: x\r\n"
#define JSON "Content-Type: application/json\r\n"

static void get(struct peer_world *w, const char *path)
{
	http_push(w, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
}

static void post(struct peer_world *w, const char *path, const char *body)
{
	http_push(w, "POST %s HTTP/1.1\r\n" HOST JSON "Content-Length: %zu\r\n\r\n%s", path, strlen(body), body);
}

static void a_request_is_answered_as_json(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	get(w, "/v1/pools/p");
	http_expect(w, 200, "{\"name\":\"p\",");
	post(w, "/v1/pools", "{\"pool\":\"q\"}");
	http_expect_silence(w);
	fake_settle(&w->f);
	http_expect(w, 200, "{\"name\":\"q\",");
	post(w, "/v1/pools/q/reports", "{\"reports\":[{\"item\":\"a/b\",\"labeler\":\"l\",\"value\":0.25},{}]}");
	fake_settle(&w->f);
	http_expect(w, 200, "{\"accepted\":1,");
	get(w, "/v1/pools/q/items/a%2Fb");
	http_expect(w, 200, "\"mean\":0.25,");
	get(w, "/v1/pools/q/items/b");
	fake_settle(&w->f);
	http_expect(w, 404, "\"code\":\"NOT_FOUND\"");
}

static void the_connection_stays_for_further_requests_and_is_small_meanwhile(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	size_t before = session_bytes(w->p.session);
	for (int i = 0; i < 100; i++) {
		get(w, "/v1/pools");
		http_expect(w, 200, "{\"pools\":");
	}
	session_trim(w->p.session);
	assert_int_equal(session_bytes(w->p.session), before);
	assert_true(session_is_quiet(w->p.session));
	assert_true(session_wants_bytes(w->p.session));
	assert_false(session_awaits_rest(w->p.session));
}

static void what_is_sent_behind_a_request_is_answered_behind_it(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Content-Length: 12\r\n\r\n{\"pool\":\"q\"}"
		     "GET /v1/pools/q HTTP/1.1\r\n" HOST "\r\n"
		     "GET /nowhere HTTP/1.1\r\n" HOST "\r\n"
		     "GET /v1/pools/p HTTP/1.1\r\n" HOST "\r\n"
		     "GET /v1/pools HTT");
	http_expect_silence(w);
	fake_settle(&w->f);
	http_expect(w, 200, "\"name\":\"q\"");
	http_expect(w, 200, "\"name\":\"q\"");
	http_expect(w, 404, "no such path");
	http_expect(w, 200, "\"name\":\"p\"");
	http_expect_silence(w);
	assert_true(session_awaits_rest(w->p.session));
	http_push(w, "P/1.1\r\n" HOST "\r\n");
	http_expect(w, 200, "\"pools\"");
}

static void any_split_of_the_bytes_gives_the_same_answers(void **state)
{
	struct peer_world *w = *state;
	static const char text[] =
		"\r\nPOST /v1/pools/p/reports HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
		"8\r\n{\"report\r\n1\r\ns\r\n0013\r\n\":[{\"item\":\"a\",\"lab\r\n"
		"19\r\neler\":\"l\",\"value\":0.5}] }\r\n0\r\n\r\n"
		"GET /v1/pools/p HTTP/1.1\r\n" HOST "\r\n"
		"GET /v1/pools HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
	for (size_t step = 0; step < sizeof text - 1; step++) {
		http_open(w);
		for (size_t at = 0, n; at < sizeof text - 1; at += n) {
			n = step == 0 ? 1 : at == 0 ? step : sizeof text - 1 - step;
			peer_push(&w->p, text + at, n);
		}
		fake_settle(&w->f);
		http_expect(w, 200, step == 0 ? "{\"accepted\":1," : "\"duplicates\":1,");
		http_expect(w, 200, "\"name\":\"p\"");
		http_expect(w, 200, "{\"pools\":");
		http_expect_silence(w);
		assert_true(session_is_over(w->p.session));
	}
}

static void a_stranger_is_asked_for_a_token(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	http_open_as_stranger(w);
	get(w, "/v1/pools/p");
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 401);
	assert_string_equal(http_field(&a, "WWW-Authenticate"), "Bearer realm=\"candor\"");
	assert_string_equal(http_field(&a, "Content-Type"), "application/problem+json");
	assert_false(a.closes);
	http_answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_request_is_answered_as_json, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(the_connection_stays_for_further_requests_and_is_small_meanwhile,
						peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(what_is_sent_behind_a_request_is_answered_behind_it, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(any_split_of_the_bytes_gives_the_same_answers, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_stranger_is_asked_for_a_token, peer_set_up, peer_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
