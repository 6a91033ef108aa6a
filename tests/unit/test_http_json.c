/* HTTP and the socket say the same: two daemons that live through the same, one asked over each, answer every kind of
 * request with the same JSON, to the last byte. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "daemon/http/routes.h"
#include "lib/wire/json.h"
#include "lib/wire/wire.h"
#include "tests/lib/http.h"
#include "tests/lib/talk.h"
#include "tests/lib/web_request.h"

struct worlds {
	struct peer_world *socket, *web;
	uint64_t id;
	bool asked[CANDOR_REQ_TYPES], answered[CANDOR_RES_TYPES]; /* over both, with OK */
};

static int set_up(void **state)
{
	struct worlds *b = calloc(1, sizeof *b);
	void *world;
	assert_non_null(b);
	peer_set_up(&world);
	b->socket = world;
	peer_set_up(&world);
	b->web = world;
	http_open(b->web);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct worlds *b = *state;
	void *worlds[] = {b->socket, b->web};
	int err = peer_tear_down(&worlds[0]);
	err |= peer_tear_down(&worlds[1]);
	free(b);
	return err;
}

/* ---- asking both ---- */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* What is chance in both of them, a salt, a hash or a secret, becomes '#'; figures of memory and time as well, where
 * `figures` are not to be looked at. The lengths stay. */
static void hide_chance(char *text, bool figures)
{
	enum { LONG = 32 };
	static const char secret[] = "\"secret\":\"";
	char *at = strstr(text, secret);
	for (at = at ? at + sizeof secret - 1 : NULL; at && *at != '"'; at++)
		*at = '#';
	for (at = text; *at;) {
		size_t n = 0;
		while (is_hex(at[n]))
			n++;
		if (n >= LONG)
			memset(at, '#', n);
		at += n ? n : 1;
	}
	for (char *from = text, *to = text; figures; from++) {
		bool is_digit = *from >= '0' && *from <= '9';
		if (!is_digit || to == text || to[-1] != '#')
			*to++ = is_digit ? '#' : *from;
		if (!*from)
			break;
	}
}

static char *text_of(struct buf *b)
{
	assert_int_equal(buf_append(b, "", 1), 0);
	return (char *)b->data;
}

static void assert_same_text(struct buf *socket, struct buf *web, bool figures)
{
	char *a = text_of(socket), *b = text_of(web);
	assert_int_equal(strlen(b), web->len - 1);
	hide_chance(a, figures);
	hide_chance(b, figures);
	assert_string_equal(a, b);
}

/* What the socket's answer is as JSON, or its rows, each on a line. */
static void put_answer(const struct candor_response *r, bool rows, struct buf *out)
{
	struct arena arena;
	const ProtobufCMessage *body;
	const ProtobufCMessage *const *each = &body;
	arena_init(&arena, 1 << 24);
	assert_int_equal(json_body(r, &arena, &body), 0);
	size_t n = rows ? json_rows(body, &each) : 1;
	for (size_t i = 0; i < n; i++) {
		struct json_out j = {.out = out};
		json_out_message(&j, each[i]);
		assert_int_equal(j.err, 0);
		assert_int_equal(buf_append(out, "\n", 1), 0);
	}
	arena_free(&arena);
}

static void ask_socket(struct worlds *b, struct candor_request r, struct candor_response *out)
{
	r.id = ++b->id;
	peer_send(&b->socket->p, &r);
	fake_settle(&b->socket->f);
	assert_int_equal(peer_receive(&b->socket->p, out), 1);
	assert_true(out->id == r.id);
}

static void ask_web(struct worlds *b, const struct web_request *q, const char *headers, struct http_answer *out)
{
	if (q->body)
		http_push(
			b->web,
			"%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			q->method, q->target, headers, strlen(q->body), q->body);
	else
		http_push(b->web, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", q->method, q->target, headers);
	fake_settle(&b->web->f);
	assert_true(http_take(b->web, false, out));
}

static bool is_list(const struct web_request *q)
{
	struct route_match m;
	char *path = strndup(q->target, strcspn(q->target, "?"));
	assert_non_null(path);
	assert_int_equal(routes_find(q->method, path, &m), 0);
	bool lists = m.route->gives == ROUTE_GIVES_LIST || m.route->gives == ROUTE_GIVES_STREAM;
	free(path);
	return lists;
}

/* Asks both, and returns the socket's answer. */
static struct candor_response ask_both(struct worlds *b, struct candor_request r)
{
	struct web_request q;
	struct candor_response said;
	struct http_answer a;
	struct buf want = {0}, body = {0};
	web_request_make(&q, &r);
	ask_socket(b, r, &said);
	ask_web(b, &q, "", &a);
	if (said.code != CANDOR_OK || a.status != 200)
		print_error("%s %s: %s; %s\n", q.method, q.target, said.message, (char *)a.body.data);
	assert_int_equal(said.code, CANDOR_OK);
	assert_int_equal(a.status, 200);
	assert_string_equal(http_field(&a, "Content-Type"), "application/json");
	put_answer(&said, false, &want);
	assert_int_equal(buf_append(&body, a.body.data, a.body.len), 0);
	assert_same_text(&want, &body, r.type == CANDOR_REQ_INFO);
	http_answer_free(&a);
	if (is_list(&q)) {
		/* Its rows. The socket is asked again as well, so that the two have done the same. */
		ask_socket(b, r, &said);
		ask_web(b, &q, "Accept: application/x-ndjson\r\n", &a);
		assert_int_equal(a.status, 200);
		assert_string_equal(http_field(&a, "Content-Type"), "application/x-ndjson");
		const char *next = http_field(&a, "Candor-Next");
		assert_string_equal(next ? next : "", said.next);
		want.len = body.len = 0;
		put_answer(&said, true, &want);
		assert_int_equal(buf_append(&body, a.body.data, a.body.len), 0);
		assert_same_text(&want, &body, false);
		http_answer_free(&a);
	}
	b->asked[r.type] = b->answered[said.type] = true;
	buf_free(&want);
	buf_free(&body);
	web_request_free(&q);
	return said;
}

/* ---- a campaign ---- */

#define ODD "b/\xc3\xbc %\xf0\x9f\x90\xa6" /* a name that a path has to escape */

static const struct candor_report reports[] = {
	{"a", "ann", 0.9}, {"a", "bob", 0.1},  {ODD, "ann", 1.0 / 3}, {ODD, "bob", 0.7, 9},    {"c", "ann", 0.5},
	{"d", "bob", 1},   {"e", "ann", 0.25}, {"f", "ann", 2},       {"g", "\"x\"\t", 0.125},
};
static const struct candor_outcome outcomes[] = {{"a", 1}, {ODD, 0.125}, {"nowhere", 1}};
static const char *const closed[] = {"c"}, *const voided[] = {"d", "e"}, *const queried[] = {"a", ODD, "c",
											     "d", "e", "unknown"};

static void change_pools(struct worlds *b)
{
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = ODD});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_UPDATE_POOL, .pool = ODD, .settings = {.c = 0.1}});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = ODD, .n = 9, .reports = reports});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_CLOSE_ITEMS, .pool = ODD, .n = 1, .items = closed});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_VOID_ITEMS, .pool = ODD, .n = 2, .items = voided});
	ask_both(b,
		 (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = ODD, .n = 3, .outcomes = outcomes});
	ask_both(b,
		 (struct candor_request){.type = CANDOR_REQ_RECHECK_ITEMS, .pool = ODD, .n = 3, .outcomes = outcomes});
}

static void read_pools(struct worlds *b)
{
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_INFO});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_INFO, .commit = true});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_POOLS});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_POOLS, .limit = 1});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_GET_POOL, .pool = ODD});
	for (int with_reports = 0; with_reports < 2; with_reports++)
		ask_both(b, (struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS,
						    .pool = ODD,
						    .n = 6,
						    .items = queried,
						    .with_reports = with_reports});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_QUERY_ITEMS,
					    .pool = ODD,
					    .n = 2,
					    .items = queried,
					    .with_reports = true,
					    .reports_limit = 1});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = ODD});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_ITEMS, .pool = ODD, .limit = 1});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_CHANGES, .pool = ODD});
	for (int sort = CANDOR_BY_WEIGHT; sort <= CANDOR_BY_NAME; sort++)
		ask_both(b, (struct candor_request){
				    .type = CANDOR_REQ_LIST_LABELERS, .pool = ODD, .sort = (enum candor_sort)sort});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_GET_LABELER, .pool = ODD, .labeler = "bob"});
	ask_both(b, (struct candor_request){
			    .type = CANDOR_REQ_GET_LABELER, .pool = ODD, .labeler = "bob", .history = true});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_EVENTS});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_EVENTS, .pool = ODD, .limit = 2});
}

static void change_rights(struct worlds *b)
{
	const struct candor_grant grant = {"uid:7", ODD, "pl/", CANDOR_RIGHT_REPORT},
				  own = {"", ODD, "", CANDOR_RIGHT_READ | CANDOR_RIGHT_OUTCOME};
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .pool = ODD, .n = 1, .grants = &grant});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN,
					    .name = "t+",
					    .expires_at = CANDOR_TIME_MAX,
					    .n = 1,
					    .grants = &own});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_GRANTS, .pool = ODD});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_LIST_TOKENS});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_REVOKE_TOKEN, .name = "t+"});
	ask_both(b, (struct candor_request){.type = CANDOR_REQ_REMOVE_GRANT, .pool = ODD, .n = 1, .grants = &grant});
}

static void every_answer_is_the_same_over_both(void **state)
{
	struct worlds *b = *state;
	change_pools(b);
	change_rights(b);
	read_pools(b);
	for (unsigned type = CANDOR_REQ_HELLO; type < CANDOR_REQ_TYPES; type++) {
		bool has_route = routes_socket_only((enum candor_request_type)type) == NULL;
		if (has_route && !b->asked[type])
			print_error("%s was not asked\n", candor_request_name((enum candor_request_type)type));
		assert_true(!has_route || b->asked[type]);
	}
	for (unsigned type = CANDOR_RES_NONE + 1; type < CANDOR_RES_TYPES; type++)
		assert_true(type == CANDOR_RES_WELCOME || b->answered[type]);
}

/* ---- what differs ---- */

static void an_item_by_its_path_is_its_row(void **state)
{
	struct worlds *b = *state;
	change_pools(b);
	for (size_t i = 0; i < 5; i++) {
		const struct candor_request r = {.type = CANDOR_REQ_QUERY_ITEMS,
						 .pool = ODD,
						 .n = 1,
						 .items = queried + i,
						 .with_reports = true};
		struct candor_response said;
		struct http_answer a;
		struct buf want = {0}, body = {0}, target = {0};
		ask_socket(b, r, &said);
		put_answer(&said, true, &want);
		assert_int_equal(buf_printf(&target,
					    "/v1/pools/b%%2F%%c3%%bc%%20%%25%%F0%%9F%%90%%A6/items/%s?reports=1",
					    i == 1 ? "b%2f%C3%BC%20%25%F0%9F%90%A6" : queried[i]),
				 0);
		struct web_request q = {.method = "GET", .target = text_of(&target)};
		ask_web(b, &q, "", &a);
		assert_int_equal(a.status, 200);
		assert_int_equal(buf_append(&body, a.body.data, a.body.len), 0);
		assert_same_text(&want, &body, false);
		http_answer_free(&a);
		buf_free(&want);
		buf_free(&body);
		buf_free(&target);
	}
}

static void a_refusal_says_the_same_sentence(void **state)
{
	struct worlds *b = *state;
	const struct candor_request cases[] = {
		{.type = CANDOR_REQ_GET_POOL, .pool = "nowhere"},
		{.type = CANDOR_REQ_CREATE_POOL, .pool = "p"},
		{.type = CANDOR_REQ_CREATE_POOL, .pool = "q", .settings = {.rate = CANDOR_FIXED}},
		{.type = CANDOR_REQ_LIST_POOLS, .cursor = "garbage"},
		{.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "nobody"},
		{.type = CANDOR_REQ_REVOKE_TOKEN, .name = "none"},
		{.type = CANDOR_REQ_POST_REPORTS, .pool = "nowhere", .n = 1, .reports = reports},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct web_request q;
		struct candor_response said;
		struct http_answer a;
		struct buf want = {0};
		struct json_out j = {.out = &want};
		ask_socket(b, cases[i], &said);
		assert_int_not_equal(said.code, CANDOR_OK);
		json_out_key(&j, "detail");
		json_out_text(&j, said.message);
		web_request_make(&q, &cases[i]);
		ask_web(b, &q, "", &a);
		assert_true(a.status >= 400);
		assert_non_null(strstr((const char *)a.body.data, text_of(&want)));
		assert_non_null(strstr((const char *)a.body.data, candor_code_name(said.code)));
		http_answer_free(&a);
		web_request_free(&q);
		buf_free(&want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_answer_is_the_same_over_both, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_item_by_its_path_is_its_row, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refusal_says_the_same_sentence, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
