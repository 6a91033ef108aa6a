/* pack.h - many values in one. An item's reports as text: "[[labeler,value],...]", or [labeler,value,sequence] where a
 * report has one: JSON that the sqlite3 shell can take apart, labelers by their id in the pool, in order of arrival.
 * Labelers' states as bytes. Values survive to the last bit. Pure. */
#ifndef CANDOR_PACK_H
#define CANDOR_PACK_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "daemon/db/rows.h"

/* Appends the text. 0 or -ENOMEM. */
MUST_CHECK int pack_reports(const struct packed_reports *r, struct buf *out);

/* Takes it apart again, into the arena. 0, -ENOMEM, or ERR_HISTORY where it is not such a text, a value is not in
 * [0, 1], or a sequence not from 1 to 2^63 - 1. */
MUST_CHECK int unpack_reports(const char *text, size_t len, struct arena *a, struct packed_reports *out);

enum { PACKED_STATE_BYTES = 104 };

/* Appends labelers' states, without their entry weights: 104 bytes each (migrate.c says which). 0 or -ENOMEM. */
MUST_CHECK int pack_states(const struct labeler *states, size_t n, struct buf *out);

/* Takes them apart again, into the arena: (*out)[*n]. 0, -ENOMEM, or ERR_HISTORY if the bytes are no such states. */
MUST_CHECK int unpack_states(const void *bytes, size_t len, struct arena *a, const struct labeler **out, size_t *n);

#endif
