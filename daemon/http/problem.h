/* problem.h - what is said of a request that is not carried out: a status, and application/problem+json (RFC 9457).
 *
 * One table of codes and statuses. Pure. */
#ifndef CANDOR_HTTP_PROBLEM_H
#define CANDOR_HTTP_PROBLEM_H

#include "lib/base/buf.h"
#include "lib/message.h"

#define PROBLEM_TYPE "application/problem+json"

struct problem {
	unsigned status; /* 0: the one of the code */
	enum candor_code code;
	const char *detail; /* a sentence; NULL: none */
	uint64_t retry_after_ms; /* 0: not known */
	const char *members; /* of the document, as JSON: further ones; NULL: none */
	const char *allow; /* of 405: the methods that there are, "GET, POST"; NULL: none is said */
};

/* 400 for INVALID_ARGUMENT and so on; 500 for one that is not known. */
unsigned problem_status(enum candor_code code);

/* "Bad Request" and the like. Static; never NULL. */
const char *problem_reason(unsigned status);

/* Appends the document: on one line, which ends with a newline. 0 or -ENOMEM. */
MUST_CHECK int problem_body(const struct problem *p, struct buf *out);

/* Appends the header lines that the problem needs beside those of every answer: WWW-Authenticate, Retry-After,
 * Allow. 0 or -ENOMEM. */
MUST_CHECK int problem_headers(const struct problem *p, struct buf *out);

#endif
