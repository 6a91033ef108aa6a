/* candor_async.h - the client library of candord: the asynchronous form, any number of requests in flight.
 *
 * It runs on a libuv loop of the caller's. What candor.h says of errors holds here too: libuv's UV_ENOENT is -ENOENT.
 *
 * Threads: a client belongs to its loop's thread.
 *
 * Signals: a program with an asynchronous client ignores SIGPIPE, as libuv asks. */
#ifndef CANDOR_ASYNC_H
#define CANDOR_ASYNC_H

#include <uv.h>

#ifdef CANDOR_IN_TREE
#include "client/candor.h"
#else
#include <candor.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct candor_client;

/* status 0: *response is the daemon's answer and lives until the callback returns. Negative: the request was not
 * answered (the connection failed, ended, timed out, or was closed: UV_ECANCELED), *response is NULL, and whether the
 * daemon acted on it is not known; every request may be repeated. Where the daemon said why it ends the conversation,
 * that is the answer to every unanswered request (status 0, its code and message). Called once for each request that
 * was accepted, in any order, from the loop, never from within candor_client_send(). It may send, and it may close the
 * client. */
typedef void candor_on_response(struct candor_client *client, int status, const struct candor_response *response,
				void *arg);
typedef void candor_on_close(void *arg);

/* Makes a client that connects to `address` (as candor_open()) and greets, in the background; requests may be sent at
 * once and wait. When the connection fails every request gets the error, also those sent later: a client does not
 * reconnect; close it and make another. 0 or negative (CANDOR_ERR_ADDRESS), and then nothing was made. The loop must
 * outlive the client. */
static inline int candor_client_new(struct candor_client **out, uv_loop_t *loop, const char *address,
				    const struct candor_options *options);

/* Sends a request; its id is the library's, `request->id` is ignored. What the request points to is copied. 0 or
 * negative (CANDOR_ERR_TOO_BIG), and then the callback will not be called. */
static inline int candor_client_send(struct candor_client *client, const struct candor_request *request,
				     candor_on_response *on_response, void *arg);

/* Why the connection failed, where that was with CANDOR_ERR_TLS: a phrase like "certificate has expired", until the
 * client is closed. Else "". */
CANDOR_API const char *candor_client_fault(const struct candor_client *client);

/* Whose rights the daemon says that the client has ("uid:1000", "token:acme"), from the greeting's answer on, until the
 * client is closed. Before that "". */
CANDOR_API const char *candor_client_principal(const struct candor_client *client);

/* Requests that were accepted and not answered, and bytes of them not yet handed to the system: who sends much checks
 * these, to bound what waits in memory. */
CANDOR_API size_t candor_client_in_flight(const struct candor_client *client);
CANDOR_API size_t candor_client_unsent_bytes(const struct candor_client *client);

/* Ends the connection, once, and returns at once: from the loop unanswered requests get UV_ECANCELED, then on_close (or
 * NULL) is called and the client is gone. */
CANDOR_API void candor_client_close(struct candor_client *client, candor_on_close *on_close, void *arg);

/* What the library exports for candor_client_new() and candor_client_send(), as candor_open_sized() in candor.h. */
CANDOR_API int candor_client_new_sized(struct candor_client **out, uv_loop_t *loop, const char *address,
				       const struct candor_options *options, size_t options_size);
CANDOR_API int candor_client_send_sized(struct candor_client *client, const struct candor_request *request,
					size_t request_size, candor_on_response *on_response, void *arg);

static inline int candor_client_new(struct candor_client **out, uv_loop_t *loop, const char *address,
				    const struct candor_options *options)
{
	return candor_client_new_sized(out, loop, address, options, sizeof *options);
}

static inline int candor_client_send(struct candor_client *client, const struct candor_request *request,
				     candor_on_response *on_response, void *arg)
{
	return candor_client_send_sized(client, request, sizeof *request, on_response, arg);
}

#ifdef __cplusplus
}
#endif

#endif
