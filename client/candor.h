/* candor.h - the client library of candord: the blocking form, one request at a time.
 *
 * Requests and responses are the plain structures of <candor/message.h>. For many requests in flight on a libuv loop
 * see <candor_async.h>. docs/library.md has examples, and says what later versions keep.
 *
 * Errors: functions return 0 or a negative number: an errno value (-ENOENT), one of enum candor_error, or libuv's
 * UV_EAI_* where a host name cannot be resolved. candor_strerror() has a phrase for each. A daemon's refusal is no
 * such error: it is a response whose `code` is not CANDOR_OK.
 *
 * Threads: a struct candor is used by one thread at a time. The library has no global state.
 *
 * Signals: no call raises SIGPIPE. */
#ifndef CANDOR_H
#define CANDOR_H

#ifdef CANDOR_IN_TREE
#include "lib/message.h"
#else
#include <candor/message.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define CANDOR_API __attribute__((visibility("default")))

/* The version of this header. */
#define CANDOR_VERSION_MAJOR 0
#define CANDOR_VERSION_MINOR 1
#define CANDOR_VERSION_PATCH 0

/* The version of the library that the program runs with, "MAJOR.MINOR.PATCH". */
CANDOR_API const char *candor_version(void);

/* All zero: the defaults. Read while a client is made; the strings need not live on. */
struct candor_options {
	const char *name; /* the program's name and version, for Hello; NULL: "libcandor/VERSION" */
	size_t max_frame_bytes; /* longest response accepted and request sent; 0: 4 MiB */
	uint64_t connect_timeout_ms; /* 0: 10,000 */
	uint64_t request_timeout_ms; /* without any answer while some are due, a wait_ms included; 0: 60,000 */
	/* The token to authenticate with, as `candor token new` printed it; NULL: none. It is sent over the connection
	 * as it is, so use an address that begins with "tls:" or "unix:". The library wipes its own copies once it is
	 * sent, and sends no request before the daemon has accepted it. */
	const char *token;
	/* For addresses that begin with "tls:", paths of PEM files, read while the client is made. */
	const char *ca; /* authorities that may have issued the daemon's certificate; NULL: those the system trusts */
	const char *cert, *key; /* the client's own certificate and its key; NULL: none */
	/* Where candor_open() writes, in a phrase of at most `fault_size` bytes, why it returned CANDOR_ERR_TLS.
	 * NULL: not wanted. */
	char *fault;
	size_t fault_size;
};

/* The library's own errors. */
enum candor_error {
	CANDOR_ERR_TOO_BIG = -20001, /* a request or response longer than max_frame_bytes */
	CANDOR_ERR_MALFORMED = -20002, /* the daemon sent bytes that are not a response */
	CANDOR_ERR_BUDGET = -20003, /* a message that unpacks to more memory than it may take */
	CANDOR_ERR_ADDRESS = -20010, /* not an address */
	CANDOR_ERR_CLOSED = -20012, /* the connection was closed before the answer arrived */
	CANDOR_ERR_PROTOCOL = -20013, /* an answer that does not fit the request */
	CANDOR_ERR_TLS = -20016, /* the encrypted channel failed, or the peer's certificate is not accepted */
	CANDOR_ERR_NEWER = -20017, /* a field is set that this version of the library does not know */
};

/* A phrase for an error, static, never NULL. */
CANDOR_API const char *candor_strerror(int err);

/* "INVALID_ARGUMENT" and the like. */
CANDOR_API const char *candor_code_name(enum candor_code code);

/* The address that a daemon without configuration listens on: "unix:$XDG_STATE_HOME/candor/candord.sock" or under
 * ~/.local/state. Writes at most `size` bytes. 0; -ENAMETOOLONG where that path is too long for a Unix socket; or
 * another negative number where the environment names no such place. */
CANDOR_API int candor_default_address(char *out, size_t size);

struct candor;

/* Connects to `address` ("unix:PATH", "tcp:HOST:PORT", or "tls:HOST:PORT": encrypted, to a daemon whose certificate is
 * for HOST) and greets. options may be NULL. 0, or negative and nothing was made. */
static inline int candor_open(struct candor **out, const char *address, const struct candor_options *options);

/* Sends a request and waits; its id is the library's, `request->id` is ignored. *response lives until the next call on
 * `c`. 0 whenever there is a response, whatever its code. Negative: the request was not answered, and whether the
 * daemon acted on it is not known; every request may be repeated. */
static inline int candor_call(struct candor *c, const struct candor_request *request,
			      const struct candor_response **response);

/* Why the connection failed, where that was with CANDOR_ERR_TLS: a phrase like "certificate has expired", until the
 * client is closed. Else "". */
CANDOR_API const char *candor_fault(const struct candor *c);

/* Whose rights the daemon says that the client has ("uid:1000", "token:acme"), until the client is closed. */
CANDOR_API const char *candor_principal(const struct candor *c);

/* NULL is allowed. */
CANDOR_API void candor_close(struct candor *c);

/* What the library exports for the two functions above: they pass the size that the structure has in the program, so
 * that later versions can add fields at its end. For callers that are not C or C++; others use those above. */
CANDOR_API int candor_open_sized(struct candor **out, const char *address, const struct candor_options *options,
				 size_t options_size);
CANDOR_API int candor_call_sized(struct candor *c, const struct candor_request *request, size_t request_size,
				 const struct candor_response **response);

static inline int candor_open(struct candor **out, const char *address, const struct candor_options *options)
{
	return candor_open_sized(out, address, options, sizeof *options);
}

static inline int candor_call(struct candor *c, const struct candor_request *request,
			      const struct candor_response **response)
{
	return candor_call_sized(c, request, sizeof *request, response);
}

#ifdef __cplusplus
}
#endif

#endif
