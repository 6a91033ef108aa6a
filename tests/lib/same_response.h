/* same_response.h - whether two answers say the same, field by field: for tests of what lies between them. */
#ifndef CANDOR_TESTS_SAME_RESPONSE_H
#define CANDOR_TESTS_SAME_RESPONSE_H

#include "lib/message.h"

/* got was decoded, so it says of a pool's settings that all are there. Fails the test where they differ. */
void assert_same_response(const struct candor_response *got, const struct candor_response *want);

#endif
