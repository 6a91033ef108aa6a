/* db_internal.h - what db.c (writing) and db_read.c share. */
#ifndef CANDOR_DB_INTERNAL_H
#define CANDOR_DB_INTERNAL_H

#include <sqlite3.h>

#include "buf.h"
#include "db.h"

/* An item without its reports and weights; with its settlement, s, which it may not have. */
#define DB_ITEM_COLUMNS                                                                                           \
	"i.id, i.pool, i.name, i.state, i.close_number, i.closed, i.opened_at, i.closed_at, i.ended_at, i.mean, " \
	"i.median, i.plain_mean, i.plain_median, i.spread, i.ess, i.n, i.outcome, i.round, s.eta, s.lbar"

/* A whole settlement with its item. */
#define DB_SETTLED_COLUMNS                                                                   \
	DB_ITEM_COLUMNS ", i.reports, i.weights, s.epoch, s.at, s.by, s.change, s.weights, " \
			"s.last_rounds, s.outcome, s.hash"

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
	SQL_COUNT,
};

struct db {
	sqlite3 *handle;
	sqlite3_stmt *statements[SQL_COUNT];
	struct buf text; /* an item's reports, on their way into SQL */
	int reads; /* db_begin() without db_end() */
	bool stuck; /* the last of them could not be ended */
};

/* No old read stands in the way of a new one; else db_error() explains. */
bool db_is_fresh(struct db *db);

/* The statement, ready to bind; NULL on failure, which db_error() explains. */
sqlite3_stmt *db_statement(struct db *db, enum statement s);

/* The last failure of a connection as an error of ours. */
int db_error_of(sqlite3 *handle);

/* The same, logged with what was being done. */
int db_error(struct db *db, const char *doing);

#endif
