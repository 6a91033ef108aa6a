/* web.h - requests of the protocol over HTTP, to a real candord: what candor_call() is for the socket.
 *
 * Paths, queries and bodies are made of the table of routes, and answers are read back into the structures of message.h, so a
 * test of requests can be one of HTTP as well. For cmocka tests: blocking; what cannot be done fails the test. */
#ifndef CANDOR_TESTS_WEB_H
#define CANDOR_TESTS_WEB_H

#include "lib/base/arena.h"
#include "lib/crypto/tls.h"
#include "lib/message.h"
#include "tests/lib/http.h"

struct web_options {
	const char *token; /* sent with each request; NULL: none */
	const char *ca, *cert, *key; /* paths of PEM files; ca not NULL: over TLS */
};

struct web {
	int fd; /* -1: the connection has ended */
	struct tls_context *context;
	struct tls *tls; /* NULL: without */
	char token[CANDOR_TOKEN_MAX + 1];
	struct buf in; /* read, and plain, and not used yet */
	struct arena arena; /* of the newest answer */
	struct candor_response answer;
	const char *document; /* as it came; of a refusal the problem */
};

/* address: "unix:PATH" or "tcp:127.0.0.1:PORT", where an HTTP listener is. */
void web_open(struct web *w, const char *address, const struct web_options *options);
void web_close(struct web *w);

/* Sends a request and waits. False: the connection has ended without an answer. out: to be freed. headers: whole lines, or "".
 * body: NULL for none. */
bool web_ask(struct web *w, const char *method, const char *target, const char *headers, const char *body,
	     struct http_answer *out);

/* The same for a request of the protocol that has a route. The answer lives until the next call. NULL: the connection has
 * ended without one. */
const struct candor_response *web_call(struct web *w, const struct candor_request *r);

#endif
