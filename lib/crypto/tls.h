/* tls.h - TLS over memory: bytes in, bytes out, no I/O (OpenSSL with a transport of our own).
 *
 * A tls_context holds one side's certificate and what it trusts; many channels share it, and it lives on after
 * tls_context_free() while they use it. A tls is one connection's channel: its owner passes what came from the peer to
 * tls_receive(), which yields plain bytes and perhaps bytes for the peer; tls_send() encrypts plain bytes for the peer.
 *
 * TLS 1.3, or 1.2 with forward secrecy and authenticated ciphers; no compression, no renegotiation, no resumption. A
 * peer can make a channel hold at most a record, 16 KiB, and a bounded handshake. One thread. */
#ifndef CANDOR_TLS_H
#define CANDOR_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

struct tls_context;
struct tls;

/* About what an idle channel holds, and what it holds beside that until its handshake is done. */
enum { TLS_REST_BYTES = 24 * 1024, TLS_HANDSHAKE_BYTES = 48 * 1024 };

enum tls_side { TLS_SERVER, TLS_CLIENT };

/* All PEM texts; NULL where there is none. */
struct tls_identity {
	enum tls_side side;
	const char *certificate; /* this side's chain, its own first; a server needs one */
	const char *key; /* of it */
	const char *authorities; /* to be trusted. A server without any asks for no certificate; a client without any
				    trusts the system's */
	const char *revoked; /* revocation lists of those authorities; then each of them must have a current one */
	struct {
		const char *certificate, *key, *authorities, *revoked;
	} from; /* what error sentences call the texts, for example their files; NULL: what they are */
};

/* 0, -ENOMEM, or ERR_TLS with a sentence in fault[size]: what is wrong with which of the texts. */
MUST_CHECK int tls_context_new(struct tls_context **out, const struct tls_identity *identity, char *fault, size_t size);
void tls_context_free(struct tls_context *c); /* NULL is allowed */

/* For another owner, who frees it too. */
struct tls_context *tls_context_keep(struct tls_context *c);

/* Whether one of its revocation lists is out of date: then no certificate of that authority is accepted. */
bool tls_context_is_stale(const struct tls_context *c);

/* host: for a client the name or the IP address that the peer's certificate must be for; NULL on a server. A client's
 * first bytes appear with the first tls_receive() of no bytes. 0, -ENOMEM or ERR_TLS (not a valid name). */
MUST_CHECK int tls_new(struct tls **out, struct tls_context *context, const char *host);
void tls_free(struct tls *t); /* NULL is allowed */

/* The only application protocol (ALPN) that is spoken on a server's channel, before its first bytes: a client that
 * offers protocols must offer this one. protocol: static, as "http/1.1". Without it none is chosen. */
void tls_speak(struct tls *t, const char *protocol);

/* n bytes from the peer, all of them consumed. Appends their plain bytes to *plain, and what is to be sent to the
 * peer to *cipher. 0; ERR_CLOSED if the peer has closed its side properly, which may still be sent to; ERR_TLS if the
 * channel failed or the peer is not trusted (tls_fault() says why, and *cipher may hold an alert that is worth
 * sending); -ENOMEM. */
MUST_CHECK int tls_receive(struct tls *t, const void *bytes, size_t n, struct buf *plain, struct buf *cipher);

/* n bytes for the peer, once tls_is_ready(): appends them, encrypted, to *cipher. 0, -ENOMEM or ERR_TLS. */
MUST_CHECK int tls_send(struct tls *t, const void *bytes, size_t n, struct buf *cipher);

/* The closing alert, which tells the peer that the end is intended. 0 or -ENOMEM. */
MUST_CHECK int tls_end(struct tls *t, struct buf *cipher);

/* Whether the handshake is done and the peer's certificate accepted. */
bool tls_is_ready(const struct tls *t);

/* Why it failed, as a phrase; "" if it did not. Lives as long as the channel. */
const char *tls_fault(const struct tls *t);

/* Whether the peer has sent part of a record. */
bool tls_awaits_rest(const struct tls *t);

/* About how much memory the channel holds now, for an account. */
size_t tls_bytes(const struct tls *t);

/* The subject of the peer's certificate, as in "CN=platform,O=Example" (RFC 2253); "" if it has none. Lives as long as
 * the channel. */
const char *tls_subject(const struct tls *t);

#endif
