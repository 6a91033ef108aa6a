/* direct.h - whether what lib/wire packs and unpacks itself is what protobuf-c makes of the same. For tests of lib/wire,
 * with messages that need not be good. */
#ifndef CANDOR_TESTS_DIRECT_H
#define CANDOR_TESTS_DIRECT_H

#include <stdbool.h>

#include "lib/message.h"
#include "lib/wire/fields.h"

enum direct_result {
	DIRECT_DIFFERS, /* what must never be */
	DIRECT_LEFT, /* it is one for the library, and the arena is as it was */
	DIRECT_ALIKE, /* it was done, and the library does the same */
};

/* Of a request's bytes, in a block of that very size. */
enum direct_result direct_unpacks(const uint8_t *data, size_t len);

/* Of an answer, also where one byte less is allowed than it takes. */
enum direct_result direct_packs(const struct candor_response *r);

/* Whether all that direct.h of lib/wire expects holds of a table that has it compiled in; true for others. */
bool direct_table_is_right(const struct wire_table *table);

#endif
