/* quota.h - how much each principal may ask for: rates of requests, reports and bytes, and a number of open items.
 *
 * A rate is a bucket that holds what one second brings. A principal with anything left in it passes and pays the whole
 * cost, even where that is more than is left: then it waits until the debt is paid. So a request larger than a second's
 * worth is possible, and none is free. A principal that does not pass pays nothing.
 *
 * Pure: no I/O and no clock, time is passed in. One thread, the loop's. */
#ifndef CANDOR_QUOTA_H
#define CANDOR_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum quota_rate { QUOTA_REQUESTS, QUOTA_REPORTS, QUOTA_BYTES, QUOTA_RATES };

enum {
	QUOTA_PRINCIPALS_MAX = 65536, /* known at a time: with open items, or with a bucket not yet full again */
	QUOTA_FULL_WAIT_MS = 1000, /* what others are told to wait */
	QUOTA_NOBODY = 0, /* the id of no principal */
};

#define QUOTA_RATE_MAX ((uint64_t)1 << 40)

/* For one principal; 0: no limit. */
struct quota_limits {
	uint64_t rates[QUOTA_RATES]; /* a second; at most QUOTA_RATE_MAX counts */
	uint64_t open_items;
};

struct quota;

/* key: as for names_new(). 0 or -ENOMEM. */
MUST_CHECK int quota_new(struct quota **out, const struct quota_limits *limits, const uint8_t *key);
void quota_free(struct quota *q); /* NULL is allowed */

/* Memory taken. */
size_t quota_bytes(const struct quota *q);

const struct quota_limits *quota_limits(const struct quota *q);

/* Pays a cost by each rate (0: nothing, and that rate is not looked at). 1: it passes. 0: it does not, and
 * nothing was taken; the same may pass in *wait_ms, which is at least 1, by *rate, the one that takes longest
 * (QUOTA_RATES: too many principals are known). Or -ENOMEM. A clock that goes back gives nothing and takes nothing. */
MUST_CHECK int quota_take(struct quota *q, const char *principal, const uint64_t cost[QUOTA_RATES], uint64_t now_ms,
			  enum quota_rate *rate, uint32_t *wait_ms);

/* How long until quota_take() would pass by every rate, whatever the cost; 0: now. Changes nothing. */
uint32_t quota_spent_ms(const struct quota *q, const char *principal, uint64_t now_ms);

/* The id of a principal that opens items: 0; or -ENOMEM or ERR_FULL (too many principals are known), and then
 * QUOTA_NOBODY. Good until the next quota_take() or quota_find(), and while it has open items. */
MUST_CHECK int quota_find(struct quota *q, const char *principal, uint64_t now_ms, uint32_t *id);

/* Whether the principal may open one more. */
bool quota_may_open(const struct quota *q, uint32_t id);

/* One more, or one less; nothing for QUOTA_NOBODY. */
void quota_opened(struct quota *q, uint32_t id);
void quota_closed(struct quota *q, uint32_t id);

/* Of all principals together. */
uint64_t quota_open_items(const struct quota *q);

/* Sets all counts of open items to 0: they will be counted anew. */
void quota_forget_items(struct quota *q);

#endif
