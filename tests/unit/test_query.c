/* Query strings: what becomes a field of a request, and what is told to whoever got one wrong. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "candor.pb-c.h"
#include "daemon/http/percent.h"
#include "daemon/http/query.h"
#include "lib/wire/json.h"
#include "tests/lib/asked.h"
#include "tests/lib/seed.h"

static void assert_query(const char *path, const char *query, const char *want)
{
	char *got = asked("GET", path, query);
	if (strcmp(got, want) != 0)
		print_error("%s?%s:\n", path, query);
	assert_string_equal(got, want);
	free(got);
}

static void parameters_are_fields(void **state)
{
	(void)state;
	assert_query("/v1/info", "commit=true", "info {\"commit\":true}");
	assert_query("/v1/info", "commit=1", "info {\"commit\":true}");
	assert_query("/v1/info", "commit=false", "info {\"commit\":false}");
	assert_query("/v1/info", "commit=0", "info {\"commit\":false}");
	assert_query("/v1/pools", "cursor=a%2Fb+c%2B&limit=1000", "list_pools {\"cursor\":\"a/b c+\",\"limit\":1000}");
	assert_query("/v1/pools", "limit=4294967295", "list_pools {\"cursor\":\"\",\"limit\":4294967295}");
	assert_query("/v1/pools", "limit=007&cursor=", "list_pools {\"cursor\":\"\",\"limit\":7}");
	assert_query("/v1/pools", "&&limit=1&&", "list_pools {\"cursor\":\"\",\"limit\":1}");
	assert_query("/v1/pools", "cursor=a=b", "list_pools {\"cursor\":\"a=b\",\"limit\":0}");
	assert_query("/v1/pools", "%6Cimit=%31", "list_pools {\"cursor\":\"\",\"limit\":1}");
	assert_query("/v1/pools/p/labelers", "sort=regret",
		     "list_labelers {\"pool\":\"p\",\"sort\":\"regret\",\"cursor\":\"\",\"limit\":0}");
	assert_query(
		"/v1/pools/p/items/i", "reports=1&reports_from=3&reports_limit=10&now=1",
		"get_item {\"pool\":\"p\",\"items\":[\"i\"],\"reports\":true,\"reports_from\":3,\"reports_limit\":10,\"now\":true}");
	assert_query("/v1/pools/p/labelers/l/history", "limit=2",
		     "get_labeler_history "
		     "{\"pool\":\"p\",\"labeler\":\"l\",\"history\":true,\"cursor\":\"\",\"limit\":2}");
	assert_query("/v1/events", "pool=%F0%9F%98%80",
		     "list_events {\"pool\":\"\xF0\x9F\x98\x80\",\"cursor\":\"\",\"limit\":0}");
}

static void lists_of_words_have_commas_between_them(void **state)
{
	(void)state;
	char *got = asked("DELETE", "/v1/grants", "principal=token:a&pool=p&rights=report,read-open%2Cinspect");
	assert_string_equal(got, "remove_grant {\"principal\":\"token:a\",\"pool\":\"p\",\"prefix\":\"\","
				 "\"rights\":[\"report\",\"read-open\",\"inspect\"]}");
	free(got);
	static const char *const wrong[] = {"", "report,", ",report", "report,,read", "report read", "raed", "REPORT"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char query[64];
		snprintf(query, sizeof query, "rights=%s", wrong[i]);
		got = asked("DELETE", "/v1/grants", query);
		assert_string_equal(
			got, "query: parameter rights: must be unspecified, report, outcome, read, read-open, inspect "
			     "or admin");
		free(got);
	}
}

static void what_is_no_parameter_is_named(void **state)
{
	(void)state;
	assert_query("/v1/pools", "lmit=3",
		     "query: unknown parameter \"lmit\"; did you mean limit?; this takes cursor and limit");
	assert_query("/v1/pools", "x=3", "query: unknown parameter \"x\"; this takes cursor and limit");
	assert_query("/v1/pools", "Limit=3",
		     "query: unknown parameter \"Limit\"; did you mean limit?; this takes cursor and limit");
	assert_query("/v1/pools", "limit%00=3", "query: the name of a parameter contains a NUL (%00)");
	assert_query("/v1/pools", "limit%=3",
		     "query: the name of a parameter has a \"%\" without two hexadecimal digits "
		     "behind it; a \"%\" itself is written %25");
	assert_query("/v1/pools", "=3", "query: unknown parameter \"\"; this takes cursor and limit");
	assert_query("/v1/pools", "%1B%5B31m=3", "query: unknown parameter \"\"; this takes cursor and limit");
	assert_query("/v1/pools", "limit=1;cursor=2",
		     "query: parameter limit: must be a whole number from 0 to 4294967295");
	assert_query("/v1/pools/p", "limit=3", "query: unknown parameter \"limit\"; this takes none");
	assert_query("/v1/pools/p", "pool=q", "query: parameter \"pool\" is given by the path");
	assert_query("/v1/pools/p/items/i", "items=q", "query: parameter \"items\" is given by the path");
	assert_query("/v1/pools/p/labelers/l/history", "history=false",
		     "query: parameter \"history\" is given by the path");
}

static void values_are_held_against_their_types(void **state)
{
	static const char *const numbers[] = {
		"",   "-1", "+1",  "1.0", "1e3",   "0x10", "4294967296", "18446744073709551616", "99999999999999999999",
		" 1", "1 ", "%00", "a",   "%D9%A1"};
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char query[64];
		snprintf(query, sizeof query, "limit=%s", numbers[i]);
		assert_query("/v1/pools", query,
			     strcmp(numbers[i], "%00") == 0
				     ? "query: parameter limit: contains a NUL (%00)"
				     : "query: parameter limit: must be a whole number from 0 to 4294967295");
	}
	static const char *const bools[] = {"", "yes", "True", "2", "on"};
	for (size_t i = 0; i < sizeof bools / sizeof *bools; i++) {
		char query[64];
		snprintf(query, sizeof query, "commit=%s", bools[i]);
		assert_query("/v1/info", query, "query: parameter commit: must be true or false");
	}
	assert_query("/v1/info", "commit", "query: parameter commit: has no value; write commit=...");
	assert_query("/v1/pools/p/labelers", "sort=1",
		     "query: parameter sort: must be weight, regret, loss, scored or name");
	assert_query("/v1/pools", "cursor=%FF", "query: parameter cursor: is not valid UTF-8");
	assert_query("/v1/pools", "cursor=%4",
		     "query: parameter cursor: has a \"%\" without two hexadecimal digits behind it; a \"%\" itself is "
		     "written %25");
	assert_query("/v1/pools", "limit=1&limit=1", "query: parameter limit: is given twice");
	assert_query("/v1/pools", "cursor=a&%63ursor=b", "query: parameter cursor: is given twice");
}

static void values_may_be_as_long_as_they_like(void **state)
{
	enum { LONG = 7000 };
	char query[LONG + 16], digits[LONG + 16];
	(void)state;
	memset(query, 'x', sizeof query);
	memcpy(query, "cursor=", 7);
	query[7 + LONG] = '\0';
	char *got = asked("GET", "/v1/pools", query);
	assert_int_equal(strlen(got), LONG + strlen("list_pools {\"cursor\":\"\",\"limit\":0}"));
	free(got);
	memset(digits, '0', sizeof digits);
	memcpy(digits, "limit=", 6);
	digits[6 + LONG] = '\0';
	assert_query("/v1/pools", digits, "query: parameter limit: must be a whole number from 0 to 4294967295");
	memcpy(query, "XXXXXXX", 7);
	got = asked("GET", "/v1/pools", query);
	assert_string_equal(got, "query: unknown parameter \"\"; this takes cursor and limit");
	free(got);
}

static void a_request_with_a_body_takes_no_parameters(void **state)
{
	(void)state;
	char *got = asked("POST", "/v1/pools/p/reports", "pool=p");
	assert_string_equal(got, "query: this takes no parameters in its URL; its fields are in its body");
	free(got);
}

static void pages_take_the_flag_that_they_have(void **state)
{
	static const char *const good[] = {"", "verbose", "verbose=", "verbose=1", "verbose=true", "&verbose"};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		bool given;
		char fault[ROUTE_FAULT_BYTES];
		assert_query("/readyz", good[i], "get_readyz");
		assert_int_equal(query_flag(good[i], strlen(good[i]), "verbose", &given, fault, sizeof fault), 0);
		assert_int_equal(given, *good[i] != '\0');
	}
	assert_query("/readyz", "verbos", "query: unknown parameter \"verbos\"; this takes verbose");
	assert_query("/readyz", "verbose&verbose", "query: parameter verbose: is given twice");
	assert_query("/readyz", "verbose=no", "query: parameter verbose: takes no value");
	assert_query("/metrics", "verbose", "query: unknown parameter \"verbose\"; this takes none");
}

/* A field that no parameter can give would be out of reach. */
static void every_field_of_a_route_with_a_query_can_be_given(void **state)
{
	size_t n;
	const struct route *all = routes_all(&n);
	const char *given[ROUTE_NAMES_MAX + 1];
	(void)state;
	for (size_t i = 0; i < n; i++) {
		if (all[i].from != ROUTE_FROM_QUERY)
			continue;
		const ProtobufCMessageDescriptor *type = json_request_type(all[i].kind);
		size_t n_given = routes_given(&all[i], given);
		for (unsigned k = 0; k < type->n_fields; k++) {
			bool by_path = false;
			for (size_t g = 0; g < n_given; g++)
				by_path = by_path || strcmp(given[g], type->fields[k].name) == 0;
			if (!by_path && !query_can_give(&type->fields[k]))
				fail_msg("%s: no parameter can give %s", routes_name(&all[i]), type->fields[k].name);
		}
	}
}

static void random_text_is_what_it_was(void **state)
{
	struct random r;
	(void)state;
	seed_random(&r, 1);
	for (int i = 0; i < 3000; i++) {
		char text[64], query[256], fault[ROUTE_FAULT_BYTES];
		size_t len = random_below(&r, sizeof text);
		for (size_t k = 0; k < len; k++)
			text[k] = (char)(1 + random_below(&r, 0x7f));
		text[len] = '\0';
		char *value = escaped(text, len);
		snprintf(query, sizeof query, "cursor=%s", value);
		struct buf packed = {0};
		assert_int_equal(query_pack(query, strlen(query), &candor__v1__list_pools__descriptor, NULL, 0, &packed,
					    fault, sizeof fault),
				 0);
		Candor__V1__ListPools *got = candor__v1__list_pools__unpack(NULL, packed.len, packed.data);
		assert_non_null(got);
		assert_string_equal(got->cursor, text);
		candor__v1__list_pools__free_unpacked(got, NULL);
		buf_free(&packed);
		free(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_are_fields),
		cmocka_unit_test(lists_of_words_have_commas_between_them),
		cmocka_unit_test(what_is_no_parameter_is_named),
		cmocka_unit_test(values_are_held_against_their_types),
		cmocka_unit_test(values_may_be_as_long_as_they_like),
		cmocka_unit_test(a_request_with_a_body_takes_no_parameters),
		cmocka_unit_test(pages_take_the_flag_that_they_have),
		cmocka_unit_test(every_field_of_a_route_with_a_query_can_be_given),
		cmocka_unit_test(random_text_is_what_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
