/* operation.h - one route as OpenAPI has it: its parameters, its body, its answers. For openapi.c. Pure. */
#ifndef CANDOR_HTTP_OPERATION_H
#define CANDOR_HTTP_OPERATION_H

#include "daemon/http/routes.h"
#include "lib/wire/json.h"

/* The member of its path that is the route's method. */
void operation_put(struct json_out *j, const struct route *r, const char *tag);

bool operation_has_body(const struct route *r);

/* The message that answers a route, which is no page. */
const ProtobufCMessageDescriptor *operation_answer(const struct route *r);

/* The member of a "content": a media type, with the schema of that name, or (NULL) text that is described. */
void operation_content(struct json_out *j, const char *type, const char *schema, const char *description);

/* The problems that have a response of their own among the components. */
struct operation_problem {
	unsigned status;
	const char *name, *description;
	const char *header; /* that such a response has; NULL: none */
};
const struct operation_problem *operation_problems(size_t *n);

#endif
