/* checkpoint.h - how a pool stands right after a round, as an archive_row and checkpoint_rows, and back.
 *
 * What is described is the state that settlements build: totals and labelers. Items and rechecks are not in it. Two
 * states with the same digest are the same to the last bit. One thread. */
#ifndef CANDOR_CHECKPOINT_H
#define CANDOR_CHECKPOINT_H

#include "daemon/db/read.h"

/* Labelers in one checkpoint_row. */
enum { CHECKPOINT_LABELERS = 4096 };

/* Fills the fields of *out that say how the pool stands now: last, state, hash, closes, labelers, totals.
 * closes: close numbers given so far. head: the newest settlement's hash. */
void checkpoint_describe(const struct pool *p, uint64_t closes, const uint8_t head[CHAIN_BYTES],
			 struct archive_row *out);

/* The states of up to CHECKPOINT_LABELERS labelers from `first` on, into `states`, which *out then points to. */
void checkpoint_chunk(const struct pool *p, uint64_t pool, uint32_t first, struct labeler *states,
		      struct checkpoint_row *out);

/* Labelers' states from a database's newest checkpoint of a pool, one after the other from the first. */
struct checkpoint_reader {
	struct db_cursor *cursor;
	const struct checkpoint_row *row;
	uint64_t next; /* labeler */
};

MUST_CHECK int checkpoint_open(struct checkpoint_reader *r, struct db *db, uint64_t pool);

/* The next labeler's state until the next call: 0, ERR_HISTORY where there is none, or an error. */
MUST_CHECK int checkpoint_next(struct checkpoint_reader *r, const struct labeler **out);

/* Also of one that is all zero. */
void checkpoint_close(struct checkpoint_reader *r);

#endif
