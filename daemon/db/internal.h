/* internal.h - what db.c (writing), db/read.c and the other files of db share. */
#ifndef CANDOR_DB_INTERNAL_H
#define CANDOR_DB_INTERNAL_H

#include <sqlite3.h>

#include "lib/base/buf.h"
#include "daemon/db/db.h"

/* An item without its reports and weights; with its settlement, s, which it may not have. */
#define DB_ITEM_COLUMNS                                                                                           \
	"i.id, i.pool, i.name, i.state, i.close_number, i.closed, i.opened_at, i.closed_at, i.ended_at, i.mean, " \
	"i.median, i.plain_mean, i.plain_median, i.spread, i.ess, i.n, i.outcome, i.round, "                      \
	"coalesce(s.eta, i.eta), coalesce(s.lbar, i.lbar)"

/* A whole settlement with its item. */
#define DB_SETTLED_COLUMNS                                                                   \
	DB_ITEM_COLUMNS ", i.reports, i.weights, s.epoch, s.at, s.by, s.change, s.weights, " \
			"s.last_rounds, s.outcome, s.hash"

/* What bears on results and rights, the newest first, from below change ?1, at most ?2 rows: events, and what settings,
 * settlements and archives say of themselves. `of`: which pools, p; `settled`: which settlements, s, and their order.
 * Each part is as long as the whole may be and read by an index, so that a page costs what a page has. */
#define DB_EVENTS(of, settled)                                                                                       \
	"SELECT * FROM (SELECT p.change, p.at, p.by, p.name, p.action, p.subject, p.detail, 0"                       \
	" FROM (SELECT *, pool AS name FROM events) p WHERE p.change < ?1 " of " ORDER BY p.change DESC LIMIT ?2)"   \
	" UNION ALL SELECT * FROM (SELECT e.change, e.at, e.by, p.name, 'settings', p.name,"                         \
	" printf('rate %s, c %.15g, beta %.15g, eta %.15g, horizon %.15g, share %.15g, entry %.15g',"                \
	" e.rate, e.c, e.beta, e.eta, e.horizon, e.share, e.entry), 0 FROM settings e JOIN pools p ON p.id = e.pool" \
	" WHERE e.change < ?1 " of " ORDER BY e.change DESC LIMIT ?2)"                                               \
	" UNION ALL SELECT * FROM (SELECT s.change, s.at, s.by, p.name, 'outcome', i.name,"                          \
	" printf('%.15g, round %d', s.outcome, s.round), s.round"                                                    \
	" FROM settlements s JOIN items i ON i.id = s.item JOIN pools p ON p.id = s.pool WHERE " settled             \
	" DESC LIMIT ?2) ORDER BY 1 DESC LIMIT ?2"

/* Statements that are used again and again; prepared when first used. */
enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_POOL,
	SQL_SETTINGS,
	SQL_STRETCH,
	SQL_LABELER_ADD,
	SQL_LABELER_SET,
	SQL_OPEN_ITEM_ADD,
	SQL_OPEN_ITEM_SET,
	SQL_OPEN_ITEM_REMOVE,
	SQL_LOG,
	SQL_REVISION,
	SQL_ITEM,
	SQL_ITEM_ENDED,
	SQL_SETTLEMENT,
	SQL_TRIM,
	SQL_PROGRESS_SET,
	SQL_BEGIN_READ,
	SQL_END_READ,
	SQL_PROGRESS,
	SQL_ONE_ITEM,
	SQL_ONE_SETTLEMENT,
	SQL_HEAD,
	SQL_FEED,
	SQL_COUNT_VOID,
	SQL_COUNT_OPEN,
	SQL_COUNT_ARCHIVED,
	SQL_ARCHIVE,
	SQL_CHECKPOINT,
	SQL_REMOVE_REPORTS,
	SQL_REMOVE_SETTLEMENTS,
	SQL_REMOVE_REVISIONS,
	SQL_REMOVED,
	SQL_ONE_ARCHIVE,
	SQL_FIRST_ROUND,
	SQL_ROUND_BEFORE,
	SQL_GRANT_SET,
	SQL_GRANT_REMOVE,
	SQL_TOKEN,
	SQL_EVENT,
	SQL_EVENTS,
	SQL_EVENTS_OF_POOL,
	SQL_COUNT,
};

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[SQL_COUNT];
	struct buf text; /* an item's reports, or labelers' states, on their way into SQL */
	int reads; /* db_begin() without db_end() */
	bool stuck; /* the last of them could not be ended */
};

/* No old read stands in the way of a new one; else db_error() explains. */
bool db_is_fresh(struct db *db);

/* The statement, ready to bind; NULL on failure, which db_error() explains. */
sqlite3_stmt *db_statement(struct db *db, enum statement s);

/* Runs a bound statement that gives no rows, and resets it. */
int db_step(struct db *db, sqlite3_stmt *s);

/* db/rights.c: what a change of type CHANGE_GRANT, CHANGE_TOKEN or CHANGE_EVENT says. */
int db_write_right(struct db *db, const struct change *c);

/* db/archive_rows.c */
int db_write_removal(struct db *db, const struct removal_row *r);

/* The last failure of a connection as an error of ours. */
int db_error_of(sqlite3 *handle);

/* The same, logged with what was being done. */
int db_error(struct db *db, const char *doing);

#endif
