/* query.h - a query string: names and values as an HTML form sends them, and as fields of a request's message. Pure. */
#ifndef CANDOR_HTTP_QUERY_H
#define CANDOR_HTTP_QUERY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "lib/base/buf.h"

/* Whether a field can be given by a parameter of its name: a whole number, yes or no (true, false, 1 or 0), the word of
 * an enumeration as in JSON, or text; or a list of such words with commas between them. */
bool query_can_give(const ProtobufCFieldDescriptor *f);

/* Appends the parameters as protobuf bytes of a message of this type. skip[n_skip]: fields that the path gives, which
 * are no parameters. 0; -ENOMEM; ERR_MALFORMED: fault[size] is a sentence that names the parameter and says what would
 * be right. On errors *out is as it was. */
MUST_CHECK int query_pack(const char *query, size_t len, const ProtobufCMessageDescriptor *type,
			  const char *const *skip, size_t n_skip, struct buf *out, char *fault, size_t size);

/* For what takes at most one parameter, a flag (NULL: none), which is given as "flag", "flag=", "flag=1" or
 * "flag=true". 0 and *given, or ERR_MALFORMED and the sentence. */
MUST_CHECK int query_flag(const char *query, size_t len, const char *flag, bool *given, char *fault, size_t size);

#endif
