/* Options without abbreviations, and which word is like another. */
#include "tests/lib/unit.h"

#include <limits.h>
#include <stdint.h>

#include "lib/base/options.h"
#include "lib/base/similar.h"

static const struct option options[] = {
	{"share", required_argument, NULL, 's'},
	{"server", required_argument, NULL, 'S'},
	{"json", no_argument, NULL, 'j'},
	{"json-lines", no_argument, NULL, 'l'},
	{0},
};

/* A command line, of which getopt moves the words about. */
struct line {
	char *argv[16];
	int argc;
};

static struct line line(const char *const *words)
{
	struct line l = {.argc = 0};
	for (; words[l.argc]; l.argc++)
		l.argv[l.argc] = (char *)(uintptr_t)words[l.argc];
	optind = 0;
	return l;
}

#define LINE(...) line((const char *const[]){"program", __VA_ARGS__, NULL})

static int next(struct line *l, char *fault, size_t size)
{
	return options_next(l->argc, l->argv, false, options, fault, size);
}

static void refused(struct line l, const char *fault)
{
	char said[300] = "";
	int opt;
	while ((opt = next(&l, said, sizeof said)) > 0 && opt != '?')
		;
	assert_int_equal(opt, '?');
	assert_string_equal(said, fault);
}

static void options_are_taken_under_their_whole_names(void **state)
{
	char fault[300];
	(void)state;
	struct line l = LINE("--share", "0.3", "--json", "pool", "--server=--json", "--share=", "--", "--json");
	assert_int_equal(next(&l, fault, sizeof fault), 's');
	assert_string_equal(optarg, "0.3");
	assert_int_equal(next(&l, fault, sizeof fault), 'j');
	assert_int_equal(next(&l, fault, sizeof fault), 'S');
	assert_string_equal(optarg, "--json");
	assert_int_equal(next(&l, fault, sizeof fault), 's');
	assert_string_equal(optarg, "");
	assert_int_equal(next(&l, fault, sizeof fault), -1);
	assert_string_equal(l.argv[optind], "pool");
	assert_string_equal(l.argv[optind + 1], "--json");
}

static void no_abbreviation_is_taken_and_what_was_meant_is_named(void **state)
{
	(void)state;
	refused(LINE("--sh", "0.3"), "unknown option --sh; did you mean --share?");
	refused(LINE("--sh=0.3"), "unknown option --sh; did you mean --share?");
	refused(LINE("--s", "0.3"), "unknown option --s");
	refused(LINE("pool", "--jso"), "unknown option --jso; did you mean --json?");
	refused(LINE("--serv", "--json"), "unknown option --serv; did you mean --server?");
	refused(LINE("--json-line"), "unknown option --json-line; did you mean --json-lines?");
	/* Ambiguous. */
	refused(LINE("--se"), "unknown option --se; did you mean --server?");
}

static void what_is_wrong_with_an_option_is_said(void **state)
{
	(void)state;
	refused(LINE("--shrae", "1"), "unknown option --shrae; did you mean --share?");
	refused(LINE("--frobnicate"), "unknown option --frobnicate");
	refused(LINE("--share"), "option --share needs a value");
	refused(LINE("--json=yes"), "option --json=yes does not take a value");
	refused(LINE("-x"), "unknown option -x");
	refused(LINE("-\x01"), "unknown option -?");
	refused(LINE("--=1"), "unknown option --");
}

static void distances_count_letters(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} pairs[] = {
		{"", "", 0},       {"", "abc", 3},           {"abc", "abc", 0},
		{"abc", "abd", 1}, {"abc", "ab", 1},         {"abc", "acb", 1},
		{"abc", "cab", 2}, {"kitten", "sitting", 3}, {"LISTEN", "listen", 0},
		{"a_b", "a-b", 0}, {"report", "erport", 1},  {"resolve", "reslove", 1},
	};
	char longest[65];
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		assert_int_equal(similar_distance(pairs[i].a, pairs[i].b), pairs[i].distance);
		assert_int_equal(similar_distance(pairs[i].b, pairs[i].a), pairs[i].distance);
	}
	memset(longest, 'a', 64);
	longest[64] = 0;
	assert_int_equal(similar_distance(longest, "a"), UINT_MAX);
	assert_int_equal(similar_distance(longest + 1, longest + 1), 0);
}

static const char *like(const char *word)
{
	static const char *const words[] = {"report", "resolve", "import", "export", "feed", "labeler", "labelers"};
	struct similar s = {.word = word};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		similar_try(&s, words[i]);
	return s.best;
}

static void only_what_is_like_a_word_is_offered(void **state)
{
	char text[32];
	(void)state;
	assert_string_equal(like("repot"), "report");
	assert_string_equal(like("reprot"), "report");
	assert_string_equal(like("exprot"), "export");
	assert_string_equal(like("label"), "labeler");
	assert_string_equal(like("labellers"), "labelers");
	assert_string_equal(like("Feed"), "feed");
	assert_string_equal(like("im"), "import");
	assert_null(like("frobnicate"));
	assert_null(like("x"));
	assert_null(like(""));
	struct similar s = {.word = "none"};
	assert_string_equal(similar_hint(&s, "--", text, sizeof text), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_taken_under_their_whole_names),
		cmocka_unit_test(no_abbreviation_is_taken_and_what_was_meant_is_named),
		cmocka_unit_test(what_is_wrong_with_an_option_is_said),
		cmocka_unit_test(distances_count_letters),
		cmocka_unit_test(only_what_is_like_a_word_is_offered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
