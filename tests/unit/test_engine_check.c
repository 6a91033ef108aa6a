/* engine_check(): memory that is as it should be passes, and each invariant that is broken on purpose is found. */
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/engine/check.h"
#include "daemon/engine/engine.h"
#include "tests/lib/fake_owner.h"

struct world {
	struct fake_owner f;
	struct ask *committing, *waiting, *loading;
};

static struct ask *ask_post(struct fake_owner *f, const char *item)
{
	const struct candor_report row = {item, "bob", 0.5};
	return fake_ask(
		f, &(struct candor_request){.type = CANDOR_REQ_POST_REPORTS, .pool = "p", .n = 1, .reports = &row});
}

/* Two pools with open and idle items, a commit under way, an answer that waits for the next one, and a load. */
static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_non_null(w);
	struct engine_limits limits = fake_roomy_limits();
	limits.quota.open_items = 100;
	fake_init(&w->f, &limits);
	fake_pool(&w->f, "p", NULL);
	fake_pool(&w->f, "q", NULL);
	for (int i = 0; i < 6; i++) {
		char item[16];
		snprintf(item, sizeof item, "i%d", i);
		assert_int_equal(fake_post(&w->f, "p", item, "ann", 0.25), CANDOR_OK);
		if (i % 2)
			assert_int_equal(fake_close(&w->f, "p", item), CANDOR_OK);
	}
	/* Known to memory, so that its report need not wait for a load. */
	assert_null(fake_query(&w->f, "p", "new"));
	w->committing = ask_post(&w->f, "i0");
	assert_true(fake_tick(&w->f));
	w->waiting = ask_post(&w->f, "new");
	assert_true(w->waiting->replied && !w->waiting->settled);
	w->loading = ask_post(&w->f, "elsewhere");
	assert_int_equal(w->loading->outcome, ENGINE_BLOCKED);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	fake_read_done(&w->f, 0);
	if (w->f.batch)
		fake_commit(&w->f, 0);
	fake_settle(&w->f);
	ask_free(w->committing);
	ask_free(w->waiting);
	ask_free(w->loading);
	fake_deinit(&w->f);
	free(w);
	return 0;
}

/* Whether engine_check() ends a program in which `spoil` was done (NULL: nothing). */
static bool is_found(struct engine *e, void (*spoil)(struct engine *e))
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		signal(SIGABRT, SIG_DFL);
		dup2(null, STDERR_FILENO);
		if (spoil)
			spoil(e);
		engine_check(e);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	else
		assert_int_equal(WTERMSIG(status), SIGABRT);
	return WIFSIGNALED(status);
}

static void memory_that_is_in_order_passes(void **state)
{
	struct world *w = *state;
	assert_false(is_found(w->f.engine, NULL));
	fake_commit(&w->f, 0);
	assert_false(is_found(w->f.engine, NULL));
	assert_true(fake_tick(&w->f));
	assert_false(is_found(w->f.engine, NULL));
}

#define SPOIL(name, ...)                   \
	static void name(struct engine *e) \
	{                                  \
		__VA_ARGS__;               \
	}
SPOIL(bytes_of_pools, e->pools_bytes++)
SPOIL(bytes_of_a_pool, (e->pools_bytes++, e->pools[0]->bytes++))
SPOIL(bytes_of_loads, e->loads_bytes++)
SPOIL(loads_without_reads, e->reads = 0)
SPOIL(number_of_idle_items, e->n_resident++)
SPOIL(reports_of_idle_items, e->resident_reports++)
SPOIL(an_open_item_among_the_idle, e->resident.first->state = CANDOR_OPEN)
SPOIL(a_list_that_does_not_end_where_it_says, e->resident.last = e->resident.first)
SPOIL(rows_of_the_log, e->progress.log_rows++)
SPOIL(live_rows_of_the_log, e->live_log_rows--)
SPOIL(an_idle_item_in_the_log, e->logged.first->state = CANDOR_CLOSED)
SPOIL(the_order_of_items_in_the_log, e->logged.last->own.first_logged = 1)
SPOIL(removals, e->removals++)
SPOIL(a_pools_place, e->pools[0]->id = 2)
SPOIL(a_pools_name, e->pools[0]->name[0] = 'q')
SPOIL(a_pools_newest_change, e->pools[1]->changed = e->progress.changes + 1)
SPOIL(a_pools_closes, e->pools[0]->closes = 0)
SPOIL(what_is_archived, e->pools[0]->archive.last = 1000)
SPOIL(an_item_that_nobody_has, e->n_pools--)
SPOIL(open_items_of_principals, for (int i = 0; i < 100; i++) quota_opened(e->quota, 1))
SPOIL(what_is_on_disk, e->committed = e->committing->last_change + 1)
SPOIL(changes_that_no_batch_has, e->progress.changes++)
SPOIL(one_batch_for_two, e->committing = e->filling)
SPOIL(a_batch_that_is_forgotten, e->committing = NULL)
SPOIL(a_probe_without_need, e->probing = true)
SPOIL(the_end_of_those_who_wait, e->filling->last_waiter = &e->filling->waiters)
SPOIL(somebody_who_is_not_told, e->filling->waiters->on_durable = NULL)
SPOIL(the_newest_change_of_grants, e->grants_changed = e->progress.changes + 1)

static void each_broken_invariant_is_found(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *what;
		void (*spoil)(struct engine *e);
	} all[] = {
#define ROW(name) {#name, name}
		ROW(bytes_of_pools),
		ROW(bytes_of_a_pool),
		ROW(bytes_of_loads),
		ROW(loads_without_reads),
		ROW(number_of_idle_items),
		ROW(reports_of_idle_items),
		ROW(an_open_item_among_the_idle),
		ROW(a_list_that_does_not_end_where_it_says),
		ROW(rows_of_the_log),
		ROW(live_rows_of_the_log),
		ROW(an_idle_item_in_the_log),
		ROW(the_order_of_items_in_the_log),
		ROW(removals),
		ROW(a_pools_place),
		ROW(a_pools_name),
		ROW(a_pools_newest_change),
		ROW(a_pools_closes),
		ROW(what_is_archived),
		ROW(an_item_that_nobody_has),
		ROW(open_items_of_principals),
		ROW(what_is_on_disk),
		ROW(changes_that_no_batch_has),
		ROW(one_batch_for_two),
		ROW(a_batch_that_is_forgotten),
		ROW(a_probe_without_need),
		ROW(the_end_of_those_who_wait),
		ROW(somebody_who_is_not_told),
		ROW(the_newest_change_of_grants),
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!is_found(w->f.engine, all[i].spoil))
			fail_msg("engine_check() does not find this: %s", all[i].what);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_that_is_in_order_passes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_broken_invariant_is_found, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("engine_check", tests, NULL, NULL);
}
