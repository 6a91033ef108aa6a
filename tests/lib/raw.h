/* raw.h - a peer that speaks bytes: for saying what the client library would not.
 * For cmocka tests: blocking, with a deadline on reads; what cannot be done fails the test. */
#ifndef CANDOR_TESTS_RAW_H
#define CANDOR_TESTS_RAW_H

#include "lib/base/arena.h"
#include "lib/message.h"
#include "tests/lib/daemon.h"

struct raw {
	int fd;
	struct arena arena;
	uint8_t *frame; /* the newest one read */
	size_t cap;
};

/* Connects to "unix:PATH" or "tcp:127.0.0.1:PORT". */
void raw_open(struct raw *r, const char *address);
void raw_close(struct raw *r);

void raw_send(struct raw *r, const void *bytes, size_t len);

/* With its length before it. */
void raw_send_frame(struct raw *r, const void *bytes, size_t len);

/* As libcandor would encode it, but for checks: whatever is in the structure goes out. */
void raw_send_request(struct raw *r, const struct candor_request *request);

/* The next response, until the next call: 1; 0 at the end of the connection. More than 30 s of silence fail. */
int raw_receive(struct raw *r, struct candor_response *out);

/* Says hello with a token (NULL: none), and is welcome. */
void raw_hello(struct raw *r, const char *token);

#endif
