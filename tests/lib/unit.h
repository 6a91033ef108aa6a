/* unit.h - cmocka, and what it lacks: doubles compared as doubles, and skips that say why.
 *
 * For test programs only; a failed assertion jumps out of the test as cmocka's own do. */
#ifndef CANDOR_UNIT_H
#define CANDOR_UNIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* |got - want| <= slack; false for NaN. */
#define assert_near(got, want, slack)                                                                                  \
	do {                                                                                                           \
		double got_ = (got), want_ = (want), slack_ = (slack);                                                 \
		if (!(fabs(got_ - want_) <= slack_)) {                                                                 \
			print_error("%s is %.17g, not %.17g within %g\n", #got, got_, want_, slack_);                  \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

/* got <= limit; false for NaN. */
#define assert_at_most(got, limit)                                                                                     \
	do {                                                                                                           \
		double got_ = (got), limit_ = (limit);                                                                 \
		if (!(got_ <= limit_)) {                                                                               \
			print_error("%s is %.17g, above %.17g\n", #got, got_, limit_);                                 \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

/* Equal to the last bit: 0 and -0 differ, NaN equals itself. */
#define assert_same_bits(got, want)                                                                                    \
	do {                                                                                                           \
		double got_ = (got), want_ = (want);                                                                   \
		if (memcmp(&got_, &want_, sizeof got_) != 0) {                                                         \
			print_error("%s is %a, not %a\n", #got, got_, want_);                                          \
			fail();                                                                                        \
		}                                                                                                      \
	} while (0)

#define skip_because(reason)                                                                                           \
	do {                                                                                                           \
		print_message("# SKIPPED: %s: %s\n", __func__, reason);                                                \
		skip();                                                                                                \
	} while (0)

#endif
