/* SIGKILL of the real daemon under load, at any moment of its life: whatever it acknowledged is there when it is started
 * again, whatever it did not is there wholly or not at all, and asking again doubles nothing. */
#include <signal.h>

#include "tests/lib/load.h"
#include "tests/lib/proof.h"
#include "tests/lib/seed.h"
#include "tests/lib/unit.h"

static int set_up(void **state)
{
	static struct load l;
	load_init(&l, seed_of_test(20));
	*state = &l;
	return 0;
}

static int tear_down(void **state)
{
	struct load *l = *state;
	load_free(l);
	daemon_deinit(&l->daemon);
	return 0;
}

static uint64_t one_round(struct load *l)
{
	double ms = random_scale(&l->random, 1, 60);
	load_run(l, random_below(&l->random, 8) == 0 ? LOAD_STOP_AND_KILL : LOAD_KILL, ms, 0);
	while (random_below(&l->random, 8) == 0)
		load_kill_start(l);
	load_start(l);
	return load_check(l, false);
}

static void nothing_acknowledged_is_lost_however_the_daemon_is_killed(void **state)
{
	struct load *l = *state;
	uint64_t rounds = proof_size(20, 200, 2000), wrong = 0;
	for (uint64_t round = 1; round <= rounds && wrong == 0; round++)
		wrong = one_round(l);
	if (wrong == 0)
		wrong = load_check(l, true);
	struct load_counts counts = load_counts(l);
	proof_say("processes killed", l->kills);
	proof_say("acknowledged rows checked", counts.rows_checked);
	proof_say("acknowledged rows lost", wrong);
	assert_int_equal(wrong, 0);
	assert_true(counts.requests_acknowledged > rounds);
	assert_int_equal(daemon_stop(&l->daemon), 0);
	assert_int_equal(daemon_verify(&l->daemon), 0);
}

#define KILL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KILL(nothing_acknowledged_is_lost_however_the_daemon_is_killed),
	};
	/* The client library asks that of programs that use its asynchronous form. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
