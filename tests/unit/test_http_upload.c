/* Rows in lines, of any number, posted in one request: what is counted, told and recorded. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/http.h"

#define HEAD "POST /v1/pools/p/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"

static void begin(struct peer_world *w)
{
	http_push(w, HEAD "Transfer-Encoding: chunked\r\n\r\n");
}

static void push_chunk(struct peer_world *w, const char *text, size_t len)
{
	struct buf b = {0};
	assert_int_equal(buf_printf(&b, "%zx\r\n", len), 0);
	assert_int_equal(buf_append(&b, text, len), 0);
	assert_int_equal(buf_append(&b, "\r\n", 2), 0);
	peer_push(&w->p, b.data, b.len);
	buf_free(&b);
}

static void push_values(struct peer_world *w, size_t from, size_t to, double value)
{
	struct buf b = {0};
	for (size_t i = from; i < to; i++)
		assert_int_equal(buf_printf(&b, "{\"item\":\"i%zu\",\"labeler\":\"l\",\"value\":%g}\n", i, value), 0);
	push_chunk(w, (char *)b.data, b.len);
	buf_free(&b);
}

static void push_lines(struct peer_world *w, size_t from, size_t to)
{
	push_values(w, from, to, 0.5);
}

static void end(struct peer_world *w)
{
	http_push(w, "0\r\n\r\n");
}

static void each_line_is_a_row_wherever_it_is_cut(void **state)
{
	struct peer_world *w = *state;
	static const char text[] = "{\"item\":\"a\",\"labeler\":\"l\",\"value\":0.5}\r\n"
				   "\n"
				   " {\"item\":\"b\",\"labeler\":\"l\",\"value\":2}\n"
				   "{\"item\":\"c\",\"labler\":\"l\",\"value\":1}\n"
				   "not JSON\n"
				   "{\"item\":\"d\",\"labeler\":\"l\",\"value\":1}";
	for (size_t at = 0; at < sizeof text - 1; at += 3) {
		http_open(w);
		begin(w);
		if (at > 0)
			push_chunk(w, text, at);
		push_chunk(w, text + at, sizeof text - 1 - at);
		end(w);
		fake_settle(&w->f);
		http_expect(
			w, 200,
			"\"rejected\":[{\"index\":1,\"line\":3,\"code\":\"invalid-argument\",\"message\":\"value is out of range; it "
			"must be from 0 to 1\"},{\"index\":2,\"line\":4,\"code\":\"invalid-argument\",\"message\":\"labler: unknown "
			"field; did you mean labeler?\"},{\"index\":3,\"line\":5,\"code\":\"invalid-argument\"");
		assert_true(session_wants_bytes(w->p.session));
	}
}

static void many_lines_are_counted_and_little_is_kept(void **state)
{
	struct peer_world *w = *state;
	enum { PIECES = 100, LINES = 1000, TEXT_BYTES = PIECES * LINES * 48 };
	http_open(w);
	begin(w);
	size_t most = 0;
	for (size_t i = 0; i < PIECES; i++) {
		for (int tries = 0; !session_wants_bytes(w->p.session) && tries < 100; tries++) {
			fake_settle(&w->f);
			peer_resume(&w->p);
		}
		assert_true(session_wants_bytes(w->p.session));
		push_lines(w, i * LINES, (i + 1) * LINES);
		most = session_bytes(w->p.session) > most ? session_bytes(w->p.session) : most;
	}
	end(w);
	for (int tries = 0; !session_is_quiet(w->p.session) && tries < 100; tries++) {
		fake_settle(&w->f);
		peer_resume(&w->p);
	}
	http_expect(w, 200, "{\"accepted\":100000,\"duplicates\":0,\"revised\":0,\"rejected\":[]}\n");
	assert_true(most < TEXT_BYTES * 2 / 3);
}

static void a_thousand_rejected_lines_are_told_and_further_ones_counted(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	begin(w);
	for (int i = 0; i < 3; i++) {
		struct buf b = {0};
		for (int k = 0; k < 500; k++)
			assert_int_equal(buf_printf(&b, k % 2 ? "{}\n" : "[\n"), 0);
		push_chunk(w, (char *)b.data, b.len);
		buf_free(&b);
		fake_settle(&w->f);
	}
	end(w);
	fake_settle(&w->f);
	http_expect(w, 200, "],\"rejected_omitted\":500}");
}

/* What is under way is as much as may be, just when the body's last byte has come. */
static void a_body_that_ends_when_no_more_may_be_under_way_is_answered(void **state)
{
	struct peer_world *w = *state;
	enum { LINES_MAX = 11000, STEP = 512 };
	for (size_t lines = 16 * STEP; lines <= LINES_MAX; lines += lines % STEP ? STEP - 1 : 1) {
		char want[64];
		struct buf b = {0};
		http_open(w);
		assert_int_equal(buf_printf(&b, HEAD "Content-Length: %zu\r\n\r\n", 3 * lines), 0);
		for (size_t i = 0; i < lines; i++)
			assert_int_equal(buf_append(&b, "{}\n", 3), 0);
		peer_push(&w->p, b.data, b.len);
		for (int tries = 0; !session_is_quiet(w->p.session) && tries < 100; tries++) {
			fake_settle(&w->f);
			peer_resume(&w->p);
		}
		snprintf(want, sizeof want, "],\"rejected_omitted\":%zu}", lines - 1000);
		http_expect(w, 200, want);
		buf_free(&b);
	}
}

static void a_refused_request_ends_it_and_says_what_is_recorded(void **state)
{
	struct peer_world *w = *state;
	http_open(w);
	http_push(w, "POST /v1/pools/nowhere/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
		     "Content-Length: 40\r\n\r\n{\"item\":\"a\",\"labeler\":\"l\",\"value\":0.50}\n");
	fake_settle(&w->f);
	http_expect(w, 404, "\"lines_recorded\":0,\"accepted\":0");

	/* The disk is full when the second commit comes. */
	begin(w);
	push_lines(w, 0, 512);
	fake_settle(&w->f);
	push_values(w, 0, 512, 0.25);
	assert_true(fake_tick(&w->f));
	fake_commit(&w->f, ERR_DISK_FULL);
	http_expect(w, 503,
		    "; lines 1 to 512 were recorded: repeat from line 513\",\"lines_recorded\":512,\"accepted\":512,");
	assert_true(session_is_over(w->p.session));
}

static void what_is_recorded_is_told_whoever_breaks_off(void **state)
{
	struct peer_world *w = *state;
	for (int how = 0; how < 3; how++) {
		http_open(w);
		begin(w);
		push_lines(w, 0, 600);
		if (how == 0)
			session_stop(w->p.session);
		else if (how == 1)
			session_finish(w->p.session, false);
		else
			http_push(w, "no length\r\n");
		fake_settle(&w->f);
		http_expect(w, how == 0 ? 503 : how == 1 ? 408 : 400, "were recorded: repeat from line ");
		http_expect_silence(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_line_is_a_row_wherever_it_is_cut, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(many_lines_are_counted_and_little_is_kept, peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(a_thousand_rejected_lines_are_told_and_further_ones_counted,
						peer_set_up, peer_tear_down),
		cmocka_unit_test_setup_teardown(a_body_that_ends_when_no_more_may_be_under_way_is_answered, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(a_refused_request_ends_it_and_says_what_is_recorded, peer_set_up,
						peer_tear_down),
		cmocka_unit_test_setup_teardown(what_is_recorded_is_told_whoever_breaks_off, peer_set_up,
						peer_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
