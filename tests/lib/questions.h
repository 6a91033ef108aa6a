/* questions.h - small questions with large answers, and what there is to be asked for: for tests and benches of peers that
 * want the daemon's memory. For cmocka tests and programs beside them: what cannot be done fails the test, or ends the
 * program. */
#ifndef CANDOR_TESTS_QUESTIONS_H
#define CANDOR_TESTS_QUESTIONS_H

#include "client/candor.h"
#include "lib/base/buf.h"

struct question {
	const char *name;
	enum candor_request_type type;
	unsigned times; /* asked by each peer, in one go */
	bool old; /* about items that are on disk alone */
};

enum { QUESTIONS = 7 };

extern const struct question questions[QUESTIONS];

/* Pool "p": large open items, large ones that ended, which are on disk alone where the daemon keeps none in memory, and a
 * thousand with long names that ended, with reports of "ann". */
void questions_fill(struct candor *c);

/* Reports of n labelers, a multiple of 1000, on an item of "p"; their names are long. */
void questions_post(struct candor *c, const char *item, size_t n);

/* Appends what each peer sends. */
void question_write(const struct question *q, struct buf *out);

/* Appends the beginning of a TLS handshake that is as long as one record may be. */
void question_write_handshake(struct buf *out);

#endif
