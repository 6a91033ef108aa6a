#include "tests/lib/allow.h"

#include <stdio.h>

#include "client/candor.h"
#include "lib/base/err.h"

/* secret: of a new token; NULL: there is none. */
static void tell(const char *address, const struct candor_request *r, char *secret)
{
	struct candor *c;
	const struct candor_response *answer;
	require(candor_open(&c, address, NULL) == 0);
	require(candor_call(c, r, &answer) == 0);
	require(answer->code == CANDOR_OK);
	if (secret)
		require(snprintf(secret, TOKEN_TEXT_BYTES, "%s", answer->secret) == TOKEN_TEXT_BYTES - 1);
	candor_close(c);
}

void allow(const char *address, const char *principal, unsigned rights)
{
	const struct candor_grant grant = {.principal = principal, .rights = rights};
	const struct candor_request r = {.type = CANDOR_REQ_ADD_GRANT, .n = 1, .grants = &grant};
	tell(address, &r, NULL);
}

void allow_token(const char *address, const char *name, unsigned rights, char secret[TOKEN_TEXT_BYTES])
{
	const struct candor_grant grant = {.rights = rights};
	const struct candor_request r = {.type = CANDOR_REQ_CREATE_TOKEN, .name = name, .n = 1, .grants = &grant};
	tell(address, &r, secret);
}
