/* Names of principals: none may look like another. */
#include <string.h>

#include "lib/base/unicode.h"
#include "tests/lib/unit.h"

static const char *fault(const char *name)
{
	return unicode_principal_fault(name, strlen(name));
}

static void names_of_many_scripts_are_good(void **state)
{
	static const char *const good[] = {
		"a",
		"platform-7",
		"Ann Lee",
		"uid:1000",
		"cert:CN=ann,O=lab",
		"J\u00fcrgen",
		"\u0141ukasz",
		"\u0410\u043d\u043d\u0430",
		"\u039d\u03af\u03ba\u03bf\u03c2",
		"\u05d3\u05d5\u05d3",
		"\u0639\u0644\u064a",
		"\u0930\u093e\u091c",
		"\u0e2a\u0e21\u0e0a\u0e32\u0e22",
		"\u738b\u5c0f\u660e",
		"\u3055\u304f\u3089",
		"\uae40\ubbfc\uc900",
		"\u10d2\u10d8\u10dd\u10e0\u10d2\u10d8",
		"\u12a0\u1260\u1260",
		"\u2803\u2817",
		"\U0001F600",
		"a, b; c",
		"\u00bd",
	};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (fault(good[i]))
			fail_msg("%s: %s", good[i], fault(good[i]));
}

static void what_cannot_be_seen_is_refused_wherever_it_stands(void **state)
{
	static const char *const unseen[] = {
		"\u200b" /* zero width space */,
		"\u2060" /* word joiner */,
		"\ufeff" /* BOM */,
		"\u00ad" /* soft hyphen */,
		"\U000E0041" /* tag */,
		"\U000E0001",
		"\u3164" /* Hangul filler */,
		"\u115f",
		"\u1160",
		"\uffa0",
		"\u200e" /* LRM */,
		"\u200f" /* RLM */,
		"\u061c" /* ALM */,
		"\u200c",
		"\u200d" /* joiners */,
		"\u2800" /* Braille blank */,
		"\u00a0" /* NBSP */,
		"\u3000",
		"\u2003",
		"\u202f",
		"\u1680",
		"\u180e",
		"\u034f",
		"\ufe0f" /* variation selector */,
		"\U000E0100",
		"\u206a",
		"\u2061",
		"\u17b4",
		"\ufff9",
	};
	(void)state;
	for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
		char name[32];
		static const char *const forms[] = {"%s", "%sann", "an%sn", "ann%s"};
		for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
			snprintf(name, sizeof name, forms[k], unseen[i]);
			if (!fault(name) || !strstr(fault(name), "invisible"))
				fail_msg("%zu in form %zu: %s", i, k, fault(name) ? fault(name) : "good");
		}
	}
}

static void blanks_at_the_ends_are_refused(void **state)
{
	(void)state;
	assert_non_null(strstr(fault(" ann"), "space"));
	assert_non_null(strstr(fault("ann "), "space"));
	assert_non_null(strstr(fault(" "), "space"));
	assert_null(fault("an n"));
}

static void what_is_not_composed_is_refused(void **state)
{
	static const char *const names[] = {
		"Ju\u0308rgen",
		"\u212b" /* the sign of the angstrom */,
		"\u1112\u1161\u11ab" /* a syllable in parts */,
		"q\u0307\u0323" /* marks in the other order */,
		"\u0958" /* excluded from composition */,
	};
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!fault(names[i]) || !strstr(fault(names[i]), "NFC"))
			fail_msg("%s: %s", names[i], fault(names[i]) ? fault(names[i]) : "good");
}

static void what_is_no_character_is_refused(void **state)
{
	(void)state;
	assert_non_null(fault("ann\ufdd0"));
	assert_non_null(fault("ann\uffff"));
	assert_non_null(fault("\U0010fffe"));
}

/* No name of 255 bytes outgrows the room for its decomposition. */
static void the_longest_names_are_judged(void **state)
{
	static const char *const units[] = {"a", "\ufdfa", "\u0390", "\u1f82", "\U0001D160", "\ufb2c", "\u0344"};
	(void)state;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		char name[256] = "";
		size_t step = strlen(units[i]), n = 0;
		for (; n + step <= 255; n += step)
			memcpy(name + n, units[i], step + 1);
		const char *said = fault(name);
		assert_true(i >= 4 ? said != NULL : said == NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_many_scripts_are_good),
		cmocka_unit_test(what_cannot_be_seen_is_refused_wherever_it_stands),
		cmocka_unit_test(blanks_at_the_ends_are_refused),
		cmocka_unit_test(what_is_not_composed_is_refused),
		cmocka_unit_test(what_is_no_character_is_refused),
		cmocka_unit_test(the_longest_names_are_judged),
	};
	return cmocka_run_group_tests_name("unicode", tests, NULL, NULL);
}
