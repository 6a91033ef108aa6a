/* pack.h - an item's reports as one text: "[[labeler,value],...]", JSON that the sqlite3 shell can take apart, labelers
 * by their id in the pool, in order of arrival. Values survive to the last bit. Pure. */
#ifndef CANDOR_PACK_H
#define CANDOR_PACK_H

#include "arena.h"
#include "buf.h"
#include "rows.h"

/* Appends the text. 0 or -ENOMEM. */
MUST_CHECK int pack_reports(const struct packed_reports *r, struct buf *out);

/* Takes it apart again, into the arena. 0, -ENOMEM, or ERR_HISTORY where it is not such a text or a value is not in
 * [0, 1]. */
MUST_CHECK int unpack_reports(const char *text, size_t len, struct arena *a, struct packed_reports *out);

#endif
