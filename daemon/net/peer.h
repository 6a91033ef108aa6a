/* peer.h - who is at the other end of a connection, as far as its socket or its certificate tells. */
#ifndef CANDOR_NET_PEER_H
#define CANDOR_NET_PEER_H

#include "daemon/engine/grants.h"
#include "lib/base/err.h"

/* Of a Unix socket its user, with their groups; of a TCP socket no more than the address. */
void peer_from_socket(int fd, bool is_unix, struct identity *out);

/* What strangers are counted by: the address of a peer that is not known; of IPv6 the network, since whoever has one
 * address has all of it. */
void peer_origin(const struct identity *peer, char *out, size_t size);

/* The principal that a trusted certificate's subject names. False: the subject is too long for a name, and nobody's. */
MUST_CHECK bool peer_from_certificate(const char *subject, struct identity *out);

#endif
