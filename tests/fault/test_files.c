/* Each operation on files fails in turn, while an engine takes reports, closes, settles and answers. */
#include "tests/lib/unit.h"

#include "tests/lib/fault_play.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/proof.h"

/* What a test before has left when it failed. */
static int reset(void **state)
{
	(void)state;
	fault_reset();
	return 0;
}

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
	proof_say("faults injected in files, by an engine's operations", play_injected());
	return 0;
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
		cmocka_unit_test_setup(a_read_that_fails, reset),
		cmocka_unit_test_setup(a_write_that_fails, reset),
		cmocka_unit_test_setup(a_sync_that_fails, reset),
		cmocka_unit_test_setup(a_truncation_that_fails, reset),
		cmocka_unit_test_setup(a_size_that_cannot_be_had, reset),
		cmocka_unit_test_setup(a_lock_that_cannot_be_had, reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_opened, reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_removed, reset),
		cmocka_unit_test_setup(a_file_that_cannot_be_looked_for, reset),
		cmocka_unit_test_setup(shared_memory_that_cannot_be_had, reset),
		cmocka_unit_test_setup(a_lock_on_shared_memory_that_cannot_be_had, reset),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
