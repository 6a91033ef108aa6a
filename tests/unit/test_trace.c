/* The checker of traces must itself be able to say no. */
#include "tests/lib/unit.h"

#include <stdlib.h>

#include "tests/lib/trace.h"

static const char good[] =
	"pool rate=anytime\n"
	"report i0 L1 0.0\n"
	"report i0 L0 0.8272750079548387\n"
	"resolve i0 0.0 -> eta=0.5 lbar=0.342191969393339\n"
	"report i1 L1 1.0\n"
	"report i1 L0 0.01710166583726236\n"
	"resolve i1 1.0 -> eta=0.5 lbar=0.400397581778145\n"
	"report i2 L0 0.4573699862975893\n"
	"report i2 L1 0.041424460281428654\n"
	"close i2 -> mean=0.165897717823505 median=0.0414244602814287 plain_mean=0.249397223289509 "
	"plain_median=0.0414244602814287 spread=0.190474414922708 ess=1.72236177354019 n=2\n"
	"resolve i2 1.0 -> eta=0.5 lbar=0.732007119872186\n"
	"report i3 L0 0.03457434357663591\n"
	"report i3 L1 1.0\n"
	"resolve i3 1.0 -> eta=0.5 lbar=0.339940220428242\n"
	"report i4 L1 0.0\n"
	"report i4 L0 0.7122424113634858\n"
	"resolve i4 0.0 -> eta=0.5 lbar=0.131478787338965\n"
	"report i5 L0 0.591675524101727\n"
	"report i5 L1 0.0\n"
	"resolve i5 1.0 -> eta=0.5 lbar=0.824614747445127\n"
	"weight L0 -> w=0.559426544839415 regret=-1.59371647415743\n"
	"weight L1 -> w=1.44057345516059 regret=0.0384016945960215\n"
	"pool-loss -> mean=1.95726875994277 median=1.91886706534675 plain_mean=1.83170124193702 "
	"plain_median=3.81700289872712\n";

enum { GOOD_EXPECTATIONS = 27 };

/* A small pool that the lines under test are put behind. */
#define SCENE "pool rate=fixed eta=0.5\nreport i A 1\nreport i B 0\nclose i -> mean=0.5\n"

static struct trace_counts check_bytes(const char *text, size_t len, char **messages)
{
	struct trace_counts counts;
	size_t size;
	FILE *out = open_memstream(messages, &size), *in = fmemopen((void *)(uintptr_t)text, len, "r");
	assert_non_null(out);
	assert_non_null(in);
	assert_int_equal(trace_check(in, "t", out, NULL, &counts), 0);
	fclose(in);
	fclose(out);
	return counts;
}

static void expect_counts(const char *text, uint64_t expectations, uint64_t failed, uint64_t malformed)
{
	char *messages;
	struct trace_counts c = check_bytes(text, strlen(text), &messages);
	if (c.expectations != expectations || c.failed != failed || c.malformed != malformed) {
		print_error("%s\nsaid: %s", text, messages);
		assert_int_equal(c.expectations, expectations);
		assert_int_equal(c.failed, failed);
		assert_int_equal(c.malformed, malformed);
	}
	free(messages);
}

static void expect_message(const char *text, const char *message)
{
	char *messages;
	check_bytes(text, strlen(text), &messages);
	assert_string_equal(messages, message);
	free(messages);
}

static void a_true_trace_holds(void **state)
{
	(void)state;
	expect_counts(good, GOOD_EXPECTATIONS, 0, 0);
}

static void each_expectation_fails_when_it_is_off_by_1e_8(void **state)
{
	(void)state;
	size_t perturbed = 0;
	for (const char *line = good, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *arrow = strstr(line, "->");
		if (!arrow || arrow > end)
			continue;
		for (const char *at = arrow; (at = strchr(at, '=')) && at < end; at++) {
			char *rest, text[sizeof good + 32];
			double want = strtod(at + 1, &rest);
			snprintf(text, sizeof text, "%.*s=%.17g%s", (int)(at - good), good, want * (1 + 1e-8), rest);
			expect_counts(text, GOOD_EXPECTATIONS, 1, 0);
			snprintf(text, sizeof text, "%.*s=%.17g%s", (int)(at - good), good, want * (1 - 1e-8), rest);
			expect_counts(text, GOOD_EXPECTATIONS, 1, 0);
			perturbed++;
		}
	}
	assert_int_equal(perturbed, GOOD_EXPECTATIONS);
}

static void a_failure_names_the_line_what_came_and_what_was_wanted(void **state)
{
	(void)state;
	expect_message(SCENE "resolve i 1 -> lbar=0.25 eta=0.5\n", "t:5: resolve i: lbar: got 0.5, want 0.25\n");
	expect_message(SCENE "pool-loss -> mean=1\n", "t:5: pool-loss: mean: got 0, want 1\n");
}

static void near_zero_the_floor_is_1e_12(void **state)
{
	(void)state;
	expect_counts(SCENE "pool-loss -> mean=9e-13\n", 2, 0, 0);
	expect_counts(SCENE "pool-loss -> mean=1.1e-12\n", 2, 1, 0);
}

static void tiny_weights_are_compared_by_their_own_size(void **state)
{
	(void)state;
	expect_counts("pool rate=fixed eta=0.5 entry=1e-6\nreport i A 1\nweight A -> w=1.00000001e-6\n", 1, 1, 0);
	expect_counts("pool rate=fixed eta=0.5 entry=1e-6\nreport i A 1\nweight A -> w=1.0000000001e-6\n", 1, 0, 0);
}

static void blanks_comments_crlf_and_a_missing_last_newline_do_not_matter(void **state)
{
	(void)state;
	expect_counts("# a comment\r\n\r\n  \t\npool  rate=fixed\teta=0.5   # set\r\n"
		      " report i A 1   \r\nreport i #1 0 # a name may begin so\r\n\n"
		      "close i -> n=2 mean=0.5 # and here\r\nweight #1 -> w=1",
		      3, 0, 0);
}

static void expectations_come_in_any_order_and_number(void **state)
{
	(void)state;
	expect_counts("pool\nreport i A 1\nreport i B 0\nclose i -> n=2 ess=2 mean=0.5\nresolve i 1\n"
		      "weight A\nweight B -> regret=-0.75\n",
		      4, 0, 0);
}

static void each_pool_line_starts_a_new_pool(void **state)
{
	(void)state;
	expect_counts("pool\nreport i A 1\nclose i -> n=1\npool rate=horizon horizon=100 c=2 entry=0.5\n"
		      "report i A 1\nclose i -> n=1\nweight A -> w=0.5\n",
		      3, 0, 0);
	expect_counts("pool\nreport i A 1\npool\nweight A -> w=1\n", 0, 1, 0);
}

static void a_second_report_revises_and_void_settles_nothing(void **state)
{
	(void)state;
	expect_counts("pool\nreport i A 1\nreport i B 0\nreport i A 0.5\nclose i -> mean=0.25 n=2\nvoid i\n"
		      "pool-loss -> mean=0\nweight A -> w=1 regret=0\n",
		      5, 0, 0);
}

static void unknown_keys_are_passed_over(void **state)
{
	(void)state;
	expect_counts(SCENE "resolve i 1 -> colour=3 lbar=0.5\n", 2, 0, 0);
	expect_counts(SCENE "resolve i 1 -> colour=3 lbar=0.25\n", 2, 1, 0);
	expect_counts("pool\nreport j A 1 -> mean=1\n", 0, 1, 0);
}

static void unknown_labelers_and_items_fail(void **state)
{
	(void)state;
	expect_counts(SCENE "weight C -> w=1\n", 1, 1, 0);
	expect_counts(SCENE "weight C\n", 1, 1, 0);
	expect_counts(SCENE "close j\n", 1, 1, 0);
	expect_counts(SCENE "resolve j 1\n", 1, 1, 0);
	expect_counts(SCENE "void j\n", 1, 1, 0);
}

static void events_that_the_state_forbids_fail(void **state)
{
	(void)state;
	expect_counts(SCENE "report i C 1\n", 1, 1, 0);
	expect_counts(SCENE "report i A 0\n", 1, 1, 0);
	expect_counts(SCENE "resolve i 1\nresolve i 1\n", 1, 1, 0);
	expect_counts(SCENE "resolve i 1\nvoid i\n", 1, 1, 0);
	expect_counts(SCENE "void i\nresolve i 1\n", 1, 1, 0);
}

static void malformed_lines_are_found_and_the_rest_is_still_checked(void **state)
{
	static const char *const bad[] = {
		"reprot i A 1", "report i A", "report i A 1 2", "report i A x", "report i A 1x", "report i A nan",
		"report i A inf", "report i A 1.5", "report i A -0.1", "report i \x01 1", "close", "close i j",
		"resolve i", "resolve i 2", "resolve i nan", "resolve i 1 1", "void", "weight", "weight A B",
		"pool-loss now", "weight A -> w", "weight A -> =1", "weight A -> w=", "weight A -> w=one",
		"weight A -> w=nan", "weight A -> w=inf", "-> w=1", "pool-loss -> mean=0x",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[512];
		snprintf(text, sizeof text, SCENE "%s\npool-loss -> mean=0\n", bad[i]);
		expect_counts(text, 2, 0, 1);
	}
}

static void pools_with_unknown_or_impossible_settings_are_malformed(void **state)
{
	static const char *const bad[] = {
		"pool rate=sometimes", "pool speed=1", "pool rate=fixed", "pool rate=horizon",
		"pool rate=fixed eta=0.6",
		"pool beta=0.9", "pool share=0.6", "pool c=x", "pool c", "pool entry=-1", "pool c=nan",
		"pool rate=fixed eta=0.1 horizon=5",
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[512];
		snprintf(text, sizeof text, "%s\n" SCENE, bad[i]);
		expect_counts(text, 1, 0, 1);
	}
	expect_counts("report i A 1\n", 0, 0, 1);
	/* Nothing that follows such a line may pass for the pool before it. */
	expect_counts(SCENE "pool speed=1\npool-loss -> mean=0\n", 1, 0, 2);
}

static void a_nul_byte_is_malformed(void **state)
{
	static const char text[] = "pool\nreport i A 1\nclose i -> n=1\nweight A\0 -> w=7\n";
	char *messages;
	(void)state;
	struct trace_counts c = check_bytes(text, sizeof text - 1, &messages);
	free(messages);
	assert_int_equal(c.expectations, 1);
	assert_int_equal(c.malformed, 1);
}

static void a_trace_that_expects_nothing_fails(void **state)
{
	(void)state;
	expect_counts("# nothing\n", 0, 1, 0);
	expect_counts("pool\nreport i A 1\nclose i\n", 0, 1, 0);
}

static void a_stream_that_cannot_be_read_is_an_error(void **state)
{
	struct trace_counts counts;
	FILE *in = fopen("/", "re");
	(void)state;
	assert_non_null(in);
	assert_true(trace_check(in, "t", stderr, NULL, &counts) < 0);
	fclose(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_true_trace_holds),
		cmocka_unit_test(each_expectation_fails_when_it_is_off_by_1e_8),
		cmocka_unit_test(a_failure_names_the_line_what_came_and_what_was_wanted),
		cmocka_unit_test(near_zero_the_floor_is_1e_12),
		cmocka_unit_test(tiny_weights_are_compared_by_their_own_size),
		cmocka_unit_test(blanks_comments_crlf_and_a_missing_last_newline_do_not_matter),
		cmocka_unit_test(expectations_come_in_any_order_and_number),
		cmocka_unit_test(each_pool_line_starts_a_new_pool),
		cmocka_unit_test(a_second_report_revises_and_void_settles_nothing),
		cmocka_unit_test(unknown_keys_are_passed_over),
		cmocka_unit_test(unknown_labelers_and_items_fail),
		cmocka_unit_test(events_that_the_state_forbids_fail),
		cmocka_unit_test(malformed_lines_are_found_and_the_rest_is_still_checked),
		cmocka_unit_test(pools_with_unknown_or_impossible_settings_are_malformed),
		cmocka_unit_test(a_nul_byte_is_malformed),
		cmocka_unit_test(a_trace_that_expects_nothing_fails),
		cmocka_unit_test(a_stream_that_cannot_be_read_is_an_error),
	};
	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
