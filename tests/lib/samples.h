/* samples.h - one request and one response of every type, each field that the type has filled in and unlike the others.
 * Constant; whoever tests bytes begins with them. */
#ifndef CANDOR_SAMPLES_H
#define CANDOR_SAMPLES_H

#include "lib/message.h"

/* Of `*n` messages; every type but UNKNOWN occurs. */
const struct candor_request *sample_requests(size_t *n);
const struct candor_response *sample_responses(size_t *n);

#endif
