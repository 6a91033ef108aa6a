/* read.h - rows out of the database. Errors are those of connection.h. */
#ifndef CANDOR_DB_READ_H
#define CANDOR_DB_READ_H

#include <stdatomic.h>

#include "daemon/db/connection.h"
#include "daemon/db/rows.h"

/* ---- reads away from the loop ---- */

enum read_state { READ_IDLE, READ_WAITING, READ_TAKEN };

/* `work` runs on another thread, with a connection that sees all that was committed before; then `done` runs on the
 * loop. What takes long is done in slices: `work` returns with `unfinished` set, and is called again, perhaps on
 * another thread with another connection, when others have had their turn. The job belongs to its maker, who leaves
 * what is not named here all zero. */
struct read_job {
	/* On the loop, when its turn has come for the first time: what it needs is taken only now, since thousands may
	 * wait. 0, or the error with which it ends. NULL: it needs nothing. */
	int (*begin)(struct read_job *job);
	void (*work)(struct read_job *job, struct db *db);
	void (*done)(struct read_job *job);
	/* Whose turn it takes (see read_queue.h): the principal, and a key of the connection, which may be gone. */
	const char *principal; /* until it is started */
	const void *connection;
	size_t bytes; /* of memory that it may take from then on until it is done; 0: next to none */
	bool is_owner; /* the daemon's owner, under whatever name */
	bool is_short; /* it looks up a few names and no more, and does not wait for those that are not */

	int err; /* set by `work`; also set where there was no connection, and where it was given up */
	bool unfinished;
	atomic_bool cancelled; /* the answer is not wanted any more: `work` may end at once */

	/* The queue's. */
	enum read_state state;
	bool begun; /* it was taken before */
	struct read_lane *lane;
	struct read_job *next, *before;
	uint64_t round;
};

MUST_CHECK int db_progress(struct db *db, struct progress_row *out);

/* ---- tables from end to end ----
 *
 * In an order of their own; rows.def lists them with the row that each gives. Several may be read side by side on one
 * connection. */

#define TABLE_NAME(NAME, ...) DB_##NAME,

#define ONE_TABLE(...) +1

enum { DB_TABLES = 0 TABLES(ONE_TABLE, ONE_TABLE) };
enum db_table { TABLES(TABLE_NAME, TABLE_NAME) };

struct settled_row {
	struct settlement_row settlement;
	struct item_row item;
};

struct db_cursor;

/* pool: 0 where the table is of all pools. from: the first id, change, number or round wanted. */
MUST_CHECK int db_cursor_open(struct db *db, enum db_table table, uint64_t pool, uint64_t from, struct db_cursor **out);

/* 1: *row is the next, until the next call. 0: there is none. Or an error. */
MUST_CHECK int db_cursor_next(struct db_cursor *c, const void **row);

/* NULL is allowed. */
void db_cursor_close(struct db_cursor *c);

/* Single rows, copied into the arena: 1 found, 0 not, or an error. */
MUST_CHECK int db_item(struct db *db, struct arena *a, uint64_t pool, const char *name, struct item_row *out);
MUST_CHECK int db_settlement(struct db *db, struct arena *a, uint64_t pool, uint64_t round, struct settled_row *out);

/* Is there such an item, closed or ended? 1, 0, or an error. */
MUST_CHECK int db_has_item(struct db *db, uint64_t pool, const char *name);

/* The hash of a settlement. 1 found, 0 not, or an error. */
MUST_CHECK int db_head(struct db *db, uint64_t pool, uint64_t round, uint8_t out[CHAIN_BYTES]);

/* Up to `limit` items with a close number above `after`, in order, without their reports and weights, into out[limit]:
 * how many, or an error. */
MUST_CHECK int db_feed(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit,
		       struct item_row *out);

/* What happened to an item, and the item as it was right after that: `archived` is not set. */
struct changed_item_row {
	struct item_change_row change;
	struct item_row item; /* without its reports and weights */
};

/* What happened to items of a pool after change `after`, in order, up to `limit` rows, into out[limit]: how many, or an
 * error. */
MUST_CHECK int db_item_changes(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit,
			       struct changed_item_row *out);

/* What happened with this change: 1 found, 0 nothing to an item, or an error. */
MUST_CHECK int db_item_change(struct db *db, uint64_t pool, uint64_t change, struct item_change_row *out);

/* The newest of them, 0: there is none; and how many there are. */
MUST_CHECK int db_newest_item_change(struct db *db, uint64_t pool, uint64_t *out);
MUST_CHECK int db_count_item_changes(struct db *db, uint64_t pool, uint64_t *out);

/* A pool's newest archive. */
MUST_CHECK int db_archive(struct db *db, struct arena *a, uint64_t pool, struct archive_row *out);

/* How many rows a start reads, settlements aside. */
MUST_CHECK int db_count_state_rows(struct db *db, uint64_t *out);

/* How many items of a pool were voided, and how many are open. */
MUST_CHECK int db_count_items(struct db *db, uint64_t pool, uint64_t *voided, uint64_t *open);

/* How many items of a pool were settled up to a round, archived ones included. */
MUST_CHECK int db_count_settled(struct db *db, uint64_t pool, uint64_t round, uint64_t *out);

/* How many rechecks of a pool tell something, and how many of these differ from the outcome. */
MUST_CHECK int db_count_rechecks(struct db *db, uint64_t pool, uint64_t *out, uint64_t *disagreed);

/* The first round of which the settlement is there; 0: of none. */
MUST_CHECK int db_first_round(struct db *db, uint64_t pool, uint64_t *out);

/* The last round such that all settlements above `above` and up to it were made before a time; `above` where there is
 * none. */
MUST_CHECK int db_round_before(struct db *db, uint64_t pool, uint64_t above, uint64_t before, uint64_t *out);

/* What bears on results and rights, the newest first and below change `before`: into out[limit], which points into the
 * arena; how many, or an error. pool: of this one alone, or NULL. *round: of a pool's settlements only those up to this
 * one are looked at, and then the oldest one that was given. */
MUST_CHECK int db_events(struct db *db, struct arena *a, const char *pool, uint64_t before, uint64_t *round,
			 size_t limit, struct event_row *out);

#endif
