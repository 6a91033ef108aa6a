/* listen.h - the sockets that candord listens on, and how connections come in.
 *
 * Accepts by itself, and not through libuv: where descriptors run out, libuv accepts and closes connections without a
 * word, or tries again and again without a pause. Here accepting pauses: new connections wait in the system's queue and
 * are served later. The loop's thread only. */
#ifndef CANDOR_SERVER_LISTEN_H
#define CANDOR_SERVER_LISTEN_H

#include <uv.h>

#include "daemon/config.h"
#include "daemon/net/unix_socket.h"

struct listener;

/* A connection has come; the descriptor, which does not block, is the callee's. The listener stays until
 * listeners_free(). */
typedef void listeners_on_accept(void *arg, int fd, struct listener *from);

struct listener {
	uv_tcp_t tcp; /* bound through libuv; of a Unix socket not used */
	struct unix_socket file_socket; /* of a Unix socket */
	int passed; /* a socket that was open already; -1: none */
	uv_poll_t poll;
	struct listeners *of;
	struct listener *next;
	uint64_t connections; /* open now: the callee's count */
	struct address address; /* of TCP a number, not the name that was given */
	bool made; /* tcp is a handle */
	bool polled; /* poll is one */
	bool paused;
};

/* All zero: nobody listens. */
struct listeners {
	uv_loop_t *loop;
	const struct config *config;
	listeners_on_accept *on_accept;
	void *arg;
	struct listener *first;
	const char *to_be_made; /* a directory that is not there yet; NULL: none */
	bool is_trial; /* nobody listens in the end */
	bool closed;
};

/* Listens on every socket that the service manager passed on, and at every address that the settings name; where a host
 * has several (as localhost has of IPv4 and IPv6) at each of them; one that this machine lacks is skipped as long as
 * another works. Those of TCP speak TLS where a certificate is set; one that is neither encrypted nor loopback is
 * opened only where the settings say that this is intended. 0, or an error that was logged; to be closed in either
 * case. */
MUST_CHECK int listeners_open(struct listeners *l, uv_loop_t *loop, const struct config *config,
			      listeners_on_accept *on_accept, void *arg);

/* Could listeners_open() do so? Binds at the addresses of TCP for a moment, and does not listen: one that is in use,
 * perhaps by this daemon, passes. Unix sockets in a directory that is to be made first pass too. 0, or an error that
 * was logged. */
MUST_CHECK int listeners_check(const struct config *config, const char *to_be_made);

/* Whether connections are accepted from now on: over TCP, and over Unix sockets. Where they are not, new ones wait. A
 * listener also pauses by itself when the system has no descriptor or no memory for another connection; whoever may
 * then have freed some should call this again. */
void listeners_allow(struct listeners *l, bool tcp, bool local);

/* Begins to close the handles; may be called again. */
void listeners_close(struct listeners *l);

/* Once the loop has run dry after that. */
void listeners_free(struct listeners *l);

#endif
