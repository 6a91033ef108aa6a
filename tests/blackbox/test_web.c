/* The same question by the protocol and over HTTP has the same answer, to the last byte of its JSON: every request, asked
 * of two daemons that have heard the same before. */
#include <stdlib.h>

#include "daemon/http/routes.h"
#include "lib/wire/json.h"
#include "lib/wire/wire.h"
#include "tests/lib/calls.h"
#include "tests/lib/daemon.h"
#include "tests/lib/rights_table.h"
#include "tests/lib/web.h"

#include "tests/lib/unit.h"

struct pair {
	struct daemon one, two;
	struct candor *by_protocol, *other; /* of each */
	struct web over_http;
};

static int set_up(void **state)
{
	static struct pair p;
	p = (struct pair){.over_http = {.fd = -1}};
	daemon_init(&p.one);
	daemon_init(&p.two);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;
	web_close(&p->over_http);
	int one = daemon_end(&p->one), two = daemon_end(&p->two);
	return one || two;
}

static void start(struct pair *p)
{
	char web[DAEMON_PATH_MAX + 16];
	snprintf(web, sizeof web, "http+unix:%s/web", p->two.dir);
	daemon_start(&p->one, NULL);
	daemon_start(&p->two, (const char *const[]){"--listen", web, NULL});
	p->by_protocol = daemon_connect(&p->one);
	p->other = daemon_connect(&p->two);
	web_open(&p->over_http, web + strlen("http+"), &(struct web_options){.token = NULL});
}

/* Both hear the same. */
static void tell(struct pair *p, struct candor_request r)
{
	call_ok(p->by_protocol, r);
	call_ok(p->other, r);
}

static void tell_of_report(struct pair *p, const char *item, const char *labeler, double value)
{
	const struct candor_report row = {item, labeler, value};
	tell(p, (struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
}

static void fill(struct pair *p)
{
	static const char *const pools[] = {"p", "q"};
	for (size_t i = 0; i < 2; i++)
		tell(p, (struct candor_request){.type = CANDOR_REQ_CREATE_POOL, .pool = pools[i]});
	for (int i = 0; i < 40; i++) {
		char item[32];
		snprintf(item, sizeof item, "item/%d", i);
		tell_of_report(p, item, "plat-a", 1.0 / (i + 3));
		tell_of_report(p, item, "\xF0\x9F\x98\x80 \"%\"", 0.1 * (i % 11));
		const struct candor_outcome outcome = {item, i % 3 / 2.0};
		if (i % 2)
			tell(p, (struct candor_request){
					.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &outcome});
	}
	const struct candor_outcome outcome = {"settled", 1};
	tell_of_report(p, "settled", "plat-a", 0.9);
	tell_of_report(p, "settled", "other", 0.2);
	tell(p, (struct candor_request){.type = CANDOR_REQ_RESOLVE_ITEMS, .pool = "p", .n = 1, .outcomes = &outcome});
	tell_of_report(p, "open", "plat-a", 0.75);
}

/* What a request is about is there. */
static void prepare(struct pair *p, const struct cell *c)
{
	const enum candor_request_type type = c->request.type;
	if (type == CANDOR_REQ_CLOSE_ITEMS || type == CANDOR_REQ_RESOLVE_ITEMS || type == CANDOR_REQ_VOID_ITEMS)
		tell_of_report(p, c->name, "plat-a", 0.25);
	if (type == CANDOR_REQ_REMOVE_GRANT)
		tell(p, (struct candor_request){.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &c->grant});
	if (type == CANDOR_REQ_REVOKE_TOKEN)
		tell(p, (struct candor_request){.type = CANDOR_REQ_CREATE_TOKEN, .name = c->name});
}

/* ---- what they say ---- */

/* What is particular to a daemon, its clock, its chance and its way of being asked is made 0. */
static char *plain(const char *json)
{
	static const char *const particular[] = {"uptime_ms",     "started_at",   "created_at",     "opened_at",
						 "closed_at",     "ended_at",     "revoked_at",     "at",
						 "head",          "hash",         "salt",           "secret",
						 "database",      "by",           "connections",    "database_bytes",
						 "commits",       "wal_bytes",    "recent_commits", "commit_p50_us",
						 "commit_p99_us", "memory_bytes", "resident_bytes", "loop_turns",
						 "loop_p50_us",   "loop_p99_us",  "loop_max_us",    "why"};
	char *out = malloc(strlen(json) + 1), *to = out, key[40];
	assert_non_null(out);
	while (*json) {
		*to++ = *json++;
		if (to - out < 2 || to[-1] != ':' || to[-2] != '"')
			continue;
		size_t len = 0;
		for (const char *at = to - 3; at >= out && *at != '"'; at--)
			len++;
		snprintf(key, sizeof key, "%.*s", (int)len, to - 2 - len);
		for (size_t i = 0; i < sizeof particular / sizeof *particular; i++) {
			if (strcmp(key, particular[i]) != 0)
				continue;
			json += *json == '"' ? 1 + strcspn(json + 1, "\"") + 1 : strspn(json, "0123456789");
			*to++ = '0';
			break;
		}
	}
	*to = '\0';
	return out;
}

static char *document_of(const struct candor_response *r)
{
	struct arena arena;
	struct buf out = {0};
	struct json_out j = {.out = &out};
	const ProtobufCMessage *body;
	arena_init(&arena, 1 << 24);
	assert_int_equal(json_body(r, &arena, &body), 0);
	json_out_message(&j, body);
	assert_int_equal(j.err, 0);
	assert_int_equal(buf_append(&out, "\n", 2), 0);
	arena_free(&arena);
	return (char *)out.data;
}

static void ask_both(struct pair *p, const struct candor_request *r, bool answered[])
{
	const struct candor_response *one = call_any(p->by_protocol, *r), *two = web_call(&p->over_http, r);
	assert_non_null(two);
	assert_int_equal(one->code, two->code);
	if (one->code) {
		assert_string_equal(one->message, two->message);
		return;
	}
	char *whole = document_of(one), *want = plain(whole), *got = plain(p->over_http.document);
	if (strcmp(want, got) != 0)
		print_error("%s:\n", candor_request_name(r->type));
	assert_string_equal(got, want);
	answered[one->type] = true;
	free(whole);
	free(want);
	free(got);
}

static void every_answer_has_the_same_bytes_over_http(void **state)
{
	struct pair *p = *state;
	bool answered[CANDOR_RES_TYPES] = {[CANDOR_RES_NONE] = true, [CANDOR_RES_WELCOME] = true};
	start(p);
	fill(p);
	for (unsigned i = 0; i < rights_n_rows; i++) {
		struct cell c = {.number = i, .pool = "p"};
		snprintf(c.name, sizeof c.name, "name %% /%u", i);
		if (strcmp(rights_rows[i].what, "create_token") == 0 ||
		    strcmp(rights_rows[i].what, "revoke_token") == 0)
			snprintf(c.name, sizeof c.name, "name-%u", i);
		rights_rows[i].make(&c);
		if (routes_socket_only(c.request.type))
			continue;
		prepare(p, &c);
		ask_both(p, &c.request, answered);
		/* And once more: a repeat, or a refusal. */
		ask_both(p, &c.request, answered);
	}
	for (size_t i = 0; i < CANDOR_RES_TYPES; i++)
		if (!answered[i])
			fail_msg("no request of this test has an answer of type %zu", i);
}

/* Pages end where they end, and go on where they go on. */
static void lists_have_the_same_pages_over_http(void **state)
{
	static const struct candor_request lists[] = {
		{.type = CANDOR_REQ_LIST_POOLS, .limit = 1},
		{.type = CANDOR_REQ_LIST_ITEMS, .pool = "p", .limit = 7},
		{.type = CANDOR_REQ_LIST_CHANGES, .pool = "p", .limit = 7},
		{.type = CANDOR_REQ_LIST_LABELERS, .pool = "p", .limit = 1, .sort = CANDOR_BY_REGRET},
		{.type = CANDOR_REQ_GET_LABELER, .pool = "p", .labeler = "plat-a", .history = true, .limit = 4},
		{.type = CANDOR_REQ_LIST_EVENTS, .limit = 9},
	};
	struct pair *p = *state;
	bool answered[CANDOR_RES_TYPES];
	start(p);
	fill(p);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char cursor[CANDOR_NAME_MAX + 1] = "";
		size_t pages = 0;
		do {
			struct candor_request r = lists[i];
			r.cursor = cursor;
			ask_both(p, &r, answered);
			const struct candor_response *answer = &p->over_http.answer;
			bool is_over = answer->n < r.limit && r.type != CANDOR_REQ_GET_LABELER;
			snprintf(cursor, sizeof cursor, "%s", is_over ? "" : answer->next);
			assert_true(++pages < 100);
		} while (*cursor);
		assert_true(pages > 1);
	}
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(every_answer_has_the_same_bytes_over_http),
		PAIR(lists_have_the_same_pages_over_http),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
