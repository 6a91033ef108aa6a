/* Outcomes that are settled together, second verdicts, what items are now and labels: over the socket and by the command
 * line, across restarts. */
#include <stdlib.h>

#include "tests/lib/calls.h"
#include "tests/lib/command.h"

/* Items a and b, closed, c and d, open, of three labelers. */
static void fill(struct command *c)
{
	static const char *const items[] = {"a", "b", "c", "d"}, *const labelers[] = {"ann", "bob", "carl"};
	struct candor *s = daemon_connect(&c->daemon);
	call_create_pool(s, "p");
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 3; k++)
			call_report(s, "p", items[i], labelers[k], (double)(1 + (i * 3 + k * 5) % 7) / 8);
	call_on_item(s, CANDOR_REQ_CLOSE_ITEMS, "p", "a");
	call_on_item(s, CANDOR_REQ_CLOSE_ITEMS, "p", "b");
	daemon_disconnect(&c->daemon, s);
}

static void restart(struct command *c, bool kill)
{
	if (kill)
		daemon_kill(&c->daemon);
	else
		assert_int_equal(daemon_stop(&c->daemon), 0);
	daemon_start(&c->daemon, NULL);
}

static void a_block_is_settled_as_one_and_stays_so(void **state)
{
	struct command *c = *state;
	fill(c);
	assert_candor(c, 0, "resolve", "p", "--together", "b=1", "c=0", "--json");
	assert_number(c, "accepted", 2);
	double weights[2][3];
	static const char *const labelers[] = {"ann", "bob", "carl"};
	for (int round = 0; round < 3; round++) {
		if (round > 0)
			restart(c, round == 1);
		for (int k = 0; k < 3; k++) {
			assert_candor(c, 0, "labeler", "p", labelers[k], "--json");
			weights[round > 0][k] = command_number(c, "weight");
		}
		assert_memory_equal(weights[0], weights[round > 0], sizeof weights[0]);
		/* Again it changes nothing, and a part of it is something else. */
		assert_candor(c, 0, "resolve", "p", "--together", "c=0", "b=1", "--json");
		assert_number(c, "duplicates", 2);
		assert_candor(c, 3, "resolve", "p", "--together", "b=1", "a=1", "--json");
		command_failed(c, "failed-precondition", "row 0 (item 'b'): the item is already resolved");
		assert_candor(c, 0, "query", "p", "b", "c", "--json");
		assert_number(c, "items.0.block", 1);
		assert_number(c, "items.1.block", 1);
		assert_number(c, "items.1.round", 2);
	}
	assert_candor(c, 3, "resolve", "p", "--together", "a=1", "nobody=0", "--json");
	command_failed(c, "not-found", "row 1 (item 'nobody')");
	assert_candor(c, 0, "query", "p", "a", "--json");
	json_t *item = command_document(c);
	assert_text_at(item, "items.0.state", "closed");
	json_decref(item);
}

static void now_and_labels_move_with_what_was_learned(void **state)
{
	struct command *c = *state;
	fill(c);
	assert_candor(c, 0, "query", "p", "a", "--now", "--json");
	double frozen = command_number(c, "items.0.forecast");
	assert_number(c, "items.0.now.forecast", frozen);
	assert_number(c, "items.0.label", frozen);
	assert_candor(c, 0, "resolve", "p", "--together", "b=1", "c=0");
	assert_candor(c, 0, "query", "p", "a", "--now", "--json");
	double now = command_number(c, "items.0.now.forecast");
	assert_number(c, "items.0.forecast", frozen);
	assert_true(now != frozen);
	restart(c, true);
	assert_candor(c, 0, "feed", "p", "--now", "--json");
	json_t *lines = command_lines(c);
	assert_near(command_number_at(lines, "0.now.forecast"), now, 0);
	assert_near(command_number_at(lines, "0.label"), now, 0);
	assert_near(command_number_at(lines, "1.label"), 1, 0);
	json_decref(lines);
}

static void rechecks_are_counted_and_outlive_restarts(void **state)
{
	struct command *c = *state;
	fill(c);
	assert_candor(c, 0, "resolve", "p", "a=1", "b=0");
	assert_candor(c, 0, "recheck", "p", "a=0", "b=0", "--json");
	assert_number(c, "accepted", 2);
	for (int round = 0; round < 2; round++) {
		assert_candor(c, 0, "pool", "show", "p", "--json");
		assert_number(c, "rechecks.n", 2);
		assert_number(c, "rechecks.disagree", 1);
		assert_candor(c, 0, "query", "p", "a", "--json");
		assert_number(c, "items.0.recheck", 0);
		assert_candor(c, 0, "recheck", "p", "a", "0", "--json");
		assert_number(c, "duplicates", 1);
		assert_candor(c, 1, "recheck", "p", "a", "1");
		assert_says(c->err, "already rechecked with 0");
		restart(c, round == 0);
	}
	assert_candor(c, 0, "audit", "--pool", "p");
	assert_says(c->out, "recheck");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, command_set_up, command_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_is_settled_as_one_and_stays_so),
		TEST(now_and_labels_move_with_what_was_learned),
		TEST(rechecks_are_counted_and_outlive_restarts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
