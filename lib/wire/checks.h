/* checks.h - what is wrong with a value that was read: the sentences of the tables' rows, without the field's name.
 *
 * For tables.c only, whose compiled-in walks inline them. NULL: nothing is wrong. Pure; any thread. */
#ifndef CANDOR_WIRE_CHECKS_H
#define CANDOR_WIRE_CHECKS_H

#include <assert.h>
#include <math.h>

#include "lib/base/text.h"
#include "lib/message.h"
#include "lib/rights.h"

static inline const char *optional_name_fault(const char *text, size_t len)
{
	return len ? name_fault(text, len) : NULL;
}

static inline const char *new_token_principal_fault(const char *text, size_t len)
{
	(void)text;
	return len ? "must be empty; the grant is for the new token" : NULL;
}

static inline const char *cursor_fault(const char *text, size_t len)
{
	(void)text; /* what it says is looked at where it is used */
	return len > CANDOR_NAME_MAX ? "is too long; it must be empty, or the `next` of an earlier answer" : NULL;
}

/* Of a name or a cursor in an answer, which a request must be able to carry back. */
static inline const char *short_fault(const char *text, size_t len)
{
	return len > CANDOR_NAME_MAX ? "is too long" : text_fault(text, len);
}

static inline const char *probability_fault(const void *member)
{
	const double x = *(const double *)member;
	if (isnan(x))
		return "is missing, or not a number; it must be from 0 to 1";
	return x >= 0 && x <= 1 ? NULL : "is out of range; it must be from 0 to 1";
}

static inline const char *protocol_fault(const void *member)
{
	return *(const uint32_t *)member == CANDOR_PROTOCOL ? NULL : "is not supported by this daemon; it must be 1";
}

static inline const char *limit_fault(const void *member)
{
	return *(const uint32_t *)member <= CANDOR_PAGE_MAX
		       ? NULL
		       : "is too large; it must be from 1 to 1000, or 0 for the default of 100";
}

static inline const char *wait_fault(const void *member)
{
	static_assert(CANDOR_WAIT_MAX_MS == 60000, "the sentence says so");
	return *(const uint64_t *)member <= CANDOR_WAIT_MAX_MS
		       ? NULL
		       : "is too large; it must be at most 60000 milliseconds, or 0 for an answer at once";
}

static inline const char *sort_fault(const void *member)
{
	return *(const uint32_t *)member <= CANDOR_BY_NAME
		       ? NULL
		       : "is unknown; it must be WEIGHT, REGRET, LOSS, SCORED or NAME";
}

static inline const char *round_fault(const void *member)
{
	return *(const uint64_t *)member ? NULL : "is missing; it must be the last round to archive";
}

/* SQLite's numbers have a sign. */
static inline const char *sequence_fault(const void *member)
{
	return *(const uint64_t *)member <= CANDOR_SEQUENCE_MAX
		       ? NULL
		       : "is too large; it must be from 1 to 9223372036854775807";
}

static inline const char *expiry_fault(const void *member)
{
	return *(const uint64_t *)member <= CANDOR_TIME_MAX
		       ? NULL
		       : "is too large; it must be milliseconds since 1970, at most 253402300799999 (the end of the "
			 "year 9999), or 0 for never";
}

static inline const char *state_fault(const void *member)
{
	return *(const uint32_t *)member <= CANDOR_VOID ? NULL : "is unknown";
}

static inline const char *whole_grant_fault(const void *plain)
{
	return grant_fault(plain);
}

#endif
