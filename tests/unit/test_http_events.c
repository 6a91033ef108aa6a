/* What happens to items as server-sent events: from where on, in which order, for how long. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/http.h"

static void open_stream(struct peer_world *w, const char *query, const char *fields)
{
	http_push(w, "GET /v1/pools/p/changes%s HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n%s\r\n", query,
		  fields);
}

/* All that the stream has said since, without its chunks; NUL-terminated. */
static void take_text(struct peer_world *w, struct buf *out)
{
	struct frame *input = &w->p.input;
	for (int i = 0; i < 5; i++) {
		fake_settle(&w->f);
		engine_go_on(w->f.engine);
		peer_take(&w->p);
	}
	const char *at = (const char *)input->bytes.data + input->start, *end = at + frame_pending(input);
	const char *head = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
	if (head && memcmp(at, "HTTP/1.1 ", 9) == 0)
		at = head + 4;
	out->len = 0;
	while (at < end) {
		char *text;
		size_t n = strtoull(at, &text, 16);
		require(text + 2 + n + 2 <= end && memcmp(text, "\r\n", 2) == 0);
		require(buf_append(out, text + 2, n) == 0);
		at = text + 2 + n + 2;
	}
	input->start = input->bytes.len;
	require(buf_append(out, "", 1) == 0);
}

/* The text has these pieces, in this order. */
static void assert_order(const struct buf *text, const char *const *pieces)
{
	const char *at = (const char *)text->data;
	for (; *pieces; pieces++) {
		const char *found = strstr(at, *pieces);
		if (!found) {
			print_error("'%s' is missing in:\n%s\n", *pieces, (const char *)text->data);
			fail();
		}
		at = found + strlen(*pieces);
	}
}

static void id_of(const struct buf *text, unsigned which, char id[300])
{
	const char *at = (const char *)text->data;
	for (unsigned i = 0; i <= which; i++) {
		at = strstr(at, "id: ");
		assert_non_null(at);
		at += 4;
	}
	snprintf(id, 300, "%.*s", (int)strcspn(at, "\n"), at);
}

static void each_change_is_an_event_and_the_stream_goes_on(void **state)
{
	struct peer_world *w = *state;
	struct buf text = {0};
	char first[300], fields[340];
	http_open(w);
	assert_int_equal(fake_post(&w->f, "p", "a", "l", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(&w->f, "p", "a", 1), CANDOR_OK);
	open_stream(w, "", "");
	take_text(w, &text);
	assert_order(&text, (const char *const[]){
				    "id: ", "\nevent: closed\ndata: {\"item\":\"a\",\"state\":\"closed\",", "}\n\nid: ",
				    "\nevent: resolved\ndata: {\"item\":\"a\",\"state\":\"resolved\",", "}\n\n", NULL});
	id_of(&text, 0, first);
	assert_false(session_is_quiet(w->p.session));
	take_text(w, &text);
	assert_int_equal(text.len, 1);

	/* What happens later comes by itself. */
	assert_int_equal(fake_post(&w->f, "p", "b", "l", 0.5), CANDOR_OK);
	assert_int_equal(fake_void(&w->f, "p", "b"), CANDOR_OK);
	take_text(w, &text);
	assert_order(&text, (const char *const[]){"event: void\ndata: {\"item\":\"b\",\"state\":\"void\"", NULL});
	assert_null(strstr((char *)text.data, "\"a\""));

	/* Nothing for long is told as well. */
	w->f.now_ms += 16 * 1000;
	take_text(w, &text);
	assert_string_equal((char *)text.data, ":\n\n");

	/* Another one goes on behind the first event. */
	http_open(w);
	snprintf(fields, sizeof fields, "Last-Event-ID: %s\r\n", first);
	open_stream(w, "", fields);
	take_text(w, &text);
	assert_order(&text, (const char *const[]){"event: resolved", "event: void", NULL});
	assert_null(strstr((char *)text.data, "event: closed"));
	http_open(w);
	snprintf(fields, sizeof fields, "?cursor=%s", first);
	open_stream(w, fields, "");
	take_text(w, &text);
	assert_order(&text, (const char *const[]){"event: resolved", "event: void", NULL});
	assert_null(strstr((char *)text.data, "event: closed"));
	buf_free(&text);
}

static void a_stream_ends_when_its_client_leaves_or_the_daemon_stops(void **state)
{
	struct peer_world *w = *state;
	struct http_answer a;
	for (int stops = 0; stops < 2; stops++) {
		http_open(w);
		open_stream(w, "", "");
		fake_settle(&w->f);
		if (stops)
			session_stop(w->p.session);
		else
			session_finish(w->p.session, true);
		fake_settle(&w->f);
		engine_go_on(w->f.engine);
		assert_true(http_take(w, false, &a));
		assert_int_equal(a.status, 200);
		assert_string_equal(http_field(&a, "Content-Type"), "text/event-stream");
		http_answer_free(&a);
		assert_true(session_is_quiet(w->p.session));
		assert_true(stops || session_is_over(w->p.session));
	}
}

static void a_stream_that_cannot_begin_is_a_problem(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	open_stream(w, "?cursor=nonsense", "");
	fake_settle(&w->f);
	http_expect(w, 400, "cursor");
	http_push(w, "GET /v1/pools/q/changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
	fake_settle(&w->f);
	http_expect(w, 404, "pool 'q' does not exist");
	http_push(w, "GET /v1/pools/p/changes HTTP/1.1\r\nHost: x\r\n\r\n");
	fake_settle(&w->f);
	http_expect(w, 200, "{\"items\":[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_change_is_an_event_and_the_stream_goes_on, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_stream_ends_when_its_client_leaves_or_the_daemon_stops, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_stream_that_cannot_begin_is_a_problem, peer_set_up, peer_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
