/* rows.h - the rows of the database as plain structures.
 *
 * The engine writes history in these and reads its state back in them; rows.def says which column each field is,
 * migrate.c makes the tables, and docs/architecture.md describes them.
 *
 * A change is one row to be written; rows.def lists the kinds. Changes are collected in a batch, in order, and one
 * batch is one transaction. All that a change points to is copied into the batch and dies with it. */
#ifndef CANDOR_ROWS_H
#define CANDOR_ROWS_H

#include "lib/base/arena.h"
#include "lib/crypto/chain.h"
#include "lib/crypto/digest.h"
#include "lib/crypto/token.h"
#include "lib/pool/pool.h"
#include "daemon/db/rows.def"

struct pool_row {
	uint64_t id;
	const char *name;
	uint64_t created_at;
	struct candor_settings settings;
	struct pool_totals totals;
	uint64_t closes; /* close numbers given */
};

/* One for each time that settings were set: the first at creation. */
struct settings_row {
	uint64_t pool, change, at;
	const char *by;
	struct candor_settings settings;
	unsigned epoch; /* up to which every weight was brought then; 0: none was, or every labeler's row says it */
};

struct labeler_row {
	uint64_t pool;
	uint32_t id;
	const char *name; /* NULL: a later state of a row that is there */
	uint64_t joined, joined_at; /* the change with which it joined, and when */
	double entry;
	struct labeler state;
	uint64_t through; /* settlements up to this round are in `state`; later ones are applied at start */
};

struct packed_reports {
	size_t n;
	const uint32_t *labelers;
	const double *values;
	const uint64_t *sequences; /* 0: that report has none; NULL: none has, as in an item that is no longer open */
};

struct open_item_row {
	uint64_t id, pool;
	const char *name; /* NULL: newly packed reports of a row that is there */
	uint64_t opened_at;
	const char *by; /* whose open item it is: the principal of its first report; "" where that is not known */
	struct packed_reports reports; /* those of changes up to `packed`; later ones stand in the log */
	uint64_t packed;
};

struct log_row {
	uint64_t change, item;
	uint32_t labeler;
	double value;
	uint64_t at;
	uint64_t sequence; /* 0: none */
};

struct revision_row {
	uint64_t change, item;
	uint32_t labeler;
	double old, value;
	uint64_t at;
};

/* An item that is no longer open. */
struct item_row {
	uint64_t id, pool;
	const char *name;
	enum candor_item_state state;
	uint64_t close_number; /* place in the feed; 0: voided while open */
	uint64_t closed; /* the change that closed or voided it */
	uint64_t opened_at, closed_at, ended_at;
	struct aggregate aggregate;
	bool has_forecast; /* in `aggregate`; false: voided while open, or of a schema before 6 */
	uint64_t closed_round; /* the pool's round when it was closed; with has_forecast */
	struct packed_reports reports;
	const double *weights; /* [reports.n] at closing; NULL: voided while open, or archived */
	bool archived; /* its reports (n 0 here, but not in `aggregate`), weights and settlement are in an archive */
	double outcome; /* RESOLVED only, as round */
	uint64_t round;
	uint64_t block; /* the first round of those that were settled together; 0: it was alone */
	/* RESOLVED only; read from other tables, never written here: */
	double eta, weighted_loss; /* of the settlement */
	bool has_recheck;
	double recheck;
};

struct settlement_row {
	uint64_t pool, round, item;
	double outcome, eta, weighted_loss;
	uint32_t epoch;
	uint64_t at;
	const char *by;
	uint64_t change;
	size_t n; /* of the item's reports the first so many, those that were scored */
	const double *weights; /* [n] after it, in the order of the item's reports */
	const uint32_t *last_round; /* [n] the labelers' settlements before */
	uint8_t hash[CHAIN_BYTES]; /* of the pool's history up to it: chain.h */
	bool has_salt; /* not if it was made before schema 5 */
	uint8_t salt[CHAIN_SALT_BYTES];
	uint32_t stretch; /* 0: made before schema 6, as if alone, with all reports scored; and there is no lesson */
	struct forecast_lesson lesson;
};

/* A second verdict on a resolved item. It stays when the item is archived. */
struct recheck_row {
	uint64_t pool, item;
	double value;
	uint64_t at;
	const char *by;
	uint64_t change;
};

/* What happened to an item: it was closed, resolved or voided. It stays when the item is archived. */
struct item_change_row {
	uint64_t pool, change, item;
	enum candor_item_state state; /* that it came into */
	uint64_t round; /* RESOLVED only */
};

/* Rounds of a pool that were moved out to a file, and how the pool stood right after the last of them, its labelers
 * (checkpoint_row) aside: there a replay begins that has not the file. */
struct archive_row {
	uint64_t pool, first, last; /* rounds */
	uint64_t change; /* that settled round `last` */
	uint64_t at;
	const char *by, *file; /* who asked for it, and what he called the file */
	uint8_t digest[DIGEST_BYTES]; /* of the file */
	uint8_t state[DIGEST_BYTES]; /* of the pool's state: checkpoint_describe() */
	uint8_t hash[CHAIN_BYTES]; /* of the settlement of round `last` */
	uint64_t reports; /* on the items settled in these rounds */
	bool removed; /* nothing is left of what was moved out */
	uint64_t closes, labelers;
	/* Without its round, which is `last`, its open, closed and voided items, and rechecks. */
	struct pool_totals totals;
};

/* The states of consecutive labelers of a pool right after the last round of its newest archive. */
struct checkpoint_row {
	uint64_t pool;
	uint32_t first; /* labeler */
	size_t n;
	const struct labeler *states; /* [n], their entry weights not set */
};

/* Takes what was moved out away. */
struct removal_row {
	uint64_t pool;
	uint64_t first, last; /* the items settled in these rounds lose their reports and settlements */
	uint64_t above, change; /* revisions above the one and up to the other, of items settled up to `last` */
	bool done; /* nothing is left for another time */
};

/* At most one for each principal, pool and prefix. */
struct grant_row {
	uint64_t id;
	const char *principal, *pool, *prefix; /* pool "": all */
	unsigned rights; /* bits of enum candor_right */
};

struct token_row {
	uint64_t id;
	const char *name;
	uint8_t hash[TOKEN_HASH_BYTES];
	uint64_t created_at, expires_at, revoked_at; /* 0: never; not */
};

/* What was done that no other table says with who did it and among what: to grants and tokens, items that were closed
 * without an outcome or voided, rounds that were archived. */
struct event_row {
	uint64_t change, at;
	const char *by, *pool, *action, *subject, *detail;
};

struct trim_row {
	uint64_t change;
};

struct progress_row {
	uint64_t changes; /* given so far */
	uint64_t items; /* item ids given so far */
	uint64_t reports; /* accepted so far, revisions included */
	uint64_t log_rows; /* that stand in the log */
};

#define CHANGE_OF_ROW(NAME, ...) CHANGE_##NAME,
#define MEMBER_OF_ROW(NAME, name, ...) struct name##_row name;
#define NO_MEMBER(...)

enum change_type { CHANGES(CHANGE_OF_ROW, CHANGE_OF_ROW, CHANGE_OF_ROW) };

struct change {
	struct change *next;
	enum change_type type;
	union {
		CHANGES(MEMBER_OF_ROW, MEMBER_OF_ROW, NO_MEMBER)
	};
};

struct waiter;

/* What becomes durable together. */
struct batch {
	struct arena arena;
	struct change *first, **last;
	uint64_t n; /* changes */
	uint64_t last_change; /* all changes up to it are in this batch or an earlier one */
	struct waiter *waiters, **last_waiter; /* answers that leave when this is on disk */
};

void batch_init(struct batch *b);

/* Empties it for the next transaction. */
void batch_reset(struct batch *b);
void batch_free(struct batch *b);

/* Appends copies of rows. false: no memory, and nothing was appended. */
MUST_CHECK bool batch_add(struct batch *b, enum change_type type, const void *row);

#endif
