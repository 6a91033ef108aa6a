/* rights.h - what may be granted and to whom, as people write it. Pure.
 *
 * A set of rights is bits of enum candor_right (message.h). Roles are names of sets that belong together: platform
 * (report), auditor (outcome), trainer (read), operator (inspect, read-open) and admin, which is a right and comprises
 * all others: whoever may change grants could grant themselves the rest. */
#ifndef CANDOR_RIGHTS_H
#define CANDOR_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/message.h"

enum { RIGHTS_TEXT_MAX = 64 };

/* The principal of a peer that has not authenticated. */
#define RIGHTS_ANONYMOUS "anonymous"

/* Names of rights and of roles, separated by commas: "report", "inspect,read-open", "operator". False if it is not
 * that. */
bool rights_parse(const char *text, unsigned *out);

/* Names of rights in the order of their bits, separated by commas; "" for none. */
void rights_format(unsigned rights, char out[RIGHTS_TEXT_MAX]);

/* The role that is exactly this set, or NULL. */
const char *rights_role(unsigned rights);

/* NULL, or a static phrase that says what is wrong, to follow the name of a field. A principal is "token:NAME",
 * "cert:SUBJECT", "uid:N", "gid:N" or "anonymous", 1 to 255 bytes without spaces. */
const char *principal_fault(const char *text, size_t len);

/* The same for the name of a token: 1 to CANDOR_TOKEN_NAME_MAX bytes without spaces. */
const char *token_name_fault(const char *text, size_t len);

/* The same for a grant as a whole, once its names have been checked. prefix: the labelers it is limited to, or "". */
const char *grant_fault(const struct candor_grant *g);

#endif
