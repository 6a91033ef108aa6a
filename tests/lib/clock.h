/* clock.h - time for tests and benches: how late it is, and waiting. Any thread. */
#ifndef CANDOR_TESTS_CLOCK_H
#define CANDOR_TESTS_CLOCK_H

#include <time.h>

/* Seconds since some moment. */
static inline double clock_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void nap_ms(double ms)
{
	struct timespec rest = {.tv_sec = (time_t)(ms / 1000)};
	rest.tv_nsec = (long)((ms - 1000 * (double)rest.tv_sec) * 1e6);
	nanosleep(&rest, NULL);
}

#endif
