/* tls.h - TLS over memory: bytes in, bytes out, with no I/O in it (OpenSSL with a transport of ours).
 *
 * A tls_context is what one side shows and trusts; many channels share it, and one that is in use outlives
 * tls_context_free(). A tls is one connection's channel: whoever moves the bytes pushes what came into tls_receive(),
 * which gives plain bytes and perhaps bytes for the peer, and turns plain bytes into bytes for the peer by tls_send().
 *
 * TLS 1.3, or 1.2 with forward secrecy and authenticated ciphers; no compression, no renegotiation, no resumption. What
 * a peer can make a channel hold is a record, 16 KiB, and a bounded handshake. One thread. */
#ifndef CANDOR_TLS_H
#define CANDOR_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

struct tls_context;
struct tls;

enum { TLS_REST_BYTES = 24 * 1024 }; /* about what a channel holds while nothing is said */

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* All PEM texts; NULL where there is none. */
struct tls_identity {
	enum tls_side side;
	const char *certificate; /* this side's chain, its own first; a server needs one */
	const char *key; /* of it */
	const char
		*authorities; /* whom to trust. A server that has none asks for no certificate; a client that has none
				    trusts those of the system */
	const char *revoked; /* revocation lists of those authorities; then each of them must have one that holds */
	struct {
		const char *certificate, *key, *authorities, *revoked;
	} from; /* what the texts are called in sentences, as their files; NULL: by what they are */
};

/* 0, -ENOMEM, or ERR_TLS with a sentence in fault[size]: what is wrong with which of the texts. */
MUST_CHECK int tls_context_new(struct tls_context **out, const struct tls_identity *identity, char *fault, size_t size);
void tls_context_free(struct tls_context *c); /* NULL is allowed */

/* One of its revocation lists is out of date: nobody with a certificate of that authority is trusted. */
bool tls_context_is_stale(const struct tls_context *c);

/* host: for a client the name or the IP address that the peer's certificate must be for; NULL on a server. A client's
 * first bytes appear with the first tls_receive() of no bytes. 0, -ENOMEM or ERR_TLS (a name that is none). */
MUST_CHECK int tls_new(struct tls **out, struct tls_context *context, const char *host);
void tls_free(struct tls *t); /* NULL is allowed */

/* n bytes from the peer, all of them taken. Appends what they say to *plain, and what is to be sent to the peer to
 * *cipher. 0; ERR_CLOSED where the peer has ended the channel properly; ERR_TLS where it broke it or is not trusted
 * (tls_fault() says why, and *cipher may hold an alert that is worth sending); -ENOMEM. */
MUST_CHECK int tls_receive(struct tls *t, const void *bytes, size_t n, struct buf *plain, struct buf *cipher);

/* n bytes for the peer, once tls_is_ready(): appends to *cipher what carries them. 0, -ENOMEM or ERR_TLS. */
MUST_CHECK int tls_send(struct tls *t, const void *bytes, size_t n, struct buf *cipher);

/* The last word, which tells the peer that the end is no accident. 0 or -ENOMEM. */
MUST_CHECK int tls_end(struct tls *t, struct buf *cipher);

/* The handshake is done, and the peer is who it should be. */
bool tls_is_ready(const struct tls *t);

/* Why it failed, a phrase; "" if it did not. Lives as long as the channel. */
const char *tls_fault(const struct tls *t);

/* The peer has begun a record that is not whole. */
bool tls_awaits_rest(const struct tls *t);

/* About how much memory the channel holds just now, as an account needs it. */
size_t tls_bytes(const struct tls *t);

/* Whom the peer's certificate names, as in "CN=platform,O=Example" (RFC 2253); "" where it showed none. Lives as long
 * as the channel. */
const char *tls_subject(const struct tls *t);

#endif
