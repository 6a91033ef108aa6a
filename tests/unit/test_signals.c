/* The signals that end the daemon and that it reloads for, as its loop sees them. */
#include <pthread.h>
#include <unistd.h>

#include "daemon/net/signals.h"
#include "tests/lib/unit.h"

struct fixture {
	uv_loop_t loop;
	struct signals signals;
	unsigned reloads, ends;
	const char *name; /* of the one that ended it */
};

static void on_end(void *arg, const char *name)
{
	struct fixture *x = arg;
	x->ends++;
	x->name = name;
}

static void on_reload(void *arg)
{
	((struct fixture *)arg)->reloads++;
}

/* Nothing here may end the test program. */
static int set_up(void **state)
{
	static struct fixture x;
	x = (struct fixture){.signals = {.end = on_end, .reload = on_reload, .arg = &x}};
	signals_block(NULL);
	assert_int_equal(uv_loop_init(&x.loop), 0);
	*state = &x;
	return 0;
}

/* What waits is gone for the next test. */
static int tear_down(void **state)
{
	static const int all[] = {SIGTERM, SIGINT, SIGHUP};
	struct fixture *x = *state;
	signals_close(&x->signals);
	signals_close(&x->signals);
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&x->loop), 0);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		signal(all[i], SIG_IGN);
		signal(all[i], SIG_DFL);
	}
	return 0;
}

static void start(struct fixture *x)
{
	assert_int_equal(signals_start(&x->signals, &x->loop), 0);
}

static void send_signal(int signum, unsigned times)
{
	while (times-- > 0)
		assert_int_equal(kill(getpid(), signum), 0);
}

static void turn(struct fixture *x)
{
	uv_run(&x->loop, UV_RUN_NOWAIT);
}

static void each_that_ends_it_is_told_by_its_name_and_once(void **state)
{
	struct fixture *x = *state;
	start(x);
	turn(x);
	assert_int_equal(x->ends + x->reloads, 0);
	assert_null(signals_waiting());
	send_signal(SIGINT, 3);
	assert_string_equal(signals_waiting(), "SIGINT");
	for (int i = 0; i < 3; i++)
		turn(x);
	assert_int_equal(x->ends, 1);
	assert_string_equal(x->name, "SIGINT");
	/* What comes later waits for ever, and nobody dies of it. */
	send_signal(SIGTERM, 1);
	send_signal(SIGHUP, 1);
	assert_int_equal(uv_run(&x->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(x->ends, 1);
	assert_int_equal(x->reloads, 0);
}

static void one_that_came_before_the_loop_is_told_too(void **state)
{
	struct fixture *x = *state;
	send_signal(SIGTERM, 1);
	assert_string_equal(signals_waiting(), "SIGTERM");
	start(x);
	turn(x);
	assert_int_equal(x->ends, 1);
	assert_string_equal(x->name, "SIGTERM");
}

static void many_of_one_kind_are_one_a_turn(void **state)
{
	struct fixture *x = *state;
	start(x);
	for (unsigned i = 1; i <= 3; i++) {
		send_signal(SIGHUP, 1000);
		turn(x);
		turn(x);
		assert_int_equal(x->reloads, i);
	}
	assert_int_equal(x->ends, 0);
}

static void what_ends_it_does_not_stand_behind_what_it_reloads_for(void **state)
{
	struct fixture *x = *state;
	start(x);
	send_signal(SIGHUP, 1000);
	send_signal(SIGTERM, 1);
	send_signal(SIGHUP, 1000);
	turn(x);
	assert_int_equal(x->ends, 1);
	assert_int_equal(x->reloads, 0);
}

static void *look_at_mask(void *arg)
{
	sigset_t *blocked = arg;
	pthread_sigmask(SIG_BLOCK, NULL, blocked);
	return NULL;
}

static void threads_that_begin_later_take_none(void **state)
{
	pthread_t thread;
	sigset_t blocked;
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, look_at_mask, &blocked), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGHUP));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_that_ends_it_is_told_by_its_name_and_once),
		TEST(one_that_came_before_the_loop_is_told_too),
		TEST(many_of_one_kind_are_one_a_turn),
		TEST(what_ends_it_does_not_stand_behind_what_it_reloads_for),
		TEST(threads_that_begin_later_take_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
