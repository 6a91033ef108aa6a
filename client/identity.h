/* identity.h - a client's certificate and the authorities it trusts, from the files that its options name. Not
 * installed. */
#ifndef CANDOR_IDENTITY_H
#define CANDOR_IDENTITY_H

#include "client/candor.h"
#include "lib/crypto/tls.h"

/* A context for tls_context_free(). Keys are wiped from memory once OpenSSL has them. 0; -ENOMEM; or ERR_TLS, and a
 * sentence in fault[size] that names the file. */
MUST_CHECK int identity_load(const struct candor_options *options, struct tls_context **out, char *fault, size_t size);

#endif
