/* credentials.h - what the daemon shows to TLS clients and whom it trusts, from the files that settings name.
 *
 * Blocking reads of small files, at start and when the daemon is told to. Keys are wiped from memory once OpenSSL has
 * them. */
#ifndef CANDOR_CREDENTIALS_H
#define CANDOR_CREDENTIALS_H

#include "daemon/config.h"
#include "lib/crypto/tls.h"

/* A context of the files that the settings name, for tls_context_free(); NULL where they name none. 0, or an error, and
 * a sentence in fault[size] that names the file. */
MUST_CHECK int credentials_load(const struct config *config, struct tls_context **out, char *fault, size_t size);

#endif
