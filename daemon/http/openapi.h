/* openapi.h - the HTTP interface described for machines: OpenAPI 3.1, made of the table of routes, the descriptors of
 * the messages and the comments of the proto. Pure. */
#ifndef CANDOR_HTTP_OPENAPI_H
#define CANDOR_HTTP_OPENAPI_H

#include "lib/base/body.h"

/* The document, made in pieces as it is asked for. 0 or -ENOMEM. */
MUST_CHECK int openapi_body(struct body **out);

#endif
