/* web_request.h - requests of the protocol as HTTP asks them: a method, a target and a body, by the table of routes. Those
 * that have no route fail a require(). */
#ifndef CANDOR_TESTS_WEB_REQUEST_H
#define CANDOR_TESTS_WEB_REQUEST_H

#include "lib/message.h"

struct web_request {
	const char *method;
	char *target; /* a path, perhaps with a query */
	char *body; /* JSON; NULL: none */
};

/* To be freed. */
void web_request_make(struct web_request *out, const struct candor_request *r);
void web_request_free(struct web_request *q);

#endif
