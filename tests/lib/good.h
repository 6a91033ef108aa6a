/* good.h - what must be true of whatever was decoded, by lib/text alone: whoever tests bytes asks it of messages that were
 * called good. */
#ifndef CANDOR_TESTS_GOOD_H
#define CANDOR_TESTS_GOOD_H

#include "lib/wire/wire.h"

bool good_request(const struct wire_request *w);
bool good_response(const struct candor_response *r);

#endif
