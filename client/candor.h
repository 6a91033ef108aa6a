/* candor.h - the client library of candord.
 *
 * Two forms of the same conversation: asynchronous on a loop of yours, any number of requests in flight; and blocking,
 * one at a time. Requests and responses are the plain structures of <candor/message.h>.
 *
 * Errors: functions return 0 or a negative number, libuv's as they are or one of the library's own, for
 * candor_strerror(). A daemon's refusal is no such error: it is a response whose `code` is not CANDOR_OK.
 *
 * Threads: a client belongs to its loop's thread. Nothing here is global.
 *
 * Signals: a program with an asynchronous client ignores SIGPIPE, as libuv asks; the blocking form keeps it away. */
#ifndef CANDOR_H
#define CANDOR_H

#include <uv.h>

#ifdef CANDOR_IN_TREE
#include "lib/message.h"
#else
#include <candor/message.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CANDOR_API __attribute__((visibility("default")))

/* All zero: the defaults. Read while a client is made; the strings need not live on. */
struct candor_options {
	const char *name; /* the program's name and version, for Hello; NULL: "libcandor/VERSION" */
	size_t max_frame_bytes; /* longest response accepted and request sent; 0: 4 MiB */
	uint64_t connect_timeout_ms; /* 0: 10,000 */
	uint64_t request_timeout_ms; /* without any answer while some are due; 0: 60,000 */
	/* The token to speak with, as `candor token new` printed it; NULL: none. It goes over the connection as it is,
	 * so name an address that begins with "tls:" or "unix:". The library wipes its own copies once it is sent, and
	 * sends no request before the daemon has taken it. */
	const char *token;
	/* For addresses that begin with "tls:", paths of PEM files, read while the client is made. */
	const char *ca; /* authorities that the daemon's certificate may be of; NULL: those that the system trusts */
	const char *cert, *key; /* the certificate that the client shows, and its key; NULL: none */
	/* Where candor_open() writes, in a phrase of at most `fault_size` bytes, why it returned CANDOR_ERR_TLS.
	 * NULL: not wanted. */
	char *fault;
	size_t fault_size;
};

/* The library's own errors; all others are libuv's. */
enum candor_error {
	CANDOR_ERR_TOO_BIG = -20001, /* a request or response longer than max_frame_bytes */
	CANDOR_ERR_MALFORMED = -20002, /* the daemon sent bytes that are no response */
	CANDOR_ERR_BUDGET = -20003, /* a message that unpacks to more memory than it may take */
	CANDOR_ERR_ADDRESS = -20010, /* not an address */
	CANDOR_ERR_CLOSED = -20012, /* the connection ended before the answer came */
	CANDOR_ERR_PROTOCOL = -20013, /* the daemon answered what was not asked */
	CANDOR_ERR_TLS = -20016, /* the encrypted channel failed, or is not to whom it should be */
};

/* A phrase for an error, static, never NULL. */
CANDOR_API const char *candor_strerror(int err);

/* "INVALID_ARGUMENT" and the like. */
CANDOR_API const char *candor_code_name(enum candor_code code);

/* The address that a daemon without configuration listens on: "unix:$XDG_STATE_HOME/candor/candord.sock" or under
 * ~/.local/state. Writes at most `size` bytes; 0, or negative where the environment names no such place. */
CANDOR_API int candor_default_address(char *out, size_t size);

/* ---- asynchronous ---- */

struct candor_client;

/* status 0: *response is the daemon's answer and lives until the callback returns. Negative: the request was not
 * answered (the connection failed, ended, timed out, or was closed: UV_ECANCELED), *response is NULL, and whether the
 * daemon acted on it is not known: repeat it, all requests may be. Where the daemon said why it ends the conversation,
 * that is the answer to every unanswered request (status 0, its code and message). Called once for each request that
 * was taken, in any order, from the loop, never from within candor_client_send(). It may send, and it may close the
 * client. */
typedef void candor_on_response(struct candor_client *client, int status, const struct candor_response *response,
				void *arg);
typedef void candor_on_close(void *arg);

/* Makes a client that connects to `address` ("unix:PATH", "tcp:HOST:PORT", or "tls:HOST:PORT": encrypted, to a daemon
 * whose certificate is for HOST) and greets, in the background; requests may be sent at once and wait. When the
 * connection fails every request gets the error, also those sent later: a client does not reconnect; close it and make
 * another. 0 or negative (CANDOR_ERR_ADDRESS), and then nothing was made. The loop must outlive the client. */
CANDOR_API int candor_client_new(struct candor_client **out, uv_loop_t *loop, const char *address,
				 const struct candor_options *options);

/* Sends a request; its id is the library's, `request->id` is ignored. What the request points to is copied. 0 or
 * negative (CANDOR_ERR_TOO_BIG), and then the callback will not be called. */
CANDOR_API int candor_client_send(struct candor_client *client, const struct candor_request *request,
				  candor_on_response *on_response, void *arg);

/* Why the connection failed, where that was with CANDOR_ERR_TLS: a phrase like "certificate has expired", until the
 * client is closed. Else "". */
CANDOR_API const char *candor_client_fault(const struct candor_client *client);

/* Whose rights the daemon says that the client has ("uid:1000", "token:acme"), from the greeting's answer on, until the
 * client is closed. Before that "". */
CANDOR_API const char *candor_client_principal(const struct candor_client *client);

/* Requests that were taken and not answered, and bytes of them not yet handed to the system: senders of much look here
 * to stay within measure. */
CANDOR_API size_t candor_client_in_flight(const struct candor_client *client);
CANDOR_API size_t candor_client_unsent_bytes(const struct candor_client *client);

/* Ends the connection, once, and returns at once: from the loop unanswered requests get UV_ECANCELED, then on_close (or
 * NULL) is called and the client is gone. */
CANDOR_API void candor_client_close(struct candor_client *client, candor_on_close *on_close, void *arg);

/* ---- blocking ---- */

struct candor;

/* Connects and greets. 0, or negative and nothing was made. */
CANDOR_API int candor_open(struct candor **out, const char *address, const struct candor_options *options);

/* Sends a request and waits. *response lives until the next call on `c`. 0 whenever there is a response, whatever its
 * code; negative as a candor_on_response's status. */
CANDOR_API int candor_call(struct candor *c, const struct candor_request *request,
			   const struct candor_response **response);

/* As candor_client_fault(). */
CANDOR_API const char *candor_fault(const struct candor *c);

/* As candor_client_principal(). */
CANDOR_API const char *candor_principal(const struct candor *c);

/* NULL is allowed. */
CANDOR_API void candor_close(struct candor *c);

#ifdef __cplusplus
}
#endif

#endif
