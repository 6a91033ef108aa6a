/* credentials.h - the certificate that the daemon presents, and the authorities that it trusts, from files.
 *
 * Reads small files, blocking, at start and on SIGHUP. Keys are wiped from memory once OpenSSL has them. */
#ifndef CANDOR_CREDENTIALS_H
#define CANDOR_CREDENTIALS_H

#include "daemon/config.h"
#include "lib/crypto/tls.h"

/* *out: a context for tls_context_free(), or NULL where no certificate is set. 0, or an error, and a sentence that
 * names the file in fault[size]. */
MUST_CHECK int credentials_load(const struct config *config, struct tls_context **out, char *fault, size_t size);

#endif
