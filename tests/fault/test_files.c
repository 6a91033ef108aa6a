/* Each operation on files fails in turn, while an engine takes reports, closes, settles and answers. */
#include "tests/lib/unit.h"

#include "tests/lib/fault_play.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/proof.h"

static uint64_t injected;

static int set_up(void **state)
{
	(void)state;
	fault_vfs_install();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fault_vfs_remove();
	proof_say("faults injected in files, by an engine's operations", injected);
	return 0;
}

/* Every n of the kind, until a round has met no fault. */
static void every(enum fault_kind kind, enum fault_how how, bool lasting, bool many)
{
	struct play p;
	play_init(&p, many);
	for (struct fault fault = {kind, how, 1, lasting};; fault.nth++) {
		uint64_t struck = play_round(&p, &fault);
		injected += struck;
		if (struck == 0)
			break;
	}
	play_deinit(&p);
}

static void a_write_that_fails(void **state)
{
	(void)state;
	every(FAULT_WRITE, FAULT_BROKEN, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_fails),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
