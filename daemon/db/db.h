/* db.h - one connection to the database: rows in, rows out. SQL lives in db.c, db/read.c and migrate.c alone.
 *
 * A connection belongs to one thread at a time. Errors: ERR_DISK_FULL where there was no room (the transaction is
 * rolled back and the connection usable), ERR_SCHEMA, ERR_LOCKED, ERR_HISTORY (a row that makes no sense; logged),
 * ERR_DAMAGED (the file is not what was written to it; logged), -ENOMEM, ERR_DATABASE for all else (logged). */
#ifndef CANDOR_DB_H
#define CANDOR_DB_H

#include "daemon/db/rows.h"

struct db;

enum db_mode {
	DB_READ, /* an existing database; sees what was committed when a read began */
	DB_READ_OLDER, /* the same, also where its schema is older than this program's: not for reading rows */
	DB_WRITE, /* the one that writes: creates and migrates */
	DB_SCRATCH, /* the same on a file that nobody else knows, without a log and without waiting for the disk */
};

enum db_sync { DB_FULL, DB_NORMAL }; /* SQLite's synchronous */

/* On success *out is the caller's to db_close(). */
MUST_CHECK int db_open(struct db **out, const char *path, enum db_mode mode, enum db_sync sync);

/* 0, or ERR_DATABASE where SQLite would not let go: a bug, and logged. NULL is allowed. */
int db_close(struct db *db);

/* What this connection keeps of the file in memory. */
void db_set_cache(struct db *db, size_t bytes);

/* What all connections of the process together should take, and what they take. */
void db_limit_memory(uint64_t bytes);
uint64_t db_memory(void);

/* ---- writing ---- */

/* One transaction with the whole batch, on disk when it returns 0. */
MUST_CHECK int db_write(struct db *db, const struct batch *b);

/* Brings what is in the write-ahead log into the database and empties it, as far as there is room and nobody reads from
 * it. */
MUST_CHECK int db_empty_log(struct db *db);

/* ---- reading ---- */

/* A read away from the loop: `work` runs on another thread, with a connection that sees all that was committed before;
 * then `done` runs on the loop. The job belongs to its maker. */
struct read_job {
	void (*work)(struct read_job *job, struct db *db);
	void (*done)(struct read_job *job);
	int err; /* set by `work`; also set where there was no connection, and then `work` was not called */
};

/* Several reads as of one moment. May be nested; db_end() only after a db_begin() that gave 0. */
MUST_CHECK int db_begin(struct db *db);
void db_end(struct db *db);

MUST_CHECK int db_progress(struct db *db, struct progress_row *out);

/* Tables from end to end, in an order of their own. Several may be read side by side on one connection. */
enum db_table {
	DB_POOLS, /* struct pool_row, by id */
	DB_SETTINGS, /* struct settings_row of a pool, by change */
	DB_STRETCHES, /* struct stretch_row of a pool, by number */
	DB_LABELERS, /* struct labeler_row of a pool, by id */
	DB_OPEN_ITEMS, /* struct open_item_row of all pools, by id */
	DB_LOG, /* struct log_row of all pools, by change */
	DB_CLOSED_ITEMS, /* struct item_row of a pool, by close number; not those voided while open or archived */
	DB_SETTLEMENTS, /* struct settled_row of a pool, by round; not those archived */
	DB_ARCHIVES, /* struct archive_row of a pool, by `last` */
	DB_CHECKPOINTS, /* struct checkpoint_row of a pool, by `first` */
	DB_GRANTS, /* struct grant_row of all pools, by id */
	DB_TOKENS, /* struct token_row, by id */
};

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

/* The hash of a settlement. 1 found, 0 not, or an error. */
MUST_CHECK int db_head(struct db *db, uint64_t pool, uint64_t round, uint8_t out[CHAIN_BYTES]);

/* Up to `limit` items with a close number above `after`, in order, without their reports and weights, into out[limit]:
 * how many, or an error. */
MUST_CHECK int db_feed(struct db *db, struct arena *a, uint64_t pool, uint64_t after, size_t limit,
		       struct item_row *out);

/* A pool's newest archive. */
MUST_CHECK int db_archive(struct db *db, struct arena *a, uint64_t pool, struct archive_row *out);

/* How many items of a pool were voided, and how many are open. */
MUST_CHECK int db_count_items(struct db *db, uint64_t pool, uint64_t *voided, uint64_t *open);

/* How many items of a pool were settled up to a round, archived ones included. */
MUST_CHECK int db_count_settled(struct db *db, uint64_t pool, uint64_t round, uint64_t *out);

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
