/* HTTP cut into requests: what is taken, and what is refused so that no proxy reads it otherwise. Each text is read
 * whole, cut at each place in two, and byte by byte. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/http/parse.h"

#define HOST "Host: x\r\n"

/* What came of a text: a status, or 0 and how many requests, with their bodies behind each other. */
struct outcome {
	unsigned status;
	const char *sentence;
	unsigned heads, ends;
	struct buf body;
	char path[256], query[256];
	enum method method;
};

static void feed(struct parse *p, const char *text, size_t len, struct outcome *o)
{
	size_t at = 0, used, n;
	const uint8_t *piece;
	for (;;) {
		switch (parse_next(p, text + at, len - at, &used, &piece, &n)) {
		case PARSE_MORE: assert_int_equal(at + used, len); return;
		case PARSE_HEAD:
			o->heads++;
			o->method = parse_head(p)->method;
			snprintf(o->path, sizeof o->path, "%s", parse_head(p)->path);
			snprintf(o->query, sizeof o->query, "%s", parse_head(p)->query);
			break;
		case PARSE_BODY: assert_int_equal(buf_append(&o->body, piece, n), 0); break;
		case PARSE_END:
			o->ends++;
			parse_reset(p);
			break;
		case PARSE_FAULT: o->status = parse_fault(p, &o->sentence); return;
		}
		at += used;
	}
}

/* step 0: byte by byte; else cut there in two. */
static struct outcome read_cut(const char *text, size_t len, size_t step)
{
	struct parse *p;
	struct outcome o = {0};
	assert_int_equal(parse_new(&p), 0);
	for (size_t at = 0, n; at < len && o.status == 0; at += n) {
		n = step == 0 ? 1 : at == 0 && step < len ? step : len - at;
		/* In a block of just its size, so that a sanitizer sees whoever reads further. */
		char *copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, text + at, n);
		feed(p, copy, n, &o);
		free(copy);
	}
	parse_free(p);
	assert_int_equal(buf_append(&o.body, "", 1), 0);
	return o;
}

static void assert_text(const char *text, size_t len, unsigned status, unsigned ends, const char *body)
{
	for (size_t step = 0; step <= len; step += step < 300 ? 1 : 97) {
		struct outcome o = read_cut(text, len, step);
		if (o.status != status || (status == 0 && o.ends != ends) ||
		    (body && strcmp((char *)o.body.data, body) != 0)) {
			print_error("%u (%s), %u requests, body '%s', instead of %u, %u, '%s', cut at %zu, of:\n%s\n",
				    o.status, o.sentence ? o.sentence : "", o.ends, (char *)o.body.data, status, ends,
				    body ? body : "", step, text);
			fail();
		}
		buf_free(&o.body);
	}
}

static void refused(unsigned status, const char *text)
{
	assert_text(text, strlen(text), status, 0, NULL);
}

static void taken(unsigned ends, const char *body, const char *text)
{
	assert_text(text, strlen(text), 0, ends, body);
}

static void requests_follow_each_other(void **state)
{
	(void)state;
	taken(1, "", "GET / HTTP/1.1\r\n" HOST "\r\n");
	taken(1, "", "GET / HTTP/1.0\r\n\r\n");
	taken(2, "",
	      "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n\r\nDELETE /a HTTP/1.1\r\nHOST:x:80\r\nX: \t\xc3\xa4 \r\n\r\n");
	taken(2, "abcd",
	      "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\n" HOST
	      "content-length:1\r\n\r\nd");
	taken(1, "", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	taken(2, "abcdefghijklmnopq",
	      "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	      "3\r\nabc\r\nA\r\ndefghijklm\r\n4\r\nnopq\r\n0\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
	taken(1, "a",
	      "POST / HTTP/1.1\r\n" HOST
	      "Transfer-Encoding: Chunked\r\n\r\n0000000000000000000000000001\r\na\r\n00\r\n\r\n");
	/* Nobody must change to another protocol. */
	taken(1, "",
	      "GET / HTTP/1.1\r\n" HOST
	      "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
	taken(1, "ab",
	      "POST / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab");
	/* Not all of it has come. */
	taken(0, "", "GET / HTTP/1.1\r\n" HOST);
	taken(0, "ab", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab");
}

static void lengths_that_could_be_read_in_two_ways_are_refused(void **state)
{
	(void)state;
#define POST "POST / HTTP/1.1\r\n" HOST
	refused(400, POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	refused(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n");
	refused(400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
	refused(400, POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc");
	refused(400, POST "Content-Length: 3, 3\r\n\r\nabc");
	refused(400, POST "Content-Length: +3\r\n\r\nabc");
	refused(400, POST "Content-Length: -3\r\n\r\nabc");
	refused(400, POST "Content-Length: 0x3\r\n\r\nabc");
	refused(400, POST "Content-Length: 3 3\r\n\r\nabc");
	refused(400, POST "Content-Length: \r\n\r\nabc");
	refused(400, POST "Content-Length: 18446744073709551616\r\n\r\nabc");
	refused(400, POST "Content-Length: 9999999999999999999\r\n\r\nabc");
	refused(501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
	refused(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	refused(400, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n");
	refused(400, POST "Transfer-Encoding: identity\r\n\r\n");
	refused(400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n");
	refused(501, POST "Transfer-Encoding: \r\n\r\n0\r\n\r\n");
	refused(400, POST "Transfer-Encoding:\x0b"
			  "chunked\r\n\r\n0\r\n\r\n");
	refused(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

static void chunks_are_framed_strictly(void **state)
{
	(void)state;
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
	refused(400, CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "3;\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "3 \r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "3\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "3\rabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "3\r\nabc\n0\r\n\r\n");
	refused(400, CHUNKED "3\r\nabcd\r\n0\r\n\r\n");
	refused(400, CHUNKED "3\r\nabc0\r\n\r\n");
	refused(400, CHUNKED "0x3\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "-3\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED " 3\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "\r\nabc\r\n0\r\n\r\n");
	refused(400, CHUNKED "10000000000000000\r\nabc");
	refused(400, CHUNKED "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n");
	refused(400, CHUNKED "3\r\nabc\r\n0\r\nHost: y\r\n\r\n");
	refused(400, CHUNKED "3\r\nabc\r\n0\r\n\n");
	refused(400, CHUNKED "3\r\nabc\r\n0\n\n");
	refused(400, CHUNKED "3\r\nabc\r\n0\r\n\rX");
}

static void lines_are_read_in_one_way(void **state)
{
	(void)state;
	refused(400, "GET / HTTP/1.1\n" HOST "\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: x\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n A: b\r\n" HOST "\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A\t: b\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A\x80: b\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "A: b\x7f\r\n\r\n");
	static const char nul[] = "GET / HTTP/1.1\r\n" HOST "A: b\0c\r\n\r\n",
			  nul_in_path[] = "GET /\0 HTTP/1.1\r\n" HOST "\r\n";
	assert_text(nul, sizeof nul - 1, 400, 0, NULL);
	assert_text(nul_in_path, sizeof nul_in_path - 1, 400, 0, NULL);
	refused(400, "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "\x16\x03\x01\x02\x00");
}

static void the_request_line_has_a_known_form(void **state)
{
	(void)state;
	refused(501, "BREW / HTTP/1.1\r\n" HOST "\r\n");
	refused(501, "get / HTTP/1.1\r\n" HOST "\r\n");
	refused(501, "CONNECT x:80 HTTP/1.1\r\n" HOST "\r\n");
	refused(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	refused(505, "GET / HTTP/2.0\r\n" HOST "\r\n");
	refused(505, "GET / HTTP/1.2\r\n" HOST "\r\n");
	refused(505, "GET / HTTP/0.9\r\n" HOST "\r\n");
	refused(400, "GET /\r\n" HOST "\r\n");
	refused(400, "GET / http/1.1\r\n" HOST "\r\n");
	refused(400, "GET  / HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "GET /a b HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "GET / HTTP/1.1 \r\n" HOST "\r\n");
	refused(400, "GET /#a HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "GET http://x/ HTTP/1.1\r\n" HOST "\r\n");
	refused(400, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
	refused(417, "POST / HTTP/1.1\r\n" HOST "Expect: cake\r\nContent-Length: 1\r\n\r\na");
	struct outcome o = read_cut("PATCH /a%2Fb?c=d?e HTTP/1.1\r\n" HOST "\r\n", 40, 0);
	assert_int_equal(o.method, METHOD_PATCH);
	assert_string_equal(o.path, "/a%2Fb");
	assert_string_equal(o.query, "c=d?e");
	buf_free(&o.body);
}

static void the_host_is_named_once(void **state)
{
	(void)state;
	refused(400, "GET / HTTP/1.1\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "host: y\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: x@y\r\n\r\n");
	taken(1, "", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
	taken(1, "", "GET / HTTP/1.1\r\nHost:\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n" HOST "Authorization: a\r\nAuthorization: b\r\n\r\n");
}

static void repeat(struct buf *b, const char *text, size_t n)
{
	while (n-- > 0)
		assert_int_equal(buf_append(b, text, strlen(text)), 0);
}

/* before, then `text` so many times, then after. */
static void assert_flood(unsigned status, const char *before, const char *text, size_t n, const char *after)
{
	struct buf b = {0};
	repeat(&b, before, 1);
	repeat(&b, text, n);
	repeat(&b, after, 1);
	struct outcome o = read_cut((char *)b.data, b.len, b.len);
	assert_int_equal(o.status, status);
	assert_int_equal(o.ends, status == 0);
	buf_free(&o.body);
	o = read_cut((char *)b.data, b.len, 0);
	assert_int_equal(o.status, status);
	buf_free(&o.body);
	buf_free(&b);
}

static void heads_have_limits(void **state)
{
	(void)state;
	const size_t line = sizeof "GET / HTTP/1.1" - 1, field = sizeof "Host: x\r\nA: \r\n" - 1;
	assert_flood(0, "GET /", "a", PARSE_LINE_MAX - line, " HTTP/1.1\r\n" HOST "\r\n");
	assert_flood(414, "GET /", "a", PARSE_LINE_MAX - line + 1, " HTTP/1.1\r\n" HOST "\r\n");
	assert_flood(414, "GET /", "a", 1 << 20, "");
	assert_flood(0, "GET / HTTP/1.1\r\n" HOST "A: ", "a", PARSE_HEADERS_MAX - field - 2, "\r\n\r\n");
	assert_flood(431, "GET / HTTP/1.1\r\n" HOST "A: ", "a", PARSE_HEADERS_MAX - field, "\r\n\r\n");
	assert_flood(431, "GET / HTTP/1.1\r\n" HOST "A: ", "a", 1 << 20, "");
	assert_flood(0, "GET / HTTP/1.1\r\n" HOST, "A: a\r\n", PARSE_FIELDS_MAX - 1, "\r\n");
	assert_flood(431, "GET / HTTP/1.1\r\n" HOST, "A: a\r\n", PARSE_FIELDS_MAX, "\r\n");
}

static void fields_are_read_without_blanks_around_and_lists_joined(void **state)
{
	(void)state;
	static const char text[] =
		"GET / HTTP/1.0\r\naccept:  a \t\r\nACCEPT: b\r\nCookie: c=1\r\nAccept:c\r\nCookie: d=2\r\n"
		"User-Agent: me\r\nConnection: Keep-Alive\r\nAuthorization: Bearer x\r\n\r\n";
	struct parse *p;
	size_t used, n;
	const uint8_t *piece;
	assert_int_equal(parse_new(&p), 0);
	assert_int_equal(parse_next(p, text, sizeof text - 1, &used, &piece, &n), PARSE_HEAD);
	const struct head *h = parse_head(p);
	assert_string_equal(h->fields[FIELD_ACCEPT], "a, b, c");
	assert_string_equal(h->fields[FIELD_COOKIE], "c=1; d=2");
	assert_string_equal(h->fields[FIELD_USER_AGENT], "me");
	assert_string_equal(h->fields[FIELD_AUTHORIZATION], "Bearer x");
	assert_null(h->fields[FIELD_HOST]);
	assert_int_equal(h->minor, 0);
	assert_true(h->keeps_alive);
	assert_false(h->has_body);
	size_t full = parse_bytes(p);
	parse_reset(p);
	assert_true(parse_bytes(p) < full);
	parse_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_follow_each_other),
		cmocka_unit_test(lengths_that_could_be_read_in_two_ways_are_refused),
		cmocka_unit_test(chunks_are_framed_strictly),
		cmocka_unit_test(lines_are_read_in_one_way),
		cmocka_unit_test(the_request_line_has_a_known_form),
		cmocka_unit_test(the_host_is_named_once),
		cmocka_unit_test(heads_have_limits),
		cmocka_unit_test(fields_are_read_without_blanks_around_and_lists_joined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
