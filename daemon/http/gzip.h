/* gzip.h - compresses what is sent, piece by piece. It holds some 70 KiB. Pure. */
#ifndef CANDOR_HTTP_GZIP_H
#define CANDOR_HTTP_GZIP_H

#include <stdbool.h>

#include "lib/base/buf.h"

struct gzip;

/* 0 or -ENOMEM. */
MUST_CHECK int gzip_new(struct gzip **out);
void gzip_free(struct gzip *g); /* NULL is allowed */

/* Appends what the bytes come to, and with is_last the end. 0 or -ENOMEM. */
MUST_CHECK int gzip_add(struct gzip *g, const void *bytes, size_t len, bool is_last, struct buf *out);

size_t gzip_bytes(const struct gzip *g);

/* Whether an Accept-Encoding (NULL: there is none) takes it. */
bool gzip_is_accepted(const char *accept_encoding);

#endif
