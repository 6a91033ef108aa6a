/* calls.h - requests over a blocking session that must succeed, so that a test says what it asks and not how.
 * For cmocka tests and programs beside them: what fails says why and fails the test, or ends the program. Answers are the
 * session's, until its next call. */
#ifndef CANDOR_TESTS_CALLS_H
#define CANDOR_TESTS_CALLS_H

#include "client/candor.h"

/* It is answered, whatever the answer. */
const struct candor_response *call_any(struct candor *c, struct candor_request r);

/* It is answered with OK, and no row is rejected. */
const struct candor_response *call_ok(struct candor *c, struct candor_request r);

/* The same for the requests that many tests begin with. */
void call_create_pool(struct candor *c, const char *pool);
void call_report(struct candor *c, const char *pool, const char *item, const char *labeler, double value);
void call_resolve(struct candor *c, const char *pool, const char *item, double outcome);
const struct candor_pool *call_get_pool(struct candor *c, const char *pool);
const struct candor_info *call_info(struct candor *c);

/* type: of requests whose rows are names of items. */
const struct candor_response *call_on_item(struct candor *c, enum candor_request_type type, const char *pool,
					   const char *item);

#endif
