/* replay_internal.h - what the files of daemon/history share: replay.c (where events come from, in order),
 * replay_events.c (each of them through the library, and compared) and replay_compare.c. For them alone. */
#ifndef CANDOR_REPLAY_INTERNAL_H
#define CANDOR_REPLAY_INTERNAL_H

#include "daemon/history/replay.h"

/* What a labeler's row says, which is so until the labeler is scored again after the round `through`; but the row may
 * lack what changes of settings did. */
struct written {
	double weight;
	uint64_t through;
	uint32_t last_round;
	uint8_t epoch;
	bool due; /* not compared yet */
};

struct replay {
	struct replay_source source;
	struct written *written; /* by labeler, with source.labelers_too */
	size_t n_written, written_cap;
	struct pool *pool;
	struct stream *streams; /* replay.c */
	size_t n_streams;
	uint64_t began; /* after this round; 0: before the first */
	uint64_t closes, settled, reports, change, differences;
	uint8_t head[CHAIN_BYTES];
	struct arena scratch;
	struct arena block; /* of the settlements at hand */
};

/* Each takes an event to the pool and compares what comes of it with what was written. 0, an error that is the
 * history's fault (replay_says_history()), or another. */
MUST_CHECK int replay_settings(struct replay *r, const struct settings_row *row);
MUST_CHECK int replay_join(struct replay *r, const struct labeler_row *row);
MUST_CHECK int replay_close(struct replay *r, const struct item_row *row, bool archived);

/* What was settled together, rows[n] in the order of their rounds. */
MUST_CHECK int replay_settle(struct replay *r, const struct settled_row *rows, size_t n, bool archived);

/* One that was closed before the round at which the replay begins. */
MUST_CHECK int replay_closed_before(struct replay *r, const struct item_row *row, uint64_t *closed);

/* A labeler's row, of which the replay cannot tell what it says of a moment before the round at which it begins. */
MUST_CHECK int replay_keep_written(struct replay *r, const struct labeler_row *row);

/* The head that was given, if it is of this round. */
void replay_check_head(struct replay *r, uint64_t round);

/* What was frozen, and what of it came with schema 6. */
void replay_compare_aggregate(struct replay *r, const char *of, const struct aggregate *written,
			      const struct aggregate *replayed);
void replay_compare_forecast(struct replay *r, const struct item_row *written, const struct frozen *replayed);

/* What the database keeps of an archived item is what the archive has of it. 0 or an error. */
MUST_CHECK int replay_compare_kept(struct replay *r, const struct item_row *moved, const struct frozen *replayed);

/* It is what list_changes tells of an item. 0 or an error. */
MUST_CHECK int replay_compare_change(struct replay *r, const struct item_change_row *want, const char *name);

#endif
