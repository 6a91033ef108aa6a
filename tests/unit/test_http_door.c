/* HTTP at the two ends of a session: what is asked and answered, in which order, by whom. Over an engine whose commits
 * come when the test wants. */
#include "tests/lib/unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "daemon/http/cookie.h"

#include "tests/lib/doorman.h"
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
	post(w, "/v1/pools/q/reports", "{\"reports\":[{\"item\":\"a/b\",\"labeler\":\"m\"}]}");
	fake_settle(&w->f);
	http_expect(w, 200, "value is missing, or not a number; it must be from 0 to 1");
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

static void a_strangers_long_body_is_not_read(void **state)
{
	struct peer_world *w = *state;
	char spaces[1024] = "";
	memset(spaces, ' ', sizeof spaces - 1);
	http_open_as_stranger(w);
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Expect: 100-continue\r\nContent-Length: 4000000\r\n\r\n");
	http_expect(w, 401, "too large for a peer without rights");
	assert_true(session_is_over(w->p.session));

	http_open_as_stranger(w);
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 8; i++)
		http_push(w, "3ff\r\n%s\r\n", spaces);
	http_expect_silence(w);
	http_push(w, "3ff\r\n%s\r\n", spaces);
	http_expect(w, 401, "too large for a peer without rights");
	assert_true(session_is_over(w->p.session));
}

/* ---- who asks ---- */

/* Into secret: a token that may read the pool. */
static void make_token(struct peer_world *w, const char *name, char secret[128])
{
	static const struct candor_grant grant = {.pool = "p", .rights = CANDOR_RIGHT_READ};
	const struct candor_request r = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grant};
	const struct candor_response *answer = fake_call(&w->f, &r);
	assert_int_equal(answer->code, CANDOR_OK);
	snprintf(secret, 128, "%s", answer->secret);
}

static void get_as(struct peer_world *w, const char *path, const char *token)
{
	http_push(w, "GET %s HTTP/1.1\r\n" HOST "Authorization: Bearer %s\r\n\r\n", path, token);
}

static void each_request_may_be_somebody_elses(void **state)
{
	struct peer_world *w = *state;
	char one[128], other[128];
	make_token(w, "one", one);
	make_token(w, "other", other);
	http_open_as_stranger(w);
	for (int i = 0; i < 3; i++) {
		get_as(w, "/v1/pools/p", one);
		http_expect(w, 200, "\"name\":\"p\"");
		assert_string_equal(session_identity(w->p.session)->name, "token:one");
		get_as(w, "/v1/pools/p", one);
		http_expect(w, 200, "\"name\":\"p\"");
		get_as(w, "/v1/pools/p", other);
		http_expect(w, 200, "\"name\":\"p\"");
		assert_string_equal(session_identity(w->p.session)->name, "token:other");
		get(w, "/v1/pools/p");
		http_expect(w, 401, NULL);
	}
	/* A token that is no longer valid is not, though it was shown before. */
	get_as(w, "/v1/pools/p", one);
	http_expect(w, 200, NULL);
	const struct candor_request revoke = {.type = CANDOR_REQ_REVOKE_TOKEN, .name = "one"};
	assert_int_equal(fake_call(&w->f, &revoke)->code, CANDOR_OK);
	get_as(w, "/v1/pools/p", one);
	http_expect(w, 401, NULL);
}

static void nothing_is_done_as_somebody_else_where_a_token_is_wrong(void **state)
{
	struct peer_world *w = *state;
	static const char body[] = "{\"pool\":\"q\"}";
	char longer[1100];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	const char *const wrong[] = {"Bearer nobody", "Bearer", "Bearer ", "Basic dTpw", "bearer  candor_x", longer};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		/* By itself the transport says that it is the owner, who may. */
		http_open(w);
		http_push(w,
			  "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Authorization: %s\r\nContent-Length: %zu\r\n\r\n%s",
			  wrong[i], sizeof body - 1, body);
		fake_settle(&w->f);
		http_expect(w, 401, "\"code\":\"UNAUTHENTICATED\"");
		get(w, "/v1/pools/q");
		if (!session_is_over(w->p.session))
			http_expect(w, 404, NULL);
	}
}

static uint64_t now_ms(void *owner)
{
	return *(const uint64_t *)owner;
}

static void a_browser_gets_a_cookie_for_a_token(void **state)
{
	struct peer_world *w = *state;
	uint64_t now = UINT64_C(1750000000000);
	struct door_ops ops = {.now_ms = now_ms, .owner = &now};
	struct http_answer a;
	char token[128], body[160], cookie[2048];
	seal_key_make(&ops.cookie_key);
	make_token(w, "one", token);
	w->limits.door_ops = &ops;
	http_open_as_stranger(w);
	snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
	post(w, "/v1/session", body);
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 204);
	assert_string_equal(http_field(&a, "Date"), "Sun, 15 Jun 2025 15:06:40 GMT");
	const char *set = http_field(&a, "Set-Cookie");
	assert_non_null(strstr(set, "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"));
	assert_null(strstr(set, "Secure"));
	assert_null(strstr(set, token));
	snprintf(cookie, sizeof cookie, "%.*s", (int)strcspn(set, ";"), set);
	http_answer_free(&a);

	http_open_as_stranger(w);
	http_push(w, "GET /v1/pools/p HTTP/1.1\r\n" HOST "Cookie: a=b; %s; c=d\r\n\r\n", cookie);
	http_expect(w, 200, "\"name\":\"p\"");
	/* What changes something must come from a page of the same origin. */
	static const struct {
		const char *fields;
		unsigned status;
	} origins[] = {
		{"", 403},
		{"Origin: http://y\r\n", 403},
		{"Origin: null\r\n", 403},
		{"Origin: http://x\r\nSec-Fetch-Site: cross-site\r\n", 403},
		{"Sec-Fetch-Site: same-site\r\n", 403},
		{"Origin: http://x\r\n", 200},
		{"Sec-Fetch-Site: same-origin\r\n", 200},
	};
	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		http_push(w,
			  "POST /v1/pools/p/items:query HTTP/1.1\r\n" HOST JSON
			  "Cookie: %s\r\n%sContent-Length: 15\r\n\r\n"
			  "{\"items\":[\"a\"]}",
			  cookie, origins[i].fields);
		fake_settle(&w->f);
		http_expect(w, origins[i].status, NULL);
	}
	/* It ends with its time, and with the daemon. */
	cookie[20] = cookie[20] == 'A' ? 'B' : 'A';
	http_push(w, "GET /v1/pools/p HTTP/1.1\r\n" HOST "Cookie: %s\r\n\r\n", cookie);
	http_expect(w, 401, "the session has ended");
	http_push(w, "DELETE /v1/session HTTP/1.1\r\n" HOST "Cookie: %s\r\n\r\n", cookie);
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 204);
	assert_non_null(strstr(http_field(&a, "Set-Cookie"), "candor_session=; Path=/; Max-Age=0;"));
	http_answer_free(&a);
	post(w, "/v1/session", "{\"token\":\"candor_nobodys\"}");
	http_expect(w, 401, NULL);
	peer_end(&w->p);
}

static void a_cookie_ends_with_its_time(void **state)
{
	(void)state;
	struct seal_key key, other;
	char token[CANDOR_TOKEN_MAX + 1];
	struct buf line = {0};
	seal_key_make(&key);
	seal_key_make(&other);
	assert_int_equal(cookie_put(&key, "secret", 1000, true, &line), 0);
	assert_int_equal(buf_append(&line, "", 1), 0);
	assert_non_null(strstr((char *)line.data, "; Secure\r\n"));
	char *cookie = (char *)line.data + sizeof "Set-Cookie: " - 1;
	assert_int_equal(cookie_read(&key, cookie, 12 * 3600 * 1000 + 999, token), COOKIE_GOOD);
	assert_string_equal(token, "secret");
	assert_int_equal(cookie_read(&key, cookie, 12 * 3600 * 1000 + 1000, token), COOKIE_BAD);
	assert_int_equal(cookie_read(&other, cookie, 1000, token), COOKIE_BAD);
	assert_int_equal(cookie_read(&key, "candor_session=", 1000, token), COOKIE_BAD);
	assert_int_equal(cookie_read(&key, "candor_sessions=x; x=candor_session", 1000, token), COOKIE_NONE);
	assert_int_equal(cookie_read(&key, NULL, 1000, token), COOKIE_NONE);
	buf_free(&line);
}

/* ---- forms of answers ---- */

static void head_is_get_without_the_body(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a, b;
	http_open(w);
	get(w, "/v1/pools/p");
	assert_true(http_take(w, false, &a));
	http_push(w, "HEAD /v1/pools/p HTTP/1.1\r\n" HOST "\r\nHEAD /nowhere HTTP/1.1\r\n" HOST "\r\n");
	assert_true(http_take(w, true, &b));
	assert_string_equal(a.head, b.head);
	http_answer_free(&a);
	http_answer_free(&b);
	assert_true(http_take(w, true, &b));
	assert_int_equal(b.status, 404);
	http_answer_free(&b);
	http_expect_silence(w);
}

static void http_1_0_is_closed_unless_it_asks_to_stay(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	http_open(w);
	http_push(w, "GET /v1/pools HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_true(http_take(w, false, &a));
	assert_string_equal(http_field(&a, "Connection"), "keep-alive");
	http_answer_free(&a);
	http_push(w, "GET /v1/pools HTTP/1.0\r\n\r\nGET /v1/info HTTP/1.0\r\n\r\n");
	assert_true(http_take(w, false, &a));
	assert_string_equal(http_field(&a, "Connection"), "close");
	http_answer_free(&a);
	http_expect_silence(w);
	assert_true(session_is_over(w->p.session));
}

static void a_body_is_waited_for_only_where_it_is_taken(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n");
	http_expect(w, 100, NULL);
	http_expect_silence(w);
	assert_true(session_awaits_rest(w->p.session));
	http_push(w, "{\"pool\":\"q\"}");
	fake_settle(&w->f);
	http_expect(w, 200, "\"name\":\"q\"");
	/* A short body that is not is read all the same, so that the connection stays. */
	http_push(w, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 12\r\n\r\n{\"pool\":");
	http_expect_silence(w);
	http_push(w, "\"q\"}");
	http_expect(w, 404, NULL);
	post(w, "/v1/pools", "{\"pol\":\"q\"}");
	http_expect(w, 400, "pol: unknown field; did you mean pool?");
	post(w, "/v1/pools/p/reports", "{\"pool\":\"q\",\"reports\":[]}");
	http_expect(w, 400, "pool");
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST "Content-Length: 12\r\n\r\n{\"pool\":\"q\"}");
	http_expect(w, 415, "application/json");
	http_push(w, "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n");
	http_expect(w, 404, NULL);
	assert_true(session_is_over(w->p.session));
}

static void long_answers_go_in_pieces_as_they_are_taken(void **state)
{
	struct peer_world *w = *state;
	struct http_answer plain, zipped;
	for (int i = 0; i < 1000; i++) {
		char name[160];
		snprintf(name, sizeof name, "labeler-%0120d", i);
		assert_int_equal(fake_post(&w->f, "p", "i", name, 0.5), CANDOR_OK);
	}
	w->limits.max_frame_bytes = 1 << 22;
	http_open(w);
	get(w, "/v1/pools/p/labelers?limit=1000");
	peer_resume(&w->p);
	assert_true(session_output(w->p.session)->len < 200 * 1024);
	assert_true(http_take(w, false, &plain));
	assert_int_equal(plain.status, 200);
	assert_true(plain.is_chunked && plain.chunks > 1);
	http_push(w, "GET /v1/pools/p/labelers?limit=1000 HTTP/1.1\r\n" HOST "Accept-Encoding: br, gzip;q=0.5\r\n\r\n");
	assert_true(http_take(w, false, &zipped));
	assert_string_equal(http_field(&zipped, "Content-Encoding"), "gzip");
	assert_true(zipped.body.len < plain.body.len / 4);
	z_stream z = {0};
	uint8_t *text = malloc(plain.body.len + 1);
	assert_non_null(text);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = zipped.body.data;
	z.avail_in = (unsigned)zipped.body.len;
	z.next_out = text;
	z.avail_out = (unsigned)plain.body.len + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, plain.body.len);
	assert_memory_equal(text, plain.body.data, plain.body.len);
	inflateEnd(&z);
	free(text);
	http_answer_free(&plain);
	http_answer_free(&zipped);
	/* Refused by name, or too short to be worth it. */
	http_push(w, "GET /v1/pools/p/labelers?limit=10 HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n");
	http_expect(w, 200, "{\"labelers\":");
	http_push(w, "GET /v1/pools/q HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
	http_expect(w, 404, "\"code\"");
	/* As rows. */
	http_push(w, "GET /v1/pools/p/labelers?limit=2 HTTP/1.1\r\n" HOST "Accept: application/x-ndjson\r\n\r\n");
	assert_true(http_take(w, false, &plain));
	assert_string_equal(http_field(&plain, "Content-Type"), "application/x-ndjson");
	assert_int_equal(plain.body.data[0], '{');
	char *second = strchr((char *)plain.body.data, '\n');
	assert_non_null(second);
	assert_int_equal(second[1], '{');
	http_answer_free(&plain);
}

/* ---- the end ---- */

static void what_does_not_come_in_time_is_told(void **state)
{
	struct peer_world *w = *state;
	for (int partly = 0; partly < 3; partly++) {
		http_open(w);
		http_push(w, partly == 0   ? "GET /v1/pools HTTP/1.1\r\nHost:"
			     : partly == 1 ? "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Content-Length: 12\r\n\r\n{\"po"
					   : "\r\n\r\nPOST /v1/pools HTTP/1.1\r\n" HOST JSON
					     "Transfer-Encoding: chunked\r\n\r\n4\r\n{");
		assert_true(session_awaits_rest(w->p.session));
		uint64_t before = session_frames(w->p.session);
		http_push(w, " ");
		assert_int_equal(session_frames(w->p.session), before);
		session_finish(w->p.session, false);
		http_expect(w, 408, "did not come in time");
		assert_true(session_is_over(w->p.session));
	}
	http_open(w);
	http_push(w, "GET /v1/pools HTTP/1.1\r\n" HOST "\r\nGET /v1/pools/p HTTP/1.1\r\n" HOST "\r\nGET /");
	session_finish(w->p.session, true);
	http_expect(w, 200, "\"pools\"");
	http_expect(w, 200, "\"name\":\"p\"");
	http_expect(w, 400, "the connection ended in the middle");
	assert_true(session_is_over(w->p.session));
	http_open(w);
	session_finish(w->p.session, true);
	http_expect_silence(w);
	assert_true(session_is_over(w->p.session));
}

/* A client that has said all, and hung up on its side, while the first of it still waits for the disk. */
static void what_came_before_the_end_is_answered(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	http_push(w, "POST /v1/pools/p/reports HTTP/1.1\r\n" HOST JSON "Content-Length: 52\r\n\r\n"
		     "{\"reports\":[{\"item\":\"i\",\"labeler\":\"l\",\"value\":0.5}]}"
		     "GET /v1/pools HTTP/1.1\r\n" HOST "\r\nGET /v1/pools/p HTTP/1.1\r\n" HOST "\r\n");
	http_expect_silence(w);
	session_finish(w->p.session, true);
	assert_false(session_is_over(w->p.session));
	fake_settle(&w->f);
	http_expect(w, 200, "\"accepted\":1");
	http_expect(w, 200, "\"pools\"");
	http_expect(w, 200, "\"name\":\"p\"");
	assert_true(session_is_over(w->p.session));
}

/* Or a small answer would hold others up for as long as a large one. */
static void compressing_counts_as_work(void **state)
{
	(void)state;
	static const char plain[] = "GET /v1/openapi.json HTTP/1.1\r\n" HOST "\r\n",
			  zipped[] = "GET /v1/openapi.json HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n";
	struct doorman a, b;
	assert_int_equal(doorman_open(&a), 0);
	assert_int_equal(doorman_open(&b), 0);
	doorman_play(&a, plain, sizeof plain - 1, SIZE_MAX);
	doorman_play(&b, zipped, sizeof zipped - 1, SIZE_MAX);
	assert_true(a.work > 30000 && a.said.len > a.work);
	assert_true(b.work > 4 * a.work && b.said.len < a.said.len / 3);
	doorman_close(&a);
	doorman_close(&b);
	buf_free(&a.said);
	buf_free(&b.said);
}

static void a_refused_connection_hears_why_between_answers_only(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	http_open(w);
	session_refuse(w->p.session, CANDOR_RESOURCE_EXHAUSTED, "max_connections reached; try again later");
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 503);
	assert_non_null(http_field(&a, "Retry-After"));
	assert_true(a.closes);
	http_answer_free(&a);
	/* What was asked is done, and not answered by something else. */
	http_open(w);
	get(w, "/v1/pools");
	session_refuse(w->p.session, CANDOR_RESOURCE_EXHAUSTED, "memory for connections is full");
	http_expect_silence(w);
	assert_true(session_is_over(w->p.session));
}

static void a_session_that_stops_answers_what_it_has_and_closes(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	http_open(w);
	http_push(w, "POST /v1/pools HTTP/1.1\r\n" HOST JSON "Content-Length: 12\r\n\r\n{\"pool\":\"q\"}"
		     "GET /v1/pools HTTP/1.1\r\n" HOST "\r\n");
	session_stop(w->p.session);
	fake_settle(&w->f);
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 200);
	assert_true(a.closes);
	http_answer_free(&a);
	http_expect_silence(w);
	assert_true(session_is_quiet(w->p.session));
}

static void a_failed_commit_is_unavailable(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	http_open(w);
	post(w, "/v1/pools", "{\"pool\":\"q\"}");
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, ERR_DISK_FULL);
	assert_true(http_take(w, false, &a));
	assert_int_equal(a.status, 503);
	assert_string_equal(http_field(&a, "Retry-After"), "1");
	assert_false(a.closes);
	http_answer_free(&a);
	get(w, "/v1/pools/p");
	http_expect(w, 200, NULL);
	engine_probe(w->f.engine);
	fake_settle(&w->f);
}

static void a_request_longer_than_a_frame_is_refused(void **state)
{
	struct peer_world *w = *state;
	w->limits.max_frame_bytes = 4096;
	http_open(w);
	http_push(w, "POST /v1/pools/p/items:close HTTP/1.1\r\n" HOST JSON "Transfer-Encoding: chunked\r\n\r\n"
		     "a\r\n{\"items\":[\r\n");
	for (int i = 0; i < 300 && !session_is_over(w->p.session); i++)
		http_push(w, "14\r\n\"0123456789abcdefg\",\r\n");
	http_expect(w, 413, "max_frame_bytes");
	assert_true(session_is_over(w->p.session));
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
		cmocka_unit_test_setup_teardown(a_strangers_long_body_is_not_read, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(each_request_may_be_somebody_elses, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_done_as_somebody_else_where_a_token_is_wrong, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_browser_gets_a_cookie_for_a_token, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(a_cookie_ends_with_its_time, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(head_is_get_without_the_body, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(http_1_0_is_closed_unless_it_asks_to_stay, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(a_body_is_waited_for_only_where_it_is_taken, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(long_answers_go_in_pieces_as_they_are_taken, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_come_in_time_is_told, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(what_came_before_the_end_is_answered, peer_set_up, peer_tear_down),
		cmocka_unit_test(compressing_counts_as_work),
		cmocka_unit_test_setup_teardown(a_refused_connection_hears_why_between_answers_only, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_session_that_stops_answers_what_it_has_and_closes, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_failed_commit_is_unavailable, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(a_request_longer_than_a_frame_is_refused, peer_set_up, peer_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
