/* body.h - something long that is made in pieces as it is sent: the body of an HTTP answer.
 *
 * Whoever makes one embeds it as its first member. It is the holder's until body_free(), and lives on the heap. Pure;
 * one thread at a time. */
#ifndef CANDOR_BODY_H
#define CANDOR_BODY_H

#include "lib/base/buf.h"

struct body {
	/* Appends about `want` bytes, at least one where there is one: 1 if there is more, 0 if that was all, or
	 * an error, after which it is only freed. */
	int (*next)(struct body *b, size_t want, struct buf *out);
	void (*free)(struct body *b);
	/* Memory that it holds, itself included. */
	size_t (*bytes)(const struct body *b);
};

/* One that has all its bytes already: takes them away from *text, which is empty afterwards. 0 or -ENOMEM, and
 * then *text is as it was. */
MUST_CHECK int body_of_bytes(struct body **out, struct buf *text);

MUST_CHECK int body_next(struct body *b, size_t want, struct buf *out);
void body_free(struct body *b); /* NULL is allowed */
size_t body_bytes(const struct body *b); /* likewise */

#endif
