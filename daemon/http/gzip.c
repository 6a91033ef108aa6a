#include "daemon/http/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "lib/base/heap.h"

enum {
	/* A small window, since each answer under way has its own: 32 KiB of it, and 32 KiB of tables. */
	WINDOW_BITS = 13,
	AS_GZIP = 16,
	MEMORY_LEVEL = 6,
	STATE_BYTES = 72 * 1024,
	STEP_BYTES = 4 * 1024,
};

struct gzip {
	z_stream stream;
};

int gzip_new(struct gzip **out)
{
	struct gzip *g = calloc(1, sizeof *g);
	if (!g)
		return -ENOMEM;
	if (deflateInit2(&g->stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS + AS_GZIP, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(g);
		return -ENOMEM;
	}
	*out = g;
	return 0;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	deflateEnd(&g->stream);
	free(g);
}

int gzip_add(struct gzip *g, const void *bytes, size_t len, bool is_last, struct buf *out)
{
	z_stream *z = &g->stream;
	int done = Z_OK;
	z->next_in = (Bytef *)(uintptr_t)bytes; /* zlib's are not const, and it does not write to them */
	z->avail_in = (uInt)len;
	do {
		uint8_t *to = buf_reserve(out, STEP_BYTES);
		if (!to)
			return -ENOMEM;
		z->next_out = to;
		z->avail_out = STEP_BYTES;
		done = deflate(z, is_last ? Z_FINISH : Z_NO_FLUSH);
		require(done != Z_STREAM_ERROR);
		out->len += STEP_BYTES - z->avail_out;
	} while (z->avail_out == 0 || (is_last && done != Z_STREAM_END));
	return 0;
}

size_t gzip_bytes(const struct gzip *g)
{
	return g ? heap_bytes(sizeof *g) + STATE_BYTES : 0;
}

/* A coding, and perhaps its weight: "gzip;q=0.5". A weight of 0 means that it is not taken. */
static bool takes(const char *coding, size_t len)
{
	size_t name = strcspn(coding, ";, \t");
	if (name != 4 || strncasecmp(coding, "gzip", 4) != 0)
		return false;
	const char *q = memmem(coding, len, "q=", 2);
	return !q || strtod(q + 2, NULL) > 0;
}

bool gzip_is_accepted(const char *accept_encoding)
{
	for (const char *at = accept_encoding; at && *at;) {
		at += strspn(at, ", \t");
		size_t len = strcspn(at, ",");
		if (takes(at, len))
			return true;
		at += len;
	}
	return false;
}
