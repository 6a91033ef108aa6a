/* What may be granted and to whom, as people write it. */
#include "tests/lib/unit.h"

#include "lib/rights.h"
#include "lib/base/text.h"

/* ---- sets of rights ---- */

static void roles_and_rights_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned rights;
	} rows[] = {
		{"report", CANDOR_RIGHT_REPORT},
		{"platform", CANDOR_RIGHT_REPORT},
		{"outcome", CANDOR_RIGHT_OUTCOME},
		{"auditor", CANDOR_RIGHT_OUTCOME},
		{"read", CANDOR_RIGHT_READ},
		{"trainer", CANDOR_RIGHT_READ},
		{"read-open", CANDOR_RIGHT_READ_OPEN},
		{"inspect", CANDOR_RIGHT_INSPECT},
		{"operator", CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ_OPEN},
		{"admin", CANDOR_RIGHT_ADMIN},
		{"read,report", CANDOR_RIGHT_READ | CANDOR_RIGHT_REPORT},
		{"operator,platform,read",
		 CANDOR_RIGHT_INSPECT | CANDOR_RIGHT_READ_OPEN | CANDOR_RIGHT_REPORT | CANDOR_RIGHT_READ},
		{"read,read,trainer", CANDOR_RIGHT_READ},
		{"admin,read-open,inspect,read,outcome,report", CANDOR_RIGHTS_ALL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned got = 99;
		assert_true(rights_parse(rows[i].text, &got));
		assert_int_equal(got, rows[i].rights);
	}
}

static void text_that_is_not_a_set_of_rights_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",           "x",     "Read",      "read ",         " read",  "read, report",
		",",          "read,", ",read",     "read,,inspect", "rea",    "reads",
		"read-",      "all",   "anonymous", "read;inspect",  "read\n", "read\tx",
		"read-open-", "1",     "\xff",      "admin,root",    "report*"};
	unsigned got;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (rights_parse(wrong[i], &got))
			fail_msg("\"%s\" was read", wrong[i]);
}

static void every_set_is_written_and_read_again(void **state)
{
	(void)state;
	char text[RIGHTS_TEXT_MAX], longest[RIGHTS_TEXT_MAX];
	for (unsigned set = 1; set <= CANDOR_RIGHTS_ALL; set++) {
		unsigned got;
		memset(text, 'x', sizeof text);
		rights_format(set, text);
		assert_true(memchr(text, 0, sizeof text));
		assert_true(rights_parse(text, &got));
		assert_int_equal(got, set);
		const char *role = rights_role(set);
		if (role) {
			assert_true(rights_parse(role, &got));
			assert_int_equal(got, set);
		}
	}
	rights_format(0, text);
	assert_string_equal(text, "");
	rights_format(CANDOR_RIGHTS_ALL, longest);
	assert_string_equal(longest, "report,outcome,read,read-open,inspect,admin");
	/* Bits that are no rights are not written. */
	rights_format(1u << 6 | 1u << 31 | CANDOR_RIGHT_READ, text);
	assert_string_equal(text, "read");
	assert_string_equal(rights_role(CANDOR_RIGHT_REPORT), "platform");
	assert_string_equal(rights_role(CANDOR_RIGHT_OUTCOME), "auditor");
	assert_string_equal(rights_role(CANDOR_RIGHT_READ), "trainer");
	assert_string_equal(rights_role(CANDOR_RIGHT_READ_OPEN | CANDOR_RIGHT_INSPECT), "operator");
	assert_string_equal(rights_role(CANDOR_RIGHT_ADMIN), "admin");
	assert_null(rights_role(0));
	assert_null(rights_role(CANDOR_RIGHT_INSPECT));
	assert_null(rights_role(CANDOR_RIGHTS_ALL));
}

/* ---- principals ---- */

#define FAULT(text) principal_fault(text, sizeof(text) - 1)

static void principals_are_what_they_are(void **state)
{
	(void)state;
	assert_null(FAULT("anonymous"));
	assert_null(FAULT("token:x"));
	assert_null(FAULT("token:token:x"));
	assert_null(FAULT("token:\xc3\xbc"));
	assert_null(FAULT("cert:CN=platform,O=a\\20b"));
	assert_null(FAULT("uid:0"));
	assert_null(FAULT("uid:1000"));
	assert_null(FAULT("uid:4294967294"));
	assert_null(FAULT("cert:CN="));
	assert_null(FAULT("gid:7"));
}

static void an_invalid_principal_is_refused_with_a_reason(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"x",
		"token:",
		"cert:",
		"uid:",
		"gid:",
		"uid:01",
		"uid:+1",
		"uid:-1",
		"uid:1 ",
		" uid:1",
		"uid:0x1",
		"uid:1e3",
		"uid:4294967295",
		"gid:4294967295",
		"uid:4294967296",
		"cert:x",
		"cert:=x",
		"uid:99999999999",
		"uid:root",
		"gid:",
		"Anonymous",
		"anonymous ",
		"anonymou",
		"anonymous1",
		"Token:x",
		"TOKEN:x",
		"token:a b",
		"cert: x",
		"tcp:1.2.3.4",
		"unknown",
		"token",
		"token\n:x",
		"token:\x1b[2J",
		"token:\xff",
		"uid:00",
		"uid:4294967295000000000000000001",
		"uid:\xd9\xa1",
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const char *what = principal_fault(wrong[i], strlen(wrong[i]));
		if (!what)
			fail_msg("\"%s\" is one", wrong[i]);
		assert_null(text_fault(what, strlen(what)));
	}
	/* Its length is what it is said to be, not what a NUL makes of it. */
	assert_non_null(FAULT("uid:1\0x"));
	assert_non_null(FAULT("token:x\0"));
	assert_non_null(FAULT("anonymous\0anonymous"));
}

static void principals_are_as_long_as_names(void **state)
{
	(void)state;
	char text[CANDOR_NAME_MAX + 2] = "cert:CN=";
	memset(text + 8, 'x', sizeof text - 9);
	text[sizeof text - 1] = 0;
	assert_non_null(principal_fault(text, CANDOR_NAME_MAX + 1));
	text[CANDOR_NAME_MAX] = 0;
	assert_null(principal_fault(text, CANDOR_NAME_MAX));
}

static void names_of_tokens_are_one_word_and_shorter(void **state)
{
	(void)state;
	char text[CANDOR_NAME_MAX + 1];
	memset(text, 'x', sizeof text);
	for (size_t len = 1; len < sizeof text; len++) {
		text[len] = 0;
		assert_int_equal(token_name_fault(text, len) == NULL, len <= CANDOR_TOKEN_NAME_MAX);
		text[len] = 'x';
	}
	assert_null(token_name_fault("a:b/c,d", 7));
	assert_non_null(token_name_fault("", 0));
	assert_non_null(token_name_fault("a b", 3));
	assert_non_null(token_name_fault("a\tb", 3));
	assert_non_null(token_name_fault("a\0b", 3));
	/* With what goes before it, it is a principal. */
	char principal[CANDOR_NAME_MAX + 1];
	text[CANDOR_TOKEN_NAME_MAX] = 0;
	int len = snprintf(principal, sizeof principal, "token:%s", text);
	assert_null(principal_fault(principal, (size_t)len));
}

/* ---- grants ---- */

static void a_grant_has_rights_and_a_prefix_is_for_reports_alone(void **state)
{
	(void)state;
	for (unsigned set = 0; set < 256; set++) {
		struct candor_grant g = {"uid:1", "", "", set};
		assert_int_equal(grant_fault(&g) == NULL, set >= 1 && set <= CANDOR_RIGHTS_ALL);
		g.prefix = "plat-";
		assert_int_equal(grant_fault(&g) == NULL, set == CANDOR_RIGHT_REPORT);
	}
	assert_non_null(grant_fault(&(struct candor_grant){"uid:1", "p", "", 1u << 31 | CANDOR_RIGHT_READ}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_and_rights_are_read),
		cmocka_unit_test(text_that_is_not_a_set_of_rights_is_refused),
		cmocka_unit_test(every_set_is_written_and_read_again),
		cmocka_unit_test(principals_are_what_they_are),
		cmocka_unit_test(an_invalid_principal_is_refused_with_a_reason),
		cmocka_unit_test(principals_are_as_long_as_names),
		cmocka_unit_test(names_of_tokens_are_one_word_and_shorter),
		cmocka_unit_test(a_grant_has_rights_and_a_prefix_is_for_reports_alone),
	};
	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
