/* Each operation fails in turn while a database is made, brought to this program's tables, loaded or verified: that
 * says so without blaming the file, and the next start finds all that was there. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/engine/state.h"
#include "daemon/db/migrate.h"
#include "daemon/offline/verify.h"
#include "lib/base/log.h"
#include "tests/lib/fake_owner.h"
#include "tests/lib/files.h"
#include "tests/lib/fault.h"
#include "tests/lib/fault_heap.h"
#include "tests/lib/fault_play.h"
#include "tests/lib/fault_vfs.h"
#include "tests/lib/proof.h"

static uint64_t injected;
static unsigned errors_logged;

static void on_log(enum log_level level, const char *line)
{
	(void)line;
	errors_logged += level == LOG_ERROR;
}

/* What is started on, and the state that it has. */
struct file {
	struct fake_owner image;
	char *state;
};

#define demand(fault, condition, ...)                                \
	do {                                                         \
		if (!(condition)) {                                  \
			print_error("%s: ", fault_describe(&fault)); \
			print_error(__VA_ARGS__);                    \
			print_error("\n");                           \
			fail();                                      \
		}                                                    \
	} while (0)

static void check_error(struct fault fault, int err)
{
	if (fault.kind >= FAULT_FILE_KINDS)
		demand(fault, err == -ENOMEM, "it fails with: %s", candor_strerror(err));
	else
		demand(fault, err == ERR_DATABASE || err == ERR_DISK_FULL, "it fails with: %s", candor_strerror(err));
	if (fault.how == FAULT_NO_ROOM && (fault.kind == FAULT_WRITE || fault.kind == FAULT_SHM_MAP))
		demand(fault, err == ERR_DISK_FULL, "a full disk is told as: %s", candor_strerror(err));
}

/* Whatever the start has come to, the next one finds the same. */
static void check_next(struct fault fault, struct fake_owner *f, const char *want)
{
	int err = fake_try_start(f);
	demand(fault, err == 0, "the next start fails: %s", candor_strerror(err));
	char *state = fake_state(f);
	demand(fault, strcmp(state, want) == 0, "the next start finds another state:\n%s", state);
	free(state);
	demand(fault, fake_verify(f) == 0, "it does not verify");
}

static uint64_t start_with(const struct file *file, struct fault fault)
{
	struct fake_owner f;
	errors_logged = 0;
	fake_place_copy(&f, &file->image);
	fault_arm(&fault);
	int err = fake_try_start(&f);
	fault_pause();
	if (err == 0) {
		char *state = fake_state(&f);
		demand(fault, strcmp(state, file->state) == 0, "it starts with another state:\n%s", state);
		free(state);
		fault_resume();
		fake_stop(&f);
		fault_pause();
	} else {
		check_error(fault, err);
	}
	fault_resume();
	fault_arm(NULL);
	check_next(fault, &f, file->state);
	fake_deinit(&f);
	return fault_injected();
}

static uint64_t verify_with(const struct file *file, struct fault fault)
{
	struct fake_owner f;
	errors_logged = 0;
	fake_place_copy(&f, &file->image);
	fault_arm(&fault);
	int err = fake_verify(&f);
	fault_arm(NULL);
	uint64_t struck = fault_injected();
	demand(fault, err == 0 || errors_logged > 0, "it fails without a word: %s", candor_strerror(err));
	if (err)
		check_error(fault, err);
	check_next(fault, &f, file->state);
	fake_deinit(&f);
	return struck;
}

/* Every kind, every n, once and lasting; bounded, every few, or fewer of something that is long. */
static void every_fault(const struct file *file, uint64_t (*play)(const struct file *file, struct fault fault),
			uint64_t length)
{
	uint64_t calls = 0, before = injected;
	fault_reset();
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		/* SQLite asks for memory a thousand times where it asks for a file once. */
		uint64_t step = kind == FAULT_SQLITE_MEMORY ? proof_size(1999 * length, 397 * length, 41)
							    : proof_size(83 * length, 13 * length, 2);
		for (int how = FAULT_BROKEN; how <= FAULT_SHORT; how++)
			for (int lasting = 0; lasting < 2; lasting++) {
				if (how == FAULT_SHORT && kind != FAULT_WRITE)
					continue;
				if (how != FAULT_BROKEN && kind >= FAULT_FILE_KINDS)
					continue;
				struct fault fault = {kind, how, 1 + calls++ % step, lasting};
				for (uint64_t struck = 1; struck > 0; fault.nth += step)
					injected += struck = play(file, fault);
			}
	}
	assert_true(injected > before);
}

static void take_state(struct file *file)
{
	struct fake_owner f;
	fake_place_copy(&f, &file->image);
	fake_start(&f);
	file->state = fake_state(&f);
	fake_deinit(&f);
}

static void drop(struct file *file)
{
	free(file->state);
	fake_deinit(&file->image);
}

static void a_start_on_nothing(void **state)
{
	(void)state;
	struct file file;
	struct engine_limits limits = fake_roomy_limits();
	fake_place(&file.image, &limits);
	take_state(&file);
	every_fault(&file, start_with, 1);
	drop(&file);
}

static void a_start_on_a_database(void **state)
{
	(void)state;
	struct file file;
	play_make_image(&file.image);
	take_state(&file);
	every_fault(&file, start_with, 1);
	drop(&file);
}

/* The log has what the database has not yet. */
static void a_start_after_a_crash(void **state)
{
	(void)state;
	struct file file;
	struct fake_owner running;
	play_make_image(&running);
	fake_start(&running);
	assert_int_equal(fake_post(&running, "p", "o1", "late", 0.5), CANDOR_OK);
	assert_int_equal(fake_resolve(&running, "p", "o2", 1), CANDOR_OK);
	fake_place_copy(&file.image, &running);
	fake_deinit(&running);
	take_state(&file);
	every_fault(&file, start_with, 1);
	drop(&file);
}

/* A database of each earlier schema, which the start brings to the present one: it replays all of its history. */
static void a_migration(void **state)
{
	(void)state;
	struct engine_limits limits = fake_roomy_limits();
	for (int version = 1; version < MIGRATE_VERSION; version++) {
		char path[64];
		struct file file;
		snprintf(path, sizeof path, "tests/schemas/%d.db", version);
		fake_place(&file.image, &limits);
		assert_true(files_copy(path, file.image.path));
		take_state(&file);
		every_fault(&file, start_with, 8);
		drop(&file);
	}
}

static void a_verification(void **state)
{
	(void)state;
	struct file file;
	play_make_image(&file.image);
	take_state(&file);
	every_fault(&file, verify_with, 1);
	drop(&file);
}

static int set_up(void **state)
{
	(void)state;
	fault_vfs_install();
	log_set_sink(on_log);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	fault_vfs_remove();
	proof_say("faults injected in starts and verifications", injected);
	return 0;
}

int main(void)
{
	fault_heap_install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_on_nothing),    cmocka_unit_test(a_start_on_a_database),
		cmocka_unit_test(a_start_after_a_crash), cmocka_unit_test(a_migration),
		cmocka_unit_test(a_verification),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
