/* Each allocation fails in turn, while an engine takes reports, closes, settles and answers. */
#include "tests/lib/unit.h"

#include "tests/lib/fault_heap.h"
#include "tests/lib/fault_play.h"
#include "tests/lib/proof.h"

static void sqlite_runs_out_of_memory(void **state)
{
	(void)state;
	play_every(FAULT_SQLITE_MEMORY, FAULT_BROKEN, false, false);
	play_every(FAULT_SQLITE_MEMORY, FAULT_BROKEN, true, false);
}

static void all_else_runs_out_of_memory(void **state)
{
	(void)state;
	play_every(FAULT_MEMORY, FAULT_BROKEN, false, false);
	play_every(FAULT_MEMORY, FAULT_BROKEN, true, false);
}

static int tear_down(void **state)
{
	proof_say("faults injected in memory, by an engine's operations", play_injected());
	return play_tear_down(state);
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_else_runs_out_of_memory, play_reset),
		cmocka_unit_test_setup(sqlite_runs_out_of_memory, play_reset),
	};
	return cmocka_run_group_tests(tests, play_set_up, tear_down);
}
