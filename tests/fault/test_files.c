/* Each operation on files fails in turn, while an engine takes reports, closes, settles and answers. */
#include "tests/lib/unit.h"

#include "tests/lib/fault_play.h"
#include "tests/lib/proof.h"

static int tear_down(void **state)
{
	proof_say("faults injected in files, by an engine's operations", play_injected());
	return play_tear_down(state);
}

/* Each way in which an operation of the kind can fail: once, and from then on. */
static void each_way(enum fault_kind kind)
{
	for (int lasting = 0; lasting < 2; lasting++)
		for (int many = 0; many < 2; many++) {
			play_every(kind, FAULT_BROKEN, lasting, many);
			play_every(kind, FAULT_NO_ROOM, lasting, many);
			if (kind == FAULT_WRITE)
				play_every(kind, FAULT_SHORT, lasting, many);
		}
}

#define KIND(name, kind)               \
	static void name(void **state) \
	{                              \
		(void)state;           \
		each_way(kind);        \
	}

KIND(a_read_that_fails, FAULT_READ)
KIND(a_write_that_fails, FAULT_WRITE)
KIND(a_sync_that_fails, FAULT_SYNC)
KIND(a_truncation_that_fails, FAULT_TRUNCATE)
KIND(a_size_that_cannot_be_had, FAULT_SIZE)
KIND(a_lock_that_cannot_be_had, FAULT_LOCK)
KIND(a_file_that_cannot_be_opened, FAULT_OPEN)
KIND(a_file_that_cannot_be_removed, FAULT_DELETE)
KIND(a_file_that_cannot_be_looked_for, FAULT_ACCESS)
KIND(shared_memory_that_cannot_be_had, FAULT_SHM_MAP)
KIND(a_lock_on_shared_memory_that_cannot_be_had, FAULT_SHM_LOCK)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_read_that_fails, play_reset),
		cmocka_unit_test_setup(a_write_that_fails, play_reset),
		cmocka_unit_test_setup(a_sync_that_fails, play_reset),
		cmocka_unit_test_setup(a_truncation_that_fails, play_reset),
		cmocka_unit_test_setup(a_size_that_cannot_be_had, play_reset),
		cmocka_unit_test_setup(a_lock_that_cannot_be_had, play_reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_opened, play_reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_removed, play_reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_looked_for, play_reset),
		cmocka_unit_test_setup(shared_memory_that_cannot_be_had, play_reset),
		cmocka_unit_test_setup(a_lock_on_shared_memory_that_cannot_be_had, play_reset),
	};
	return cmocka_run_group_tests(tests, play_set_up, tear_down);
}
