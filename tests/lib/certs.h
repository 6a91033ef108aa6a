/* certs.h - certificates for tests: made anew each time, in memory.
 *
 * All PEM texts, the caller's to free with certs_free(). What fails ends the program through require(). */
#ifndef CANDOR_TESTS_CERTS_H
#define CANDOR_TESTS_CERTS_H

#include <stdbool.h>

struct certs_authority;

/* A certificate with its key. */
struct certs_pair {
	char *certificate, *key;
};

struct certs_wish {
	const char *name; /* its common name; for a server also the DNS name that it is for */
	const char *address; /* an IP address that it is for; NULL: none */
	int from_days, until_days; /* when it holds, from now: -1, 30 */
	bool self_signed; /* not by the authority */
};

/* An authority of that name, and its own certificate in PEM, which is its to free. */
struct certs_authority *certs_authority_new(const char *name);
const char *certs_authority_pem(const struct certs_authority *a);
void certs_authority_free(struct certs_authority *a);

struct certs_pair certs_make(struct certs_authority *a, const struct certs_wish *wish);
void certs_free(struct certs_pair *p);

/* A revocation list of the authority with that certificate on it; NULL: with none. It holds for a month; or has been
 * out of date for a day. The caller frees the text. */
char *certs_revoke(struct certs_authority *a, const char *certificate);
char *certs_revoke_long_ago(struct certs_authority *a, const char *certificate);

#endif
