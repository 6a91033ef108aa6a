/* What the daemon makes of the clock. */
#include "tests/lib/unit.h"

#include "daemon/net/server.h"

static uint64_t at(int64_t seconds, int64_t microseconds)
{
	return server_time_ms(&(struct timeval){.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)microseconds});
}

static void every_clock_gives_a_time_that_is_one(void **state)
{
	(void)state;
	assert_int_equal(at(1700000000, 123999), 1700000000123);
	assert_int_equal(at(0, 999), 1);
	assert_int_equal(at(0, 1000), 1);
	assert_int_equal(at(0, 2000), 2);
	assert_int_equal(at(-1, 999999), 1);
	assert_int_equal(at(INT64_MIN, 0), 1);
	assert_int_equal(at(253402300799, 999999), 253402300799999);
	assert_int_equal(at(253402300800, 0), 253402300799000);
	assert_int_equal(at(INT64_MAX, 0), 253402300799000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_clock_gives_a_time_that_is_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
