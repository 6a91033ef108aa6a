/* Which request a method and a path ask for: every route, names of every kind, and what is no path. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "lib/base/text.h"
#include "lib/wire/json.h"
#include "lib/wire/wire.h"
#include "tests/lib/asked.h"
#include "tests/lib/seed.h"

static void assert_asked(const char *method, const char *path, const char *want)
{
	char *got = asked(method, path, "");
	if (strcmp(got, want) != 0)
		print_error("%s %s:\n", method, path);
	assert_string_equal(got, want);
	free(got);
}

/* Only its beginning. */
static void assert_refused(const char *method, const char *path, const char *want)
{
	char *got = asked(method, path, "");
	if (strncmp(got, want, strlen(want)) != 0)
		print_error("%s %s:\n", method, path);
	got[strlen(got) < strlen(want) ? strlen(got) : strlen(want)] = '\0';
	assert_string_equal(got, want);
	free(got);
}

static void every_kind_of_request_has_a_route_or_a_reason(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	(void)state;
	for (int kind = 1; kind < CANDOR_REQ_COUNT; kind++) {
		size_t found = 0;
		for (size_t i = 0; i < n; i++)
			found += (int)all[i].kind == kind;
		const char *reason = routes_socket_only((enum candor_request_type)kind);
		if ((found > 0) == (reason != NULL))
			fail_msg("%s has %zu routes and is %s", candor_request_name((enum candor_request_type)kind),
				 found, reason ? "for the socket only" : "not for the socket only");
	}
}

static const char *without_names(const char *path, char out[256])
{
	char *to = out;
	for (const char *at = path; *at; at++) {
		if (*at == '{') {
			at = strchr(at, '}');
			*to++ = 'x';
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	return out;
}

static void every_route_is_found_by_its_path_and_by_no_other(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	struct route_match m;
	char path[256];
	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(routes_find(routes_method(&all[i]), without_names(all[i].path, path), &m), 0);
		if (m.route != &all[i])
			fail_msg("%s %s is found as %s", routes_method(&all[i]), path, m.route->path);
		for (size_t k = 0; k < i; k++)
			assert_true(strcmp(routes_name(&all[i]), routes_name(&all[k])) != 0);
	}
}

/* docs/http.md has a row for each, and none for what there is not. */
static void the_document_for_readers_has_every_route(void **state)
{
	size_t n, rows = 0;
	const struct route *all = routes_all(&n);
	char line[512], want[128];
	bool has[64] = {false};
	(void)state;
	assert_true(n <= 64);
	FILE *f = fopen("docs/http.md", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		bool is_row = false;
		for (size_t i = 0; i < n; i++) {
			snprintf(want, sizeof want, "| `%s %s` |", routes_method(&all[i]), all[i].path);
			bool here = strncmp(line, want, strlen(want)) == 0;
			has[i] = has[i] || here;
			is_row = is_row || here;
		}
		bool looks_so = strncmp(line, "| `GET /", 8) == 0 || strncmp(line, "| `POST /", 9) == 0 ||
				strncmp(line, "| `PATCH /", 10) == 0 || strncmp(line, "| `DELETE /", 11) == 0;
		if (looks_so && !is_row)
			fail_msg("docs/http.md has a route that there is not: %s", line);
		rows += is_row;
	}
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (!has[i])
			fail_msg("docs/http.md has no row for %s %s", routes_method(&all[i]), all[i].path);
	assert_int_equal(rows, n);
}

/* What a route says of fields is true of the message. */
static void every_field_of_a_route_is_one_of_its_message(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	const char *given[ROUTE_NAMES_MAX + 1];
	(void)state;
	for (size_t i = 0; i < n; i++) {
		const ProtobufCMessageDescriptor *type = json_request_type(all[i].kind);
		size_t names = 0, set = all[i].sets ? 1 : 0;
		for (const char *at = all[i].path; (at = strchr(at, '{')); at++)
			names++;
		assert_int_equal(routes_given(&all[i], given), names + set);
		for (size_t k = 0; k < names + set; k++) {
			const ProtobufCFieldDescriptor *f =
				protobuf_c_message_descriptor_get_field_by_name(type, given[k]);
			assert_non_null(f);
			assert_int_equal(f->type, k < names ? PROTOBUF_C_TYPE_STRING : PROTOBUF_C_TYPE_BOOL);
		}
		if (all[i].rows) {
			const ProtobufCFieldDescriptor *f =
				protobuf_c_message_descriptor_get_field_by_name(type, all[i].rows);
			assert_true(f && f->label == PROTOBUF_C_LABEL_REPEATED && f->type == PROTOBUF_C_TYPE_MESSAGE);
		}
		assert_true(all[i].from != ROUTE_FROM_ROWS || all[i].rows);
		assert_true(all[i].summary[0]);
	}
}

static void paths_say_what_is_asked(void **state)
{
	(void)state;
	assert_asked("GET", "/v1/info", "info {\"commit\":false}");
	assert_asked("GET", "/v1/pools", "list_pools {\"cursor\":\"\",\"limit\":0}");
	assert_asked("POST", "/v1/pools", "create_pool {\"pool\":\"\"}");
	assert_asked("GET", "/v1/pools/p", "get_pool {\"pool\":\"p\"}");
	assert_asked("PATCH", "/v1/pools/p", "update_pool {\"pool\":\"p\"}");
	assert_asked("POST", "/v1/pools/p/reports", "post_reports {\"pool\":\"p\",\"reports\":[]}");
	assert_asked("POST", "/v1/pools/p/outcomes",
		     "resolve_items {\"pool\":\"p\",\"outcomes\":[],\"together\":false}");
	assert_asked("POST", "/v1/pools/p/rechecks", "recheck_items {\"pool\":\"p\",\"rechecks\":[]}");
	assert_asked("POST", "/v1/pools/p/items:close", "close_items {\"pool\":\"p\",\"items\":[]}");
	assert_asked("POST", "/v1/pools/p/items:void", "void_items {\"pool\":\"p\",\"items\":[]}");
	assert_asked(
		"POST", "/v1/pools/p/items:query",
		"query_items {\"pool\":\"p\",\"items\":[],\"reports\":false,\"reports_from\":0,\"reports_limit\":0,\"now\":false}");
	assert_asked(
		"GET", "/v1/pools/p/items/i",
		"get_item {\"pool\":\"p\",\"items\":[\"i\"],\"reports\":false,\"reports_from\":0,\"reports_limit\":0,\"now\":false}");
	assert_asked("GET", "/v1/pools/p/items",
		     "list_items {\"pool\":\"p\",\"cursor\":\"\",\"limit\":0,\"now\":false}");
	assert_asked("GET", "/v1/pools/p/changes",
		     "list_changes {\"pool\":\"p\",\"cursor\":\"\",\"limit\":0,\"wait_ms\":0}");
	assert_asked("GET", "/v1/pools/p/labelers",
		     "list_labelers {\"pool\":\"p\",\"sort\":\"weight\",\"cursor\":\"\",\"limit\":0}");
	assert_asked("GET", "/v1/pools/p/labelers/l",
		     "get_labeler {\"pool\":\"p\",\"labeler\":\"l\",\"history\":false,\"cursor\":\"\",\"limit\":0}");
	assert_asked(
		"GET", "/v1/pools/p/labelers/l/history",
		"get_labeler_history {\"pool\":\"p\",\"labeler\":\"l\",\"history\":true,\"cursor\":\"\",\"limit\":0}");
	assert_asked("GET", "/v1/grants", "list_grants {\"pool\":\"\",\"cursor\":\"\",\"limit\":0}");
	assert_asked("POST", "/v1/grants",
		     "add_grant {\"principal\":\"\",\"pool\":\"\",\"prefix\":\"\",\"rights\":[]}");
	assert_asked("DELETE", "/v1/grants",
		     "remove_grant {\"principal\":\"\",\"pool\":\"\",\"prefix\":\"\",\"rights\":[]}");
	assert_asked("GET", "/v1/tokens", "list_tokens {\"cursor\":\"\",\"limit\":0}");
	assert_asked("POST", "/v1/tokens", "create_token {\"name\":\"\",\"expires_at\":0,\"grants\":[]}");
	assert_asked("DELETE", "/v1/tokens/t", "revoke_token {\"name\":\"t\"}");
	assert_asked("GET", "/v1/events", "list_events {\"pool\":\"\",\"cursor\":\"\",\"limit\":0}");
	assert_asked("POST", "/v1/session", "begin_session");
	assert_asked("DELETE", "/v1/session", "end_session");
	assert_asked("GET", "/v1/openapi.json", "get_openapi");
	assert_asked("GET", "/metrics", "get_metrics");
	assert_asked("GET", "/livez", "get_livez");
	assert_asked("GET", "/readyz", "get_readyz");
}

static void head_is_get(void **state)
{
	(void)state;
	assert_asked("HEAD", "/v1/pools/p", "HEAD get_pool {\"pool\":\"p\"}");
	assert_asked("HEAD", "/livez", "HEAD get_livez");
	assert_refused("HEAD", "/v1/pools/p/reports", "405 ");
}

static void names_may_have_any_character(void **state)
{
	(void)state;
	assert_asked("GET", "/v1/pools/a%2Fb", "get_pool {\"pool\":\"a/b\"}");
	assert_asked("GET", "/v1/pools/a%2fb", "get_pool {\"pool\":\"a/b\"}");
	assert_asked("GET", "/v1/pools/100%25", "get_pool {\"pool\":\"100%\"}");
	assert_asked("GET", "/v1/pools/%252F", "get_pool {\"pool\":\"%2F\"}");
	assert_asked("GET", "/v1/pools/a%20b+c", "get_pool {\"pool\":\"a b+c\"}");
	assert_asked("GET", "/v1/pools/%F0%9F%98%80", "get_pool {\"pool\":\"\xF0\x9F\x98\x80\"}");
	assert_asked("GET", "/v1/pools/\xF0\x9F\x98\x80", "get_pool {\"pool\":\"\xF0\x9F\x98\x80\"}");
	assert_asked("GET", "/v1/pools/%c3\xa9", "get_pool {\"pool\":\"\xc3\xa9\"}");
	assert_asked("GET", "/v1/pools/%3F%26%3D%23%3A%2E%2E", "get_pool {\"pool\":\"?&=#:..\"}");
	assert_asked("GET", "/v1/pools/...", "get_pool {\"pool\":\"...\"}");
	assert_asked("GET", "/v1/pools/%2E", "get_pool {\"pool\":\".\"}");
	assert_asked(
		"GET", "/v1/pools/%2e%2E/items/%2F", /* not what a proxy may make of it */
		"get_item {\"pool\":\"..\",\"items\":[\"/\"],\"reports\":false,\"reports_from\":0,\"reports_limit\":0,\"now\":false}");
	assert_asked("POST", "/v1/pools/items%3Aclose/items%3Aclose",
		     "close_items {\"pool\":\"items:close\",\"items\":[]}");
	assert_asked("GET", "/v1/pools/items/items/items",
		     "get_item {\"pool\":\"items\",\"items\":[\"items\"],\"reports\":false,\"reports_from\":0,"
		     "\"reports_limit\":0,\"now\":false}");
	assert_asked("GET", "/%76%31/info", "info {\"commit\":false}");
}

static void what_is_no_path_is_refused(void **state)
{
	static const char escape[] = "400 a segment of the path has a \"%\" without two hexadecimal digits behind it";
	static const char utf8[] = "400 a segment of the path is not valid UTF-8";
	static const char nul[] = "400 a segment of the path contains a NUL";
	static const char dots[] = "400 the path has a segment \".";
	static const char empty[] = "404 there is no such path: it has an empty segment";
	static const char slash[] = "404 there is no such path: it ends with \"/\"";
	static const char none[] = "404 there is no such path; GET /v1/openapi.json lists";
	static const struct {
		const char *path, *want;
	} traps[] = {
		{"/v1/pools/%", escape},
		{"/v1/pools/%4", escape},
		{"/v1/pools/%/4", escape},
		{"/v1/pools/%4g", escape},
		{"/v1/pools/%g4", escape},
		{"/v1/pools/%%34", escape},
		{"/v1/pools/%-1", escape},
		{"/v1/pools/% 1", escape},
		{"/v1/pools/%u002F", escape},
		{"/v1/pools/a%00", nul},
		{"/v1/pools/%00/reports", nul},
		{"/v1/pools/%C0%AF", utf8}, /* '/', too long */
		{"/v1/pools/%C0%80", utf8},
		{"/v1/pools/%E0%80%AF", utf8},
		{"/v1/pools/%F0%80%80%AF", utf8},
		{"/v1/pools/%ED%A0%80", utf8}, /* half of a pair */
		{"/v1/pools/%F4%90%80%80", utf8}, /* beyond the last plane */
		{"/v1/pools/%F5%80%80%80", utf8},
		{"/v1/pools/%FF", utf8},
		{"/v1/pools/%80", utf8},
		{"/v1/pools/%C3", utf8},
		{"/v1/pools/%C3/%A9", utf8}, /* a character does not go on in the next segment */
		{"/v1/pools/%F0%9F%98", utf8},
		{"/v1/pools/\xC3", utf8},
		{"/v1/pools/./p", dots},
		{"/v1/pools/../info", dots},
		{"/v1/..", dots},
		{"/.", dots},
		{"//v1/pools", empty},
		{"/v1//pools", empty},
		{"/v1/pools//reports", empty},
		{"/v1/pools//", empty},
		{"//", empty},
		{"/v1/pools/", slash},
		{"/v1/pools/p/", slash},
		{"/v1/", slash},
		{"/", none},
		{"/v1", none},
		{"/v2/pools", none},
		{"/v1/pool", none},
		{"/v1/poolsx", none},
		{"/V1/pools", none},
		{"/v1/pools/p/items/i/x", none},
		{"/v1/pools/a/b/c/d/e/f/g/h/i/j/k", none},
		{"/v1/pools%2Fp", none}, /* one segment */
		{"/v1/openapi.jso", none},
		{"", "400 the path does not begin with \"/\""},
		{"v1/pools", "400 the path does not begin with \"/\""},
		{"*", "400 the path does not begin with \"/\""},
		{"http://localhost/v1/pools", "400 the path does not begin with \"/\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
		assert_refused("GET", traps[i].path, traps[i].want);
		assert_refused("POST", traps[i].path, traps[i].want);
	}
}

static void a_method_that_a_path_does_not_take_is_told_which_it_takes(void **state)
{
	(void)state;
	assert_asked("PUT", "/v1/pools",
		     "405 this path does not take the method; it takes GET, HEAD, POST [GET, HEAD, POST]");
	assert_asked("DELETE", "/v1/pools/p",
		     "405 this path does not take the method; it takes GET, HEAD, PATCH [GET, HEAD, PATCH]");
	assert_refused("GET", "/v1/pools/p/reports", "405 this path does not take the method; it takes POST");
	assert_refused("OPTIONS", "/v1/grants",
		       "405 this path does not take the method; it takes GET, HEAD, POST, DELETE");
	assert_refused("POST", "/metrics", "405 this path does not take the method; it takes GET, HEAD");
	assert_refused("get", "/v1/pools", "405 ");
	assert_refused("", "/v1/pools", "405 ");
}

/* A name as people and machines may give one, of up to `most` characters. */
static size_t random_name(struct random *r, char *out, size_t most)
{
	size_t len = 0, n = 1 + random_below(r, most);
	while (n-- > 0) {
		char at[4];
		size_t size = 0;
		uint32_t code;
		do {
			switch (random_below(r, 4)) {
			case 0: code = "/%?#&=+:;,. ~\"\\@"[random_below(r, 16)]; break;
			case 1: code = (uint32_t)(0x20 + random_below(r, 0x5f)); break;
			case 2: code = (uint32_t)(0xa0 + random_below(r, 0x1000)); break;
			default: code = (uint32_t)(0x1f300 + random_below(r, 0x400)); break;
			}
			if (code < 0x80) {
				at[0] = (char)code;
				size = 1;
			} else {
				size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
				static const uint8_t firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};
				for (size_t i = size; i-- > 0; code >>= 6)
					at[i] = (char)(i ? 0x80 | (code & 0x3f) : firsts[size] | code);
			}
		} while (name_fault(at, size));
		memcpy(out + len, at, size);
		len += size;
	}
	out[len] = '\0';
	return len;
}

/* Some characters as they are, where they may be. */
static char *some_escaped(struct random *r, const char *name, size_t len)
{
	struct buf out = {0};
	bool dots = strspn(name, ".") == len && len <= 2;
	for (size_t i = 0; i < len; i++) {
		bool must = name[i] == '/' || name[i] == '%' || dots;
		assert_int_equal(must || random_below(r, 2) ? buf_printf(&out, "%%%02X", (uint8_t)name[i])
							    : buf_append(&out, name + i, 1),
				 0);
	}
	assert_int_equal(buf_append(&out, "", 1), 0);
	return (char *)out.data;
}

static void random_names_arrive_as_they_were(void **state)
{
	enum { ROUNDS = 3000, MOST = 63 };
	struct random r;
	(void)state;
	seed_random(&r, 1);
	for (int i = 0; i < ROUNDS; i++) {
		char pool[4 * MOST + 1], labeler[4 * MOST + 1], path[4096];
		size_t pool_len = random_name(&r, pool, MOST), labeler_len = random_name(&r, labeler, MOST);
		char *a = some_escaped(&r, pool, pool_len), *b = some_escaped(&r, labeler, labeler_len);
		snprintf(path, sizeof path, "/v1/pools/%s/labelers/%s", a, b);
		struct route_match m;
		struct buf packed = {0};
		assert_int_equal(routes_find("GET", path, &m), 0);
		assert_int_equal(m.route->kind, CANDOR_REQ_GET_LABELER);
		assert_int_equal(routes_pack(&m, "", &packed), 0);
		Candor__V1__GetLabeler *got = candor__v1__get_labeler__unpack(NULL, packed.len, packed.data);
		assert_non_null(got);
		assert_string_equal(got->pool, pool);
		assert_string_equal(got->labeler, labeler);
		candor__v1__get_labeler__free_unpacked(got, NULL);
		buf_free(&packed);
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_request_has_a_route_or_a_reason),
		cmocka_unit_test(every_route_is_found_by_its_path_and_by_no_other),
		cmocka_unit_test(the_document_for_readers_has_every_route),
		cmocka_unit_test(every_field_of_a_route_is_one_of_its_message),
		cmocka_unit_test(paths_say_what_is_asked),
		cmocka_unit_test(head_is_get),
		cmocka_unit_test(names_may_have_any_character),
		cmocka_unit_test(what_is_no_path_is_refused),
		cmocka_unit_test(a_method_that_a_path_does_not_take_is_told_which_it_takes),
		cmocka_unit_test(random_names_arrive_as_they_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
