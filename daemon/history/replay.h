/* replay.h - a pool's history through the library, event by event, compared with what was written of each.
 *
 * Events (settings, joins, closings, settlements, those of a block as one) are taken in the order of their change
 * numbers, from the database and from archives of earlier rounds. A replay begins with the pool's first event, or at
 * the checkpoint that stands before the first archive that it has: then what was closed before and not settled is
 * taken as written. It can stop after any round that ends a block, and go on.
 *
 * Memory: the pool, the items that are closed and not settled, and a block. One thread; nothing may be written through
 * the connections meanwhile, and what is read should be of one moment (db_begin()). */
#ifndef CANDOR_REPLAY_H
#define CANDOR_REPLAY_H

#include "daemon/db/read.h"

struct replay;

struct replay_source {
	const char *name; /* of the pool */
	uint64_t id; /* of the pool, in all of the databases */
	struct db *db;
	struct db *const *archives; /* [n_archives] consecutive ones, the last of which is the newest */
	size_t n_archives;
	const uint8_t *key; /* as for names_new() */
	uint64_t head_round; /* 0: nobody has a head */
	const uint8_t *head; /* [CHAIN_BYTES] that the settlement of this round must have */
	/* Asked before each event: false ends the replay with -ECANCELED. NULL: it goes on. */
	bool (*goes_on)(void *arg);
	/* Given the id of an item that was closed, and what the history freezes in it, once for each. What came with
	 * schema 6 is then not there yet and not compared. 0, or an error that ends the replay. NULL: it is there. */
	int (*closed)(void *arg, uint64_t item, const struct frozen *frozen);
	bool labelers_too; /* compare what labelers' rows say of a moment before the end */
	/* A sentence for everything that is not as it was written; NULL: nobody wants to know. */
	void (*differs)(void *arg, const char *sentence);
	void *arg;
};

/* Stands at the beginning. What *source points to must live as long. 0, ERR_HISTORY where there is no way to begin
 * (told to `differs`), -ENOMEM, -ECANCELED or a database error. */
MUST_CHECK int replay_new(struct replay **out, const struct replay_source *source);

/* NULL is allowed. */
void replay_free(struct replay *r);

/* Goes on until right after the settlement of `round`, or to the end (0). 0; ERR_HISTORY where an event cannot be
 * replayed or the round never comes (told to `differs`); -ENOMEM, -ECANCELED or a database error. What differs from
 * what was written is told and counted, and the replay goes on. */
MUST_CHECK int replay_run(struct replay *r, uint64_t round);

/* The same until at least that round: where it is inside a block, until right after the block. */
MUST_CHECK int replay_run_past(struct replay *r, uint64_t round);

/* Whether an error is the history's fault: lack of memory says nothing about it, and what reading meets has been
 * logged. */
bool replay_says_history(int err);

/* NULL until the first settings. */
const struct pool *replay_pool(const struct replay *r);

/* The same, which is the caller's from now on. The replay is over. */
struct pool *replay_take(struct replay *r);

uint64_t replay_closes(const struct replay *r); /* close numbers given */
uint64_t replay_settled(const struct replay *r); /* settlements replayed */
uint64_t replay_reports(const struct replay *r); /* ... and the reports that they scored */
const uint8_t *replay_head(const struct replay *r); /* [CHAIN_BYTES], the newest settlement's hash */
uint64_t replay_change(const struct replay *r); /* the newest event's change */
uint64_t replay_differences(const struct replay *r);

/* What a checkpoint says of the present state, against the state. */
void replay_compare_checkpoint(struct replay *r, const struct archive_row *written);

/* For whoever compares more: counts, and tells `differs`. */
void replay_differ(struct replay *r, const char *format, ...) PRINTF_LIKE(2, 3);
void replay_compare(struct replay *r, const char *of, const char *what, double written, double replayed);
void replay_compare_count(struct replay *r, const char *of, const char *what, uint64_t written, uint64_t replayed);

#endif
